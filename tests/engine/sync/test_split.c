/* Groups of ranks beside each other: who is in which, and that what is said in one is not heard in another. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sync/reduce_impl.h"
#include "tests/engine/sync/world.h"

/* Ranks below this one with the same color under `color_of`, and all of them. */
static void place_of(const world *w, int (*color_of)(int rank, int size), int *rank, int *size) {
  *rank = *size = 0;
  for (int r = 0; r < w->size; r++) {
    if (color_of(r, w->size) != color_of(w->rank, w->size)) continue;
    *rank += r < w->rank;
    ++*size;
  }
}

static int parity(int r, int size) {
  (void)size;
  return r % 2;
}

static int one(int r, int size) {
  (void)r;
  (void)size;
  return 0;
}

static int each(int r, int size) { return 1000000 - r * size; } /* colours need neither start at 0 nor rise */

static int last_alone(int r, int size) { return r == size - 1 ? 7 : 3; }

typedef int (*coloring)(int rank, int size);
static const coloring colorings[] = {parity, one, each, last_alone};
enum { COLORINGS = sizeof colorings / sizeof *colorings };

static pno_comm *must_split(const world *w, coloring color_of, int *wrong) {
  pno_comm *group = NULL;
  *wrong += world_expect(w, pno_comm_split(w->comm, color_of(w->rank, w->size), &group) == PNO_OK, "it is split");
  return group;
}

static int ranks_of_one_color_are_a_group_in_their_order(world *w) {
  int wrong = 0;
  for (int i = 0; i < COLORINGS; i++) {
    int rank, size, expected = 0;
    pno_comm *g = must_split(w, colorings[i], &wrong);
    place_of(w, colorings[i], &rank, &size);
    wrong += world_expect(w, pno_comm_rank(g) == rank && pno_comm_size(g) == size, "rank and size follow the colours");
    wrong += world_expect(w, pno_comm_host_ranks(g) == size, "all ranks of the group are on this host");
    wrong += world_expect(w, strcmp(pno_comm_host(g), pno_comm_host(w->comm)) == 0, "the host is the same");
    wrong += world_expect(w, pno_comm_timeout(g) == pno_comm_timeout(w->comm), "the time-out is inherited");
    int *all = calloc((size_t)size, sizeof *all);
    wrong += world_expect(w, pno_allgather(g, &w->rank, sizeof w->rank, all) == PNO_OK, "the group can gather");
    for (int r = 0; r < w->size; r++)
      if (colorings[i](r, w->size) == colorings[i](w->rank, w->size))
        wrong += world_expect(w, all[expected++] == r, "the ranks lie in the order of the world");
    free(all);
    pno_comm_destroy(&g);
    wrong += world_expect(w, g == NULL, "destroy leaves NULL");
  }
  return wrong;
}

static int a_rank_without_color_is_in_no_group(world *w) {
  const bool out = w->rank % 2 == 0;
  pno_comm *g = (pno_comm *)w; /* something that is not NULL */
  int wrong = world_expect(w, pno_comm_split(w->comm, out ? -1 : 2, &g) == PNO_OK, "it is split");
  wrong += world_expect(w, (g == NULL) == out, "who has no colour gets NULL");
  if (g && !out) {
    wrong += world_expect(w, pno_comm_size(g) == w->size / 2, "the others are a group");
    wrong += world_expect(w, pno_barrier(g) == PNO_OK, "which passes a barrier");
    pno_comm_destroy(&g);
  }
  g = (pno_comm *)w;
  wrong += world_expect(w, pno_comm_split(w->comm, -5, &g) == PNO_OK && g == NULL, "all may stay outside");
  return wrong;
}

/* Different calls, sizes and numbers of calls in the two groups, and the world in between. */
static int groups_and_the_world_do_not_hear_each_other(world *w) {
  enum { ROUNDS = 50 };
  int wrong = 0;
  pno_comm *g = must_split(w, parity, &wrong);
  const int color = w->rank % 2, size = pno_comm_size(g), rank = pno_comm_rank(g);
  for (int i = 0; i < ROUNDS; i++) {
    int said = 1000 * i + w->rank, heard[64] = {0}, world_heard[64] = {0};
    if (color == 0) {
      wrong += world_expect(w, pno_allgather(g, &said, sizeof said, heard) == PNO_OK, "the even ones gather");
      for (int r = 0; r < size; r++) wrong += world_expect(w, heard[r] == 1000 * i + 2 * r, "the even ones hear the even");
    }
    for (int k = 0; color == 1 && k < 3; k++) {
      int word[2] = {rank == i % size ? i + k : -1, rank == i % size ? w->rank : -1};
      wrong += world_expect(w, pno_bcast(g, word, sizeof word, i % size) == PNO_OK, "the odd ones broadcast");
      wrong += world_expect(w, word[0] == i + k && word[1] == 2 * (i % size) + 1, "the odd ones hear the odd");
    }
    if (i % 10 != 3) continue;
    wrong += world_expect(w, pno_allgather(w->comm, &said, sizeof said, world_heard) == PNO_OK, "the world gathers");
    for (int r = 0; r < w->size; r++) wrong += world_expect(w, world_heard[r] == 1000 * i + r, "the world hears all");
  }
  pno_comm_destroy(&g);
  return wrong;
}

static int a_failure_in_one_group_is_its_own(world *w) {
  int wrong = 0;
  pno_comm *g = must_split(w, parity, &wrong);
  const bool fails = w->rank == 0;
  const pno_status st = pno_agree(g, fails ? pno_fail(PNO_E_DIVERGED, "member 0 diverged") : PNO_OK);
  wrong += world_expect(w, st == (w->rank % 2 == 0 ? PNO_E_DIVERGED : PNO_OK), "only the group of rank 0 fails");
  if (st != PNO_OK) wrong += world_expect(w, strstr(pno_fail_words(), "member 0 diverged"), "with the words of rank 0");
  wrong += world_expect(w, pno_agree(w->comm, PNO_OK) == PNO_OK, "the world goes on");
  pno_comm_destroy(&g);
  return wrong;
}

static float value_of(int rank, int step, int i) { return (float)(rank + 1) * 0.1f + (float)(step * 7 + i % 101) * 0.01f; }

/* One bucket sized by the color, so that the groups do other things at the same time; the sum in rank order (and node
 * order, where a window holds two) bit for bit. */
static int reduce_in(const world *w, pno_comm *g, coloring color_of, int most_lanes) {
  enum { STEPS = 5 };
  const int color = color_of(w->rank, w->size), size = pno_comm_size(g);
  const ptrdiff_t n = 5000 + 1500 * (color % 7);
  pno_reduce *reduce = NULL;
  int wrong = world_expect(w, sync_reduce_create(g, &n, 1, most_lanes, &reduce) == PNO_OK, "a reduction is made");
  if (!reduce) return wrong;
  const int lanes = pno_reduce_sharing(reduce);
  for (int step = 0; step < STEPS; step++) {
    float *local = pno_reduce_local(reduce, 0);
    const float *const *sums = NULL;
    const pno_vote *votes = NULL;
    pno_vote vote = {0};
    vote.counts[PNO_VOTE_SAMPLES] = w->rank + 10 * step;
    for (ptrdiff_t i = 0; i < n; i++) local[i] = value_of(w->rank, step, (int)i);
    pno_reduce_vote(reduce, &vote);
    wrong += world_expect(w, pno_reduce_begin(reduce, 0, local) == PNO_OK, "the bucket begins");
    wrong += world_expect(w, pno_reduce_finish(reduce, 30, &sums, &votes) == PNO_OK, "it is added up");
    int bad = !sums, at = 0;
    for (ptrdiff_t i = 0; sums && i < n; i++) {
      float of_node = 0, sum = 0;
      at = 0;
      for (int r = 0; r < w->size; r++) {
        if (color_of(r, w->size) != color) continue;
        of_node = at % lanes == 0 ? value_of(r, step, (int)i) : of_node + value_of(r, step, (int)i);
        if (++at % lanes == 0) sum = at == lanes ? of_node : sum + of_node;
      }
      bad += sums[0][i] != sum;
    }
    wrong += world_expect(w, bad == 0, "the sum is that of the group, bit for bit");
    at = 0;
    for (int r = 0; votes && r < w->size; r++)
      if (color_of(r, w->size) == color)
        wrong += world_expect(w, votes[at++].counts[PNO_VOTE_SAMPLES] == r + 10 * step, "votes come from the group");
    wrong += world_expect(w, at == size, "one vote a rank");
  }
  pno_reduce_destroy(&reduce);
  return wrong;
}

static int gradients_are_added_up_within_each_group(world *w) {
  int wrong = 0;
  for (int i = 0; i < COLORINGS; i++) {
    for (int most_lanes = 0; most_lanes <= 2; most_lanes++) {
      pno_comm *g = must_split(w, colorings[i], &wrong);
      wrong += reduce_in(w, g, colorings[i], most_lanes);
      pno_comm_destroy(&g);
    }
  }
  return wrong;
}

static int a_group_can_be_split_again(world *w) {
  int wrong = 0;
  pno_comm *g = must_split(w, parity, &wrong), *part = NULL;
  const int rank = pno_comm_rank(g), size = pno_comm_size(g);
  wrong += world_expect(w, pno_comm_split(g, rank / 2, &part) == PNO_OK, "the group is split");
  pno_comm_destroy(&g); /* the part does not need it */
  wrong += world_expect(w, pno_comm_rank(part) == rank % 2, "ranks are counted within the part");
  wrong += world_expect(w, pno_comm_size(part) == (size - rank / 2 * 2 > 1 ? 2 : 1), "parts have two ranks at the most");
  wrong += world_expect(w, pno_barrier(part) == PNO_OK, "the part passes a barrier");
  pno_comm_destroy(&part);
  return wrong;
}

static int a_rank_alone_can_be_split(world *w) {
  pno_comm *self = NULL, *part = NULL;
  int wrong = world_expect(w, pno_comm_self(&self) == PNO_OK, "a self communicator is made");
  wrong += world_expect(w, pno_comm_split(self, 4, &part) == PNO_OK && part, "it is split");
  wrong += world_expect(w, part && pno_comm_size(part) == 1 && pno_comm_rank(part) == 0, "one rank is left");
  wrong += world_expect(w, part && pno_agree(part, PNO_OK) == PNO_OK, "which agrees with itself");
  pno_comm_destroy(&part);
  part = self;
  wrong += world_expect(w, pno_comm_split(self, -1, &part) == PNO_OK && !part, "or none");
  pno_comm_destroy(&self);
  return wrong;
}

Test(split, groups_work_beside_each_other, .timeout = 60) {
  const world_case cases[] = {
      {"ranks_of_one_color_are_a_group_in_their_order", ranks_of_one_color_are_a_group_in_their_order},
      {"a_rank_without_color_is_in_no_group", a_rank_without_color_is_in_no_group},
      {"groups_and_the_world_do_not_hear_each_other", groups_and_the_world_do_not_hear_each_other},
      {"a_failure_in_one_group_is_its_own", a_failure_in_one_group_is_its_own},
      {"gradients_are_added_up_within_each_group", gradients_are_added_up_within_each_group},
      {"a_group_can_be_split_again", a_group_can_be_split_again},
      {"a_rank_alone_can_be_split", a_rank_alone_can_be_split},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
