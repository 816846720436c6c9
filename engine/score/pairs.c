/* Distances between all draws and the truth: M (M + 1) / 2 sums over the field, the one part of scoring that grows with
 * the square of the draws. Differences, not |a|^2 + |b|^2 - 2ab: draws that agree have distance 0 and no rounding. */
#include <math.h>
#include <string.h>

#include "engine/score/score_impl.h"

enum { LANES = 32, TERMS = SCORE_BLOCK / LANES };

/* |a - b|^2 of a block. Eight terms a lane and then the lanes by halves: no sum runs through the loop, so a compiler may
 * take four lanes at once without changing a bit, and the rounding is that of a tree. */
static double distance2(const float *restrict a, const float *restrict b) {
  float sum[LANES];
  for (int l = 0; l < LANES; l++) {
    float d[TERMS];
    for (int t = 0; t < TERMS; t++) d[t] = a[l + t * LANES] - b[l + t * LANES];
    sum[l] = ((d[0] * d[0] + d[1] * d[1]) + (d[2] * d[2] + d[3] * d[3])) +
             ((d[4] * d[4] + d[5] * d[5]) + (d[6] * d[6] + d[7] * d[7]));
  }
  for (int l = 0; l < 16; l++) sum[l] += sum[l + 16];
  for (int l = 0; l < 8; l++) sum[l] += sum[l + 8];
  for (int l = 0; l < 4; l++) sum[l] += sum[l + 4];
  return ((double)sum[0] + sum[1]) + ((double)sum[2] + sum[3]);
}

static void distances(pno_scorer *s) {
  const int rows = s->rows;
  memset(s->distance2, 0, sizeof(double) * (size_t)rows * (size_t)rows);
  for (ptrdiff_t b = 0; b < s->blocks; b++)
    for (int m = 0; m < rows; m++)
      for (int k = m + 1; k < rows; k++)
        s->distance2[(ptrdiff_t)m * rows + k] += distance2(score_row(s, b, m), score_row(s, b, k));
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
