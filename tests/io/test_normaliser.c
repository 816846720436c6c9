#include "io/normaliser.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 7, POINTS = 15, CHANNELS = 3 };

static float data[SAMPLES][POINTS * CHANNELS];

static void fill(double offset) {
  unsigned state = 1;
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < POINTS * CHANNELS; i++) {
      state = state * 1664525u + 1013904223u;
      data[s][i] = (float)(offset + (double)(i % CHANNELS) + (double)(state >> 8) / (double)(1u << 24));
    }
}

static pno_normaliser *fit(pno_normalise kind) {
  pno_normaliser *z = NULL;
  cr_assert(pno_normaliser_create(kind, POINTS, CHANNELS, &z) == PNO_OK);
  double *partial = calloc((size_t)pno_normaliser_partial(z) + 1, sizeof *partial);
  for (int s = 0; s < SAMPLES; s++) {
    pno_normaliser_sums(z, data[s], partial);
    pno_normaliser_add(z, partial);
  }
  free(partial);
  cr_assert(pno_normaliser_finish(z) == PNO_OK);
  return z;
}

/* Mean and unbiased standard deviation in two passes of long double: the oracle. */
static void direct(int first, int step, int per_sample, double *mean, double *std) {
  long double sum = 0.0L, m2 = 0.0L;
  const long double n = (long double)SAMPLES * per_sample;
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < per_sample; i++) sum += data[s][first + i * step];
  for (int s = 0; s < SAMPLES; s++)
    for (int i = 0; i < per_sample; i++) {
      const long double d = data[s][first + i * step] - sum / n;
      m2 += d * d;
    }
  *mean = (double)(sum / n);
  *std = (double)sqrtl(m2 / (n - 1.0L));
}

static void near(float is, double should) {
  cr_assert(fabs((double)is - should) <= 1e-6 * fabs(should) + 1e-12, "%.9g instead of %.9g", (double)is, should);
}

Test(normaliser, channel_statistics_are_unbiased_and_keep_their_digits_under_a_large_mean) {
  static const double offsets[] = {0.0, -3.0, 4096.0};
  for (int k = 0; k < 3; k++) {
    fill(offsets[k]);
    pno_normaliser *z = fit(PNO_NORMALISE_CHANNEL);
    cr_assert(pno_normaliser_rows(z) == 1 && pno_normaliser_channels(z) == CHANNELS);
    for (int c = 0; c < CHANNELS; c++) {
      double mean, std;
      direct(c, CHANNELS, POINTS, &mean, &std);
      near(pno_normaliser_mean(z)[c], mean);
      near(pno_normaliser_std(z)[c], std);
      near(pno_normaliser_spread(z)[c], std + 1e-7);
      near(pno_normaliser_scale(z)[c], 1.0 / (std + 1e-7));
    }
    pno_normaliser_destroy(&z);
    cr_assert(z == NULL);
  }
}

Test(normaliser, point_statistics_are_those_of_each_point_and_channel) {
  fill(1.0);
  pno_normaliser *z = fit(PNO_NORMALISE_POINT);
  cr_assert(pno_normaliser_rows(z) == POINTS);
  for (int i = 0; i < POINTS * CHANNELS; i++) {
    double mean, std;
    direct(i, 1, 1, &mean, &std);
    near(pno_normaliser_mean(z)[i], mean);
    near(pno_normaliser_std(z)[i], std);
  }
  pno_normaliser_destroy(&z);
}

Test(normaliser, none_leaves_values_as_they_are) {
  fill(5.0);
  pno_normaliser *z = fit(PNO_NORMALISE_NONE);
  cr_assert(pno_normaliser_partial(z) == 0);
  for (int c = 0; c < CHANNELS; c++)
    cr_assert(pno_normaliser_mean(z)[c] == 0.0f && pno_normaliser_scale(z)[c] == 1.0f &&
              pno_normaliser_spread(z)[c] == 1.0f);
  pno_normaliser_destroy(&z);
}

/* What ranks do: partials computed anywhere, added in sample order. */
Test(normaliser, the_bits_do_not_depend_on_who_computed_the_partials) {
  fill(2.0);
  pno_normaliser *one = fit(PNO_NORMALISE_CHANNEL), *two = NULL;
  cr_assert(pno_normaliser_create(PNO_NORMALISE_CHANNEL, POINTS, CHANNELS, &two) == PNO_OK);
  double partial[SAMPLES][2 * CHANNELS];
  for (int s = SAMPLES - 1; s >= 0; s--) pno_normaliser_sums(two, data[s], partial[s]);
  for (int s = 0; s < SAMPLES; s++) pno_normaliser_add(two, partial[s]);
  cr_assert(pno_normaliser_finish(two) == PNO_OK);
  for (int c = 0; c < CHANNELS; c++)
    cr_assert(pno_normaliser_mean(one)[c] == pno_normaliser_mean(two)[c] &&
              pno_normaliser_std(one)[c] == pno_normaliser_std(two)[c]);
  pno_normaliser_destroy(&one);
  pno_normaliser_destroy(&two);
}

Test(normaliser, one_value_has_no_standard_deviation) {
  const float value = 3.0f;
  double partial[2];
  static const pno_normalise kinds[] = {PNO_NORMALISE_CHANNEL, PNO_NORMALISE_POINT};
  for (int k = 0; k < 2; k++) {
    pno_normaliser *z = NULL;
    cr_assert(pno_normaliser_create(kinds[k], 1, 1, &z) == PNO_OK);
    cr_assert(pno_normaliser_finish(z) == PNO_E_INPUT);
    pno_normaliser_sums(z, &value, partial);
    pno_normaliser_add(z, partial);
    cr_assert(pno_normaliser_finish(z) == PNO_E_INPUT);
    pno_normaliser_destroy(&z);
  }
}

Test(normaliser, takes_stored_statistics_and_refuses_unfit_ones) {
  pno_normaliser *z = NULL;
  const float mean[2] = {1.0f, 2.0f}, std[2] = {0.5f, 0.0f}, negative[2] = {1.0f, -1.0f}, nan_[2] = {NAN, 0.0f};
  cr_assert(pno_normaliser_create(PNO_NORMALISE_CHANNEL, 4, 2, &z) == PNO_OK);
  cr_assert(pno_normaliser_set(z, 3, mean, std) == PNO_E_SHAPE);
  cr_assert(pno_normaliser_set(z, 2, mean, negative) == PNO_E_INPUT);
  cr_assert(pno_normaliser_set(z, 2, nan_, std) == PNO_E_INPUT);
  cr_assert(pno_normaliser_std(z)[0] == 1.0f);
  cr_assert(pno_normaliser_set(z, 2, mean, std) == PNO_OK);
  cr_assert(pno_normaliser_mean(z)[1] == 2.0f && pno_normaliser_std(z)[0] == 0.5f);
  cr_assert(isfinite(pno_normaliser_scale(z)[1]));
  pno_normaliser_destroy(&z);
}

/* As a parameter of the equation that has one value in the training data: exactly 0 there, finite elsewhere. */
Test(normaliser, a_channel_that_never_changes_divides_by_one) {
  static const pno_normalise kinds[] = {PNO_NORMALISE_CHANNEL, PNO_NORMALISE_POINT};
  for (int k = 0; k < 2; k++) {
    fill(0.0);
    for (int s = 0; s < SAMPLES; s++)
      for (int p = 0; p < POINTS; p++) data[s][p * CHANNELS + 1] = 0.1f;
    pno_normaliser *z = fit(kinds[k]);
    for (ptrdiff_t r = 0; r < pno_normaliser_rows(z); r++) {
      const ptrdiff_t at = r * CHANNELS + 1;
      cr_assert(pno_normaliser_mean(z)[at] == 0.1f && pno_normaliser_std(z)[at] == 0.0f);
      cr_assert(pno_normaliser_divisor(z)[at] == 1.0f && pno_normaliser_spread(z)[at] == 1e-7f);
      cr_assert(pno_normaliser_divisor(z)[at + 1] == pno_normaliser_spread(z)[at + 1]);
    }
    pno_normaliser_destroy(&z);
  }
}

Test(normaliser, sizes_below_one_are_refused) {
  pno_normaliser *z = NULL;
  cr_assert(pno_normaliser_create(PNO_NORMALISE_CHANNEL, 0, 1, &z) == PNO_E_USAGE);
  cr_assert(pno_normaliser_create(PNO_NORMALISE_POINT, 1, 0, &z) == PNO_E_USAGE);
  cr_assert(z == NULL);
  pno_normaliser_destroy(&z);
  pno_normaliser_destroy(NULL);
}
