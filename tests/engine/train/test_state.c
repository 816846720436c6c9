/* Checkpoints of a training: an operator comes back, a run goes on with the same bits, unfit ones are refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/train/train_world.h"

static int same_normaliser(const world *w, const pno_normaliser *a, const pno_normaliser *b) {
  const size_t n = (size_t)(pno_normaliser_rows(a) * pno_normaliser_channels(a)) * sizeof(float);
  int wrong = world_expect(w, pno_normaliser_rows(a) == pno_normaliser_rows(b), "as many rows");
  wrong += world_expect(w, memcmp(pno_normaliser_mean(a), pno_normaliser_mean(b), n) == 0, "the means have the bits");
  return wrong + world_expect(w, memcmp(pno_normaliser_std(a), pno_normaliser_std(b), n) == 0, "so do the deviations");
}

static int round_trip(world *w, pno_train_spec spec) {
  const pno_checkpoint_choice newest = {.step = -1};
  pno_trainer *t = train_make(w, &spec, NULL, w->comm);
  pno_step_report r;
  pno_operator o = {0};
  pno_checkpoint_meta meta;
  int wrong = world_expect(w, pno_train_step(t, &r) == PNO_OK, "a step is made");
  wrong += world_expect(w, pno_trainer_save(t, false) == PNO_OK, "it is saved");
  wrong += world_expect(w, pno_operator_load(w->comm, spec.checkpoints, &newest, &spec.model, spec.normalise_in,
                                             spec.normalise_out, t->op.kernels, &o, &meta) == PNO_OK, "it is loaded");
  if (o.fno) {
    const size_t bytes = (size_t)pno_fno_registry(o.fno)->floats * sizeof(float);
    wrong += world_expect(w, memcmp(o.params, t->op.params, bytes) == 0, "parameters have the same bits, padding too");
    wrong += same_normaliser(w, o.in, t->op.in) + same_normaliser(w, o.out, t->op.out);
    wrong += world_expect(w, meta.step == 1 && o.n[0] == 8 && o.n[1] == 9, "step and grid are known");
  }
  pno_operator_destroy(&o);
  spec.model.width++;
  wrong += world_expect(w, pno_operator_load(w->comm, spec.checkpoints, &newest, &spec.model, spec.normalise_in,
                                             spec.normalise_out, t->op.kernels, &o, &meta) == PNO_E_SHAPE,
                        "another width is refused on all ranks");
  wrong += world_expect(w, o.fno == NULL, "nothing is handed out");
  pno_trainer_destroy(&t);
  return wrong;
}

static int an_operator_comes_back_with_its_bits(world *w) {
  int wrong = 0;
  for (int k = 0; k < 3; k++) { /* both flavours, every kind of normaliser */
    train_enter(w);
    train_data(w, "data.h5", 10, 8, 9);
    pno_train_spec spec = train_spec();
    spec.normalise_in = (pno_normalise)k;
    spec.normalise_out = (pno_normalise)((k + 1) % 3);
    if (k == 1) {
      spec.model.flavour = PNO_FLAVOUR_LI;
      spec.model.lift_hidden = spec.model.mlp_hidden = 0;
      spec.model.modes[0] = spec.model.modes[1] = 3;
    }
    wrong += round_trip(w, spec);
    train_leave(w);
  }
  return wrong;
}

/* Steps up to `last`, then everything that a run carries. */
static int make_steps(world *w, pno_trainer *t, long last) {
  int wrong = 0;
  pno_step_report r;
  while (t->step < last && wrong == 0) wrong += world_expect(w, pno_train_step(t, &r) == PNO_OK, "a step is made");
  return wrong;
}

static int a_resumed_run_has_the_bits_of_one_that_went_on(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 9);
  const pno_train_spec spec = train_spec();
  pno_trainer *t = train_make(w, &spec, NULL, w->comm), *u = train_make(w, &spec, NULL, w->comm);
  int wrong = make_steps(w, t, 4); /* in the second epoch */
  wrong += world_expect(w, pno_trainer_save(t, false) == PNO_OK, "it is saved");
  wrong += make_steps(w, t, 8);
  wrong += world_expect(w, pno_trainer_load(u, -1) == PNO_OK, "another one takes over");
  wrong += world_expect(w, u->step == 4 && u->epoch == 1 && u->epoch_step == 1, "where the first stood");
  wrong += make_steps(w, u, 8);
  const pno_registry *r = pno_fno_registry(t->op.fno);
  const size_t n = (size_t)r->floats * sizeof(float), n_v = (size_t)r->v_floats * sizeof(float);
  wrong += world_expect(w, memcmp(t->op.params, u->op.params, n) == 0, "parameters have the same bits");
  wrong += world_expect(w, memcmp(t->optim.m, u->optim.m, n) == 0, "first moments have");
  wrong += world_expect(w, memcmp(t->optim.v, u->optim.v, n_v) == 0, "second moments have");
  wrong += world_expect(w, t->optim.steps == u->optim.steps && t->epoch_step == u->epoch_step, "counters are equal");
  pno_trainer_destroy(&t);
  pno_trainer_destroy(&u);
  train_leave(w);
  return wrong;
}

/* Saved in the last step of an epoch of three; the other file gives two. */
static int a_checkpoint_behind_the_end_of_an_epoch_is_refused(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 9);
  train_data(w, "small.h5", 8, 8, 9);
  pno_train_spec spec = train_spec();
  pno_trainer *t = train_make(w, &spec, NULL, w->comm);
  int wrong = make_steps(w, t, 2);
  wrong += world_expect(w, pno_trainer_save(t, false) == PNO_OK, "it is saved");
  pno_trainer_destroy(&t);
  spec.data = train_path("small.h5");
  t = train_make(w, &spec, NULL, w->comm);
  wrong += world_expect(w, pno_trainer_load(t, -1) == PNO_E_USAGE, "it is refused on all ranks");
  wrong += world_expect(w, strstr(pno_fail_words(), "2 an epoch") != NULL, "the words tell the steps");
  pno_trainer_destroy(&t);
  train_leave(w);
  return wrong;
}

Test(state, what_was_saved_comes_back, .timeout = 90) {
  const world_case cases[] = {
      {"an_operator_comes_back_with_its_bits", an_operator_comes_back_with_its_bits},
      {"a_resumed_run_has_the_bits_of_one_that_went_on", a_resumed_run_has_the_bits_of_one_that_went_on},
      {"a_checkpoint_behind_the_end_of_an_epoch_is_refused", a_checkpoint_behind_the_end_of_an_epoch_is_refused},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
