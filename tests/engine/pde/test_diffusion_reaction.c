#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/equation.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;

/* Steps of one length instead of error control. */
static solver with_steps(pno_pde_request q, double step) {
  solver s = solver_make("diffusion_reaction", q);
  s.equation->destroy(&s.pde);
  s.spec.tolerance = 0;
  s.spec.step = step;
  cr_assert_eq(s.equation->create(&s.spec, &s.pde), PNO_OK);
  return s;
}

/* A mode of the walls' Neumann problem: p waves of the first axis, q of the second. */
static double mode(int p, int q, double x, double y) { return cos(.5 * pi * p * (x + 1)) * cos(.5 * pi * q * (y + 1)); }

static double centre(int i, int n) { return -1 + (i + .5) * 2 / n; }

Test(diffusion_reaction, diffusion_alone_damps_cosines_with_order_2_in_space) {
  enum { SIZES = 3 };
  double size[SIZES], error[SIZES];
  for (int r = 0; r < SIZES; r++) {
    const int n0 = 12 << r, n1 = 16 << r;
    const ptrdiff_t points = (ptrdiff_t)n0 * n1;
    pno_pde_request q = {.dims = 2, .n = {n0, n1}, .frames = 3, .time = .5, .tolerance = 1e-8, .n_parameters = 3,
                         .parameters = {"reaction=0", "du=.1", "dv=.03"}};
    solver s = solver_make("diffusion_reaction", q);
    double *first = malloc((size_t)(6 * points) * sizeof *first);
    double *last = first + 2 * points, *exact = last + 2 * points;
    const double lambda = .25 * pi * pi;
    for (int i = 0; i < n0; i++)
      for (int j = 0; j < n1; j++) {
        const ptrdiff_t at = (ptrdiff_t)i * n1 + j;
        const double a = mode(2, 1, centre(i, n0), centre(j, n1)), b = mode(1, 3, centre(i, n0), centre(j, n1));
        first[at] = a + b;
        first[points + at] = 1 + a - b;
        exact[at] = exp(-.1 * 5 * lambda * .5) * a + exp(-.1 * 10 * lambda * .5) * b;
        exact[points + at] = 1 + exp(-.03 * 5 * lambda * .5) * a - exp(-.03 * 10 * lambda * .5) * b;
      }
    solver_run(&s, first, last);
    size[r] = 2. / n1;
    error[r] = solver_distance(last, exact, 2 * points);
    solver_free(&s);
    free(first);
  }
  const double order = solver_order("diffusion on a plane, cosines", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .05 && error[SIZES - 1] < 1e-3, "order %g", order);
}

/* The reaction at one point by the classical Runge-Kutta method in small steps. */
static void react(double t, double k, double r, double y[2]) {
  enum { STEPS = 20000 };
  const double h = t / STEPS, to[4] = {0, .5, .5, 1}, weight[4] = {1. / 6, 1. / 3, 1. / 3, 1. / 6};
  for (int n = 0; n < STEPS; n++) {
    double slope[2] = {0, 0}, sum[2] = {0, 0};
    for (int s = 0; s < 4; s++) {
      const double u = y[0] + h * to[s] * slope[0], v = y[1] + h * to[s] * slope[1];
      slope[0] = r * (u - pow(u, 3) - k - v);
      slope[1] = r * (u - v);
      for (int i = 0; i < 2; i++) sum[i] += weight[s] * slope[i];
    }
    for (int i = 0; i < 2; i++) y[i] += h * sum[i];
  }
}

Test(diffusion_reaction, an_even_state_reacts_as_one_point_does_with_order_2_in_time) {
  enum { SIZES = 4, N0 = 3, N1 = 5, POINTS = N0 * N1 };
  double size[SIZES], error[SIZES], first[2 * POINTS], last[2 * POINTS], exact[2 * POINTS], y[2] = {1.7, -.6};
  for (int i = 0; i < 2 * POINTS; i++) first[i] = y[i / POINTS];
  react(2, .1, 1.5, y);
  for (int i = 0; i < 2 * POINTS; i++) exact[i] = y[i / POINTS];
  const pno_pde_request q = {.dims = 2, .n = {N0, N1}, .frames = 2, .time = 2, .n_parameters = 2,
                             .parameters = {"k=.1", "reaction=1.5"}};
  for (int r = 0; r < SIZES; r++) {
    size[r] = .05 / (1 << r);
    solver s = with_steps(q, size[r]);
    solver_run(&s, first, last);
    error[r] = solver_distance(last, exact, 2 * POINTS);
    solver_free(&s);
  }
  const double order = solver_order("FitzHugh-Nagumo at a point", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .1, "order %g", order);
  pno_pde_request tight = q;
  tight.tolerance = 1e-9;
  solver s = solver_make("diffusion_reaction", tight);
  const pno_pde_report report = solver_run(&s, first, last);
  cr_assert(solver_distance(last, exact, 2 * POINTS) < 1e-6);
  cr_assert(report.error > 0 && report.error <= 1e-9 && report.least_step > 0);
  solver_free(&s);
}

/* Waves of several lengths, not small. */
static void wavy(int n0, int n1, double *state) {
  const ptrdiff_t points = (ptrdiff_t)n0 * n1;
  for (int i = 0; i < n0; i++)
    for (int j = 0; j < n1; j++) {
      const double x = centre(i, n0), y = centre(j, n1);
      state[(ptrdiff_t)i * n1 + j] = .3 + mode(1, 2, x, y) - .7 * mode(3, 0, x, y);
      state[points + (ptrdiff_t)i * n1 + j] = -.2 + .8 * mode(2, 2, x, y) + .5 * mode(0, 1, x, y);
    }
}

Test(diffusion_reaction, both_together_converge_with_order_2_in_time) {
  enum { SIZES = 3, N = 24, STATE = 2 * N * N };
  double size[SIZES], error[SIZES];
  static double first[STATE], last[STATE], best[STATE];
  const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = 2, .time = 1, .n_parameters = 2,
                             .parameters = {"du=.02", "dv=.1"}};
  wavy(N, N, first);
  solver fine = with_steps(q, 1. / 4096);
  solver_run(&fine, first, best);
  solver_free(&fine);
  for (int r = 0; r < SIZES; r++) {
    size[r] = 1. / (64 << r); /* 2 stages each: with others comes another factor of h^2 */
    solver s = with_steps(q, size[r]);
    solver_run(&s, first, last);
    error[r] = solver_distance(last, best, STATE);
    solver_free(&s);
  }
  const double order = solver_order("diffusion and reaction", 2, SIZES, size, error);
  cr_assert(fabs(order - 2) < .15, "order %g", order);
}

/* Rates on a small grid, cell by cell, with nothing beyond a wall. */
enum { S0 = 7, S1 = 10, SMALL = S0 * S1 };

static void rates(const double *y, double *out) {
  static const int way[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
  const double spread[2] = {.03, .2}, h[2] = {2. / S0, 2. / S1};
  for (int i = 0; i < S0; i++)
    for (int j = 0; j < S1; j++) {
      const double u = y[i * S1 + j], v = y[SMALL + i * S1 + j];
      double *const to[2] = {out + i * S1 + j, out + SMALL + i * S1 + j};
      *to[0] = u - u * u * u - .005 - v;
      *to[1] = u - v;
      for (int w = 0; w < 4; w++) {
        const int a = i + way[w][0], b = j + way[w][1];
        if (a < 0 || a == S0 || b < 0 || b == S1) continue;
        for (int field = 0; field < 2; field++)
          *to[field] += spread[field] / (h[w / 2] * h[w / 2]) * (y[field * SMALL + a * S1 + b] - (field ? v : u));
      }
    }
}

Test(diffusion_reaction, noise_goes_where_the_classical_method_takes_it) {
  enum { STEPS = 4000 };
  const double h = 2. / STEPS, to[4] = {0, .5, .5, 1}, weight[4] = {1. / 6, 1. / 3, 1. / 3, 1. / 6};
  double first[2 * SMALL], last[2 * SMALL], y[2 * SMALL];
  const pno_pde_request q = {.dims = 2, .n = {S0, S1}, .frames = 4, .time = 2, .tolerance = 1e-8, .n_parameters = 2,
                             .parameters = {"du=.03", "dv=.2"}};
  solver s = solver_make("diffusion_reaction", q);
  float *noise = solver_sample(&s, 8, 3);
  for (int i = 0; i < 2 * SMALL; i++) y[i] = first[i] = (double)noise[i / SMALL * 4 * SMALL + i % SMALL];
  for (int n = 0; n < STEPS; n++) {
    double d[2 * SMALL] = {0}, sum[2 * SMALL] = {0}, at[2 * SMALL];
    for (int k = 0; k < 4; k++) {
      for (int i = 0; i < 2 * SMALL; i++) at[i] = y[i] + h * to[k] * d[i];
      rates(at, d);
      for (int i = 0; i < 2 * SMALL; i++) sum[i] += weight[k] * d[i];
    }
    for (int i = 0; i < 2 * SMALL; i++) y[i] += h * sum[i];
  }
  solver_run(&s, first, last);
  cr_assert(solver_distance(last, y, 2 * SMALL) < 1e-6, "distance %g", solver_distance(last, y, 2 * SMALL));
  cr_assert(solver_distance(last, first, 2 * SMALL) > .5);
  free(noise);
  solver_free(&s);
}

static double mean(const float *v, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (double)v[i];
  return sum / (double)n;
}

Test(diffusion_reaction, diffusion_keeps_the_means_of_noise_to_rounding) {
  enum { N0 = 20, N1 = 31, POINTS = N0 * N1 };
  static double first[2 * POINTS], last[2 * POINTS];
  const pno_pde_request q = {.dims = 2, .n = {N0, N1}, .frames = 2, .time = 5, .n_parameters = 3,
                             .parameters = {"reaction=0", "du=.05", "dv=.1"}};
  solver s = solver_make("diffusion_reaction", q);
  float *noise = solver_sample(&s, 5, 0);
  for (int field = 0; field < 2; field++)
    for (int i = 0; i < POINTS; i++) first[field * POINTS + i] = (double)noise[2 * field * POINTS + i];
  solver_run(&s, first, last);
  for (int field = 0; field < 2; field++) {
    double before = 0, after = 0, least = INFINITY, most = -INFINITY;
    for (int i = field * POINTS; i < (field + 1) * POINTS; i++) {
      before += first[i] / POINTS;
      after += last[i] / POINTS;
      least = fmin(least, last[i]);
      most = fmax(most, last[i]);
    }
    cr_assert_float_eq(before, after, 1e-13);
    cr_assert(most - least < .5, "field %d still spreads over %g", field, most - least);
  }
  free(noise);
  solver_free(&s);
}

Test(diffusion_reaction, means_change_by_what_reacts) {
  enum { N = 16, POINTS = N * N, FRAMES = 201 };
  static double first[2 * POINTS];
  const double time = 2;
  double start[2] = {0, 0}, gain[2] = {0, 0};
  const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = FRAMES, .time = time, .tolerance = 1e-8};
  solver s = solver_make("diffusion_reaction", q);
  wavy(N, N, first);
  float *values = malloc((size_t)s.n_values * sizeof *values);
  double p[PNO_PDE_PARAMETERS_MAX];
  pno_pde_report report = {.failed = true};
  pno_pde_draw(s.equation, &s.spec, 0, 0, p);
  const pno_pde_task task = {.parameters = p, .caution = 1, .initial = first, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
  cr_assert(!report.failed);
  const float *v = values + (ptrdiff_t)FRAMES * POINTS;
  for (int f = 0; f < FRAMES; f++) { /* Simpson's rule over the frames */
    const double weight = time / (FRAMES - 1) / 3 * (f == 0 || f == FRAMES - 1 ? 1 : f % 2 ? 4 : 2);
    for (int i = f * POINTS; i < (f + 1) * POINTS; i++) {
      const double a = (double)values[i], b = (double)v[i];
      gain[0] += weight * (a - a * a * a - .005 - b) / POINTS;
      gain[1] += weight * (a - b) / POINTS;
    }
  }
  start[0] = mean(values, POINTS);
  start[1] = mean(v, POINTS);
  for (int field = 0; field < 2; field++) {
    const double end = mean(values + ((ptrdiff_t)(field + 1) * FRAMES - 1) * POINTS, POINTS);
    cr_assert(fabs(end - start[field]) > .01);
    cr_assert_float_eq(end - start[field], gain[field], 1e-6, "%g and %g", end - start[field], gain[field]);
  }
  free(values);
  solver_free(&s);
}

Test(diffusion_reaction, a_state_that_is_its_own_mirror_image_stays_so) {
  enum { N = 24, POINTS = N * N };
  static double first[2 * POINTS], last[2 * POINTS];
  const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = 2, .time = 2};
  solver s = solver_make("diffusion_reaction", q);
  float *noise = solver_sample(&s, 9, 4);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      for (int field = 0; field < 2; field++) { /* across the diagonal; then across the middle of both axes */
        const int a = i < N - 1 - i ? i : N - 1 - i, b = j < N - 1 - j ? j : N - 1 - j;
        const int at = (a < b ? a : b) * N + (a < b ? b : a);
        first[field * POINTS + i * N + j] = (double)noise[2 * field * POINTS + at];
      }
  solver_run(&s, first, last);
  for (int field = 0; field < 2; field++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        const double *x = last + field * POINTS;
        cr_assert_float_eq(x[i * N + j], x[j * N + i], 1e-13);
        cr_assert_float_eq(x[i * N + j], x[(N - 1 - i) * N + j], 1e-13);
      }
  free(noise);
  solver_free(&s);
}

Test(diffusion_reaction, the_initial_state_is_noise_of_mean_0_and_deviation_1) {
  enum { N = 96, POINTS = N * N };
  const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = 2, .time = 1e-3};
  solver s = solver_make("diffusion_reaction", q);
  float *v = solver_sample(&s, 2, 7);
  const float *fields[2] = {v, v + 2 * POINTS};
  const double sigma = 1 / sqrt(POINTS);
  double product = 0, neighbours = 0;
  for (int f = 0; f < 2; f++) {
    double second = 0;
    for (int i = 0; i < POINTS; i++) second += (double)fields[f][i] * (double)fields[f][i] / POINTS;
    cr_assert_float_eq(mean(fields[f], POINTS), 0, 5 * sigma);
    cr_assert_float_eq(second, 1, 5 * sqrt(2) * sigma);
  }
  for (int i = 1; i < POINTS; i++) {
    product += (double)fields[0][i] * (double)fields[1][i] / POINTS;
    neighbours += (double)fields[0][i] * (double)fields[0][i - 1] / POINTS;
  }
  cr_assert_float_eq(product, 0, 5 * sigma);
  cr_assert_float_eq(neighbours, 0, 5 * sigma);
  free(v);
  solver_free(&s);
}

Test(diffusion_reaction, a_finer_solver_starts_from_the_same_function_and_converges) {
  enum { N = 12, POINTS = N * N, LEVELS = 4 };
  float *v[LEVELS];
  double size[LEVELS - 1], error[LEVELS - 1];
  for (int r = 0; r < LEVELS; r++) {
    const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = 2, .time = 1, .refine = 1 << r, .tolerance = 1e-7,
                               .n_parameters = 2, .parameters = {"du=.02", "dv=.04"}};
    solver s = solver_make("diffusion_reaction", q);
    v[r] = solver_sample(&s, 6, 1);
    for (int i = 0; i < POINTS; i++) {
      cr_assert_float_eq(v[r][i], v[0][i], 1e-6f);
      cr_assert_float_eq(v[r][2 * POINTS + i], v[0][2 * POINTS + i], 1e-6f);
    }
    solver_free(&s);
  }
  for (int r = 0; r < LEVELS - 1; r++) {
    double miss = 0, norm = 0;
    for (int i = POINTS; i < 2 * POINTS; i++) {
      miss += pow((double)v[r][i] - (double)v[LEVELS - 1][i], 2);
      norm += pow((double)v[LEVELS - 1][i], 2);
    }
    size[r] = 2. / (N << r);
    error[r] = sqrt(miss / norm);
  }
  const double order = solver_order("diffusion and reaction, from noise, refine", 2, LEVELS - 1, size, error);
  cr_assert(order > 1.7, "order %g", order); /* beyond 2: the finest is no exact solution */
  for (int r = 0; r < LEVELS; r++) free(v[r]);
}

Test(diffusion_reaction, what_cannot_be_solved_is_reported_or_refused) {
  enum { N = 4 };
  const pno_pde_request q = {.dims = 2, .n = {N, N}, .frames = 2, .time = 1};
  double first[2 * N * N] = {0}, p[PNO_PDE_PARAMETERS_MAX];
  float values[4 * N * N];
  pno_pde_report report = {0};
  pno_pde *pde = NULL;
  solver s = solver_make("diffusion_reaction", q);
  pno_pde_draw(s.equation, &s.spec, 0, 0, p);
  first[3] = NAN;
  const pno_pde_task task = {.parameters = p, .caution = 1, .initial = first, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &report), PNO_OK);
  cr_assert(report.failed && strstr(report.words, "no step"), "'%s'", report.words);
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
