#include <stdio.h>

#include "engine/base/clock.h"
#include "engine/train/trainer.h"

const char *const pno_section_names[PNO_SECTIONS] = {"data wait", "gradient", "allreduce",
                                                     "update",    "eval",     "checkpoint"};

void pno_trainer_clock(pno_trainer *t, pno_section s, double since) {
  t->seconds[s] += pno_clock() - since;
  t->calls[s]++;
}

void pno_trainer_defer(pno_trainer *t, pno_status st) {
  if (st == PNO_OK || t->deferred != PNO_OK) return;
  t->deferred = st;
  snprintf(t->deferred_words, sizeof t->deferred_words, "%.*s", PNO_VOTE_WORDS - 1, pno_fail_words());
  snprintf(t->deferred_hint, sizeof t->deferred_hint, "%.*s", PNO_VOTE_WORDS - 1, pno_fail_hint());
}

pno_status pno_trainer_deferred(const pno_trainer *t) {
  if (t->deferred != PNO_OK) pno_fail_set_words(t->deferred_words, t->deferred_hint);
  return t->deferred;
}

long pno_trainer_total_steps(const pno_trainer *t) {
  return t->spec.steps > 0 ? t->spec.steps : (long)t->spec.epochs * (long)pno_batch_steps(t->batch);
}

double pno_trainer_criterion(const pno_trainer *t, const pno_scores_all *scores) {
  return t->valid_uq.method == PNO_UQ_NONE ? scores->rel_l2 : scores->energy;
}

pno_status pno_trainer_validate(pno_trainer *t, pno_scores_all *scores) {
  const double start = pno_clock();
  for (int i = 0; i < t->n_valid; i++) {
    PNO_TRY(pno_evaluate(t->valid[i], t->comm, &scores[i]));
    if (t->hooks.on_valid)
      pno_trainer_defer(t, t->hooks.on_valid(t->hooks.user, t->step, t->epoch, i, &scores[i]));
  }
  t->valid_s = pno_clock() - start;
  pno_trainer_clock(t, PNO_SECTION_EVAL, start);
  return PNO_OK;
}

static bool finished(const pno_trainer *t) {
  if (pno_schedule_over(&t->spec.schedule, &t->schedule)) return true;
  return t->spec.steps > 0 ? t->step >= t->spec.steps : t->epoch >= t->spec.epochs;
}

/* Time is rank 0's: the others would decide differently. After a skipped step the weights are those that failed: saving
 * them again and again would push the last good checkpoint out. */
static pno_status checkpoint_due(pno_trainer *t, const pno_step_report *r, bool *due) {
  int late = 0;
  if (t->spec.checkpoint_every_s > 0) {
    late = pno_clock() - t->checkpointed > t->spec.checkpoint_every_s;
    PNO_TRY(pno_bcast(t->comm, &late, sizeof late, 0));
  }
  const bool turn = t->spec.checkpoint_every > 0 && t->step % t->spec.checkpoint_every == 0;
  *due = (r->asked & PNO_ASK_CHECKPOINT) || (t->bad_steps == 0 && (late || turn));
  return PNO_OK;
}

/* Validation at the end of an epoch or of the run: scores, plateau, early stopping, best checkpoint. */
static pno_status validate_epoch(pno_trainer *t, bool last) {
  const bool due = t->epoch_step == 0 && t->spec.eval_every > 0 && t->epoch % t->spec.eval_every == 0;
  if (t->n_valid == 0 || (!due && !last)) return PNO_OK;
  pno_scores_all scores[PNO_TESTS_MAX + 1];
  PNO_TRY(pno_trainer_validate(t, scores));
  /* An end outside the rhythm only reports: a run that is extended later goes on as if it had never ended. */
  if (!due && t->spec.eval_every > 0) return PNO_OK;
  const bool best = pno_schedule_note(&t->spec.schedule, &t->schedule, pno_trainer_criterion(t, &scores[0]));
  if (best && t->spec.keep_best && t->spec.checkpoints) return pno_trainer_save(t, true);
  return PNO_OK;
}

static pno_status after_step(pno_trainer *t, const pno_step_report *r) {
  bool due = false;
  if (t->hooks.on_step) pno_trainer_defer(t, t->hooks.on_step(t->hooks.user, r));
  PNO_TRY(validate_epoch(t, finished(t)));
  if (!t->spec.checkpoints) return PNO_OK;
  PNO_TRY(checkpoint_due(t, r, &due));
  if (due && !finished(t) && !(r->asked & PNO_ASK_STOP)) return pno_trainer_save(t, false);
  return PNO_OK;
}

/* Every end leaves a checkpoint, unless none are written. */
static pno_status leave(pno_trainer *t, bool stopped) {
  PNO_TRY(pno_agree(t->comm, pno_trainer_deferred(t)));
  if (t->spec.checkpoints) PNO_TRY(pno_trainer_save(t, false));
  PNO_TRY(pno_agree(t->comm, pno_trainer_deferred(t)));
  if (!stopped) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_INTERRUPTED, "stopped on request after step %ld", t->step),
                  "run again with --resume to go on");
}

pno_status pno_train(pno_trainer *t) {
  bool stopped = false;
  t->checkpointed = pno_clock();
  if (t->step == 0 && t->spec.at_start && t->spec.checkpoints) PNO_TRY(pno_trainer_save(t, false));
  while (!stopped && !finished(t)) {
    pno_step_report r = {0};
    PNO_TRY(pno_train_step(t, &r));
    PNO_TRY(after_step(t, &r));
    stopped = (r.asked & PNO_ASK_STOP) && !finished(t);
  }
  return leave(t, stopped);
}
