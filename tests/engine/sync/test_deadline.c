/* A rank that comes late: the others give up with PNO_E_COMM. No clock is read: the late rank starts only when the
 * others said that they had given up, so a wait without a deadline ends in the time-out of the test. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/sync/reduce_impl.h"
#include "tests/engine/sync/world.h"

static const double patience_s = 0.2;

/* What the ranks in time must see; `operation` stands in the words. */
static int gave_up(const world *w, pno_status st, const char *operation) {
  int wrong = world_expect(w, st == PNO_E_COMM, "a late rank is PNO_E_COMM");
  wrong += world_expect(w, strstr(pno_fail_words(), operation) != NULL, operation);
  wrong += world_expect(w, strstr(pno_fail_words(), "waited 0.2 s") != NULL, "the words tell the seconds");
  return wrong + world_expect(w, strstr(pno_fail_hint(), "parallel.timeout_s") != NULL, "the hint names the setting");
}

/* Each case in a communicator of its own: after a time-out one is not used again. */
static int with_late_last_rank(world *w, int (*in_time)(const world *, pno_comm *), void (*late)(pno_comm *)) {
  pno_comm *comm = NULL;
  int wrong = world_expect(w, pno_comm_world(30.0, &comm) == PNO_OK, "a communicator is made");
  if (w->rank < w->size - 1) {
    pno_comm_set_timeout(comm, patience_s);
    wrong += in_time(w, comm);
    world_release(w, w->size - 1);
  } else {
    world_wait_for_release(w);
    pno_comm_set_timeout(comm, patience_s);
    late(comm); /* may end either way; must end */
  }
  pno_comm_destroy(&comm);
  return wrong;
}

static int agree_in_time(const world *w, pno_comm *c) { return gave_up(w, pno_agree(c, PNO_OK), "agreement"); }

static void agree_late(pno_comm *c) { (void)pno_agree(c, PNO_OK); }

static int agreement_gives_up(world *w) { return with_late_last_rank(w, agree_in_time, agree_late); }

static int barrier_in_time(const world *w, pno_comm *c) { return gave_up(w, pno_barrier(c), "barrier"); }

static void barrier_late(pno_comm *c) { (void)pno_barrier(c); }

static int the_barrier_gives_up(world *w) { return with_late_last_rank(w, barrier_in_time, barrier_late); }

static int pieces_in_time(const world *w, pno_comm *c) {
  size_t offset[64];
  void *recv = NULL;
  const int wrong = gave_up(w, pno_gather_var(c, "x", 1, &recv, offset, 0), "gather");
  return wrong + world_expect(w, recv == NULL, "nothing is handed out");
}

static void pieces_late(pno_comm *c) {
  size_t offset[64];
  void *recv = NULL;
  (void)pno_gather_var(c, "x", 1, &recv, offset, 0);
}

static int the_gather_of_pieces_gives_up(world *w) { return with_late_last_rank(w, pieces_in_time, pieces_late); }

static pno_comm *never;

static int split_in_time(const world *w, pno_comm *c) {
  pno_comm *group = (pno_comm *)&never;
  const int wrong = gave_up(w, pno_comm_split(c, 0, &group), "agreement");
  return wrong + world_expect(w, group == (pno_comm *)&never, "the output is not touched");
}

static void split_late(pno_comm *c) {
  pno_comm *group = NULL;
  (void)pno_comm_split(c, 0, &group);
}

static int the_split_gives_up(world *w) { return with_late_last_rank(w, split_in_time, split_late); }

/* Each half of the ranks is a group; the last one of each is late. Where a group has one rank nobody is late. */
static int a_group_gives_up_and_the_world_does_not(world *w) {
  pno_comm *group = NULL;
  int wrong = world_expect(w, pno_comm_split(w->comm, w->rank % 2, &group) == PNO_OK, "the ranks are split");
  const int size = pno_comm_size(group), last = w->rank % 2 + 2 * (size - 1);
  pno_comm_set_timeout(group, patience_s);
  if (size > 1 && w->rank != last) {
    wrong += gave_up(w, pno_barrier(group), "barrier");
    world_release(w, last);
  } else if (size > 1) {
    for (int r = w->rank % 2; r < last; r += 2) world_wait_for_release_of(w, r);
    (void)pno_barrier(group);
  }
  pno_comm_destroy(&group);
  return wrong + world_expect(w, pno_barrier(w->comm) == PNO_OK, "the world goes on");
}

/* The creation is collective and has to be in time; the step is late. */
static int reduction_gives_up(world *w, int most_lanes) {
  enum { N = 300000 }; /* larger than any eager message */
  static float local[N];
  const ptrdiff_t n = N;
  pno_reduce *reduce = NULL;
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  pno_comm *comm = NULL;
  int wrong = world_expect(w, pno_comm_world(30.0, &comm) == PNO_OK, "a communicator is made");
  wrong += world_expect(w, sync_reduce_create(comm, &n, 1, most_lanes, &reduce) == PNO_OK, "a reduction is made");
  const bool late = w->rank == w->size - 1;
  if (late) world_wait_for_release(w);
  wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
  const pno_status st = pno_reduce_finish(reduce, patience_s, &sums, &votes);
  if (!late) {
    wrong += gave_up(w, st, "gradient reduction");
    wrong += world_expect(w, !sums && !votes, "nothing is handed out");
    pno_reduce_destroy(&reduce);
    world_release(w, w->size - 1);
  }
  pno_reduce_destroy(&reduce);
  pno_comm_destroy(&comm);
  return wrong;
}

static int a_reduction_in_a_window_gives_up_and_can_be_destroyed(world *w) { return reduction_gives_up(w, 0); }

static int a_reduction_by_messages_gives_up_and_can_be_destroyed(world *w) { return reduction_gives_up(w, 1); }

/* Of four ranks: two nodes of two, the late rank's neighbour waits in the window, the others for messages. */
static int a_reduction_by_both_gives_up_and_can_be_destroyed(world *w) { return reduction_gives_up(w, 2); }

static int the_world_still_works(world *w) {
  return world_expect(w, pno_agree(w->comm, PNO_OK) == PNO_OK, "another communicator is not disturbed");
}

Test(deadline, nobody_waits_for_ever_for_a_late_rank, .timeout = 60) {
  const world_case cases[] = {
      {"agreement_gives_up", agreement_gives_up},
      {"the_barrier_gives_up", the_barrier_gives_up},
      {"the_gather_of_pieces_gives_up", the_gather_of_pieces_gives_up},
      {"the_split_gives_up", the_split_gives_up},
      {"a_group_gives_up_and_the_world_does_not", a_group_gives_up_and_the_world_does_not},
      {"a_reduction_in_a_window_gives_up_and_can_be_destroyed", a_reduction_in_a_window_gives_up_and_can_be_destroyed},
      {"a_reduction_by_messages_gives_up_and_can_be_destroyed", a_reduction_by_messages_gives_up_and_can_be_destroyed},
      {"a_reduction_by_both_gives_up_and_can_be_destroyed", a_reduction_by_both_gives_up_and_can_be_destroyed},
      {"the_world_still_works", the_world_still_works},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
