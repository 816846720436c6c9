#include "engine/pde/finite_volume.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/engine/pde/solver.h"

/* u' = a u, steps of at most 1 / limit; the limit of states below edge is below. */
typedef struct {
  double a, limit, edge, below, split;
  int calls;
} decay;

static double rate(void *user, double *u, double *out) {
  decay *d = user;
  d->calls++;
  for (int i = 0; i < 2; i++) out[i] = d->a * u[i];
  return u[0] < d->edge ? d->below : d->limit;
}

static bool split(void *user, double *u, double dt) {
  const decay *d = user;
  for (int i = 0; i < 2; i++) u[i] *= exp(d->split * dt);
  return u[0] > 0;
}

static pno_fv make(pno_arena *arena, decay *d) {
  pno_arena measure = pno_arena_measure("test", PNO_SPACE_HOST);
  pno_fv f;
  cr_assert_eq(pno_fv_push(&measure, 2, &f), PNO_OK);
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, measure.peak, arena), PNO_OK);
  cr_assert_eq(pno_fv_push(arena, 2, &f), PNO_OK);
  f.u[0] = 1;
  f.u[1] = 2;
  f.rate = rate;
  f.split = d->split != 0 ? split : NULL;
  f.user = d;
  f.courant = .5;
  pno_fv_start(&f);
  return f;
}

Test(finite_volume, the_slope_is_limited_odd_and_symmetric_to_the_bit) {
  static const double v[] = {-3, -1, -.3, -1e-300, 0, 1e-9, .1, 1. / 3, 2, 7};
  for (int i = 0; i < 10; i++)
    for (int j = 0; j < 10; j++) {
      const double a = v[i], b = v[j], s = pno_fv_slope(a, b);
      cr_assert(s == pno_fv_slope(b, a) && s == -pno_fv_slope(-a, -b));
      if (!(a * b > 0)) cr_assert(s == 0 || fabs(a) + fabs(b) < 1e-200, "%g %g: %g", a, b, s);
      else cr_assert_float_eq(fabs(s), fmin(fabs(.5 * (a + b)), 2 * fmin(fabs(a), fabs(b))), 1e-15);
    }
}

Test(finite_volume, the_least_and_the_greatest_are_found_wherever_they_are) {
  double x[37];
  for (int n = 1; n <= 37; n++)
    for (int at = 0; at < n; at++) {
      for (int i = 0; i < n; i++) x[i] = .01 * (i % 5);
      x[at] = -1;
      cr_assert_eq(pno_fv_least(x, n), -1);
      x[at] = 1;
      cr_assert_eq(pno_fv_greatest(x, n), 1);
    }
}

Test(finite_volume, steps_are_as_long_as_they_may_be_and_end_where_they_shall) {
  decay d = {.a = -1, .limit = 10};
  pno_arena arena;
  pno_fv f = make(&arena, &d);
  double u = 1;
  pno_fv_advance(&f, 1);
  cr_assert(f.steps == 20 && f.rejected == 0 && f.end == PNO_FV_FINE);
  cr_assert_eq(d.calls, 1 + 2 * 20, "the last stage of a step is the first of the next");
  for (int i = 0; i < 20; i++) u *= 1 - .05 + .5 * .05 * .05;
  cr_assert_float_eq(f.u[0], u, 1e-14);
  cr_assert_float_eq(f.u[1], 2 * u, 1e-14);
  cr_assert_float_eq(f.least, .05, 1e-12);
  f.most = .03;
  pno_fv_advance(&f, .1);
  cr_assert_eq(f.steps, 24);
  cr_assert_float_eq(f.least, .025, 1e-12);
  pno_arena_destroy(&arena);
}

Test(finite_volume, a_step_that_its_stage_does_not_allow_is_halved) {
  decay d = {.a = -1, .limit = 1, .edge = .6, .below = 4};
  pno_arena arena;
  pno_fv f = make(&arena, &d);
  pno_fv_advance(&f, .5); /* a stage at .5 */
  cr_assert(f.rejected == 1 && f.steps >= 2 && f.end == PNO_FV_FINE);
  cr_assert_float_eq(f.u[0], exp(-.5), 1e-2);
  pno_arena_destroy(&arena);
}

Test(finite_volume, what_allows_no_step_fails_with_words) {
  pno_pde_report r = {.failed = false};
  pno_arena arena;
  decay d = {.a = -1, .limit = 1, .edge = .6, .below = INFINITY};
  pno_fv f = make(&arena, &d);
  for (int i = 1; i < 20 && f.end == PNO_FV_FINE; i++) pno_fv_advance(&f, .1);
  cr_assert(f.end == PNO_FV_NO_STEP && f.u[0] >= .6 && f.u[0] < .66, "%g", f.u[0]);
  pno_fv_report(&f, .5, &r);
  cr_assert(r.failed && r.steps == f.steps && r.rejected > 10 && strstr(r.words, "t = 0.5"), "%s", r.words);
  pno_arena_destroy(&arena);
  d = (decay){.a = -1, .limit = NAN};
  f = make(&arena, &d);
  pno_fv_report(&f, 0, &r);
  cr_assert(r.failed && strstr(r.words, "initial") && r.least_step == 0, "%s", r.words);
  pno_arena_destroy(&arena);
  d = (decay){.a = 1e200, .limit = 1};
  f = make(&arena, &d);
  pno_fv_advance(&f, 1);
  cr_assert_eq(f.end, PNO_FV_NOT_FINITE);
  pno_arena_destroy(&arena);
}

/* Steps of 5e-10 until u is below .999999. */
Test(finite_volume, a_short_time_of_short_steps_is_gone_through_in_any_interval) {
  for (int parts = 1; parts <= 100; parts *= 100) {
    decay d = {.a = -1, .limit = 1e9, .edge = .999999, .below = 1};
    pno_arena arena;
    pno_fv f = make(&arena, &d);
    for (int i = 0; i < parts; i++) pno_fv_advance(&f, 1. / parts);
    cr_assert(f.end == PNO_FV_FINE && f.steps > 2000 && f.steps < 2200, "%td steps", f.steps);
    cr_assert_float_eq(f.u[0], exp(-1), 1e-1);
    pno_arena_destroy(&arena);
  }
}

Test(finite_volume, steps_that_stay_short_end_with_words) {
  pno_pde_report r;
  pno_arena arena;
  decay d = {.a = -1, .limit = 1e12};
  pno_fv f = make(&arena, &d);
  pno_fv_advance(&f, 1);
  pno_fv_report(&f, 1, &r);
  cr_assert(r.failed && r.steps == PNO_FV_STEPS_MAX && strstr(r.words, "10000000 steps"), "%s", r.words);
  pno_arena_destroy(&arena);
}

Test(finite_volume, what_is_split_off_is_as_exact_as_the_steps) {
  enum { SIZES = 3 };
  double size[SIZES], error[SIZES];
  for (int i = 0; i < SIZES; i++) {
    decay d = {.a = -1, .limit = 4 << i, .split = -2};
    pno_arena arena;
    pno_fv f = make(&arena, &d);
    pno_fv_advance(&f, 1);
    size[i] = 1. / (double)f.steps;
    error[i] = fabs(f.u[0] - exp(-3));
    cr_assert_eq(f.steps, 8 << i);
    cr_assert_eq(d.calls, 1 + 2 * f.steps);
    pno_arena_destroy(&arena);
  }
  cr_expect_gt(solver_order("finite_volume, u' = -u - 2 u, dt", 2, SIZES, size, error), 1.9);
}
