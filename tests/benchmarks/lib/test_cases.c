#include "benchmarks/lib/cases.h"

#include <criterion/criterion.h>
#include <string.h>

static int wanted(const char *list) {
  int n = 0;
  for (int i = 0; i < pno_n_bench_cases; i++) n += pno_bench_wants(list, &pno_bench_cases[i]);
  return n;
}

Test(cases, without_a_list_all_run_but_those_on_request) {
  cr_assert_eq(wanted(NULL), pno_n_bench_cases - 1);
  cr_assert_eq(pno_bench_check(NULL), PNO_OK);
}

Test(cases, a_list_names_each_of_its_configurations_whole) {
  cr_assert_eq(wanted("t1"), 1);
  cr_assert_eq(wanted("a1,d2,t1"), 3);
  cr_assert_eq(wanted("a1,a1"), 1);
  cr_assert_eq(pno_bench_check("a1,d2,t1"), PNO_OK);
  const char *bad[] = {"", "a", "a11", "a1,", ",a1", "a1,,b1", "A1", "a1 b1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_assert_eq(pno_bench_check(bad[i]), PNO_E_USAGE, "'%s'", bad[i]);
}

Test(cases, every_case_makes_an_operator_of_its_flavours_that_fits_its_grid) {
  for (int i = 0; i < 2 * pno_n_bench_cases; i++) {
    pno_bench_case own = pno_bench_cases[i / 2];
    const pno_bench_case *c = &own;
    own.neuralop = i % 2 == 1 && !own.pno;
    const pno_fno_spec spec = pno_bench_spec(c);
    pno_fno_use use = {.kernels = pno_kernels_scalar(), .samples = 1, .micro = 1, .train = true, .draws = c->draws,
                       .dropout = c->dropout, .loss = c->draws > 1 ? PNO_LOSS_ENERGY : PNO_LOSS_REL_L2};
    pno_fno *f = NULL;
    pno_fno_plan *p = NULL;
    for (int j = 0; j < c->dims; j++) use.n[j] = c->n[j];
    cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK, "%s", c->name);
    cr_assert_eq(pno_fno_plan_measure(f, &use, &p), PNO_OK, "%s: %s", c->name, pno_fail_words());
    pno_fno_plan_destroy(&p);
    pno_fno_destroy(&f);
  }
}
