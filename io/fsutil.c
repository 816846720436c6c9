#include "io/fsutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t lost = 077;

void pno_fs_set_umask(mode_t mask) {
  lost = mask & 0777;
  umask(lost);
}

mode_t pno_fs_file_mode(void) { return 0666 & ~lost; }
mode_t pno_fs_dir_mode(void) { return 0777 & ~lost; }

pno_status pno_path_join(const char *a, const char *b, char *out) {
  const int n = snprintf(out, PNO_PATH_MAX, "%s/%s", a, b);
  return n < PNO_PATH_MAX ? PNO_OK : pno_fail(PNO_E_USAGE, "a path of %d bytes is too long: %.64s...", n, a);
}

bool pno_name_is_safe(const char *name) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const size_t n = strlen(name);
  return n > 0 && n <= 128 && strspn(name, allowed) == n && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

pno_status pno_write_all(int fd, const void *bytes, size_t n, const char *path) {
  const char *p = bytes;
  size_t done = 0;
  while (done < n) {
    const ssize_t k = write(fd, p + done, n - done);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) {
      const int e = k < 0 ? errno : ENOSPC;
      pno_fail(PNO_E_IO, "%s: %s after %zu of the %zu bytes needed", path, strerror(e), done, n);
      return pno_hint(PNO_E_IO, "make room on this file system, or write to another one");
    }
    done += (size_t)k;
  }
  return PNO_OK;
}

static pno_status system_fail(const char *what, const char *path, const char *name) {
  const char *words = strerror(errno);
  return pno_fail(PNO_E_IO, "%s%s%s: %s: %s", path, *name ? "/" : "", name, what, words);
}

pno_status pno_file_create(int dirfd, const char *path, const char *name, const void *bytes, size_t n) {
  const int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, pno_fs_file_mode());
  if (fd < 0) return system_fail("cannot be created", path, name);
  pno_status st = pno_write_all(fd, bytes, n, name);
  if (st != PNO_OK) pno_fail_in(st, "%s", path);
  if (st == PNO_OK && fsync(fd) != 0) st = system_fail("cannot be synced", path, name);
  if (close(fd) != 0 && st == PNO_OK) st = system_fail("cannot be closed", path, name);
  if (st != PNO_OK) unlinkat(dirfd, name, 0);
  return st;
}

pno_status pno_file_replace(int dirfd, const char *path, const char *name, const void *bytes, size_t n) {
  char temp[NAME_MAX + 1];
  if (snprintf(temp, sizeof temp, "%s.tmp", name) >= (int)sizeof temp)
    return pno_fail(PNO_E_USAGE, "%s: the name %.64s... is too long", path, name);
  if (unlinkat(dirfd, temp, 0) != 0 && errno != ENOENT) return system_fail("cannot be removed", path, temp);
  PNO_TRY(pno_file_create(dirfd, path, temp, bytes, n));
  if (renameat(dirfd, temp, dirfd, name) != 0) {
    const pno_status st = system_fail("cannot be renamed into place", path, temp);
    unlinkat(dirfd, temp, 0);
    return st;
  }
  return pno_dir_sync(dirfd, path);
}

/* Opens the directory that path lies in; dir: [PNO_PATH_MAX], its name. */
static pno_status open_parent(const char *path, char *dir, int *dirfd) {
  const char *slash = strrchr(path, '/');
  const size_t length = slash ? (size_t)(slash - path) : 0;
  if (length >= PNO_PATH_MAX) return pno_fail(PNO_E_USAGE, "a path of %zu bytes is too long", length);
  snprintf(dir, PNO_PATH_MAX, "%.*s", (int)length, path);
  if (!slash) snprintf(dir, PNO_PATH_MAX, ".");
  if (slash == path) snprintf(dir, PNO_PATH_MAX, "/");
  return pno_dir_open(dir, dirfd);
}

pno_status pno_file_replace_path(const char *path, const void *bytes, size_t n) {
  char dir[PNO_PATH_MAX];
  const char *slash = strrchr(path, '/');
  int dirfd = -1;
  PNO_TRY(open_parent(path, dir, &dirfd));
  const pno_status st = pno_file_replace(dirfd, dir, slash ? slash + 1 : path, bytes, n);
  close(dirfd);
  return st;
}

pno_status pno_file_claim(const char *temp) {
  if (unlink(temp) != 0 && errno != ENOENT) return system_fail("cannot be removed", temp, "");
  const int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, pno_fs_file_mode());
  if (fd < 0) return system_fail("cannot be created", temp, "");
  close(fd);
  return PNO_OK;
}

static pno_status sync_file(const char *path) {
  const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  const pno_status st = fd < 0 || fsync(fd) != 0 ? system_fail("cannot be synced", path, "") : PNO_OK;
  if (fd >= 0) close(fd);
  return st;
}

static pno_status sync_parent(const char *path) {
  char dir[PNO_PATH_MAX];
  int dirfd = -1;
  PNO_TRY(open_parent(path, dir, &dirfd));
  const pno_status st = pno_dir_sync(dirfd, dir);
  close(dirfd);
  return st;
}

static pno_status settle(const char *temp, const char *path) {
  PNO_TRY(sync_file(temp));
  if (rename(temp, path) != 0) return system_fail("cannot be renamed into place", temp, "");
  return sync_parent(path);
}

pno_status pno_file_settle(const char *temp, const char *path) {
  const pno_status st = settle(temp, path);
  if (st != PNO_OK) unlink(temp);
  return st;
}

bool pno_file_same(const char *a, const char *b) {
  struct stat s, t;
  return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

pno_status pno_file_place(const char *from, const char *path) {
  struct stat info;
  PNO_TRY(sync_file(from));
  bool done = link(from, path) == 0;
  if (!done && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)) { /* a file system without links */
    if (lstat(path, &info) == 0) errno = EEXIST;
    else done = rename(from, path) == 0;
  }
  if (done) return sync_parent(path);
  if (errno != EEXIST) return system_fail("cannot be put into place", path, "");
  return pno_hint(pno_fail(PNO_E_IO, "%s: appeared meanwhile, and is left as it is", path),
                  "move it away and run the same command again");
}

static pno_status read_open(int fd, const char *path, const char *name, size_t max, void **bytes, size_t *n) {
  struct stat s;
  if (fstat(fd, &s) != 0) return system_fail("cannot be examined", path, name);
  if (!S_ISREG(s.st_mode)) return pno_fail(PNO_E_INPUT, "%s/%s is not a regular file", path, name);
  if (s.st_size < 0 || (unsigned long long)s.st_size > max)
    return pno_fail(PNO_E_INPUT, "%s/%s has %lld bytes, at most %zu are read", path, name, (long long)s.st_size, max);
  const size_t size = (size_t)s.st_size;
  char *p = malloc(size + 1);
  if (!p) return pno_fail(PNO_E_NOMEM, "no memory for the %zu bytes of %s/%s", size, path, name);
  size_t done = 0;
  while (done < size) {
    const ssize_t k = read(fd, p + done, size - done);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) break;
    done += (size_t)k;
  }
  if (done < size) {
    free(p);
    return pno_fail(PNO_E_IO, "%s/%s: only %zu of %zu bytes could be read", path, name, done, size);
  }
  p[size] = '\0';
  *bytes = p;
  *n = size;
  return PNO_OK;
}

pno_status pno_file_read(int dirfd, const char *path, const char *name, size_t max, void **bytes, size_t *n) {
  /* O_NONBLOCK: opening a pipe somebody planted must not wait for its other end. */
  const int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ELOOP) return pno_fail(PNO_E_INPUT, "%s/%s is a link, and links are not followed", path, name);
  if (fd < 0) return system_fail("cannot be opened", path, name);
  const pno_status st = read_open(fd, path, name, max, bytes, n);
  close(fd);
  return st;
}

pno_status pno_dir_open(const char *path, int *dirfd) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_fail("cannot be opened as a directory", path, "");
  *dirfd = fd;
  return PNO_OK;
}

pno_status pno_dir_make(const char *path, int *dirfd) {
  if (mkdir(path, pno_fs_dir_mode()) != 0 && errno != EEXIST)
    return system_fail("directory cannot be made", path, "");
  return pno_dir_open(path, dirfd);
}

pno_status pno_dir_sync(int dirfd, const char *path) {
  /* Some file systems cannot sync a directory and say EINVAL: then rename is all there is. */
  return fsync(dirfd) == 0 || errno == EINVAL ? PNO_OK : system_fail("directory cannot be synced", path, "");
}

void pno_dir_remove(int dirfd, const char *name) {
  const int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno != ENOENT) unlinkat(dirfd, name, 0);
    return;
  }
  DIR *d = fdopendir(fd);
  if (!d) {
    close(fd);
    return;
  }
  for (const struct dirent *e; (e = readdir(d));)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlinkat(fd, e->d_name, 0);
  closedir(d);
  unlinkat(dirfd, name, AT_REMOVEDIR);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* First pass counts, second pass copies: the block holds the pointers and behind them the text. */
static pno_status list_open(DIR *d, const char *path, char ***names, int *n) {
  size_t count = 0, text = 0;
  for (const struct dirent *e; (e = readdir(d)); count++) text += strlen(e->d_name) + 1;
  char **list = malloc(count * sizeof *list + text + 1);
  if (!list) return pno_fail(PNO_E_NOMEM, "no memory for %zu names in %s", count, path);
  char *at = (char *)(list + count), *end = at + text;
  size_t used = 0;
  rewinddir(d);
  for (const struct dirent *e; used < count && (e = readdir(d));) {
    const size_t length = strlen(e->d_name) + 1;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (length > (size_t)(end - at)) break; /* the directory grew meanwhile */
    memcpy(at, e->d_name, length);
    list[used++] = at;
    at += length;
  }
  qsort(list, used, sizeof *list, by_name);
  *names = list;
  *n = (int)used;
  return PNO_OK;
}

pno_status pno_dir_list(int dirfd, const char *path, char ***names, int *n) {
  const int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (!d) {
    const pno_status st = system_fail("cannot be listed", path, "");
    if (fd >= 0) close(fd);
    return st;
  }
  const pno_status st = list_open(d, path, names, n);
  closedir(d);
  return st;
}
