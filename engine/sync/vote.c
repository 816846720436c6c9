#include <stdio.h>

#include "engine/sync/reduce.h"

void pno_vote_fail(pno_vote *v, pno_status st) {
  v->counts[PNO_VOTE_FAILED] = st;
  if (st == PNO_OK) return;
  snprintf(v->words, sizeof v->words, "%.*s", PNO_VOTE_WORDS - 1, pno_fail_words());
  snprintf(v->hint, sizeof v->hint, "%.*s", PNO_VOTE_WORDS - 1, pno_fail_hint());
}

int64_t pno_votes_count(const pno_vote *votes, int ranks, pno_vote_count which) {
  int64_t sum = 0;
  for (int r = 0; r < ranks; r++) sum += votes[r].counts[which];
  return sum;
}

double pno_votes_value(const pno_vote *votes, int ranks, pno_vote_value which) {
  double sum = 0;
  for (int r = 0; r < ranks; r++) sum += votes[r].values[which];
  return sum;
}

pno_status pno_votes_status(const pno_vote *votes, int ranks) {
  int worst = 0, failed = 0;
  for (int r = 0; r < ranks; r++) {
    failed += votes[r].counts[PNO_VOTE_FAILED] != PNO_OK;
    if (votes[r].counts[PNO_VOTE_FAILED] > votes[worst].counts[PNO_VOTE_FAILED]) worst = r;
  }
  const pno_status st = (pno_status)votes[worst].counts[PNO_VOTE_FAILED];
  if (st == PNO_OK) return PNO_OK;
  if (failed == ranks)
    pno_fail(st, "%s", votes[worst].words);
  else
    pno_fail(st, "rank %d: %s", worst, votes[worst].words);
  return votes[worst].hint[0] ? pno_hint(st, "%s", votes[worst].hint) : st;
}
