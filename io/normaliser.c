#include "io/normaliser.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* neuraloperator 2.0, UnitGaussianNormalizer */
static const float eps = 1e-7f;

struct pno_normaliser {
  pno_normalise kind;
  ptrdiff_t points, rows, count; /* count: values added to each entry so far */
  int channels;
  double *sum_mean, *sum_m2;          /* [rows][channels], owned; running mean and squared differences */
  float *mean, *std, *scale, *spread, *divisor; /* [rows][channels], owned */
};

static ptrdiff_t entries(const pno_normaliser *z) { return z->rows * z->channels; }

static void fill_derived(pno_normaliser *z) {
  for (ptrdiff_t i = 0; i < entries(z); i++) {
    z->spread[i] = z->kind == PNO_NORMALISE_NONE ? 1.0f : z->std[i] + eps;
    z->scale[i] = 1.0f / z->spread[i];
    z->divisor[i] = z->std[i] == 0.0f ? 1.0f : z->spread[i];
  }
}

pno_status pno_normaliser_create(pno_normalise kind, ptrdiff_t points, int channels, pno_normaliser **out) {
  if (points < 1 || channels < 1)
    return pno_fail(PNO_E_USAGE, "a normaliser of %td points and %d channels", points, channels);
  pno_normaliser *z = calloc(1, sizeof *z);
  if (!z) return pno_fail(PNO_E_NOMEM, "no memory for a normaliser");
  *z = (pno_normaliser){
      .kind = kind, .points = points, .channels = channels, .rows = kind == PNO_NORMALISE_POINT ? points : 1};
  const size_t rows = (size_t)z->rows, row = (size_t)channels * sizeof(double), row4 = (size_t)channels * sizeof(float);
  z->sum_mean = calloc(rows, row);
  z->sum_m2 = calloc(rows, row);
  z->mean = calloc(rows, row4);
  z->std = calloc(rows, row4);
  z->scale = calloc(rows, row4);
  z->spread = calloc(rows, row4);
  z->divisor = calloc(rows, row4);
  if (!z->sum_mean || !z->sum_m2 || !z->mean || !z->std || !z->scale || !z->spread || !z->divisor) {
    pno_normaliser_destroy(&z);
    return pno_fail(PNO_E_NOMEM, "no memory for a normaliser of %td points and %d channels", points, channels);
  }
  for (ptrdiff_t i = 0; i < entries(z); i++) z->std[i] = 1.0f;
  fill_derived(z);
  *out = z;
  return PNO_OK;
}

void pno_normaliser_destroy(pno_normaliser **z) {
  if (!z || !*z) return;
  free((*z)->sum_mean);
  free((*z)->sum_m2);
  free((*z)->mean);
  free((*z)->std);
  free((*z)->scale);
  free((*z)->spread);
  free((*z)->divisor);
  free(*z);
  *z = NULL;
}

ptrdiff_t pno_normaliser_partial(const pno_normaliser *z) {
  if (z->kind == PNO_NORMALISE_CHANNEL) return 2 * (ptrdiff_t)z->channels;
  return z->kind == PNO_NORMALISE_POINT ? entries(z) : 0;
}

void pno_normaliser_sums(const pno_normaliser *z, const float *sample, double *partial) {
  const ptrdiff_t channels = z->channels;
  if (z->kind == PNO_NORMALISE_POINT)
    for (ptrdiff_t i = 0; i < entries(z); i++) partial[i] = (double)sample[i];
  if (z->kind != PNO_NORMALISE_CHANNEL) return;
  /* Two passes: the squares are taken about the sample's own mean, so that a large mean costs no digits. */
  for (ptrdiff_t c = 0; c < channels; c++) {
    double sum = 0.0, m2 = 0.0;
    for (ptrdiff_t p = 0; p < z->points; p++) sum += (double)sample[p * channels + c];
    const double mean = sum / (double)z->points;
    for (ptrdiff_t p = 0; p < z->points; p++) {
      const double d = (double)sample[p * channels + c] - mean;
      m2 += d * d;
    }
    partial[c] = mean;
    partial[channels + c] = m2;
  }
}

/* Chan, Golub and LeVeque 1983: joins n_b values of (mean_b, m2_b) to the n_a values of entry i. */
static void join(pno_normaliser *z, ptrdiff_t i, double n_b, double mean_b, double m2_b) {
  const double n_a = (double)z->count, n = n_a + n_b, d = mean_b - z->sum_mean[i];
  z->sum_mean[i] += d * (n_b / n);
  z->sum_m2[i] += m2_b + d * d * (n_a * n_b / n);
}

void pno_normaliser_add(pno_normaliser *z, const double *partial) {
  if (z->kind == PNO_NORMALISE_NONE) return;
  const bool point = z->kind == PNO_NORMALISE_POINT;
  for (ptrdiff_t i = 0; i < entries(z); i++)
    join(z, i, point ? 1.0 : (double)z->points, partial[i], point ? 0.0 : partial[entries(z) + i]);
  z->count += point ? 1 : z->points;
}

pno_status pno_normaliser_finish(pno_normaliser *z) {
  if (z->kind == PNO_NORMALISE_NONE) return PNO_OK;
  if (z->count < 2)
    return pno_fail(PNO_E_INPUT, "%td values for a normaliser's standard deviation, at least 2 are needed", z->count);
  for (ptrdiff_t i = 0; i < entries(z); i++) {
    z->mean[i] = (float)z->sum_mean[i];
    z->std[i] = (float)sqrt(z->sum_m2[i] / (double)(z->count - 1));
  }
  fill_derived(z);
  return PNO_OK;
}

pno_status pno_normaliser_set(pno_normaliser *z, ptrdiff_t n, const float *mean, const float *std) {
  if (n != entries(z))
    return pno_fail(PNO_E_SHAPE, "%td normaliser values, this one has %td points x %d channels", n, z->rows,
                    z->channels);
  for (ptrdiff_t i = 0; i < n; i++)
    if (!isfinite(mean[i]) || !isfinite(std[i]) || std[i] < 0.0f)
      return pno_fail(PNO_E_INPUT, "normaliser entry %td has mean %g and std %g", i, (double)mean[i], (double)std[i]);
  for (ptrdiff_t i = 0; i < n; i++) {
    z->mean[i] = mean[i];
    z->std[i] = std[i];
  }
  fill_derived(z);
  return PNO_OK;
}

pno_normalise pno_normaliser_kind(const pno_normaliser *z) { return z->kind; }
ptrdiff_t pno_normaliser_rows(const pno_normaliser *z) { return z->rows; }
int pno_normaliser_channels(const pno_normaliser *z) { return z->channels; }
const float *pno_normaliser_mean(const pno_normaliser *z) { return z->mean; }
const float *pno_normaliser_std(const pno_normaliser *z) { return z->std; }
const float *pno_normaliser_scale(const pno_normaliser *z) { return z->scale; }
const float *pno_normaliser_spread(const pno_normaliser *z) { return z->spread; }
const float *pno_normaliser_divisor(const pno_normaliser *z) { return z->divisor; }
