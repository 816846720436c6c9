#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/pde/fourier.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;
enum { LENGTH = 40 };

static pno_pde_request request(int n, double time, const char *advection) {
  return (pno_pde_request){.recipe = "smooth", .dims = 1, .n = {n}, .time = time, .frames = 2, .n_parameters = 2,
                           .parameters = {"length=40", advection}};
}

static double *room(ptrdiff_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

/* A few waves; the longest ones grow and the fourth is about the fastest. */
static double start(double x) {
  const double y = 2 * pi * x / LENGTH;
  return .2 + cos(y) + .6 * sin(3 * y + 1) - .8 * cos(4 * y + 2);
}

static void fill(double *u, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) u[i] = start(LENGTH * (double)i / (double)n);
}

/* k^2 - k^4: small waves below k = 1 grow, others decay, each by itself as long as squares do not matter. */
Test(kuramoto_sivashinsky, small_waves_grow_and_decay_at_their_rates) {
  enum { N = 48, WAVES = 10 };
  const int shape[2] = {N, 1};
  static const double time = 3, small = 1e-13;
  solver s = solver_make("kuramoto_sivashinsky", request(N, time, "advection=1"));
  double u[N] = {0}, last[N], before[2 * N], after[2 * N];
  for (int i = 0; i < N; i++)
    for (int k = 1; k <= WAVES; k++) u[i] += small * cos(2 * pi * k * i / N + k);
  solver_run(&s, u, last);
  fourier_modes(shape, u, before);
  fourier_modes(shape, last, after);
  for (int k = 1; k <= WAVES; k++) {
    const double q = 2 * pi * k / LENGTH, rate = q * q - q * q * q * q;
    const double size = hypot(after[2 * k], after[2 * k + 1]) / hypot(before[2 * k], before[2 * k + 1]);
    printf("KS, k = %5.3f: rate %9.6f, observed %9.6f\n", q, rate, log(size) / time);
    cr_assert_float_eq(log(size) / time, rate, 1e-7);
    cr_assert_float_eq(after[2 * k] * before[2 * k + 1], after[2 * k + 1] * before[2 * k], 1e-6 * small * small);
  }
  solver_free(&s);
}

/* Last state from start, with a step or, with 0, a tolerance. */
static double *run(int n, double time, double step, double tolerance) {
  pno_pde_request q = request(n, time, "advection=1");
  q.tolerance = tolerance;
  solver s = step > 0 ? solver_make_fixed("kuramoto_sivashinsky", q, step) : solver_make("kuramoto_sivashinsky", q);
  double *u = room(2 * n);
  fill(u + n, n);
  solver_run(&s, u + n, u);
  solver_free(&s);
  return u;
}

Test(kuramoto_sivashinsky, time_is_of_fourth_order) {
  enum { N = 5, POINTS = 64 };
  double h[N], error[N], *fine = run(POINTS, 8, 1. / 5120, 0);
  for (int i = 0; i < N; i++) {
    h[i] = .05 / (1 << i);
    double *u = run(POINTS, 8, h[i], 0);
    error[i] = solver_distance(u, fine, POINTS);
    free(u);
  }
  cr_assert_geq(solver_order("KS against a step of 1/5120, step", 4, N, h, error), 3.8);
  free(fine);
}

Test(kuramoto_sivashinsky, space_is_of_spectral_accuracy) {
  static const double sizes[] = {48, 60, 80, 120};
  enum { N = sizeof sizes / sizeof *sizes, FINE = 240 };
  double h[N], error[N], *fine = run(FINE, 8, 0, 1e-12);
  for (int i = 0; i < N; i++) {
    const int n = (int)sizes[i];
    double *u = run(n, 8, 0, 1e-12), want[FINE];
    for (int x = 0; x < n; x++) want[x] = fine[x * (FINE / n)];
    h[i] = LENGTH / sizes[i];
    error[i] = solver_distance(u, want, n);
    free(u);
  }
  cr_assert_gt(solver_order("KS against 240 points, 40/n", INFINITY, N, h, error), 10);
  cr_assert_lt(error[N - 1], 1e-6);
  free(fine);
}

/* Short waves of the noise die away within a small part of the interval; what they do until then is followed. */
Test(kuramoto_sivashinsky, the_tolerance_is_met_from_noise) {
  enum { N = 128 };
  double u[N], fine[N], last[N];
  for (int i = 0; i < N; i++) u[i] = sin(1 + 12.9898 * i) + .3 * cos(78.233 * i * i);
  solver reference = solver_make_fixed("kuramoto_sivashinsky", request(N, 1, "advection=1"), 1. / 20000);
  solver_run(&reference, u, fine);
  for (int i = 0; i < 3; i++) {
    pno_pde_request q = request(N, 1, "advection=1");
    q.tolerance = pow(10, -4 - 2 * i);
    solver s = solver_make("kuramoto_sivashinsky", q);
    const pno_pde_report r = solver_run(&s, u, last);
    const double error = solver_distance(last, fine, N);
    printf("KS from noise, tolerance %.0e: %td steps, error %.2e\n", q.tolerance, r.steps, error);
    cr_assert_leq(error, 3 * q.tolerance);
    solver_free(&s);
  }
  solver_free(&reference);
}

static double energy(const solver *s, const double *u) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < s->points; i++) sum += u[i] * u[i];
  return .5 * sum / (double)s->points;
}

Test(kuramoto_sivashinsky, energy_comes_from_the_slope_and_goes_with_the_curvature_and_the_mean_stays) {
  enum { N = 48 };
  const int shape[2] = {N, 1};
  pno_pde_request q = request(N, .01, "advection=1");
  q.tolerance = 1e-13;
  solver s = solver_make("kuramoto_sivashinsky", q);
  double *u = run(N, 20, 0, 1e-8), middle[N], modes[2 * N], mean[2] = {0}; /* where all terms count */
  const double rate = solver_rate(&s, u, energy, 1, middle);
  fourier_modes(shape, middle, modes);
  const double in = fourier_sum(shape, modes, LENGTH, 2), out = fourier_sum(shape, modes, LENGTH, 4);
  printf("KS: dE/dt %.10g, |u_x|^2 - |u_xx|^2 = %.10g - %.10g = %.10g\n", rate, in, out, in - out);
  cr_assert_float_eq(rate, in - out, 1e-7 * in);
  for (int i = 0; i < N; i++) mean[0] += start(LENGTH * (double)i / N) / N, mean[1] += u[i] / N;
  cr_assert_float_eq(mean[0], mean[1], 1e-14);
  free(u);
  solver_free(&s);
}

/* u -> u / c turns a term c u u_x into u u_x. */
Test(kuramoto_sivashinsky, a_factor_of_advection_is_a_unit_of_u) {
  enum { N = 48 };
  double u[N], last[2][N];
  for (int half = 0; half < 2; half++) {
    solver s = solver_make("kuramoto_sivashinsky", request(N, 10, half ? "advection=.5" : "advection=1"));
    fill(u, N);
    for (int i = 0; i < N; i++) u[i] *= half ? 2 : 1;
    solver_run(&s, u, last[half]);
    for (int i = 0; i < N; i++) last[half][i] *= half ? .5 : 1;
    solver_free(&s);
  }
  cr_assert_leq(solver_distance(last[1], last[0], N), 1e-13);
}

/* A mean velocity carries the pattern along: by 6 points of 48 here. */
Test(kuramoto_sivashinsky, a_moving_frame_sees_the_same_solution) {
  enum { N = 48 };
  pno_pde_request q = request(N, 4, "advection=1");
  q.tolerance = 1e-10;
  solver s = solver_make("kuramoto_sivashinsky", q);
  const double velocity = LENGTH * 6. / N / 4;
  double u[N], rest[N], moving[N], want[N];
  fill(u, N);
  solver_run(&s, u, rest);
  for (int i = 0; i < N; i++) u[i] += velocity;
  solver_run(&s, u, moving);
  for (int i = 0; i < N; i++) want[(i + 6) % N] = rest[i] + velocity;
  cr_assert_leq(solver_distance(moving, want, N), 1e-7);
  solver_free(&s);
}

Test(kuramoto_sivashinsky, noise_has_the_amplitude_and_waves_their_mean_square) {
  enum { N = 128, SAMPLES = 400 };
  for (int waves = 0; waves < 2; waves++) {
    solver s = solver_make("kuramoto_sivashinsky",
                           (pno_pde_request){.recipe = waves ? "smooth" : "pno", .dims = 1, .n = {N}, .time = 1e-6,
                                             .frames = 2, .n_parameters = 1, .parameters = {"amplitude=.7"}});
    double square = 0, mean = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
      float *v = solver_sample(&s, 5, i);
      for (int x = 0; x < N; x++) {
        cr_assert(waves || fabsf(v[x]) <= .7f);
        square += (double)v[x] * v[x] / N / SAMPLES;
        mean += (double)v[x] / N / SAMPLES;
      }
      free(v);
    }
    const double want = waves ? .49 : .49 / 3, numbers = waves ? 16 : N / .4; /* independent squares of a sample */
    cr_assert_float_eq(square, want, 4 * want * sqrt(2 / (numbers * SAMPLES)), "%g, want %g", square, want);
    cr_assert_float_eq(mean, 0, waves ? 1e-7 : 4 * sqrt(want / (N * SAMPLES)));
    solver_free(&s);
  }
}

static void refuse(int n, int refine, const char *modes, const char *length, const char *word) {
  const pno_pde_request q = {.recipe = "pno", .dims = 1, .n = {n}, .refine = refine, .n_parameters = 2,
                             .parameters = {modes, length}};
  const pno_equation *e = NULL;
  pno_pde_spec spec;
  pno_pde *pde = NULL;
  cr_assert_eq(pno_equation_find("kuramoto_sivashinsky", &e), PNO_OK);
  cr_assert_eq(pno_pde_resolve(e, &q, &spec), PNO_OK);
  cr_assert_eq(e->create(&spec, &pde), PNO_E_USAGE, "%d x %d %s %s", n, refine, modes, length);
  cr_assert(strstr(pno_fail_words(), word), "'%s' does not tell of %s", pno_fail_words(), word);
  cr_assert_null(pde);
}

Test(kuramoto_sivashinsky, noise_on_a_finer_grid_is_refused) { refuse(128, 2, "modes=0", "length=100", "pde.refine"); }

Test(kuramoto_sivashinsky, a_grid_without_the_waves_that_take_energy_out_is_refused_with_the_points_it_needs) {
  refuse(105, 1, "modes=0", "length=100", " 106 are needed");
  refuse(12, 2, "modes=4", "length=22", " 25 are needed");
  solver s = solver_make("kuramoto_sivashinsky", (pno_pde_request){.dims = 1, .n = {106}});
  solver_free(&s);
}

Test(kuramoto_sivashinsky, a_number_of_waves_is_whole_the_same_for_all_and_one_that_the_grid_has) {
  refuse(128, 1, "modes=.5", "length=100", "whole");
  refuse(128, 2, "modes=choice:8:0", "length=100", "whole");
  refuse(128, 1, "modes=uniform:0:10", "length=100", "whole");
  refuse(64, 1, "modes=22", "length=40", "has 21 waves");
}
