#include <math.h>

#include "engine/score/score_impl.h"

ptrdiff_t pno_score_values(const pno_score_spec *spec) {
  return score_at_spectra(spec) + 3 * (ptrdiff_t)score_shells(spec);
}

#define ROW(field, shape, help) \
  { #field, help, PNO_SCORE_##shape, offsetof(pno_scores_all, field) }
const pno_score_name pno_score_names[] = {
    ROW(l2, ONE, "L2 norm of the error of the mean"),
    ROW(rel_l2, ONE, "the same relative to the truth"),
    ROW(h1, ONE, "relative H1 norm of the error of the mean"),
    ROW(rmse, ONE, "root mean square error of the mean"),
    ROW(vrmse, ONE, "the same relative to the standard deviation of each channel of the truth"),
    ROW(energy, ONE, "energy score, fair"),
    ROW(crps, ONE, "continuous ranked probability score, fair"),
    ROW(nll, ONE, "Gaussian negative log-likelihood"),
    ROW(spread, ONE, "root mean variance of the draws"),
    ROW(skill, ONE, "root mean square error of the mean, over all samples"),
    ROW(ssr, ONE, "spread-skill ratio, 1 when calibrated"),
    ROW(variogram, ONE, "variogram score of order 0.5"),
    ROW(ece, ONE, "mean distance of reliability from nominal"),
    ROW(aleatoric, ONE, "mean variance within a model"),
    ROW(epistemic, ONE, "mean variance between models"),
    ROW(coverage, LEVELS, "fraction inside the central interval"),
    ROW(coverage_se, LEVELS, "standard error of coverage over samples"),
    ROW(width, LEVELS, "mean width of the central interval"),
    ROW(interval_score, LEVELS, "interval score of the central interval"),
    ROW(band_coverage, LEVELS, "fraction inside the pointwise conformal band"),
    ROW(band_coverage_se, LEVELS, "standard error of band_coverage over samples"),
    ROW(band_width, LEVELS, "mean width of the pointwise conformal band"),
    ROW(field_coverage, LEVELS, "fraction of fields all inside the conformal band of fields"),
    ROW(field_coverage_se, LEVELS, "standard error of field_coverage over samples"),
    ROW(field_width, LEVELS, "mean width of the conformal band of fields"),
    ROW(pit, BINS, "histogram of the probability integral transform"),
    ROW(rank, BINS, "rank histogram, flat when calibrated"),
    ROW(reliability, QUANTILES, "fraction at or below the quantiles 0.05 .. 0.95"),
    ROW(spectrum_truth, SHELLS, "power of the truth"),
    ROW(spectrum_mean, SHELLS, "power of the mean of the draws"),
    ROW(spectrum_members, SHELLS, "mean power of the draws"),
    {NULL, NULL, PNO_SCORE_ONE, 0}};

const double *pno_score_at(const pno_scores_all *all, const pno_score_name *name, int *count) {
  const int counts[] = {[PNO_SCORE_ONE] = 1,
                        [PNO_SCORE_LEVELS] = all->levels,
                        [PNO_SCORE_BINS] = PNO_PIT_BINS,
                        [PNO_SCORE_QUANTILES] = PNO_QUANTILES,
                        [PNO_SCORE_SHELLS] = all->shells};
  *count = counts[name->shape];
  return (const double *)(const void *)((const char *)all + name->offset);
}

/* Rows of all samples. */
typedef struct {
  const double *values;
  ptrdiff_t row, samples;
} table;

static double mean(const table *t, ptrdiff_t at) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < t->samples; i++) sum += t->values[i * t->row + at];
  return sum / (double)t->samples;
}

static void means(const table *t, ptrdiff_t at, int n, double *out) {
  for (int i = 0; i < n; i++) out[i] = mean(t, at + i);
}

static double mean_root(const table *t, ptrdiff_t at) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < t->samples; i++) sum += sqrt(t->values[i * t->row + at]);
  return sum / (double)t->samples;
}

static double standard_error(const table *t, ptrdiff_t at, double about) {
  double square = 0;
  for (ptrdiff_t i = 0; i < t->samples; i++) {
    const double d = t->values[i * t->row + at] - about;
    square += d * d;
  }
  return t->samples > 1 ? sqrt(square / (double)(t->samples - 1) / (double)t->samples) : NAN;
}

static void finish_levels(const pno_score_spec *p, const table *t, pno_scores_all *out) {
  double *const to[SCORE_LEVEL_ARRAYS] = {[IN_COVERAGE] = out->coverage,
                                          [IN_WIDTH] = out->width,
                                          [IN_INTERVAL_SCORE] = out->interval_score,
                                          [IN_BAND_COVERAGE] = out->band_coverage,
                                          [IN_BAND_WIDTH] = out->band_width,
                                          [IN_FIELD_COVERAGE] = out->field_coverage,
                                          [IN_FIELD_WIDTH] = out->field_width};
  for (int a = 0; a < SCORE_LEVEL_ARRAYS; a++) means(t, score_at_level(p, a, 0), p->levels, to[a]);
  for (int l = 0; l < p->levels; l++) {
    out->level[l] = p->level[l];
    out->coverage_se[l] = standard_error(t, score_at_level(p, IN_COVERAGE, l), out->coverage[l]);
    out->band_coverage_se[l] = standard_error(t, score_at_level(p, IN_BAND_COVERAGE, l), out->band_coverage[l]);
    out->field_coverage_se[l] = standard_error(t, score_at_level(p, IN_FIELD_COVERAGE, l), out->field_coverage[l]);
  }
}

static void finish_calibration(const pno_score_spec *p, const table *t, pno_scores_all *out) {
  means(t, score_at_pit(p), PNO_PIT_BINS, out->pit);
  means(t, score_at_rank(p), PNO_PIT_BINS, out->rank);
  means(t, score_at_reliability(p), PNO_QUANTILES, out->reliability);
  for (int i = 0; i < PNO_QUANTILES; i++)
    out->ece += fabs(out->reliability[i] - (i + 1) / (PNO_QUANTILES + 1.0)) / PNO_QUANTILES;
  out->spread = sqrt(mean(t, AT_VARIANCE));
  out->skill = sqrt(mean(t, AT_MSE));
  /* Without spread 0 also where the mean is exact, as with one draw that is. */
  out->ssr =
      out->spread > 0 || isnan(out->skill) ? sqrt((p->draws + 1.0) / p->draws) * out->spread / out->skill : out->spread;
}

pno_status pno_score_finish(const pno_score_spec *spec, const double *values, ptrdiff_t samples, pno_scores_all *out) {
  if (samples < 1) return pno_fail(PNO_E_USAGE, "scores of %td samples", samples);
  const table t = {values, pno_score_values(spec), samples};
  *out = (pno_scores_all){.samples = samples,
                          .draws = spec->draws,
                          .levels = spec->levels,
                          .shells = score_shells(spec),
                          .l2 = mean(&t, AT_L2),
                          .rel_l2 = mean(&t, AT_REL_L2),
                          .h1 = mean(&t, AT_H1),
                          .rmse = mean_root(&t, AT_MSE),
                          .vrmse = mean(&t, AT_VRMSE),
                          .energy = mean(&t, AT_ENERGY),
                          .crps = mean(&t, AT_CRPS),
                          .nll = mean(&t, AT_NLL),
                          .variogram = mean(&t, AT_VARIOGRAM),
                          .aleatoric = mean(&t, AT_ALEATORIC),
                          .epistemic = mean(&t, AT_EPISTEMIC)};
  finish_levels(spec, &t, out);
  finish_calibration(spec, &t, out);
  const ptrdiff_t at = score_at_spectra(spec);
  means(&t, at, out->shells, out->spectrum_truth);
  means(&t, at + out->shells, out->shells, out->spectrum_mean);
  means(&t, at + 2 * (ptrdiff_t)out->shells, out->shells, out->spectrum_members);
  return PNO_OK;
}
