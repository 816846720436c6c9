/* Hooks: a failure on one rank ends the run on all, with its words; a request to stop leaves a checkpoint. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/train/train_world.h"

/* When the last rank's hooks fail, 0: never. */
typedef struct {
  bool here; /* this rank is the one */
  long fail_step, fail_valid, fail_checkpoint, ask_at;
  long step; /* newest one heard of */
  int ask;
} plan;

static pno_status on_step(void *user, const pno_step_report *r) {
  plan *p = user;
  p->step = r->step;
  if (!p->here || r->step != p->fail_step) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_IO, "the journal is full at %ld", r->step), "empty it");
}

static pno_status on_valid(void *user, long step, int epoch, int set, const pno_scores_all *scores) {
  const plan *p = user;
  (void)epoch;
  (void)set;
  (void)scores;
  return p->here && step == p->fail_valid ? pno_fail(PNO_E_INPUT, "scores of %ld are not liked", step) : PNO_OK;
}

static pno_status on_checkpoint(void *user, long step, double seconds, bool best) {
  const plan *p = user;
  (void)seconds;
  (void)best;
  return p->here && step == p->fail_checkpoint ? pno_fail(PNO_E_IO, "checkpoint %ld not noted", step) : PNO_OK;
}

static int ask(void *user) {
  const plan *p = user;
  return p->here && p->ask && p->step + 1 == p->ask_at ? p->ask : 0;
}

/* Runs to the end of `p`; what ended it must be st and words. steps: made by then. */
static int run_wrong(world *w, plan p, pno_status st, const char *words, long steps) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  p.here = w->rank == w->size - 1;
  const pno_train_spec spec = train_spec(); /* 3 steps an epoch, 2 epochs */
  const pno_train_hooks hooks = {.user = &p, .ask = ask, .on_step = on_step, .on_valid = on_valid,
                                 .on_checkpoint = on_checkpoint};
  char expected[128];
  snprintf(expected, sizeof expected, w->size > 1 && st != PNO_E_INTERRUPTED && st != PNO_OK ? "rank %d: %s" : "%.0d%s",
           w->size - 1, words);
  pno_trainer *t = train_make(w, &spec, &hooks, w->comm);
  pno_fail_set_words("", "");
  int wrong = world_expect(w, pno_train(t) == st, "all ranks end with the status of one");
  if (st != PNO_OK && st != PNO_E_INTERRUPTED)
    wrong += world_expect(w, strcmp(pno_fail_words(), expected) == 0, expected);
  if (st == PNO_E_INTERRUPTED) wrong += world_expect(w, strstr(pno_fail_words(), words) != NULL, words);
  wrong += world_expect(w, t->step == steps, "as many steps were made");
  if (st == PNO_OK || st == PNO_E_INTERRUPTED) wrong += world_expect(w, t->saved == steps, "a checkpoint is left");
  pno_trainer_destroy(&t);
  train_leave(w);
  return wrong;
}

static int without_failures_the_run_ends_well(world *w) { return run_wrong(w, (plan){0}, PNO_OK, "", 6); }

/* The next step carries the failure; its gradients are not used. */
static int a_failing_step_hook_ends_the_run_in_the_next_step(world *w) {
  return run_wrong(w, (plan){.fail_step = 2}, PNO_E_IO, "the journal is full at 2", 2);
}

static int a_hook_that_fails_in_the_last_step_is_not_lost(world *w) {
  return run_wrong(w, (plan){.fail_step = 6}, PNO_E_IO, "the journal is full at 6", 6);
}

static int the_first_of_two_failing_hooks_speaks(world *w) {
  return run_wrong(w, (plan){.fail_step = 3, .fail_valid = 3}, PNO_E_IO, "the journal is full at 3", 3);
}

static int a_failing_validation_hook_ends_the_run(world *w) {
  return run_wrong(w, (plan){.fail_valid = 3}, PNO_E_INPUT, "scores of 3 are not liked", 3);
}

static int a_failing_checkpoint_hook_at_the_end_ends_the_run(world *w) {
  return run_wrong(w, (plan){.fail_checkpoint = 6}, PNO_E_IO, "checkpoint 6 not noted", 6);
}

static int a_request_of_one_rank_stops_all_with_a_checkpoint(world *w) {
  return run_wrong(w, (plan){.ask_at = 4, .ask = PNO_ASK_STOP}, PNO_E_INTERRUPTED, "after step 4", 4);
}

static int a_request_in_the_last_step_changes_nothing(world *w) {
  return run_wrong(w, (plan){.ask_at = 6, .ask = PNO_ASK_STOP}, PNO_OK, "", 6);
}

Test(loop, what_one_rank_says_all_ranks_do, .timeout = 90) {
  const world_case cases[] = {
      {"without_failures_the_run_ends_well", without_failures_the_run_ends_well},
      {"a_failing_step_hook_ends_the_run_in_the_next_step", a_failing_step_hook_ends_the_run_in_the_next_step},
      {"a_hook_that_fails_in_the_last_step_is_not_lost", a_hook_that_fails_in_the_last_step_is_not_lost},
      {"the_first_of_two_failing_hooks_speaks", the_first_of_two_failing_hooks_speaks},
      {"a_failing_validation_hook_ends_the_run", a_failing_validation_hook_ends_the_run},
      {"a_failing_checkpoint_hook_at_the_end_ends_the_run", a_failing_checkpoint_hook_at_the_end_ends_the_run},
      {"a_request_of_one_rank_stops_all_with_a_checkpoint", a_request_of_one_rank_stops_all_with_a_checkpoint},
      {"a_request_in_the_last_step_changes_nothing", a_request_in_the_last_step_changes_nothing},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
