#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/pde/semilinear.h"
#include "tests/engine/pde/fourier.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;
static const double nu = .005, force = 3;

static pno_pde_request request(int n0, int n1, double time, double tolerance, const char *forcing) {
  return (pno_pde_request){.dims = 2, .n = {n0, n1}, .refine = 1, .time = time, .frames = 2, .tolerance = tolerance,
                           .n_parameters = 2, .parameters = {"nu=.005", forcing}};
}

static double *room(ptrdiff_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  cr_assert_not_null(x);
  return x;
}

/* All waves with |k|^2 = square, each with a size and a phase of its own: such vorticity is a function of its stream
 * function, so nothing moves. */
static void shell(const int *n, int square, double factor, double *w) {
  for (int k0 = 0; k0 <= 6; k0++)
    for (int k1 = -6; k1 <= 6; k1++) {
      if (k0 * k0 + k1 * k1 != square) continue;
      for (int i = 0; i < n[0]; i++)
        for (int j = 0; j < n[1]; j++) {
          const double turns = (double)k0 * i / n[0] + (double)k1 * j / n[1];
          w[i * n[1] + j] += factor * (1 + .1 * k1) * cos(2 * pi * turns + k0);
        }
    }
}

Test(navier_stokes, a_shell_of_waves_decays_and_does_not_move) {
  static const int sizes[][2] = {{32, 32}, {24, 40}, {21, 27}}, squares[] = {1, 5, 25};
  for (int t = 0; t < 3; t++)
    for (int q = 0; q < 3; q++) {
      solver s = solver_make("navier_stokes", request(sizes[t][0], sizes[t][1], 1.5, 1e-13, "forcing=0"));
      double *w = room(3 * s.points), *last = w + s.points, *want = last + s.points;
      shell(sizes[t], squares[q], 5, w);
      shell(sizes[t], squares[q], 5 * exp(-nu * 4 * pi * pi * squares[q] * 1.5), want);
      solver_run(&s, w, last);
      const double error = solver_distance(last, want, s.points);
      printf("Navier-Stokes, |k|^2 = %2d on %d x %d: error %.1e\n", squares[q], sizes[t][0], sizes[t][1], error);
      cr_assert_leq(error, 1e-11);
      free(w);
      solver_free(&s);
    }
}

/* The force is a wave of |k|^2 = 2: its vorticity goes to force / (nu |2 pi k|^2), other waves of the shell to 0. */
Test(navier_stokes, the_forced_shell_goes_to_its_steady_state) {
  static const int n[2] = {16, 20};
  static const double time = 2;
  solver s = solver_make("navier_stokes", request(16, 20, time, 1e-12, "forcing=3"));
  double *w = room(3 * s.points), *last = w + s.points, *want = last + s.points;
  const double rate = nu * 4 * pi * pi * 2, decay = exp(-rate * time);
  shell(n, 2, 5, w);
  shell(n, 2, 5 * decay, want);
  for (int i = 0; i < n[0]; i++)
    for (int j = 0; j < n[1]; j++) {
      const double x = 2 * pi * ((double)i / n[0] + (double)j / n[1]);
      want[i * n[1] + j] += force * (sin(x) + cos(x)) / rate * (1 - decay);
    }
  solver_run(&s, w, last);
  const double error = solver_distance(last, want, s.points);
  printf("Navier-Stokes, forced: error %.1e\n", error);
  cr_assert_leq(error, 1e-11);
  free(w);
  solver_free(&s);
}

/* Numbers without a pattern: all modes, those at the edge of the grid too; without a mean. */
static void fill(double *x, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += x[i] = sin(1 + 12.9898 * (double)i) + .3 * cos(78.233 * (double)(i * i));
  for (ptrdiff_t i = 0; i < n; i++) x[i] -= sum / (double)n;
}

/* Is k among the waves of n points that the 2/3 rule keeps? */
static bool is_kept(int k, int n) { return 3 * abs(k) < n; }

/* Mode k of -u . grad w by its sum over p + q = k: (p1 q0 - p0 q1) / |p|^2 w(p) w(q), from psi(p) = w(p) / |2 pi p|^2
 * and (u, v) = (psi_y, -psi_x). modes: [n0][n1][re|im]. */
static void advect(const int *n, const double *modes, int k0, int k1, double *out) {
  out[0] = out[1] = 0;
  for (int i = 0; i < n[0]; i++)
    for (int j = 0; j < n[1]; j++) {
      const int p0 = fourier_integer(i, n[0]), p1 = fourier_integer(j, n[1]), q0 = k0 - p0, q1 = k1 - p1;
      if (p0 == 0 && p1 == 0) continue;
      if (!is_kept(p0, n[0]) || !is_kept(p1, n[1]) || !is_kept(q0, n[0]) || !is_kept(q1, n[1])) continue;
      const double *a = modes + 2 * (i * n[1] + j);
      const double *b = modes + 2 * ((q0 + n[0]) % n[0] * n[1] + (q1 + n[1]) % n[1]);
      const double c = (double)(p1 * q0 - p0 * q1) / (p0 * p0 + p1 * p1);
      out[0] += c * (a[0] * b[0] - a[1] * b[1]);
      out[1] += c * (a[0] * b[1] + a[1] * b[0]);
    }
}

Test(navier_stokes, the_nonlinear_term_is_that_of_advection_and_the_force) {
  static const int sizes[][2] = {{12, 12}, {16, 16}, {15, 10}, {9, 18}};
  for (int t = 0; t < 4; t++) {
    const int *n = sizes[t];
    solver s = solver_make("navier_stokes", request(n[0], n[1], 1, 1e-6, "forcing=3"));
    pno_semilinear *p = (pno_semilinear *)s.pde;
    const double parameters[] = {nu, force};
    const int rows = p->product.rows, columns = p->product.columns;
    double *field = room(s.points), *modes = room(2 * s.points), worst = 0, size = 0;
    double *w = room(2 * p->product.modes), *out = room(2 * p->product.modes);
    fill(field, s.points);
    fourier_modes(n, field, modes);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < 2 * columns; j++)
        w[i * 2 * columns + j] = modes[(fourier_integer(i, rows) + n[0]) % n[0] * 2 * n[1] + j];
    p->parameters = parameters;
    p->kind->nonlinear(p, w, out);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < columns; j++) {
        const int k0 = fourier_integer(i, rows);
        const double *got = out + 2 * (i * columns + j);
        double want[2] = {0, 0};
        cr_assert(is_kept(k0, n[0]) && is_kept(j, n[1]));
        advect(n, modes, k0, j, want);
        if (k0 == 1 && j == 1) want[0] += force / 2, want[1] -= force / 2;
        worst = fmax(worst, hypot(got[0] - want[0], got[1] - want[1]));
        size = fmax(size, hypot(want[0], want[1]));
      }
    printf("Navier-Stokes, %d x %d: u . grad w by sums, greatest difference %.1e of %.2g\n", n[0], n[1], worst, size);
    cr_assert_leq(worst, 1e-14 * size);
    free(field), free(modes), free(w), free(out);
    solver_free(&s);
  }
}

/* Half the mean squares of u (power -2) and of w (0), and the mean of psi f and of w f. */
static double half_square(const solver *s, const double *w, int power) {
  double *modes = room(2 * s->points);
  fourier_modes(s->spec.n, w, modes);
  const double sum = .5 * fourier_sum(s->spec.n, modes, 1, power);
  free(modes);
  return sum;
}

static double energy(const solver *s, const double *w) { return half_square(s, w, -2); }
static double enstrophy(const solver *s, const double *w) { return half_square(s, w, 0); }

static double work(const solver *s, const double *w) {
  double sum = 0;
  for (int i = 0; i < s->spec.n[0]; i++)
    for (int j = 0; j < s->spec.n[1]; j++) {
      const double x = 2 * pi * ((double)i / s->spec.n[0] + (double)j / s->spec.n[1]);
      sum += w[i * s->spec.n[1] + j] * force * (sin(x) + cos(x)) / (double)s->points;
    }
  return sum;
}

Test(navier_stokes, energy_and_enstrophy_come_from_the_force_and_go_by_viscosity) {
  static const int sizes[][2] = {{24, 24}, {21, 32}};
  for (int t = 0; t < 2; t++) {
    solver s = solver_make("navier_stokes", request(sizes[t][0], sizes[t][1], 2e-4, 1e-13, "forcing=3"));
    double *w = room(2 * s.points), *middle = w + s.points;
    fill(w, s.points);
    for (ptrdiff_t i = 0; i < s.points; i++) w[i] *= 20;
    for (int of_w = 0; of_w < 2; of_w++) {
      const double rate = solver_rate(&s, w, of_w ? enstrophy : energy, 1, middle);
      const double loss = 2 * nu * half_square(&s, middle, of_w ? 2 : 0);
      const double gain = work(&s, middle) / (of_w ? 1 : 8 * pi * pi); /* psi is w / |2 pi k|^2, of the force's wave */
      printf("Navier-Stokes, %d x %d: d/dt of %s %.10g, work %.10g - loss %.10g = %.10g\n", sizes[t][0], sizes[t][1],
             of_w ? "enstrophy" : "energy", rate, gain, loss, gain - loss);
      cr_assert_float_eq(rate, gain - loss, 1e-7 * (fabs(gain) + loss));
    }
    free(w);
    solver_free(&s);
  }
}

/* A few waves that mix, on any grid. */
static void start(int n, double *w) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      const double x = 2 * pi * i / n, y = 2 * pi * j / n;
      w[i * n + j] = 4 * cos(x + .3) - 5 * sin(y) + 6 * cos(2 * x - y) + 3 * sin(x + 2 * y + 1);
    }
}

/* Last state from start, with a step or, with 0, a tolerance. */
static double *run(int n, double time, double step, double tolerance) {
  const pno_pde_request q = request(n, n, time, tolerance, "forcing=3");
  solver s = step > 0 ? solver_make_fixed("navier_stokes", q, step) : solver_make("navier_stokes", q);
  double *w = room(2 * s.points), *last = room(s.points);
  start(n, w);
  solver_run(&s, w, last);
  free(w);
  solver_free(&s);
  return last;
}

Test(navier_stokes, time_is_of_fourth_order) {
  enum { N = 5, POINTS = 32 };
  double h[N], error[N], *fine = run(POINTS, 1, 1. / 2560, 0);
  for (int i = 0; i < N; i++) {
    h[i] = .05 / (1 << i);
    double *w = run(POINTS, 1, h[i], 0);
    error[i] = solver_distance(w, fine, POINTS * POINTS);
    free(w);
  }
  cr_assert_geq(solver_order("Navier-Stokes against a step of 1/2560, step", 4, N, h, error), 3.8);
  free(fine);
}

Test(navier_stokes, space_is_of_spectral_accuracy) {
  static const double sizes[] = {16, 24, 32, 48};
  enum { N = sizeof sizes / sizeof *sizes, FINE = 96 };
  double h[N], error[N], *fine = run(FINE, .3, 0, 1e-10);
  for (int i = 0; i < N; i++) {
    const int n = (int)sizes[i], every = FINE / n;
    double *w = run(n, .3, 0, 1e-10), *want = room(n * n);
    for (int x = 0; x < n * n; x++) want[x] = fine[x / n * every * FINE + x % n * every];
    h[i] = 1 / sizes[i];
    error[i] = solver_distance(w, want, n * n);
    free(w), free(want);
  }
  cr_assert_gt(solver_order("Navier-Stokes against 96 x 96, 1/n", INFINITY, N, h, error), 8);
  cr_assert_lt(error[N - 1], 1e-5);
  free(fine);
}

/* Both axes are alike but for the sign that a mirror gives vorticity; and a shifted state stays shifted. */
Test(navier_stokes, mirrored_and_shifted_states_stay_so) {
  enum { N = 24 };
  solver s = solver_make("navier_stokes", request(N, N, .3, 1e-10, "forcing=0"));
  double *w = room(4 * N * N), *last = w + N * N, *other = last + N * N, *want = other + N * N;
  start(N, w);
  solver_run(&s, w, last);
  for (int mirror = 0; mirror < 2; mirror++) {
    double *state = room(N * N);
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        const int to = mirror ? j * N + i : (i + 5) % N * N + (j + 7) % N;
        state[to] = (mirror ? -1 : 1) * w[i * N + j];
        want[to] = (mirror ? -1 : 1) * last[i * N + j];
      }
    solver_run(&s, state, other);
    cr_assert_leq(solver_distance(other, want, N * N), 1e-8);
    free(state);
  }
  free(w);
  solver_free(&s);
}
