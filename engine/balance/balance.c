#include "engine/balance/balance.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* distributed synchronous training: smoothing and hysteresis that cannot ring (a rate measured per micro-batch does not
 * depend on the partition, so a first-order filter on it is stable). */
enum { WARM_UP = 3, WINDOW = 7, CHECKS = 2, REST_STEPS = 10 };
static const double alpha = 0.2, least_gain = 0.03, hampel = 3.0;

typedef struct {
  double seconds;          /* smoothed time of a micro-batch, 0: unknown */
  double deviation;        /* smoothed absolute deviation from it */
  double recent[WINDOW];   /* last measurements, for the outlier test */
  long taken;              /* measurements so far: not steps, a rank may have had no work */
} estimate;

struct pno_balance {
  pno_balance_mode mode;
  int ranks;
  estimate *of;    /* [ranks] */
  double *speed;   /* [ranks]: micro-batches a second that the partition is made for */
  double *trial;   /* [ranks]: scratch */
  int *counts;     /* [ranks]: scratch */
  long steps, changes, last_change;
  int promising;   /* checks in a row that promised a gain */
};

pno_status pno_balance_create(pno_balance_mode mode, int ranks, pno_balance **out) {
  pno_balance *b = calloc(1, sizeof *b);
  if (!b) return pno_fail(PNO_E_NOMEM, "no memory for the balancer");
  const size_t n = (size_t)ranks;
  *b = (pno_balance){.mode = mode, .ranks = ranks, .of = calloc(n, sizeof *b->of), .speed = calloc(n, sizeof(double)),
                     .trial = calloc(n, sizeof(double)), .counts = calloc(n, sizeof *b->counts)};
  if (!b->of || !b->speed || !b->trial || !b->counts) {
    pno_balance_destroy(&b);
    return pno_fail(PNO_E_NOMEM, "no memory to balance %d ranks", ranks);
  }
  for (int r = 0; r < ranks; r++) b->speed[r] = 1.0;
  *out = b;
  return PNO_OK;
}

void pno_balance_destroy(pno_balance **b) {
  if (!b || !*b) return;
  free((*b)->of);
  free((*b)->speed);
  free((*b)->trial);
  free((*b)->counts);
  free(*b);
  *b = NULL;
}

/* How many of n tasks the ranks before `rank` have, for shares in proportion to speed. */
static int first_of(const pno_balance *b, int n_micro, int rank) {
  if (b->mode == PNO_BALANCE_EQUAL) return (int)((ptrdiff_t)n_micro * rank / b->ranks);
  int first = 0;
  (void)pno_apportion(b->speed, b->ranks, n_micro, NULL, b->counts); /* speeds are positive, there are no caps */
  for (int r = 0; r < rank; r++) first += b->counts[r];
  return first;
}

void pno_balance_list(const pno_balance *b, int n_micro, int rank, int *list, int *n) {
  *n = 0;
  if (b->mode == PNO_BALANCE_ROUND_ROBIN) {
    for (int m = rank; m < n_micro; m += b->ranks) list[(*n)++] = m;
    return;
  }
  const int first = first_of(b, n_micro, rank), end = first_of(b, n_micro, rank + 1);
  for (int m = first; m < end; m++) list[(*n)++] = m;
}

int pno_balance_owner(const pno_balance *b, int n_micro, int micro) {
  if (b->mode == PNO_BALANCE_ROUND_ROBIN) return micro % b->ranks;
  int r = 0;
  while (r + 1 < b->ranks && first_of(b, n_micro, r + 1) <= micro) r++;
  return r;
}

static double median(const double *v, int n) {
  double s[WINDOW];
  for (int i = 0; i < n; i++) {
    int j = i;
    for (; j > 0 && s[j - 1] > v[i]; j--) s[j] = s[j - 1];
    s[j] = v[i];
  }
  return n % 2 ? s[n / 2] : 0.5 * (s[n / 2 - 1] + s[n / 2]);
}

/* Hampel test against the window: more than three scaled median deviations away. A full window of such values moves the
 * median, so a lasting change of speed is let through after half a window. */
static bool is_outlier(const estimate *e, double x) {
  if (e->taken < WINDOW) return false;
  double away[WINDOW];
  const double middle = median(e->recent, WINDOW);
  for (int i = 0; i < WINDOW; i++) away[i] = fabs(e->recent[i] - middle);
  return fabs(x - middle) > hampel * 1.4826 * median(away, WINDOW) + 0.01 * middle;
}

static void take_in(estimate *e, double x) {
  const bool outlier = is_outlier(e, x);
  e->recent[e->taken++ % WINDOW] = x;
  if (outlier) return;
  if (e->seconds > 0) e->deviation += alpha * (fabs(x - e->seconds) - e->deviation);
  e->seconds = e->seconds > 0 ? e->seconds + alpha * (x - e->seconds) : x;
}

/* Time of a step of many micro-batches if shares follow `speed` while the ranks run as now estimated. */
static double step_time(const pno_balance *b, const double *speed) {
  double total = 0, longest = 0;
  for (int r = 0; r < b->ranks; r++) total += speed[r];
  for (int r = 0; r < b->ranks; r++) {
    const double t = speed[r] / total * b->of[r].seconds;
    longest = t > longest ? t : longest;
  }
  return longest;
}

/* Re-partition if the gain exceeds 3 % and three deviations in two checks in a row, at most once in ten steps. */
static void consider(pno_balance *b) {
  double noise = 0;
  for (int r = 0; r < b->ranks; r++) {
    if (!(b->of[r].seconds > 0)) return; /* nothing known about a rank yet */
    b->trial[r] = 1.0 / b->of[r].seconds;
    noise = fmax(noise, b->of[r].deviation / b->of[r].seconds);
  }
  const double now = step_time(b, b->speed), then = step_time(b, b->trial);
  const double bar = fmax(least_gain, 3.0 * noise * sqrt(alpha / (2.0 - alpha)));
  b->promising = (now - then) / now > bar ? b->promising + 1 : 0;
  if (b->promising < CHECKS || b->steps - b->last_change < REST_STEPS) return;
  for (int r = 0; r < b->ranks; r++) b->speed[r] = b->trial[r];
  b->promising = 0;
  b->changes++;
  b->last_change = b->steps;
}

void pno_balance_note(pno_balance *b, const pno_vote *votes, int ranks) {
  b->steps++;
  if (b->mode != PNO_BALANCE_SPEED || ranks != b->ranks || b->steps <= WARM_UP) return;
  for (int r = 0; r < ranks; r++)
    if (votes[r].values[PNO_VOTE_MICRO_S] > 0) take_in(&b->of[r], votes[r].values[PNO_VOTE_MICRO_S]);
  consider(b);
}

double pno_balance_seconds(const pno_balance *b, int rank) { return b->of[rank].seconds; }

long pno_balance_changes(const pno_balance *b) { return b->changes; }

enum { STATE_HEAD = 5, STATE_RANK = 4 + WINDOW };

ptrdiff_t pno_balance_state_count(const pno_balance *b) { return STATE_HEAD + (ptrdiff_t)STATE_RANK * b->ranks; }

void pno_balance_state(const pno_balance *b, double *out) {
  const double head[STATE_HEAD] = {b->ranks, (double)b->steps, (double)b->changes, (double)b->last_change,
                                   b->promising};
  for (int i = 0; i < STATE_HEAD; i++) *out++ = head[i];
  for (int r = 0; r < b->ranks; r++) {
    const double own[4] = {b->speed[r], b->of[r].seconds, b->of[r].deviation, (double)b->of[r].taken};
    for (int i = 0; i < 4; i++) *out++ = own[i];
    for (int i = 0; i < WINDOW; i++) *out++ = b->of[r].recent[i];
  }
}

/* A speed of zero would leave micro-batches without an owner; all others are times and counts. */
static bool is_sane(const double *state, ptrdiff_t n, int ranks) {
  if (!(state[0] == ranks)) return false;
  for (ptrdiff_t i = 0; i < n; i++)
    if (!(state[i] >= 0 && state[i] <= 1e15)) return false;
  for (int r = 0; r < ranks; r++)
    if (!(state[STATE_HEAD + (ptrdiff_t)STATE_RANK * r] > 0)) return false;
  return true;
}

void pno_balance_restore(pno_balance *b, const double *state, ptrdiff_t n) {
  if (n != pno_balance_state_count(b) || !is_sane(state, n, b->ranks)) return;
  b->steps = (long)state[1];
  b->changes = (long)state[2];
  b->last_change = (long)state[3];
  b->promising = (int)state[4];
  for (int r = 0; r < b->ranks; r++) {
    const double *own = state + STATE_HEAD + (ptrdiff_t)STATE_RANK * r;
    b->speed[r] = own[0];
    b->of[r].seconds = own[1];
    b->of[r].deviation = own[2];
    b->of[r].taken = (long)own[3];
    for (int i = 0; i < WINDOW; i++) b->of[r].recent[i] = own[4 + i];
  }
}
