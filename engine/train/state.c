#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/train/arrays.h"
#include "engine/train/trainer.h"

/* What a checkpoint holds, and room for what is not in the trainer itself. */
typedef struct {
  pno_checkpoint_meta meta;
  pno_array list[PNO_ARRAYS_MAX];
  int n;
  float *norms; /* owned: mean and std of both normalisers */
} state;

static size_t norm_floats(const pno_normaliser *z) {
  return (size_t)(pno_normaliser_rows(z) * pno_normaliser_channels(z));
}

static void add_norm(state *s, const pno_normaliser *z, char field, float *mean, bool fill) {
  const size_t n = norm_floats(z);
  float *std = mean + n;
  if (fill) {
    memcpy(mean, pno_normaliser_mean(z), n * sizeof *mean);
    memcpy(std, pno_normaliser_std(z), n * sizeof *std);
  }
  pno_arrays_of_normaliser(z, field, mean, std, s->list, &s->n);
}

static void state_free(state **s) {
  if (*s) free((*s)->norms);
  free(*s);
  *s = NULL;
}

/* fill: the values are to be written, so those that are copies are made. */
static pno_status state_create(pno_trainer *t, bool fill, state **out) {
  const pno_registry *r = pno_fno_registry(t->op.fno);
  const size_t in = norm_floats(t->op.in), both = 2 * (in + norm_floats(t->op.out));
  state *s = calloc(1, sizeof *s);
  float *norms = calloc(both, sizeof *norms);
  if (!s || !norms) {
    free(s);
    free(norms);
    return pno_fail(PNO_E_NOMEM, "no memory to list the arrays of a checkpoint");
  }
  s->norms = norms;
  pno_arrays_of_registry(r, PNO_ROLE_PARAM, t->op.params, s->list, &s->n);
  pno_arrays_of_registry(r, PNO_ROLE_M, t->optim.m, s->list, &s->n);
  pno_arrays_of_registry(r, PNO_ROLE_V, t->optim.v, s->list, &s->n);
  add_norm(s, t->op.in, 'x', norms, fill);
  add_norm(s, t->op.out, 'y', norms + 2 * in, fill);
  *out = s;
  return PNO_OK;
}

static pno_status put_scalars(const pno_trainer *t, pno_checkpoint_meta *m) {
  static const char *const algorithms[] = {"adam", "adamw"};
  const pno_optim_spec *o = &t->spec.optim;
  PNO_TRY(pno_operator_describe(&t->op, m));
  PNO_TRY(pno_checkpoint_put_i64(m, "loader/epoch", t->epoch));
  PNO_TRY(pno_checkpoint_put_i64(m, "loader/epoch_step", t->epoch_step));
  PNO_TRY(pno_checkpoint_put_u64(m, "loader/seed", t->spec.seed));
  PNO_TRY(pno_checkpoint_put_i64(m, "loader/batch", t->spec.batch));
  PNO_TRY(pno_checkpoint_put_i64(m, "loader/micro", t->spec.micro));
  PNO_TRY(pno_checkpoint_put_text(m, "optim/algo", algorithms[o->kind]));
  PNO_TRY(pno_checkpoint_put_i64(m, "optim/step", t->optim.steps));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/beta1", o->beta1));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/beta2", o->beta2));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/eps", o->eps));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/weight_decay", o->weight_decay));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/clip", o->clip));
  PNO_TRY(pno_checkpoint_put_f64(m, "optim/lr",
                                 pno_schedule_rate(&t->spec.schedule, &t->schedule, t->step, t->epoch)));
  PNO_TRY(pno_checkpoint_put_f64(m, "sched/best", t->schedule.best));
  PNO_TRY(pno_checkpoint_put_f64(m, "sched/factor", t->schedule.factor));
  PNO_TRY(pno_checkpoint_put_i64(m, "sched/since_best", t->schedule.since_best));
  PNO_TRY(pno_checkpoint_put_i64(m, "sched/since_factor", t->schedule.since_factor));
  PNO_TRY(pno_checkpoint_put_i64(m, "train/skipped", t->skipped));
  PNO_TRY(pno_checkpoint_put_i64(m, "train/bad_steps", t->bad_steps));
  return pno_checkpoint_put_i64(m, "balance/ranks", pno_comm_size(t->comm));
}

static pno_status get_int(const pno_checkpoint_meta *m, const char *key, int *out) {
  int64_t value = 0;
  PNO_TRY(pno_checkpoint_get_i64(m, key, &value));
  if (value < 0 || value > INT32_MAX) return pno_fail(PNO_E_INPUT, "%s is %" PRId64, key, value);
  *out = (int)value;
  return PNO_OK;
}

/* Nothing is taken over before all is read. */
static pno_status get_scalars(pno_trainer *t, const pno_checkpoint_meta *m, int *ranks) {
  pno_schedule_state s = {0};
  int epoch = 0, epoch_step = 0, optim_steps = 0, skipped = 0, bad_steps = 0;
  PNO_TRY(get_int(m, "loader/epoch", &epoch));
  PNO_TRY(get_int(m, "loader/epoch_step", &epoch_step));
  PNO_TRY(get_int(m, "optim/step", &optim_steps));
  PNO_TRY(pno_checkpoint_get_f64(m, "sched/best", &s.best));
  PNO_TRY(pno_checkpoint_get_f64(m, "sched/factor", &s.factor));
  PNO_TRY(get_int(m, "sched/since_best", &s.since_best));
  PNO_TRY(get_int(m, "sched/since_factor", &s.since_factor));
  PNO_TRY(get_int(m, "train/skipped", &skipped));
  PNO_TRY(get_int(m, "train/bad_steps", &bad_steps));
  PNO_TRY(get_int(m, "balance/ranks", ranks));
  if (epoch_step >= pno_batch_steps(t->batch)) /* data.path may change on resuming */
    return pno_fail(PNO_E_USAGE, "the checkpoint lies behind step %d of an epoch, the data give %td an epoch", epoch_step,
                    pno_batch_steps(t->batch));
  t->step = t->saved = (long)m->step;
  t->epoch = epoch;
  t->epoch_step = epoch_step;
  t->optim.steps = optim_steps;
  t->schedule = s;
  t->skipped = skipped;
  t->bad_steps = bad_steps;
  t->journal_bytes = m->journal[0] ? m->journal_bytes : 0;
  t->journal_digest = m->journal[0] ? m->journal_digest : pno_digest_of("", 0);
  return PNO_OK;
}

/* Length and digest of rank 0's journal, on all ranks. Collective. */
static pno_status put_journal(const pno_trainer *t, pno_checkpoint_meta *m) {
  struct {
    int64_t have, bytes;
    pno_digest digest;
  } place = {.have = t->metrics != NULL};
  const pno_status st = t->metrics ? pno_metrics_place(t->metrics, &place.bytes, &place.digest) : PNO_OK;
  PNO_TRY(pno_agree(t->comm, st));
  PNO_TRY(pno_bcast(t->comm, &place, sizeof place, 0));
  if (!place.have) return PNO_OK;
  snprintf(m->journal, sizeof m->journal, "%s", PNO_METRICS_NAME);
  m->journal_bytes = place.bytes;
  m->journal_digest = place.digest;
  return PNO_OK;
}

static pno_array balance_array(const pno_trainer *t, double *values) {
  pno_array a = {.name = "balance/state", .dtype = PNO_DTYPE_F64, .rank = 1, .layout = PNO_LAYOUT_PLAIN,
                 .shape = {pno_balance_state_count(t->balance)}, .data = values};
  return a;
}

static pno_status prepare_save(pno_trainer *t, state **s, double **balance) {
  PNO_TRY(state_create(t, true, s));
  *balance = calloc((size_t)pno_balance_state_count(t->balance), sizeof **balance);
  if (!*balance) return pno_fail(PNO_E_NOMEM, "no memory for the state of the balancer");
  pno_balance_state(t->balance, *balance);
  (*s)->list[(*s)->n++] = balance_array(t, *balance);
  pno_checkpoint_meta *m = &(*s)->meta;
  m->step = t->step;
  m->epoch = t->epoch;
  m->config_digest = t->spec.config_digest;
  snprintf(m->run_id, sizeof m->run_id, "%s", t->spec.run_id ? t->spec.run_id : "");
  return put_scalars(t, m);
}

pno_status pno_trainer_save(pno_trainer *t, bool best) {
  if (t->saved == t->step) return PNO_OK;
  const double start = pno_clock();
  const pno_checkpoint_options options = {.keep = t->spec.keep, .best = best};
  state *s = NULL;
  double *balance = NULL;
  pno_status st = pno_agree(t->comm, prepare_save(t, &s, &balance));
  if (st == PNO_OK) st = put_journal(t, &s->meta);
  if (st == PNO_OK) st = pno_checkpoint_save(t->comm, t->spec.checkpoints, &s->meta, s->list, s->n, &options, NULL);
  state_free(&s);
  free(balance);
  PNO_TRY(st);
  t->saved = t->step;
  t->checkpointed = pno_clock();
  t->checkpoint_s = t->checkpointed - start;
  pno_trainer_clock(t, PNO_SECTION_CHECKPOINT, start);
  if (t->hooks.on_checkpoint)
    pno_trainer_defer(t, t->hooks.on_checkpoint(t->hooks.user, t->step, t->checkpoint_s, best));
  return PNO_OK;
}

/* Only a job of the same size can go on with the old measurements. Collective. */
static pno_status load_balance(pno_trainer *t, int ranks) {
  if (ranks != pno_comm_size(t->comm)) return PNO_OK;
  const ptrdiff_t n = pno_balance_state_count(t->balance);
  double *values = calloc((size_t)n, sizeof *values);
  pno_status st = pno_agree(t->comm, values ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the balancer"));
  if (st == PNO_OK) {
    const pno_checkpoint_choice choice = {.step = t->step};
    const pno_array a = balance_array(t, values);
    pno_checkpoint_meta meta;
    st = pno_checkpoint_load(t->comm, t->spec.checkpoints, &choice, &meta, &a, 1, NULL);
  }
  if (st == PNO_OK) pno_balance_restore(t->balance, values, n);
  free(values);
  return st;
}

/* The part of a loaded state that needs no other rank. */
static pno_status take_over(pno_trainer *t, const state *s, int *ranks) {
  const size_t in = norm_floats(t->op.in), out = norm_floats(t->op.out);
  if (pno_normaliser_kind(t->op.in) != PNO_NORMALISE_NONE)
    PNO_TRY(pno_normaliser_set(t->op.in, (ptrdiff_t)in, s->norms, s->norms + in));
  if (pno_normaliser_kind(t->op.out) != PNO_NORMALISE_NONE)
    PNO_TRY(pno_normaliser_set(t->op.out, (ptrdiff_t)out, s->norms + 2 * in, s->norms + 2 * in + out));
  return get_scalars(t, &s->meta, ranks);
}

pno_status pno_trainer_load(pno_trainer *t, long step) {
  const pno_checkpoint_choice choice = {.step = step, .strict = t->spec.strict_resume};
  state *s = NULL;
  int ranks = 0;
  pno_status st = pno_agree(t->comm, state_create(t, false, &s));
  if (st == PNO_OK) st = pno_checkpoint_load(t->comm, t->spec.checkpoints, &choice, &s->meta, s->list, s->n, NULL);
  if (st == PNO_OK) st = pno_agree(t->comm, take_over(t, s, &ranks));
  if (st == PNO_OK) st = load_balance(t, ranks);
  if (st == PNO_OK) {
    const bool first = pno_comm_rank(t->comm) == 0;
    st = pno_agree(t->comm, first ? pno_checkpoint_rewind(t->spec.checkpoints, t->step) : PNO_OK);
  }
  state_free(&s);
  return st;
}
