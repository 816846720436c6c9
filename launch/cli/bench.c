#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benchmarks/lib/gates.h"
#include "benchmarks/lib/rates.h"
#include "benchmarks/lib/step_bench.h"
#include "engine/base/clock.h"
#include "engine/sync/placement.h"
#include "kernels/burst.h"
#include "launch/cli/cli.h"
#include "launch/cli/device.h"
#include "launch/cli/phases.h"
#include "launch/version.h"

typedef struct {
  pno_cli *cli;
  const char *only;
  bool train, infer;
  pno_bench_how how;
  pno_bench_result *result; /* owned; written by rank 0 */
} session;

static pno_status take_words(session *s) {
  pno_cli *cli = s->cli;
  const char *what = cli->n_args == 1 ? cli->args[0] : "";
  s->train = strcmp(what, "train") == 0 || strcmp(what, "all") == 0;
  s->infer = strcmp(what, "infer") == 0 || strcmp(what, "all") == 0;
  s->only = pno_cli_option(cli, "only");
  if (!s->train && !s->infer)
    return pno_hint(pno_fail(PNO_E_USAGE, "bench needs to know what: train, infer or all"), "usage: pno bench %s",
                    cli->command->synopsis);
  return pno_fail_in(pno_bench_check(s->only), "--only");
}

static pno_status prepare(session *s) {
  const pno_config *cfg = s->cli->config;
  PNO_TRY(take_words(s));
  PNO_TRY(pno_cli_configure(s->cli, NULL));
  s->how = (pno_bench_how){.repeats = (int)pno_config_int(cfg, PNO_KEY_BENCH_REPEATS),
                           .warmup_s = pno_config_float(cfg, PNO_KEY_BENCH_WARMUP_S),
                           .burst_s = pno_config_float(cfg, PNO_KEY_BENCH_BURST_S),
                           .phases = pno_cli_option(s->cli, "phases") != NULL};
  PNO_TRY(pno_device_choose(cfg, &s->how.table));
  PNO_TRY(pno_device_transforms(s->cli, &s->how.transforms));
  s->result = calloc(1, sizeof *s->result);
  return s->result ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the rows");
}

/* As a training would place its ranks. Collective. */
static pno_status place(session *s) {
  pno_placement placed;
  PNO_TRY(pno_placement_make(s->cli->comm, (int)pno_config_int(s->cli->config, PNO_KEY_PARALLEL_THREADS), &placed));
  s->how.threads = placed.threads;
  return PNO_OK;
}

/* Machine, rates and device into the result and onto the screen. Collective. */
static pno_status describe(session *s) {
  pno_bench_result *r = s->result;
  pno_bench_rates rates;
  double copy;
  char now[PNO_CLOCK_TEXT], device[PNO_DEVICE_TEXT];
  PNO_TRY(pno_device_name(s->cli, s->how.table, device));
  PNO_TRY(pno_bench_measure(s->cli->comm, s->how.table, s->how.threads, s->how.burst_s, &rates));
  PNO_TRY(pno_bench_copy(s->cli->comm, s->how.threads, s->how.burst_s, &copy));
  pno_clock_text(now);
  char processor[PNO_DEVICE_TEXT];
  pno_device_processor(processor);
  snprintf(r->cpu, sizeof r->cpu, "%s", processor);
  snprintf(r->program, sizeof r->program, "%s", PNO_VERSION);
  snprintf(r->date, sizeof r->date, "%s", now);
  snprintf(r->isa, sizeof r->isa, "%s", pno_burst_isa());
  snprintf(r->device, sizeof r->device, "%s", device);
  r->cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
  r->ranks = pno_comm_size(s->cli->comm);
  r->threads = s->how.threads;
  r->fma_gflops = 1e-9 * rates.fma;
  r->gelu_g = 1e-9 * rates.gelu;
  r->gelu_slope_g = 1e-9 * rates.gelu_slope;
  r->copy_gbytes = 1e-9 * copy;
  s->how.copy = copy;
  pno_cli_say(s->cli, "pno " PNO_VERSION "  %s, %g cores  %g ranks x %g threads, device %s\n", r->cpu, r->cores, r->ranks,
              r->threads, r->device);
  pno_cli_say(s->cli, "rates   %.1f GFLOP/s (%s FMA)  GELU %.3f G/s, with slope %.3f G/s  copy %.1f GB/s\n", r->fma_gflops,
              r->isa, r->gelu_g, r->gelu_slope_g, r->copy_gbytes);
  return PNO_OK;
}

/* Every rank checks its own table: they may differ. Collective. */
static pno_status pass_gates(session *s) {
  pno_status st = pno_fail_in(pno_bench_gate_gradients(s->how.table, s->how.threads), "gradients");
  if (st == PNO_OK) st = pno_fail_in(pno_bench_gate_transforms(s->how.table, s->how.threads), "transforms");
  PNO_TRY(pno_agree(s->cli->comm, st));
  pno_cli_say(s->cli, "gates   VALID: gradients in 1, 2 and 3 dimensions, transforms of odd and even grids\n");
  return PNO_OK;
}

static void print_row(const pno_cli *cli, const pno_bench_row *r) {
  pno_cli_say(cli, " %-3s %-5s %9.2f %9.2f %9.2f..%-9.2f %9.1f %8.3f %8.2f %6.1f %8.2f %6.1f %8.1f %7.0f %7.0f\n", r->config,
              r->mode, r->median_ms, r->best_ms, r->lower_ms, r->upper_ms, r->samples_per_s, r->gflop, r->floor_ms,
              100.0 * r->fraction, r->padded_floor_ms, 100.0 * r->padded_fraction, r->fma_gflops, 1e-6 * r->memory_bytes,
              1e-6 * r->traffic_bytes);
}

/* Collective: the same cases in the same order on all ranks. */
static pno_status run_cases(session *s) {
  pno_cli_say(s->cli, "                                                               floor         padded           FMA"
                      "       rank 0\n case      median ms   best ms        quartiles    samp/s    GFLOP       ms      %%"
                      "       ms      %%   GFLOP/s  has MB moves MB\n");
  for (int i = 0; i < pno_n_bench_cases; i++) {
    if (!pno_bench_wants(s->only, &pno_bench_cases[i])) continue;
    for (int mode = 0; mode < 2; mode++) {
      if (mode == 0 ? !s->train : !s->infer) continue;
      pno_bench_row *row = &s->result->row[s->result->n];
      s->how.train = mode == 0;
      PNO_TRY(pno_bench_steps(&pno_bench_cases[i], &s->how, s->cli->comm, row));
      s->result->n++;
      print_row(s->cli, row);
    }
  }
  for (int i = 0; i < s->result->n; i++) pno_phases_print(s->cli, &s->result->row[i]);
  return PNO_OK;
}

/* Only numerics make a result invalid; without memory or ranks there is none. */
static pno_status write_files(session *s, pno_status outcome) {
  const char *json = pno_cli_option(s->cli, "json"), *csv = pno_cli_option(s->cli, "csv");
  if (!pno_cli_rank0(s->cli) || (outcome != PNO_OK && outcome != PNO_E_DIVERGED)) return PNO_OK;
  if (json) PNO_TRY(pno_bench_write_json(s->result, json));
  return csv ? pno_bench_write_csv(s->result, csv) : PNO_OK;
}

/* The words of the failure go into the files before it is told. Collective. */
static pno_status conclude(session *s, pno_status outcome) {
  char words[PNO_BENCH_TEXT];
  snprintf(words, sizeof words, "%s", outcome == PNO_OK ? "" : pno_fail_words());
  snprintf(s->result->validity, sizeof s->result->validity, "%s%.200s", outcome == PNO_OK ? "VALID" : "INVALID: ", words);
  if (outcome == PNO_OK || outcome == PNO_E_DIVERGED) {
    pno_cli_say(s->cli, "%s\n", s->result->validity);
    PNO_TRY(pno_agree(s->cli->comm, write_files(s, outcome)));
  }
  if (outcome == PNO_E_DIVERGED) return pno_fail(outcome, "%s", s->result->validity);
  return outcome;
}

pno_status pno_cli_bench(pno_cli *cli) {
  session s = {.cli = cli};
  pno_status st = pno_agree(cli->comm, prepare(&s));
  if (st == PNO_OK) {
    st = place(&s);
    if (st == PNO_OK) st = describe(&s);
    if (st == PNO_OK) st = pass_gates(&s);
    if (st == PNO_OK) st = run_cases(&s);
    st = conclude(&s, st);
  }
  free(s.result);
  return st;
}
