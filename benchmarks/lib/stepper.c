#include "benchmarks/lib/stepper.h"

#include <math.h>
#include <string.h>

#include "benchmarks/lib/fields.h"
#include "engine/base/clock.h"
#include "engine/train/arrays.h"

static const double learning_rate = 1e-3;

static bool infers_draws(const pno_stepper *s) { return !s->train && s->c->draws > 1; }

static int batch_of(const pno_stepper *s) { return infers_draws(s) ? s->c->inputs : s->c->batch; }

int pno_stepper_fields(const pno_stepper *s) { return batch_of(s) * (infers_draws(s) ? PNO_BENCH_DRAWS : 1); }

static pno_status push(pno_stepper *s, pno_arena *arena) {
  const pno_optim_spec adam = {.kind = s->c->neuralop ? PNO_OPTIM_ADAMW : PNO_OPTIM_ADAM, .beta1 = 0.9, .beta2 = 0.999,
                               .eps = 1e-8, .weight_decay = 1e-4};
  const pno_registry *r = pno_fno_registry(s->fno);
  const ptrdiff_t values = s->points * (s->samples + 1); /* a rank may have no sample */
  const int draws = infers_draws(s) ? PNO_BENCH_DRAWS : s->c->draws > 1 ? s->c->draws : 1;
  PNO_TRY(PNO_PUSH(arena, r->floats, &s->params));
  PNO_TRY(PNO_PUSH(arena, values, &s->x));
  PNO_TRY(PNO_PUSH(arena, values * draws, &s->output));
  PNO_TRY(PNO_PUSH(arena, s->samples + 1, &s->numbers));
  PNO_TRY(PNO_PUSH(arena, s->samples + 1, &s->loss));
  PNO_TRY(PNO_PUSH(arena, pno_comm_size(s->comm), &s->all));
  s->y = s->output; /* inference has no targets */
  if (!s->train) return PNO_OK;
  PNO_TRY(PNO_PUSH(arena, values, &s->y));
  PNO_TRY(pno_optimizer_create(&adam, s->table, s->tensors, r->n, r->floats, r->v_floats, arena, &s->optim));
  s->optim.threads = s->threads;
  return PNO_OK;
}

static pno_status make_plan(pno_stepper *s, const pno_transforms *transforms) {
  static const float one = 1.0f, zero = 0.0f;
  const pno_affine same = {.scale = &one, .shift = &zero};
  pno_fno_use use = {.kernels = s->table, .micro = 1, .threads = s->threads, .train = s->train, .norm_in = same,
                     .norm_out = same, .loss = PNO_LOSS_REL_L2};
  for (int j = 0; j < s->c->dims; j++) use.n[j] = s->c->n[j];
  use.fft = pno_transforms_find(transforms, s->fno, use.n, NULL);
  use.dropout = use.fourier_dropout = s->c->dropout;
  use.draw_loss.fair = 1.0;
  if (s->c->draws > 1) use.loss = PNO_LOSS_ENERGY;
  if (s->train) use.draws = s->c->draws;
  PNO_TRY(pno_fno_call_samples(s->fno, &use, infers_draws(s) ? PNO_BENCH_DRAWS : s->samples, &use.samples));
  s->chunk = use.samples;
  if (infers_draws(s)) { /* a call makes some of the draws of one input */
    use.draws = s->chunk;
    use.samples = 1;
    const pno_score_spec scores = {.dims = s->c->dims, .n = {use.n[0], use.n[1], use.n[2]}, .channels = 1,
                                   .draws = PNO_BENCH_DRAWS, .levels = 2, .level = {0.9, 0.95}, .needs_draws = true, .spectra = true};
    PNO_TRY(pno_scorer_create(&scores, &s->scorer));
  }
  return pno_fno_plan_create(s->fno, &use, &s->plan);
}

static pno_status set_up(pno_stepper *s) {
  const pno_fno_spec spec = pno_bench_spec(s->c);
  const int ranks = pno_comm_size(s->comm), rank = pno_comm_rank(s->comm);
  const int first = batch_of(s) * rank / ranks;
  s->points = 1;
  for (int j = 0; j < s->c->dims; j++) s->points *= s->c->n[j];
  s->samples = batch_of(s) * (rank + 1) / ranks - first;
  PNO_TRY(pno_fno_create(&spec, &s->fno));
  const pno_registry *r = pno_fno_registry(s->fno);
  pno_optim_tensors_of_registry(r, s->tensors);
  pno_arena measure = pno_arena_measure("benchmark", PNO_SPACE_HOST);
  PNO_TRY(push(s, &measure));
  PNO_TRY(pno_arena_create("benchmark", PNO_SPACE_HOST, measure.peak, &s->memory));
  PNO_TRY(push(s, &s->memory));
  pno_registry_init(r, 1, s->params);
  pno_bench_fields(s->points * first, s->points * s->samples, s->x, s->train ? s->y : s->output);
  for (int i = 0; i < s->samples; i++) s->numbers[i] = (uint32_t)(first + i);
  return PNO_OK;
}

pno_status pno_stepper_create(const pno_bench_case *c, const pno_kernels *table, int threads, bool train,
                              pno_transforms *transforms, pno_comm *comm, pno_stepper *out) {
  out->c = c;
  out->table = table;
  out->threads = threads;
  out->train = train;
  out->comm = comm;
  PNO_TRY(pno_agree(comm, set_up(out)));
  PNO_TRY(pno_transforms_choose(transforms, comm, table, out->fno, c->n));
  PNO_TRY(pno_agree(comm, make_plan(out, transforms)));
  if (!train) return PNO_OK;
  const ptrdiff_t floats = pno_fno_registry(out->fno)->floats;
  PNO_TRY(pno_reduce_create(comm, &floats, 1, &out->reduce));
  out->grad = pno_reduce_local(out->reduce, 0);
  return PNO_OK;
}

void pno_stepper_destroy(pno_stepper *s) {
  pno_scorer_destroy(&s->scorer);
  pno_reduce_destroy(&s->reduce);
  pno_fno_plan_destroy(&s->plan);
  pno_arena_destroy(&s->memory);
  pno_fno_destroy(&s->fno);
}

/* Calls an input; further draws of two heads are none. */
static int calls_of_draws(const pno_stepper *b) { return b->c->heads == 2 ? 1 : (PNO_BENCH_DRAWS - 1) / b->chunk + 1; }

int pno_stepper_calls(const pno_stepper *b) {
  return infers_draws(b) ? b->samples * calls_of_draws(b) : (b->samples + b->chunk - 1) / b->chunk;
}

int pno_stepper_call(const pno_stepper *b, int i) {
  const int rest = b->samples - i * b->chunk;
  return infers_draws(b) ? 1 : rest < b->chunk ? rest : b->chunk;
}

int pno_stepper_samples(const pno_stepper *b) { return batch_of(b) * (infers_draws(b) ? calls_of_draws(b) : 1); }

/* Ends the span of *from, books it under *sum, and begins the next one. */
static void book(pno_phase_time *from, pno_phase_time *sum) {
  const pno_phase_time now = {.seconds = pno_clock(), .ticks = (double)pno_ticks()};
  if (sum) {
    sum->seconds += now.seconds - from->seconds;
    sum->ticks += now.ticks - from->ticks;
  }
  *from = now;
}

static pno_status train(pno_stepper *b, double *loss) {
  pno_vote vote = {0};
  const pno_vote *votes = NULL;
  const float *const *sums = NULL;
  pno_phase_time from;
  double norm = 0;
  if (b->samples == 0) memset(b->grad, 0, sizeof *b->grad * (size_t)pno_fno_registry(b->fno)->floats);
  for (int i = 0; i < pno_stepper_calls(b); i++) {
    const int s = i * b->chunk;
    const pno_fno_noise noise = {.seed = 1, .sample = b->numbers + s};
    pno_fno_plan_noise(b->plan, &noise);
    pno_fno_gradient(b->plan, b->params, b->x + s * b->points, b->y + s * b->points, pno_stepper_call(b, i), s == 0,
                     b->output, b->grad, b->loss + s);
  }
  for (int s = 0; s < b->samples; s++) vote.values[PNO_VOTE_LOSS] += b->loss[s];
  book(&from, NULL);
  pno_reduce_vote(b->reduce, &vote);
  PNO_TRY(pno_reduce_begin(b->reduce, 0, b->grad));
  PNO_TRY(pno_reduce_finish(b->reduce, pno_comm_timeout(b->comm), &sums, &votes));
  book(&from, &b->reducing);
  *loss = pno_votes_value(votes, pno_comm_size(b->comm), PNO_VOTE_LOSS) / b->c->batch;
  const bool good = pno_optimizer_step(&b->optim, learning_rate, b->c->batch, sums[0], b->params, &norm);
  book(&from, &b->updating);
  if (good && isfinite(*loss)) return PNO_OK;
  return pno_fail(PNO_E_DIVERGED, "%s: the loss is %g", b->c->name, *loss); /* the same on all ranks */
}

/* All draws of each input with all their scores, as eval makes them. */
static void infer_draws(pno_stepper *b) {
  double values[4096];
  for (int s = 0; s < b->samples; s++) {
    pno_scorer_begin(b->scorer, b->x + s * b->points);
    for (int first = 0; first < PNO_BENCH_DRAWS; first += b->chunk) {
      const int count = PNO_BENCH_DRAWS - first < b->chunk ? PNO_BENCH_DRAWS - first : b->chunk;
      const pno_fno_noise noise = {.seed = 1, .sample = b->numbers + s, .first_draw = first};
      pno_fno_plan_noise(b->plan, &noise);
      if (first > 0 && b->c->heads == 2)
        pno_fno_draw_again(b->plan, 1, b->output);
      else
        pno_fno_forward(b->plan, b->params, b->x + s * b->points, 1, b->output);
      pno_scorer_add(b->scorer, b->output, count);
    }
    pno_scorer_end(b->scorer, values);
  }
}

static void infer(pno_stepper *b) {
  if (infers_draws(b)) {
    infer_draws(b);
    return;
  }
  for (int i = 0; i < pno_stepper_calls(b); i++)
    pno_fno_forward(b->plan, b->params, b->x + i * b->chunk * b->points, pno_stepper_call(b, i),
                    b->output + i * b->chunk * b->points);
}

pno_status pno_stepper_pass(pno_stepper *s, double *slowest_s, double *loss) {
  PNO_TRY(pno_barrier(s->comm));
  pno_phase_time from;
  book(&from, NULL);
  s->own = (pno_phase_time){0};
  if (s->train) {
    PNO_TRY(train(s, loss));
  } else {
    infer(s);
    *loss = s->output[0];
  }
  book(&from, &s->own);
  PNO_TRY(pno_allgather(s->comm, &s->own.seconds, sizeof s->own.seconds, s->all));
  *slowest_s = 0;
  for (int r = 0; r < pno_comm_size(s->comm); r++) *slowest_s = s->all[r] > *slowest_s ? s->all[r] : *slowest_s;
  return PNO_OK;
}
