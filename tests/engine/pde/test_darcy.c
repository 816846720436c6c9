#include "engine/pde/darcy.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static const double parameters[] = {1, 2, 3}; /* beta, alpha, tau */

static pno_darcy *make(const char *recipe, int n0, int n1, double tolerance) {
  const pno_pde_request request = {.recipe = recipe, .dims = 2, .n = {n0, n1}};
  pno_pde_spec spec;
  pno_darcy *d = NULL;
  cr_assert_eq(pno_pde_resolve(&pno_darcy_equation, &request, &spec), PNO_OK, "%s", pno_fail_words());
  spec.tolerance = tolerance; /* also one that nobody may ask for */
  cr_assert_eq(pno_darcy_create(&spec, &d), PNO_OK, "%s", pno_fail_words());
  return d;
}

static double *array(ptrdiff_t n, double value) {
  double *x = malloc((size_t)n * sizeof *x);
  for (ptrdiff_t k = 0; k < n; k++) x[k] = value;
  return x;
}

/* u = sin(pi x) sin(2 pi y), a = 2 + sin(2 x + 3 y): largest error at the nodes. */
static double manufactured_error(int n0, int n1) {
  const ptrdiff_t n = (ptrdiff_t)n0 * n1;
  pno_darcy *d = make("li", n0, n1, 1e-11);
  double *a = array(n, 0), *f = array(n, 0), *u = array(n, 0), residual, error = 0;
  for (ptrdiff_t k = 0; k < n; k++) {
    const double x = (double)(k / n1) / (n0 - 1), y = (double)(k % n1) / (n1 - 1), t = 2 * x + 3 * y;
    const double ux = pi * cos(pi * x) * sin(2 * pi * y), uy = 2 * pi * sin(pi * x) * cos(2 * pi * y);
    a[k] = 2 + sin(t);
    f[k] = 5 * pi * pi * a[k] * sin(pi * x) * sin(2 * pi * y) - cos(t) * (2 * ux + 3 * uy);
  }
  cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_OK, "%s", pno_fail_words());
  for (ptrdiff_t k = 0; k < n; k++) {
    const double x = (double)(k / n1) / (n0 - 1), y = (double)(k % n1) / (n1 - 1);
    error = fmax(error, fabs(u[k] - sin(pi * x) * sin(2 * pi * y)));
  }
  free(a), free(f), free(u);
  pno_darcy_destroy(&d);
  return error;
}

Test(darcy, a_smooth_solution_is_met_to_second_order) {
  static const int grids[][3][2] = {{{17, 17}, {33, 33}, {65, 65}}, {{20, 26}, {39, 51}, {77, 101}}};
  for (int g = 0; g < 2; g++) {
    double before = 0;
    for (int l = 0; l < 3; l++) {
      const int n0 = grids[g][l][0], n1 = grids[g][l][1];
      const double error = manufactured_error(n0, n1), order = log2(before / error);
      if (l == 0) {
        printf("darcy %d x %d: error %.3e\n", n0, n1, error);
      } else {
        printf("darcy %d x %d: error %.3e, order %.3f\n", n0, n1, error, order);
        cr_assert_geq(order, 1.9, "%d x %d: order %.3f", n0, n1, order);
      }
      before = error;
    }
  }
}

/* |f - (-div a grad u)| / |f| from the definition, in long double and without the solver's arrays. */
static double residual_of(int n0, int n1, const double *a, const double *u, double f) {
  const long double h0 = 1.0L / (n0 - 1), h1 = 1.0L / (n1 - 1);
  long double sum = 0, all = 0;
  for (int i = 1; i < n0 - 1; i++) {
    for (int j = 1; j < n1 - 1; j++) {
      const int at = i * n1 + j, near[4] = {at - n1, at + n1, at - 1, at + 1};
      long double left = f;
      for (int m = 0; m < 4; m++) {
        const long double h = m < 2 ? h0 : h1;
        left -= ((long double)a[at] + a[near[m]]) / 2 * ((long double)u[at] - u[near[m]]) / (h * h);
      }
      sum += left * left;
      all += (long double)f * f;
    }
  }
  return (double)sqrtl(sum / all);
}

Test(darcy, a_sample_of_421_points_solves_the_discrete_equations_to_1e_10) {
  enum { N = 421 };
  for (int recipe = 0; recipe < 2; recipe++) {
    pno_darcy *d = make(recipe ? "pdebench" : "li", N, N, 1e-10);
    double *f = array(N * N, 1), *u = array(N * N, -1), residual = 1;
    int iterations = 0;
    const double *a = pno_darcy_coefficient(d, 2026, 3, parameters);
    cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, &iterations), PNO_OK, "%s", pno_fail_words());
    const double again = residual_of(N, N, a, u, 1);
    printf("darcy recipe %d, 421 x 421: %d iterations, residual %.3e, by the test %.3e\n", recipe, iterations, residual,
           again);
    cr_assert_leq(residual, 1e-10);
    cr_assert_leq(again, 1e-10);
    cr_assert_leq(iterations, 25);
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        const bool inside = i > 0 && j > 0 && i < N - 1 && j < N - 1;
        cr_assert(inside ? u[i * N + j] > 0 : u[i * N + j] == 0, "u[%d][%d] is %g", i, j, u[i * N + j]);
      }
    }
    free(f), free(u);
    pno_darcy_destroy(&d);
  }
}

Test(darcy, one_unknown_is_solved_by_hand) {
  pno_darcy *d = make("li", 3, 3, 1e-10);
  const double a[9] = {9, 2, 9, 4, 6, 8, 9, 10, 9}, f[9] = {9, 9, 9, 9, 3, 9, 9, 9, 9};
  double u[9], residual;
  cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_OK);
  cr_assert_float_eq(u[4], 3 * 0.25 / (4 + 5 + 7 + 8), 1e-16); /* faces with 2, 4, 8 and 10 */
  pno_darcy_destroy(&d);
}

Test(darcy, exchanging_the_axes_exchanges_the_solution) {
  enum { N0 = 31, N1 = 18 };
  pno_darcy *d = make("li", N0, N1, 1e-12), *t = make("li", N1, N0, 1e-12);
  const double *a = pno_darcy_coefficient(d, 1, 1, parameters);
  double *f = array(N0 * N1, 1), *u = array(N0 * N1, 0), *v = array(N0 * N1, 0), *at = array(N0 * N1, 0), residual;
  for (int i = 0; i < N0; i++) {
    for (int j = 0; j < N1; j++) at[j * N0 + i] = a[i * N1 + j];
  }
  cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_OK);
  cr_assert_eq(pno_darcy_solve(t, at, f, v, &residual, NULL), PNO_OK);
  for (int i = 0; i < N0; i++) {
    for (int j = 0; j < N1; j++) cr_assert_float_eq(u[i * N1 + j], v[j * N0 + i], 1e-12);
  }
  free(f), free(u), free(v), free(at);
  pno_darcy_destroy(&d);
  pno_darcy_destroy(&t);
}

Test(darcy, no_source_gives_zero_and_zero_residual) {
  pno_darcy *d = make("pdebench", 12, 9, 1e-10);
  double *f = array(12 * 9, 0), *u = array(12 * 9, 1), residual = 1;
  cr_assert_eq(pno_darcy_solve(d, pno_darcy_coefficient(d, 1, 1, parameters), f, u, &residual, NULL), PNO_OK);
  for (int k = 0; k < 12 * 9; k++) cr_assert_eq(u[k], 0);
  cr_assert_eq(residual, 0);
  free(f), free(u);
  pno_darcy_destroy(&d);
}

Test(darcy, a_residual_that_rounding_forbids_is_told_and_nothing_is_written) {
  enum { N = 129 };
  pno_darcy *d = make("li", N, N, 1e-17);
  double *f = array(N * N, 1), *u = array(N * N, 42), residual = 42;
  int iterations = 42;
  cr_assert_eq(pno_darcy_solve(d, pno_darcy_coefficient(d, 1, 1, parameters), f, u, &residual, &iterations), PNO_E_DIVERGED);
  cr_assert(strstr(pno_fail_words(), "relative residual"), "%s", pno_fail_words());
  for (int k = 0; k < N * N; k++) cr_assert_eq(u[k], 42);
  cr_assert(residual == 42 && iterations == 42);
  free(f), free(u);
  pno_darcy_destroy(&d);
}

Test(darcy, a_sample_without_solution_diverges_and_leaves_no_trace_in_the_next_one) {
  enum { N = 33 };
  pno_darcy *d = make("li", N, N, 1e-10), *fresh = make("li", N, N, 1e-10);
  const double sources[] = {NAN, INFINITY, -INFINITY};
  double *f = array(N * N, 1), *u = array(N * N, 0), *v = array(N * N, 1), *a = array(N * N, 1e-310), residual;
  for (size_t b = 0; b < sizeof sources / sizeof *sources; b++) {
    f[5 * N + 5] = sources[b];
    cr_assert_eq(pno_darcy_solve(d, pno_darcy_coefficient(d, 1, 1, parameters), f, u, &residual, NULL), PNO_E_DIVERGED);
  }
  f[5 * N + 5] = 1;
  /* The reciprocal of the diagonal overflows, so this one fails amid the iterations. */
  cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_E_DIVERGED);
  cr_assert_eq(pno_darcy_solve(d, pno_darcy_coefficient(d, 1, 1, parameters), f, u, &residual, NULL), PNO_OK);
  cr_assert_eq(pno_darcy_solve(fresh, pno_darcy_coefficient(fresh, 1, 1, parameters), f, v, &residual, NULL), PNO_OK);
  cr_assert_arr_eq(u, v, N * N * sizeof *u);
  free(f), free(u), free(v), free(a);
  pno_darcy_destroy(&d);
  pno_darcy_destroy(&fresh);
}

/* By powers of two, so that the bits must be the same. */
Test(darcy, the_solution_is_proportional_to_the_source_over_the_whole_range_of_double) {
  enum { N = 20 };
  static const int exponents[] = {-900, -1, 1, 900};
  pno_darcy *d = make("li", N, N, 1e-10);
  const double *a = pno_darcy_coefficient(d, 1, 2, parameters);
  double *f = array(N * N, 1.25), *u = array(N * N, 0), *v = array(N * N, 0), residual;
  cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_OK);
  for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
    for (int k = 0; k < N * N; k++) f[k] = ldexp(1.25, exponents[e]);
    cr_assert_eq(pno_darcy_solve(d, a, f, v, &residual, NULL), PNO_OK);
    for (int k = 0; k < N * N; k++) cr_assert_eq(v[k], ldexp(u[k], exponents[e]), "node %d at 2^%d", k, exponents[e]);
  }
  free(f), free(u), free(v);
  pno_darcy_destroy(&d);
}

Test(darcy, a_coefficient_that_is_not_positive_is_refused) {
  const double bad[] = {0, -1, NAN, INFINITY};
  pno_darcy *d = make("li", 5, 6, 1e-10);
  double *f = array(30, 1), *u = array(30, 42), *a = array(30, 1), residual = 42;
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
    a[29] = bad[b];
    cr_assert_eq(pno_darcy_solve(d, a, f, u, &residual, NULL), PNO_E_USAGE);
    cr_assert(strstr(pno_fail_words(), "a[4][5]"), "%s", pno_fail_words());
    cr_assert(u[14] == 42 && residual == 42);
  }
  free(f), free(u), free(a);
  pno_darcy_destroy(&d);
  pno_darcy_destroy(&d);
  pno_darcy_destroy(NULL);
}
