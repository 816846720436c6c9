/* The variogram score sees what a score of each value cannot: whether neighbours differ as much as they should. */
#include <math.h>

#include "engine/score/score_impl.h"

/* sums[i] += sqrt|b[i] - a[i]| of four draws, whose rows lie SCORE_BLOCK apart: so that three of four additions are in
 * float and the square root sets the pace. */
static void add_four(const float *restrict a, const float *restrict b, int n, double *restrict sums) {
  enum { R = SCORE_BLOCK };
  for (int i = 0; i < n; i++) {
    const float d0 = sqrtf(fabsf(b[i] - a[i])), d1 = sqrtf(fabsf(b[i + R] - a[i + R]));
    const float d2 = sqrtf(fabsf(b[i + 2 * R] - a[i + 2 * R])), d3 = sqrtf(fabsf(b[i + 3 * R] - a[i + 3 * R]));
    sums[i] += (d0 + d1) + (d2 + d3);
  }
}

static void add_one(const float *restrict a, const float *restrict b, int n, double *restrict sums) {
  for (int i = 0; i < n; i++) sums[i] += sqrtf(fabsf(b[i] - a[i]));
}

/* Pairs (first + i, first + i + apart), i < n, each side within one block: squares of those that end inside the grid,
 * where a step along the axis is `step` values and there are `extent` of them. */
static double squares(const pno_scorer *s, ptrdiff_t first, int n, ptrdiff_t apart, ptrdiff_t step, int extent,
                      ptrdiff_t *pairs) {
  const ptrdiff_t second = first + apart;
  const int draws = s->spec.draws;
  const float *a = score_row(s, first / SCORE_BLOCK, 0) + first % SCORE_BLOCK;
  const float *b = score_row(s, second / SCORE_BLOCK, 0) + second % SCORE_BLOCK;
  const float *u = a + (ptrdiff_t)draws * SCORE_BLOCK, *w = b + (ptrdiff_t)draws * SCORE_BLOCK;
  double sums[SCORE_BLOCK] = {0}, total = 0;
  int m = 0;
  for (; m + 4 <= draws; m += 4) add_four(a + (ptrdiff_t)m * SCORE_BLOCK, b + (ptrdiff_t)m * SCORE_BLOCK, n, sums);
  for (; m < draws; m++) add_one(a + (ptrdiff_t)m * SCORE_BLOCK, b + (ptrdiff_t)m * SCORE_BLOCK, n, sums);
  ptrdiff_t along = first / step % extent, in_step = first % step;
  for (int i = 0; i < n; i++) {
    if (along + apart / step < extent) {
      const double d = sqrtf(fabsf(w[i] - u[i])) - sums[i] / draws;
      total += d * d;
      ++*pairs;
    }
    if (++in_step == step) {
      in_step = 0;
      along = along + 1 == extent ? 0 : along + 1;
    }
  }
  return total;
}

/* Rows of the last axis are short, so runs go over their ends and the pairs that leave the grid are left out after. */
static double axis_squares(const pno_scorer *s, ptrdiff_t apart, ptrdiff_t step, int extent, ptrdiff_t *pairs) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < s->values - apart;) {
    ptrdiff_t n = s->values - apart - i;
    const ptrdiff_t room_a = SCORE_BLOCK - i % SCORE_BLOCK, room_b = SCORE_BLOCK - (i + apart) % SCORE_BLOCK;
    if (n > room_a) n = room_a;
    if (n > room_b) n = room_b;
    sum += squares(s, i, (int)n, apart, step, extent, pairs);
    i += n;
  }
  return sum;
}

void score_variogram(pno_scorer *s, double *values) {
  static const int lags[] = {1, 2, 4};
  double sum = 0, weights = 0;
  ptrdiff_t step = s->spec.channels;
  for (int j = s->spec.dims - 1; j >= 0; j--) {
    const int extent = s->spec.n[j];
    for (int l = 0; l < (int)(sizeof lags / sizeof *lags) && lags[l] < extent; l++) {
      ptrdiff_t pairs = 0;
      sum += axis_squares(s, lags[l] * step, step, extent, &pairs) / lags[l];
      weights += (double)pairs / lags[l];
    }
    step *= extent;
  }
  values[AT_VARIOGRAM] = weights > 0 ? sum / weights : 0;
}
