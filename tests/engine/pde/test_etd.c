#include "engine/pde/etd.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/pde/solver.h"

/* Numbers u' = -lambda u - u^3, slow, fast and growing ones: u^-2 is linear, so the solution is known. */
enum { MODES = 4, NUMBERS = 2 * MODES };
static const double lambdas[MODES] = {-1, .5, 4, 200};

typedef struct {
  pno_arena arena;
  pno_etd etd;
} stepper;

static void cubes(void *user, const double *u, double *out) {
  (void)user;
  for (int i = 0; i < NUMBERS; i++) out[i] = -u[i] * u[i] * u[i];
}

static void first_state(double *u) {
  for (int i = 0; i < NUMBERS; i++) u[i] = .3 + .17 * i;
}

static double exact(int i, double t) {
  double u[NUMBERS];
  first_state(u);
  const double l = lambdas[i / 2];
  return 1 / sqrt((1 / (u[i] * u[i]) + 1 / l) * exp(2 * l * t) - 1 / l);
}

static stepper make(double tolerance, double most) {
  pno_arena measure = pno_arena_measure("test", PNO_SPACE_HOST);
  stepper s;
  cr_assert_eq(pno_etd_push(&measure, MODES, &s.etd), PNO_OK);
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, measure.peak, &s.arena), PNO_OK);
  cr_assert_eq(pno_etd_push(&s.arena, MODES, &s.etd), PNO_OK);
  s.etd.nonlinear = cubes;
  s.etd.march.tolerance = tolerance;
  s.etd.march.most = most;
  for (int m = 0; m < MODES; m++) s.etd.linear[m] = -lambdas[m];
  first_state(s.etd.u);
  pno_etd_start(&s.etd);
  return s;
}

static double miss(const stepper *s, double t) {
  double want[NUMBERS];
  for (int i = 0; i < NUMBERS; i++) want[i] = exact(i, t);
  return solver_distance(s->etd.u, want, NUMBERS);
}

/* phi_k(z) = sum z^i / (i + k)!, of positive terms only: phi_k(z) = e^z / k! sum k / (k + i) (-z)^i / i! for z < 0. */
static long double phi(int k, long double z) {
  const long double x = fabsl(z);
  long double factorial = 1, term = 1, sum = 0;
  for (int i = 1; i <= k; i++) factorial *= i;
  for (int i = 0; term > 1e-25L * sum || (long double)i < x; i++) {
    sum += z < 0 ? term * k / (k + i) : term;
    term *= z < 0 ? x / (i + 1) : x / (i + 1 + k);
  }
  return (z < 0 ? expl(z) : 1) * sum / factorial;
}

Test(etd, the_functions_phi_are_their_series) {
  enum { SMALL = 17, ALL = SMALL + 40 };
  static const double sizes[SMALL] = {0, 1e-300, 1e-12, 1e-5, .01, .1, .3, .5, .9, .99999, 1, 1.00001, 1.5, 2, 3, 5, 7};
  double worst = 0;
  for (int i = 0; i < ALL; i++)
    for (int sign = -1; sign <= 1; sign += 2) {
      const double z = sign * (i < SMALL ? sizes[i] : 10 * pow(1.11, i - SMALL));
      double got[3];
      if (z > 600) continue;
      pno_etd_phi(z, got);
      for (int k = 1; k <= 3; k++) {
        const long double want = phi(k, z);
        const double error = (double)fabsl((got[k - 1] - want) / want);
        cr_assert_leq(error, 1e-14, "phi_%d(%g) is %.17g, want %.17Lg", k, z, got[k - 1], want);
        worst = fmax(worst, error);
      }
    }
  printf("phi: greatest relative error %.2e\n", worst);
}

Test(etd, steps_of_one_length_are_of_fourth_order_and_their_estimate_too) {
  enum { N = 5 };
  double h[N], error[N], short_step[N], once[N], estimate[N];
  for (int i = 0; i < N; i++) {
    h[i] = .1 / (1 << i);
    stepper s = make(0, h[i]);
    pno_etd_advance(&s.etd, 1);
    cr_assert_eq(s.etd.march.steps, (ptrdiff_t)lround(1 / h[i]));
    cr_assert(!s.etd.march.failed && s.etd.march.rejected == 0 && fabs(s.etd.march.least - h[i]) < 1e-12);
    error[i] = miss(&s, 1);
    pno_arena_destroy(&s.arena);
    short_step[i] = h[i] / 50; /* for lambda = 200 too */
    s = make(0, short_step[i]);
    pno_etd_advance(&s.etd, short_step[i]);
    cr_assert_eq(s.etd.march.steps, 1);
    once[i] = miss(&s, short_step[i]);
    estimate[i] = s.etd.march.worst;
    pno_arena_destroy(&s.arena);
  }
  cr_assert_geq(estimate[N - 1], once[N - 1]);
  cr_assert_geq(solver_order("ETDRK4, error at t = 1, step", 4, N, h, error), 3.8);
  cr_assert_lt(error[N - 1], 1e-8);
  cr_assert_geq(solver_order("ETDRK4, error of a single step", 5, N, short_step, once), 4.7);
  const double order = solver_order("its estimate (a third-order method's)", 4, N, short_step, estimate);
  cr_assert(order > 3.7 && order < 4.3);
}

Test(etd, a_linear_equation_is_exact_at_any_step) {
  stepper s = make(0, 1);
  double want[NUMBERS];
  memset(s.etd.u, 0, NUMBERS * sizeof(double)); /* the cube of 1e-120 is 0 */
  for (int i = 0; i < NUMBERS; i++) {
    s.etd.u[i] = 1e-120 * (i + 1);
    want[i] = s.etd.u[i] * exp(-3 * lambdas[i / 2]);
  }
  pno_etd_advance(&s.etd, 3);
  for (int i = 0; i < NUMBERS; i++) cr_assert_leq(fabs(s.etd.u[i] - want[i]), 1e-14 * fabs(want[i]));
  pno_arena_destroy(&s.arena);
}

/* Errors of steps add up at most: the growing number is drawn to 1 and the others decay. */
Test(etd, the_step_is_chosen_so_that_the_tolerance_is_met) {
  enum { N = 5 };
  double tolerance[N], step[N];
  for (int i = 0; i < N; i++) {
    tolerance[i] = pow(10, -4 - 2 * i);
    stepper s = make(tolerance[i], 0);
    for (int f = 0; f < 4; f++) pno_etd_advance(&s.etd, .5);
    const double error = miss(&s, 2);
    step[i] = 2. / (double)s.etd.march.steps;
    printf("tolerance %.0e: %3td steps, %td rejected, least %.2e, worst %.1e, error at t = 2 %.2e\n", tolerance[i],
           s.etd.march.steps, s.etd.march.rejected, s.etd.march.least, s.etd.march.worst, error);
    cr_assert(!s.etd.march.failed && s.etd.march.worst <= tolerance[i] && s.etd.march.worst > .05 * tolerance[i]);
    cr_assert_leq(error, (double)s.etd.march.steps * tolerance[i]);
    cr_assert_leq(s.etd.march.rejected, s.etd.march.steps / 4 + 4);
    pno_arena_destroy(&s.arena);
  }
  const double order = log(tolerance[N - 2] / tolerance[N - 1]) / log(step[N - 2] / step[N - 1]);
  printf("tolerance goes with the mean step to the power %.2f (theory 4)\n", order);
  cr_assert(order > 3.3 && order < 4.7);
}

/* The first steps, in which the fast numbers die away, are no worse than the others. */
Test(etd, what_is_gone_soon_is_followed_while_it_lasts) {
  for (double tolerance = 1e-4; tolerance > 1e-11; tolerance *= .01) {
    stepper s = make(tolerance, 0);
    double worst = 0, t = 0;
    for (int f = 1; f <= 40; f++) {
      const double next = 1.0 * f / 1000; /* 5 times 1 / lambda a frame, at first */
      pno_etd_advance(&s.etd, next - t);
      t = next;
      worst = fmax(worst, miss(&s, t));
    }
    printf("tolerance %.0e: %td steps to t = .04, greatest error at 40 times %.2e\n", tolerance, s.etd.march.steps,
           worst);
    cr_assert_leq(worst, 3 * tolerance);
    pno_arena_destroy(&s.arena);
    s = make(tolerance, 0);
    pno_etd_advance(&s.etd, .02); /* 4 / lambda at once */
    printf("  %td steps to t = .02 at once, error %.2e\n", s.etd.march.steps, miss(&s, .02));
    cr_assert_leq(miss(&s, .02), 10 * tolerance);
    pno_arena_destroy(&s.arena);
  }
}

/* u[0] counts time as far as it matters: from 1 on nothing is a number. */
static void breaks(void *user, const double *u, double *out) {
  (void)user;
  for (int i = 0; i < NUMBERS; i++) out[i] = u[0] < 1 ? 1 : NAN;
}

Test(etd, an_equation_that_ends_fails_and_leaves_the_last_good_state) {
  for (int fixed = 0; fixed < 2; fixed++) {
    stepper s = make(fixed ? 0 : 1e-6, fixed ? .0625 : 0);
    s.etd.nonlinear = breaks;
    memset(s.etd.linear, 0, MODES * sizeof(double));
    memset(s.etd.u, 0, NUMBERS * sizeof(double));
    pno_etd_advance(&s.etd, .5);
    cr_assert(!s.etd.march.failed && fabs(s.etd.u[0] - .5) < 1e-14);
    pno_etd_advance(&s.etd, 10);
    const ptrdiff_t steps = s.etd.march.steps;
    cr_assert(s.etd.march.failed && s.etd.march.rejected > 0);
    for (int i = 0; i < NUMBERS; i++) cr_assert(s.etd.u[i] >= .5 && s.etd.u[i] < 1, "u is %g", s.etd.u[i]);
    pno_etd_advance(&s.etd, 1);
    cr_assert(s.etd.march.failed && s.etd.march.steps == steps, "it went on");
    pno_arena_destroy(&s.arena);
  }
}

Test(etd, a_state_that_is_not_finite_fails_at_once) {
  stepper s = make(1e-6, 0);
  s.etd.u[3] = NAN;
  pno_etd_advance(&s.etd, 1);
  cr_assert(s.etd.march.failed && s.etd.march.steps == 0);
  pno_arena_destroy(&s.arena);
}

Test(etd, the_same_start_gives_the_same_bits_whatever_was_before) {
  stepper a = make(1e-7, 0), b = make(1e-3, .3);
  pno_etd_advance(&b.etd, .7);
  b.etd.march.tolerance = 1e-7;
  b.etd.march.most = 0;
  first_state(b.etd.u);
  pno_etd_start(&b.etd);
  for (int f = 0; f < 3; f++) {
    pno_etd_advance(&a.etd, .4);
    pno_etd_advance(&b.etd, .4);
    cr_assert_eq(memcmp(a.etd.u, b.etd.u, NUMBERS * sizeof(double)), 0);
  }
  const pno_march m = a.etd.march, o = b.etd.march;
  cr_assert(m.steps == o.steps && m.worst == o.worst && m.least == o.least);
  pno_arena_destroy(&a.arena), pno_arena_destroy(&b.arena);
}

/* As samples with other parameters have, one after the other. */
Test(etd, another_linear_part_gets_coefficients_of_its_own) {
  stepper a = make(0, .125), b = make(0, .125);
  for (int m = 0; m < MODES; m++) b.etd.linear[m] = -1 - m;
  pno_etd_advance(&b.etd, .5);
  for (int m = 0; m < MODES; m++) b.etd.linear[m] = -lambdas[m];
  first_state(b.etd.u);
  pno_etd_start(&b.etd);
  pno_etd_advance(&a.etd, .5);
  pno_etd_advance(&b.etd, .5);
  cr_assert_eq(memcmp(a.etd.u, b.etd.u, NUMBERS * sizeof(double)), 0);
  pno_arena_destroy(&a.arena), pno_arena_destroy(&b.arena);
}

Test(etd, the_greatest_step_is_kept_to) {
  stepper s = make(1, .07);
  pno_etd_advance(&s.etd, 1);
  const ptrdiff_t first = s.etd.march.steps; /* the first ones are shorter */
  cr_assert(first >= 15 && first < 30, "%td steps", first);
  pno_etd_advance(&s.etd, 1);
  cr_assert_eq(s.etd.march.steps - first, 15);
  pno_arena_destroy(&s.arena);
}
