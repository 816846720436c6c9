#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/base/log.h"
#include "engine/sync/reduce_impl.h"
#include "tests/engine/sync/world.h"

enum { BUCKETS = 6, STEPS = 4, WAYS = 3 };
/* empty, fewer floats than ranks, odd, a power of two, large enough for stores past the caches on four ranks, large
 * enough for the rendezvous protocol */
static const ptrdiff_t floats_of[BUCKETS] = {0, 1, 7, 4096, 1100003, 50021};

/* Most ranks to a window: all, none (messages only), two (four ranks are then two nodes of two). */
static const int ways[WAYS] = {0, 1, 2};

static int lanes_of(const world *w, int way) {
  if (way == 0) return w->size;
  return way == 2 && w->size % 2 == 0 ? 2 : 1; /* three ranks are nodes of two and one: each is alone */
}

static pno_reduce *make(const world *w, int way, const ptrdiff_t *floats, int n, int *wrong) {
  pno_reduce *reduce = NULL;
  *wrong += world_expect(w, sync_reduce_create(w->comm, floats, n, way, &reduce) == PNO_OK, "it is created");
  if (reduce) *wrong += world_expect(w, pno_reduce_sharing(reduce) == lanes_of(w, way), "so many share a window");
  return reduce;
}

/* Float i of bucket b of rank r in a step: no sum of these is exact, signs mixed. */
static float local_of(int r, int step, int b, ptrdiff_t i) {
  const uint32_t h = (uint32_t)(i + 1) * 2654435761u ^ (uint32_t)(r * 97 + step * 31 + b * 7 + 1) * 2246822519u;
  return (float)((double)(h ^ h >> 15) / 4294967296.0 - 0.5);
}

/* Floats that are not the sum in rank order within a node and then over the nodes, bit for bit, or are further from the
 * sum in double than rounding can go. */
static int sums_wrong(const float *sum, const world *w, int lanes, int workers, int step, int b) {
  int wrong = 0;
  for (ptrdiff_t i = 0; i < floats_of[b]; i++) {
    float in_order = 0, of_node = 0;
    double exact = 0, size = 0;
    for (int r = 0; r < w->size; r++) {
      const float x = r < workers ? local_of(r, step, b, i) : 0.0f;
      of_node = r % lanes == 0 ? x : of_node + x;
      if ((r + 1) % lanes == 0) in_order = r + 1 == lanes ? of_node : in_order + of_node;
      exact += (double)x;
      size += fabs((double)x);
    }
    wrong += sum[i] != in_order || fabs((double)sum[i] - exact) > w->size * (double)FLT_EPSILON * size;
  }
  return wrong;
}

static pno_vote vote_of(int r, int step) {
  pno_vote v = {0};
  v.counts[PNO_VOTE_SAMPLES] = 100 * step + r;
  v.counts[PNO_VOTE_STOP] = r == step;
  v.values[PNO_VOTE_LOSS] = 0.1 * r + step;
  if (r == 1) pno_vote_fail(&v, pno_hint(pno_fail(PNO_E_DIVERGED, "step %d went wrong", step), "hint %d", step));
  return v;
}

static int votes_wrong(const world *w, const pno_vote *votes, int step) {
  int wrong = 0;
  double loss = 0;
  for (int r = 0; r < w->size; r++) {
    const pno_vote v = vote_of(r, step);
    wrong += world_expect(w, memcmp(v.counts, votes[r].counts, sizeof v.counts) == 0, "counts arrive one by one");
    wrong += world_expect(w, memcmp(v.values, votes[r].values, sizeof v.values) == 0, "values arrive one by one");
    loss += v.values[PNO_VOTE_LOSS];
  }
  wrong += world_expect(w, pno_votes_value(votes, w->size, PNO_VOTE_LOSS) == loss, "losses add up in rank order");
  wrong += world_expect(w, pno_votes_count(votes, w->size, PNO_VOTE_STOP) == (step < w->size), "one asks to stop");
  const pno_status st = pno_votes_status(votes, w->size);
  if (w->size == 1) return wrong + world_expect(w, st == PNO_OK, "rank 0 alone does not fail");
  char words[64];
  snprintf(words, sizeof words, "rank 1: step %d went wrong", step);
  wrong += world_expect(w, st == PNO_E_DIVERGED, "the failure of rank 1 is everyone's");
  wrong += world_expect(w, strcmp(pno_fail_words(), words) == 0, words);
  snprintf(words, sizeof words, "hint %d", step);
  return wrong + world_expect(w, strcmp(pno_fail_hint(), words) == 0, words);
}

/* Where a bucket of a step is written: every other time not where it is lent. */
static float *place_of(pno_reduce *reduce, int step, int b) {
  if ((step + b) % 2 == 0) return pno_reduce_local(reduce, b);
  return malloc(sizeof(float) * (size_t)(floats_of[b] + 1));
}

/* One step; ranks from `workers` on have zeros. polls: progress calls after each begin, different on every rank. */
static int step_wrong(const world *w, pno_reduce *reduce, int workers, int step, int polls) {
  float *local[BUCKETS];
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  const int lanes = pno_reduce_sharing(reduce);
  int wrong = 0;
  const pno_vote mine = vote_of(w->rank, step);
  pno_reduce_vote(reduce, &mine);
  for (int b = 0; b < BUCKETS; b++) {
    local[b] = place_of(reduce, step, b);
    for (ptrdiff_t i = 0; i < floats_of[b]; i++) local[b][i] = w->rank < workers ? local_of(w->rank, step, b, i) : 0.0f;
    wrong += world_expect(w, pno_reduce_begin(reduce, b, local[b]) == PNO_OK, "a bucket begins");
    for (int k = 0; k < polls; k++) wrong += world_expect(w, pno_reduce_progress(reduce) == PNO_OK, "it goes on");
  }
  wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
  for (int b = 0; sums && b < BUCKETS; b++)
    wrong += world_expect(w, sums_wrong(sums[b], w, lanes, workers, step, b) == 0, "the sum is the one in order");
  if (votes) wrong += votes_wrong(w, votes, step);
  for (int b = 0; b < BUCKETS; b++)
    if (local[b] != pno_reduce_local(reduce, b)) free(local[b]);
  return wrong;
}

static int sums_are_in_rank_order_and_votes_arrive(world *w) {
  int wrong = 0;
  for (int k = 0; k < WAYS; k++) {
    pno_reduce *reduce = make(w, ways[k], floats_of, BUCKETS, &wrong);
    for (int step = 0; reduce && step < STEPS; step++) {
      const int polls = step == 0 ? 0 : 3 * ((w->rank + step) % 3); /* some ranks run ahead */
      wrong += step_wrong(w, reduce, w->size, step, polls);
    }
    pno_reduce_destroy(&reduce);
    wrong += world_expect(w, reduce == NULL, "destroy leaves NULL");
  }
  return wrong;
}

static int ranks_without_work_change_nothing(world *w) {
  int wrong = 0;
  for (int k = 0; k < WAYS; k++) {
    pno_reduce *reduce = make(w, ways[k], floats_of, BUCKETS, &wrong);
    for (int workers = 0; reduce && workers <= w->size; workers++) wrong += step_wrong(w, reduce, workers, 0, 1);
    pno_reduce_destroy(&reduce);
  }
  return wrong;
}

/* Both an array of the caller and the lent one. */
static int the_local_arrays_are_left_as_they_were(world *w) {
  enum { N = 3333 };
  const ptrdiff_t n = N;
  static float own[N];
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  int wrong = 0;
  for (int k = 0; k < 2 * WAYS; k++) {
    pno_reduce *reduce = make(w, ways[k / 2], &n, 1, &wrong);
    float *local = k % 2 ? own : pno_reduce_local(reduce, 0);
    for (int i = 0; i < N; i++) local[i] = (float)(w->rank + i);
    wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
    wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
    for (int i = 0; i < N; i++) wrong += local[i] != (float)(w->rank + i);
    wrong += world_expect(w, (sums[0] == local) == (w->size == 1), "only alone the local array is the sum");
    pno_reduce_destroy(&reduce);
  }
  return wrong;
}

static int what_is_lent_is_zero_and_aligned(world *w) {
  int wrong = 0;
  for (int k = 0; k < WAYS; k++) {
    pno_reduce *reduce = make(w, ways[k], floats_of, BUCKETS, &wrong);
    for (int b = 0; b < BUCKETS; b++) {
      const float *local = pno_reduce_local(reduce, b);
      wrong += world_expect(w, (uintptr_t)local % PNO_ALIGN == 0, "it is aligned");
      for (ptrdiff_t i = 0; i < floats_of[b]; i++) wrong += local[i] != 0.0f;
    }
    wrong += world_expect(w, pno_reduce_bytes(reduce) >= sizeof(float) * 1154128, "it counts its memory");
    pno_reduce_destroy(&reduce);
  }
  return wrong;
}

/* Each rank in turn writes its gradient only after the others have begun, and looked for it. */
static int nobody_is_added_up_before_it_has_begun(world *w) {
  enum { N = 5000, LOOKS = 3 };
  const ptrdiff_t n = N;
  int wrong = 0;
  for (int k = 0; k < WAYS * w->size; k++) {
    const int late = k % w->size;
    const float *const *sums = NULL;
    const pno_vote *votes = NULL;
    pno_reduce *reduce = make(w, ways[k / w->size], &n, 1, &wrong);
    float *local = pno_reduce_local(reduce, 0);
    if (w->rank == late) world_wait_for_release(w);
    for (int i = 0; i < N; i++) local[i] = (float)i;
    wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
    for (int i = 0; i < LOOKS; i++) wrong += world_expect(w, pno_reduce_progress(reduce) == PNO_OK, "it goes on");
    if (w->rank != late) world_release(w, late);
    wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
    for (int i = 0; i < N; i++) wrong += sums[0][i] != (float)(w->size * i);
    pno_reduce_destroy(&reduce);
  }
  return wrong;
}

/* The last rank reads the first step's results when the others have already begun the second. */
static int a_rank_that_runs_ahead_disturbs_nobody_who_still_reads(world *w) {
  enum { N = 5000 };
  const ptrdiff_t n = N;
  const bool reads = w->rank == w->size - 1;
  int wrong = 0;
  for (int k = 0; k < WAYS; k++) {
    const float *const *sums = NULL;
    const pno_vote *votes = NULL;
    pno_reduce *reduce = make(w, ways[k], &n, 1, &wrong);
    float *local = pno_reduce_local(reduce, 0);
    for (int step = 0; step < STEPS; step++) {
      const pno_vote mine = vote_of(w->rank, step);
      if (step > 0 && reads) {
        world_wait_for_release(w);
        for (int i = 0; i < N; i++) wrong += sums[0][i] != (float)(w->size * (step - 1 + i));
        wrong += votes_wrong(w, votes, step - 1);
      }
      for (int i = 0; i < N; i++) local[i] = (float)(step + i);
      pno_reduce_vote(reduce, &mine);
      wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
      wrong += world_expect(w, pno_reduce_progress(reduce) == PNO_OK, "it goes on");
      if (step > 0 && !reads) world_release(w, w->size - 1);
      wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
    }
    pno_reduce_destroy(&reduce);
  }
  return wrong;
}

static void count_warnings(void *user, pno_log_level level, const char *module, const char *text) {
  *(int *)user += level == PNO_LOG_WARN && strcmp(module, "sync") == 0 && strstr(text, "limit on file sizes") != NULL;
}

/* Each rank in turn may not have files of more than a page, so that it cannot have its part of a window. */
static int a_window_that_one_rank_cannot_have_nobody_has(world *w) {
  struct rlimit before;
  int wrong = world_expect(w, getrlimit(RLIMIT_FSIZE, &before) == 0, "the limit is known"), heard = 0;
  const struct rlimit page = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
  pno_log_to(count_warnings, &heard);
  for (int poor = 0; w->size > 1 && poor < w->size; poor++) {
    pno_reduce *reduce = NULL;
    if (w->rank == poor) setrlimit(RLIMIT_FSIZE, &page);
    const pno_status st = pno_reduce_create(w->comm, floats_of, BUCKETS, &reduce);
    if (w->rank == poor) setrlimit(RLIMIT_FSIZE, &before);
    wrong += world_expect(w, st == PNO_OK, "it is created all the same");
    wrong += world_expect(w, heard == (w->rank == 0 ? poor + 1 : 0), "rank 0 warns once");
    if (st != PNO_OK) continue;
    wrong += world_expect(w, pno_reduce_sharing(reduce) == 1, "nobody has a window");
    wrong += step_wrong(w, reduce, w->size, 1, 0);
    pno_reduce_destroy(&reduce);
  }
  pno_log_to(NULL, NULL);
  return wrong;
}

static int bad_sizes_are_refused_on_all_ranks(world *w) {
  const ptrdiff_t too_large = (ptrdiff_t)1 << 45, hopeless = PTRDIFF_MAX / 8; /* more than an address space holds */
  pno_reduce *reduce = NULL;
  int wrong = world_expect(w, pno_reduce_create(w->comm, floats_of, 0, &reduce) == PNO_E_USAGE, "none is refused");
  wrong += world_expect(w, pno_reduce_create(w->comm, &too_large, 1, &reduce) == PNO_E_NOMEM, "too large is refused");
  wrong += world_expect(w, pno_reduce_create(w->comm, &hopeless, 1, &reduce) == PNO_E_NOMEM, "too large to be tried");
  return wrong + world_expect(w, reduce == NULL, "nothing is handed out");
}

Test(reduce, sums_and_votes_are_the_same_on_all_ranks, .timeout = 60) {
  const world_case cases[] = {
      {"sums_are_in_rank_order_and_votes_arrive", sums_are_in_rank_order_and_votes_arrive},
      {"ranks_without_work_change_nothing", ranks_without_work_change_nothing},
      {"the_local_arrays_are_left_as_they_were", the_local_arrays_are_left_as_they_were},
      {"what_is_lent_is_zero_and_aligned", what_is_lent_is_zero_and_aligned},
      {"nobody_is_added_up_before_it_has_begun", nobody_is_added_up_before_it_has_begun},
      {"a_rank_that_runs_ahead_disturbs_nobody_who_still_reads",
       a_rank_that_runs_ahead_disturbs_nobody_who_still_reads},
      {"a_window_that_one_rank_cannot_have_nobody_has", a_window_that_one_rank_cannot_have_nobody_has},
      {"bad_sizes_are_refused_on_all_ranks", bad_sizes_are_refused_on_all_ranks},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
