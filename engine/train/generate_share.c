#include <stdlib.h>

#include "engine/train/generate_impl.h"

/* Dear ones first; of equal ones the lower number. */
static int dearer(const void *a, const void *b) {
  const struct pno_open_sample *x = a, *y = b;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  return x->sample < y->sample ? -1 : 1;
}

pno_status pno_shares_create(struct pno_open_sample *open, ptrdiff_t n, int ranks, pno_shares *out) {
  pno_shares s = {.open = open, .n_open = n, .ranks = ranks};
  s.rate = calloc((size_t)ranks, sizeof *s.rate);
  s.load = calloc((size_t)ranks, sizeof *s.load);
  s.spent = calloc((size_t)ranks, sizeof *s.spent);
  if (!s.rate || !s.load || !s.spent) {
    pno_shares_destroy(&s);
    return pno_fail(PNO_E_NOMEM, "no memory to share out samples among %d ranks", ranks);
  }
  qsort(open, (size_t)n, sizeof *open, dearer);
  *out = s;
  return PNO_OK;
}

void pno_shares_destroy(pno_shares *s) {
  free(s->open);
  free(s->rate);
  free(s->load);
  free(s->spent);
  *s = (pno_shares){0};
}

/* A rank that has not been seen at work counts as fast as the mean of the others. */
static double rate_of(const pno_shares *s, int rank) {
  double sum = 0;
  int known = 0;
  if (s->rate[rank] > 0) return s->rate[rank];
  for (int r = 0; r < s->ranks; r++) {
    sum += s->rate[r];
    known += s->rate[r] > 0;
  }
  return known ? sum / known : 1;
}

void pno_shares_assign(pno_shares *s) {
  for (int r = 0; r < s->ranks; r++) s->load[r] = 0;
  for (ptrdiff_t i = 0; i < s->n_open; i++) {
    int best = 0;
    double soonest = 0;
    for (int r = 0; r < s->ranks; r++) {
      const double end = (s->load[r] + s->open[i].cost) / rate_of(s, r);
      if (r > 0 && end >= soonest) continue;
      best = r;
      soonest = end;
    }
    s->load[best] += s->open[i].cost;
    s->open[i].owner = best;
  }
}

void pno_shares_settle(pno_shares *s, const pno_round_report *all) {
  ptrdiff_t kept = 0;
  for (int r = 0; r < s->ranks; r++) {
    const double cost = s->rate[r] * s->spent[r] + all[r].cost;
    s->spent[r] += all[r].seconds;
    if (s->spent[r] > 0) s->rate[r] = cost / s->spent[r];
    s->load[r] = (double)all[r].done; /* still to be taken out */
  }
  for (ptrdiff_t i = 0; i < s->n_open; i++) {
    double *done = &s->load[s->open[i].owner];
    if (*done > 0) --*done;
    else s->open[kept++] = s->open[i];
  }
  s->n_open = kept;
}

double pno_shares_left(const pno_shares *s) {
  double cost = 0, rate = 0;
  bool known = false;
  for (ptrdiff_t i = 0; i < s->n_open; i++) cost += s->open[i].cost;
  for (int r = 0; r < s->ranks; r++) {
    rate += rate_of(s, r);
    known |= s->rate[r] > 0;
  }
  return known ? cost / rate : -1;
}
