/* A step on many ranks against the same step on one. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/engine/train/train_world.h"

enum { STEPS = 12, TENSORS_AT = 3 };

static int weights_wrong(const world *w, const pno_trainer *a, const pno_trainer *one) {
  const pno_registry *r = pno_fno_registry(a->op.fno);
  int wrong = 0;
  for (int i = 0; i < r->n; i++) {
    const pno_tensor *t = &r->tensor[i];
    wrong += world_expect(w, train_distance(a->op.params + t->at, one->op.params + t->at, t->count) <= 1e-6, t->name);
  }
  return wrong;
}

static int steps_agree(world *w, const pno_train_spec *spec) {
  pno_comm *self = NULL;
  cr_assert(pno_comm_self(&self) == PNO_OK);
  pno_trainer *one = train_make(w, spec, NULL, self), *all = train_make(w, spec, NULL, w->comm);
  int wrong = 0;
  for (int s = 1; s <= STEPS; s++) {
    pno_step_report a = {0}, b = {0};
    wrong += world_expect(w, pno_train_step(all, &a) == PNO_OK, "all ranks make a step");
    wrong += world_expect(w, pno_train_step(one, &b) == PNO_OK, "one rank makes it too");
    wrong += world_expect(w, fabs(a.loss - b.loss) <= 1e-6 * b.loss, "the losses agree");
    wrong += world_expect(w, a.samples == b.samples && a.step == s && a.epoch == b.epoch, "the batches are the same");
    wrong += world_expect(w, !a.skipped && isfinite(a.grad_norm) && a.lr == b.lr, "it is a real step");
    if (s == TENSORS_AT) wrong += weights_wrong(w, all, one);
    if (s == 1) wrong += world_expect(w, b.loss > 0 && b.samples == 3, "there is something to learn");
  }
  pno_trainer_destroy(&one);
  pno_trainer_destroy(&all);
  pno_comm_destroy(&self);
  return wrong;
}

static int losses_and_weights_agree_in_any_partition(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  int wrong = 0;
  for (int mode = PNO_BALANCE_EQUAL; mode <= (int)PNO_BALANCE_SPEED; mode++) {
    for (int micro = 1; micro <= 2; micro++) {
      pno_train_spec spec = train_spec();
      spec.balance = (pno_balance_mode)mode;
      spec.micro = micro; /* 2: the last micro-batch is short */
      spec.physical = micro == 1;
      wrong += steps_agree(w, &spec);
    }
  }
  train_leave(w);
  return wrong;
}

/* PNO_D and PNO_R: masks and draws come from the sample's number, not from who computes it. */
static int trainings_on_draws_agree_too(world *w) {
  static const pno_loss_kind losses[] = {PNO_LOSS_ENERGY, PNO_LOSS_CRPS};
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  int wrong = 0;
  for (int k = 0; k < 4; k++) {
    pno_train_spec spec = train_spec();
    const bool heads = k >= 2;
    spec.uq = (pno_uq_spec){.method = heads ? PNO_UQ_PNO_R : PNO_UQ_PNO_D, .draws = 3, .seed = 5, .loss = {.fair = 1, .gamma = 1}};
    if (heads) spec.model.heads = 2;
    else spec.uq.dropout = spec.uq.fourier_dropout = 0.2;
    spec.loss = losses[k % 2];
    spec.micro = 1 + k % 2;
    spec.physical = k % 2 == 1;
    wrong += steps_agree(w, &spec);
  }
  train_leave(w);
  return wrong;
}

/* A weight that is not a number on every rank: the gradient is not finite, nothing changes, and in the end all stop. */
static int steps_without_a_finite_gradient_are_skipped_counted_and_end_the_run(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  const pno_train_spec spec = train_spec();
  pno_trainer *t = train_make(w, &spec, NULL, w->comm);
  pno_step_report r = {0};
  t->op.params[0] = NAN;
  const float witness = t->op.params[1024];
  int wrong = 0;
  for (int s = 1; s <= spec.max_bad_steps; s++) {
    wrong += world_expect(w, pno_train_step(t, &r) == PNO_OK && r.skipped, "the step is skipped");
    wrong += world_expect(w, t->skipped == s && t->bad_steps == s && t->step == s, "it is counted");
  }
  wrong += world_expect(w, t->op.params[1024] == witness, "nothing moved");
  wrong += world_expect(w, pno_train_step(t, &r) == PNO_E_DIVERGED, "one too many");
  wrong += world_expect(w, strstr(pno_fail_hint(), "train.lr") != NULL, "the hint says what to do");
  pno_trainer_destroy(&t);
  train_leave(w);
  return wrong;
}

Test(step, a_step_does_not_depend_on_the_ranks, .timeout = 90) {
  const world_case cases[] = {
      {"losses_and_weights_agree_in_any_partition", losses_and_weights_agree_in_any_partition},
      {"trainings_on_draws_agree_too", trainings_on_draws_agree_too},
      {"steps_without_a_finite_gradient_are_skipped_counted_and_end_the_run",
       steps_without_a_finite_gradient_are_skipped_counted_and_end_the_run},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
