/* Scores of an ensemble of predicted fields against the truth, one sample at a time.
 *
 * A scorer takes the draws of a sample in any chunks and gives a row of doubles; pno_score_finish makes scores of the
 * rows of all samples in sample order. The bits depend on the inputs alone, not on chunks, ranks or threads. With
 * needs_draws the draws of one sample are held (levels, energy, CRPS, ranks, variogram); without, only moments are, and
 * those scores are NaN. One draw is always held, and no score that makes sense for one is NaN: energy is l2, CRPS is the
 * mean error, intervals have no width and cover nothing, sd is 0, PIT and ECE are those of a step.
 *
 * u truth, a_m draws, M of them, m their mean, v = sum (a - m)^2 / (M - 1), N points times channels, c = sqrt(prod 1/n_j);
 * a norm runs over all N:
 *   l2 c|m - u|   rel_l2 |m - u| / (|u| + 1e-8)   h1 relative, as PNO_LOSS_H1   rmse sqrt(mean (m - u)^2)
 *   vrmse mean over channels of sqrt(mean (m - u)^2 / (var u + 1e-7))                         (The Well)
 *   energy c (sum_m |a_m - u| / M - sum_{m<k} |a_m - a_k| / (M (M - 1)))       fair; Gneiting & Raftery 2007, eq 21
 *   crps the same of each value, mean over N   nll Gaussian, sd = sqrt(v) clamped to [1e-6, 1e6], mean over N
 *   spread sqrt(mean v), skill sqrt(mean (m - u)^2), both over all samples; ssr sqrt((M + 1) / M) spread / skill
 *                                                                                            (Fortin et al. 2014)
 *   variogram mean of (|u_i - u_j|^.5 - mean_m |a_i - a_j|^.5)^2 over pairs of a channel at lags 1, 2, 4 along each axis
 *             inside the grid, weight 1 / lag                                      (Scheuerer & Hamill 2015, p = .5)
 *   coverage, width, interval_score of the central interval between the empirical quantiles (1 -+ level) / 2, linear
 *             between order statistics (numpy's and torch's); covered: strictly inside (Gneiting & Raftery eq 43)
 *   band_coverage, band_width, field_coverage, field_width of m -+ factor max(sd, 1e-6), conformal.h, ends included;
 *             pointwise the fraction of values, of the field whether all values lie inside
 *   reliability fraction of u at or below the empirical quantile .05 (i + 1); ece mean |reliability - nominal|
 *                                                                                       (Kuleshov et al. 2018)
 *   pit fraction of values with (draws below u + half of those equal) / M in a bin of 1/20
 *   rank the same for the rank among M + 1, spread evenly over its share of [0, 1]: flat for a calibrated ensemble of any
 *             M, where pit has steps; draws equal to u share the ranks they span
 *   spectrum_* |DFT / points|^2 summed over shells round(|k|), mean over channels: the shells add up to mean u^2
 * A value that is not finite makes the scores that see it NaN; squares below 1e-38 in a distance of draws vanish.
 * All functions are Local. */
#ifndef PNO_ENGINE_SCORE_SCORES_H
#define PNO_ENGINE_SCORE_SCORES_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"
#include "kernels/grid.h"

enum { PNO_LEVELS_MAX = 8, PNO_PIT_BINS = 20, PNO_QUANTILES = 19, PNO_SHELLS_MAX = 256 };

typedef struct {
  int dims, n[PNO_DIMS_MAX], channels; /* field [n..][channels] */
  int draws;                           /* M >= 1; 1: deterministic */
  int levels;
  double level[PNO_LEVELS_MAX]; /* of central intervals, inside (0, 1) */
  bool needs_draws;             /* false: memory independent of draws */
  bool spectra;
  bool calibrated; /* the factors hold; else the four scores of bands are NaN */
  bool unscaled;   /* sd taken as 1 in the bands */
  double point_factor[PNO_LEVELS_MAX], field_factor[PNO_LEVELS_MAX]; /* >= 0, infinite: everything is inside */
} pno_score_spec;

typedef struct pno_scorer pno_scorer;

/* Takes all memory that scoring needs. Not while another thread plans with FFTW. Errors: PNO_E_USAGE, PNO_E_NOMEM. */
pno_status pno_scorer_create(const pno_score_spec *spec, pno_scorer **out);
void pno_scorer_destroy(pno_scorer **s); /* takes NULL */

/* A sample: begin, add until spec.draws are there, end. truth is borrowed until end; draws [count][points][channels]. */
void pno_scorer_begin(pno_scorer *s, const float *truth);
void pno_scorer_add(pno_scorer *s, const float *draws, int count);

/* Mean variances over the field where the method separates them, between begin and end: aleatoric, and how much of the
 * variance of the draws is not epistemic. NaN, as where this is not called: unknown. */
void pno_scorer_parts(pno_scorer *s, double aleatoric, double in_draws);
void pno_scorer_end(pno_scorer *s, double *values); /* [pno_score_values] */

/* Doubles a sample, at any stage; the meaning of a place is known to pno_score_finish only. */
ptrdiff_t pno_score_values(const pno_score_spec *spec);

/* After end and until the next begin: [points][channels]. sd with M - 1, 0 for one draw. interval: the empirical
 * quantiles of spec.level[level]; NaN where draws are not held. */
const float *pno_scorer_mean(const pno_scorer *s);
const float *pno_scorer_sd(const pno_scorer *s);
void pno_scorer_interval(const pno_scorer *s, int level, float *lo, float *hi);

/* The pointwise conformal band of a calibrated spec, likewise. */
void pno_scorer_band(const pno_scorer *s, int level, float *lo, float *hi);

/* Doubles only up to samples: pno_score_names reaches them by offset. Lower is better except where a target is named. */
typedef struct {
  double l2, rel_l2, h1, rmse, vrmse, energy, crps, nll, spread, skill, ssr, variogram, ece, aleatoric, epistemic;
  double coverage[PNO_LEVELS_MAX], coverage_se[PNO_LEVELS_MAX]; /* _se: standard error over samples; NaN for one sample */
  double width[PNO_LEVELS_MAX], interval_score[PNO_LEVELS_MAX];
  double band_coverage[PNO_LEVELS_MAX], band_coverage_se[PNO_LEVELS_MAX], band_width[PNO_LEVELS_MAX];
  double field_coverage[PNO_LEVELS_MAX], field_coverage_se[PNO_LEVELS_MAX], field_width[PNO_LEVELS_MAX];
  double pit[PNO_PIT_BINS], rank[PNO_PIT_BINS];
  double reliability[PNO_QUANTILES];
  double spectrum_truth[PNO_SHELLS_MAX], spectrum_mean[PNO_SHELLS_MAX], spectrum_members[PNO_SHELLS_MAX];
  ptrdiff_t samples;
  int draws, levels, shells; /* shells 0: no spectra */
  double level[PNO_LEVELS_MAX];
} pno_scores_all;

typedef enum { PNO_SCORE_ONE, PNO_SCORE_LEVELS, PNO_SCORE_BINS, PNO_SCORE_QUANTILES, PNO_SCORE_SHELLS } pno_score_shape;

typedef struct {
  const char *name, *help;
  pno_score_shape shape;
  size_t offset; /* of the first double in pno_scores_all */
} pno_score_name;

/* Every score, in the order of the struct; ends with a NULL name. */
extern const pno_score_name pno_score_names[];

/* The doubles of a score and how many of them hold (0: no spectra). */
const double *pno_score_at(const pno_scores_all *all, const pno_score_name *name, int *count);

/* Means over samples, in sample order; spread, skill, ssr and ece of the whole set.
 * values: [samples][pno_score_values]. Errors: PNO_E_USAGE without samples. */
pno_status pno_score_finish(const pno_score_spec *spec, const double *values, ptrdiff_t samples, pno_scores_all *out);

#endif
