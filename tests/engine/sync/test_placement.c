/* Placement on this machine, where mpirun binds nobody. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/sync/placement.h"
#include "tests/engine/sync/world.h"

static void count_warnings(void *user, pno_log_level level, const char *module, const char *text) {
  *(int *)user += level == PNO_LOG_WARN && strcmp(module, "placement") == 0 && strstr(text, "share") != NULL;
}

/* Ranks that were bound have processors of their own; the others have what they had. */
static int ranks_share_nothing_or_are_left_alone(world *w) {
  cpu_set_t before, after, *all = calloc((size_t)w->size, sizeof *all);
  pno_placement p = {0};
  int wrong = 0, heard = 0;
  sched_getaffinity(0, sizeof before, &before);
  pno_log_to(count_warnings, &heard);
  wrong += world_expect(w, pno_placement_make(w->comm, 0, &p) == PNO_OK, "all are placed");
  pno_log_to(NULL, NULL);
  sched_getaffinity(0, sizeof after, &after);
  wrong += world_expect(w, p.threads >= 1 && p.cores >= 1 && p.threads <= p.cores, "there are threads for the cores");
  wrong += world_expect(w, pno_allgather(w->comm, &after, sizeof after, all) == PNO_OK, "the sets arrive");
  wrong += world_expect(w, p.bound || CPU_EQUAL(&before, &after), "who is not bound keeps what it had");
  for (int r = 0; p.bound && r < w->size; r++) {
    cpu_set_t both;
    CPU_AND(&both, &after, &all[r]);
    wrong += world_expect(w, r == w->rank || CPU_COUNT(&both) == 0, "who is bound shares nothing");
  }
  const bool crowded = w->size > CPU_COUNT(&before);
  wrong += world_expect(w, !crowded || (!p.bound && p.threads == 1), "more ranks than processors are not bound");
  if (crowded) wrong += world_expect(w, heard == (w->rank == 0), "rank 0 warns of them once");
  sched_setaffinity(0, sizeof before, &before);
  free(all);
  return wrong;
}

static int threads_that_are_wanted_are_given(world *w) {
  pno_placement p = {0};
  int wrong = world_expect(w, pno_placement_make(w->comm, 7, &p) == PNO_OK && p.threads == 7, "seven are seven");
  pno_comm *self = NULL;
  wrong += world_expect(w, pno_comm_self(&self) == PNO_OK, "alone");
  wrong += world_expect(w, pno_placement_make(self, 2, &p) == PNO_OK && p.threads == 2, "two alone are two");
  wrong += world_expect(w, !p.bound, "alone nobody is bound");
  pno_comm_destroy(&self);
  return wrong;
}

Test(placement, ranks_find_their_cores, .timeout = 60) {
  const world_case cases[] = {
      {"ranks_share_nothing_or_are_left_alone", ranks_share_nothing_or_are_left_alone},
      {"threads_that_are_wanted_are_given", threads_that_are_wanted_are_given},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
