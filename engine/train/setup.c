#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/train/arrays.h"
#include "engine/train/trainer_impl.h"

/* Samples of the training file that are trained on and validated on. */
static pno_status split(pno_trainer *t, ptrdiff_t *train) {
  const pno_train_spec *s = &t->spec;
  const ptrdiff_t count = pno_dataset_count(t->data), rest = count - s->valid_samples;
  *train = s->train_samples > 0 ? s->train_samples : rest;
  if (rest < 1 || *train > rest)
    return pno_fail(PNO_E_USAGE, "%s has %td samples: %td to train on and %td to validate on do not fit", s->data, count,
                    *train, s->valid_samples);
  return PNO_OK;
}

static pno_status open_data(pno_trainer *t) {
  const pno_train_spec *s = &t->spec;
  const pno_dataset_limits limits = {.max_bytes = s->max_bytes};
  ptrdiff_t train;
  PNO_TRY(pno_fail_in(pno_dataset_open(s->data, &s->view, &limits, &t->data), "data.path"));
  PNO_TRY(split(t, &train));
  const pno_batch_plan plan = {.batch = s->batch, .micro = s->micro, .seed = s->seed, .shuffle = s->shuffle,
                               .samples = train};
  PNO_TRY(pno_batch_create(t->data, &plan, &t->batch));
  for (int i = 0; i < s->n_tests; i++)
    PNO_TRY(pno_fail_in(pno_dataset_open(s->tests[i], &s->view, &limits, &t->test_data[i]), "data.test"));
  PNO_TRY(pno_operator_create(&s->model, pno_dataset_info(t->data), s->normalise_in, s->normalise_out, s->seed,
                              s->kernels, &t->op));
  t->op.threads = s->threads;
  t->op.transforms = s->transforms;
  return PNO_OK;
}

/* Sums of one sample for both normalisers, one behind the other. */
static pno_status sample_sums(pno_trainer *t, ptrdiff_t sample, float *x, float *y, double *sums) {
  PNO_TRY(pno_dataset_read(t->data, sample, x, y));
  pno_normaliser_sums(t->op.in, x, sums);
  pno_normaliser_sums(t->op.out, y, sums + pno_normaliser_partial(t->op.in));
  return PNO_OK;
}

/* Rounds of one sample a rank: each computes, all add them in sample order; n: samples to fit on. */
static pno_status fit_rounds(pno_trainer *t, ptrdiff_t n, float *x, float *y, double *own, double *all) {
  const int ranks = pno_comm_size(t->comm), rank = pno_comm_rank(t->comm);
  const ptrdiff_t count = pno_normaliser_partial(t->op.in) + pno_normaliser_partial(t->op.out);
  for (ptrdiff_t first = 0; first < n; first += ranks) {
    const pno_status st = first + rank < n ? sample_sums(t, first + rank, x, y, own) : PNO_OK;
    PNO_TRY(pno_agree(t->comm, st));
    PNO_TRY(pno_allgather(t->comm, own, (size_t)count * sizeof *own, all));
    for (ptrdiff_t r = 0; r < ranks && first + r < n; r++) {
      pno_normaliser_add(t->op.in, all + r * count);
      pno_normaliser_add(t->op.out, all + r * count + pno_normaliser_partial(t->op.in));
    }
  }
  return PNO_OK;
}

/* Collective. Fits on the training samples alone. */
static pno_status fit_normalisers(pno_trainer *t) {
  const ptrdiff_t count = pno_normaliser_partial(t->op.in) + pno_normaliser_partial(t->op.out);
  ptrdiff_t n = 0;
  (void)split(t, &n); /* succeeded in open_data */
  if (count > 0) {
    float *x = malloc(sizeof *x * (size_t)pno_dataset_x_count(t->data));
    float *y = malloc(sizeof *y * (size_t)pno_dataset_y_count(t->data));
    double *own = calloc((size_t)count, sizeof *own);
    double *all = calloc((size_t)count * (size_t)pno_comm_size(t->comm), sizeof *all);
    const bool have = x && y && own && all;
    pno_status st = pno_agree(t->comm, have ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to fit the normalisers"));
    if (st == PNO_OK) st = fit_rounds(t, n, x, y, own, all);
    free(x);
    free(y);
    free(own);
    free(all);
    PNO_TRY(st);
  }
  PNO_TRY(pno_normaliser_finish(t->op.in)); /* the same sums on all ranks: all fail or none */
  return pno_normaliser_finish(t->op.out);
}

static bool trained_on_draws(const pno_train_spec *s) {
  return s->uq.method == PNO_UQ_PNO_D || s->uq.method == PNO_UQ_PNO_R;
}

/* A rank that gets more than its equal share of a batch makes more calls. */
pno_status trainer_use(const pno_train_spec *s, const pno_sample_info *info, const pno_fno *f, int ranks,
                       pno_fno_use *out) {
  const int micros = (s->batch - 1) / s->micro + 1, share = (micros - 1) / ranks + 1;
  pno_fno_use use = {.kernels = s->kernels, .micro = s->micro, .threads = s->threads, .train = true, .loss = s->loss,
                     .dropout = s->uq.dropout, .fourier_dropout = s->uq.fourier_dropout, .draw_loss = s->uq.loss};
  if (trained_on_draws(s)) use.draws = s->uq.draws;
  for (int j = 0; j < info->dims; j++) use.n[j] = info->n[j];
  use.fft = pno_transforms_find(s->transforms, f, use.n, NULL);
  PNO_TRY(pno_fno_call_samples(f, &use, share * s->micro, &use.samples));
  *out = use;
  return PNO_OK;
}

static pno_status make_plan(pno_trainer *t) {
  const pno_sample_info *info = pno_dataset_info(t->data);
  pno_fno_use use;
  PNO_TRY(trainer_use(&t->spec, info, t->op.fno, pno_comm_size(t->comm), &use));
  use.norm_in = pno_operator_in(&t->op);
  use.norm_out = pno_operator_out(&t->op);
  if (!t->spec.physical) use.norm_out = (pno_affine){.scale = t->ones, .shift = t->zeros}; /* targets are encoded */
  return pno_fno_plan_create(t->op.fno, &use, &t->plan);
}

pno_status trainer_push(pno_trainer *t, const pno_sample_info *info, pno_arena *arena) {
  const pno_registry *r = pno_fno_registry(t->op.fno);
  const size_t batch = (size_t)t->spec.batch, out = (size_t)info->out_channels;
  const size_t draws = trained_on_draws(&t->spec) ? (size_t)t->spec.uq.draws : 1;
  size_t points = 1;
  for (int j = 0; j < info->dims; j++) points *= (size_t)info->n[j];
  pno_arena_purpose(arena, "batch");
  PNO_TRY(PNO_PUSH(arena, batch * points * (size_t)info->in_channels, &t->x));
  PNO_TRY(PNO_PUSH(arena, batch * points * out, &t->y));
  PNO_TRY(PNO_PUSH(arena, (size_t)t->chunk * draws * points * out, &t->output));
  PNO_TRY(PNO_PUSH(arena, batch, &t->samples));
  PNO_TRY(PNO_PUSH(arena, batch, &t->loss));
  PNO_TRY(PNO_PUSH(arena, batch, &t->own));
  PNO_TRY(PNO_PUSH(arena, out, &t->ones));
  PNO_TRY(PNO_PUSH(arena, out, &t->zeros));
  pno_arena_purpose(arena, "moments");
  PNO_TRY(pno_optimizer_create(&t->spec.optim, t->op.kernels, t->tensors, r->n, r->floats, r->v_floats, arena,
                              &t->optim));
  t->optim.threads = t->spec.threads;
  return PNO_OK;
}

static pno_status allocate(pno_trainer *t) {
  pno_fno_use use;
  pno_optim_tensors_of_registry(pno_fno_registry(t->op.fno), t->tensors);
  PNO_TRY(trainer_use(&t->spec, pno_dataset_info(t->data), t->op.fno, pno_comm_size(t->comm), &use));
  t->chunk = use.samples;
  pno_arena measure = pno_arena_measure("trainer", PNO_SPACE_HOST);
  PNO_TRY(trainer_push(t, pno_dataset_info(t->data), &measure));
  PNO_TRY(pno_arena_create("trainer", PNO_SPACE_HOST, measure.peak, &t->memory));
  PNO_TRY(trainer_push(t, pno_dataset_info(t->data), &t->memory));
  for (int o = 0; o < pno_fno_spec_of(t->op.fno)->out; o++) t->ones[o] = 1.0f;
  return PNO_OK;
}

static pno_status make_evaluators(pno_trainer *t) {
  const ptrdiff_t held = t->spec.valid_samples;
  const pno_evaluator_use use = {.draws = t->spec.uq.draws, .depth = PNO_DEPTH_SCORES};
  t->valid_uq = pno_uq_in_training(&t->spec.uq);
  t->predictive = (pno_predictive){.uq = &t->valid_uq, .members = &t->op, .n_members = 1};
  if (held > 0)
    PNO_TRY(pno_evaluator_create(&t->predictive, t->data, pno_dataset_count(t->data) - held, held, &use,
                                 &t->valid[t->n_valid++]));
  for (int i = 0; i < t->spec.n_tests; i++)
    PNO_TRY(pno_fail_in(pno_evaluator_create(&t->predictive, t->test_data[i], 0, pno_dataset_count(t->test_data[i]), &use,
                                             &t->valid[t->n_valid++]),
                        "%s", t->spec.tests[i]));
  return PNO_OK;
}

/* Of the rows of the training data and of the test files. Collective. */
static pno_status choose_transforms(pno_trainer *t) {
  PNO_TRY(pno_operator_choose(&t->op, t->comm, pno_dataset_info(t->data)));
  for (int i = 0; i < t->spec.n_tests; i++)
    PNO_TRY(pno_operator_choose(&t->op, t->comm, pno_dataset_info(t->test_data[i])));
  return PNO_OK;
}

/* The part that needs no other rank. */
static pno_status prepare(pno_trainer *t) {
  PNO_TRY(allocate(t));
  PNO_TRY(make_plan(t));
  PNO_TRY(make_evaluators(t));
  return pno_balance_create(t->spec.balance, pno_comm_size(t->comm), &t->balance);
}

static pno_status set_up(pno_trainer *t) {
  PNO_TRY(pno_agree(t->comm, open_data(t)));
  PNO_TRY(fit_normalisers(t));
  PNO_TRY(choose_transforms(t));
  PNO_TRY(pno_agree(t->comm, prepare(t)));
  const ptrdiff_t floats = pno_fno_registry(t->op.fno)->floats;
  PNO_TRY(pno_reduce_create(t->comm, &floats, 1, &t->reduce));
  t->grad = pno_reduce_local(t->reduce, 0);
  return PNO_OK;
}

pno_status pno_trainer_create(const pno_train_spec *spec, const pno_train_hooks *hooks, pno_comm *comm,
                              pno_trainer **out) {
  pno_trainer *t = calloc(1, sizeof *t);
  pno_status st = pno_agree(comm, t ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a trainer"));
  if (st == PNO_OK) {
    *t = (pno_trainer){.spec = *spec, .hooks = *hooks, .comm = comm, .schedule = pno_schedule_start(),
                       .started = pno_clock(), .checkpointed = pno_clock(), .saved = -1};
    st = set_up(t);
  }
  if (st == PNO_OK) {
    *out = t;
    t = NULL;
  }
  pno_trainer_destroy(&t);
  return st;
}

void pno_trainer_destroy(pno_trainer **t) {
  if (!t || !*t) return;
  pno_trainer *d = *t;
  pno_reduce_destroy(&d->reduce);
  pno_balance_destroy(&d->balance);
  for (int i = 0; i <= PNO_TESTS_MAX; i++) pno_evaluator_destroy(&d->valid[i]);
  pno_fno_plan_destroy(&d->plan);
  pno_arena_destroy(&d->memory);
  pno_operator_destroy(&d->op);
  pno_batch_destroy(&d->batch);
  for (int i = 0; i < PNO_TESTS_MAX; i++) pno_dataset_close(&d->test_data[i]);
  pno_dataset_close(&d->data);
  free(d);
  *t = NULL;
}
