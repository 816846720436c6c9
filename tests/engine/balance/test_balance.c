#include "engine/balance/balance.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static pno_balance *created(pno_balance_mode mode, int ranks) {
  pno_balance *b = NULL;
  cr_assert_eq(pno_balance_create(mode, ranks, &b), PNO_OK);
  return b;
}

/* Steps with fixed timings, `wobble` of them alternating up and down. */
static void feed(pno_balance *b, int ranks, const double *seconds, int steps, double wobble) {
  pno_vote votes[8] = {0};
  for (int s = 0; s < steps; s++) {
    for (int r = 0; r < ranks; r++)
      votes[r].values[PNO_VOTE_MICRO_S] = seconds[r] * (1.0 + ((s + r) % 2 ? wobble : -wobble));
    pno_balance_note(b, votes, ranks);
  }
}

static void must_own_each_once(const pno_balance *b, int ranks, int n_micro) {
  int list[64], owned[64] = {0};
  for (int r = 0; r < ranks; r++) {
    int n = -1;
    pno_balance_list(b, n_micro, r, list, &n);
    cr_assert(n >= 0 && n <= n_micro);
    for (int i = 0; i < n; i++) {
      cr_assert(list[i] >= 0 && list[i] < n_micro);
      cr_assert(i == 0 || list[i] > list[i - 1], "ascending");
      cr_assert_eq(pno_balance_owner(b, n_micro, list[i]), r);
      owned[list[i]]++;
    }
  }
  for (int m = 0; m < n_micro; m++) cr_assert_eq(owned[m], 1, "micro-batch %d of %d", m, n_micro);
}

Test(balance, every_micro_batch_has_one_owner_in_any_mode_on_any_ranks) {
  const double seconds[8] = {1, 3, 0.5, 9, 1, 1.1, 2, 0.2};
  const pno_balance_mode modes[] = {PNO_BALANCE_EQUAL, PNO_BALANCE_ROUND_ROBIN, PNO_BALANCE_SPEED};
  for (int m = 0; m < 3; m++) {
    for (int ranks = 1; ranks <= 8; ranks++) {
      pno_balance *b = created(modes[m], ranks);
      for (int n = 0; n < 20; n++) must_own_each_once(b, ranks, n); /* fewer micro-batches than ranks among them */
      feed(b, ranks, seconds, 40, 0);
      for (int n = 0; n < 64; n += 7) must_own_each_once(b, ranks, n);
      pno_balance_destroy(&b);
      cr_assert_null(b);
    }
  }
}

static void must_share_by(const pno_balance *b, const double *seconds, int ranks, int n_micro) {
  double speed[8];
  int counts[8], list[64], n;
  for (int r = 0; r < ranks; r++) speed[r] = 1.0 / seconds[r];
  cr_assert_eq(pno_apportion(speed, ranks, n_micro, NULL, counts), PNO_OK);
  for (int r = 0; r < ranks; r++) {
    pno_balance_list(b, n_micro, r, list, &n);
    cr_assert_eq(n, counts[r], "rank %d has %d, its speed is worth %d", r, n, counts[r]);
  }
}

Test(balance, speed_mode_converges_to_the_measured_speeds) {
  const double seconds[3] = {0.01, 0.03, 0.015};
  pno_balance *b = created(PNO_BALANCE_SPEED, 3);
  feed(b, 3, seconds, 40, 0);
  must_share_by(b, seconds, 3, 60);
  for (int r = 0; r < 3; r++) cr_assert_float_eq(pno_balance_seconds(b, r), seconds[r], 1e-12);
  cr_assert_eq(pno_balance_changes(b), 1);
  pno_balance_destroy(&b);
}

Test(balance, a_lasting_change_of_speed_is_followed) {
  const double before[2] = {0.01, 0.01}, after[2] = {0.01, 0.04};
  pno_balance *b = created(PNO_BALANCE_SPEED, 2);
  feed(b, 2, before, 30, 0);
  cr_assert_eq(pno_balance_changes(b), 0);
  feed(b, 2, after, 150, 0);
  must_share_by(b, after, 2, 20);
  pno_balance_destroy(&b);
}

Test(balance, noise_on_equal_ranks_changes_nothing) {
  const double seconds[4] = {0.02, 0.02, 0.02, 0.02};
  pno_balance *b = created(PNO_BALANCE_SPEED, 4);
  feed(b, 4, seconds, 200, 0.05);
  cr_assert_eq(pno_balance_changes(b), 0);
  pno_balance_destroy(&b);
}

/* Rank 1 is measured only in every seventh step, as long as the window is. */
Test(balance, a_rank_measured_now_and_then_is_still_followed) {
  pno_balance *b = created(PNO_BALANCE_SPEED, 2);
  pno_vote votes[2] = {0};
  for (int s = 0; s < 700; s++) {
    votes[0].values[PNO_VOTE_MICRO_S] = 0.01;
    votes[1].values[PNO_VOTE_MICRO_S] = s % 7 ? 0 : s < 140 ? 0.01 : 0.05;
    pno_balance_note(b, votes, 2);
  }
  cr_assert_float_eq(pno_balance_seconds(b, 1), 0.05, 1e-3);
  pno_balance_destroy(&b);
}

Test(balance, a_restored_balancer_decides_as_the_saved_one) {
  const double first[3] = {0.01, 0.03, 0.015}, then[3] = {0.02, 0.01, 0.03};
  pno_balance *saved = created(PNO_BALANCE_SPEED, 3), *restored = created(PNO_BALANCE_SPEED, 3);
  feed(saved, 3, first, 23, 0.01);
  const ptrdiff_t n = pno_balance_state_count(saved);
  double *a = calloc((size_t)n, sizeof *a), *b = calloc((size_t)n, sizeof *b);
  pno_balance_state(saved, a);
  pno_balance_restore(restored, a, n);
  feed(saved, 3, then, 57, 0.01);
  feed(restored, 3, then, 57, 0.01);
  pno_balance_state(saved, a);
  pno_balance_state(restored, b);
  cr_assert_arr_eq(a, b, (size_t)n * sizeof *a);
  cr_assert_gt(pno_balance_changes(restored), 0);
  free(a);
  free(b);
  pno_balance_destroy(&saved);
  pno_balance_destroy(&restored);
}

/* What must not be taken over leaves the shares equal. */
Test(balance, a_state_of_other_ranks_or_without_sense_is_ignored) {
  const double seconds[3] = {0.01, 0.03, 0.015}, equal[3] = {1, 1, 1};
  const double bad[] = {0, -1, NAN, INFINITY};
  pno_balance *saved = created(PNO_BALANCE_SPEED, 3), *other = created(PNO_BALANCE_SPEED, 3);
  feed(saved, 3, seconds, 40, 0);
  const ptrdiff_t n = pno_balance_state_count(saved);
  double *state = calloc((size_t)n, sizeof *state);
  pno_balance_state(saved, state);
  pno_balance_restore(other, state, n - 1);
  must_share_by(other, equal, 3, 9);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    state[5] = bad[i]; /* the speed of rank 0 */
    pno_balance_restore(other, state, n);
    must_share_by(other, equal, 3, 9);
  }
  free(state);
  pno_balance_destroy(&saved);
  pno_balance_destroy(&other);
}
