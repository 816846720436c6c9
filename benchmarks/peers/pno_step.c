/* pno as a peer of run.py: the steps of benchmarks/lib/step_bench.c one at a time, when a line of input asks for one.
 * Under mpirun every rank reads its own FIFO (mpirun gives standard input to one rank; with `--stdin all` of Open MPI
 * 4.1.4 the ranks hung): a rank that polled MPI for the next command would take a core from the peer in turn. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/peers/steps.h"
#include "engine/base/arena.h"
#include "engine/model/fno.h"
#include "engine/optim/optimizer.h"
#include "engine/sync/reduce.h"
#include "engine/train/arrays.h"
#include "kernels/burst.h"
#include "kernels/dispatch.h"

enum { HEAD = 128, LAYERS = 4 };

typedef struct {
  const steps_case *c;
  pno_comm *comm;
  pno_fno *fno;
  pno_fno_plan *plan;
  pno_reduce *reduce;
  pno_arena memory;
  pno_optim_tensor tensors[PNO_TENSORS_MAX];
  pno_optimizer optim;
  float *grad; /* lent by reduce */
  float *params, *x, *y, *output;
  double *loss, *all;
  ptrdiff_t points;
  int samples, chunk; /* of this rank; of one call */
} peer;

static pno_fno_spec spec_of(const steps_case *c) {
  pno_fno_spec s = {.flavour = PNO_FLAVOUR_LI,
                    .dims = c->dims,
                    .in = 1,
                    .out = 1,
                    .width = c->width,
                    .layers = LAYERS,
                    .head_hidden = HEAD,
                    .embed = true};
  for (int j = 0; j < c->dims; j++) s.modes[j] = c->neuralop ? 2 * c->modes : c->modes;
  if (c->neuralop) {
    s.flavour = PNO_FLAVOUR_NEURALOP;
    s.lift_hidden = s.head_hidden = 2 * c->width;
    s.mlp_hidden = c->width / 2;
  }
  return s;
}

static pno_status push(peer *p, const pno_kernels *kernels, pno_arena *arena) {
  const pno_optim_spec adam = {.kind = p->c->neuralop ? PNO_OPTIM_ADAMW : PNO_OPTIM_ADAM,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .weight_decay = 1e-4};
  const pno_registry *r = pno_fno_registry(p->fno);
  const ptrdiff_t values = p->points * p->samples + 1; /* a rank may have no sample */
  PNO_TRY(PNO_PUSH(arena, r->floats, &p->params));
  PNO_TRY(PNO_PUSH(arena, values, &p->x));
  PNO_TRY(PNO_PUSH(arena, values, &p->y));
  PNO_TRY(PNO_PUSH(arena, values, &p->output));
  PNO_TRY(PNO_PUSH(arena, p->samples + 1, &p->loss));
  PNO_TRY(PNO_PUSH(arena, pno_comm_size(p->comm), &p->all));
  PNO_TRY(pno_optimizer_create(&adam, kernels, p->tensors, r->n, r->floats, r->v_floats, arena, &p->optim));
  p->optim.threads = p->c->threads;
  return PNO_OK;
}

static pno_status make_plan(peer *p, const pno_kernels *kernels) {
  static const float one = 1.0f, zero = 0.0f;
  const pno_affine same = {.scale = &one, .shift = &zero};
  pno_fno_use use = {.kernels = kernels,
                     .micro = 1,
                     .threads = p->c->threads,
                     .train = p->c->train,
                     .norm_in = same,
                     .norm_out = same,
                     .loss = PNO_LOSS_REL_L2};
  for (int j = 0; j < p->c->dims; j++) use.n[j] = p->c->n[j];
  PNO_TRY(pno_fno_call_samples(p->fno, &use, p->samples, &use.samples));
  p->chunk = use.samples;
  return pno_fno_plan_create(p->fno, &use, &p->plan);
}

static pno_status set_up(peer *p) {
  const int ranks = pno_comm_size(p->comm), rank = pno_comm_rank(p->comm), batch = p->c->batch;
  const pno_kernels *kernels = pno_kernels_find("auto");
  const pno_fno_spec spec = spec_of(p->c);
  const int first = batch * rank / ranks;
  p->samples = batch * (rank + 1) / ranks - first;
  p->points = 1;
  for (int j = 0; j < p->c->dims; j++) p->points *= p->c->n[j];
  PNO_TRY(pno_fno_create(&spec, &p->fno));
  const pno_registry *r = pno_fno_registry(p->fno);
  pno_optim_tensors_of_registry(r, p->tensors);
  pno_arena measure = pno_arena_measure("peer", PNO_SPACE_HOST);
  PNO_TRY(push(p, kernels, &measure));
  PNO_TRY(pno_arena_create("peer", PNO_SPACE_HOST, measure.peak, &p->memory));
  PNO_TRY(push(p, kernels, &p->memory));
  pno_registry_init(r, 1, p->params);
  steps_fields(p->points * first, p->points * p->samples, p->x, p->y);
  return make_plan(p, kernels);
}

/* Of the call that begins at sample s. */
static int call_samples(const peer *p, int s) { return p->samples - s < p->chunk ? p->samples - s : p->chunk; }

static pno_status train(peer *p, double *loss) {
  pno_vote vote = {0};
  const pno_vote *votes = NULL;
  const float *const *sums = NULL;
  double norm = 0;
  if (p->samples == 0) memset(p->grad, 0, sizeof *p->grad * (size_t)pno_fno_registry(p->fno)->floats);
  for (int s = 0; s < p->samples; s += p->chunk)
    pno_fno_gradient(p->plan, p->params, p->x + s * p->points, p->y + s * p->points, call_samples(p, s), s == 0, p->output,
                     p->grad, p->loss + s);
  for (int i = 0; i < p->samples; i++) vote.values[PNO_VOTE_LOSS] += p->loss[i];
  pno_reduce_vote(p->reduce, &vote);
  PNO_TRY(pno_reduce_begin(p->reduce, 0, p->grad));
  PNO_TRY(pno_reduce_finish(p->reduce, pno_comm_timeout(p->comm), &sums, &votes));
  *loss = pno_votes_value(votes, pno_comm_size(p->comm), PNO_VOTE_LOSS) / p->c->batch;
  if (pno_optimizer_step(&p->optim, 1e-3, p->c->batch, sums[0], p->params, &norm)) return PNO_OK;
  return pno_fail(PNO_E_DIVERGED, "the loss is %g", *loss);
}

static pno_status step(peer *p, double *loss) {
  if (p->c->train) return train(p, loss);
  for (int s = 0; s < p->samples; s += p->chunk)
    pno_fno_forward(p->plan, p->params, p->x + s * p->points, call_samples(p, s), p->output + s * p->points);
  *loss = p->output[0]; /* whether it is finite is all that run.py asks */
  return PNO_OK;
}

/* The time of a step is that of the slowest rank. */
static pno_status serve(peer *p) {
  const ptrdiff_t floats = pno_fno_registry(p->fno)->floats;
  const bool speak = pno_comm_rank(p->comm) == 0;
  char what[128];
  PNO_TRY(pno_reduce_create(p->comm, &floats, 1, &p->reduce));
  p->grad = pno_reduce_local(p->reduce, 0);
  snprintf(what, sizeof what, "pno, %s kernels", pno_kernels_find("auto")->name);
  if (!steps_listen(p->c, pno_comm_rank(p->comm))) return pno_fail(PNO_E_IO, "cannot read %s", p->c->from);
  if (speak) steps_ready(what);
  while (steps_next()) {
    double loss = 0, slowest = 0;
    PNO_TRY(pno_barrier(p->comm));
    const double start = steps_clock();
    PNO_TRY(step(p, &loss));
    const double own = steps_clock() - start;
    PNO_TRY(pno_allgather(p->comm, &own, sizeof own, p->all));
    for (int r = 0; r < pno_comm_size(p->comm); r++) slowest = p->all[r] > slowest ? p->all[r] : slowest;
    if (speak) steps_answer(slowest, loss);
  }
  return PNO_OK;
}

/* The mean, not the best: it is to show who else is on the core. */
static int burst(void) {
  enum { ROUNDS = 100000000 };
  double flops = 0;
  const double start = steps_clock();
  volatile float sink = pno_burst_run(ROUNDS, &flops);
  (void)sink;
  printf("{\"gflops\": %.1f, \"isa\": \"%s\"}\n", 1e-9 * flops / (steps_clock() - start), pno_burst_isa());
  return 0;
}

int main(int argc, char **argv) {
  enum { TIMEOUT_S = 600 };
  steps_case c;
  if (!steps_read(argc, argv, &c)) return 2;
  if (c.burst) return burst();
  peer p = {.c = &c};
  int provided = 0;
  if (c.ranks > 1) MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  pno_status st = c.ranks > 1 ? pno_comm_world(TIMEOUT_S, &p.comm) : pno_comm_self(&p.comm);
  if (st == PNO_OK) {
    st = pno_agree(p.comm, set_up(&p));
    if (st == PNO_OK) st = serve(&p);
  }
  if (st != PNO_OK) fprintf(stderr, "pno_step: %s\n", pno_fail_words());
  pno_reduce_destroy(&p.reduce);
  pno_fno_plan_destroy(&p.plan);
  pno_arena_destroy(&p.memory);
  pno_fno_destroy(&p.fno);
  pno_comm_destroy(&p.comm);
  if (c.ranks > 1) MPI_Finalize();
  return pno_exit_code(st);
}
