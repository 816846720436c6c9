#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/train/generate_impl.h"

enum { N = 60, RANKS = 3 };

static pno_shares make(void) {
  pno_shares s;
  struct pno_open_sample *open = calloc(N, sizeof *open);
  cr_assert_not_null(open);
  for (int i = 0; i < N; i++) open[i] = (struct pno_open_sample){.cost = 1 + i % 4, .sample = i};
  cr_assert_eq(pno_shares_create(open, N, RANKS, &s), PNO_OK);
  return s;
}

static double load_of(const pno_shares *s, int rank) {
  double load = 0;
  for (ptrdiff_t i = 0; i < s->n_open; i++) load += s->open[i].owner == rank ? s->open[i].cost : 0;
  return load;
}

Test(generate_share, dear_samples_come_first_and_equal_ones_by_number) {
  pno_shares s = make();
  for (int i = 1; i < N; i++) {
    const struct pno_open_sample *a = &s.open[i - 1], *b = &s.open[i];
    cr_assert(a->cost > b->cost || (a->cost == b->cost && a->sample < b->sample));
  }
  pno_shares_destroy(&s);
}

Test(generate_share, without_knowledge_all_ranks_get_as_much) {
  pno_shares s = make();
  cr_assert(pno_shares_left(&s) < 0);
  pno_shares_assign(&s);
  for (int r = 0; r < RANKS; r++) cr_assert_float_eq(load_of(&s, r), 150. / RANKS, 2, "rank %d has %g", r, load_of(&s, r));
  pno_shares_destroy(&s);
}

/* Rank 2 takes twice as long for the same. */
static void a_round(pno_shares *s, ptrdiff_t done) {
  pno_round_report all[RANKS] = {{0}};
  pno_shares_assign(s);
  for (int r = 0; r < RANKS; r++) {
    for (ptrdiff_t i = 0; i < s->n_open && all[r].done < done; i++) {
      if (s->open[i].owner != r) continue;
      all[r].done++;
      all[r].cost += s->open[i].cost;
    }
    all[r].seconds = all[r].cost * (r == 2 ? 2 : 1);
  }
  pno_shares_settle(s, all);
}

Test(generate_share, a_slow_rank_gets_fewer_and_all_end_together) {
  pno_shares s = make();
  a_round(&s, 2);
  cr_assert_eq(s.n_open, N - 2 * RANKS);
  pno_shares_assign(&s);
  const double fast = load_of(&s, 0), slow = load_of(&s, 2);
  cr_assert_float_eq(slow, fast / 2, 3, "%g and %g", fast, slow);
  cr_assert_float_eq(pno_shares_left(&s), (load_of(&s, 0) + load_of(&s, 1) + slow) / 2.5, 1e-9);
  pno_shares_destroy(&s);
}

Test(generate_share, every_sample_is_done_once) {
  pno_shares s = make();
  int rounds = 0;
  for (; s.n_open > 0 && rounds < 100; rounds++) {
    const ptrdiff_t before = s.n_open;
    a_round(&s, 5);
    cr_assert(s.n_open < before);
    for (ptrdiff_t i = 1; i < s.n_open; i++) cr_assert(s.open[i - 1].cost >= s.open[i].cost);
  }
  cr_assert_eq(s.n_open, 0);
  cr_assert_eq(pno_shares_left(&s), 0);
  pno_shares_destroy(&s);
}
