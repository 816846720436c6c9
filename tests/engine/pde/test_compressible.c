#include "engine/pde/equation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;

/* A request of the recipe with gamma, eta, zeta and kinematic as the texts say; they live as long as the request. */
static pno_pde_request request(const char *recipe, int n, double time, const char *const texts[4]) {
  pno_pde_request q = {.recipe = recipe, .dims = 1, .n = {n}, .frames = 2, .time = time, .n_parameters = 4};
  for (int i = 0; i < 4; i++) q.parameters[i] = texts[i];
  return q;
}

static const char *const ideal[4] = {"gamma=1.4", "eta=0", "zeta=0", "kinematic=0"};

static double *state_alloc(const solver *s) {
  double *u = calloc((size_t)(3 * s->points), sizeof *u);
  cr_assert_not_null(u);
  return u;
}

static double centre(ptrdiff_t i, ptrdiff_t n) { return ((double)i + .5) / (double)n; }

static double l1(const double *a, const double *b, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += fabs(a[i] - b[i]);
  return sum / (double)n;
}

Test(compressible, density_that_the_flow_carries_is_met_with_second_order_and_disturbs_nothing) {
  enum { SIZES = 4 };
  double size[SIZES], error[SIZES];
  for (int i = 0; i < SIZES; i++) {
    const int n = 64 << i;
    solver s = solver_make("compressible", request("rand", n, 1, ideal));
    double *first = state_alloc(&s), *last = state_alloc(&s);
    for (int k = 0; k < n; k++) {
      const double a = 2 * pi * k / n, b = 2 * pi * (k + 1) / n; /* the mean of 1 + .5 sin over the cell */
      first[k] = 1 + .5 * (cos(a) - cos(b)) / (b - a);
      first[n + k] = first[2 * n + k] = 1;
    }
    solver_run(&s, first, last); /* once around */
    for (int k = n; k < 3 * n; k++) cr_assert_float_eq(last[k], 1, 1e-11, "%g", last[k] - 1);
    size[i] = 1. / n;
    error[i] = l1(last, first, n);
    free(first), free(last);
    solver_free(&s);
  }
  cr_expect_gt(solver_order("compressible, density carried, L1, dx", 2, SIZES, size, error), 1.8);
}

/* A standing wave of relative size small: pressure P cos, velocity V sin, P' = -gamma p0 k V,
 * V' = k P / rho0 - (nu / rho0) k^2 V. P(0) = small; dt is small enough for any rule. */
static void standing(double rho0, double p0, double gamma, double nu, double k, double small, double time, double *P,
                     double *V) {
  enum { STEPS = 20000 };
  const double h = time / STEPS, a = -gamma * p0 * k, b = k / rho0, c = -nu / rho0 * k * k;
  double p = small, v = 0;
  for (int i = 0; i < STEPS; i++) { /* the implicit midpoint rule */
    const double d = 1 - .5 * h * c - .25 * h * h * a * b;
    const double vm = (v + .5 * h * b * p) / d, pm = p + .5 * h * a * vm;
    v = 2 * vm - v;
    p = 2 * pm - p;
  }
  *P = p;
  *V = v;
}

static void sound(const char *what, double rho0, const char *const texts[4], double nu) {
  enum { SIZES = 4 };
  static const double p0 = 1, gamma = 1.4, small = 1e-6, time = .7;
  double size[SIZES], error[SIZES], P = 0, V = 0;
  standing(rho0, p0, gamma, nu, 2 * pi, small, time, &P, &V);
  for (int i = 0; i < SIZES; i++) {
    const int n = 32 << i;
    solver s = solver_make("compressible", request("rand", n, time, texts));
    double *first = state_alloc(&s), *last = state_alloc(&s), miss = 0;
    for (int k = 0; k < n; k++) {
      const double wave = small * cos(2 * pi * centre(k, n));
      first[k] = rho0 * (1 + wave / (gamma * p0)); /* sound changes the density so */
      first[2 * n + k] = p0 + wave;
    }
    solver_run(&s, first, last);
    for (int k = 0; k < n; k++) {
      const double x = 2 * pi * centre(k, n);
      miss += fabs(last[2 * n + k] - p0 - P * cos(x)) / n + sqrt(rho0) * fabs(last[n + k] - V * sin(x)) / n;
    }
    size[i] = 1. / n;
    error[i] = miss / small;
    free(first), free(last);
    solver_free(&s);
  }
  printf("%s: amplitudes of p and v %.4f and %.4f of the first\n", what, P / small, V / small);
  cr_expect_gt(solver_order(what, 2, SIZES, size, error), 1.8);
  cr_expect_lt(error[SIZES - 1], 2e-3);
}

Test(compressible, sound_is_carried_and_damped_as_linear_theory_says) {
  static const char *const viscous[4] = {"gamma=1.4", "eta=.015", "zeta=.01", "kinematic=0"};
  static const char *const kinematic[4] = {"gamma=1.4", "eta=.015", "zeta=.01", "kinematic=1"};
  static const char *const strong[4] = {"gamma=1.4", "eta=.3", "zeta=.1", "kinematic=0"}; /* split off on all grids */
  sound("sound, no viscosity, L1, dx", 1, ideal, 0);
  sound("sound, viscosity .03, rho 2, L1, dx", 2, viscous, .03);
  sound("sound, the same per density, rho 2, L1, dx", 2, kinematic, .06);
  sound("sound, viscosity .5, L1, dx", 1, strong, .5);
}

/* The exact solution of a Riemann problem (Toro 2009, 4.2 to 4.5), no vacuum. */
typedef struct {
  double rho, v, p;
} gas;

/* Velocity that a wave to the pressure p adds. */
static double wave(double g, gas q, double p) {
  const double c = sqrt(g * q.p / q.rho);
  if (p > q.p) return (p - q.p) * sqrt(2 / (q.rho * ((g + 1) * p + (g - 1) * q.p)));
  return 2 * c / (g - 1) * (pow(p / q.p, (g - 1) / (2 * g)) - 1);
}

/* State at speed s left of the contact that moves with (v, p). */
static gas behind(double g, gas q, double v, double p, double s) {
  const double c = sqrt(g * q.p / q.rho), r = (g - 1) / (g + 1);
  if (p > q.p) {
    const double shock = q.v - c * sqrt((g + 1) / (2 * g) * p / q.p + (g - 1) / (2 * g));
    return s < shock ? q : (gas){q.rho * (p / q.p + r) / (r * p / q.p + 1), v, p};
  }
  const double c1 = c * pow(p / q.p, (g - 1) / (2 * g));
  if (s < q.v - c) return q;
  if (s > v - c1) return (gas){q.rho * pow(p / q.p, 1 / g), v, p};
  const double f = 2 / (g + 1) + r / c * (q.v - s);
  return (gas){q.rho * pow(f, 2 / (g - 1)), 2 / (g + 1) * (c + .5 * (g - 1) * q.v + s), q.p * pow(f, 2 * g / (g - 1))};
}

static gas exact(double g, gas l, gas r, double s) {
  double low = 1e-12, high = 1e6;
  for (int i = 0; i < 300; i++) {
    const double p = sqrt(low * high);
    if (wave(g, l, p) + wave(g, r, p) + r.v - l.v < 0) low = p;
    else high = p;
  }
  const double v = .5 * (l.v + r.v + wave(g, r, low) - wave(g, l, low));
  if (s < v) return behind(g, l, v, low, s);
  const gas q = behind(g, (gas){r.rho, -r.v, r.p}, -v, low, -s);
  return (gas){q.rho, -q.v, q.p};
}

/* Observed order of the density in L1; the step is at 1/2. */
static double tube(const char *what, gas l, gas r, double time) {
  enum { SIZES = 4, PARTS = 16 };
  double size[SIZES], error[SIZES];
  for (int i = 0; i < SIZES; i++) {
    const int n = 100 << i;
    solver s = solver_make("compressible", request("shock", n, time, ideal));
    double *first = state_alloc(&s), *last = state_alloc(&s), miss = 0;
    for (int k = 0; k < n; k++) {
      const gas q = k < n / 2 ? l : r;
      first[k] = q.rho, first[n + k] = q.v, first[2 * n + k] = q.p;
    }
    solver_run(&s, first, last);
    for (int k = 0; k < n; k++) {
      double mean = 0;
      for (int j = 0; j < PARTS; j++) mean += exact(1.4, l, r, ((k + (j + .5) / PARTS) / n - .5) / time).rho / PARTS;
      miss += fabs(last[k] - mean) / n;
      cr_assert(last[k] > 0 && last[2 * n + k] > 0);
    }
    size[i] = 1. / n;
    error[i] = miss;
    free(first), free(last);
    solver_free(&s);
  }
  return solver_order(what, 1, SIZES, size, error);
}

Test(compressible, riemann_problems_have_their_exact_solutions) {
  cr_expect_gt(tube("Sod, rho, L1, dx", (gas){1, 0, 1}, (gas){.125, 0, .1}, .2), .8);
  cr_expect_gt(tube("pressures 1000 and .01, rho, L1, dx", (gas){1, 0, 1000}, (gas){1, 0, .01}, .012), .6);
  cr_expect_gt(tube("pressures 460.9 and 46.1, rho, L1, dx", (gas){5.99924, 19.5975, 460.894},
                    (gas){5.99242, -6.19633, 46.095}, .015), .6);
  cr_expect_gt(tube("two rarefactions, rho, L1, dx", (gas){1, -2, .4}, (gas){1, 2, .4}, .15), .6);
}

Test(compressible, density_and_pressure_stay_positive_where_a_vacuum_opens) {
  static const double pressures[] = {.4, 1e-3, 1e-9};
  for (size_t c = 0; c < sizeof pressures / sizeof *pressures; c++) {
    enum { N = 200 };
    solver s = solver_make("compressible", request("shock", N, .1, ideal));
    double *first = state_alloc(&s), *last = state_alloc(&s), least[2] = {INFINITY, INFINITY};
    for (int k = 0; k < N; k++) first[k] = 1, first[N + k] = k < N / 2 ? -4 : 4, first[2 * N + k] = pressures[c];
    const pno_pde_report r = solver_run(&s, first, last);
    for (int k = 0; k < N; k++) {
      cr_assert(last[k] > 0 && last[2 * N + k] > 0, "rho %g p %g", last[k], last[2 * N + k]);
      least[0] = fmin(least[0], last[k]);
      least[1] = fmin(least[1], last[2 * N + k]);
    }
    printf("a vacuum opens, p = %g: %td steps, %td rejected, rho at least %.1e, p %.1e\n", pressures[c], r.steps,
           r.rejected, least[0], least[1]);
    free(first), free(last);
    solver_free(&s);
  }
}

/* Sums of mass, momentum, energy. */
static void sums(const double *q, ptrdiff_t n, double gamma, double out[3]) {
  out[0] = out[1] = out[2] = 0;
  for (ptrdiff_t k = 0; k < n; k++) {
    out[0] += q[k] / (double)n;
    out[1] += q[k] * q[n + k] / (double)n;
    out[2] += (q[2 * n + k] / (gamma - 1) + .5 * q[k] * q[n + k] * q[n + k]) / (double)n;
  }
}

/* A state of few waves, with shocks soon. */
static void lively(ptrdiff_t n, double *q) {
  for (ptrdiff_t k = 0; k < n; k++) {
    const double x = 2 * pi * centre(k, n);
    q[k] = 2 + cos(x) + .5 * sin(3 * x + 1);
    q[n + k] = 1.5 * sin(x) + .3 * cos(2 * x);
    q[2 * n + k] = 1.2 + sin(2 * x + .5);
  }
}

Test(compressible, mass_momentum_and_energy_are_conserved_with_and_without_viscosity) {
  static const char *const texts[3][4] = {{"gamma=1.4", "eta=0", "zeta=0", "kinematic=0"},
                                          {"gamma=1.4", "eta=.01", "zeta=.02", "kinematic=0"},
                                          {"gamma=1.4", "eta=.01", "zeta=.02", "kinematic=1"}};
  for (int c = 0; c < 3; c++) {
    solver s = solver_make("compressible", request("rand", 160, 1, texts[c]));
    double *first = state_alloc(&s), *last = state_alloc(&s), before[3], after[3];
    lively(s.points, first);
    const pno_pde_report r = solver_run(&s, first, last);
    sums(first, s.points, 1.4, before);
    sums(last, s.points, 1.4, after);
    printf("compressible, %s, %s: %td steps, mass %+.1e momentum %+.1e energy %+.1e\n", texts[c][1], texts[c][3],
           r.steps, after[0] - before[0], after[1] - before[1], after[2] - before[2]);
    for (int k = 0; k < 3; k++) cr_expect_float_eq(after[k], before[k], 2e-13 * before[2]);
    free(first), free(last);
    solver_free(&s);
  }
}

Test(compressible, a_mirrored_state_has_the_mirrored_solution) {
  static const char *const texts[4] = {"gamma=1.4", "eta=.001", "zeta=0", "kinematic=1"};
  solver s = solver_make("compressible", request("rand", 120, .5, texts));
  const ptrdiff_t n = s.points;
  double *first = state_alloc(&s), *last = state_alloc(&s), *turned = state_alloc(&s), *mirror = state_alloc(&s);
  lively(n, first);
  for (ptrdiff_t k = 0; k < 3 * n; k++) turned[k / n * n + n - 1 - k % n] = k / n == 1 ? -first[k] : first[k];
  solver_run(&s, first, last);
  solver_run(&s, turned, mirror);
  for (ptrdiff_t k = 0; k < 3 * n; k++) {
    const double is = mirror[k / n * n + n - 1 - k % n];
    cr_assert_float_eq(k / n == 1 ? -is : is, last[k], 1e-10);
  }
  free(first), free(last), free(turned), free(mirror);
  solver_free(&s);
}

Test(compressible, steps_in_time_are_of_second_order) {
  enum { N = 64, SIZES = 3 };
  static const char *const texts[4] = {"gamma=1.4", "eta=.006", "zeta=.002", "kinematic=0"};
  double size[SIZES], error[SIZES], *last[SIZES + 1];
  for (int i = 0; i <= SIZES; i++) {
    pno_pde_request q = request("rand", N, .2, texts);
    q.step = .002 / (i < SIZES ? 1 << i : 64);
    solver s = solver_make("compressible", q);
    double *first = state_alloc(&s);
    last[i] = state_alloc(&s);
    for (int k = 0; k < N; k++) {
      const double x = 2 * pi * centre(k, N);
      first[k] = 1 + .2 * sin(x), first[N + k] = .1 * cos(x), first[2 * N + k] = 1 + .1 * sin(x + 1);
    }
    cr_assert_eq(solver_run(&s, first, last[i]).steps, lround(.2 / q.step));
    free(first);
    solver_free(&s);
  }
  for (int i = 0; i < SIZES; i++) {
    size[i] = .002 / (1 << i);
    error[i] = l1(last[i], last[SIZES], 3 * N);
  }
  for (int i = 0; i <= SIZES; i++) free(last[i]);
  cr_expect_gt(solver_order("compressible, smooth, L1, dt", 2, SIZES, size, error), 1.8);
}

/* The first frame and last state of a drawn sample. */
static float *drawn(solver *s, uint32_t sample) { return solver_sample(s, 9, sample); }

Test(compressible, a_sample_is_one_function_on_every_grid_and_mach_scales_its_velocity) {
  enum { N = 40, REFINE = 5 };
  static const char *const recipes[] = {"rand", "rand_open", "shock"};
  for (int c = 0; c < 3; c++)
    for (uint32_t k = 0; k < 4; k++) {
      pno_pde_request q = {.recipe = recipes[c], .dims = 1, .n = {N}, .frames = 2, .time = 1e-9};
      solver coarse = solver_make("compressible", q);
      q.refine = REFINE;
      q.n_parameters = 1;
      q.parameters[0] = "mach=.5";
      solver fine = solver_make("compressible", q);
      float *a = drawn(&coarse, k), *b = drawn(&fine, k);
      int far = 0;
      double fastest = 0, sound = 0;
      for (int i = 0; i < N; i++) {
        const double rho = (double)b[i], v = (double)b[2 * N + i], p = (double)b[4 * N + i];
        far += fabs((double)a[i] - rho) > .1 * rho || fabs((double)a[4 * N + i] - p) > .1 * p;
        fastest = fmax(fastest, fabs(v));
        sound = fmax(sound, sqrt(5. / 3 * p / rho));
        cr_assert(rho > .99 && rho < 21 && p > 9.9 && p < 210);
      }
      cr_expect_leq(far, 3, "cells with an edge of a window"); /* .01 wide, a cell .025 */
      cr_expect_float_eq(fastest / sound, .5, .05, "%s %u: %g", recipes[c], k, fastest / sound);
      free(a), free(b);
      solver_free(&coarse), solver_free(&fine);
    }
}

Test(compressible, the_ends_are_those_of_the_recipe) {
  static const char *const recipes[] = {"rand", "rand_open", "shock"};
  for (int c = 0; c < 3; c++) {
    solver s = solver_make("compressible", request(recipes[c], 50, .05, ideal));
    double *first = state_alloc(&s), *last = state_alloc(&s), first_sums[3], last_sums[3];
    cr_expect_eq(pno_pde_edges(s.equation, &s.spec), c == 0 ? PNO_PDE_PERIODIC : PNO_PDE_OPEN);
    for (int k = 0; k < 50; k++) first[k] = 1 + (k < 25), first[50 + k] = 1, first[100 + k] = 1;
    solver_run(&s, first, last);
    sums(first, 50, 1.4, first_sums);
    sums(last, 50, 1.4, last_sums);
    /* Open: .05 of 2 comes in and .05 of 1 leaves. */
    cr_expect_float_eq(last_sums[0] - first_sums[0], c == 0 ? 0 : .05, 1e-12);
    free(first), free(last);
    solver_free(&s);
  }
}

Test(compressible, a_state_without_meaning_is_a_report_and_a_tolerance_is_refused) {
  pno_pde_request q = request("rand", 16, .1, ideal);
  solver s = solver_make("compressible", q);
  const double bad[] = {0, -1, NAN, INFINITY}, parameters[] = {1.4, 0, 0, 0, 0};
  double *first = state_alloc(&s);
  float *values = malloc((size_t)s.n_values * sizeof *values);
  cr_assert_not_null(values);
  for (int b = 0; b < 4; b++)
    for (int variable = 0; variable < 3; variable += 2)
      for (int at = 0; at < 16; at += 15) {
        pno_pde_report report = {.failed = false};
        for (int k = 0; k < 48; k++) first[k] = 1;
        first[16 * variable + at] = bad[b];
        const pno_pde_task task = {.parameters = parameters, .caution = 1, .initial = first, .values = values};
        cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
        cr_assert(report.failed && strstr(report.words, "initial"), "%g: '%s'", bad[b], report.words);
      }
  free(first), free(values);
  solver_free(&s);
  q.tolerance = 1e-6;
  pno_pde_spec spec;
  cr_assert_eq(pno_pde_resolve(s.equation, &q, &spec), PNO_E_USAGE);
  cr_assert(strstr(pno_fail_words(), "Courant"), "%s", pno_fail_words());
}
