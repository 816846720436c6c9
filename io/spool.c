#include "io/spool.h"

#include "engine/base/clock.h"
#include "io/spool_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SYNC_RECORDS = 16 };
static const double sync_seconds = 2.0;

struct pno_spool {
  int fd;    /* owned */
  off_t end; /* behind the last whole record */
  int unsynced;
  double synced_at;
  char path[PNO_SPOOL_PATH];
};

static pno_status io_fail(const pno_spool *s, const char *what) {
  return pno_fail(PNO_E_IO, "%s: %s: %s", s->path, what, strerror(errno));
}

static pno_status sync_directory(const char *dir) {
  const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) close(fd);
  return ok ? PNO_OK : pno_fail(PNO_E_IO, "%s: cannot be synced: %s", dir, strerror(why));
}

/* Writes both pieces at s->end; on failure cuts the file back there. */
static pno_status write_at_end(pno_spool *s, const void *head, size_t head_bytes, const void *body, size_t body_bytes) {
  size_t done = 0;
  const size_t all = head_bytes + body_bytes;
  while (done < all) {
    /* writev takes pointers to non-const and does not write through them */
    union {
      const void *in;
      void *out;
    } h = {.in = head}, b = {.in = body};
    const size_t skip = done < head_bytes ? done : head_bytes, into = done - skip;
    const struct iovec v[2] = {{(char *)h.out + skip, head_bytes - skip},
                               {body_bytes ? (char *)b.out + into : NULL, body_bytes - into}};
    const ssize_t k = pwritev(s->fd, v, 2, s->end + (off_t)done);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) {
      const pno_status st = pno_fail(PNO_E_IO, "%s: %zu bytes cannot be written: %s", s->path, all, strerror(errno));
      if (ftruncate(s->fd, s->end) != 0) return io_fail(s, "a torn record cannot be cut off");
      return st;
    }
    done += (size_t)k;
  }
  s->end += (off_t)all;
  return PNO_OK;
}

/* Takes over an existing file or begins a new one. */
static pno_status take_over(pno_spool *s, pno_digest key) {
  int state = PNO_SPOOL_FREE;
  struct stat info;
  /* Without a name: its last owner has removed it between our open and our lock. */
  if (flock(s->fd, LOCK_EX | LOCK_NB) != 0 || fstat(s->fd, &info) != 0 || info.st_nlink == 0) {
    (void)pno_fail(PNO_E_IO, "%s: another process appends to it", s->path);
    return pno_hint(PNO_E_IO, "wait for the other run, or choose another data.path");
  }
  PNO_TRY(pno_spool_check(s->fd, s->path, key, &state));
  if (state == PNO_SPOOL_OURS) PNO_TRY(pno_spool_walk(s->fd, s->path, NULL, NULL, &s->end));
  if (ftruncate(s->fd, s->end) != 0) return io_fail(s, "cannot be truncated");
  if (state == PNO_SPOOL_FREE) {
    const pno_spool_header h = pno_spool_header_of(key);
    PNO_TRY(write_at_end(s, &h, sizeof h, NULL, 0));
  }
  return pno_spool_sync(s);
}

pno_status pno_spool_open(const char *dir, int rank, pno_digest key, pno_spool **out) {
  if (mkdir(dir, 0700) != 0 && errno != EEXIST)
    return pno_fail(PNO_E_IO, "%s: cannot be created: %s", dir, strerror(errno));
  pno_spool *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "%s: no memory for a spool", dir);
  s->fd = -1;
  pno_status st = PNO_OK;
  const int n = snprintf(s->path, sizeof s->path, "%s/rank-%d.spool", dir, rank);
  if (n < 0 || (size_t)n >= sizeof s->path) {
    st = pno_fail(PNO_E_USAGE, "the path of the spool is longer than %zu bytes", sizeof s->path);
  } else {
    s->fd = open(s->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0) st = io_fail(s, "cannot be opened");
  }
  if (st == PNO_OK) st = take_over(s, key);
  if (st == PNO_OK) st = sync_directory(dir);
  if (st == PNO_OK) {
    *out = s;
    return PNO_OK;
  }
  if (s->fd >= 0) close(s->fd);
  free(s);
  return st;
}

pno_status pno_spool_append(pno_spool *s, uint64_t id, const void *payload, size_t bytes) {
  const pno_spool_record r = {.id = id, .bytes = bytes, .digest = pno_spool_record_digest(id, payload, bytes)};
  PNO_TRY(write_at_end(s, &r, sizeof r, payload, bytes));
  s->unsynced++;
  if (s->unsynced >= SYNC_RECORDS || pno_clock() - s->synced_at >= sync_seconds) return pno_spool_sync(s);
  return PNO_OK;
}

pno_status pno_spool_sync(pno_spool *s) {
  if (fsync(s->fd) != 0) return io_fail(s, "cannot be synced");
  s->unsynced = 0;
  s->synced_at = pno_clock();
  return PNO_OK;
}

/* Its lock is still held; the name may be another's by now if the file has none. */
static void remove_empty(const pno_spool *s) {
  struct stat info;
  char dir[PNO_SPOOL_PATH];
  if (s->end > (off_t)sizeof(pno_spool_header) || fstat(s->fd, &info) != 0 || info.st_nlink == 0) return;
  unlink(s->path);
  snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(s->path, '/') - s->path), s->path);
  rmdir(dir); /* fails while there are others in it */
}

pno_status pno_spool_close(pno_spool **s) {
  if (!s || !*s) return PNO_OK;
  const pno_status st = pno_spool_sync(*s);
  remove_empty(*s);
  close((*s)->fd);
  free(*s);
  *s = NULL;
  return st;
}
