#include "engine/pde/diffusion_sorption.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/pde/solver.h"

/* The recipe's medium, written down once more. */
static const double diffusion = 5e-4, sorbed = (1 - .29) / .29 * 2880 * 3.5e-4, exponent = .874, guard = 1e-6;

static double content(double u) { return u + sorbed * (pow(u + guard, exponent) - pow(guard, exponent)); }
static double retardation(double u) { return 1 + sorbed * exponent * pow(u + guard, exponent - 1); }

static double centre(int i, int n) { return (i + .5) / n; }

/* Steps of one length instead of error control. */
static solver with_steps(pno_pde_request q, double step) {
  solver s = solver_make("diffusion_sorption", q);
  s.equation->destroy(&s.pde);
  s.spec.tolerance = 0;
  s.spec.step = step;
  cr_assert_eq(s.equation->create(&s.spec, &s.pde), PNO_OK);
  return s;
}

/* Number k = 1, 2, .. of the solutions of sin(l) + d l cos(l) = 0, which lie in (k - 1/2, k) pi. */
static double eigenvalue(double d, int k) {
  const double pi = 3.14159265358979323846;
  double lo = (k - .5) * pi, hi = k * pi;
  for (int i = 0; i < 60; i++) {
    const double l = .5 * (lo + hi);
    if ((sin(l) + d * l * cos(l)) * sin(lo) > 0) lo = l;
    else hi = l;
  }
  return lo;
}

/* Without sorption: the steady line between u = 1 and -d u_x = u, and two decaying modes on it. */
static double linear_solution(double d, double t, double x) {
  double u = 1 - x / (1 + d);
  for (int k = 1; k <= 2; k++) {
    const double l = eigenvalue(d, k);
    u += (k == 1 ? .4 : -.2) * exp(-d * l * l * t) * sin(l * x);
  }
  return u;
}

static double linear_error(solver *s, double t) {
  const int n = (int)s->points;
  double *first = malloc((size_t)(3 * n) * sizeof *first), *last = first + n, *exact = last + n;
  for (int i = 0; i < n; i++) {
    first[i] = linear_solution(.2, 0, centre(i, n));
    exact[i] = linear_solution(.2, t, centre(i, n));
  }
  solver_run(s, first, last);
  const double error = solver_distance(last, exact, n);
  free(first);
  return error;
}

static pno_pde_request linear(int n) {
  return (pno_pde_request){.dims = 1, .n = {n}, .frames = 3, .time = .5, .tolerance = 1e-9, .n_parameters = 3,
                           .parameters = {"k_f=0", "diffusion=.2", "level=0"}};
}

Test(diffusion_sorption, without_sorption_it_is_diffusion_with_order_2_in_space) {
  enum { SIZES = 4 };
  double size[SIZES], error[SIZES];
  for (int r = 0; r < SIZES; r++) {
    solver s = solver_make("diffusion_sorption", linear(10 << r));
    size[r] = 1. / (10 << r);
    error[r] = linear_error(&s, .5);
    solver_free(&s);
  }
  const double order = solver_order("diffusion between u = 1 and -D u_x = u", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .05 && error[SIZES - 1] < 1e-4, "order %g", order);
}

Test(diffusion_sorption, without_sorption_the_steady_line_is_kept_to_rounding) {
  enum { N = 33 };
  double first[N], last[N];
  pno_pde_request q = linear(N);
  q.time = 100;
  solver s = with_steps(q, 10);
  for (int i = 0; i < N; i++) first[i] = 1 - centre(i, N) / 1.2;
  solver_run(&s, first, last);
  for (int i = 0; i < N; i++) cr_assert_float_eq(last[i], first[i], 1e-12);
  solver_free(&s);
}

static pno_pde_request smooth_request(int n) {
  return (pno_pde_request){.dims = 1, .n = {n}, .frames = 2, .time = 100, .n_parameters = 1, .parameters = {"level=0"}};
}

/* Goes well with both ends. */
static void smooth(int n, double *u) {
  for (int i = 0; i < n; i++) u[i] = exp(-centre(i, n) / .15);
}

Test(diffusion_sorption, steps_are_of_second_order) {
  enum { SIZES = 4, N = 64 };
  double size[SIZES], error[SIZES], first[N], last[N], best[N];
  smooth(N, first);
  solver fine = with_steps(smooth_request(N), 100. / 4096);
  solver_run(&fine, first, best);
  solver_free(&fine);
  for (int r = 0; r < SIZES; r++) {
    size[r] = 100. / (16 << r);
    solver s = with_steps(smooth_request(N), size[r]);
    const pno_pde_report report = solver_run(&s, first, last);
    cr_assert_eq(report.steps, 16 << r);
    error[r] = solver_distance(last, best, N);
    solver_free(&s);
  }
  const double order = solver_order("diffusion with sorption, TR-BDF2", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .15, "order %g", order);
}

Test(diffusion_sorption, the_error_follows_the_tolerance) {
  enum { N = 64 };
  double first[N], last[N], best[N], before = INFINITY;
  smooth(N, first);
  solver fine = with_steps(smooth_request(N), 100. / 8192);
  solver_run(&fine, first, best);
  solver_free(&fine);
  for (int k = 4; k <= 8; k += 2) {
    pno_pde_request q = smooth_request(N);
    q.tolerance = pow(10, -k);
    solver s = solver_make("diffusion_sorption", q);
    const pno_pde_report report = solver_run(&s, first, last);
    const double error = solver_distance(last, best, N);
    cr_assert(report.error <= q.tolerance && report.error > .01 * q.tolerance);
    cr_assert(error < 5 * pow(q.tolerance, 2. / 3) && error < .2 * before, "%g at %g", error, q.tolerance);
    before = error;
    solver_free(&s);
  }
}

/* On a half-line from an even level u = U(x / sqrt t) with D U'' = -(y / 2) R(U) U', U(0) = 1 (Boltzmann 1894).
 * out[i] is U at x = i / (2 N) of time t; returns what U comes to. */
static double similarity(double slope, double t, int n, double *out) {
  enum { SUB = 4 };
  const double h = 1 / (2. * n * SUB) / sqrt(t), to[4] = {0, .5, .5, 1}, weight[4] = {1. / 6, 1. / 3, 1. / 3, 1. / 6};
  double u[2] = {1, slope}, y = 0;
  for (int i = 0; i < n; i++) {
    out[i] = u[0];
    for (int k = 0; k < SUB; k++, y += h) {
      double d[2] = {0, 0}, sum[2] = {0, 0};
      for (int s = 0; s < 4; s++) {
        const double a = fmax(u[0] + h * to[s] * d[0], 0), b = u[1] + h * to[s] * d[1];
        d[0] = b;
        d[1] = -.5 * (y + h * to[s]) * retardation(a) * b / diffusion;
        for (int j = 0; j < 2; j++) sum[j] += weight[s] * d[j];
      }
      for (int j = 0; j < 2; j++) u[j] += h * sum[j];
    }
  }
  return u[0];
}

Test(diffusion_sorption, far_from_the_right_end_it_is_the_similarity_solution_with_order_2) {
  enum { SIZES = 4, MOST = 512 };
  const double t = 10, level = .08;
  double size[SIZES], error[SIZES], lo = -200, hi = 0;
  static double exact[MOST], last[MOST], there[MOST / 2];
  for (int i = 0; i < 50; i++) {
    const double slope = .5 * (lo + hi);
    if (similarity(slope, t, MOST, exact) < level) lo = slope;
    else hi = slope;
  }
  for (int r = 0; r < SIZES; r++) {
    const int n = (MOST / 8) << r, left = n / 2;
    const pno_pde_request q = {.dims = 1, .n = {n}, .frames = 2, .time = t, .tolerance = 1e-8, .n_parameters = 1,
                               .parameters = {"level=.08"}};
    solver s = solver_make("diffusion_sorption", q);
    solver_run(&s, NULL, last);
    for (int i = 0; i < left; i++) there[i] = exact[(2 * i + 1) * MOST / n];
    size[r] = 1. / n;
    error[r] = solver_distance(last, there, left);
    solver_free(&s);
  }
  const double order = solver_order("diffusion with sorption, similarity solution", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .1 && error[SIZES - 1] < 1e-4, "order %g", order);
}

Test(diffusion_sorption, a_coarse_grid_converges_to_a_fine_one_with_order_2) {
  enum { SIZES = 3, FINE = 1024 };
  double size[SIZES], error[SIZES];
  static double fine[FINE], last[FINE], means[FINE];
  for (int r = SIZES; r >= 0; r--) {
    const int n = r == SIZES ? FINE : 32 << r;
    const pno_pde_request q = {.dims = 1, .n = {n}, .frames = 2, .time = 500, .tolerance = 1e-7, .n_parameters = 1,
                               .parameters = {"level=.15"}};
    solver s = solver_make("diffusion_sorption", q);
    solver_run(&s, NULL, r == SIZES ? fine : last);
    solver_free(&s);
    if (r == SIZES) continue;
    for (int i = 0; i < n; i++) {
      means[i] = 0;
      for (int k = 0; k < FINE / n; k++) means[i] += fine[i * (FINE / n) + k] * n / FINE;
    }
    size[r] = 1. / n;
    error[r] = solver_distance(last, means, n);
  }
  const double order = solver_order("diffusion with sorption, t = 500", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .1, "order %g", order);
}

Test(diffusion_sorption, the_solute_changes_by_what_goes_through_the_ends_to_rounding_at_any_step) {
  enum { N = 50 };
  static const double steps[] = {0, 1, 25};
  for (int k = 0; k < 3; k++) {
    double last[N], first[N], change = 0, in = 0, out = 0;
    const pno_pde_request q = {.dims = 1, .n = {N}, .frames = 5, .time = 500};
    solver s = steps[k] > 0 ? with_steps(q, steps[k]) : solver_make("diffusion_sorption", q);
    for (int i = 0; i < N; i++) first[i] = .05 + .1 * (i % 7);
    solver_run(&s, first, last);
    for (int i = 0; i < N; i++) change += (content(last[i]) - content(first[i])) / N;
    pno_diffusion_sorption_through(s.pde, &in, &out);
    cr_assert(in > .1 && out > 1e-3, "in %g out %g", in, out);
    cr_assert_float_eq(change, in - out, 1e-10, "%g of %g with steps of %g", change - (in - out), change, steps[k]);
    solver_free(&s);
  }
}

Test(diffusion_sorption, samples_stay_between_0_and_1_and_fall_from_left_to_right) {
  enum { N = 128 };
  const pno_pde_request q = {.dims = 1, .n = {N}, .frames = 26};
  solver s = solver_make("diffusion_sorption", q);
  for (uint32_t sample = 0; sample < 6; sample++) {
    float *v = solver_sample(&s, 4, sample);
    const float level = v[0];
    cr_assert(level > 0 && level < .2f);
    for (ptrdiff_t k = 0; k < s.n_values; k++) {
      cr_assert(v[k] >= 0 && v[k] <= 1, "u is %g", (double)v[k]);
      if (k < N) cr_assert_eq(v[k], level);
      else if (k % N > 0) cr_assert(v[k] <= v[k - 1] + 1e-6f, "u rises by %g", (double)(v[k] - v[k - 1]));
    }
    cr_assert(v[s.n_values - N] > .98f && v[s.n_values - 1] < level);
    free(v);
  }
  solver_free(&s);
}

Test(diffusion_sorption, a_clean_medium_is_no_trouble_where_retardation_has_no_limit) {
  enum { N = 100 };
  double first[N] = {0}, last[N];
  static const char *const exponents[] = {"n_f=.3", "n_f=.874", "n_f=1", "n_f=1.5"};
  for (int k = 0; k < 4; k++) {
    const pno_pde_request q = {.dims = 1, .n = {N}, .frames = 3, .time = 50, .n_parameters = 1,
                               .parameters = {exponents[k]}};
    solver s = solver_make("diffusion_sorption", q);
    solver_run(&s, first, last);
    for (int i = 0; i < N; i++) cr_assert(last[i] > -1e-9 && last[i] < 1, "%s: u[%d] is %g", exponents[k], i, last[i]);
    cr_assert(last[0] > .9);
    solver_free(&s);
  }
}

Test(diffusion_sorption, what_is_written_of_a_finer_solver_are_means_of_its_cells) {
  enum { N = 20, FINE = 3 * N };
  pno_pde_request q = {.dims = 1, .n = {N}, .frames = 2, .time = 30, .refine = 3, .n_parameters = 1,
                       .parameters = {"level=.1"}};
  double p[PNO_PDE_PARAMETERS_MAX], last[FINE];
  float values[2 * N];
  pno_pde_report report = {.failed = true};
  solver s = solver_make("diffusion_sorption", q);
  pno_pde_draw(s.equation, &s.spec, 1, 1, p);
  const pno_pde_task task = {.seed = 1, .sample = 1, .parameters = p, .caution = 1, .last = last, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
  cr_assert(!report.failed);
  for (int i = 0; i < N; i++) {
    cr_assert_eq(values[i], .1f);
    cr_assert_float_eq(values[N + i], (last[3 * i] + last[3 * i + 1] + last[3 * i + 2]) / 3, 1e-7);
  }
  solver_free(&s);
}

Test(diffusion_sorption, what_cannot_be_solved_is_reported_or_refused) {
  enum { N = 8 };
  const pno_pde_request q = {.dims = 1, .n = {N}, .frames = 2, .time = 1};
  double first[N] = {0}, p[PNO_PDE_PARAMETERS_MAX];
  float values[2 * N];
  pno_pde_report report = {0};
  pno_pde *pde = NULL;
  solver s = solver_make("diffusion_sorption", q);
  pno_pde_draw(s.equation, &s.spec, 0, 0, p);
  pno_pde_task task = {.parameters = p, .caution = 1, .initial = first, .values = values};
  first[3] = NAN;
  cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
  cr_assert(report.failed && strstr(report.words, "no step"), "'%s'", report.words);
  first[3] = .1; /* and leaves nothing behind */
  cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
  cr_assert(!report.failed && isfinite(values[2 * N - 1]));
  pno_pde_spec spec = s.spec;
  static const double tolerances[] = {0, -1, 1, NAN};
  for (int i = 0; i < 4; i++) {
    spec.tolerance = tolerances[i];
    cr_assert_eq(s.equation->create(&spec, &pde), PNO_E_USAGE);
    cr_assert(strstr(pno_fail_words(), "tolerance"));
    cr_assert_null(pde);
  }
  solver_free(&s);
}
