#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/engine/pde/fourier.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;
static const double speed = 1.7;

static solver make(int dims, int n0, int n1, double time, int frames) {
  return solver_make("wave", (pno_pde_request){.dims = dims, .n = {n0, n1}, .time = time, .frames = frames,
                                               .n_parameters = 1, .parameters = {"c=1.7"}});
}

static double *room(ptrdiff_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

/* d'Alembert from u = f and u_t = g: (f(x - ct) + f(x + ct)) / 2 + (G(x + ct) - G(x - ct)) / 2c, with G' = g. */
static double f(double x) { return exp(sin(2 * pi * x)); }
static double f_x(double x) { return 2 * pi * cos(2 * pi * x) * f(x); }
static double g(double x) { return .3 + 2 * pi * sin(2 * pi * x) * exp(cos(2 * pi * x)); }
static double g_integral(double x) { return .3 * x - exp(cos(2 * pi * x)); }

static double u_at(double x, double t) {
  const double a = x - speed * t, b = x + speed * t;
  return .5 * (f(a) + f(b)) + .5 / speed * (g_integral(b) - g_integral(a));
}

static double u_t_at(double x, double t) {
  const double a = x - speed * t, b = x + speed * t;
  return .5 * speed * (f_x(b) - f_x(a)) + .5 * (g(a) + g(b));
}

Test(wave, an_analytic_state_is_solved_with_spectral_accuracy_on_the_line) {
  static const double sizes[] = {8, 12, 16, 24, 36};
  enum { N = sizeof sizes / sizeof *sizes };
  static const double time = .83;
  double h[N], error[N];
  for (int i = 0; i < N; i++) {
    const int n = (int)sizes[i];
    solver s = make(1, n, 0, time, 3);
    double *state = room(6 * n), *last = state + 2 * n, *want = last + 2 * n;
    for (int x = 0; x < n; x++) {
      state[x] = u_at((double)x / n, 0), state[n + x] = u_t_at((double)x / n, 0);
      want[x] = u_at((double)x / n, time), want[n + x] = u_t_at((double)x / n, time);
    }
    cr_assert_eq(solver_run(&s, state, last).error, 0);
    h[i] = 1 / sizes[i];
    error[i] = fmax(solver_distance(last, want, n), solver_distance(last + n, want + n, n));
    free(state);
    solver_free(&s);
  }
  cr_assert_gt(solver_order("wave, 1/n", INFINITY, N, h, error), 10);
  cr_assert_lt(error[N - 1], 1e-12);
}

/* A plane wave along (3, 4) and a standing one, on grids that are odd and not square. */
Test(wave, waves_on_the_plane_travel_and_stand) {
  static const int sizes[][2] = {{16, 16}, {15, 12}, {9, 21}};
  static const double time = .37;
  for (int t = 0; t < 3; t++) {
    const int n0 = sizes[t][0], n1 = sizes[t][1];
    solver s = make(2, n0, n1, time, 2);
    const ptrdiff_t n = s.points;
    double *state[2] = {room(2 * n), room(2 * n)}, *last = room(2 * n);
    const double w = 2 * pi * speed * 5, v = 2 * pi * speed * sqrt(5);
    for (int when = 0; when < 2; when++)
      for (int i = 0; i < n0; i++)
        for (int j = 0; j < n1; j++) {
          const double x = 2 * pi * i / n0, y = 2 * pi * j / n1, now = when * time;
          double *u = &state[when][i * n1 + j], *u_t = u + n;
          *u = sin(3 * x + 4 * y - w * now) + .4 * cos(2 * x) * sin(y + 1) * cos(v * now + .2);
          *u_t = -w * cos(3 * x + 4 * y - w * now) - .4 * v * cos(2 * x) * sin(y + 1) * sin(v * now + .2);
        }
    solver_run(&s, state[0], last);
    cr_assert_leq(solver_distance(last, state[1], n), 1e-13);
    cr_assert_leq(solver_distance(last + n, state[1] + n, n), 1e-13);
    free(state[0]), free(state[1]), free(last);
    solver_free(&s);
  }
}

/* Half the mean square of u_t and of c grad u. n: as fourier has it. */
static double energy(const int *n, const double *u, const double *u_t) {
  const ptrdiff_t points = (ptrdiff_t)n[0] * n[1];
  double *modes = room(2 * points);
  fourier_modes(n, u, modes);
  double sum = .5 * speed * speed * fourier_sum(n, modes, 1, 2);
  fourier_modes(n, u_t, modes);
  sum += .5 * fourier_sum(n, modes, 1, 0);
  free(modes);
  return sum;
}

/* Numbers without a pattern: all modes, those at the edge of the grid too. */
static void fill(double *x, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] = sin(1 + 12.9898 * (double)i) + .3 * cos(78.233 * (double)(i * i));
}

Test(wave, energy_stays_and_time_can_be_turned_back) {
  for (int dims = 1; dims <= 2; dims++) {
    const int sizes[2] = {18, dims == 2 ? 15 : 1};
    solver s = make(dims, 18, 15, 3.1, 2);
    const ptrdiff_t n = s.points;
    double *start = room(6 * n), *end = start + 2 * n, *again = end + 2 * n;
    fill(start, 2 * n);
    solver_run(&s, start, end);
    const double before = energy(sizes, start, start + n), after = energy(sizes, end, end + n);
    printf("wave: energy %.15g, after t = 3.1 %.15g\n", before, after);
    cr_assert_float_eq(before, after, 1e-13 * before);
    for (ptrdiff_t i = 0; i < n; i++) end[n + i] = -end[n + i];
    solver_run(&s, end, again);
    for (ptrdiff_t i = 0; i < n; i++) again[n + i] = -again[n + i];
    cr_assert_leq(solver_distance(again, start, n), 1e-13);
    cr_assert_leq(solver_distance(again + n, start + n, n), 1e-13);
    free(start);
    solver_free(&s);
  }
}

/* On the line all waves have the speed 1 of the recipe, so after 20 of its 40 intervals they are where they were. */
Test(wave, a_drawn_sample_begins_at_rest_and_comes_back) {
  solver s = solver_make("wave", (pno_pde_request){.dims = 1, .n = {48}});
  float *v = solver_sample(&s, 3, 4), *u_t = v + (ptrdiff_t)s.spec.frames * 48;
  float most = 0;
  for (int i = 0; i < 48; i++) most = fmaxf(most, fabsf(v[i]));
  for (int i = 0; i < 48; i++) {
    cr_assert_float_eq(u_t[i], 0, 1e-7);
    cr_assert_float_eq(v[20 * 48 + i], v[i], 1e-6 * most);
    cr_assert_float_eq(v[40 * 48 + i], v[i], 1e-6 * most);
  }
  free(v);
  solver_free(&s);
}

Test(wave, a_drawn_velocity_is_another_field_of_the_wanted_size) {
  for (int dims = 1; dims <= 2; dims++) {
    double square[2] = {0}, both = 0;
    const pno_pde_request q = {.dims = dims, .n = {16, 16}, .frames = 2, .n_parameters = 1,
                               .parameters = {"velocity=3"}};
    solver s = solver_make("wave", q);
    enum { SAMPLES = 600 };
    for (uint32_t i = 0; i < SAMPLES; i++) {
      float *v = solver_sample(&s, 3, i);
      const float *u_t = v + 2 * s.points;
      for (ptrdiff_t x = 0; x < s.points; x++) {
        square[0] += v[x] * v[x];
        square[1] += u_t[x] * u_t[x];
        both += v[x] * u_t[x];
      }
      free(v);
    }
    /* About two modes carry a field: the relative error of a mean square is about 1 / sqrt(SAMPLES). */
    cr_assert_float_eq(sqrt(square[1] / square[0]), 3, 3 * 4 / sqrt(SAMPLES));
    cr_assert_leq(fabs(both), 4 / sqrt(SAMPLES) * sqrt(square[0] * square[1]));
    solver_free(&s);
  }
}

Test(wave, no_speed_leaves_u_t_and_moves_u_by_it) {
  solver s = solver_make("wave", (pno_pde_request){.dims = 1, .n = {9}, .time = 2, .n_parameters = 1,
                                                   .parameters = {"c=0"}});
  double state[18], last[18];
  fill(state, 18);
  solver_run(&s, state, last);
  for (int i = 0; i < 9; i++) {
    cr_assert_float_eq(last[i], state[i] + 2 * state[9 + i], 1e-14);
    cr_assert_float_eq(last[9 + i], state[9 + i], 1e-14);
  }
  solver_free(&s);
}
