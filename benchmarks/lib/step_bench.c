#include "benchmarks/lib/step_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "benchmarks/lib/order.h"
#include "benchmarks/lib/profile.h"
#include "engine/base/clock.h"

enum { MOST_REPEATS = 1000 };

/* Passes without timing, then times [repeats] in seconds of the slowest rank, sorted. Collective. */
static pno_status time_passes(pno_stepper *s, const pno_bench_how *how, int repeats, double *times, pno_profile *profile,
                              double *loss) {
  int warm = 0;
  const double until = pno_clock() + how->warmup_s;
  while (!warm) {
    PNO_TRY(pno_stepper_pass(s, &times[0], loss));
    warm = pno_clock() > until;
    PNO_TRY(pno_bcast(s->comm, &warm, sizeof warm, 0));
  }
  PNO_TRY(pno_agree(s->comm, pno_profile_create(repeats, s, profile)));
  for (int i = 0; i < repeats; i++) {
    PNO_TRY(pno_stepper_pass(s, &times[i], loss));
    pno_profile_take(profile, s);
  }
  pno_sort(times, (size_t)repeats);
  return PNO_OK;
}

static pno_status check_output(const pno_stepper *s) {
  for (ptrdiff_t i = 0; !s->train && i < s->points * s->samples; i++)
    if (!isfinite(s->output[i])) return pno_fail(PNO_E_DIVERGED, "%s: an output is %g", s->c->name, (double)s->output[i]);
  return PNO_OK;
}

/* Value at a fraction of the sorted times, between two of them if need be. */
static double quantile(const double *sorted, int n, double fraction) {
  const double at = fraction * (n - 1);
  const int low = (int)at, high = low + 1 < n ? low + 1 : low;
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/* What a pass of this rank moves by the plan: its calls, and the optimiser's one pass over everything. */
static double traffic(const pno_stepper *b) {
  double bytes = 0;
  for (int i = 0; i < pno_stepper_calls(b); i++) {
    const pno_fno_traffic t = pno_fno_traffic_of(b->plan, pno_stepper_call(b, i));
    bytes += t.activations + t.spectra + t.fields + t.weights;
  }
  return b->train ? bytes + pno_optimizer_traffic(&b->optim) : bytes;
}

static void fill_row(const pno_stepper *b, const pno_bench_rates *rates, const double *times, int repeats, double loss,
                     pno_bench_row *r) {
  const pno_fno_cost cost = pno_fno_cost_of(b->plan, false), padded = pno_fno_cost_of(b->plan, true);
  const double median = quantile(times, repeats, 0.5);
  *r = (pno_bench_row){.ranks = pno_comm_size(b->comm), .threads = b->threads, .batch = pno_stepper_fields(b),
                       .repeats = repeats, .parameters = (double)pno_registry_reals(pno_fno_registry(b->fno)),
                       .median_ms = 1e3 * median, .best_ms = 1e3 * times[0],
                       .lower_ms = 1e3 * quantile(times, repeats, 0.25),
                       .upper_ms = 1e3 * quantile(times, repeats, 0.75), .samples_per_s = pno_stepper_fields(b) / median,
                       .fma_gflops = 1e-9 * rates->fma, .gelu_g = 1e-9 * rates->gelu,
                       .gelu_slope_g = 1e-9 * rates->gelu_slope, .traffic_bytes = traffic(b),
                       .loss = b->train ? loss : 0};
  snprintf(r->config, sizeof r->config, "%s", b->c->name);
  snprintf(r->mode, sizeof r->mode, "%s", b->train ? "train" : "infer");
  snprintf(r->device, sizeof r->device, "%s", b->table->name);
  r->points_per_s = r->samples_per_s * (double)b->points;
  r->gflop = 1e-9 * pno_stepper_samples(b) * (b->train ? cost.step : cost.forward);
  r->gflops = r->gflop / median;
  r->floor_ms = 1e3 * pno_bench_floor(&cost, rates, pno_stepper_samples(b), b->train);
  r->padded_floor_ms = 1e3 * pno_bench_floor(&padded, rates, pno_stepper_samples(b), b->train);
  r->fraction = r->floor_ms / r->median_ms;
  r->padded_fraction = r->padded_floor_ms / r->median_ms;
  r->memory_bytes = (double)pno_fno_plan_bytes(b->plan) + (double)b->memory.cap;
  if (b->train) r->memory_bytes += (double)pno_reduce_bytes(b->reduce);
}

/* Collective. */
static pno_status measure(pno_stepper *s, const pno_bench_how *how, double *times, pno_profile *profile,
                          pno_bench_row *out) {
  const int repeats = how->repeats < MOST_REPEATS ? how->repeats : MOST_REPEATS;
  pno_profile_beside beside = {.copy = how->copy};
  double loss = 0;
  PNO_TRY(pno_bench_measure(s->comm, how->table, how->threads, how->burst_s, &beside.rates));
  if (how->phases) PNO_TRY(pno_bench_clocks(s->comm, how->threads, how->burst_s, &beside.clock));
  PNO_TRY(time_passes(s, how, repeats, times, profile, &loss));
  PNO_TRY(pno_agree(s->comm, check_output(s)));
  fill_row(s, &beside.rates, times, repeats, loss, out);
  if (how->phases) pno_profile_fill(profile, s, &beside, out);
  return PNO_OK;
}

pno_status pno_bench_steps(const pno_bench_case *c, const pno_bench_how *how, pno_comm *comm, pno_bench_row *out) {
  double times[MOST_REPEATS];
  pno_stepper s = {.c = c};
  pno_profile profile = {.most = 0};
  pno_bench_row row = {.ranks = 0};
  pno_status st = pno_stepper_create(c, how->table, how->threads, how->train, how->transforms, comm, &s);
  if (st == PNO_OK) st = measure(&s, how, times, &profile, &row);
  pno_profile_destroy(&profile);
  pno_stepper_destroy(&s);
  if (st == PNO_OK) *out = row;
  return st;
}
