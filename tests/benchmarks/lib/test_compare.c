#include "benchmarks/lib/compare.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(compare, verdicts_change_at_the_tolerance_and_not_before) {
  static const struct {
    double b, tol;
    pno_verdict want;
  } rows[] = {{100, 0, PNO_COMPARED_SAME},          {100.1, 0, PNO_COMPARED_REGRESSED}, {99.9, 0, PNO_COMPARED_IMPROVED},
              {104.9, 0.05, PNO_COMPARED_SAME},     {105.1, 0.05, PNO_COMPARED_REGRESSED},
              {95.3, 0.05, PNO_COMPARED_SAME},      {95.2, 0.05, PNO_COMPARED_IMPROVED},
              {1e9, 0.05, PNO_COMPARED_REGRESSED}, {1e-9, 0.05, PNO_COMPARED_IMPROVED}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const pno_quantity a = {.name = "x", .value = 100}, b = {.name = "x", .value = rows[i].b};
    pno_compared out;
    cr_assert_eq(pno_compare(&a, 1, &b, 1, rows[i].tol, &out), 1);
    cr_assert_eq(out.verdict, rows[i].want, "%g", rows[i].b);
    cr_assert_float_eq(out.ratio, rows[i].b / 100, 1e-12 * rows[i].b);
  }
}

Test(compare, what_is_better_one_way_is_worse_the_other) {
  pno_quantity a = {.name = "x", .value = 1}, b = {.name = "x", .value = 1};
  pno_compared there, back;
  for (int i = 0; i < 200; i++) {
    b.value = 0.8 + 0.002 * i;
    pno_compare(&a, 1, &b, 1, 0.05, &there);
    pno_compare(&b, 1, &a, 1, 0.05, &back);
    cr_assert_eq(there.verdict + back.verdict, 2, "%g", b.value);
  }
}

Test(compare, only_rows_of_the_same_name_are_pairs_in_the_order_of_a) {
  const pno_quantity a[] = {{"one", 1}, {"two", 2}, {"three", 3}}, b[] = {{"three", 6}, {"four", 4}, {"one", 1}};
  pno_compared out[3];
  cr_assert_eq(pno_compare(a, 3, b, 3, 0.05, out), 2);
  cr_assert(out[0].a == &a[0] && out[0].b == &b[2] && out[1].a == &a[2] && out[1].b == &b[0]);
  cr_assert_eq(out[1].verdict, PNO_COMPARED_REGRESSED);
  cr_assert_eq(pno_compare(a, 3, b, 0, 0.05, out), 0);
}

Test(compare, a_result_that_is_not_valid_is_refused) {
  pno_bench_result *r = calloc(1, sizeof *r);
  pno_quantity out[1] = {{"untouched", 0}};
  snprintf(r->validity, sizeof r->validity, "INVALID: gradients");
  r->n = 1;
  cr_assert_eq(pno_compare_bench(r, out), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "INVALID: gradients"));
  cr_assert_str_eq(out[0].name, "untouched");
  snprintf(r->validity, sizeof r->validity, "VALID");
  cr_assert_eq(pno_compare_bench(r, out), PNO_OK);
  free(r);
}

Test(compare, rows_differ_by_configuration_mode_ranks_threads_and_device) {
  enum { N = 6 };
  pno_bench_result *r = calloc(1, sizeof *r);
  pno_quantity out[N];
  snprintf(r->validity, sizeof r->validity, "VALID");
  r->n = N;
  for (int i = 0; i < N; i++) {
    pno_bench_row *w = &r->row[i];
    snprintf(w->config, sizeof w->config, "%s", i == 1 ? "a2" : "a1");
    snprintf(w->mode, sizeof w->mode, "%s", i == 2 ? "infer" : "train");
    snprintf(w->device, sizeof w->device, "%s", i == 3 ? "cpu/avx2" : "cpu/scalar");
    w->ranks = i == 4 ? 2 : 1;
    w->threads = i == 5 ? 2 : 1;
  }
  cr_assert_eq(pno_compare_bench(r, out), PNO_OK);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < i; k++) cr_assert_str_neq(out[i].name, out[k].name);
  free(r);
}

Test(compare, a_tolerance_is_a_percentage) {
  double tol = -1;
  cr_assert(pno_compare_tolerance("5%", &tol) == PNO_OK && fabs(tol - 0.05) < 1e-15);
  cr_assert(pno_compare_tolerance("0%", &tol) == PNO_OK && tol == 0);
  cr_assert(pno_compare_tolerance("2.5%", &tol) == PNO_OK && fabs(tol - 0.025) < 1e-15);
  const char *bad[] = {"", "5", "%", "five%", "-5%", "+5%", "5%%", "5 %", " 5%", "1001%", "nan%", "inf%", "0x5%", "1e2%"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_assert_eq(pno_compare_tolerance(bad[i], &tol), PNO_E_USAGE, "'%s'", bad[i]);
  cr_assert_float_eq(tol, 0.025, 1e-15);
}

static pno_status journal(const char *lines, pno_quantity *out, int *n) {
  char folder[] = "/tmp/pno-compare-XXXXXX", path[64];
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
  FILE *f = fopen(path, "w");
  cr_assert(f && fputs(lines, f) >= 0 && fclose(f) == 0);
  const pno_status st = pno_compare_run(folder, out, n);
  unlink(path);
  rmdir(folder);
  return st;
}

Test(compare, a_run_has_a_median_step_and_its_best_validation) {
  pno_quantity out[PNO_RUN_QUANTITIES];
  int n = 0;
  cr_assert_eq(journal("{\"t\":\"train\",\"step\":1,\"step_ms\":30.0}\n{\"t\":\"train\",\"step\":2,\"step_ms\":10.0}\n"
                       "{\"t\":\"valid\",\"set\":1,\"rel_l2\":0.01}\n{\"t\":\"valid\",\"set\":0,\"rel_l2\":0.3}\n"
                       "{\"t\":\"valid\",\"set\":0,\"rel_l2\":0.2}\n{\"t\":\"valid\",\"set\":0,\"rel_l2\":null}\n"
                       "{\"t\":\"train\",\"step\":3,\"step_ms\":20.0}\n{\"t\":\"train\",\"step_m",
                       out, &n), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(n, 2);
  cr_assert_float_eq(out[0].value, 20.0, 1e-12);
  cr_assert_float_eq(out[1].value, 0.2, 1e-12);
}

Test(compare, a_journal_without_a_step_or_with_something_else_is_refused) {
  pno_quantity out[PNO_RUN_QUANTITIES];
  int n = 7;
  const char *bad[] = {"", "{\"t\":\"train\",\"step_ms\":-1}\n", "[1]\n", "no JSON\n", "{\"t\":\"train\",\"t\":\"train\"}\n",
                       "{\"t\":\"train\",\"step_ms\":\"1\"}\n", "{\"t\":\"train\",\"step_ms\":1.0}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_assert_eq(journal(bad[i], out, &n), PNO_E_INPUT, "%s", bad[i]);
  cr_assert_eq(pno_compare_run("/nonexistent", out, &n), PNO_E_IO);
  cr_assert_eq(n, 7);
}
