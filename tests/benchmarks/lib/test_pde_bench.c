#include "benchmarks/lib/pde_bench.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(pde_bench, .timeout = 120);

static pno_pde_bench make(pno_pde_case c) {
  pno_pde_bench b;
  cr_assert_eq(pno_pde_bench_create(&c, &b), PNO_OK, "%s", pno_fail_words());
  return b;
}

Test(pde_bench, every_case_and_every_recipe_names_what_there_is) {
  for (int i = 0; i < pno_n_pde_cases; i++) {
    pno_pde_bench b = make(pno_pde_cases[i]);
    cr_assert_eq(pno_pde_case_find(pno_pde_cases[i].name), &pno_pde_cases[i]);
    pno_pde_bench_destroy(&b);
  }
  cr_assert_null(pno_pde_case_find("nothing"));
  for (int i = 0; i < pno_n_equations; i++)
    for (int r = 0; r < PNO_PDE_RECIPES_MAX && pno_equations[i]->recipes[r].name; r++) {
      pno_pde_bench b = make(pno_pde_case_of(pno_equations[i], &pno_equations[i]->recipes[r]));
      cr_assert_eq(b.equation, pno_equations[i]);
      pno_pde_bench_destroy(&b);
    }
}

/* From the state that the bench gives, a solution is that of the sample itself. */
Test(pde_bench, the_state_of_a_case_is_what_its_sample_starts_from) {
  for (int i = 0; i < pno_n_pde_cases; i++) {
    pno_pde_case c = pno_pde_cases[i];
    for (int d = 0; d < c.dims; d++) c.n[d] = c.dims == 2 ? 32 : 128;
    c.time *= .1;
    pno_pde_bench b = make(c);
    double *states = calloc((size_t)(3 * b.points), sizeof *states), seconds = -1;
    double *first = states, *drawn = states + b.points, *given = states + 2 * b.points;
    pno_pde_report report;
    cr_assert_not_null(states);
    cr_assert_eq(pno_pde_bench_state(&b, 5, 2, first), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(pno_pde_bench_solve(&b, 5, 2, NULL, drawn, &report, &seconds), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(pno_pde_bench_solve(&b, 5, 2, first, given, &report, &seconds), PNO_OK, "%s", pno_fail_words());
    cr_assert(seconds >= 0 && report.steps > 0);
    const double same = pno_pde_bench_distance(c.dims, b.n, given, drawn, 1);
    const double moved = pno_pde_bench_distance(c.dims, b.n, given, first, 1);
    cr_assert_lt(same, 1e-9, "%s: %g", c.name, same);
    cr_assert_gt(moved, 1e-6, "%s: %g", c.name, moved);
    free(states);
    pno_pde_bench_destroy(&b);
  }
}

Test(pde_bench, a_distance_is_of_the_points_that_both_have) {
  const int n[2] = {2, 3};
  double fine[4 * 6], coarse[2 * 3], size = 0;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 6; j++) fine[6 * i + j] = i % 2 || j % 2 ? 1e9 : 1 + i + .1 * j;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++) {
      coarse[3 * i + j] = 1 + 2 * i + .2 * j;
      size += coarse[3 * i + j] * coarse[3 * i + j];
    }
  cr_assert_lt(pno_pde_bench_distance(2, n, coarse, fine, 2), 1e-15);
  coarse[4] += .5;
  cr_assert_float_eq(pno_pde_bench_distance(2, n, coarse, fine, 2), .5 / sqrt(size), 1e-12);
  const int points[1] = {3};
  const double line[3] = {1, 2, 3}, finer[6] = {1, 0, 2, 0, 3, 0};
  cr_assert_lt(pno_pde_bench_distance(1, points, line, finer, 2), 1e-15);
}
