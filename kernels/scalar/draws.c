#include <math.h>

#include "kernels/scalar/table.h"

enum { SUMS = 8 };

/* sum (a - b)^2 in eight running sums, so that the loop vectorises, added in order. b NULL: 0. */
static double distance(ptrdiff_t n, const float *a, const float *b) {
  double s[SUMS] = {0}, total = 0;
  ptrdiff_t i = 0;
  for (; i + SUMS <= n; i += SUMS) {
    for (int j = 0; j < SUMS; j++) {
      const double d = (double)a[i + j] - (b ? (double)b[i + j] : 0.0);
      s[j] += d * d;
    }
  }
  for (int j = 0; i < n; i++, j++) {
    const double d = (double)a[i] - (b ? (double)b[i] : 0.0);
    s[j] += d * d;
  }
  for (int j = 0; j < SUMS; j++) total += s[j];
  return total;
}

static void distances(const pno_draws *a, ptrdiff_t at, ptrdiff_t n, double *sums) {
  const float *u = a->target + at;
  *sums++ = distance(n, u, NULL);
  for (int m = 0; m < a->draws; m++) *sums++ = distance(n, a->output + m * a->values + at, u);
  for (int m = 0; m < a->draws; m++)
    for (int k = m + 1; k < a->draws; k++)
      *sums++ = distance(n, a->output + m * a->values + at, a->output + k * a->values + at);
}

/* of one value: y steps from draw to draw */
static double crps(const pno_draws *a, const float *y, float u) {
  double near = 0, apart = 0;
  for (int m = 0; m < a->draws; m++) {
    const double ym = y[m * a->values];
    near += fabs(ym - (double)u);
    for (int k = m + 1; k < a->draws; k++) apart += fabs(ym - (double)y[k * a->values]);
  }
  return near / a->draws - (double)a->spread * apart;
}

typedef struct {
  double mean, variance;
  bool clamped; /* the variance is the least one: it does not move with the draws */
} moments;

static moments moments_of(const pno_draws *a, const float *y) {
  const double least = 1e-12;
  moments s = {.mean = 0};
  for (int m = 0; m < a->draws; m++) s.mean += (double)y[m * a->values];
  s.mean /= a->draws;
  for (int m = 0; m < a->draws; m++) {
    const double d = (double)y[m * a->values] - s.mean;
    s.variance += d * d;
  }
  s.variance /= a->draws - 1;
  s.clamped = s.variance < least;
  if (s.clamped) s.variance = least;
  return s;
}

static double nll(const pno_draws *a, const float *y, float u) {
  const double two_pi = 6.283185307179586;
  const moments s = moments_of(a, y);
  const double e = (double)u - s.mean;
  return 0.5 * (log(two_pi * s.variance) + e * e / s.variance);
}

static ptrdiff_t step_values(const pno_draws *a, ptrdiff_t step) {
  const ptrdiff_t rest = a->values - step * PNO_STEP;
  return rest < PNO_STEP ? rest : PNO_STEP;
}

void pno_scalar_draws_sums(const pno_draws *a, ptrdiff_t step, ptrdiff_t count) {
  const int terms = pno_draws_terms(a->kind, a->draws);
  for (ptrdiff_t b = step; b < step + count; b++) {
    const ptrdiff_t at = b * PNO_STEP, n = step_values(a, b);
    double *sums = a->sums + b * terms;
    if (a->kind == PNO_DRAWS_DISTANCES) {
      distances(a, at, n, sums);
      continue;
    }
    sums[0] = 0;
    for (ptrdiff_t i = at; i < at + n; i++)
      sums[0] += (a->kind == PNO_DRAWS_CRPS ? crps : nll)(a, a->output + i, a->target[i]);
  }
}

static void distances_gradient(const pno_draws *a, ptrdiff_t at, ptrdiff_t n) {
  const double *pair = a->factor + 1 + a->draws;
  for (int m = 0; m < a->draws; m++) {
    const float f = (float)a->factor[1 + m], *y = a->output + m * a->values;
    float *dy = a->dy + m * a->values;
    for (ptrdiff_t i = at; i < at + n; i++) dy[i] = f * (y[i] - a->target[i]);
  }
  for (int m = 0; m < a->draws; m++) {
    for (int k = m + 1; k < a->draws; k++) {
      const float f = (float)*pair++, *ym = a->output + m * a->values, *yk = a->output + k * a->values;
      float *dm = a->dy + m * a->values, *dk = a->dy + k * a->values;
      for (ptrdiff_t i = at; i < at + n; i++) {
        const float g = f * (ym[i] - yk[i]);
        dm[i] += g;
        dk[i] -= g;
      }
    }
  }
}

static double sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }

/* y and dy: of one value, stepping from draw to draw */
static void crps_gradient(const pno_draws *a, const float *y, float u, float *dy) {
  for (int m = 0; m < a->draws; m++) {
    double g = sign((double)y[m * a->values] - (double)u) / a->draws;
    for (int k = 0; k < a->draws; k++)
      g -= (double)a->spread * sign((double)y[m * a->values] - (double)y[k * a->values]);
    dy[m * a->values] = (float)(a->factor[0] * g);
  }
}

static void nll_gradient(const pno_draws *a, const float *y, float u, float *dy) {
  const moments s = moments_of(a, y);
  const double e = (double)u - s.mean, by_mean = -e / s.variance / a->draws;
  const double by_variance = s.clamped ? 0 : 0.5 / s.variance * (1.0 - e * e / s.variance) * 2.0 / (a->draws - 1);
  for (int m = 0; m < a->draws; m++)
    dy[m * a->values] = (float)(a->factor[0] * (by_mean + by_variance * ((double)y[m * a->values] - s.mean)));
}

void pno_scalar_draws_gradient(const pno_draws *a, ptrdiff_t step, ptrdiff_t count) {
  for (ptrdiff_t b = step; b < step + count; b++) {
    const ptrdiff_t at = b * PNO_STEP, n = step_values(a, b);
    if (a->kind == PNO_DRAWS_DISTANCES) {
      distances_gradient(a, at, n);
      continue;
    }
    for (ptrdiff_t i = at; i < at + n; i++)
      (a->kind == PNO_DRAWS_CRPS ? crps_gradient : nll_gradient)(a, a->output + i, a->target[i], a->dy + i);
  }
}
