#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sync/reduce.h"
#include "tests/engine/sync/world.h"

enum { BUCKETS = 5, STEPS = 4 };
/* empty, fewer floats than ranks, odd, a power of two, large enough for the rendezvous protocol */
static const ptrdiff_t floats_of[BUCKETS] = {0, 1, 7, 4096, 50021};

/* Float i of bucket b of rank r in a step: no sum of these is exact, signs mixed. */
static float local_of(int r, int step, int b, ptrdiff_t i) {
  const uint32_t h = (uint32_t)(i + 1) * 2654435761u ^ (uint32_t)(r * 97 + step * 31 + b * 7 + 1) * 2246822519u;
  return (float)((double)(h ^ h >> 15) / 4294967296.0 - 0.5);
}

static float *locals_of(int r, int step, int b) {
  float *x = malloc(sizeof *x * (size_t)(floats_of[b] + 1));
  for (ptrdiff_t i = 0; x && i < floats_of[b]; i++) x[i] = local_of(r, step, b, i);
  return x;
}

/* Floats that are not the sum in rank order, bit for bit, or are further from the sum in double than rounding can go. */
static int sums_wrong(const float *sum, int ranks, int workers, int step, int b) {
  int wrong = 0;
  for (ptrdiff_t i = 0; i < floats_of[b]; i++) {
    float in_order = 0;
    double exact = 0, size = 0;
    for (int r = 0; r < ranks; r++) {
      const float x = r < workers ? local_of(r, step, b, i) : 0.0f;
      in_order = r == 0 ? x : in_order + x;
      exact += (double)x;
      size += fabs((double)x);
    }
    wrong += sum[i] != in_order || fabs((double)sum[i] - exact) > ranks * (double)FLT_EPSILON * size;
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

/* One step; ranks from `workers` on have zeros. polls: progress calls after each begin, different on every rank. */
static int step_wrong(const world *w, pno_reduce *reduce, int workers, int step, int polls) {
  float *local[BUCKETS];
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  int wrong = 0;
  const pno_vote mine = vote_of(w->rank, step);
  pno_reduce_vote(reduce, &mine);
  for (int b = 0; b < BUCKETS; b++) {
    local[b] = locals_of(w->rank, step, b);
    if (w->rank >= workers) memset(local[b], 0, sizeof *local[b] * (size_t)floats_of[b]);
    wrong += world_expect(w, pno_reduce_begin(reduce, b, local[b]) == PNO_OK, "a bucket begins");
    for (int k = 0; k < polls; k++) wrong += world_expect(w, pno_reduce_progress(reduce) == PNO_OK, "it goes on");
  }
  wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
  for (int b = 0; sums && b < BUCKETS; b++) wrong += sums_wrong(sums[b], w->size, workers, step, b);
  if (votes) wrong += votes_wrong(w, votes, step);
  for (int b = 0; b < BUCKETS; b++) free(local[b]);
  return wrong;
}

static int sums_are_in_rank_order_and_votes_arrive(world *w) {
  pno_reduce *reduce = NULL;
  int wrong = world_expect(w, pno_reduce_create(w->comm, floats_of, BUCKETS, &reduce) == PNO_OK, "it is created");
  for (int step = 0; reduce && step < STEPS; step++) {
    const int polls = step == 0 ? 0 : 3 * ((w->rank + step) % 3); /* some ranks run ahead */
    wrong += step_wrong(w, reduce, w->size, step, polls);
  }
  pno_reduce_destroy(&reduce);
  return wrong + world_expect(w, reduce == NULL, "destroy leaves NULL");
}

static int ranks_without_work_change_nothing(world *w) {
  pno_reduce *reduce = NULL;
  int wrong = world_expect(w, pno_reduce_create(w->comm, floats_of, BUCKETS, &reduce) == PNO_OK, "it is created");
  for (int workers = 0; reduce && workers <= w->size; workers++) wrong += step_wrong(w, reduce, workers, 0, 1);
  pno_reduce_destroy(&reduce);
  return wrong;
}

static int the_local_arrays_are_left_as_they_were(world *w) {
  const ptrdiff_t n = 33;
  float local[33];
  pno_reduce *reduce = NULL;
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  int wrong = world_expect(w, pno_reduce_create(w->comm, &n, 1, &reduce) == PNO_OK, "it is created");
  for (int i = 0; i < 33; i++) local[i] = (float)(w->rank + i);
  wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
  wrong += world_expect(w, pno_reduce_finish(reduce, 30.0, &sums, &votes) == PNO_OK, "the reduction ends");
  for (int i = 0; i < 33; i++) wrong += local[i] != (float)(w->rank + i);
  pno_reduce_destroy(&reduce);
  return wrong;
}

static int bad_sizes_are_refused_on_all_ranks(world *w) {
  const ptrdiff_t too_large = PTRDIFF_MAX / 8; /* more than an address space holds */
  pno_reduce *reduce = NULL;
  int wrong = world_expect(w, pno_reduce_create(w->comm, floats_of, 0, &reduce) == PNO_E_USAGE, "none is refused");
  if (w->size > 1)
    wrong += world_expect(w, pno_reduce_create(w->comm, &too_large, 1, &reduce) == PNO_E_NOMEM, "too large is refused");
  return wrong + world_expect(w, reduce == NULL, "nothing is handed out");
}

Test(reduce, sums_and_votes_are_the_same_on_all_ranks, .timeout = 60) {
  const world_case cases[] = {
      {"sums_are_in_rank_order_and_votes_arrive", sums_are_in_rank_order_and_votes_arrive},
      {"ranks_without_work_change_nothing", ranks_without_work_change_nothing},
      {"the_local_arrays_are_left_as_they_were", the_local_arrays_are_left_as_they_were},
      {"bad_sizes_are_refused_on_all_ranks", bad_sizes_are_refused_on_all_ranks},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
