/* Distances between all draws and the truth: M (M + 1) / 2 sums over the field, the one part of scoring that grows with
 * the square of the draws. Differences, not |a|^2 + |b|^2 - 2ab: draws that agree have distance 0 and no rounding. */
#include <math.h>
#include <string.h>

#include "engine/score/score_impl.h"

enum { LANES = 4 };

/* sums[i][j] += |a_i - b_j|^2 for two rows each: four values loaded give eight differences. In float within a block,
 * in double across blocks. */
static void tile(const float *restrict a, const float *restrict b, double *sums, int stride) {
  const float *a1 = a + SCORE_BLOCK, *b1 = b + SCORE_BLOCK;
  float s00[LANES] = {0}, s01[LANES] = {0}, s10[LANES] = {0}, s11[LANES] = {0};
  for (int i = 0; i < SCORE_BLOCK; i += LANES) {
    for (int l = 0; l < LANES; l++) {
      const float d = a[i + l] - b[i + l];
      s00[l] += d * d;
    }
    for (int l = 0; l < LANES; l++) {
      const float d = a[i + l] - b1[i + l];
      s01[l] += d * d;
    }
    for (int l = 0; l < LANES; l++) {
      const float d = a1[i + l] - b[i + l];
      s10[l] += d * d;
    }
    for (int l = 0; l < LANES; l++) {
      const float d = a1[i + l] - b1[i + l];
      s11[l] += d * d;
    }
  }
  sums[0] += ((double)s00[0] + s00[1]) + ((double)s00[2] + s00[3]);
  sums[1] += ((double)s01[0] + s01[1]) + ((double)s01[2] + s01[3]);
  sums[stride] += ((double)s10[0] + s10[1]) + ((double)s10[2] + s10[3]);
  sums[stride + 1] += ((double)s11[0] + s11[1]) + ((double)s11[2] + s11[3]);
}

static void distances(pno_scorer *s) {
  const int rows = s->rows;
  memset(s->distance2, 0, sizeof(double) * (size_t)rows * (size_t)rows);
  for (ptrdiff_t b = 0; b < s->blocks; b++)
    for (int m = 0; m < rows; m += 2)
      for (int k = m; k < rows; k += 2)
        tile(score_row(s, b, m), score_row(s, b, k), s->distance2 + (ptrdiff_t)m * rows + k, rows);
}

void score_energy(pno_scorer *s, double *values) {
  const int draws = s->spec.draws;
  double to_truth = 0, between = 0;
  distances(s);
  for (int m = 0; m < draws; m++) {
    const double *row = s->distance2 + (ptrdiff_t)m * s->rows;
    to_truth += sqrt(row[draws]);
    for (int k = m + 1; k < draws; k++) between += sqrt(row[k]);
  }
  values[AT_ENERGY] = s->c * (to_truth / draws - (draws > 1 ? between / ((double)draws * (draws - 1)) : 0));
}
