#include "engine/pde/rk.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/engine/pde/solver.h"

enum { N = 11 };

typedef struct {
  double radius;
  double lambda[N];
} problem;

static pno_arena storage;

static pno_rk make(ptrdiff_t n, pno_rk_rate *rate, pno_rk_radius *radius, void *user) {
  pno_arena measure = pno_arena_measure("rk", PNO_SPACE_HOST);
  pno_rk e;
  cr_assert_eq(pno_rk_push(&measure, n, &e), PNO_OK);
  cr_assert_eq(pno_arena_create("rk", PNO_SPACE_HOST, measure.peak, &storage), PNO_OK);
  cr_assert_eq(pno_rk_push(&storage, n, &e), PNO_OK);
  e.rate = rate;
  e.radius = radius;
  e.user = user;
  return e;
}

static double told(void *user, double t, const double *y) {
  (void)t, (void)y;
  return ((const problem *)user)->radius;
}

/* y' = -2 t y^2, y(0) = 1: y = 1 / (1 + t^2). */
static void bell(void *user, double t, const double *restrict y, double *restrict out) {
  (void)user;
  out[0] = -2 * t * y[0] * y[0];
}

static void decay(void *user, double t, const double *restrict y, double *restrict out) {
  const problem *p = user;
  (void)t;
  for (int i = 0; i < N; i++) out[i] = -p->lambda[i] * y[i];
}

static double bell_error(double tolerance, double step, double radius, pno_rk *told_of) {
  problem p = {.radius = radius};
  pno_rk e = make(1, bell, told, &p);
  e.t = 0;
  e.y[0] = 1;
  e.march.tolerance = tolerance;
  e.march.most = step;
  pno_rk_start(&e);
  for (int i = 0; i < 3; i++) pno_rk_advance(&e, 2. / 3);
  cr_assert(!e.march.failed);
  cr_assert_float_eq(e.t, 2, 1e-14);
  const double error = fabs(e.y[0] - .2);
  if (told_of) *told_of = e;
  pno_arena_destroy(&storage);
  return error;
}

Test(rk, steps_are_of_second_order_and_their_errors_of_third_with_any_number_of_stages) {
  static const double radius[] = {0, 200, 4000};
  static const int stages[] = {2, 6, 23};
  static const char *const names[] = {"RKC, 2 stages", "RKC, 6 stages", "RKC, 23 stages"};
  for (int r = 0; r < 3; r++) {
    double size[4], error[4], estimate[4];
    pno_rk e;
    for (int i = 0; i < 4; i++) {
      size[i] = 2. / 3 / (8 << i);
      error[i] = bell_error(0, size[i], radius[r] * size[0] / size[i], &e); /* as many stages at each length */
      estimate[i] = e.march.worst;
      cr_assert_eq(e.march.steps, 3 * (8 << i));
    }
    const double order = solver_order(names[r], 2, 4, size, error);
    cr_assert(fabs(order - 2) < .1, "order %g with %d stages", order, e.stages);
    cr_assert_eq(e.stages, stages[r]);
    const double local = solver_order("estimated error of a step", 3, 4, size, estimate);
    cr_assert(fabs(local - 3) < .15, "order %g of the estimate", local);
  }
}

/* Size of the largest of many decaying parts after 200 steps of length 1. */
static double after_long_steps(double radius, double radius_told) {
  problem p = {.radius = radius_told};
  for (int i = 0; i < N; i++) p.lambda[i] = radius * i / (N - 1);
  pno_rk e = make(N, decay, told, &p);
  double most = 0;
  for (int i = 0; i < N; i++) e.y[i] = 1;
  e.t = e.march.tolerance = 0;
  e.march.most = 1;
  pno_rk_start(&e);
  pno_rk_advance(&e, 200);
  for (int i = 1; i < N; i++) most = fabs(e.y[i]) <= most ? most : fabs(e.y[i]);
  cr_assert_float_eq(e.y[0], 1, 1e-12);
  pno_arena_destroy(&storage);
  return most;
}

Test(rk, steps_far_beyond_the_fastest_decay_are_stable_and_only_with_a_true_radius) {
  static const double radius[] = {5, 60, 1000, 40000};
  for (int r = 0; r < 4; r++) {
    const double most = after_long_steps(radius[r], radius[r]);
    cr_assert(most < 1e-3, "radius %g: %g is left", radius[r], most);
  }
  cr_assert(!(after_long_steps(1000, 250) < 1e3));
}

Test(rk, the_error_follows_the_tolerance_and_so_do_the_steps) {
  ptrdiff_t steps = 0;
  for (int k = 4; k <= 10; k += 2) {
    pno_rk e;
    const double tolerance = pow(10, -k), error = bell_error(tolerance, 0, 1, &e);
    cr_assert(e.march.worst <= tolerance && e.march.worst > .01 * tolerance, "%g of %g", e.march.worst, tolerance);
    cr_assert(error < 10 * pow(tolerance, 2. / 3), "error %g at tolerance %g", error, tolerance);
    cr_assert(e.march.steps > 2 * steps, "%td steps, then %td", steps, e.march.steps);
    steps = e.march.steps;
  }
}

Test(rk, a_greatest_step_holds_beside_a_tolerance) {
  pno_rk e;
  bell_error(.1, .01, 1, &e);
  cr_assert(e.march.steps >= 200 && e.march.steps <= 210 && e.march.least <= .01 && e.march.least > .009, "%td steps", e.march.steps);
}

static void square(void *user, double t, const double *restrict y, double *restrict out) {
  (void)user, (void)t;
  out[0] = y[0] * y[0];
}

static double square_radius(void *user, double t, const double *y) {
  (void)user, (void)t;
  return 2 * fabs(y[0]);
}

Test(rk, a_pole_is_a_failure_that_leaves_the_last_good_state) {
  for (int k = 0; k < 2; k++) {
    pno_rk e = make(1, square, square_radius, NULL);
    e.t = 0;
    e.y[0] = 1;
    e.march.tolerance = k ? 1e-6 : 0;
    e.march.most = k ? 0 : 1. / 64;
    pno_rk_start(&e);
    for (int i = 0; i < 20 && !e.march.failed; i++) pno_rk_advance(&e, .25);
    cr_assert(e.march.failed && isfinite(e.y[0]) && e.y[0] > 1);
    if (k) cr_assert(fabs(e.t - 1) < 1e-3, "the pole at 1 is found at %g", e.t);
    pno_arena_destroy(&storage);
  }
}

Test(rk, nothing_comes_of_nothing) {
  problem p = {.radius = 3};
  pno_rk e = make(N, decay, told, &p);
  for (int i = 0; i < N; i++) e.y[i] = 0;
  e.t = 0;
  e.march.tolerance = 1e-6;
  e.march.most = 0;
  pno_rk_start(&e);
  pno_rk_advance(&e, 1);
  cr_assert(!e.march.failed);
  for (int i = 0; i < N; i++) cr_assert_eq(e.y[i], 0);
  pno_arena_destroy(&storage);
}
