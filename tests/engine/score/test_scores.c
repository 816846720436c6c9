#include "engine/score/scores.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

static const double PI = 3.14159265358979323846;

static pno_score_spec line(int n, int channels, int draws) {
  return (pno_score_spec){
      .dims = 1, .n = {n}, .channels = channels, .draws = draws, .levels = 2, .level = {0.5, 0.9}, .needs_draws = true};
}

static float *normals(uint16_t site, ptrdiff_t n, double sd) {
  const pno_rng rng = {.seed = 5, .stream = PNO_STREAM_FIELD, .site = site};
  float *out = malloc(sizeof *out * (size_t)n);
  cr_assert_not_null(out);
  for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)(sd * pno_rng_normal(&rng, (uint64_t)i));
  return out;
}

/* truth [samples][values], draws [samples][M][values]; row is given by the caller or thrown away. */
static pno_scores_all score(const pno_score_spec *p, const float *truth, const float *draws, int samples,
                            double *rows) {
  pno_scorer *s = NULL;
  pno_scores_all all;
  ptrdiff_t values = p->channels;
  for (int j = 0; j < p->dims; j++) values *= p->n[j];
  double *own = rows ? NULL : calloc((size_t)(samples * pno_score_values(p)), sizeof *own), *row = rows ? rows : own;
  cr_assert_eq(pno_scorer_create(p, &s), PNO_OK, "%s", pno_fail_words());
  for (int i = 0; i < samples; i++) {
    pno_scorer_begin(s, truth + i * values);
    pno_scorer_add(s, draws + i * p->draws * values, p->draws);
    pno_scorer_end(s, row + i * pno_score_values(p));
  }
  cr_assert_eq(pno_score_finish(p, row, samples, &all), PNO_OK);
  pno_scorer_destroy(&s);
  free(own);
  return all;
}

/* E|X - u| - E|X - X'| / 2 of a standard normal X; Gneiting & Raftery 2007, eq 21 ff. */
static double gaussian_crps(double u) {
  return u * erf(u / sqrt(2)) + 2 * exp(-u * u / 2) / sqrt(2 * PI) - 1 / sqrt(PI);
}

/* With the biased form the error would be 1 / (M sqrt(pi)), .28 at two draws; the standard error is .006 there. */
Test(scores, fair_crps_has_the_gaussian_expectation_with_any_number_of_draws) {
  enum { N = 20000 };
  const int draws[] = {2, 3, 50};
  for (int k = 0; k < 3; k++) {
    const pno_score_spec p = line(N, 1, draws[k]);
    float *a = normals((uint16_t)k, (ptrdiff_t)N * draws[k], 1), *u = malloc(sizeof *u * N);
    for (int i = 0; i < N; i++) u[i] = 0.7f;
    cr_assert_float_eq(score(&p, u, a, 1, NULL).crps, gaussian_crps(0.7f), 0.02);
    free(a);
    free(u);
  }
}

/* In two dimensions |X| has mean sqrt(pi / 2) and |X - X'| sqrt(pi); one point of two channels has cell volume 1. */
Test(scores, the_fair_energy_score_has_the_gaussian_expectation_with_any_number_of_draws) {
  enum { SAMPLES = 20000 };
  const int draws[] = {2, 3, 20};
  static float zero[2 * SAMPLES];
  for (int k = 0; k < 3; k++) {
    const pno_score_spec p = line(1, 2, draws[k]);
    float *a = normals((uint16_t)(10 + k), (ptrdiff_t)2 * SAMPLES * draws[k], 1);
    cr_assert_float_eq(score(&p, zero, a, SAMPLES, NULL).energy, sqrt(PI / 2) - sqrt(PI) / 2, 0.02);
    free(a);
  }
}

Test(scores, of_one_value_energy_is_crps_and_both_are_what_the_hand_computes) {
  const pno_score_spec p = line(1, 1, 3);
  const float u = 2, a[3] = {0, 1, 5};
  const pno_scores_all all = score(&p, &u, a, 1, NULL);
  cr_assert_float_eq(all.crps, (2 + 1 + 3) / 3.0 - (1 + 5 + 4) / 6.0, 1e-12);
  cr_assert_float_eq(all.energy, all.crps, 1e-12);
  cr_assert_float_eq(all.l2, 0, 1e-12);
  cr_assert_float_eq(all.spread, sqrt(7), 1e-12); /* (4 + 1 + 9) / 2 */
  cr_assert_float_eq(all.nll, 0.5 * log(2 * PI * 7), 1e-12);
  cr_assert_float_eq(all.width[0], 3 - 0.5, 1e-12); /* quartiles between 0, 1 and 1, 5 */
  cr_assert_float_eq(all.coverage[0], 1, 0);
  cr_assert_float_eq(all.interval_score[0], 2.5, 1e-12);
  cr_assert_float_eq(all.reliability[9], 0, 0);  /* 2 is above the median */
  cr_assert_float_eq(all.reliability[12], 1, 0); /* and below 1 + .3 * 4 */
  cr_assert_float_eq(all.pit[13], 1, 0);         /* 2 of 3 */
  for (int b = 0; b < PNO_PIT_BINS; b++) cr_assert_float_eq(all.rank[b], b >= 10 && b < 15 ? 0.2 : 0, 1e-12);
}

Test(scores, a_truth_outside_the_interval_costs_2_over_alpha_times_its_distance) {
  const pno_score_spec p = line(2, 1, 2);
  const float u[2] = {-1, 6}, a[4] = {0, 0, 4, 4};
  const pno_scores_all all = score(&p, u, a, 1, NULL);
  cr_assert_float_eq(all.width[0], 2, 1e-12);
  cr_assert_float_eq(all.coverage[0], 0, 0);
  cr_assert_float_eq(all.interval_score[0], 2 + 4 * (2 + 3) / 2.0, 1e-12);
}

Test(scores, a_calibrated_ensemble_has_ssr_one_flat_ranks_and_small_ece_and_one_too_wide_has_not) {
  enum { N = 20000, M = 30 };
  const pno_score_spec p = line(N, 1, M);
  float *u = normals(20, N, 1), *a = normals(21, (ptrdiff_t)N * M, 1), *wide = normals(21, (ptrdiff_t)N * M, 2);
  const pno_scores_all good = score(&p, u, a, 1, NULL), bad = score(&p, u, wide, 1, NULL);
  cr_assert_float_eq(good.ssr, 1, 0.02);
  cr_assert_lt(good.ece, 0.02);
  for (int b = 0; b < PNO_PIT_BINS; b++) cr_assert_float_eq(good.rank[b], 0.05, 0.008);
  cr_assert_float_eq(bad.ssr, 2 * sqrt((1 + 1.0 / M) / (1 + 4.0 / M)), 0.04);
  cr_assert_gt(bad.ece, 0.05);
  cr_assert_gt(bad.rank[10], 2 * bad.rank[0]);
  cr_assert_gt(bad.coverage[1], good.coverage[1]);
  cr_assert_gt(bad.crps, good.crps);
  cr_assert_gt(bad.interval_score[1], good.interval_score[1]);
  free(u);
  free(a);
  free(wide);
}

Test(scores, the_variogram_score_tells_shuffled_neighbours_from_smooth_ones_where_crps_cannot) {
  enum { N = 400, M = 40 };
  const pno_score_spec p = line(N, 1, M);
  float *z = normals(30, 2 * (M + 1), 1), *smooth = malloc(sizeof *smooth * N * (M + 1)),
        *rough = malloc(sizeof *rough * N * M);
  for (int m = 0; m <= M; m++)
    for (int i = 0; i < N; i++)
      smooth[m * N + i] = z[2 * m] * cosf(0.1f * (float)i) + z[2 * m + 1] * sinf(0.1f * (float)i);
  for (int m = 0; m < M; m++) /* the same draws at each point, in another order at each */
    for (int i = 0; i < N; i++) rough[m * N + i] = smooth[(1 + (m + 7 * i) % M) * N + i];
  const pno_scores_all a = score(&p, smooth, smooth + N, 1, NULL), b = score(&p, smooth, rough, 1, NULL);
  cr_assert_float_eq(a.crps, b.crps, 1e-12);
  cr_assert_gt(b.variogram, 5 * a.variogram);
  free(z);
  free(smooth);
  free(rough);
}

static void same_bits_in_chunks(const pno_score_spec *p, ptrdiff_t values) {
  float *u = normals(40, values, 1), *a = normals(41, values * p->draws, 1);
  const ptrdiff_t row = pno_score_values(p);
  double *want = calloc((size_t)row, sizeof *want), *got = calloc((size_t)row, sizeof *got);
  pno_scorer *s = NULL;
  cr_assert_eq(pno_scorer_create(p, &s), PNO_OK);
  for (int chunk = p->draws; chunk > 0; chunk--) {
    pno_scorer_begin(s, u);
    for (int m = 0; m < p->draws; m += chunk)
      pno_scorer_add(s, a + m * values, m + chunk < p->draws ? chunk : p->draws - m);
    pno_scorer_end(s, chunk == p->draws ? want : got);
    if (chunk < p->draws) cr_assert_arr_eq(got, want, sizeof *got * (size_t)row, "chunks of %d", chunk);
  }
  pno_scorer_destroy(&s);
  free(u);
  free(a);
  free(want);
  free(got);
}

Test(scores, draws_in_chunks_of_any_size_give_the_same_bits_held_or_streamed) {
  pno_score_spec p = {
      .dims = 2, .n = {19, 17}, .channels = 2, .draws = 13, .levels = 1, .level = {0.8}, .spectra = true};
  same_bits_in_chunks(&p, 19 * 17 * 2);
  p.needs_draws = true;
  same_bits_in_chunks(&p, 19 * 17 * 2);
}

Test(scores, one_draw_and_an_exact_one_give_numbers_everywhere) {
  enum { N = 50 };
  pno_score_spec p = line(N, 1, 1);
  p.calibrated = p.spectra = true;
  p.point_factor[0] = p.point_factor[1] = p.field_factor[0] = p.field_factor[1] = 3;
  float *u = normals(50, 2 * N, 1), *a = normals(51, 2 * N, 1);
  for (int exact = 0; exact < 2; exact++) {
    const pno_scores_all all = score(&p, u, exact ? u : a, 2, NULL);
    for (const pno_score_name *name = pno_score_names; name->name; name++) {
      int n;
      const double *v = pno_score_at(&all, name, &n);
      const bool parts = strcmp(name->name, "aleatoric") == 0 || strcmp(name->name, "epistemic") == 0;
      for (int i = 0; i < n; i++) cr_assert(parts ? isnan(v[i]) : isfinite(v[i]), "%s[%d] is %g", name->name, i, v[i]);
    }
    cr_assert_float_eq(all.energy, all.l2, 1e-6);
    cr_assert_eq(all.width[1], 0);
    cr_assert_eq(all.coverage[1], 0);
    cr_assert_eq(all.ssr, 0);
    if (exact) cr_assert(all.l2 == 0 && all.crps == 0 && all.variogram == 0 && all.h1 == 0 && all.energy == 0);
  }
  free(u);
  free(a);
}

Test(scores, a_draw_that_is_not_a_number_is_not_sorted_away) {
  enum { N = 70, M = 9 };
  const pno_score_spec p = line(N, 1, M);
  for (int bad = 0; bad < 3; bad++) {
    float *u = normals(60, N, 1), *a = normals(61, N * M, 1);
    if (bad < 2) a[3 * N + 65] = bad ? INFINITY : NAN;
    if (bad == 2) u[65] = NAN;
    const pno_scores_all all = score(&p, u, a, 1, NULL);
    cr_assert(isnan(all.crps) && isnan(all.width[0]) && isnan(all.coverage[0]) && isnan(all.ece) && isnan(all.nll));
    cr_assert_not(isfinite(all.l2) || isfinite(all.energy) || isfinite(all.variogram) || isfinite(all.h1));
    free(u);
    free(a);
  }
}

Test(scores, names_reach_every_double_of_the_scores_once_and_in_order) {
  pno_scores_all all = {.levels = PNO_LEVELS_MAX, .shells = PNO_SHELLS_MAX};
  size_t at = 0;
  for (const pno_score_name *name = pno_score_names; name->name; name++) {
    int n;
    cr_assert_eq(name->offset, at, "%s", name->name);
    pno_score_at(&all, name, &n);
    at += sizeof(double) * (size_t)n;
  }
  cr_assert_eq(at, offsetof(pno_scores_all, samples));
}

Test(scores, means_over_samples_and_the_standard_error_are_those_of_the_rows) {
  enum { N = 40, M = 10, SAMPLES = 6 };
  const pno_score_spec p = line(N, 1, M);
  float *u = normals(70, N * SAMPLES, 1), *a = normals(71, N * M * SAMPLES, 1);
  const pno_scores_all all = score(&p, u, a, SAMPLES, NULL);
  double crps = 0, mse = 0, coverage = 0, square = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const pno_scores_all one = score(&p, u + i * N, a + i * N * M, 1, NULL);
    crps += one.crps / SAMPLES;
    mse += one.skill * one.skill / SAMPLES;
    coverage += one.coverage[0] / SAMPLES;
    square += one.coverage[0] * one.coverage[0] / SAMPLES;
    cr_assert(isnan(one.coverage_se[0]));
  }
  cr_assert_float_eq(all.crps, crps, 1e-12);
  cr_assert_float_eq(all.skill, sqrt(mse), 1e-12);
  cr_assert_float_eq(all.coverage_se[0], sqrt((square - coverage * coverage) / (SAMPLES - 1)), 1e-9);
  free(u);
  free(a);
}

Test(scores, specs_that_cannot_be_are_refused) {
  pno_scorer *s = NULL;
  pno_scores_all all;
  pno_score_spec bad[10];
  for (int i = 0; i < 10; i++) bad[i] = line(8, 1, 2);
  bad[0].dims = 0;
  bad[1].dims = 4;
  bad[2].n[0] = 0;
  bad[3].channels = 0;
  bad[4].draws = 0;
  bad[5].levels = PNO_LEVELS_MAX + 1;
  bad[6].level[1] = 1;
  bad[7].level[0] = NAN;
  bad[8].calibrated = true;
  bad[8].point_factor[0] = NAN;
  bad[9].dims = 3;
  bad[9].n[0] = bad[9].n[1] = bad[9].n[2] = 1 << 30;
  for (int i = 0; i < 10; i++) cr_assert_eq(pno_scorer_create(&bad[i], &s), PNO_E_USAGE, "%d", i);
  cr_assert_null(s);
  pno_score_spec large = line(1 << 20, 1, 1 << 30);
  cr_assert_eq(pno_scorer_create(&large, &s), PNO_E_NOMEM);
  const pno_score_spec p = line(8, 1, 2);
  cr_assert_eq(pno_score_finish(&p, NULL, 0, &all), PNO_E_USAGE);
}
