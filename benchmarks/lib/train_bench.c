#include "benchmarks/lib/train_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/clock.h"
#include "engine/base/rng.h"
#include "engine/model/fno.h"
#include "engine/optim/optimizer.h"
#include "engine/sync/reduce.h"
#include "engine/train/arrays.h"
#include "kernels/burst.h"

const pno_bench_case pno_bench_cases[] = {
    {.name = "a1", .dims = 2, .n = {64, 64}, .modes = 12, .width = 32, .batch = 20},
    {.name = "b1", .dims = 2, .n = {128, 128}, .modes = 16, .width = 64, .batch = 20},
};
const int pno_n_bench_cases = sizeof pno_bench_cases / sizeof pno_bench_cases[0];

enum { LI_HEAD = 128, LI_LAYERS = 4, PEAK_REPEATS = 5, MOST_REPEATS = 1000 };
static const double learning_rate = 1e-3;

typedef struct {
  const pno_bench_case *c;
  pno_comm *comm;
  pno_fno *fno;
  pno_fno_plan *plan;
  pno_reduce *reduce;
  pno_arena memory;
  pno_optim_tensor tensors[PNO_TENSORS_MAX];
  pno_optimizer optim;
  float *grad; /* lent by reduce */
  float *params, *x, *y, *output;
  double *loss;
  ptrdiff_t points;
  int samples, chunk; /* of this rank; of one call */
} bench;

static pno_status push(bench *b, pno_arena *arena) {
  static const pno_optim_spec adam = {.kind = PNO_OPTIM_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
  const pno_registry *r = pno_fno_registry(b->fno);
  const ptrdiff_t values = b->points * (b->samples + 1);
  PNO_TRY(PNO_PUSH(arena, r->floats, &b->params));
  PNO_TRY(PNO_PUSH(arena, values, &b->x));
  PNO_TRY(PNO_PUSH(arena, values, &b->y));
  PNO_TRY(PNO_PUSH(arena, values, &b->output));
  PNO_TRY(PNO_PUSH(arena, b->samples + 1, &b->loss));
  return pno_optimizer_create(&adam, pno_kernels_scalar(), b->tensors, r->n, r->floats, r->v_floats, arena, &b->optim);
}

static pno_status make_plan(bench *b) {
  static const float one = 1.0f, zero = 0.0f;
  enum { CHUNK_POINTS = 1 << 18 };
  const int fit = (int)(CHUNK_POINTS / b->points) + 1;
  b->chunk = b->samples < fit ? b->samples : fit;
  if (b->chunk < 1) b->chunk = 1;
  const pno_affine same = {.scale = &one, .shift = &zero};
  pno_fno_use use = {.kernels = pno_kernels_scalar(), .samples = b->chunk, .micro = 1, .train = true,
                     .norm_in = same, .norm_out = same, .loss = PNO_LOSS_REL_L2};
  for (int j = 0; j < b->c->dims; j++) use.n[j] = b->c->n[j];
  return pno_fno_plan_create(b->fno, &use, &b->plan);
}

static pno_status set_up(bench *b) {
  pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI, .dims = b->c->dims, .in = 1, .out = 1, .width = b->c->width,
                       .layers = LI_LAYERS, .head_hidden = LI_HEAD, .embed = true};
  b->points = 1;
  for (int j = 0; j < b->c->dims; j++) {
    spec.modes[j] = b->c->modes;
    b->points *= b->c->n[j];
  }
  const int ranks = pno_comm_size(b->comm), rank = pno_comm_rank(b->comm);
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
    b->y[i] = cosf(0.002f * (float)(i % 7919));
  }
  return make_plan(b);
}

static pno_status step(bench *b, double *loss) {
  pno_vote vote = {0};
  const pno_vote *votes = NULL;
  const float *const *sums = NULL;
  const int ranks = pno_comm_size(b->comm);
  memset(b->grad, 0, sizeof *b->grad * (size_t)pno_fno_registry(b->fno)->floats);
  for (int s = 0; s < b->samples; s += b->chunk) {
    const int n = b->samples - s < b->chunk ? b->samples - s : b->chunk;
    pno_fno_gradient(b->plan, b->params, b->x + s * b->points, b->y + s * b->points, n, b->output, b->grad, b->loss);
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

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sum over the ranks of the best burst, all ranks at once. Collective. */
static pno_status measure_peak(pno_comm *comm, double *all, double *gflops) {
  enum { ROUNDS = 2000000 };
  double best = 0;
  volatile float sink = 0;
  PNO_TRY(pno_barrier(comm));
  for (int i = 0; i < PEAK_REPEATS; i++) {
    double flops = 0;
    const double start = pno_clock();
    sink = sink + pno_burst_run(ROUNDS, &flops);
    const double rate = 1e-9 * flops / (pno_clock() - start);
    best = rate > best ? rate : best;
  }
  PNO_TRY(pno_allgather(comm, &best, sizeof best, all));
  *gflops = 0;
  for (int r = 0; r < pno_comm_size(comm); r++) *gflops += all[r];
  return PNO_OK;
}

/* times [repeats]: seconds of the slowest rank, a barrier before each step. Collective. */
static pno_status time_steps(bench *b, int repeats, double warmup_s, double *all, double *times, double *loss) {
  const int ranks = pno_comm_size(b->comm);
  int warm = 0;
  const double until = pno_clock() + warmup_s;
  while (!warm) {
    PNO_TRY(step(b, loss));
    warm = pno_clock() > until;
    PNO_TRY(pno_bcast(b->comm, &warm, sizeof warm, 0));
  }
  for (int i = 0; i < repeats; i++) {
    PNO_TRY(pno_barrier(b->comm));
    const double start = pno_clock();
    PNO_TRY(step(b, loss));
    const double own = pno_clock() - start;
    PNO_TRY(pno_allgather(b->comm, &own, sizeof own, all));
    times[i] = 0;
    for (int r = 0; r < ranks; r++) times[i] = all[r] > times[i] ? all[r] : times[i];
  }
  qsort(times, (size_t)repeats, sizeof *times, ascending);
  return PNO_OK;
}

static pno_status measure(bench *b, int repeats, double warmup_s, double *room, pno_bench_row *out) {
  const ptrdiff_t floats = pno_fno_registry(b->fno)->floats;
  double *all = room + MOST_REPEATS, flops[2];
  PNO_TRY(pno_reduce_create(b->comm, &floats, 1, &b->reduce));
  b->grad = pno_reduce_local(b->reduce, 0);
  PNO_TRY(measure_peak(b->comm, all, &out->peak_gflops));
  PNO_TRY(time_steps(b, repeats, warmup_s, all, room, &out->loss));
  pno_fno_flops(b->plan, &flops[0], &flops[1]);
  const double median = 0.5 * (room[(repeats - 1) / 2] + room[repeats / 2]);
  out->parameters = pno_registry_reals(pno_fno_registry(b->fno));
  out->step_ms = 1e3 * median;
  out->best_ms = 1e3 * room[0];
  out->samples_per_s = b->c->batch / median;
  out->points_per_s = out->samples_per_s * (double)b->points;
  out->gflops = 1e-9 * flops[1] * b->c->batch / median;
  return PNO_OK;
}

pno_status pno_bench_train(const pno_bench_case *c, int repeats, double warmup_s, pno_comm *comm, pno_bench_row *out) {
  bench b = {.c = c, .comm = comm};
  pno_bench_row row = {0};
  const int n = repeats < MOST_REPEATS ? repeats : MOST_REPEATS;
  double *room = calloc((size_t)(MOST_REPEATS + pno_comm_size(comm)), sizeof *room);
  pno_status st = room ? set_up(&b) : pno_fail(PNO_E_NOMEM, "no memory for a benchmark");
  st = pno_agree(comm, st);
  if (st == PNO_OK) st = measure(&b, n, warmup_s, room, &row);
  pno_reduce_destroy(&b.reduce);
  pno_fno_plan_destroy(&b.plan);
  pno_arena_destroy(&b.memory);
  pno_fno_destroy(&b.fno);
  free(room);
  if (st == PNO_OK) *out = row;
  return st;
}
