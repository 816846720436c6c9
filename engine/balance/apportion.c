#include "engine/balance/balance.h"

/* Rank for the next task, or -1. */
static int next_rank(const double *speed, int ranks, const int *caps, const int *counts) {
  int best = -1;
  for (int r = 0; r < ranks; r++) {
    if (!(speed[r] > 0) || (caps && counts[r] >= caps[r])) continue;
    if (best < 0 || (counts[r] + 1) / speed[r] < (counts[best] + 1) / speed[best]) best = r;
  }
  return best;
}

pno_status pno_apportion(const double *speed, int ranks, int tasks, const int *caps, int *counts) {
  for (int r = 0; r < ranks; r++) counts[r] = 0;
  for (int t = 0; t < tasks; t++) {
    const int r = next_rank(speed, ranks, caps, counts);
    if (r < 0) return pno_fail(PNO_E_USAGE, "%d of %d tasks find no rank: caps too tight or no speed", tasks - t, tasks);
    counts[r]++;
  }
  return PNO_OK;
}
