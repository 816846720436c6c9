#include "engine/score/conformal.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* Floats that are not negative order as their bits do; the sign bit is 0, so 16 bits stand above these. */
enum { BIN_SHIFT = 15 };

static int bin_of(float ratio) {
  uint32_t bits;
  memcpy(&bits, &ratio, sizeof bits);
  return (int)(bits >> BIN_SHIFT);
}

static double upper_edge(int bin) {
  const uint32_t bits = (uint32_t)bin << BIN_SHIFT | ((1u << BIN_SHIFT) - 1);
  float edge;
  memcpy(&edge, &bits, sizeof edge);
  return isfinite(edge) ? edge : INFINITY; /* the bin of infinity ends in NaNs */
}

void pno_conformal_add(uint64_t *counts, const float *truth, const float *mean, const float *sd, ptrdiff_t n,
                       double *field_score) {
  float largest = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    const float r = pno_conformal_ratio(truth[i], mean[i], sd ? sd[i] : 1);
    counts[bin_of(r)]++;
    largest = r > largest ? r : largest;
  }
  *field_score = largest;
}

void pno_conformal_merge(uint64_t *counts, const uint64_t *others) {
  for (int b = 0; b < PNO_CONFORMAL_BINS; b++) counts[b] += others[b];
}

/* Products such as (n + 1) level of whole numbers and decimal levels are whole up to rounding; without this 100 * .95
 * could ask for one sample more. */
static const double SLACK = 1e-9;

/* The least edge with (n Rhat + 1) / (n + 1) <= 1 - level; missed counts the values above it. */
static double point_factor(const uint64_t *counts, uint64_t total, ptrdiff_t samples, double level) {
  const double n = (double)samples, most = (n + 1) * (1 - level) - 1 + SLACK;
  uint64_t missed = 0;
  int bin = PNO_CONFORMAL_BINS;
  if (most < 0) return INFINITY;
  while (bin > 0 && n * (double)(missed + counts[bin - 1]) / (double)total <= most) missed += counts[--bin];
  return bin > 0 ? upper_edge(bin - 1) : 0;
}

static double field_factor(const double *sorted, ptrdiff_t samples, double level) {
  const double rank = ceil(((double)samples + 1) * level - SLACK);
  return rank > (double)samples ? INFINITY : sorted[(ptrdiff_t)rank - 1];
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

pno_status pno_conformal_fit(const uint64_t *counts, const double *field_scores, ptrdiff_t samples, int levels,
                             const double *level, double *point, double *field) {
  uint64_t total = 0;
  for (int b = 0; b < PNO_CONFORMAL_BINS; b++) total += counts[b];
  if (samples < 1 || total == 0) return pno_fail(PNO_E_USAGE, "bands from %td calibration samples", samples);
  for (int l = 0; l < levels; l++)
    if (!(level[l] > 0 && level[l] < 1))
      return pno_fail(PNO_E_USAGE, "level %g of a band is not inside (0, 1)", level[l]);
  double *sorted = malloc(sizeof *sorted * (size_t)samples);
  if (!sorted) return pno_fail(PNO_E_NOMEM, "no memory for the scores of %td calibration samples", samples);
  for (ptrdiff_t i = 0; i < samples; i++) sorted[i] = isnan(field_scores[i]) ? INFINITY : field_scores[i];
  qsort(sorted, (size_t)samples, sizeof *sorted, ascending);
  for (int l = 0; l < levels; l++) {
    point[l] = point_factor(counts, total, samples, level[l]);
    field[l] = field_factor(sorted, samples, level[l]);
  }
  free(sorted);
  return PNO_OK;
}
