#include "engine/pde/tr_bdf2.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/engine/pde/solver.h"

enum { N = 5 };

static pno_arena storage;

/* c = u + u^3 */
static void cubic(void *user, ptrdiff_t n, const double *u, double *c, double *slope) {
  (void)user;
  for (ptrdiff_t i = 0; i < n; i++) {
    c[i] = u[i] + u[i] * u[i] * u[i];
    slope[i] = 1 + 3 * u[i] * u[i];
  }
}

static void plain(void *user, ptrdiff_t n, const double *u, double *c, double *slope) {
  (void)user;
  for (ptrdiff_t i = 0; i < n; i++) {
    c[i] = u[i];
    slope[i] = 1;
  }
}

/* All of it 0 but for the arrays' places. */
static pno_tr_bdf2 make(ptrdiff_t n, pno_tr_bdf2_content *content) {
  pno_arena measure = pno_arena_measure("line", PNO_SPACE_HOST);
  pno_tr_bdf2 e;
  cr_assert_eq(pno_tr_bdf2_push(&measure, n, &e), PNO_OK);
  cr_assert_eq(pno_arena_create("line", PNO_SPACE_HOST, measure.peak, &storage), PNO_OK);
  cr_assert_eq(pno_tr_bdf2_push(&storage, n, &e), PNO_OK);
  e.content = content;
  return e;
}

/* (u + u^3)' = -u has ln u + 3/2 u^2 + t = constant. */
static double first_integral(double u, double t) { return log(u) + 1.5 * u * u + t; }

static double cubic_error(double tolerance, double step, pno_tr_bdf2 *told_of) {
  pno_tr_bdf2 e = make(N, cubic);
  double worst = 0;
  for (int i = 0; i < N; i++) {
    e.u[i] = .5 + .3 * i;
    e.diagonal[i] = -1;
  }
  e.march.tolerance = tolerance;
  e.march.most = step;
  pno_tr_bdf2_start(&e);
  for (int k = 0; k < 3; k++) pno_tr_bdf2_advance(&e, 1);
  cr_assert(!e.march.failed);
  for (int i = 0; i < N; i++)
    worst = fmax(worst, fabs(first_integral(e.u[i], 3) - first_integral(.5 + .3 * i, 0)));
  *told_of = e;
  pno_arena_destroy(&storage);
  return worst;
}

Test(tr_bdf2, steps_are_of_second_order_and_their_errors_of_third_where_the_content_is_curved) {
  double size[4], error[4], estimate[4];
  pno_tr_bdf2 e;
  for (int i = 0; i < 4; i++) {
    size[i] = 1. / (8 << i);
    error[i] = cubic_error(0, size[i], &e);
    estimate[i] = e.march.worst;
    cr_assert_eq(e.march.steps, 3 * (8 << i));
    cr_assert(e.iterations <= 6 * e.march.steps, "%td iterations in %td steps", e.iterations, e.march.steps);
  }
  const double order = solver_order("TR-BDF2, (u + u^3)' = -u", 2, 4, size, error);
  cr_assert(fabs(order - 2) < .05, "order %g", order);
  const double local = solver_order("TR-BDF2, estimated error of a step", 3, 4, size, estimate);
  cr_assert(fabs(local - 3) < .1, "order %g of the estimate", local);
}

Test(tr_bdf2, the_error_follows_the_tolerance_and_so_do_the_steps) {
  ptrdiff_t steps = 0;
  for (int k = 4; k <= 8; k += 2) {
    pno_tr_bdf2 e;
    const double tolerance = pow(10, -k), error = cubic_error(tolerance, 0, &e);
    cr_assert(e.march.worst <= tolerance && e.march.worst > .01 * tolerance, "%g of %g", e.march.worst, tolerance);
    cr_assert(error < 10 * pow(tolerance, 2. / 3), "error %g at tolerance %g", error, tolerance);
    cr_assert(e.march.steps > 2 * steps, "%td steps, then %td", steps, e.march.steps);
    steps = e.march.steps;
  }
}

Test(tr_bdf2, a_step_far_beyond_the_fastest_decay_leaves_next_to_nothing_of_it) {
  pno_tr_bdf2 e = make(2, plain);
  e.u[0] = e.u[1] = 1;
  e.diagonal[0] = -1e9;
  e.diagonal[1] = -1e-3;
  e.march.tolerance = 0;
  e.march.most = 1;
  pno_tr_bdf2_start(&e);
  pno_tr_bdf2_advance(&e, 1);
  cr_assert(e.march.steps == 1 && fabs(e.u[0]) < 1e-8, "%g is left", e.u[0]);
  cr_assert_float_eq(e.u[1], exp(-1e-3), 1e-10);
  pno_arena_destroy(&storage);
}

Test(tr_bdf2, sums_change_by_what_is_supplied_and_by_what_the_ends_lose) {
  enum { CELLS = 40 };
  pno_tr_bdf2 e = make(CELLS, cubic);
  double before = 0, after = 0, supply = 0;
  for (int i = 0; i < CELLS; i++) { /* neighbours exchange, the two ends lose 3 and 5 times of their u */
    e.lower[i] = e.upper[i] = 2 + .1 * (i % 2);
    e.constant[i] = .01 * i;
    e.u[i] = 1 + (i % 3);
  }
  for (int i = 0; i < CELLS; i++) {
    const double left = i > 0 ? e.upper[i - 1] : 3, right = i < CELLS - 1 ? e.lower[i + 1] : 5;
    e.diagonal[i] = -(left + right);
    supply += e.constant[i];
    before += e.u[i] + pow(e.u[i], 3);
  }
  e.march.tolerance = 1e-3;
  e.march.most = 0;
  pno_tr_bdf2_start(&e);
  for (int k = 0; k < 4; k++) pno_tr_bdf2_advance(&e, 2.5);
  for (int i = 0; i < CELLS; i++) after += e.u[i] + pow(e.u[i], 3);
  cr_assert(!e.march.failed && fabs(after - before) > 1);
  cr_assert_float_eq(after - before, 10 * supply - 3 * e.ends[0] - 5 * e.ends[1], 1e-8);
  pno_arena_destroy(&storage);
}
