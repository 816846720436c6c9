#include "engine/score/conformal.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

enum { POINTS = 32, SAMPLES = 100, FRESH = 40, TRIALS = 2500, FIELDS = SAMPLES + FRESH };

/* A world where the model is wrong in every way that must not matter: fields with correlated errors whose sd varies from
 * point to point and from sample to sample, of which the model states another one. */
typedef struct {
  float truth[FIELDS][POINTS], mean[FIELDS][POINTS], sd[FIELDS][POINTS];
} world;

static void draw(world *w, uint32_t trial) {
  static double z[FIELDS * (2 * POINTS + 1)];
  const pno_rng rng = {.seed = 20261126, .stream = PNO_STREAM_FIELD, .sample = trial};
  const double keep = 0.9, fresh = sqrt(1 - keep * keep);
  pno_rng_normals(&rng, 0, (ptrdiff_t)(sizeof z / sizeof *z), z);
  for (int s = 0; s < FIELDS; s++) {
    const double *a = z + s * (2 * POINTS + 1), of_sample = exp(0.3 * a[2 * POINTS]);
    double error = a[0];
    for (int i = 0; i < POINTS; i++) {
      const double sd = of_sample * (0.5 + 0.4 * sin(0.3 * i));
      if (i > 0) error = keep * error + fresh * a[i];
      w->truth[s][i] = (float)a[POINTS + i];
      w->mean[s][i] = (float)(a[POINTS + i] + 0.1 + sd * error);
      w->sd[s][i] = (float)(0.6 * sd * exp(0.2 * cos(0.5 * i)));
    }
  }
}

/* Fractions of new values and of new fields inside the bands. */
static void cover(const world *w, double point, double field, double *values, double *fields) {
  for (int s = SAMPLES; s < FIELDS; s++) {
    double inside = 0, largest = 0;
    for (int i = 0; i < POINTS; i++) {
      const double r = pno_conformal_ratio(w->truth[s][i], w->mean[s][i], w->sd[s][i]);
      inside += r <= point;
      largest = fmax(largest, r);
    }
    *values += inside / POINTS / FRESH / TRIALS;
    *fields += (largest <= field) / (double)FRESH / TRIALS;
  }
}

static uint64_t counts[PNO_CONFORMAL_BINS];
static double scores[SAMPLES];

static void calibrate(const world *w, double level, double *point, double *field) {
  memset(counts, 0, sizeof counts);
  for (int s = 0; s < SAMPLES; s++) pno_conformal_add(counts, w->truth[s], w->mean[s], w->sd[s], POINTS, &scores[s]);
  cr_assert_eq(pno_conformal_fit(counts, scores, SAMPLES, 1, &level, point, field), PNO_OK);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* What a fit without the finite-sample correction would give: n for n + 1, no loss of the unseen sample. */
static void naive(const world *w, double level, double *point, double *field) {
  static double all[SAMPLES * POINTS], largest[SAMPLES];
  for (int s = 0; s < SAMPLES; s++) {
    largest[s] = scores[s];
    for (int i = 0; i < POINTS; i++)
      all[s * POINTS + i] = pno_conformal_ratio(w->truth[s][i], w->mean[s][i], w->sd[s][i]);
  }
  qsort(largest, SAMPLES, sizeof *largest, ascending);
  qsort(all, SAMPLES * POINTS, sizeof *all, ascending);
  *field = largest[(int)ceil(SAMPLES * level - 1e-9) - 1];
  *point = all[(int)ceil(SAMPLES * POINTS * level - 1e-9) - 1];
}

/* 2,500 calibrations of 100 samples, 40 new fields each. The field band's expectation is 91/101 = .9010 exactly, that of
 * n for n + 1 is 90/101 = .8911; the standard error of both is .0009. */
Test(conformal, bands_cover_at_their_level_and_those_without_the_correction_or_a_tenth_narrower_do_not, .timeout = 60) {
  static world w;
  double right[2] = {0}, wrong[2] = {0}, narrow[2] = {0};
  for (uint32_t t = 0; t < TRIALS; t++) {
    double point, field, less_point, less_field;
    draw(&w, t);
    calibrate(&w, 0.9, &point, &field);
    naive(&w, 0.9, &less_point, &less_field);
    cover(&w, point, field, &right[0], &right[1]);
    cover(&w, less_point, less_field, &wrong[0], &wrong[1]);
    cover(&w, 0.9 * point, 0.9 * field, &narrow[0], &narrow[1]);
  }
  cr_log_info("inside: values %.4f, fields %.4f; n for n + 1 %.4f, %.4f; factor * .9 %.4f, %.4f", right[0], right[1],
              wrong[0], wrong[1], narrow[0], narrow[1]);
  cr_assert(right[0] >= 0.9 && right[0] <= 0.91, "values %g", right[0]);
  cr_assert(fabs(right[1] - 91.0 / 101) <= 0.004, "fields %g", right[1]);
  cr_assert(wrong[0] < 0.9 && right[0] - wrong[0] > 0.005 && wrong[1] < 0.896, "no correction: values %g, fields %g",
            wrong[0], wrong[1]);
  cr_assert(narrow[0] < 0.89 && narrow[1] < 0.89, "narrower: values %g, fields %g", narrow[0], narrow[1]);
}

Test(conformal, the_field_factor_is_the_order_statistic_of_n_plus_one_and_infinite_for_too_few) {
  const double field_scores[9] = {4, 9, 1, 7, 3, 8, 2, 6, 5}, level[4] = {0.5, 0.9, 0.91, 0.05};
  double point[4], field[4];
  memset(counts, 0, sizeof counts);
  counts[0] = 9;
  cr_assert_eq(pno_conformal_fit(counts, field_scores, 9, 4, level, point, field), PNO_OK);
  cr_assert_eq(field[0], 5);
  cr_assert_eq(field[1], 9);
  cr_assert(isinf(field[2]));
  cr_assert_eq(field[3], 1);
  cr_assert(isinf(point[2]) && isfinite(point[1]));
}

/* 19 samples of 10 values, ratios 1 .. 190: at level .9 at most .1 * 20 - 1 = 1 sample's worth of misses, 10 values. */
Test(conformal, the_pointwise_factor_leaves_out_what_risk_control_allows_and_is_at_most_0_4_percent_wide) {
  const double level = 0.9;
  double point, field, field_scores[19];
  memset(counts, 0, sizeof counts);
  for (int s = 0; s < 19; s++) {
    float truth[10], mean[10] = {0};
    for (int i = 0; i < 10; i++) truth[i] = (float)((s * 10 + i) * 77 % 190 + 1); /* 77 and 190 are coprime */
    pno_conformal_add(counts, truth, mean, NULL, 10, &field_scores[s]);
  }
  cr_assert_eq(pno_conformal_fit(counts, field_scores, 19, 1, &level, &point, &field), PNO_OK);
  cr_assert(point >= 180 && point <= 180 * 1.004, "%g", point);
}

Test(conformal, every_ratio_is_inside_the_edge_of_its_own_bin) {
  for (int k = 0; k < 2000; k++) {
    const float ratio = (float)exp(0.07 * (k - 1000)), zero = 0;
    const double level = 0.5;
    double score, point, field;
    memset(counts, 0, sizeof counts);
    pno_conformal_add(counts, &ratio, &zero, NULL, 1, &score);
    cr_assert_eq(pno_conformal_fit(counts, &score, 1, 1, &level, &point, &field), PNO_OK);
    cr_assert(point >= ratio && (point <= ratio * 1.004 || ratio < 1.2e-38f), "%g for %g", point, (double)ratio);
    cr_assert_eq(field, (double)ratio);
  }
}

Test(conformal, counts_of_parts_add_up_to_the_counts_of_the_whole) {
  static world w;
  static uint64_t half[2][PNO_CONFORMAL_BINS];
  double score;
  draw(&w, 7);
  memset(counts, 0, sizeof counts);
  for (int s = 0; s < SAMPLES; s++) {
    pno_conformal_add(counts, w.truth[s], w.mean[s], w.sd[s], POINTS, &score);
    pno_conformal_add(half[s % 2], w.truth[s], w.mean[s], w.sd[s], POINTS, &score);
  }
  for (int b = 0; b < PNO_CONFORMAL_BINS; b++) cr_assert_eq(counts[b], half[0][b] + half[1][b]);
}

Test(conformal, what_is_not_a_number_is_a_miss_of_the_field_and_of_the_value) {
  const float truth[4] = {0, NAN, 0, 0}, mean[4] = {0, 0, NAN, 0}, sd[4] = {1, 1, 1, NAN};
  double score, point, field;
  const double level = 0.4;
  memset(counts, 0, sizeof counts);
  pno_conformal_add(counts, truth, mean, sd, 4, &score);
  cr_assert(isinf(score));
  cr_assert_eq(pno_conformal_fit(counts, &score, 1, 1, &level, &point, &field), PNO_OK);
  cr_assert(isinf(point) && isinf(field));
  score = NAN;
  cr_assert_eq(pno_conformal_fit(counts, &score, 1, 1, &level, &point, &field), PNO_OK);
  cr_assert(isinf(field));
}

Test(conformal, a_spread_of_zero_counts_as_the_floor) {
  cr_assert_float_eq(pno_conformal_ratio(3e-6f, 1e-6f, 0), 2.0, 1e-5);
  cr_assert_eq(pno_conformal_ratio(1, 1, 0), 0);
  cr_assert_eq(pno_conformal_ratio(3, 1, 4), 0.5f);
}

Test(conformal, nothing_to_calibrate_with_and_levels_that_are_none_are_refused) {
  const double score = 1, bad[] = {0, 1, -1, NAN}, level = 0.9;
  double point = 7, field = 7;
  memset(counts, 0, sizeof counts);
  cr_assert_eq(pno_conformal_fit(counts, &score, 1, 1, &level, &point, &field), PNO_E_USAGE);
  counts[5] = 1;
  cr_assert_eq(pno_conformal_fit(counts, &score, 0, 1, &level, &point, &field), PNO_E_USAGE);
  for (int i = 0; i < 4; i++)
    cr_assert_eq(pno_conformal_fit(counts, &score, 1, 1, &bad[i], &point, &field), PNO_E_USAGE);
  cr_assert(point == 7 && field == 7);
}
