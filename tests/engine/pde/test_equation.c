#include "engine/pde/equation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/engine/pde/solver.h"

enum { N0 = 40, N1 = 33, NODES = N0 * N1 };

static pno_pde_request darcy(const char *recipe) {
  return (pno_pde_request){.recipe = recipe, .dims = 2, .n = {N0, N1}};
}

/* A recipe of any equation on a small grid and for a short time. */
static pno_pde_request small(const pno_equation *e, const pno_pde_recipe *r) {
  pno_pde_request q = {.recipe = r->name, .dims = e->dims_least, .n = {24, 24, 24}};
  if (e->extent) q.n[0] = 128; /* a line of 100 */
  if (r->time > 0) {
    q.frames = 3;
    q.time = r->time / 200;
  }
  return q;
}

Test(equation, every_row_of_the_table_says_all_that_gen_reads) {
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = NULL;
    int roles = 0;
    cr_assert_eq(pno_equation_find(pno_equations[i]->name, &e), PNO_OK);
    cr_assert_eq(e, pno_equations[i]);
    cr_assert(e->solver && e->help && e->create && e->solve && e->destroy, "%s", e->name);
    cr_assert(e->dims_least >= 1 && e->dims_least <= e->dims_most && e->dims_most <= 3, "%s", e->name);
    cr_assert(e->extent || e->lo < e->hi, "%s", e->name);
    cr_assert(e->n_fields >= 1 && e->n_fields <= PNO_PDE_FIELDS_MAX, "%s", e->name);
    cr_assert_leq(e->n_parameters, PNO_PDE_PARAMETERS_MAX);
    for (int f = 0; f < e->n_fields; f++) roles |= e->fields[f].role;
    cr_assert_eq(roles, PNO_PDE_INPUT | PNO_PDE_TARGET, "%s", e->name);
    for (int k = 0; k < e->n_parameters; k++)
      cr_assert(e->parameters[k].name && e->parameters[k].help && e->parameters[k].lo < e->parameters[k].hi, "%s", e->name);
    cr_assert_not_null(e->recipes[0].name);
  }
}

Test(equation, every_recipe_of_every_equation_gives_finite_samples_that_differ, .timeout = 300) {
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = pno_equations[i];
    for (int r = 0; r < PNO_PDE_RECIPES_MAX && e->recipes[r].name; r++) {
      solver s = solver_make(e->name, small(e, &e->recipes[r]));
      float *v = solver_sample(&s, 3, 0), *w = solver_sample(&s, 3, 1);
      for (ptrdiff_t k = 0; k < s.n_values; k++) cr_assert(isfinite(v[k]), "%s %s: value %td", e->name, e->recipes[r].name, k);
      cr_assert_neq(memcmp(v, w, (size_t)s.n_values * sizeof *v), 0, "%s %s", e->name, e->recipes[r].name);
      free(v), free(w);
      solver_free(&s);
    }
  }
}

Test(equation, a_sample_has_the_same_bits_in_any_order_of_calls_and_in_any_object, .timeout = 300) {
  static const uint32_t orders[2][3] = {{0, 1, 2}, {1, 2, 0}};
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = pno_equations[i];
    for (int r = 0; r < PNO_PDE_RECIPES_MAX && e->recipes[r].name; r++) {
      float *v[2][3];
      size_t bytes = 0;
      for (int o = 0; o < 2; o++) {
        solver s = solver_make(e->name, small(e, &e->recipes[r]));
        bytes = (size_t)s.n_values * sizeof(float);
        for (int k = 0; k < 3; k++) v[o][orders[o][k]] = solver_sample(&s, 0xfeedfacecafebeefu, orders[o][k]);
        solver_free(&s);
      }
      for (int k = 0; k < 3; k++) {
        cr_assert_arr_eq(v[0][k], v[1][k], bytes, "%s %s", e->name, e->recipes[r].name);
        free(v[0][k]), free(v[1][k]);
      }
    }
  }
}

Test(equation, without_a_grid_there_is_one) {
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = pno_equations[i];
    pno_pde_spec s;
    cr_assert_eq(pno_pde_resolve(e, &(pno_pde_request){0}, &s), PNO_OK, "%s", pno_fail_words());
    cr_assert(s.dims == (e->dims_most > 1 ? 2 : 1) && s.n[0] == (s.dims == 2 ? 64 : 256), "%s", e->name);
  }
}

Test(equation, an_unknown_name_is_refused_with_those_there_are) {
  const pno_equation *e = NULL;
  cr_assert_eq(pno_equation_find("Darcy", &e), PNO_E_USAGE);
  cr_assert(strstr(pno_fail_words(), "'Darcy'") && strstr(pno_fail_words(), "darcy"), "%s", pno_fail_words());
  cr_assert_null(e);
}

Test(equation, darcy_gives_two_valued_coefficients_and_positive_solutions) {
  const float values[2][2] = {{12, 3}, {1, 0.1f}};
  for (int recipe = 0; recipe < 2; recipe++) {
    solver d = solver_make("darcy", darcy(recipe ? "pdebench" : "li"));
    for (uint32_t s = 0; s < 8; s++) {
      float *v = solver_sample(&d, 11, s);
      int high = 0;
      for (int k = 0; k < NODES; k++) {
        const bool edge = k / N1 == 0 || k / N1 == N0 - 1 || k % N1 == 0 || k % N1 == N1 - 1;
        cr_assert(v[k] == values[recipe][0] || v[k] == values[recipe][1]);
        high += v[k] == values[recipe][0];
        cr_assert(edge ? v[NODES + k] == 0 : v[NODES + k] > 0, "u at node %d is %g", k, (double)v[NODES + k]);
      }
      cr_assert(high > 0 && high < NODES);
      free(v);
    }
    solver_free(&d);
  }
}

Test(equation, another_seed_gives_another_sample) {
  solver d = solver_make("darcy", darcy("li"));
  float *v = solver_sample(&d, 1, 0), *w = solver_sample(&d, (uint64_t)1 << 40 | 1, 0);
  cr_assert_neq(memcmp(v, w, NODES * sizeof *v), 0);
  free(v), free(w);
  solver_free(&d);
}

Test(equation, a_parameter_of_the_request_replaces_that_of_the_recipe) {
  float *v[2];
  for (int b = 0; b < 2; b++) {
    pno_pde_request q = darcy("pdebench");
    q.n_parameters = b;
    q.parameters[0] = "beta=0.01";
    solver d = solver_make("darcy", q);
    v[b] = solver_sample(&d, 1, 0);
    solver_free(&d);
  }
  for (int k = 0; k < NODES; k++) {
    cr_assert_eq(v[0][k], v[1][k]);
    cr_assert_float_eq(v[1][NODES + k], 0.01f * v[0][NODES + k], 1e-6f * v[0][NODES + k]);
  }
  free(v[0]), free(v[1]);
}

static void refuse(pno_pde_request request, const char *equation, const char *word) {
  const pno_equation *e = NULL;
  pno_pde_spec spec;
  pno_pde *pde = NULL;
  cr_assert_eq(pno_equation_find(equation, &e), PNO_OK);
  pno_status st = pno_pde_resolve(e, &request, &spec);
  if (st == PNO_OK) st = e->create(&spec, &pde);
  cr_assert_eq(st, PNO_E_USAGE, "%s", word);
  cr_assert(strstr(pno_fail_words(), word), "'%s' does not tell of %s", pno_fail_words(), word);
  cr_assert_null(pde);
}

#define REFUSE(member, value, word) \
  do {                              \
    pno_pde_request q_ = base;      \
    q_.member = value;              \
    refuse(q_, "darcy", word);      \
  } while (0)

Test(equation, a_request_without_meaning_is_refused_and_says_why) {
  pno_pde_request base = darcy("li");
  REFUSE(dims, 1, "axes, and");
  REFUSE(dims, 3, "axes, and");
  REFUSE(n[0], 2, "axis 0");
  REFUSE(n[1], -5, "axis 1");
  REFUSE(n[1], (1 << 17) + 1, "axis 1");
  REFUSE(refine, 2, "refine");
  REFUSE(tolerance, -1, "tolerance");
  REFUSE(tolerance, 1, "tolerance");
  REFUSE(tolerance, NAN, "tolerance");
  REFUSE(time, 1, "steady");
  REFUSE(frames, 2, "steady");
  REFUSE(recipe, "Li", "it has: li, pdebench");
  base.n_parameters = 1;
  REFUSE(parameters[0], "alpha=1", "alpha");
  REFUSE(parameters[0], "alpha=nan", "distribution");
  REFUSE(parameters[0], "alpha=", "distribution");
  REFUSE(parameters[0], "tau=0", "tau");
  REFUSE(parameters[0], "tau=uniform:2:1", "tau");
  REFUSE(parameters[0], "tau=uniform:2", "distribution");
  REFUSE(parameters[0], "tau=loguniform:0.1:2000", "tau");
  REFUSE(parameters[0], "tau=choice:1:x", "distribution");
  REFUSE(parameters[0], "gamma=1", "gamma");
  REFUSE(parameters[0], "beta", "beta");
  REFUSE(parameters[0], "beta=-1", "beta");
  base = (pno_pde_request){.dims = 1, .n = {32}, .frames = 1};
  refuse(base, "burgers", "frames");
  base.frames = 3;
  base.refine = -1;
  refuse(base, "burgers", "refine");
  base.refine = 0;
  base.tolerance = NAN;
  refuse(base, "burgers", "tolerance");
  base.tolerance = 9e-15;
  refuse(base, "diffusion_sorption", "tolerance");
  base.tolerance = 2;
  refuse(base, "heat", "exact");
  refuse(base, "advection", "exact");
  base.tolerance = 0;
  base.step = 1;
  refuse(base, "wave", "pde.step");
  refuse(base, "heat", "pde.step");
  refuse(base, "advection", "pde.step");
  base.step = 0;
  base.time = -1;
  refuse(base, "burgers", "time");
  base.time = 1;
  base.n_parameters = 1;
  base.parameters[0] = "length=uniform:1:2";
  refuse(base, "kuramoto_sivashinsky", "same for all");
  base.n_parameters = 0;
  base.step = 4e-7; /* times are .5 apart */
  refuse(base, "burgers", "1000000 steps");
  base.step = 4e-8;
  refuse(base, "compressible", "10000000 steps");
  base.step = 0;
  base.n_parameters = 1;
  base.parameters[0] = "kinematic=.5";
  refuse(base, "compressible", "0 or 1");
  base.parameters[0] = "kinematic=uniform:0:1";
  refuse(base, "compressible", "0 or 1");
  base.n_parameters = 2;
  base.parameters[0] = base.parameters[1] = "nu=.1";
  refuse(base, "burgers", "twice");
  base = (pno_pde_request){.dims = 2, .n = {24, 24}, .n_parameters = 1, .parameters = {"alpha=1"}};
  refuse(base, "heat", "alpha");
  refuse(base, "wave", "alpha");
  base.parameters[0] = "alpha=choice:2:.6";
  refuse(base, "heat", "alpha");
  base.parameters[0] = "alpha=normal:2:.1";
  refuse(base, "wave", "alpha");
  base = (pno_pde_request){.dims = 3, .n = {24, 24, 24}};
  refuse(base, "heat", "heat 1 to 2");
  base = (pno_pde_request){.dims = 2, .n = {92681, 3}};
  refuse(base, "heat", "92680");
}

Test(equation, points_of_an_axis_are_where_the_equation_has_them) {
  double first, last;
  solver d = solver_make("darcy", darcy("li"));
  pno_pde_axis(d.equation, &d.spec, 0, &first, &last);
  cr_assert(first == 0 && last == 1);
  solver_free(&d);
  const pno_pde_request q = {.dims = 1, .n = {64}, .n_parameters = 1, .parameters = {"length=32"}};
  solver k = solver_make("kuramoto_sivashinsky", q);
  pno_pde_axis(k.equation, &k.spec, 0, &first, &last);
  cr_assert(first == 0 && last == 31.5);
  solver_free(&k);
}

Test(equation, memory_that_is_not_to_be_had_is_told) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  cr_skip_test("a sanitizer needs the address space");
#endif
  const struct rlimit limit = {(rlim_t)1 << 31, (rlim_t)1 << 31};
  const pno_pde_request q = {.dims = 2, .n = {20001, 20001}};
  pno_pde_spec spec;
  pno_pde *pde = NULL;
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
  static const char *const names[] = {"darcy", "navier_stokes"};
  for (int i = 0; i < 2; i++) {
    const pno_equation *e = NULL;
    cr_assert_eq(pno_equation_find(names[i], &e), PNO_OK);
    cr_assert_eq(pno_pde_resolve(e, &q, &spec), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(e->create(&spec, &pde), PNO_E_NOMEM);
    cr_assert(strstr(pno_fail_words(), "bytes"), "%s", pno_fail_words());
    cr_assert_null(pde);
    e->destroy(&pde);
    e->destroy(NULL);
  }
}

/* The values of a short and smooth sample may be the same, its steps are not. */
Test(equation, caution_changes_what_may_be_tried_again_and_nothing_else, .timeout = 300) {
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = pno_equations[i];
    pno_pde_request q = small(e, &e->recipes[0]);
    q.time *= 10; /* before, some are too smooth for their steps to matter */
    solver s = solver_make(e->name, q);
    double parameters[PNO_PDE_PARAMETERS_MAX];
    float *v[2];
    pno_pde_report r[2];
    pno_pde_draw(e, &s.spec, 3, 0, parameters);
    for (int k = 0; k < 2; k++) {
      cr_assert_not_null(v[k] = calloc((size_t)s.n_values, sizeof **v));
      const pno_pde_task task = {.seed = 3, .parameters = parameters, .caution = k ? 64 : 1, .values = v[k]};
      cr_assert_eq(e->solve(s.pde, &task, &r[k]), PNO_OK);
    }
    const bool same = r[0].steps == r[1].steps && memcmp(v[0], v[1], (size_t)s.n_values * sizeof **v) == 0;
    cr_assert_eq(same, e->exact || e->recipes[0].time == 0, "%s: %td and %td steps", e->name, r[0].steps, r[1].steps);
    free(v[0]), free(v[1]);
    solver_free(&s);
  }
}
