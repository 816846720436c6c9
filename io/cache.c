#include "io/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "io/fsutil.h"

/* First line: the magic, the digest of all that follows it, the end of the line. */
static const char magic[] = "pno-cache 1 ";
enum { MAGIC = sizeof magic - 1, HEAD = MAGIC + PNO_DIGEST_TEXT, MOST = 1 << 24 };

/* Moves the text to the front if the digest is right. */
static bool take_text(char *bytes, size_t n) {
  char hex[PNO_DIGEST_TEXT];
  pno_digest want;
  if (n < HEAD || memcmp(bytes, magic, MAGIC) != 0 || bytes[HEAD - 1] != '\n') return false;
  memcpy(hex, bytes + MAGIC, PNO_DIGEST_TEXT - 1);
  hex[PNO_DIGEST_TEXT - 1] = '\0';
  if (!pno_digest_parse(hex, &want) || !pno_digest_equal(want, pno_digest_of(bytes + HEAD, n - HEAD))) return false;
  if (memchr(bytes + HEAD, 0, n - HEAD)) return false;
  memmove(bytes, bytes + HEAD, n - HEAD + 1); /* with the zero behind it */
  return true;
}

pno_status pno_cache_read(const char *folder, const char *name, char **text) {
  char path[PNO_PATH_MAX];
  int dirfd = -1;
  void *bytes = NULL;
  size_t n = 0;
  PNO_TRY(pno_path_join(folder, name, path));
  if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    *text = NULL;
    return PNO_OK;
  }
  PNO_TRY(pno_dir_open(folder, &dirfd));
  const pno_status st = pno_file_read(dirfd, folder, name, MOST, &bytes, &n);
  close(dirfd);
  PNO_TRY(st);
  if (!take_text(bytes, n)) {
    free(bytes);
    return pno_fail(PNO_E_INPUT, "%s: damaged, or not a cache of pno", path);
  }
  *text = bytes;
  return PNO_OK;
}

static pno_status make_folders(const char *folder) {
  char path[PNO_PATH_MAX];
  const size_t n = strlen(folder);
  if (n == 0 || n >= sizeof path) return pno_fail(PNO_E_USAGE, "a cache folder with a name of %zu bytes", n);
  memcpy(path, folder, n + 1);
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = '\0';
    if (mkdir(path, pno_fs_dir_mode()) != 0 && errno != EEXIST)
      return pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
    *at = '/';
  }
  return PNO_OK;
}

static pno_status write_text(int dirfd, const char *folder, const char *name, const char *text) {
  const size_t length = strlen(text);
  char hex[PNO_DIGEST_TEXT], *bytes = malloc(HEAD + length);
  if (!bytes) return pno_fail(PNO_E_NOMEM, "no memory to write %s/%s", folder, name);
  pno_digest_text(pno_digest_of(text, length), hex);
  memcpy(bytes, magic, MAGIC);
  memcpy(bytes + MAGIC, hex, PNO_DIGEST_TEXT - 1);
  bytes[HEAD - 1] = '\n';
  memcpy(bytes + HEAD, text, length);
  const pno_status st = pno_file_replace(dirfd, folder, name, bytes, HEAD + length);
  free(bytes);
  return st;
}

/* A lock that ends with the process; waits for others, but not for ever. */
static pno_status take_lock(int dirfd, const char *folder, const char *name, int *out) {
  enum { TRIES = 500 };
  const struct timespec pause = {.tv_nsec = 10000000};
  char lock[NAME_MAX + 1];
  if (snprintf(lock, sizeof lock, "%s.lock", name) >= (int)sizeof lock)
    return pno_fail(PNO_E_USAGE, "%s: the name %.64s... is too long", folder, name);
  const int fd = openat(dirfd, lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, pno_fs_file_mode());
  if (fd < 0) return pno_fail(PNO_E_IO, "%s/%s: %s", folder, lock, strerror(errno));
  int left = TRIES;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if ((errno != EWOULDBLOCK && errno != EINTR) || --left == 0) {
      close(fd);
      return pno_fail(PNO_E_IO, "%s/%s: not to be had within 5 s", folder, lock);
    }
    nanosleep(&pause, NULL);
  }
  *out = fd;
  return PNO_OK;
}

static pno_status edit_text(int dirfd, const char *folder, const char *name, pno_cache_edit *edit, void *user) {
  char *old = NULL, *text = NULL;
  if (pno_cache_read(folder, name, &old) != PNO_OK) old = NULL;
  pno_status st = edit(user, old, &text);
  if (st == PNO_OK) st = write_text(dirfd, folder, name, text);
  free(old);
  free(text);
  return st;
}

pno_status pno_cache_update(const char *folder, const char *name, pno_cache_edit *edit, void *user) {
  int dirfd = -1, lock = -1;
  PNO_TRY(make_folders(folder));
  PNO_TRY(pno_dir_make(folder, &dirfd));
  pno_status st = take_lock(dirfd, folder, name, &lock);
  if (st == PNO_OK) st = edit_text(dirfd, folder, name, edit, user);
  if (lock >= 0) close(lock);
  close(dirfd);
  return st;
}

static pno_status copy_text(void *user, const char *old, char **text) {
  (void)old;
  const char *const *new = user;
  const size_t bytes = strlen(*new) + 1;
  *text = malloc(bytes);
  if (!*text) return pno_fail(PNO_E_NOMEM, "no memory for a text of the cache");
  memcpy(*text, *new, bytes);
  return PNO_OK;
}

pno_status pno_cache_write(const char *folder, const char *name, const char *text) {
  return pno_cache_update(folder, name, copy_text, &text);
}
