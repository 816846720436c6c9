/* Bands mean -+ factor * max(sd, 1e-6) that hold for new samples at a promised rate, whatever the model and the data, as
 * long as calibration samples and new samples are exchangeable (split conformal: Vovk et al. 2005; Angelopoulos & Bates
 * 2023). The ratio of a value is |u - mean| / max(sd, 1e-6); it is infinite where something is not a number.
 *
 * field      P(all values of a new field inside) >= level: the score of a sample is its largest ratio, the factor the
 *            ceil((n + 1) level)-th smallest of n.
 * pointwise  E(fraction of values inside) >= level: conformal risk control (Angelopoulos et al., ICLR 2024, eq 4) with
 *            the fraction of misses as loss: the least factor with (n Rhat + 1) / (n + 1) <= 1 - level.
 * Too few samples for a level (n < level / (1 - level)) give an infinite factor: no narrower band can promise it.
 *
 * Pooled ratios are counted by the top 16 bits behind the sign of their float and a factor is the upper edge of a bin: at
 * most 0.4 % too wide, never too narrow, and counts of several ranks add up exactly. All functions are Local. */
#ifndef PNO_ENGINE_SCORE_CONFORMAL_H
#define PNO_ENGINE_SCORE_CONFORMAL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_CONFORMAL_BINS = 65536 };

#define PNO_CONFORMAL_SD_FLOOR 1e-6f

static inline float pno_conformal_ratio(float truth, float mean, float sd) {
  const float r = fabsf(truth - mean) / (sd > PNO_CONFORMAL_SD_FLOOR || isnan(sd) ? sd : PNO_CONFORMAL_SD_FLOOR);
  return isnan(r) ? INFINITY : r;
}

/* Counts the ratios of one calibration sample into counts [PNO_CONFORMAL_BINS], which the caller zeroes first.
 * sd NULL: 1. n: values of the sample, the same for all samples. field_score: the largest ratio. */
void pno_conformal_add(uint64_t *counts, const float *truth, const float *mean, const float *sd, ptrdiff_t n,
                       double *field_score);

void pno_conformal_merge(uint64_t *counts, const uint64_t *others); /* adds the counts of another rank */

/* The factors of each level, from the counts and the field scores [samples] of all samples.
 * Errors: PNO_E_USAGE without samples or values, or for a level outside (0, 1); PNO_E_NOMEM. */
pno_status pno_conformal_fit(const uint64_t *counts, const double *field_scores, ptrdiff_t samples, int levels,
                             const double *level, double *point, double *field);

#endif
