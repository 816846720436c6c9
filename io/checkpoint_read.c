#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/checkpoint_impl.h"
#include "io/fsutil.h"
#include "io/layout.h"

enum { MANIFEST_MAX = 4 << 20 }; /* bytes: 4,096 files of 200 bytes each, with room */

pno_status staging_create(const pno_array *arrays, int n, checkpoint_staging *out) {
  checkpoint_staging s = {.arrays = arrays, .n = n};
  s.at = calloc((size_t)n + 1, sizeof *s.at);
  s.found = calloc((size_t)n + 1, sizeof *s.found);
  if (!s.at || !s.found) {
    staging_free(&s);
    return pno_fail(PNO_E_NOMEM, "no memory for a list of %d arrays", n);
  }
  pno_status st = PNO_OK;
  for (int i = 0; i < n && st == PNO_OK; i++) {
    st = pno_array_check(&arrays[i]);
    s.at[i] = s.bytes;
    if (st == PNO_OK) s.bytes += (pno_array_bytes(&arrays[i]) + 7) / 8 * 8;
  }
  if (st == PNO_OK) s.base = malloc(s.bytes + 1);
  if (st == PNO_OK && !s.base) st = pno_fail(PNO_E_NOMEM, "no memory for %zu bytes of %d arrays", s.bytes, n);
  if (st == PNO_OK)
    *out = s;
  else
    staging_free(&s);
  return st;
}

void staging_free(checkpoint_staging *s) {
  free(s->base);
  free(s->at);
  free(s->found);
  *s = (checkpoint_staging){.n = 0};
}

static pno_status check_shard(const char *where, const checkpoint_file *f, const void *bytes, size_t n) {
  if (n != f->bytes)
    return pno_fail(PNO_E_INPUT, "%s/%s: %zu bytes, the manifest says %" PRIu64, where, f->name, n, f->bytes);
  const pno_digest d = pno_digest_of(bytes, n);
  if (pno_digest_equal(d, f->digest)) return PNO_OK;
  char want[PNO_DIGEST_TEXT], got[PNO_DIGEST_TEXT];
  pno_digest_text(f->digest, want);
  pno_digest_text(d, got);
  return pno_fail(PNO_E_INPUT, "%s/%s: digest mismatch: expected xxh3 %s, got %s (the file is %zu bytes, as recorded)",
                  where, f->name, want, got, n);
}

/* A file that a committed checkpoint lacks makes it a damaged one; other failures to read are the disk's. */
static pno_status read_member(int stepfd, const char *where, const char *name, size_t max, void **bytes, size_t *n) {
  if (faccessat(stepfd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
    return pno_fail(PNO_E_INPUT, "%s/%s is missing", where, name);
  return pno_file_read(stepfd, where, name, max, bytes, n);
}

/* One shard: read once, verified from that buffer, parsed from that buffer. */
static pno_status read_shard(int stepfd, const char *where, const checkpoint_file *f, checkpoint_staging *s,
                             shard_census *census, pno_checkpoint_meta *meta) {
  void *bytes = NULL;
  size_t n = 0;
  PNO_TRY(read_member(stepfd, where, f->name, (size_t)f->bytes, &bytes, &n));
  pno_status st = check_shard(where, f, bytes, n);
  if (st == PNO_OK) {
    st = shard_read(bytes, n, s, meta);
    if (st == PNO_OK && census) st = shard_count(bytes, n, census);
    pno_fail_in(st, "%s/%s", where, f->name);
  }
  free(bytes);
  return st;
}

static pno_status read_manifest(int stepfd, const char *where, int64_t step, checkpoint_manifest *m) {
  void *text = NULL;
  size_t n = 0;
  PNO_TRY(read_member(stepfd, where, "MANIFEST.json", MANIFEST_MAX, &text, &n));
  pno_status st = manifest_parse(text, n, m);
  free(text);
  if (st == PNO_OK && m->meta.step != step) {
    st = pno_fail(PNO_E_INPUT, "it is of step %" PRId64, m->meta.step);
    manifest_free(m);
  }
  return pno_fail_in(st, "%s/MANIFEST.json", where);
}

static pno_status all_found(const checkpoint_staging *s, const char *where) {
  for (int i = 0; s && i < s->n; i++)
    if (!s->found[i])
      return pno_hint(pno_fail(PNO_E_SHAPE, "%s has no array %s", where, s->arrays[i].name),
                      "the checkpoint belongs to another model: use the configuration it was trained with");
  return PNO_OK;
}

static pno_status read_step(int stepfd, const char *where, int64_t step, checkpoint_staging *s, shard_census *census,
                            pno_checkpoint_meta *meta, pno_checkpoint_info *info) {
  checkpoint_manifest m;
  PNO_TRY(read_manifest(stepfd, where, step, &m));
  pno_status st = PNO_OK;
  for (int i = 0; i < m.n_files && st == PNO_OK; i++)
    st = read_shard(stepfd, where, &m.files[i], s, census, &m.meta);
  if (st == PNO_OK) st = all_found(s, where);
  if (st == PNO_OK) {
    *meta = m.meta;
    *info = (pno_checkpoint_info){.step = step, .bytes = manifest_bytes(&m), .shards = m.n_files, .tensors = m.tensors};
    store_step_name(step, info->name);
  }
  manifest_free(&m);
  return st;
}

pno_status store_read(int dirfd, const char *dir, int64_t step, checkpoint_staging *s, shard_census *census,
                      pno_checkpoint_meta *meta, pno_checkpoint_info *info, bool *fatal) {
  char name[CHECKPOINT_NAME], where[PNO_PATH_MAX];
  store_step_name(step, name);
  *fatal = true;
  PNO_TRY(pno_path_join(dir, name, where));
  if (s) memset(s->found, 0, (size_t)s->n * sizeof *s->found);
  const int stepfd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  pno_status st = stepfd < 0 ? pno_fail(PNO_E_INPUT, "%s cannot be opened: %s", where, strerror(errno)) : PNO_OK;
  if (st == PNO_OK) st = read_step(stepfd, where, step, s, census, meta, info);
  if (stepfd >= 0) close(stepfd);
  *fatal = st == PNO_E_NOMEM || st == PNO_E_SHAPE;
  return st;
}

/* Newest first: the one LATEST names, older ones, and last those above it (an unfinished commit or an abandoned
 * branch). Without a usable LATEST simply descending. */
static void order_steps(int64_t *steps, int n, int64_t latest) {
  int above = 0;
  for (int i = 0; i < n; i++) above += latest >= 0 && steps[i] > latest;
  for (int i = 0; i < n / 2; i++) {
    const int64_t t = steps[i];
    steps[i] = steps[n - 1 - i];
    steps[n - 1 - i] = t;
  }
  for (int turn = 0; turn < above; turn++) { /* a handful of entries */
    const int64_t t = steps[0];
    memmove(steps, steps + 1, (size_t)(n - 1) * sizeof *steps);
    steps[n - 1] = t;
  }
}

/* LATEST, or -1 with a warning when it is of no use. */
static int64_t latest_of(int dirfd, const char *dir) {
  int64_t latest = -1;
  if (store_pointer(dirfd, dir, "LATEST", &latest) != PNO_OK) {
    pno_log(PNO_LOG_WARN, "checkpoint", "%s; taking the highest step", pno_fail_words());
    return -1;
  }
  if (store_has(dirfd, latest)) return latest;
  pno_log(PNO_LOG_WARN, "checkpoint", "%s/LATEST names step %" PRId64 ", which is not there; taking the highest step",
          dir, latest);
  return -1;
}

static pno_status choose_newest(int dirfd, const char *dir, bool strict, checkpoint_staging *s,
                                pno_checkpoint_meta *meta, pno_checkpoint_info *info) {
  int64_t *steps = NULL;
  int n = 0;
  PNO_TRY(store_steps(dirfd, dir, &steps, &n));
  if (n > 0) order_steps(steps, n, latest_of(dirfd, dir));
  pno_status st = pno_fail(PNO_E_INPUT, "%s holds no checkpoint", dir);
  for (int i = 0; i < n; i++) {
    bool fatal = true;
    st = store_read(dirfd, dir, steps[i], s, NULL, meta, info, &fatal);
    if (st == PNO_OK || fatal || strict) break;
    if (i + 1 < n)
      pno_log(PNO_LOG_WARN, "checkpoint", "%s; falling back to step %" PRId64, pno_fail_words(), steps[i + 1]);
    else
      st = pno_fail_in(st, "none of the %d checkpoints verifies; the last", n);
  }
  free(steps);
  return st;
}

pno_status store_choose(const char *dir, const pno_checkpoint_choice *choice, checkpoint_staging *s,
                        pno_checkpoint_meta *meta, pno_checkpoint_info *info) {
  int dirfd = -1;
  bool fatal = true;
  PNO_TRY(pno_dir_open(dir, &dirfd));
  int64_t step = choice->step;
  pno_status st = choice->best ? store_pointer(dirfd, dir, "BEST", &step) : PNO_OK;
  if (st == PNO_OK && step < 0)
    st = choose_newest(dirfd, dir, choice->strict, s, meta, info);
  else if (st == PNO_OK)
    st = store_read(dirfd, dir, step, s, NULL, meta, info, &fatal);
  close(dirfd);
  return st;
}
