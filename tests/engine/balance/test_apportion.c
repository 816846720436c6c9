#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/balance/balance.h"

enum { RANKS = 4 };

static double longest(const double *speed, const int *counts) {
  double worst = 0;
  for (int r = 0; r < RANKS; r++) worst = fmax(worst, counts[r] / speed[r]);
  return worst;
}

/* Least longest time over all ways to share `tasks` among the ranks from r on. */
static double best_by_search(const double *speed, const int *caps, int tasks, int r, int *counts) {
  double best = DBL_MAX;
  if (r == RANKS - 1) {
    counts[r] = tasks;
    return tasks <= caps[r] ? longest(speed, counts) : DBL_MAX;
  }
  for (counts[r] = 0; counts[r] <= tasks && counts[r] <= caps[r]; counts[r]++) {
    int rest[RANKS];
    memcpy(rest, counts, sizeof rest);
    best = fmin(best, best_by_search(speed, caps, tasks - counts[r], r + 1, rest));
  }
  return best;
}

static const double speeds[][RANKS] = {{1, 1, 1, 1}, {1, 2, 3, 4}, {10, 0.1, 3, 3}, {0.7, 1.9, 0.31, 1.1}};

static void must_be_best(const double *speed, const int *caps, int tasks) {
  int counts[RANKS], scratch[RANKS] = {0}, sum = 0;
  cr_assert_eq(pno_apportion(speed, RANKS, tasks, caps, counts), PNO_OK);
  for (int r = 0; r < RANKS; r++) sum += counts[r];
  cr_assert_eq(sum, tasks);
  const double best = best_by_search(speed, caps, tasks, 0, scratch);
  cr_assert_float_eq(longest(speed, counts), best, 1e-12 * best, "%d tasks: %g, best %g", tasks, longest(speed, counts),
                     best);
}

Test(apportion, the_longest_time_is_the_least_that_a_search_finds) {
  const int caps[RANKS] = {100, 100, 100, 100};
  for (size_t s = 0; s < sizeof speeds / sizeof speeds[0]; s++)
    for (int tasks = 0; tasks <= 14; tasks++) must_be_best(speeds[s], caps, tasks);
}

Test(apportion, the_same_holds_under_caps) {
  const int caps[RANKS] = {2, 5, 1, 4};
  for (size_t s = 0; s < sizeof speeds / sizeof speeds[0]; s++)
    for (int tasks = 0; tasks <= 12; tasks++) must_be_best(speeds[s], caps, tasks);
}

Test(apportion, one_more_task_takes_none_from_anybody) {
  int before[RANKS] = {0}, after[RANKS];
  for (int tasks = 1; tasks < 60; tasks++) {
    cr_assert_eq(pno_apportion(speeds[3], RANKS, tasks, NULL, after), PNO_OK);
    for (int r = 0; r < RANKS; r++) cr_assert_geq(after[r], before[r]);
    memcpy(before, after, sizeof before);
  }
}

Test(apportion, the_lower_rank_wins_a_tie) {
  int counts[RANKS];
  cr_assert_eq(pno_apportion(speeds[0], RANKS, 2, NULL, counts), PNO_OK);
  const int expected[RANKS] = {1, 1, 0, 0};
  cr_assert_arr_eq(counts, expected, sizeof expected);
}

Test(apportion, caps_that_are_too_tight_and_no_speed_are_refused) {
  const int caps[RANKS] = {1, 1, 1, 1};
  const double none[RANKS] = {0, 0, -1, NAN};
  int counts[RANKS];
  cr_assert_eq(pno_apportion(speeds[1], RANKS, 5, caps, counts), PNO_E_USAGE);
  cr_assert_eq(pno_apportion(none, RANKS, 1, NULL, counts), PNO_E_USAGE);
}
