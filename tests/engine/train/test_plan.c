/* What a plan says before there are data, a trainer takes. */
#include "engine/train/plan.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/train/train_world.h"

static size_t planned(const pno_train_plan *p, const char *purpose) {
  for (int i = 0; i < p->lines; i++)
    if (strcmp(p->line[i].purpose, purpose) == 0) return p->line[i].bytes;
  return 0;
}

static int taken(world *w, const pno_train_plan *p, const pno_arena *a) {
  int wrong = world_expect(w, a->purpose[0].bytes == 0, "every byte has a purpose");
  for (int i = 1; i <= a->purposes; i++)
    wrong += world_expect(w, planned(p, a->purpose[i].name) == a->purpose[i].bytes, a->purpose[i].name);
  return wrong;
}

static int a_trainer_takes_what_was_planned(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  const pno_sample_info info = {.dims = 2, .n = {8, 6}, .in_channels = 1, .out_channels = 1};
  int wrong = 0;
  for (int k = 0; k < 3; k++) {
    pno_train_spec spec = train_spec();
    pno_train_plan p;
    pno_comm *alone = NULL;
    spec.loss = (pno_loss_kind)k;
    spec.micro = k == 1 ? 2 : 1;
    if (k == 2) spec.model.mlp_hidden = 0;
    wrong += world_expect(w, pno_train_plan_make(&spec, &info, &p) == PNO_OK, "it can be planned");
    wrong += world_expect(w, pno_comm_self(&alone) == PNO_OK, "a rank of its own");
    pno_trainer *t = train_make(w, &spec, NULL, alone);
    wrong += taken(w, &p, pno_fno_plan_memory(t->plan)) + taken(w, &p, &t->memory) + taken(w, &p, &t->op.memory);
    const size_t all = pno_fno_plan_bytes(t->plan) + t->memory.peak + t->op.memory.peak + planned(&p, "validation");
    wrong += world_expect(w, p.bytes == all + planned(&p, "gradient"), "and nothing else");
    wrong += world_expect(w, planned(&p, "gradient") == pno_reduce_bytes(t->reduce), "the gradient lies in the reduction");
    wrong += world_expect(w, planned(&p, "validation") > 0, "the samples held out need a plan of their own");
    wrong += world_expect(w, p.chunk == t->chunk, "samples of a call");
    wrong += world_expect(w, p.parameters == pno_registry_reals(pno_fno_registry(t->op.fno)), "parameters");
    pno_trainer_destroy(&t);
    pno_comm_destroy(&alone);
  }
  train_leave(w);
  return wrong;
}

static int ranks_share_the_samples_of_a_call(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  pno_train_spec spec = train_spec();
  spec.batch = 8;
  pno_trainer *t = train_make(w, &spec, NULL, w->comm);
  const int wrong = world_expect(w, t->chunk == (8 + w->size - 1) / w->size, "samples of a call");
  pno_trainer_destroy(&t);
  train_leave(w);
  return wrong;
}

static int what_the_model_refuses_cannot_be_planned(world *w) {
  train_enter(w);
  const pno_sample_info line = {.dims = 1, .n = {8}, .in_channels = 1, .out_channels = 1};
  const pno_sample_info small = {.dims = 2, .n = {4, 4}, .in_channels = 1, .out_channels = 1};
  pno_train_spec spec = train_spec();
  pno_train_plan p = {.chunk = -7};
  int wrong = world_expect(w, pno_train_plan_make(&spec, &line, &p) == PNO_E_USAGE, "dimensions that differ");
  spec.model.flavour = PNO_FLAVOUR_LI;
  wrong += world_expect(w, pno_train_plan_make(&spec, &small, &p) == PNO_E_SHAPE, "more modes than the grid has");
  wrong += world_expect(w, p.chunk == -7, "the outcome is left alone");
  train_leave(w);
  return wrong;
}

Test(plan, a_plan_is_what_a_trainer_takes, .timeout = 90) {
  const world_case cases[] = {
      {"a_trainer_takes_what_was_planned", a_trainer_takes_what_was_planned},
      {"ranks_share_the_samples_of_a_call", ranks_share_the_samples_of_a_call},
      {"what_the_model_refuses_cannot_be_planned", what_the_model_refuses_cannot_be_planned},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
