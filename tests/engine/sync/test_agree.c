#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/sync/world.h"

static int all_ok_is_ok_and_leaves_the_words(world *w) {
  pno_fail_set_words("old words", "");
  int wrong = world_expect(w, pno_agree(w->comm, PNO_OK) == PNO_OK, "nobody failed");
  return wrong + world_expect(w, strcmp(pno_fail_words(), "old words") == 0, "the words are left alone");
}

/* Each rank in turn fails alone. */
static int one_failure_reaches_all_with_words_and_hint(world *w) {
  int wrong = 0;
  for (int bad = 0; bad < w->size; bad++) {
    pno_fail_set_words("not these", "nor this");
    pno_status st = PNO_OK;
    if (w->rank == bad) st = pno_hint(pno_fail(PNO_E_IO, "disk %d is full", bad), "empty disk %d", bad);
    char words[64], hint[64];
    if (w->size > 1)
      snprintf(words, sizeof words, "rank %d: disk %d is full", bad, bad);
    else
      snprintf(words, sizeof words, "disk %d is full", bad);
    snprintf(hint, sizeof hint, "empty disk %d", bad);
    wrong += world_expect(w, pno_agree(w->comm, st) == PNO_E_IO, "all ranks return the status of one");
    wrong += world_expect(w, strcmp(pno_fail_words(), words) == 0, words);
    wrong += world_expect(w, strcmp(pno_fail_hint(), hint) == 0, hint);
  }
  return wrong;
}

static int everybodys_failure_has_no_rank_in_front(world *w) {
  int wrong = world_expect(w, pno_agree(w->comm, pno_fail(PNO_E_USAGE, "said by %d", w->rank)) == PNO_E_USAGE, "usage");
  return wrong + world_expect(w, strcmp(pno_fail_words(), "said by 0") == 0, "the lowest rank speaks for all");
}

/* All but rank 0 fail with a status of their own, from the third rank on with the largest. */
static int the_largest_status_wins_and_its_lowest_rank_speaks(world *w) {
  if (w->size < 3) return 0;
  pno_status st = PNO_OK;
  if (w->rank == 1) st = pno_fail(PNO_E_INPUT, "small");
  if (w->rank >= 2) st = pno_fail(PNO_E_INTERRUPTED, "large %d", w->rank);
  int wrong = world_expect(w, pno_agree(w->comm, st) == PNO_E_INTERRUPTED, "the largest status is kept");
  return wrong + world_expect(w, strcmp(pno_fail_words(), "rank 2: large 2") == 0, "rank 2 speaks");
}

static int a_hint_of_an_earlier_failure_does_not_stick(world *w) {
  pno_fail_set_words("earlier", "stale hint");
  const pno_status st = w->rank == w->size - 1 ? pno_fail(PNO_E_NOMEM, "no hint here") : PNO_OK;
  int wrong = world_expect(w, pno_agree(w->comm, st) == PNO_E_NOMEM, "the failure is agreed");
  return wrong + world_expect(w, pno_fail_hint()[0] == '\0', "there is no hint");
}

static int words_that_fill_the_buffer_arrive_cut_but_whole(world *w) {
  char longest[1024];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  pno_status st = PNO_OK;
  if (w->rank == 0) st = pno_fail(PNO_E_IO, "%s", longest);
  int wrong = world_expect(w, pno_agree(w->comm, st) == PNO_E_IO, "the failure is agreed");
  wrong += world_expect(w, strlen(pno_fail_words()) == sizeof longest - 1, "the words keep their length");
  return wrong + world_expect(w, strchr(pno_fail_words(), 'x') != NULL, "the words arrived");
}

Test(agree, a_failure_anywhere_is_the_failure_of_all, .timeout = 60) {
  const world_case cases[] = {
      {"all_ok_is_ok_and_leaves_the_words", all_ok_is_ok_and_leaves_the_words},
      {"one_failure_reaches_all_with_words_and_hint", one_failure_reaches_all_with_words_and_hint},
      {"everybodys_failure_has_no_rank_in_front", everybodys_failure_has_no_rank_in_front},
      {"the_largest_status_wins_and_its_lowest_rank_speaks", the_largest_status_wins_and_its_lowest_rank_speaks},
      {"a_hint_of_an_earlier_failure_does_not_stick", a_hint_of_an_earlier_failure_does_not_stick},
      {"words_that_fill_the_buffer_arrive_cut_but_whole", words_that_fill_the_buffer_arrive_cut_but_whole},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
