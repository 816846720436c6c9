/* All cases of bench_gen, one after the other: a table on standard output, rows of JSON. */
#include "benchmarks/gen.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "benchmarks/gen_inside.h"
#include "benchmarks/lib/order.h"
#include "engine/base/clock.h"

enum { STAGES = 4 }; /* evaluations of the right-hand side in a step */

/* A case that differs from a table's, solved once. */
static pno_status solved(pno_pde_case c, contest *out) {
  PNO_TRY(contest_make(&c, 0, out));
  const pno_status st = contest_run(out, 0, 0);
  if (st != PNO_OK) contest_free(out);
  return st;
}

static void put(json_t *o, const char *name, double value) { json_object_set_new(o, name, json_real(value)); }

static json_t *begin(const contest *t, const char *name) {
  json_t *o = json_pack("{s:s, s:s, s:s}", "case", name, "equation", t->bench.equation->name, "recipe",
                        t->bench.spec.recipe->name);
  put(o, "median_ms", t->median_ms);
  put(o, "best_ms", t->best_ms);
  put(o, "steps", (double)t->report.steps);
  put(o, "rejected", (double)t->report.rejected);
  put(o, "tolerance", t->bench.spec.tolerance);
  return o;
}

/* Once more, with FFTW's calls measured. */
static pno_status describe_step(contest *t, json_t *o) {
  const double step = t->median_ms / (double)t->report.steps, evaluation = step / STAGES;
  double seconds;
  gen_inside_begin();
  PNO_TRY(pno_pde_bench_solve(&t->bench, GEN_SEED, 0, t->first, t->last, &t->report, &seconds));
  const double share = gen_inside_end();
  put(o, "step_ms", step);
  put(o, "evaluation_ms", evaluation);
  put(o, "transforms_ms", share * evaluation);
  put(o, "transforms_share", share);
  printf("  a step %.3f ms, an evaluation %.3f ms, of which %.3f inside FFTW: %.0f %%\n", step, evaluation,
         share * evaluation, 100 * share);
  return PNO_OK;
}

/* Against steps of a quarter of the mean length, and those against half of that. */
static pno_status describe_accuracy(contest *t, json_t *o) {
  const pno_pde_bench *b = &t->bench;
  contest fine[2] = {{.first = NULL}};
  pno_status st = PNO_OK;
  for (int i = 0; st == PNO_OK && i < 2; i++) {
    pno_pde_case c = *pno_pde_case_find("ns_accuracy");
    c.tolerance = .5; /* no control */
    c.step = b->spec.time / (double)t->report.steps / (i ? 8 : 4);
    st = solved(c, &fine[i]);
  }
  if (st == PNO_OK) {
    const double error = pno_pde_bench_distance(2, b->n, t->last, fine[0].last, 1);
    const double rest = pno_pde_bench_distance(2, b->n, fine[0].last, fine[1].last, 1);
    put(o, "error", error);
    put(o, "error_of_reference", rest);
    printf("  error %.2e against %td steps of a quarter of the length, which are %.1e from half of that\n", error,
           fine[0].report.steps, rest);
  }
  for (int i = 0; i < 2; i++) contest_free(&fine[i]);
  return st;
}

static pno_status describe_ks(contest *t, json_t *o) {
  enum { FINE = 2048 };
  contest fine;
  pno_pde_case c = *pno_pde_case_find("ks");
  c.n[0] = FINE;
  c.tolerance = 1e-10;
  PNO_TRY(solved(c, &fine));
  const double error = pno_pde_bench_distance(1, t->bench.n, t->last, fine.last, FINE / t->bench.n[0]);
  put(o, "error", error);
  printf("  error %.2e against %d points and a tolerance of %g\n", error, (int)FINE, c.tolerance);
  contest_free(&fine);
  return PNO_OK;
}

static pno_status describe_darcy(contest *t, json_t *o) {
  put(o, "residual", t->report.error);
  printf("  residual %.1e\n", t->report.error);
  return PNO_OK;
}

static pno_status measure_case(int repeats, const pno_pde_case *c, json_t *rows) {
  /* in the order of the cases */
  static pno_status (*const describe[])(contest *, json_t *) = {describe_step, describe_accuracy, describe_ks,
                                                                describe_darcy};
  contest t;
  PNO_TRY(contest_make(c, 0, &t));
  pno_status st = contest_run(&t, 0, repeats);
  if (st == PNO_OK) {
    json_t *o = begin(&t, c->name);
    printf("%-12s median %10.3f ms, best %10.3f, %td steps\n", c->name, t.median_ms, t.best_ms, t.report.steps);
    st = describe[c - pno_pde_cases](&t, o);
    json_array_append_new(rows, o);
    fflush(stdout);
  }
  contest_free(&t);
  return st;
}

/* A sample as gen makes it, its random draws among what is timed: all of them once, short ones as often as a second
 * allows. A sample that has no solution is a row with its words. */
static pno_status measure_recipe(int repeats, const pno_equation *e, const pno_pde_recipe *r, json_t *rows) {
  static const double enough_s = 1;
  const pno_pde_case c = pno_pde_case_of(e, r);
  double ms[GEN_REPEATS_MOST], spent = 0;
  int n = 0;
  contest t = {.first = NULL};
  PNO_TRY(pno_pde_bench_create(&c, &t.bench));
  pno_status st = PNO_OK;
  while (st == PNO_OK && (n == 0 || (n < repeats && spent < enough_s))) {
    double seconds = 0;
    st = pno_pde_bench_solve(&t.bench, GEN_SEED, (uint32_t)n, NULL, NULL, &t.report, &seconds);
    spent += seconds;
    ms[n++] = 1e3 * seconds;
  }
  if (st == PNO_OK || st == PNO_E_DIVERGED) {
    pno_sort(ms, (size_t)n);
    t.median_ms = pno_median(ms, (size_t)n);
    t.best_ms = ms[0];
    json_t *o = begin(&t, "recipe"), *grid = json_array();
    for (int d = 0; d < t.bench.spec.dims; d++) json_array_append_new(grid, json_integer(t.bench.spec.n[d]));
    json_object_set_new(o, "grid", grid);
    put(o, "refine", t.bench.spec.refine);
    put(o, "time", t.bench.spec.time);
    put(o, "samples", n);
    json_object_set_new(o, "failed", st == PNO_OK ? json_null() : json_string(t.report.words));
    json_array_append_new(rows, o);
    printf("%-22s %-10s %5d%s, solver x %d: %10.2f ms a sample, %td steps%s\n", e->name, r->name, t.bench.spec.n[0],
           t.bench.spec.dims == 2 ? "^2" : "  ", t.bench.spec.refine, t.median_ms, t.report.steps,
           st == PNO_OK ? "" : ", FAILED");
    fflush(stdout);
    st = PNO_OK;
  }
  contest_free(&t);
  return st;
}

static pno_status measure_recipes(int repeats, json_t *rows) {
  for (int i = 0; i < pno_n_equations; i++)
    for (int r = 0; r < PNO_PDE_RECIPES_MAX && pno_equations[i]->recipes[r].name; r++)
      PNO_TRY(measure_recipe(repeats, pno_equations[i], &pno_equations[i]->recipes[r], rows));
  return PNO_OK;
}

static bool named(char **names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  return n == 0;
}

pno_status gen_measure_all(int repeats, char **names, int n, const char *json) {
  char now[PNO_CLOCK_TEXT];
  pno_status st = PNO_OK;
  json_t *rows = json_array();
  for (int i = 0; st == PNO_OK && i < pno_n_pde_cases; i++)
    if (named(names, n, pno_pde_cases[i].name)) st = measure_case(repeats, &pno_pde_cases[i], rows);
  if (st == PNO_OK && named(names, n, "recipes")) st = measure_recipes(repeats, rows);
  if (st == PNO_OK && json) {
    pno_clock_text(now);
    json_t *all = json_pack("{s:s, s:i, s:O}", "date", now, "repeats", repeats, "results", rows);
    if (json_dump_file(all, json, JSON_INDENT(1)) != 0) st = pno_fail(PNO_E_IO, "%s: cannot be written", json);
    json_decref(all);
  }
  json_decref(rows);
  return st;
}
