#include "engine/pde/equation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/pde/solver.h"

static const double half = 2.5; /* of the domain */

static pno_pde_request request(int n0, int n1, double time) {
  return (pno_pde_request){.dims = 2, .n = {n0, n1}, .frames = 2, .time = time};
}

static double *state_alloc(const solver *s) {
  double *u = calloc((size_t)(3 * s->points), sizeof *u);
  cr_assert_not_null(u);
  return u;
}

static double centre(int i, int n) { return half * ((2. * i + 1) / n - 1); }

static double l1(const double *a, const double *b, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += fabs(a[i] - b[i]);
  return sum / (double)n;
}

/* A vortex in balance, u = b r/a exp((1 - r^2/a^2) / 2) around a hole in the water, that the mean flow carries. */
static void vortex_at(double x, double y, double time, double q[3]) {
  const double width = .4, turn = .3, flow[2] = {.5, -.3};
  const double dx = (x + .25 - flow[0] * time) / width, dy = (y - .15 - flow[1] * time) / width;
  const double decay = exp(1 - dx * dx - dy * dy);
  q[0] = 1 - .5 * turn * turn * decay;
  q[1] = q[0] * (flow[0] - turn * dy * sqrt(decay));
  q[2] = q[0] * (flow[1] + turn * dx * sqrt(decay));
}

/* Means over n x n cells, by Gauss's rule of two points an axis. */
static void vortex(int n, double time, double *state) {
  const double gauss = half / n / sqrt(3);
  const ptrdiff_t cells = (ptrdiff_t)n * n;
  for (ptrdiff_t k = 0; k < cells; k++) {
    const double x = centre((int)(k / n), n), y = centre((int)(k % n), n);
    for (int c = 0; c < 3; c++) state[c * cells + k] = 0;
    for (int p = 0; p < 4; p++) {
      double q[3];
      vortex_at(x + (p & 1 ? gauss : -gauss), y + (p & 2 ? gauss : -gauss), time, q);
      for (int c = 0; c < 3; c++) state[c * cells + k] += .25 * q[c];
    }
  }
}

Test(shallow_water, a_vortex_that_the_flow_carries_is_met_with_second_order) {
  enum { SIZES = 3 };
  static const double time = .5;
  double size[SIZES], error[2][SIZES];
  for (int i = 0; i < SIZES; i++) {
    const int n = 48 << i;
    solver s = solver_make("shallow_water", request(n, n, time));
    double *first = state_alloc(&s), *last = state_alloc(&s), *exact = state_alloc(&s);
    vortex(n, 0, first);
    vortex(n, time, exact);
    solver_run(&s, first, last);
    size[i] = 2 * half / n;
    error[0][i] = l1(last, exact, s.points);
    error[1][i] = l1(last + s.points, exact + s.points, 2 * s.points);
    free(first), free(last), free(exact);
    solver_free(&s);
  }
  cr_expect_gt(solver_order("shallow_water vortex h, L1, dx", 2, SIZES, size, error[0]), 1.8);
  cr_expect_gt(solver_order("shallow_water vortex momentum, L1, dx", 2, SIZES, size, error[1]), 1.8);
}

/* |coarse - means of fine|, L1, all variables of n x n and 2n x 2n cells. */
static double refined(const double *coarse, const double *fine, int n) {
  double sum = 0;
  for (int c = 0; c < 3; c++)
    for (int k = 0; k < n * n; k++) {
      const double *f = fine + (ptrdiff_t)c * 4 * n * n + (ptrdiff_t)4 * n * (k / n) + 2 * (k % n);
      sum += fabs(coarse[c * n * n + k] - .25 * (f[0] + f[1] + f[2 * n] + f[2 * n + 1]));
    }
  return sum / (3. * n * n);
}

Test(shallow_water, waves_over_a_bump_converge_with_second_order) {
  enum { SIZES = 4 };
  double size[SIZES], error[SIZES], *last[SIZES];
  for (int i = 0; i < SIZES; i++) {
    const int n = 24 << i;
    pno_pde_request q = request(n, n, .5);
    q.n_parameters = 1;
    q.parameters[0] = "bump=.4";
    solver s = solver_make("shallow_water", q);
    double *first = state_alloc(&s);
    last[i] = state_alloc(&s);
    for (int k = 0; k < n * n; k++) {
      const double x = centre(k / n, n), y = centre(k % n, n), bx = (x - 1) / .5, by = (y - 1) / .5;
      first[k] = 1 + .1 * exp(-2 * ((x - .5) * (x - .5) + (y - .7) * (y - .7))) - .4 * exp(-bx * bx - by * by);
    }
    solver_run(&s, first, last[i]);
    size[i] = 2 * half / n;
    if (i > 0) error[i - 1] = refined(last[i - 1], last[i], n / 2);
    free(first);
    solver_free(&s);
  }
  for (int i = 0; i < SIZES; i++) free(last[i]);
  cr_expect_gt(solver_order("shallow_water over a bump, L1, dx", 2, SIZES - 1, size, error), 1.8);
}

Test(shallow_water, steps_in_time_are_of_second_order) {
  enum { N = 48, SIZES = 3 };
  double size[SIZES], error[SIZES], *last[SIZES + 1], *first = NULL;
  for (int i = 0; i <= SIZES; i++) {
    pno_pde_request q = request(N, N, .4);
    q.step = .0125 / (i < SIZES ? 1 << i : 64);
    solver s = solver_make("shallow_water", q);
    first = state_alloc(&s);
    last[i] = state_alloc(&s);
    vortex(N, 0, first);
    const pno_pde_report r = solver_run(&s, first, last[i]);
    cr_assert_eq(r.steps, lround(.4 / q.step), "%td steps", r.steps);
    free(first);
    solver_free(&s);
  }
  for (int i = 0; i < SIZES; i++) {
    size[i] = .0125 / (1 << i);
    error[i] = l1(last[i], last[SIZES], 3 * N * N);
  }
  for (int i = 0; i <= SIZES; i++) free(last[i]);
  cr_expect_gt(solver_order("shallow_water vortex, L1, dt", 2, SIZES, size, error), 1.8);
}

/* Depth at x / t after a dam of depths hl > hr broke at 0 (Stoker 1957; hr = 0: Ritter 1892). */
static double dam(double hl, double hr, double speed) {
  const double cl = sqrt(hl);
  double low = hr, high = hl;
  for (int i = 0; i < 200 && hr > 0; i++) { /* the depth that both the rarefaction and the shock reach at one speed */
    const double h = .5 * (low + high), jump = (h - hr) * sqrt(.5 * (1 / h + 1 / hr));
    if (2 * (cl - sqrt(h)) > jump) low = h;
    else high = h;
  }
  const double h = hr > 0 ? low : 0, c = sqrt(h), u = 2 * (cl - c), shock = hr > 0 ? u * h / (h - hr) : 2 * cl;
  if (speed <= -cl) return hl;
  if (speed >= shock) return hr;
  if (speed >= u - c) return h;
  return (2 * cl - speed) * (2 * cl - speed) / 9;
}

static double dam_mean(double hl, double hr, double x, double dx, double time) {
  enum { PARTS = 64 };
  double sum = 0;
  for (int i = 0; i < PARTS; i++) sum += dam(hl, hr, (x + dx * ((i + .5) / PARTS - .5)) / time) / PARTS;
  return sum;
}

/* Observed order of the depth in L1. */
static double dam_order(const char *what, double hr, double time) {
  enum { SIZES = 4, ACROSS = 3 };
  double size[SIZES], error[SIZES];
  for (int i = 0; i < SIZES; i++) {
    const int n = 100 << i;
    solver s = solver_make("shallow_water", request(n, ACROSS, time));
    double *first = state_alloc(&s), *last = state_alloc(&s), miss = 0;
    for (int k = 0; k < n * ACROSS; k++) first[k] = k / ACROSS < n / 2 ? 1 : hr;
    solver_run(&s, first, last);
    for (int k = 0; k < n * ACROSS; k++) {
      const int row = k - k % ACROSS;
      cr_assert(last[k] >= 0 && last[k] == last[row] && last[s.points + k] == last[s.points + row]);
      cr_assert_eq(last[2 * s.points + k], 0);
    }
    for (int k = 0; k < n; k++)
      miss += fabs(last[k * ACROSS] - dam_mean(1, hr, centre(k, n), 2 * half / n, time)) * 2 * half / n;
    size[i] = 2 * half / n;
    error[i] = miss;
    free(first), free(last);
    solver_free(&s);
  }
  return solver_order(what, 1, SIZES, size, error);
}

Test(shallow_water, a_dam_over_water_breaks_as_stoker_says) {
  cr_expect_gt(dam_order("dam break, depths 1 and .1, L1, dx", .1, 1), .8);
}

Test(shallow_water, a_dam_over_dry_ground_breaks_as_ritter_says) {
  cr_expect_gt(dam_order("dam break, depths 1 and 0, L1, dx", 0, 1), .8);
}

enum { RINGS = 4000 };
static const double outer = 3.6; /* the corner of the domain is at 3.54 */

/* Depth of the radial dam break in rings, first order by Rusanov's flux: another scheme in other coordinates. */
static void rings(double radius, double time, double h[RINGS]) {
  static double q[RINGS], mass[RINGS + 1], push[RINGS + 1];
  const double dr = outer / RINGS, speed = 1.9; /* more than |u| + c ever is */
  const int steps = (int)ceil(time * speed / (.9 * dr));
  for (int i = 0; i < RINGS; i++) {
    h[i] = (i + .5) * dr <= radius ? 2 : 1;
    q[i] = 0;
  }
  for (int k = 0; k < steps; k++) {
    for (int f = 1; f < RINGS; f++) {
      const double a = h[f - 1], b = h[f], u = q[f - 1] / a, v = q[f] / b, r = f * dr;
      mass[f] = r * .5 * (q[f - 1] + q[f] - speed * (b - a));
      push[f] = r * .5 * (q[f - 1] * u + .5 * a * a + q[f] * v + .5 * b * b - speed * (q[f] - q[f - 1]));
    }
    mass[RINGS] = 0;
    push[RINGS] = outer * .5;
    for (int i = 0; i < RINGS; i++) {
      const double r = (i + .5) * dr, part = time / steps / r, old = h[i];
      h[i] -= part / dr * (mass[i + 1] - mass[i]);
      q[i] -= part / dr * (push[i + 1] - push[i]) - part * .5 * old * old;
    }
  }
}

Test(shallow_water, a_radial_dam_break_is_that_of_another_scheme_in_rings) {
  enum { SIZES = 3, PARTS = 8 };
  static double ring[RINGS];
  double size[SIZES], error[SIZES];
  rings(.5, 1, ring);
  for (int i = 0; i < SIZES; i++) {
    const int n = 40 << i;
    solver s = solver_make("shallow_water", request(n, n, 1));
    double *first = state_alloc(&s), *last = state_alloc(&s), miss = 0;
    for (int k = 0; k < n * n; k++)
      for (int m = 0; m < PARTS * PARTS; m++) { /* the part of the cell that is inside */
        const double x = centre(k / n * PARTS + m / PARTS, n * PARTS), y = centre(k % n * PARTS + m % PARTS, n * PARTS);
        first[k] += (sqrt(x * x + y * y) <= .5 ? 2. : 1.) / (PARTS * PARTS);
      }
    solver_run(&s, first, last);
    for (int k = 0; k < n * n; k++) {
      const double x = centre(k / n, n), y = centre(k % n, n);
      miss += fabs(last[k] - ring[(int)(sqrt(x * x + y * y) / outer * RINGS)]) / (n * n);
    }
    size[i] = 2 * half / n;
    error[i] = miss;
    free(first), free(last);
    solver_free(&s);
  }
  cr_expect_gt(solver_order("radial dam break h, L1, dx", 1, SIZES, size, error), .8);
}

/* A sample as it is drawn, to the last state. */
static pno_pde_report drawn(solver *s, uint32_t sample, float *values, double *last) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  pno_pde_report report = {.failed = true};
  pno_pde_draw(s->equation, &s->spec, 5, sample, parameters);
  const pno_pde_task task = {.seed = 5, .sample = sample, .parameters = parameters, .caution = 1, .values = values,
                             .last = last};
  cr_assert_eq(s->equation->solve(s->pde, &task, &report), PNO_OK);
  cr_assert(!report.failed, "%s", report.words);
  return report;
}

Test(shallow_water, a_lake_at_rest_stays_at_rest_over_a_bump_and_around_an_island) {
  static const char *const bumps[] = {"bump=.5", "bump=1.5", "bump=-1"};
  for (int b = 0; b < 3; b++) {
    pno_pde_request q = request(40, 56, 2);
    q.n_parameters = 3;
    q.parameters[0] = "inside=1", q.parameters[1] = "outside=1", q.parameters[2] = bumps[b];
    solver s = solver_make("shallow_water", q);
    double *last = state_alloc(&s), moved = 0, flow = 0;
    float *values = malloc((size_t)s.n_values * sizeof *values);
    int dry = 0;
    cr_assert_not_null(values);
    const pno_pde_report r = drawn(&s, 0, values, last);
    for (ptrdiff_t k = 0; k < s.points; k++) {
      moved = fmax(moved, fabs(last[k] - (double)values[k]));
      dry += values[k] == 0;
      for (int c = 1; c < 3; c++) flow = fmax(flow, fabs(last[c * s.points + k]));
    }
    printf("lake at rest, %s: %td steps, %d dry cells, momentum at most %.1e, depths changed by %.1e\n", bumps[b],
           r.steps, dry, flow, moved);
    cr_expect_eq(dry > 0, b == 1);
    cr_expect_lt(flow, 1e-14);
    cr_expect_lt(moved, 1e-7, "of floats");
    free(last), free(values);
    solver_free(&s);
  }
}

Test(shallow_water, a_dam_break_keeps_its_mass_and_all_symmetries_of_the_square_to_the_bit) {
  enum { N = 64 };
  solver s = solver_make("shallow_water", request(N, N, 1));
  double *last = state_alloc(&s), before = 0, after = 0;
  const double *h = last, *p = last + s.points, *q = p + s.points;
  float *values = malloc((size_t)s.n_values * sizeof *values);
  cr_assert_not_null(values);
  drawn(&s, 0, values, last);
  for (int k = 0; k < N * N; k++) {
    const int i = k / N, j = k % N, turned = j * N + i, mirrored = (N - 1 - i) * N + j;
    before += (double)values[k];
    after += last[k];
    cr_assert(h[k] == h[turned] && p[k] == q[turned]);
    cr_assert(h[k] == h[mirrored] && p[k] == -p[mirrored] && q[k] == q[mirrored]);
  }
  printf("radial dam break: mass changed by %.1e of itself\n", after / before - 1);
  cr_expect_float_eq(after, before, 1e-13 * before);
  free(last), free(values);
  solver_free(&s);
}

Test(shallow_water, depths_are_never_negative_where_water_runs_over_dry_ground) {
  static const char *const cases[][3] = {{"inside=2", "outside=0", "bump=0"},
                                         {"inside=2", "outside=0", "bump=1"},
                                         {"inside=3", "outside=.5", "bump=1.5"},
                                         {"inside=0", "outside=1", "bump=1.2"},
                                         {"inside=1e-3", "outside=0", "bump=-5"}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    pno_pde_request q = request(48, 40, 2);
    q.frames = 21;
    q.n_parameters = 3;
    for (int i = 0; i < 3; i++) q.parameters[i] = cases[c][i];
    solver s = solver_make("shallow_water", q);
    float *v = solver_sample(&s, 2, (uint32_t)c);
    for (ptrdiff_t k = 0; k < s.n_values; k++) cr_assert(isfinite(v[k]));
    for (ptrdiff_t k = 0; k < 21 * s.points; k++) cr_assert_geq(v[k], 0, "case %zu", c);
    free(v);
    solver_free(&s);
  }
}

Test(shallow_water, the_written_values_are_means_of_the_cells_of_the_solver) {
  enum { N = 16, REFINE = 3 };
  pno_pde_request q = request(N, N, .2);
  q.refine = REFINE;
  solver s = solver_make("shallow_water", q);
  double *last = state_alloc(&s);
  float *values = malloc((size_t)s.n_values * sizeof *values);
  cr_assert_not_null(values);
  drawn(&s, 1, values, last);
  for (int c = 0; c < 3; c++)
    for (int k = 0; k < N * N; k++) {
      double sum = 0;
      for (int m = 0; m < REFINE * REFINE; m++) {
        const int i = k / N * REFINE + m / REFINE, j = k % N * REFINE + m % REFINE;
        sum += last[c * s.points + i * N * REFINE + j] / (REFINE * REFINE);
      }
      const float is = c == 0 ? values[N * N + k] : values[2 * N * N + 2 * N * N + 2 * k + c - 1];
      cr_assert_float_eq((double)is, sum, 1e-6, "variable %d of cell %d", c, k);
    }
  free(last), free(values);
  solver_free(&s);
}

Test(shallow_water, a_state_without_meaning_is_a_report_and_a_tolerance_is_refused) {
  pno_pde_request q = request(8, 8, .1);
  solver s = solver_make("shallow_water", q);
  const double bad[] = {-1e-3, NAN, INFINITY};
  const double parameters[] = {.5, 2, 1, 0};
  double *first = state_alloc(&s);
  float *values = malloc((size_t)s.n_values * sizeof *values);
  cr_assert_not_null(values);
  for (int b = 0; b < 3; b++)
    for (int at = 0; at < 64; at += 63) {
      pno_pde_report report = {.failed = false};
      for (int k = 0; k < 64; k++) first[k] = 1;
      first[at] = bad[b];
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
