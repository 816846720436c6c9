#include "engine/score/laplace.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

enum { F = 6, O = 2, POINTS = 40 };
static const double squares = 3.7;

/* Feature k of point i; the last is 1, feature 1 repeats feature 0 when asked to. */
static double feature(int i, int k, bool twins) {
  if (k == F - 1) return 1;
  if (twins && k == 1) k = 0;
  return sin(0.7 * (i + 1) * (k + 1)) + 0.1 * k;
}

static void problem(bool twins, double *gram, double *weights) {
  for (int a = 0; a < F; a++)
    for (int b = 0; b < F; b++) {
      gram[a * F + b] = 0;
      for (int i = 0; i < POINTS; i++) gram[a * F + b] += feature(i, a, twins) * feature(i, b, twins);
    }
  for (int i = 0; i < O * F; i++) weights[i] = cos(1.3 * i) - 0.2;
}

static pno_laplace *must_fit(const double *gram, const double *weights) {
  pno_laplace *l = NULL;
  cr_assert(pno_laplace_fit(F, O, gram, weights, squares, POINTS, &l) == PNO_OK, "%s", pno_fail_words());
  return l;
}

static void close_to(double have, double want, double relative, const char *what) {
  cr_expect(fabs(have - want) <= relative * fabs(want), "%s is %.17g instead of %.17g", what, have, want);
}

/* With g = G and r = delta s2 MacKay's equations are n w^2 r^2 + (n - 1) g w^2 r - g S = 0. */
Test(laplace, one_feature_has_the_solution_of_a_quadratic) {
  const double gs[] = {1e-6, 0.5, 3e7}, w = 0.8, s = 2.5, n = 12;
  for (int i = 0; i < 3; i++) {
    const double g = gs[i], a = n * w * w, b = (n - 1) * g * w * w, c = g * s;
    const double r = 2 * c / (b + sqrt(b * b + 4 * a * c)), gamma = g / (g + r);
    const double prior = gamma / (w * w), noise = s / (n - gamma), phi = -3;
    pno_laplace *l = NULL;
    cr_assert(pno_laplace_fit(1, 1, &g, &w, s, n, &l) == PNO_OK, "%s", pno_fail_words());
    close_to(l->prior, prior, 1e-12, "prior");
    close_to(l->noise, noise, 1e-12, "noise");
    close_to(pno_laplace_variance(l, &phi), 9 / (g / noise + prior), 1e-12, "variance");
    const double evidence = -n / 2 * log(2 * 3.14159265358979323846 * noise) - s / (2 * noise) -
                            0.5 * (prior * w * w + log(g / noise + prior) - log(prior));
    close_to(l->log_evidence, evidence, 1e-12, "evidence");
    pno_laplace_destroy(&l);
    cr_expect_null(l);
  }
}

Test(laplace, the_eigenvectors_give_the_gram_matrix_back) {
  double gram[F * F], weights[O * F];
  problem(false, gram, weights);
  pno_laplace *l = must_fit(gram, weights);
  for (int a = 0; a < F; a++)
    for (int b = 0; b < F; b++) {
      double sum = 0;
      for (int j = 0; j < F; j++) sum += l->values[j] * l->vectors[j * F + a] * l->vectors[j * F + b];
      cr_expect_float_eq(sum, gram[a * F + b], 1e-12 * l->values[F - 1]);
    }
  cr_expect(memcmp(l->weights, weights, sizeof weights) == 0, "the mean is not the trained weights");
  pno_laplace_destroy(&l);
}

/* The difference of two twins is never seen: it keeps the variance of the prior. */
Test(laplace, what_two_equal_features_do_not_say_keeps_the_variance_of_the_prior) {
  double gram[F * F], weights[O * F];
  problem(true, gram, weights);
  pno_laplace *l = must_fit(gram, weights);
  const double apart[F] = {M_SQRT1_2, -M_SQRT1_2}, bias[F] = {[F - 1] = 1};
  cr_expect_eq(l->values[0], 0);
  cr_expect_gt(l->values[1], 0);
  close_to(pno_laplace_variance(l, apart), 1 / l->prior, 1e-12, "variance of the difference");
  cr_expect_lt(pno_laplace_variance(l, bias), 0.5 / l->prior);
  pno_laplace_destroy(&l);
}

/* Sums of squares in another order differ in the last bits: so may a draw, and no more than that. Equal and vanishing
 * eigenvalues leave LAPACK free to turn its vectors. */
Test(laplace, the_last_bits_of_the_gram_matrix_change_only_the_last_bits_of_a_draw) {
  double gram[F * F], weights[O * F], one[O * F], other[O * F];
  problem(true, gram, weights);
  for (int a = 2; a < 5; a++)
    for (int b = 2; b < 5; b++) gram[a * F + b] = a == b ? 7 : 0; /* three equal ones, apart from the rest */
  for (int a = 2; a < 5; a++)
    for (int b = 0; b < F; b++)
      if (b < 2 || b == 5) gram[a * F + b] = gram[b * F + a] = 0;
  pno_laplace *l = must_fit(gram, weights);
  pno_laplace_draw(l, 7, 3, one);
  for (int sign = -1; sign <= 1; sign += 2) {
    double moved[F * F];
    for (int a = 0; a < F; a++)
      for (int b = 0; b < F; b++) moved[a * F + b] = gram[a * F + b] + sign * 1e-14 * sin(a + b) * gram[0];
    pno_laplace *m = must_fit(moved, weights);
    pno_laplace_draw(m, 7, 3, other);
    for (int i = 0; i < O * F; i++) cr_expect_float_eq(one[i], other[i], 1e-9);
    pno_laplace_destroy(&m);
  }
  pno_laplace_destroy(&l);
}

/* A draw is w + R eps; with R R = Sigma, checked here entry by entry against the inverse of G/s2 + delta I. */
Test(laplace, a_draw_is_the_mean_and_a_root_of_the_covariance_times_normals_of_its_place) {
  double gram[F * F], weights[O * F], drawn[O * F], root_squared[F * F], eps[F];
  problem(false, gram, weights);
  pno_laplace *l = must_fit(gram, weights);
  for (int a = 0; a < F; a++)
    for (int b = 0; b < F; b++) {
      root_squared[a * F + b] = 0;
      for (int k = 0; k < F; k++) root_squared[a * F + b] += l->root[a * F + k] * l->root[k * F + b];
    }
  for (int a = 0; a < F; a++)
    for (int b = 0; b < F; b++) {
      double product = 0;
      for (int k = 0; k < F; k++)
        product += (gram[a * F + k] / l->noise + (a == k) * l->prior) * root_squared[k * F + b];
      cr_expect_float_eq(product, a == b, 1e-11, "precision times covariance at %d, %d is %g", a, b, product);
    }
  pno_laplace_draw(l, 99, 5, drawn);
  for (int o = 0; o < O; o++) {
    const pno_rng place = {.seed = 99, .stream = PNO_STREAM_DRAW, .site = (uint16_t)o, .draw = 5};
    pno_rng_normals(&place, 0, F, eps);
    for (int k = 0; k < F; k++) {
      double want = weights[o * F + k];
      for (int i = 0; i < F; i++) want += l->root[k * F + i] * eps[i];
      cr_expect_float_eq(drawn[o * F + k], want, 1e-13);
    }
  }
  pno_laplace_destroy(&l);
}

Test(laplace, what_was_saved_gives_the_same_bits_again) {
  double gram[F * F], weights[O * F], one[O * F], other[O * F];
  problem(false, gram, weights);
  pno_laplace *l = must_fit(gram, weights), *again = NULL;
  cr_assert(pno_laplace_restore(l, &again) == PNO_OK, "%s", pno_fail_words());
  pno_laplace_draw(l, 1, 65535, one);
  pno_laplace_draw(again, 1, 65535, other);
  cr_expect(memcmp(one, other, sizeof one) == 0);
  cr_expect(pno_laplace_variance(l, gram) == pno_laplace_variance(again, gram));
  cr_expect(l->log_evidence == again->log_evidence);
  pno_laplace_destroy(&again);
  pno_laplace_destroy(&l);
}

Test(laplace, a_saved_one_that_was_tampered_with_is_refused) {
  double gram[F * F], weights[O * F];
  problem(false, gram, weights);
  pno_laplace *l = must_fit(gram, weights), *again = NULL;
  double *const place[] = {&l->prior, &l->noise, &l->log_evidence, &l->values[2], &l->vectors[3], &l->weights[1],
                           &l->vectors[F * F - 1], &l->prior, &l->values[0]};
  const double wrong[] = {0, -1, NAN, INFINITY, NAN, NAN, 0.5, -INFINITY, -1e-3};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const double kept = *place[i];
    *place[i] = wrong[i];
    cr_expect_eq(pno_laplace_restore(l, &again), PNO_E_INPUT, "%zu: %s", i, pno_fail_words());
    cr_expect_null(again);
    *place[i] = kept;
  }
  l->features = 0;
  cr_expect_eq(pno_laplace_restore(l, &again), PNO_E_USAGE);
  pno_laplace_destroy(&l);
}

static pno_status try_fit(const double *gram, const double *weights, double s, double points) {
  pno_laplace *l = NULL;
  const pno_status st = pno_laplace_fit(F, O, gram, weights, s, points, &l);
  cr_expect((l != NULL) == (st == PNO_OK));
  pno_laplace_destroy(&l);
  return st;
}

Test(laplace, input_without_a_maximum_is_refused) {
  static const double none[F * F];
  double gram[F * F], weights[O * F];
  problem(false, gram, weights);
  cr_expect_eq(try_fit(gram, weights, squares, POINTS), PNO_OK);
  const double bad[] = {0, -1, NAN, INFINITY};
  for (int i = 0; i < 4; i++) {
    cr_expect_eq(try_fit(gram, weights, bad[i], POINTS), PNO_E_INPUT, "squares %g", bad[i]);
    cr_expect_eq(try_fit(gram, weights, squares, bad[i]), PNO_E_INPUT, "points %g", bad[i]);
  }
  cr_expect_eq(try_fit(none, weights, squares, POINTS), PNO_E_INPUT);
  cr_expect_eq(try_fit(gram, none, squares, POINTS), PNO_E_INPUT);
  gram[F] = NAN;
  cr_expect_eq(try_fit(gram, weights, squares, POINTS), PNO_E_INPUT);
  problem(false, gram, weights);
  weights[O * F - 1] = INFINITY;
  cr_expect_eq(try_fit(gram, weights, squares, POINTS), PNO_E_INPUT);
  problem(false, gram, weights);
  gram[2 * F + 2] -= 1000; /* no sum of squares any more */
  cr_expect_eq(try_fit(gram, weights, squares, POINTS), PNO_E_INPUT);
  cr_expect_not_null(strstr(pno_fail_words(), "eigenvalue"), "%s", pno_fail_words());
}

Test(laplace, sizes_outside_the_limits_are_refused) {
  const double one = 1;
  pno_laplace *l = NULL;
  cr_expect_eq(pno_laplace_fit(0, 1, &one, &one, 1, 1, &l), PNO_E_USAGE);
  cr_expect_eq(pno_laplace_fit(1, 0, &one, &one, 1, 1, &l), PNO_E_USAGE);
  cr_expect_eq(pno_laplace_fit(PNO_LAPLACE_FEATURES_MAX + 1, 1, &one, &one, 1, 1, &l), PNO_E_USAGE);
  cr_expect_eq(pno_laplace_fit(1, PNO_LAPLACE_OUTPUTS_MAX + 1, &one, &one, 1, 1, &l), PNO_E_USAGE);
  cr_expect_null(l);
  pno_laplace_destroy(NULL);
}
