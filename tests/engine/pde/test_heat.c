#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/pde/fourier.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;
static const double kappa = .013;

static solver make(int dims, int n0, int n1, double time, int frames) {
  return solver_make("heat", (pno_pde_request){.dims = dims, .n = {n0, n1}, .time = time, .frames = frames,
                                               .n_parameters = 1, .parameters = {"kappa=.013"}});
}

static double *room(ptrdiff_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

/* Modified Bessel function of the first kind, by its series of positive terms. */
static double bessel_i(int k, double x) {
  long double term = 1, sum = 0;
  for (int i = 1; i <= k; i++) term *= x / 2 / i;
  for (int m = 0; m < 60; m++) {
    sum += term;
    term *= (long double)x * x / 4 / ((long double)(m + 1) * (m + 1 + k));
  }
  return (double)sum;
}

/* From exp(a cos 2 pi x), whose coefficients are the functions I_k(a). */
static double exact(double x, double t) {
  static const double a = 3;
  double u = bessel_i(0, a);
  for (int k = 1; k < 50; k++) u += 2 * bessel_i(k, a) * exp(-kappa * 4 * pi * pi * k * k * t) * cos(2 * pi * k * x);
  return u;
}

Test(heat, an_analytic_state_is_solved_with_spectral_accuracy_on_the_line) {
  static const double sizes[] = {6, 9, 12, 16, 24};
  enum { N = sizeof sizes / sizeof *sizes };
  double h[N], error[N];
  for (int i = 0; i < N; i++) {
    const int n = (int)sizes[i];
    solver s = make(1, n, 0, .4, 2);
    double *u = room(3 * n), *last = u + n, *want = last + n;
    for (int x = 0; x < n; x++) {
      u[x] = exact((double)x / n, 0);
      want[x] = exact((double)x / n, .4);
    }
    const pno_pde_report r = solver_run(&s, u, last);
    cr_assert_eq(r.error, 0);
    h[i] = 1 / sizes[i];
    error[i] = solver_distance(last, want, n);
    free(u);
    solver_free(&s);
  }
  cr_assert_gt(solver_order("heat, 1/n", INFINITY, N, h, error), 10);
  cr_assert_lt(error[N - 1], 1e-13);
}

/* Products of waves, on odd and even grids that are not square. */
Test(heat, waves_on_the_plane_decay_each_with_its_rate) {
  static const int sizes[][2] = {{16, 16}, {15, 12}, {9, 21}};
  for (int t = 0; t < 3; t++) {
    const int n0 = sizes[t][0], n1 = sizes[t][1];
    solver s = make(2, n0, n1, .7, 4);
    double *u = room(3 * s.points), *last = u + s.points, *want = last + s.points;
    const double d = exp(-kappa * 4 * pi * pi * 13 * .7), e = exp(-kappa * 4 * pi * pi * 16 * .7);
    for (int i = 0; i < n0; i++)
      for (int j = 0; j < n1; j++) {
        const double x = 2 * pi * i / n0, y = 2 * pi * j / n1;
        u[i * n1 + j] = .5 + sin(2 * x + .3) * cos(3 * y) - .7 * cos(4 * y - 1);
        want[i * n1 + j] = .5 + d * sin(2 * x + .3) * cos(3 * y) - .7 * e * cos(4 * y - 1);
      }
    solver_run(&s, u, last);
    cr_assert_leq(solver_distance(last, want, s.points), 1e-14);
    free(u);
    solver_free(&s);
  }
}

/* Numbers without a pattern: all modes, those at the edge of the grid too. */
static void fill(double *x, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] = sin(1 + 12.9898 * (double)i) + .3 * cos(78.233 * (double)(i * i));
}

Test(heat, two_intervals_are_one_and_the_mean_stays_and_extremes_shrink) {
  for (int dims = 1; dims <= 2; dims++) {
    solver whole = make(dims, 18, 14, 1, 2), first = make(dims, 18, 14, .3, 2), rest = make(dims, 18, 14, .7, 5);
    const ptrdiff_t n = whole.points;
    double *u = room(4 * n), *half = u + n, *two = half + n, *one = two + n, mean[2] = {0}, lo[2], hi[2];
    fill(u, n);
    solver_run(&whole, u, one);
    solver_run(&first, u, half);
    solver_run(&rest, half, two);
    cr_assert_leq(solver_distance(two, one, n), 1e-14);
    for (int when = 0; when < 2; when++) {
      const double *v = when ? half : u;
      lo[when] = hi[when] = v[0];
      for (ptrdiff_t i = 0; i < n; i++) {
        mean[when] += v[i] / (double)n;
        lo[when] = fmin(lo[when], v[i]);
        hi[when] = fmax(hi[when], v[i]);
      }
    }
    cr_assert_float_eq(mean[0], mean[1], 1e-15);
    cr_assert(lo[1] > lo[0] && hi[1] < hi[0]);
    free(u);
    solver_free(&whole), solver_free(&first), solver_free(&rest);
  }
}

/* d/dt of half the mean square is -kappa times the mean square of the gradient. */
static double energy(const solver *s, const double *u) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < s->points; i++) sum += u[i] * u[i];
  return .5 * sum / (double)s->points;
}

Test(heat, energy_is_lost_at_the_rate_of_the_gradient) {
  solver s = make(2, 12, 15, 1e-4, 2);
  double *u = room(2 * s.points), *middle = u + s.points, *modes = room(2 * s.points);
  fill(u, s.points);
  const double rate = solver_rate(&s, u, energy, 1, middle);
  fourier_modes(s.spec.n, middle, modes);
  const double loss = -kappa * fourier_sum(s.spec.n, modes, 1, 2);
  printf("heat: dE/dt %.12g, -kappa |grad u|^2 %.12g\n", rate, loss);
  cr_assert_float_eq(rate, loss, 1e-8 * fabs(loss));
  free(u), free(modes);
  solver_free(&s);
}

/* Frames of a drawn sample against the sum over the modes of its first frame; floats. */
Test(heat, every_frame_of_a_drawn_sample_is_the_solution_from_the_first) {
  for (int dims = 1; dims <= 2; dims++) {
    enum { FRAMES = 5 };
    solver s = make(dims, 20, 15, 2, FRAMES);
    const int n[2] = {20, dims == 2 ? 15 : 1};
    float *v = solver_sample(&s, 8, 1);
    double *u = room(5 * s.points), *modes = u + s.points, *now = modes + 2 * s.points;
    for (ptrdiff_t i = 0; i < s.points; i++) u[i] = v[i];
    fourier_modes(n, u, modes);
    for (int f = 1; f < FRAMES; f++) {
      for (ptrdiff_t m = 0; m < s.points; m++) {
        const double k0 = fourier_integer((int)(m / n[1]), n[0]), k1 = fourier_integer((int)(m % n[1]), n[1]);
        const double decay = exp(-kappa * 4 * pi * pi * (k0 * k0 + k1 * k1) * 2 * f / (FRAMES - 1));
        now[2 * m] = decay * modes[2 * m];
        now[2 * m + 1] = decay * modes[2 * m + 1];
      }
      fourier_points(n, now, u);
      for (ptrdiff_t i = 0; i < s.points; i++) cr_assert_float_eq(v[f * s.points + i], u[i], 1e-6);
    }
    free(u), free(v);
    solver_free(&s);
  }
}

/* A grid of the solver that is finer has the same function; its own fine waves add what the coarse one cannot show. */
Test(heat, a_sample_is_one_function_on_two_grids) {
  for (int dims = 1; dims <= 2; dims++) {
    float *v[2];
    ptrdiff_t n = 0;
    for (int fine = 0; fine < 2; fine++) {
      const pno_pde_request q = {.dims = dims, .n = {32, 32}, .refine = fine + 1, .n_parameters = 1,
                                 .parameters = {"alpha=8"}};
      solver s = solver_make("heat", q);
      v[fine] = solver_sample(&s, 8, 1);
      n = s.n_values;
      solver_free(&s);
    }
    float most = 0;
    for (ptrdiff_t i = 0; i < n; i++) most = fmaxf(most, fabsf(v[0][i]));
    for (ptrdiff_t i = 0; i < n; i++) cr_assert_float_eq(v[0][i], v[1][i], 2e-6 * most);
    free(v[0]), free(v[1]);
  }
}

Test(heat, a_state_that_is_not_finite_is_a_failure_with_words) {
  solver s = make(1, 8, 0, 1, 2);
  double u[8] = {0, 1, NAN}, parameters[] = {.01, 1, 1, 1};
  float values[16];
  pno_pde_report r = {.failed = false};
  const pno_pde_task task = {.parameters = parameters, .caution = 1, .initial = u, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &r), PNO_OK);
  cr_assert(r.failed && strstr(r.words, "finite"));
  solver_free(&s);
}
