#include "engine/pde/equation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { N0 = 40, N1 = 33, NODES = N0 * N1 };

static const pno_pde_spec good = {.recipe = PNO_RECIPE_LI, .dims = 2, .n = {N0, N1}, .alpha = 2, .tau = 3, .beta = 1,
                                  .tolerance = 1e-10};

static pno_pde_spec with(pno_pde_recipe recipe) {
  pno_pde_spec s = good;
  s.recipe = recipe;
  return s;
}

static const pno_equation *darcy(void) {
  const pno_equation *e = NULL;
  cr_assert_eq(pno_equation_find("darcy", &e), PNO_OK);
  return e;
}

static float *sample(pno_pde *pde, uint64_t seed, uint32_t number) {
  float *values = malloc(2 * NODES * sizeof *values);
  double residual = 1;
  cr_assert_eq(darcy()->solve(pde, seed, number, values, &residual), PNO_OK, "%s", pno_fail_words());
  cr_assert_leq(residual, good.tolerance);
  return values;
}

Test(equation, every_row_of_the_table_is_found_by_its_name_and_has_inputs_and_targets) {
  for (int i = 0; i < pno_n_equations; i++) {
    const pno_equation *e = NULL;
    int inputs = 0;
    cr_assert_eq(pno_equation_find(pno_equations[i]->name, &e), PNO_OK);
    cr_assert_eq(e, pno_equations[i]);
    cr_assert(e->n_fields <= PNO_PDE_FIELDS_MAX && e->dims >= 1 && e->dims <= 3 && e->lo < e->hi);
    for (int f = 0; f < e->n_fields; f++) inputs += e->fields[f].input;
    cr_assert(inputs > 0 && inputs < e->n_fields);
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
    const pno_pde_spec spec = with((pno_pde_recipe)recipe);
    pno_pde *pde = NULL;
    cr_assert_eq(darcy()->create(&spec, &pde), PNO_OK);
    for (uint32_t s = 0; s < 8; s++) {
      float *v = sample(pde, 11, s);
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
    darcy()->destroy(&pde);
    cr_assert_null(pde);
  }
}

Test(equation, a_sample_has_the_same_bits_in_any_order_of_calls_and_in_any_object) {
  static const uint32_t orders[2][5] = {{0, 1, 2, 3, 4}, {3, 1, 4, 0, 2}};
  for (int recipe = 0; recipe < 2; recipe++) {
    const pno_pde_spec spec = with((pno_pde_recipe)recipe);
    float *v[2][5];
    for (int o = 0; o < 2; o++) {
      pno_pde *pde = NULL;
      cr_assert_eq(darcy()->create(&spec, &pde), PNO_OK);
      for (int s = 0; s < 5; s++) v[o][orders[o][s]] = sample(pde, 0xfeedfacecafebeefu, orders[o][s]);
      darcy()->destroy(&pde);
    }
    for (int s = 0; s < 5; s++) {
      cr_assert_arr_eq(v[0][s], v[1][s], 2 * NODES * sizeof(float));
      cr_assert_neq(memcmp(v[0][s], v[0][(s + 1) % 5], NODES * sizeof(float)), 0);
    }
    for (int s = 0; s < 5; s++) free(v[0][s]), free(v[1][s]);
  }
}

Test(equation, another_seed_gives_another_sample) {
  pno_pde *pde = NULL;
  cr_assert_eq(darcy()->create(&good, &pde), PNO_OK);
  float *v = sample(pde, 1, 0), *w = sample(pde, (uint64_t)1 << 40 | 1, 0);
  cr_assert_neq(memcmp(v, w, NODES * sizeof *v), 0);
  free(v), free(w);
  darcy()->destroy(&pde);
}

Test(equation, the_source_scales_the_solution_of_pdebench) {
  pno_pde_spec spec = with(PNO_RECIPE_PDEBENCH);
  pno_pde *pde[2] = {NULL, NULL};
  float *v[2];
  for (int b = 0; b < 2; b++) {
    spec.beta = b ? 0.01 : 1;
    cr_assert_eq(darcy()->create(&spec, &pde[b]), PNO_OK);
    v[b] = sample(pde[b], 1, 0);
  }
  for (int k = 0; k < NODES; k++) {
    cr_assert_eq(v[0][k], v[1][k]);
    cr_assert_float_eq(v[1][NODES + k], 0.01f * v[0][NODES + k], 1e-6f * v[0][NODES + k]);
  }
  for (int b = 0; b < 2; b++) free(v[b]), darcy()->destroy(&pde[b]);
}

static void refuse(pno_pde_spec spec, const char *word) {
  pno_pde *pde = NULL;
  cr_assert_eq(darcy()->create(&spec, &pde), PNO_E_USAGE, "%s", word);
  cr_assert(strstr(pno_fail_words(), word), "'%s' does not tell of %s", pno_fail_words(), word);
  cr_assert_null(pde);
}

#define REFUSE(member, value, word) \
  do {                              \
    pno_pde_spec s_ = base;         \
    s_.member = value;              \
    refuse(s_, word);               \
  } while (0)

Test(equation, a_spec_without_meaning_is_refused_and_says_why) {
  pno_pde_spec base = good;
  REFUSE(dims, 1, "dimensions");
  REFUSE(dims, 3, "dimensions");
  REFUSE(n[0], 2, "axis 0");
  REFUSE(n[1], -5, "axis 1");
  REFUSE(n[1], (1 << 17) + 1, "axis 1");
  REFUSE(tolerance, 0, "tolerance");
  REFUSE(tolerance, 1, "tolerance");
  REFUSE(tolerance, NAN, "tolerance");
  REFUSE(alpha, 1, "alpha");
  REFUSE(alpha, NAN, "alpha");
  REFUSE(alpha, INFINITY, "alpha");
  REFUSE(tau, 0, "tau");
  REFUSE(tau, NAN, "tau");
  REFUSE(recipe, (pno_pde_recipe)7, "recipe");
  base.recipe = PNO_RECIPE_PDEBENCH;
  REFUSE(beta, 0, "beta");
  REFUSE(beta, -1, "beta");
  REFUSE(beta, NAN, "beta");
  REFUSE(beta, 1e39, "beta");
}

Test(equation, memory_that_is_not_to_be_had_is_told) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  cr_skip_test("a sanitizer needs the address space");
#endif
  const struct rlimit limit = {(rlim_t)1 << 31, (rlim_t)1 << 31};
  pno_pde_spec spec = good;
  pno_pde *pde = NULL;
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
  spec.n[0] = spec.n[1] = 20001;
  cr_assert_eq(darcy()->create(&spec, &pde), PNO_E_NOMEM);
  cr_assert(strstr(pno_fail_words(), "bytes"), "%s", pno_fail_words());
  cr_assert_null(pde);
  darcy()->destroy(&pde);
  darcy()->destroy(NULL);
}
