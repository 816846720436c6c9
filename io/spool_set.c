#include "io/spool.h"
#include "io/spool_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  int file; /* index of the spool, -1: no such record */
  off_t at; /* of the payload */
  pno_spool_record record;
} place;

struct pno_spool_set {
  uint64_t n_ids, count;
  place *places; /* [n_ids], owned */
  int n_files;
  int *files; /* [n_files] descriptors, owned */
  char dir[PNO_SPOOL_PATH];
};

/* rank-<digits>.spool */
static bool is_spool(const char *name) {
  if (strncmp(name, "rank-", 5) != 0) return false;
  const size_t digits = strspn(name + 5, "0123456789");
  return digits > 0 && strcmp(name + 5 + digits, ".spool") == 0;
}

static pno_status note(void *user, const pno_spool_record *r, off_t at) {
  pno_spool_set *set = user;
  if (r->id >= set->n_ids)
    return pno_fail(PNO_E_INPUT, "%s: holds sample %" PRIu64 ", but there are only %" PRIu64, set->dir, r->id,
                    set->n_ids);
  place *p = &set->places[r->id];
  if (p->file >= 0) return PNO_OK;
  *p = (place){.file = set->n_files - 1, .at = at, .record = *r};
  set->count++;
  return PNO_OK;
}

static pno_status add_file(pno_spool_set *set, int dir, const char *name, pno_digest key) {
  char path[2 * PNO_SPOOL_PATH];
  snprintf(path, sizeof path, "%s/%s", set->dir, name);
  int *files = realloc(set->files, ((size_t)set->n_files + 1) * sizeof *files);
  if (!files) return pno_fail(PNO_E_NOMEM, "%s: no memory to list the spools", set->dir);
  set->files = files;
  const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return pno_fail(PNO_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
  set->files[set->n_files++] = fd;
  int state = PNO_SPOOL_FREE;
  off_t end = 0;
  PNO_TRY(pno_spool_check(fd, path, key, &state));
  return state == PNO_SPOOL_OURS ? pno_spool_walk(fd, path, note, set, &end) : PNO_OK;
}

static pno_status add_directory(pno_spool_set *set, pno_digest key) {
  DIR *d = opendir(set->dir);
  if (!d && errno == ENOENT) return PNO_OK;
  if (!d) return pno_fail(PNO_E_IO, "%s: cannot be opened: %s", set->dir, strerror(errno));
  pno_status st = PNO_OK;
  for (;;) {
    errno = 0;
    const struct dirent *e = readdir(d);
    if (!e) {
      if (errno != 0) st = pno_fail(PNO_E_IO, "%s: cannot be listed: %s", set->dir, strerror(errno));
      break;
    }
    if (!is_spool(e->d_name)) continue;
    PNO_TRY_GOTO(st, add_file(set, dirfd(d), e->d_name, key), done);
  }
done:
  closedir(d);
  return st;
}

pno_status pno_spool_scan(const char *dir, pno_digest key, uint64_t n_ids, pno_spool_set **out) {
  if (strlen(dir) >= PNO_SPOOL_PATH) return pno_fail(PNO_E_USAGE, "the path of the spools is too long");
  if (n_ids > SIZE_MAX / sizeof(place)) return pno_fail(PNO_E_NOMEM, "%" PRIu64 " samples overflow", n_ids);
  pno_spool_set *set = calloc(1, sizeof *set);
  place *places = malloc(n_ids ? (size_t)n_ids * sizeof *places : 1);
  if (!set || !places) {
    free(set);
    free(places);
    return pno_fail(PNO_E_NOMEM, "%s: no memory for %" PRIu64 " samples", dir, n_ids);
  }
  set->n_ids = n_ids;
  set->places = places;
  for (uint64_t i = 0; i < n_ids; i++) places[i].file = -1;
  memcpy(set->dir, dir, strlen(dir) + 1);
  const pno_status st = add_directory(set, key);
  if (st == PNO_OK)
    *out = set;
  else
    pno_spool_set_close(&set);
  return st;
}

bool pno_spool_has(const pno_spool_set *set, uint64_t id) { return id < set->n_ids && set->places[id].file >= 0; }

uint64_t pno_spool_count(const pno_spool_set *set) { return set->count; }

pno_status pno_spool_read(const pno_spool_set *set, uint64_t id, void *payload, size_t bytes) {
  if (!pno_spool_has(set, id)) return pno_fail(PNO_E_INPUT, "%s: holds no sample %" PRIu64, set->dir, id);
  const place *p = &set->places[id];
  if (p->record.bytes != bytes)
    return pno_fail(PNO_E_INPUT, "%s: sample %" PRIu64 " has %" PRIu64 " bytes, %zu are expected", set->dir, id,
                    p->record.bytes, bytes);
  size_t got = 0;
  PNO_TRY(pno_spool_pread(set->files[p->file], set->dir, payload, bytes, p->at, &got));
  if (got < bytes || !pno_digest_equal(pno_spool_record_digest(id, payload, bytes), p->record.digest))
    return pno_fail(PNO_E_INPUT, "%s: sample %" PRIu64 " changed since it was verified", set->dir, id);
  return PNO_OK;
}

pno_status pno_spool_sample(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  return pno_spool_read(user, (uint64_t)sample, values, (size_t)n * sizeof *values);
}

void pno_spool_set_close(pno_spool_set **set) {
  if (!set || !*set) return;
  for (int i = 0; i < (*set)->n_files; i++) close((*set)->files[i]);
  free((*set)->files);
  free((*set)->places);
  free(*set);
  *set = NULL;
}

double pno_spool_bytes(const char *dir) {
  DIR *d = opendir(dir);
  double bytes = 0;
  if (!d) return 0;
  for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
    struct stat info;
    if (is_spool(e->d_name) && fstatat(dirfd(d), e->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
      bytes += (double)info.st_size;
  }
  closedir(d);
  return bytes;
}

pno_status pno_spool_remove(const char *dir) {
  DIR *d = opendir(dir);
  if (!d && errno == ENOENT) return PNO_OK;
  if (!d) return pno_fail(PNO_E_IO, "%s: cannot be opened: %s", dir, strerror(errno));
  pno_status st = PNO_OK;
  for (const struct dirent *e = readdir(d); e && st == PNO_OK; e = readdir(d))
    if (is_spool(e->d_name) && unlinkat(dirfd(d), e->d_name, 0) != 0)
      st = pno_fail(PNO_E_IO, "%s/%s: cannot be deleted: %s", dir, e->d_name, strerror(errno));
  closedir(d);
  if (st == PNO_OK && rmdir(dir) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    st = pno_fail(PNO_E_IO, "%s: cannot be deleted: %s", dir, strerror(errno));
  return st;
}
