#include "io/spool_record.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'P', 'N', 'O', 'S', 'P', 'O', 'O', 'L'};

static pno_digest header_digest(const pno_spool_header *h) {
  return pno_digest_of(h, offsetof(pno_spool_header, self));
}

pno_spool_header pno_spool_header_of(pno_digest key) {
  pno_spool_header h = {.version = 1, .key = key};
  memcpy(h.magic, magic, sizeof magic);
  h.self = header_digest(&h);
  return h;
}

/* The payload is digested on its own, then bound to its number and length: no second copy, no streaming state. */
static pno_digest bind(uint64_t id, uint64_t bytes, pno_digest payload) {
  const uint64_t all[4] = {id, bytes, payload.high, payload.low};
  return pno_digest_of(all, sizeof all);
}

pno_digest pno_spool_record_digest(uint64_t id, const void *payload, uint64_t bytes) {
  return bind(id, bytes, pno_digest_of(payload, (size_t)bytes));
}

pno_status pno_spool_pread(int fd, const char *path, void *to, size_t bytes, off_t at, size_t *got) {
  size_t have = 0;
  while (have < bytes) {
    const ssize_t k = pread(fd, (char *)to + have, bytes - have, at + (off_t)have);
    if (k == 0) break;
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return pno_fail(PNO_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    have += (size_t)k;
  }
  *got = have;
  return PNO_OK;
}

/* What was killed before its first record is in nobody's way. */
static pno_status check_foreign(int fd, const char *path, pno_digest theirs, pno_digest ours, int *state) {
  struct stat s;
  char a[PNO_DIGEST_TEXT], b[PNO_DIGEST_TEXT];
  if (fstat(fd, &s) != 0) return pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
  if (s.st_size < (off_t)(sizeof(pno_spool_header) + sizeof(pno_spool_record))) {
    *state = PNO_SPOOL_FREE;
    return PNO_OK;
  }
  const char *slash = strrchr(path, '/');
  pno_digest_text(theirs, a);
  pno_digest_text(ours, b);
  (void)pno_fail(PNO_E_INPUT, "%s: holds samples of another configuration or program (key %s, this one is %s)", path, a,
                 b);
  return pno_hint(PNO_E_INPUT, "finish that run with what began it, choose another data.path, or delete the folder %.*s",
                  slash ? (int)(slash - path) : 1, slash ? path : ".");
}

pno_status pno_spool_check(int fd, const char *path, pno_digest key, int *state) {
  pno_spool_header h;
  size_t got = 0;
  PNO_TRY(pno_spool_pread(fd, path, &h, sizeof h, 0, &got));
  if (got < sizeof h) {
    if (memcmp(h.magic, magic, got < sizeof magic ? got : sizeof magic) != 0)
      return pno_fail(PNO_E_INPUT, "%s: not a spool of ours", path);
    *state = PNO_SPOOL_FREE;
    return PNO_OK;
  }
  if (memcmp(h.magic, magic, sizeof magic) != 0) return pno_fail(PNO_E_INPUT, "%s: not a spool of ours", path);
  if (!pno_digest_equal(h.self, header_digest(&h)) || h.version != 1) {
    (void)pno_fail(PNO_E_INPUT, "%s: the header is damaged or of another version", path);
    return pno_hint(PNO_E_INPUT, "delete the file; its samples are computed again");
  }
  if (!pno_digest_equal(h.key, key)) return check_foreign(fd, path, h.key, key, state);
  *state = PNO_SPOOL_OURS;
  return PNO_OK;
}

/* Reads the payload in pieces and says whether the record is whole. */
static pno_status verify(int fd, const char *path, const pno_spool_record *r, off_t at, pno_digester *d, char *piece,
                         size_t cap, bool *valid) {
  uint64_t left = r->bytes;
  while (left > 0) {
    const size_t want = left < cap ? (size_t)left : cap;
    size_t got = 0;
    PNO_TRY(pno_spool_pread(fd, path, piece, want, at + (off_t)(r->bytes - left), &got));
    if (got < want) return PNO_OK; /* cut meanwhile */
    pno_digester_add(d, piece, got);
    left -= got;
  }
  *valid = pno_digest_equal(bind(r->id, r->bytes, pno_digester_value(d)), r->digest);
  return PNO_OK;
}

/* One record at offset at; valid is false at the end and at a torn or damaged record. */
static pno_status next_record(int fd, const char *path, off_t size, off_t at, char *piece, size_t cap,
                              pno_spool_record *r, bool *valid) {
  size_t got = 0;
  *valid = false;
  PNO_TRY(pno_spool_pread(fd, path, r, sizeof *r, at, &got));
  if (got < sizeof *r || r->bytes > (uint64_t)(size - at) - sizeof *r) return PNO_OK;
  pno_digester *d = NULL;
  PNO_TRY(pno_digester_create(&d));
  const pno_status st = verify(fd, path, r, at + (off_t)sizeof *r, d, piece, cap, valid);
  pno_digester_destroy(&d);
  return st;
}

pno_status pno_spool_walk(int fd, const char *path, pno_spool_visit *visit, void *user, off_t *end) {
  const size_t cap = (size_t)1 << 20;
  struct stat s;
  if (fstat(fd, &s) != 0) return pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
  char *piece = malloc(cap);
  if (!piece) return pno_fail(PNO_E_NOMEM, "%s: no memory to verify it", path);
  off_t at = (off_t)sizeof(pno_spool_header);
  pno_status st = PNO_OK;
  for (;;) {
    pno_spool_record r;
    bool valid = false;
    PNO_TRY_GOTO(st, next_record(fd, path, s.st_size, at, piece, cap, &r, &valid), done);
    if (!valid) break;
    if (visit) PNO_TRY_GOTO(st, visit(user, &r, at + (off_t)sizeof r), done);
    at += (off_t)sizeof r + (off_t)r.bytes;
  }
  *end = at;
done:
  free(piece);
  return st;
}
