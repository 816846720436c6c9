#include <criterion/criterion.h>
#include <string.h>

#include "engine/sync/reduce.h"

Test(vote, counts_and_values_add_up_over_the_ranks) {
  pno_vote votes[3] = {0};
  for (int r = 0; r < 3; r++) {
    votes[r].counts[PNO_VOTE_SAMPLES] = 10 * r;
    votes[r].values[PNO_VOTE_LOSS] = 0.5 * r;
  }
  cr_assert_eq(pno_votes_count(votes, 3, PNO_VOTE_SAMPLES), 30);
  cr_assert_eq(pno_votes_count(votes, 3, PNO_VOTE_MICROS), 0);
  cr_assert_float_eq(pno_votes_value(votes, 3, PNO_VOTE_LOSS), 1.5, 0);
}

Test(vote, no_failure_is_ok) {
  pno_vote votes[2] = {0};
  pno_vote_fail(&votes[1], PNO_OK);
  cr_assert_eq(pno_votes_status(votes, 2), PNO_OK);
}

Test(vote, the_largest_failure_speaks_through_its_lowest_rank) {
  pno_vote votes[4] = {0};
  pno_vote_fail(&votes[1], pno_fail(PNO_E_INPUT, "smaller"));
  pno_vote_fail(&votes[2], pno_hint(pno_fail(PNO_E_DIVERGED, "loss is NaN"), "lower the rate"));
  pno_vote_fail(&votes[3], pno_fail(PNO_E_DIVERGED, "later"));
  cr_assert_eq(pno_votes_status(votes, 4), PNO_E_DIVERGED);
  cr_assert_str_eq(pno_fail_words(), "rank 2: loss is NaN");
  cr_assert_str_eq(pno_fail_hint(), "lower the rate");
}

Test(vote, everybodys_failure_has_no_rank_in_front) {
  pno_vote votes[2] = {0};
  for (int r = 0; r < 2; r++) pno_vote_fail(&votes[r], pno_fail(PNO_E_NOMEM, "rank says %d", r));
  cr_assert_eq(pno_votes_status(votes, 2), PNO_E_NOMEM);
  cr_assert_str_eq(pno_fail_words(), "rank says 0");
  cr_assert_str_eq(pno_fail_hint(), "");
}

Test(vote, words_longer_than_a_vote_are_cut_and_ended) {
  char longest[2 * PNO_VOTE_WORDS];
  pno_vote vote;
  memset(&vote, 0x55, sizeof vote);
  memset(longest, 'w', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  pno_vote_fail(&vote, pno_hint(pno_fail(PNO_E_IO, "%s", longest), "%s", longest));
  cr_assert_eq(strlen(vote.words), PNO_VOTE_WORDS - 1);
  cr_assert_eq(strlen(vote.hint), PNO_VOTE_WORDS - 1);
}
