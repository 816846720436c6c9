#include "benchmarks/lib/step_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/rates.h"
#include "engine/base/clock.h"
#include "engine/optim/optimizer.h"
#include "engine/sync/reduce.h"
#include "engine/train/arrays.h"

enum { MOST_REPEATS = 1000 };
static const double learning_rate = 1e-3;

typedef struct {
  const pno_bench_case *c;
  const pno_bench_how *how;
  pno_comm *comm;
  pno_fno *fno;
  pno_fno_plan *plan;
  pno_reduce *reduce;
  pno_arena memory;
  pno_optim_tensor tensors[PNO_TENSORS_MAX];
  pno_optimizer optim;
  float *grad;                    /* lent by reduce */
  float *params, *x, *y, *output; /* lent by memory, as are the next two */
  double *loss;
  double *times, *all; /* [MOST_REPEATS] seconds, [ranks] */
  ptrdiff_t points;
  int samples, chunk; /* of this rank; of one call */
} bench;

static pno_status push(bench *b, pno_arena *arena) {
  static const pno_optim_spec adam = {.kind = PNO_OPTIM_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
  const pno_registry *r = pno_fno_registry(b->fno);
  const ptrdiff_t values = b->points * (b->samples + 1); /* a rank may have no sample */
  PNO_TRY(PNO_PUSH(arena, r->floats, &b->params));
  PNO_TRY(PNO_PUSH(arena, values, &b->x));
  PNO_TRY(PNO_PUSH(arena, values, &b->output));
  PNO_TRY(PNO_PUSH(arena, b->samples + 1, &b->loss));
  PNO_TRY(PNO_PUSH(arena, MOST_REPEATS, &b->times));
  PNO_TRY(PNO_PUSH(arena, pno_comm_size(b->comm), &b->all));
  if (!b->how->train) return PNO_OK;
  PNO_TRY(PNO_PUSH(arena, values, &b->y));
  PNO_TRY(pno_optimizer_create(&adam, b->how->table, b->tensors, r->n, r->floats, r->v_floats, arena, &b->optim));
  b->optim.threads = b->how->threads;
  return PNO_OK;
}

static pno_status make_plan(bench *b) {
  static const float one = 1.0f, zero = 0.0f;
  const pno_affine same = {.scale = &one, .shift = &zero};
  pno_fno_use use = {.kernels = b->how->table, .micro = 1, .threads = b->how->threads, .train = b->how->train,
                     .norm_in = same, .norm_out = same, .loss = PNO_LOSS_REL_L2};
  for (int j = 0; j < b->c->dims; j++) use.n[j] = b->c->n[j];
  PNO_TRY(pno_fno_call_samples(b->fno, &use, b->samples, &use.samples));
  b->chunk = use.samples;
  return pno_fno_plan_create(b->fno, &use, &b->plan);
}

static pno_status set_up(bench *b) {
  const pno_fno_spec spec = pno_bench_spec(b->c);
  const int ranks = pno_comm_size(b->comm), rank = pno_comm_rank(b->comm);
  b->points = 1;
  for (int j = 0; j < b->c->dims; j++) b->points *= b->c->n[j];
  b->samples = b->c->batch * (rank + 1) / ranks - b->c->batch * rank / ranks;
  PNO_TRY(pno_fno_create(&spec, &b->fno));
  const pno_registry *r = pno_fno_registry(b->fno);
  pno_optim_tensors_of_registry(r, b->tensors);
  pno_arena measure = pno_arena_measure("benchmark", PNO_SPACE_HOST);
  PNO_TRY(push(b, &measure));
  PNO_TRY(pno_arena_create("benchmark", PNO_SPACE_HOST, measure.peak, &b->memory));
  PNO_TRY(push(b, &b->memory));
  pno_registry_init(r, 1, b->params);
  for (ptrdiff_t i = 0; i < b->points * b->samples; i++) {
    b->x[i] = sinf(0.001f * (float)(i % 9973));
    if (b->y) b->y[i] = cosf(0.002f * (float)(i % 7919));
  }
  return make_plan(b);
}

static pno_status train_step(bench *b, double *loss) {
  pno_vote vote = {0};
  const pno_vote *votes = NULL;
  const float *const *sums = NULL;
  const int ranks = pno_comm_size(b->comm);
  if (b->samples == 0) memset(b->grad, 0, sizeof *b->grad * (size_t)pno_fno_registry(b->fno)->floats);
  for (int s = 0; s < b->samples; s += b->chunk) {
    const int n = b->samples - s < b->chunk ? b->samples - s : b->chunk;
    pno_fno_gradient(b->plan, b->params, b->x + s * b->points, b->y + s * b->points, n, s == 0, b->output, b->grad,
                     b->loss);
    for (int i = 0; i < n; i++) vote.values[PNO_VOTE_LOSS] += b->loss[i];
  }
  pno_reduce_vote(b->reduce, &vote);
  PNO_TRY(pno_reduce_begin(b->reduce, 0, b->grad));
  PNO_TRY(pno_reduce_finish(b->reduce, pno_comm_timeout(b->comm), &sums, &votes));
  *loss = pno_votes_value(votes, ranks, PNO_VOTE_LOSS) / b->c->batch;
  double norm = 0;
  if (pno_optimizer_step(&b->optim, learning_rate, b->c->batch, sums[0], b->params, &norm) && isfinite(*loss))
    return PNO_OK;
  return pno_fail(PNO_E_DIVERGED, "%s: the loss is %g", b->c->name, *loss); /* the same on all ranks */
}

static void infer(bench *b) {
  for (int s = 0; s < b->samples; s += b->chunk) {
    const int n = b->samples - s < b->chunk ? b->samples - s : b->chunk;
    pno_fno_forward(b->plan, b->params, b->x + s * b->points, n, b->output + s * b->points);
  }
}

static pno_status pass(bench *b, double *loss) {
  if (b->how->train) return train_step(b, loss);
  infer(b);
  return PNO_OK;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Seconds of the slowest rank, a barrier before each pass. Collective. */
static pno_status time_passes(bench *b, int repeats, double *loss) {
  int warm = 0;
  const double until = pno_clock() + b->how->warmup_s;
  while (!warm) {
    PNO_TRY(pass(b, loss));
    warm = pno_clock() > until;
    PNO_TRY(pno_bcast(b->comm, &warm, sizeof warm, 0));
  }
  for (int i = 0; i < repeats; i++) {
    PNO_TRY(pno_barrier(b->comm));
    const double start = pno_clock();
    PNO_TRY(pass(b, loss));
    const double own = pno_clock() - start;
    PNO_TRY(pno_allgather(b->comm, &own, sizeof own, b->all));
    b->times[i] = 0;
    for (int r = 0; r < pno_comm_size(b->comm); r++) b->times[i] = b->all[r] > b->times[i] ? b->all[r] : b->times[i];
  }
  qsort(b->times, (size_t)repeats, sizeof *b->times, ascending);
  return PNO_OK;
}

static pno_status check_output(const bench *b) {
  for (ptrdiff_t i = 0; !b->how->train && i < b->points * b->samples; i++)
    if (!isfinite(b->output[i])) return pno_fail(PNO_E_DIVERGED, "%s: an output is %g", b->c->name, (double)b->output[i]);
  return PNO_OK;
}

/* Value at a fraction of the sorted times, between two of them if need be. */
static double quantile(const double *sorted, int n, double fraction) {
  const double at = fraction * (n - 1);
  const int low = (int)at, high = low + 1 < n ? low + 1 : low;
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/* What a pass of this rank moves by the plan: its calls, and the optimiser's one pass over everything. */
static double traffic(const bench *b) {
  double bytes = 0;
  for (int s = 0; s < b->samples; s += b->chunk) {
    const pno_fno_traffic t = pno_fno_traffic_of(b->plan, b->samples - s < b->chunk ? b->samples - s : b->chunk);
    bytes += t.activations + t.spectra + t.fields + t.weights;
  }
  return b->how->train ? bytes + pno_optimizer_traffic(&b->optim) : bytes;
}

static void fill_row(const bench *b, const pno_bench_rates *rates, int repeats, double loss, pno_bench_row *r) {
  const pno_fno_cost cost = pno_fno_cost_of(b->plan, false), padded = pno_fno_cost_of(b->plan, true);
  const double median = quantile(b->times, repeats, 0.5);
  const bool train = b->how->train;
  *r = (pno_bench_row){.ranks = pno_comm_size(b->comm), .threads = b->how->threads, .batch = b->c->batch,
                       .repeats = repeats, .parameters = (double)pno_registry_reals(pno_fno_registry(b->fno)),
                       .median_ms = 1e3 * median, .best_ms = 1e3 * b->times[0],
                       .lower_ms = 1e3 * quantile(b->times, repeats, 0.25),
                       .upper_ms = 1e3 * quantile(b->times, repeats, 0.75), .samples_per_s = b->c->batch / median,
                       .fma_gflops = 1e-9 * rates->fma, .gelu_g = 1e-9 * rates->gelu,
                       .gelu_slope_g = 1e-9 * rates->gelu_slope, .traffic_bytes = traffic(b), .loss = loss};
  snprintf(r->config, sizeof r->config, "%s", b->c->name);
  snprintf(r->mode, sizeof r->mode, "%s", train ? "train" : "infer");
  snprintf(r->device, sizeof r->device, "%s", b->how->table->name);
  r->points_per_s = r->samples_per_s * (double)b->points;
  r->gflop = 1e-9 * b->c->batch * (train ? cost.step : cost.forward);
  r->gflops = r->gflop / median;
  r->floor_ms = 1e3 * pno_bench_floor(&cost, rates, b->c->batch, train);
  r->padded_floor_ms = 1e3 * pno_bench_floor(&padded, rates, b->c->batch, train);
  r->fraction = r->floor_ms / r->median_ms;
  r->padded_fraction = r->padded_floor_ms / r->median_ms;
  r->memory_bytes = (double)pno_fno_plan_bytes(b->plan) + (double)b->memory.cap;
  if (train) r->memory_bytes += (double)pno_reduce_bytes(b->reduce);
}

/* Collective. */
static pno_status measure(bench *b, pno_bench_row *out) {
  const ptrdiff_t floats = pno_fno_registry(b->fno)->floats;
  const int repeats = b->how->repeats < MOST_REPEATS ? b->how->repeats : MOST_REPEATS;
  pno_bench_rates rates;
  double loss = 0;
  if (b->how->train) {
    PNO_TRY(pno_reduce_create(b->comm, &floats, 1, &b->reduce));
    b->grad = pno_reduce_local(b->reduce, 0);
  }
  PNO_TRY(pno_bench_measure(b->comm, b->how->table, b->how->threads, &rates));
  PNO_TRY(time_passes(b, repeats, &loss));
  PNO_TRY(pno_agree(b->comm, check_output(b)));
  fill_row(b, &rates, repeats, loss, out);
  return PNO_OK;
}

pno_status pno_bench_steps(const pno_bench_case *c, const pno_bench_how *how, pno_comm *comm, pno_bench_row *out) {
  bench b = {.c = c, .how = how, .comm = comm};
  pno_bench_row row = {.ranks = 0};
  pno_status st = pno_agree(comm, set_up(&b));
  if (st == PNO_OK) st = measure(&b, &row);
  pno_reduce_destroy(&b.reduce);
  pno_fno_plan_destroy(&b.plan);
  pno_arena_destroy(&b.memory);
  pno_fno_destroy(&b.fno);
  if (st == PNO_OK) *out = row;
  return st;
}
