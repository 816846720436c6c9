#include <math.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/train/trainer.h"

/* Numbers of the samples of this rank's micro-batches: masks and draws depend on them. */
static void number_samples(pno_trainer *t, int n) {
  int at = 0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < pno_batch_micro_samples(t->batch, t->epoch_step, t->own[i]); k++)
      t->samples[at++] = (uint32_t)pno_batch_sample(t->batch, (uint32_t)t->epoch, t->epoch_step, t->own[i], k);
}

/* Raw samples of this rank's micro-batches; n: how many micro-batches, samples: how many samples in them. */
static pno_status load_batch(pno_trainer *t, int *n, int *samples) {
  const double start = pno_clock();
  const int micros = pno_batch_micros(t->batch, t->epoch_step);
  pno_balance_list(t->balance, micros, pno_comm_rank(t->comm), t->own, n);
  *samples = 0;
  for (int i = 0; i < *n; i++) *samples += pno_batch_micro_samples(t->batch, t->epoch_step, t->own[i]);
  pno_status st = PNO_OK;
  number_samples(t, *n);
  if (*n > 0) st = pno_batch_load(t->batch, (uint32_t)t->epoch, t->epoch_step, t->own, *n, t->x, t->y);
  pno_trainer_clock(t, PNO_SECTION_DATA, start);
  return st;
}

/* Gradient sum of the micro-batches, a chunk at a time, and the sum of their losses; nothing here knows the ranks. */
static double compute_gradients(pno_trainer *t, int samples) {
  const double start = pno_clock();
  const ptrdiff_t nx = pno_dataset_x_count(t->data), ny = pno_dataset_y_count(t->data);
  const ptrdiff_t points = pno_dataset_points(t->data);
  const pno_affine out = pno_operator_out(&t->op);
  double sum = 0, least = INFINITY;
  pno_operator *o = &t->op;
  for (int s = 0; s < samples; s += t->chunk) {
    const int count = samples - s < t->chunk ? samples - s : t->chunk;
    const double chunk_start = pno_clock();
    if (!t->spec.physical)
      for (int i = s; i < s + count; i++)
        o->kernels->encode(&out, points, pno_fno_spec_of(o->fno)->out, t->y + i * ny);
    const pno_fno_noise noise = {.seed = t->spec.seed, .epoch = (uint32_t)t->epoch, .sample = t->samples + s};
    pno_fno_plan_noise(t->plan, &noise);
    pno_fno_gradient(t->plan, o->params, t->x + s * nx, t->y + s * ny, count, s == 0, t->output, t->grad,
                     t->loss);
    for (int i = 0; i < count; i++) sum += t->loss[i];
    const double each = (pno_clock() - chunk_start) / count * t->spec.micro;
    least = each < least ? each : least;
  }
  t->micro_seconds = samples > 0 ? least : 0;
  pno_trainer_clock(t, PNO_SECTION_GRADIENT, start);
  return sum;
}

/* One reduction carries gradients and what the ranks have to say to each other. */
static pno_status reduce(pno_trainer *t, const pno_vote *vote, const float **grad, const pno_vote **votes) {
  const double start = pno_clock();
  const float *const *sums = NULL;
  pno_reduce_vote(t->reduce, vote);
  PNO_TRY(pno_reduce_begin(t->reduce, 0, t->grad));
  PNO_TRY(pno_reduce_finish(t->reduce, t->spec.timeout_s, &sums, votes));
  *grad = sums[0];
  pno_trainer_clock(t, PNO_SECTION_REDUCE, start);
  return PNO_OK;
}

/* Seconds that may pass between the wish to stop in time and the checkpoint on disk. */
static double reserve(const pno_trainer *t) { return 2 * (t->step_s + t->checkpoint_s) + t->valid_s; }

/* This rank's part of a step, ready to be reduced: gradient sum in t->grad, everything else in the vote. */
static void work(pno_trainer *t, pno_vote *vote) {
  const double start = pno_clock();
  int n = 0, samples = 0;
  const pno_status st = load_batch(t, &n, &samples);
  if (st != PNO_OK || samples == 0)
    memset(t->grad, 0, sizeof *t->grad * (size_t)pno_fno_registry(t->op.fno)->floats);
  if (st == PNO_OK) {
    vote->values[PNO_VOTE_LOSS] = compute_gradients(t, samples);
    vote->counts[PNO_VOTE_SAMPLES] = samples;
    vote->counts[PNO_VOTE_MICROS] = n;
    vote->values[PNO_VOTE_MICRO_S] = t->micro_seconds;
  }
  pno_vote_fail(vote, st != PNO_OK ? st : pno_trainer_deferred(t));
  const int asked = t->hooks.ask ? t->hooks.ask(t->hooks.user) : 0;
  const bool late = t->spec.max_time_s > 0 && pno_clock() - t->started > t->spec.max_time_s - reserve(t);
  vote->counts[PNO_VOTE_STOP] = (asked & PNO_ASK_STOP) != 0 || late;
  vote->counts[PNO_VOTE_CHECKPOINT] = (asked & PNO_ASK_CHECKPOINT) != 0;
  vote->values[PNO_VOTE_BUSY_S] = pno_clock() - start;
}

/* What the votes of all ranks say, the same on every rank. */
static pno_status verdict(pno_trainer *t, const pno_vote *votes, pno_step_report *r) {
  const int ranks = pno_comm_size(t->comm);
  PNO_TRY(pno_votes_status(votes, ranks));
  r->samples = (long)pno_votes_count(votes, ranks, PNO_VOTE_SAMPLES);
  r->loss = pno_votes_value(votes, ranks, PNO_VOTE_LOSS) / (double)r->samples;
  if (pno_votes_count(votes, ranks, PNO_VOTE_STOP) > 0) r->asked |= PNO_ASK_STOP;
  if (pno_votes_count(votes, ranks, PNO_VOTE_CHECKPOINT) > 0) r->asked |= PNO_ASK_CHECKPOINT;
  pno_balance_note(t->balance, votes, ranks);
  return PNO_OK;
}

/* The optimiser, unless the loss or the gradient is not finite: then the step is skipped on all ranks and counted. */
static pno_status update(pno_trainer *t, const float *grad, pno_step_report *r) {
  const double start = pno_clock();
  r->lr = pno_schedule_rate(&t->spec.schedule, &t->schedule, t->step, t->epoch);
  r->grad_norm = NAN;
  r->skipped = !isfinite(r->loss) ||
               !pno_optimizer_step(&t->optim, r->lr, r->samples, grad, t->op.params, &r->grad_norm);
  t->skipped += r->skipped;
  t->bad_steps = r->skipped ? t->bad_steps + 1 : 0;
  pno_trainer_clock(t, PNO_SECTION_UPDATE, start);
  if (t->bad_steps <= t->spec.max_bad_steps) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_DIVERGED, "step %ld: loss or gradient is not finite for %d steps in a row", t->step,
                           t->bad_steps),
                  "the last good checkpoint is kept; lower train.lr or set train.clip");
}

static void advance(pno_trainer *t) {
  t->step++;
  if (++t->epoch_step < pno_batch_steps(t->batch)) return;
  t->epoch_step = 0;
  t->epoch++;
}

pno_status pno_train_step(pno_trainer *t, pno_step_report *out) {
  const double start = pno_clock();
  pno_vote vote = {0};
  pno_step_report r = {.epoch = t->epoch};
  const pno_vote *votes = NULL;
  const float *grad = NULL;
  work(t, &vote);                              /* batch, kernels, gradients: nothing fails before all ranks agree */
  PNO_TRY(reduce(t, &vote, &grad, &votes));    /* sync */
  PNO_TRY(verdict(t, votes, &r));              /* what all ranks must decide, decided here */
  PNO_TRY(update(t, grad, &r));                /* optimiser */
  advance(t);
  r.step = t->step;
  r.seconds = pno_clock() - start;
  t->step_s = r.seconds > t->step_s ? r.seconds : t->step_s;
  *out = r;
  return PNO_OK;
}
