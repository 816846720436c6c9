#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/compare.h"
#include "io/rundir.h"
#include "launch/cli/cli.h"

/* One side: a result of pno bench, or a run. */
typedef struct {
  const char *path;
  bool run;
  pno_bench_result *result; /* owned, NULL for a run */
  pno_quantity *list;       /* owned: [PNO_BENCH_ROWS] */
  int n;
} side;

static pno_status load(side *s) {
  s->list = calloc(PNO_BENCH_ROWS, sizeof *s->list);
  s->result = s->run ? NULL : calloc(1, sizeof *s->result);
  if (!s->list || (!s->run && !s->result)) return pno_fail(PNO_E_NOMEM, "no memory to compare");
  if (s->run) return pno_compare_run(s->path, s->list, &s->n);
  PNO_TRY(pno_bench_read(s->path, s->result));
  s->n = s->result->n;
  return pno_fail_in(pno_compare_bench(s->result, s->list), "%s", s->path);
}

static void print_head(const pno_cli *cli, const side *a, const side *b) {
  if (a->run) return;
  pno_cli_say(cli, "A  %s  %s  pno %s  %.1f GFLOP/s\nB  %s  %s  pno %s  %.1f GFLOP/s\n", a->result->cpu, a->result->date,
              a->result->program, a->result->fma_gflops, b->result->cpu, b->result->date, b->result->program,
              b->result->fma_gflops);
  if (strcmp(a->result->cpu, b->result->cpu) != 0) pno_cli_say(cli, "   note: the processors differ\n");
}

static pno_status judge(const pno_cli *cli, const side *a, const side *b, double tol, pno_compared *rows) {
  const int n = pno_compare(a->list, a->n, b->list, b->n, tol, rows);
  int worse = 0;
  if (n == 0)
    return pno_hint(pno_fail(PNO_E_INPUT, "%s and %s have no row in common", a->path, b->path),
                    "rows match by configuration, mode, ranks, threads and device");
  print_head(cli, a, b);
  pno_cli_say(cli, "%12s %12s %8s\n", "A", "B", "B / A");
  for (int i = 0; i < n; i++) {
    worse += rows[i].verdict == PNO_COMPARED_REGRESSED;
    pno_cli_say(cli, "%12.4g %12.4g %8.3f  %-9s  %s\n", rows[i].a->value, rows[i].b->value, rows[i].ratio,
                pno_verdict_names[rows[i].verdict], rows[i].a->name);
  }
  if (n < a->n || n < b->n) pno_cli_say(cli, "%d rows of A and %d of B have no partner\n", a->n - n, b->n - n);
  if (worse == 0) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_THRESHOLD, "%d of %d rows regressed by more than %g %%", worse, n, 100.0 * tol),
                  "the tolerance is --tol");
}

pno_status pno_cli_compare(pno_cli *cli) {
  const char *tolerance = pno_cli_option(cli, "tol");
  double tol = 0.05;
  if (cli->n_args != 2)
    return pno_hint(pno_fail(PNO_E_USAGE, "compare needs two files or two runs, A and B"), "usage: pno compare %s",
                    cli->command->synopsis);
  if (tolerance) PNO_TRY(pno_compare_tolerance(tolerance, &tol));
  PNO_TRY(pno_cli_configure(cli, NULL));
  side a = {.path = cli->args[0], .run = pno_rundir_is_run(cli->args[0])};
  side b = {.path = cli->args[1], .run = pno_rundir_is_run(cli->args[1])};
  if (a.run != b.run)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s is a run and %s is none", a.run ? a.path : b.path, a.run ? b.path : a.path),
                    "give two runs, or two files of pno bench --json");
  pno_compared *rows = calloc(PNO_BENCH_ROWS, sizeof *rows);
  pno_status st = rows ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to compare");
  if (st == PNO_OK) st = load(&a);
  if (st == PNO_OK) st = load(&b);
  if (st == PNO_OK) st = judge(cli, &a, &b, tol, rows);
  side *const both[] = {&a, &b};
  for (int i = 0; i < 2; i++) {
    free(both[i]->result);
    free(both[i]->list);
  }
  free(rows);
  return st;
}
