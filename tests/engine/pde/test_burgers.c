#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/semilinear.h"
#include "tests/engine/pde/fourier.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;
static const double nu = .05;

static pno_pde_request request(int n, double time) {
  return (pno_pde_request){.dims = 1, .n = {n}, .time = time, .frames = 2, .n_parameters = 1, .parameters = {"nu=.05"}};
}

static double *room(ptrdiff_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

/* Modified Bessel function of the first kind, by its series of positive terms. */
static long double bessel_i(int k, long double x) {
  long double term = 1, sum = 0;
  for (int i = 1; i <= k; i++) term *= x / 2 / i;
  for (int m = 0; m < 60; m++) {
    sum += term;
    term *= x * x / 4 / ((long double)(m + 1) * (m + 1 + k));
  }
  return sum;
}

/* From mean + sin 2 pi x, by Cole and Hopf: u = mean - 2 nu theta_x / theta at x - mean t, theta a solution of the heat
 * equation from exp(cos(2 pi x) / (4 pi nu)), whose coefficients are Bessel's I_k. */
static double exact(double x, double t, double mean) {
  enum { TERMS = 60 };
  static long double coefficient[TERMS];
  if (coefficient[0] == 0)
    for (int k = 0; k < TERMS; k++) coefficient[k] = bessel_i(k, 1 / (4 * pi * nu));
  long double theta = coefficient[0], slope = 0;
  for (int k = 1; k < TERMS; k++) {
    const long double w = 2 * (long double)pi * k, c = 2 * coefficient[k] * expl(-w * w * nu * t);
    theta += c * cosl(w * (x - mean * t));
    slope -= c * w * sinl(w * (x - mean * t));
  }
  return mean - (double)(2 * nu * slope / theta);
}

static double error_of(solver *s, double mean) {
  const ptrdiff_t n = s->points;
  double *u = room(3 * n), *last = u + n, *want = last + n;
  for (ptrdiff_t x = 0; x < n; x++) {
    u[x] = mean + sin(2 * pi * (double)x / (double)n);
    want[x] = exact((double)x / (double)n, s->spec.time, mean);
    cr_assert_float_eq(exact((double)x / (double)n, 0, mean), u[x], 1e-13);
  }
  solver_run(s, u, last);
  const double error = solver_distance(last, want, n);
  free(u);
  return error;
}

Test(burgers, the_solution_of_cole_and_hopf_is_met_with_spectral_accuracy) {
  static const double sizes[] = {12, 18, 27, 40, 60, 90};
  enum { N = sizeof sizes / sizeof *sizes };
  double h[N], error[N];
  for (int i = 0; i < N; i++) {
    pno_pde_request q = request((int)sizes[i], .4);
    q.tolerance = 1e-13;
    solver s = solver_make("burgers", q);
    h[i] = 1 / sizes[i];
    error[i] = error_of(&s, .6);
    solver_free(&s);
  }
  cr_assert_gt(solver_order("Burgers against Cole and Hopf, 1/n", INFINITY, N, h, error), 10);
  cr_assert_lt(error[N - 1], 1e-11);
}

Test(burgers, time_is_of_fourth_order) {
  enum { N = 5 };
  double h[N], error[N];
  for (int i = 0; i < N; i++) {
    h[i] = .04 / (1 << i);
    solver s = solver_make_fixed("burgers", request(90, .4), h[i]);
    error[i] = error_of(&s, .6);
    solver_free(&s);
  }
  cr_assert_geq(solver_order("Burgers against Cole and Hopf, step", 4, N, h, error), 3.8);
}

/* What the recipe promises of a step is not much less than what the whole way makes. */
Test(burgers, the_tolerance_bounds_the_error) {
  for (int i = 0; i < 4; i++) {
    pno_pde_request q = request(90, .4);
    q.tolerance = pow(10, -4 - 2 * i);
    solver s = solver_make("burgers", q);
    const double error = error_of(&s, .6);
    printf("Burgers, tolerance %.0e: error %.2e\n", q.tolerance, error);
    cr_assert_leq(error, 20 * q.tolerance);
    solver_free(&s);
  }
}

static double energy(const solver *s, const double *u) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < s->points; i++) sum += u[i] * u[i];
  return .5 * sum / (double)s->points;
}

static double mean_of(const double *u, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += u[i];
  return sum / (double)n;
}

/* All waves up to what is kept, of 48 (a third of which is an integer) and 45 points. */
Test(burgers, energy_is_lost_by_viscosity_alone_and_the_mean_stays) {
  for (int n = 48; n >= 45; n -= 3) {
    const int shape[2] = {n, 1};
    pno_pde_request q = request(n, 2e-5);
    q.tolerance = 1e-13;
    solver s = solver_make("burgers", q);
    double *u = room(4 * n), *middle = u + n, *modes = middle + n;
    for (int x = 0; x < n; x++) {
      u[x] = .3;
      for (int k = 1; k < (n + 2) / 3; k++) u[x] += sin(2 * pi * k * x / n + k * k) / (1 + .3 * k);
    }
    const double rate = solver_rate(&s, u, energy, 1, middle);
    fourier_modes(shape, middle, modes);
    const double loss = -nu * fourier_sum(shape, modes, 1, 2);
    printf("Burgers, %d points: dE/dt %.12g, -nu |u_x|^2 %.12g\n", n, rate, loss);
    cr_assert_float_eq(rate, loss, 1e-7 * fabs(loss));
    solver_free(&s);
    s = solver_make("burgers", request(n, .5));
    solver_run(&s, u, middle);
    cr_assert_float_eq(mean_of(middle, n), mean_of(u, n), 1e-15);
    free(u);
    solver_free(&s);
  }
}

/* The term itself moves energy between waves and makes none, to rounding: no alias is left at any size of the grid. */
Test(burgers, the_nonlinear_term_makes_no_energy_on_any_grid) {
  for (int n = 4; n <= 40; n++) {
    solver s = solver_make("burgers", request(n, 1));
    pno_semilinear *p = (pno_semilinear *)s.pde;
    double u[64] = {0}, out[64], sum = 0, size = 0;
    for (int k = 0; k < p->product.modes; k++) u[2 * k] = sin(1 + 7 * k * k), u[2 * k + 1] = k ? cos(2 + 5 * k * k) : 0;
    p->kind->nonlinear(p, u, out);
    for (int i = 0; i < 2 * p->product.modes; i++) {
      sum += (i < 2 ? 1 : 2) * u[i] * out[i];
      size += fabs(u[i] * out[i]);
    }
    cr_assert_leq(fabs(sum), 1e-14 * size, "%d points: %g of %g", n, sum, size);
    solver_free(&s);
  }
}

/* Wave 18 and the one of alternating signs, of 48 points. */
Test(burgers, what_the_two_thirds_rule_leaves_out_decays_by_itself) {
  enum { N = 48 };
  static const double time = .02;
  pno_pde_request q = request(N, time);
  q.tolerance = 1e-13;
  solver s = solver_make("burgers", q);
  double u[N], without[N], with[N], want[N];
  for (int x = 0; x < N; x++) u[x] = sin(2 * pi * x / N) + .4 * cos(2 * pi * 3 * x / N);
  solver_run(&s, u, without);
  for (int x = 0; x < N; x++) {
    const double high = cos(2 * pi * 18 * x / N + .7), last = x % 2 ? -1 : 1;
    u[x] += .2 * high + .1 * last;
    want[x] = without[x] + .2 * exp(-nu * pow(2 * pi * 18, 2) * time) * high +
              .1 * exp(-nu * pow(2 * pi * 24, 2) * time) * last;
  }
  solver_run(&s, u, with);
  cr_assert_leq(solver_distance(with, want, N), 1e-11);
  solver_free(&s);
}

Test(burgers, a_sample_is_one_function_on_two_grids) {
  static const char *const recipes[] = {"li", "pdebench"};
  for (int r = 0; r < 2; r++) {
    float *v[2];
    enum { N = 256 };
    for (int fine = 0; fine < 2; fine++) {
      pno_pde_request q = {.recipe = recipes[r], .dims = 1, .n = {N}, .time = .2, .frames = 2, .refine = fine + 1,
                           .n_parameters = 1, .parameters = {"nu=.1"}};
      solver s = solver_make("burgers", q);
      v[fine] = solver_sample(&s, 2, 0);
      solver_free(&s);
    }
    /* At the end: a field of li has waves at time 0 that the coarse grid does not show. */
    for (int i = N; i < 2 * N; i++) cr_assert_float_eq(v[0][i], v[1][i], 1e-5, "%s %d", recipes[r], i);
    free(v[0]), free(v[1]);
  }
}

Test(burgers, a_state_that_is_not_finite_is_a_failure_with_words) {
  solver s = solver_make("burgers", request(8, 1));
  double u[8] = {0, 1, NAN}, parameters[] = {.05, 0, 5, 2};
  float values[16];
  pno_pde_report r = {.failed = false};
  const pno_pde_task task = {.parameters = parameters, .caution = 1, .initial = u, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &r), PNO_OK);
  cr_assert(r.failed && strstr(r.words, "finite") && r.steps == 0);
  solver_free(&s);
}

/* Shocks of a width of about nu, on 512 points of the solver. All samples fail, whatever their mean is. */
Test(burgers, a_solution_that_goes_on_beyond_the_grid_is_a_failure_with_words) {
  enum { N = 256, FRAMES = 11 };
  pno_pde_request q = {.recipe = "pdebench", .dims = 1, .n = {N}, .frames = FRAMES, .time = 1, .n_parameters = 1};
  static const char *const viscosities[] = {"nu=1e-6", "nu=.01"};
  for (int fine = 0; fine < 2; fine++) {
    q.parameters[0] = viscosities[fine];
    solver s = solver_make("burgers", q);
    double parameters[PNO_PDE_PARAMETERS_MAX];
    float values[FRAMES * N];
    for (uint32_t i = 0; i < 6; i++) {
      pno_pde_report r = {.failed = false};
      pno_pde_draw(s.equation, &s.spec, 0, i, parameters);
      const pno_pde_task task = {.sample = i, .parameters = parameters, .caution = 1, .values = values};
      cr_assert_eq(s.equation->solve(s.pde, &task, &r), PNO_OK);
      if (fine) cr_assert(!r.failed, "sample %d: %s", i, r.words);
      else cr_assert(r.failed && strstr(r.words, "not resolved at t = "), "sample %d: %s", i, r.words);
    }
    solver_free(&s);
  }
}

/* A sample that is tried again goes in smaller steps. */
Test(burgers, caution_makes_more_steps) {
  const pno_pde_request q = {.recipe = "pdebench", .dims = 1, .n = {64}, .frames = 3, .time = .1};
  solver s = solver_make("burgers", q);
  ptrdiff_t steps[2];
  for (int i = 0; i < 2; i++) {
    double parameters[PNO_PDE_PARAMETERS_MAX];
    float values[3 * 64];
    pno_pde_report r = {.failed = true};
    pno_pde_draw(s.equation, &s.spec, 1, 0, parameters);
    const pno_pde_task task = {.seed = 1, .parameters = parameters, .caution = i ? 256 : 1, .values = values};
    cr_assert_eq(s.equation->solve(s.pde, &task, &r), PNO_OK);
    cr_assert(!r.failed && r.error <= s.spec.tolerance / task.caution);
    steps[i] = r.steps;
  }
  cr_assert(steps[1] > 2 * steps[0] && steps[1] < 8 * steps[0], "%td and %td steps", steps[0], steps[1]);
  solver_free(&s);
}
