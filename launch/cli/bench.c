#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/train_bench.h"
#include "engine/base/clock.h"
#include "io/fsutil.h"
#include "io/json_text.h"
#include "kernels/burst.h"
#include "launch/cli/cli.h"
#include "launch/version.h"

enum { CPU_TEXT = 128 };

/* "model name" of the first core. */
static void cpu_name(char out[CPU_TEXT]) {
  char line[256];
  snprintf(out, CPU_TEXT, "unknown");
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && fgets(line, sizeof line, f)) {
    if (strncmp(line, "model name", 10) != 0) continue;
    const char *colon = strchr(line, ':');
    if (colon) snprintf(out, CPU_TEXT, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  if (f) fclose(f);
}

static json_t *row_json(const pno_bench_case *c, const pno_bench_row *r) {
  return json_pack("{s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "name", c->name, "parameters",
                   (json_int_t)r->parameters, "batch", c->batch, "step_ms", r->step_ms, "best_ms", r->best_ms,
                   "samples_per_s", r->samples_per_s, "points_per_s", r->points_per_s, "gflops", r->gflops,
                   "peak_gflops", r->peak_gflops, "fraction_of_peak", r->gflops / r->peak_gflops, "loss", r->loss);
}

static pno_status write_json(const pno_cli *cli, const char *path, json_t *rows) {
  char cpu[CPU_TEXT], now[PNO_CLOCK_TEXT];
  cpu_name(cpu);
  pno_clock_text(now);
  json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:O}", "format", "pno-bench", "version", "1.0",
                           "program", PNO_VERSION, "date", now, "cpu", cpu, "isa_of_peak", pno_burst_isa(), "device",
                           "cpu/scalar", "ranks", pno_comm_size(cli->comm), "train", rows);
  char *text = NULL;
  size_t n = 0;
  pno_status st = pno_fail_in(pno_json_text(root, 0, &text, &n), "%s", path);
  if (st == PNO_OK) st = pno_file_replace_path(path, text, n);
  free(text);
  json_decref(root);
  return st;
}

static pno_status run_cases(pno_cli *cli, const char *only, json_t *rows) {
  const int repeats = (int)pno_config_int(cli->config, PNO_KEY_BENCH_REPEATS);
  const double warmup_s = pno_config_float(cli->config, PNO_KEY_BENCH_WARMUP_S);
  for (int i = 0; i < pno_n_bench_cases; i++) {
    const pno_bench_case *c = &pno_bench_cases[i];
    pno_bench_row r;
    if (only && strcmp(only, c->name) != 0) continue;
    PNO_TRY(pno_bench_train(c, repeats, warmup_s, cli->comm, &r));
    pno_cli_say(cli, " %-4s %11td %9.1f %9.1f %11.1f %9.3f %9.2f %9.1f %7.1f\n", c->name, r.parameters, r.step_ms,
                r.best_ms, r.samples_per_s, 1e-6 * r.points_per_s, r.gflops, r.peak_gflops,
                100.0 * r.gflops / r.peak_gflops);
    if (rows) json_array_append_new(rows, row_json(c, &r)); /* a row short of memory is missed below */
  }
  return PNO_OK;
}

static pno_status prepare(pno_cli *cli, const char *only) {
  bool known = only == NULL;
  if (cli->n_args != 1 || strcmp(cli->args[0], "train") != 0)
    return pno_hint(pno_fail(PNO_E_USAGE, "bench needs to know what: train"), "usage: pno bench %s",
                    cli->command->synopsis);
  for (int i = 0; i < pno_n_bench_cases; i++) known = known || strcmp(only, pno_bench_cases[i].name) == 0;
  if (!known) return pno_hint(pno_fail(PNO_E_USAGE, "--only: no configuration %.40s", only), "a1 or b1");
  return pno_cli_configure(cli, NULL);
}

pno_status pno_cli_bench(pno_cli *cli) {
  const char *only = pno_cli_option(cli, "only"), *path = pno_cli_option(cli, "json");
  char cpu[CPU_TEXT];
  PNO_TRY(pno_agree(cli->comm, prepare(cli, only)));
  cpu_name(cpu);
  pno_cli_say(cli, "pno " PNO_VERSION "  %s  %d ranks, device cpu/scalar, peak by %s bursts\n", cpu,
              pno_comm_size(cli->comm), pno_burst_isa());
  pno_cli_say(cli, " train  parameters  step ms   best ms   samples/s   Mpt/s   GFLOP/s  peak GF/s  %% of peak\n");
  json_t *rows = json_array();
  pno_status st = run_cases(cli, only, rows);
  const size_t wanted = only ? 1 : (size_t)pno_n_bench_cases;
  if (st == PNO_OK && path && pno_cli_rank0(cli))
    st = json_array_size(rows) == wanted ? write_json(cli, path, rows) : pno_fail(PNO_E_NOMEM, "no memory for the rows");
  json_decref(rows);
  return pno_agree(cli->comm, st);
}
