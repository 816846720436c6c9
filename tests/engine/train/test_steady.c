/* A steady training step allocates nothing in our objects (-Wl,--wrap); what libraries do beside is printed. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/engine/train/library_calls.h"
#include "tests/engine/train/train_world.h"
#include "tests/support/alloc_sweep.h"

enum { WARM_UP = 7, STEPS = 12 }; /* both pass the end of an epoch of 3 steps */

static int steady(world *w, const pno_train_spec *spec) {
  pno_trainer *t = train_make(w, spec, NULL, w->comm);
  pno_step_report r;
  int wrong = 0;
  for (int s = 0; s < WARM_UP; s++) wrong += world_expect(w, pno_train_step(t, &r) == PNO_OK, "it warms up");
  const long before = library_calls();
  alloc_count_begin();
  for (int s = 0; s < STEPS; s++) wrong += world_expect(w, pno_train_step(t, &r) == PNO_OK && !r.skipped, "it steps");
  const int ours = alloc_count_end();
  const long all = library_calls() - before;
  wrong += world_expect(w, ours == 0, "our objects allocate nothing");
  fprintf(stderr, "rank %d of %d, loss %d, balance %d, %d steps: %d allocations of ours, %ld of libraries\n", w->rank,
          w->size, spec->loss, spec->balance, STEPS, ours, all - ours);
  pno_trainer_destroy(&t);
  return wrong;
}

static int a_steady_step_allocates_nothing(world *w) {
  train_enter(w);
  train_data(w, "data.h5", 10, 8, 6);
  int wrong = 0;
  for (int k = 0; k < 3; k++) {
    pno_train_spec spec = train_spec();
    spec.loss = (pno_loss_kind)k;
    spec.balance = (pno_balance_mode)k;
    spec.optim.clip = k == 1 ? 0.5 : 0;
    spec.physical = k != 2;
    wrong += steady(w, &spec);
  }
  train_leave(w);
  return wrong;
}

/* Otherwise 0 would prove nothing. */
static int the_counter_counts(world *w) {
  const long before = library_calls();
  alloc_count_begin();
  void *volatile one = malloc(10);
  void *volatile two = calloc(3, 5);
  const int ours = alloc_count_end();
  free(one);
  free(two);
#if !defined(__SANITIZE_ADDRESS__)
  if (library_calls() - before < 2) return world_expect(w, false, "the process count sees them too");
#else
  (void)before;
#endif
  return world_expect(w, ours == 2, "two allocations are seen");
}

Test(steady, a_training_step_takes_no_memory, .timeout = 90) {
  const world_case cases[] = {
      {"the_counter_counts", the_counter_counts},
      {"a_steady_step_allocates_nothing", a_steady_step_allocates_nothing},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
