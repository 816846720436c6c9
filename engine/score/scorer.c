#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/score/conformal.h"
#include "engine/score/score_impl.h"

static pno_status check(const pno_score_spec *p) {
  if (p->dims < 1 || p->dims > PNO_DIMS_MAX)
    return pno_fail(PNO_E_USAGE, "scores of %d axes, 1 to %d", p->dims, PNO_DIMS_MAX);
  if (p->channels < 1 || p->draws < 1)
    return pno_fail(PNO_E_USAGE, "scores of %d channels, %d draws", p->channels, p->draws);
  if (p->levels < 0 || p->levels > PNO_LEVELS_MAX)
    return pno_fail(PNO_E_USAGE, "%d levels of intervals, 0 to %d", p->levels, PNO_LEVELS_MAX);
  ptrdiff_t left = PTRDIFF_MAX / 256 / p->channels; /* no size below overflows */
  for (int j = 0; j < p->dims; j++) {
    if (p->n[j] < 1 || (left /= p->n[j]) < 1)
      return pno_fail(PNO_E_USAGE, "scores of a field of extent %d on axis %d", p->n[j], j);
  }
  for (int l = 0; l < p->levels; l++) {
    if (!(p->level[l] > 0 && p->level[l] < 1))
      return pno_fail(PNO_E_USAGE, "level %g of an interval is not inside (0, 1)", p->level[l]);
    if (p->calibrated && !(p->point_factor[l] >= 0 && p->field_factor[l] >= 0))
      return pno_fail(PNO_E_USAGE, "factors %g and %g of the bands of level %g", p->point_factor[l], p->field_factor[l],
                      p->level[l]);
  }
  return PNO_OK;
}

static pno_status lend_held(pno_scorer *s, pno_arena *a) {
  const pno_score_spec *p = &s->spec;
  if (!s->held) return PNO_OK;
  const size_t rows = (size_t)s->rows, blocks = (size_t)s->blocks;
  if (blocks > SIZE_MAX / 8 / rows / SCORE_BLOCK || rows > SIZE_MAX / 16 / rows)
    return pno_fail(PNO_E_NOMEM, "%d draws of %td values do not fit the address space", p->draws, s->values);
  PNO_TRY(PNO_PUSH(a, blocks * rows * SCORE_BLOCK, &s->hold));
  PNO_TRY(PNO_PUSH(a, rows * rows, &s->distance2));
  PNO_TRY(PNO_PUSH(a, rows * SCORE_COLUMNS, &s->column));
  PNO_TRY(PNO_PUSH(a, rows, &s->untied));
  return PNO_PUSH(a, 2 * (ptrdiff_t)p->levels * s->values, &s->quantiles);
}

/* Once to measure, once for good. */
static pno_status lend(pno_scorer *s, pno_arena *a) {
  PNO_TRY(PNO_PUSH(a, s->values, &s->error));
  PNO_TRY(PNO_PUSH(a, s->values, &s->variance));
  PNO_TRY(PNO_PUSH(a, s->values, &s->mean));
  PNO_TRY(PNO_PUSH(a, s->values, &s->sd));
  PNO_TRY(lend_held(s, a));
  return score_spectrum_lend(s, a);
}

static pno_status make(pno_scorer *s) {
  const pno_score_spec *p = &s->spec;
  s->held = score_holds(p);
  s->rows = p->draws + 1;
  s->shells = score_shells(p);
  s->points = 1;
  for (int j = 0; j < p->dims; j++) s->points *= p->n[j];
  s->values = s->points * p->channels;
  s->blocks = (s->values + SCORE_BLOCK - 1) / SCORE_BLOCK;
  s->c = sqrt(1 / (double)s->points);
  for (int i = 0; i < PNO_QUANTILES; i++) s->nominal[i] = score_quantile_of((i + 1) / (PNO_QUANTILES + 1.0), p->draws);
  for (int l = 0; l < p->levels; l++)
    for (int i = 0; i < 2; i++) s->side[l][i] = score_quantile_of((1 + (2 * i - 1) * p->level[l]) / 2, p->draws);
  pno_arena measure = pno_arena_measure("scores", PNO_SPACE_HOST);
  PNO_TRY(lend(s, &measure));
  PNO_TRY(pno_arena_create("scores", PNO_SPACE_HOST, measure.peak, &s->arena));
  PNO_TRY(lend(s, &s->arena));
  return score_spectrum_plan(s);
}

pno_status pno_scorer_create(const pno_score_spec *spec, pno_scorer **out) {
  PNO_TRY(check(spec));
  pno_scorer *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a scorer");
  s->spec = *spec;
  const pno_status st = make(s);
  if (st == PNO_OK)
    *out = s;
  else
    pno_scorer_destroy(&s);
  return st;
}

void pno_scorer_destroy(pno_scorer **s) {
  if (!s || !*s) return;
  if ((*s)->plan) fftw_destroy_plan((*s)->plan);
  pno_arena_destroy(&(*s)->arena);
  free(*s);
  *s = NULL;
}

/* Values of block b that lie in the field. */
static int block_values(const pno_scorer *s, ptrdiff_t b) {
  const ptrdiff_t left = s->values - b * SCORE_BLOCK;
  return left < SCORE_BLOCK ? (int)left : SCORE_BLOCK;
}

static void hold(pno_scorer *s, ptrdiff_t b, int row, const float *field) {
  float *at = s->hold + (b * s->rows + row) * SCORE_BLOCK;
  memcpy(at, field + b * SCORE_BLOCK, sizeof(float) * (size_t)block_values(s, b));
}

void pno_scorer_begin(pno_scorer *s, const float *truth) {
  s->truth = truth;
  s->given = 0;
  s->parts[0] = s->parts[1] = NAN;
  memset(s->error, 0, sizeof(double) * (size_t)s->values);
  memset(s->variance, 0, sizeof(double) * (size_t)s->values);
  if (s->shells > 0) memset(s->member_power, 0, sizeof(double) * (size_t)s->shells);
  for (ptrdiff_t b = 0; s->held && b < s->blocks; b++) hold(s, b, s->spec.draws, truth);
}

/* Sums of the distance from the first draw: no digits are lost to an offset, and equal draws have variance 0. */
static void add_moments(const float *restrict draw, const float *restrict first, int n, double *restrict sum,
                        double *restrict square) {
  for (int i = 0; i < n; i++) {
    const double d = (double)draw[i] - first[i];
    sum[i] += d;
    square[i] += d * d;
  }
}

void pno_scorer_add(pno_scorer *s, const float *draws, int count) {
  assert(count >= 0 && s->given + count <= s->spec.draws);
  if (s->given == 0 && count > 0) memcpy(s->mean, draws, sizeof(float) * (size_t)s->values);
  for (ptrdiff_t b = 0; b < s->blocks; b++) {
    const ptrdiff_t at = b * SCORE_BLOCK;
    for (int m = 0; m < count; m++) {
      const float *draw = draws + m * s->values;
      add_moments(draw + at, s->mean + at, block_values(s, b), s->error + at, s->variance + at);
      if (s->held) hold(s, b, s->given + m, draw);
    }
  }
  for (int m = 0; s->shells > 0 && m < count; m++) score_spectrum(s, draws + m * s->values, NULL, s->member_power);
  s->given += count;
}

void pno_scorer_parts(pno_scorer *s, double aleatoric, double in_draws) {
  s->parts[0] = aleatoric;
  s->parts[1] = in_draws;
}

static void finish_moments(pno_scorer *s) {
  const int draws = s->spec.draws;
  for (ptrdiff_t i = 0; i < s->values; i++) {
    const double sum = s->error[i], shift = sum / draws, first = s->mean[i];
    const double v = draws > 1 ? (s->variance[i] - sum * shift) / (draws - 1) : 0;
    s->variance[i] = v < 0 ? 0 : v;
    s->error[i] = first - s->truth[i] + shift;
    s->mean[i] = (float)(first + shift);
    s->sd[i] = (float)sqrt(s->variance[i]);
  }
}

/* The Well's: the variance of the truth with points - 1, as torch.std. */
static double vrmse(const pno_scorer *s) {
  const int channels = s->spec.channels;
  double sum = 0;
  for (int c = 0; c < channels; c++) {
    double mean = 0, square = 0, error2 = 0;
    for (ptrdiff_t i = c; i < s->values; i += channels) mean += s->truth[i];
    mean /= (double)s->points;
    for (ptrdiff_t i = c; i < s->values; i += channels) {
      square += (s->truth[i] - mean) * (s->truth[i] - mean);
      error2 += s->error[i] * s->error[i];
    }
    const double variance = s->points > 1 ? square / (double)(s->points - 1) : 0;
    sum += sqrt(error2 / (double)s->points / (variance + 1e-7));
  }
  return sum / channels;
}

/* Adds sums over the field of |d_j f|^2 of error and truth, d_j f = (f[i+1] - f[i-1]) / (2 h), periodic. */
static void add_slopes(const pno_scorer *s, int extent, ptrdiff_t step, double *error2, double *truth2) {
  const double half_n = 0.5 * extent;
  for (ptrdiff_t first = 0; first < s->values; first += step * extent)
    for (int k = 0; k < extent; k++) {
      const ptrdiff_t up = first + (k + 1 < extent ? k + 1 : 0) * step,
                      down = first + (k > 0 ? k - 1 : extent - 1) * step;
      for (ptrdiff_t i = 0; i < step; i++) {
        const double e = (s->error[up + i] - s->error[down + i]) * half_n;
        const double u = ((double)s->truth[up + i] - s->truth[down + i]) * half_n;
        *error2 += e * e;
        *truth2 += u * u;
      }
    }
}

static void score_mean(const pno_scorer *s, double *values) {
  const double n = (double)s->values, half_log_2pi = 0.91893853320467274178, eps = 1e-8;
  double error2 = 0, truth2 = 0, variance = 0, nll = 0;
  for (ptrdiff_t i = 0; i < s->values; i++) {
    const double e = s->error[i], v = s->variance[i], u = s->truth[i];
    const double clamped = v < 1e-12 ? 1e-12 : v > 1e12 ? 1e12 : v;
    error2 += e * e;
    truth2 += u * u;
    variance += v;
    nll += 0.5 * (log(clamped) + e * e / clamped);
  }
  values[AT_L2] = s->c * sqrt(error2);
  values[AT_REL_L2] = sqrt(error2) / (sqrt(truth2) + eps);
  values[AT_MSE] = error2 / n;
  values[AT_VARIANCE] = variance / n;
  values[AT_NLL] = nll / n + half_log_2pi;
  values[AT_VRMSE] = vrmse(s);
  ptrdiff_t step = s->spec.channels;
  for (int j = s->spec.dims - 1; j >= 0; j--) {
    add_slopes(s, s->spec.n[j], step, &error2, &truth2);
    step *= s->spec.n[j];
  }
  values[AT_H1] = sqrt(error2) / (sqrt(truth2) + eps);
}

static void score_bands(const pno_scorer *s, double *values) {
  const pno_score_spec *p = &s->spec;
  double inside[PNO_LEVELS_MAX] = {0}, sd_sum = 0;
  float largest = 0;
  for (ptrdiff_t i = 0; i < s->values; i++) {
    const float sd = p->unscaled ? 1 : s->sd[i], r = pno_conformal_ratio(s->truth[i], s->mean[i], sd);
    for (int l = 0; l < p->levels; l++) inside[l] += r <= p->point_factor[l];
    largest = r > largest ? r : largest;
    sd_sum += sd < PNO_CONFORMAL_SD_FLOOR ? PNO_CONFORMAL_SD_FLOOR : sd;
  }
  for (int l = 0; l < p->levels; l++) {
    const double n = (double)s->values, nothing = p->calibrated ? 0 : NAN;
    values[score_at_level(p, IN_BAND_COVERAGE, l)] = inside[l] / n + nothing;
    values[score_at_level(p, IN_BAND_WIDTH, l)] = 2 * p->point_factor[l] * sd_sum / n + nothing;
    values[score_at_level(p, IN_FIELD_COVERAGE, l)] = (largest <= p->field_factor[l]) + nothing;
    values[score_at_level(p, IN_FIELD_WIDTH, l)] = 2 * p->field_factor[l] * sd_sum / n + nothing;
  }
}

static void score_nothing(const pno_scorer *s, double *values) {
  const pno_score_spec *p = &s->spec;
  values[AT_ENERGY] = values[AT_CRPS] = values[AT_VARIOGRAM] = NAN;
  for (ptrdiff_t i = AT_ARRAYS; i < score_at_level(p, IN_BAND_COVERAGE, 0); i++) values[i] = NAN;
  for (ptrdiff_t i = score_at_pit(p); i < score_at_spectra(p); i++) values[i] = NAN;
}

void pno_scorer_end(pno_scorer *s, double *values) {
  assert(s->given == s->spec.draws);
  memset(values, 0, sizeof(double) * (size_t)pno_score_values(&s->spec));
  finish_moments(s);
  score_mean(s, values);
  if (s->held) {
    score_energy(s, values);
    score_ranks(s, values);
    score_variogram(s, values);
  } else {
    score_nothing(s, values);
  }
  score_bands(s, values);
  values[AT_ALEATORIC] = s->parts[0];
  values[AT_EPISTEMIC] = values[AT_VARIANCE] - s->parts[1];
  double *power = values + score_at_spectra(&s->spec);
  if (s->shells > 0) {
    score_spectrum(s, s->truth, NULL, power);
    score_spectrum(s, s->truth, s->error, power + s->shells); /* the mean, not rounded to float */
    for (int k = 0; k < s->shells; k++) power[2 * s->shells + k] = s->member_power[k] / s->spec.draws;
  }
  s->truth = NULL;
}

const float *pno_scorer_mean(const pno_scorer *s) { return s->mean; }

const float *pno_scorer_sd(const pno_scorer *s) { return s->sd; }

void pno_scorer_interval(const pno_scorer *s, int level, float *lo, float *hi) {
  assert(level >= 0 && level < s->spec.levels);
  for (ptrdiff_t i = 0; i < s->values; i++) {
    const float *at = s->held ? s->quantiles + 2 * level * s->values + i : NULL;
    lo[i] = at ? at[0] : NAN;
    hi[i] = at ? at[s->values] : NAN;
  }
}

void pno_scorer_band(const pno_scorer *s, int level, float *lo, float *hi) {
  const float factor = (float)s->spec.point_factor[level];
  assert(s->spec.calibrated && level < s->spec.levels);
  for (ptrdiff_t i = 0; i < s->values; i++) {
    const float sd = s->spec.unscaled ? 1 : s->sd[i] < PNO_CONFORMAL_SD_FLOOR ? PNO_CONFORMAL_SD_FLOOR : s->sd[i];
    lo[i] = s->mean[i] - factor * sd;
    hi[i] = s->mean[i] + factor * sd;
  }
}
