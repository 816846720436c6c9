#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint_impl.h"
#include "io/fsutil.h"

/* What a verification knows while it walks the directory. */
typedef struct {
  const char *dir;
  int dirfd;
  bool deep;
  pno_checkpoint_report *report;
  void *user;
  pno_status worst;
  bool any;                   /* newest holds a valid checkpoint */
  pno_checkpoint_meta newest; /* the valid one that a resume would take */
} verification;

static void tell(verification *v, const char *what, pno_status st, const char *words) {
  v->report(v->user, what, st, words);
  if (st > v->worst) v->worst = st;
}

static pno_status check_tensors(const shard_census *c, const pno_checkpoint_info *info) {
  pno_digest d;
  PNO_TRY(manifest_tensors_digest(c->arrays, c->values, c->n, &d));
  if (pno_digest_equal(d, info->tensors)) return PNO_OK;
  return pno_fail(PNO_E_INPUT, "the digest of the tensors is not the one of the manifest");
}

static void verify_step(verification *v, int64_t step) {
  char words[160], name[CHECKPOINT_NAME];
  pno_checkpoint_meta meta = {.step = 0};
  pno_checkpoint_info info = {.step = 0};
  shard_census census = {.n = 0};
  bool fatal = false;
  store_step_name(step, name);
  pno_status st = store_read(v->dirfd, v->dir, step, NULL, v->deep ? &census : NULL, &meta, &info, &fatal);
  if (st == PNO_OK && v->deep) st = check_tensors(&census, &info);
  census_free(&census);
  if (st != PNO_OK) {
    tell(v, name, st, pno_fail_words());
    return;
  }
  char hex[PNO_DIGEST_TEXT];
  pno_digest_text(info.tensors, hex);
  snprintf(words, sizeof words, "epoch %" PRId64 ", %d shard%s, %" PRIu64 " bytes, tensors xxh3-128:%s", meta.epoch,
           info.shards, info.shards == 1 ? "" : "s", info.bytes, hex);
  tell(v, name, PNO_OK, words);
  v->newest = meta;
  v->any = true;
}

static void verify_pointer(verification *v, const char *which, bool needed) {
  char words[64];
  int64_t step = -1;
  if (!needed && faccessat(v->dirfd, which, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;
  pno_status st = store_pointer(v->dirfd, v->dir, which, &step);
  if (st == PNO_OK && !store_has(v->dirfd, step))
    st = pno_fail(PNO_E_INPUT, "%s/%s names step %" PRId64 ", which is not there", v->dir, which, step);
  snprintf(words, sizeof words, "step %" PRId64, step);
  tell(v, which, st, st == PNO_OK ? words : pno_fail_words());
}

/* The journal is append-only behind the place that the newest checkpoint recorded; older ones may have been cut off
 * with a branch that was abandoned, so only the newest is held against it. */
static pno_status check_journal(const pno_checkpoint_meta *m, const char *journal_dir) {
  int dirfd = -1;
  void *bytes = NULL;
  size_t n = 0;
  PNO_TRY(pno_dir_open(journal_dir, &dirfd));
  const pno_status st = pno_file_read(dirfd, journal_dir, m->journal, (size_t)PTRDIFF_MAX - 1, &bytes, &n);
  close(dirfd);
  PNO_TRY(st);
  const size_t want = (size_t)m->journal_bytes;
  const bool same = n >= want && pno_digest_equal(pno_digest_of(bytes, want), m->journal_digest);
  free(bytes);
  if (n < want)
    return pno_fail(PNO_E_INPUT, "%s/%s has %zu bytes, step %" PRId64 " recorded %zu", journal_dir, m->journal, n,
                    m->step, want);
  return same ? PNO_OK
              : pno_fail(PNO_E_INPUT, "%s/%s: its first %zu bytes are not those that step %" PRId64 " recorded",
                         journal_dir, m->journal, want, m->step);
}

static pno_status verify_steps(verification *v) {
  int64_t *steps = NULL, latest = INT64_MAX;
  int n = 0;
  PNO_TRY(store_steps(v->dirfd, v->dir, &steps, &n));
  if (store_pointer(v->dirfd, v->dir, "LATEST", &latest) != PNO_OK) latest = INT64_MAX;
  for (int i = 0; i < n; i++) /* above LATEST first, so that newest ends as the one that a resume would take */
    if (steps[i] > latest) verify_step(v, steps[i]);
  for (int i = 0; i < n; i++)
    if (steps[i] <= latest) verify_step(v, steps[i]);
  free(steps);
  if (n == 0) tell(v, "checkpoints", PNO_OK, "none yet");
  verify_pointer(v, "LATEST", n > 0);
  verify_pointer(v, "BEST", false);
  return PNO_OK;
}

pno_status pno_checkpoint_verify(const char *dir, const char *journal_dir, bool deep, pno_checkpoint_report *report,
                                 void *user) {
  verification *v = calloc(1, sizeof *v);
  if (!v) return pno_fail(PNO_E_NOMEM, "no memory to verify %s", dir);
  *v = (verification){.dir = dir, .dirfd = -1, .deep = deep, .report = report, .user = user};
  pno_status st = pno_dir_open(dir, &v->dirfd);
  if (st == PNO_OK) st = verify_steps(v);
  if (st == PNO_OK && journal_dir && v->any && v->newest.journal[0]) {
    const pno_status journal = check_journal(&v->newest, journal_dir);
    tell(v, v->newest.journal, journal, journal == PNO_OK ? "begins as recorded" : pno_fail_words());
  }
  if (st == PNO_OK && v->worst != PNO_OK)
    st = pno_fail(v->worst, "%s: not everything in it verifies", dir);
  if (v->dirfd >= 0) close(v->dirfd);
  free(v);
  return st;
}
