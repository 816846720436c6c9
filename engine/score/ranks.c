/* What the order of the draws at a value says: CRPS, intervals, ranks, reliability. */
#include <math.h>
#include <string.h>

#include "engine/score/score_impl.h"

score_quantile score_quantile_of(double q, int draws) {
  const double at = q * (draws - 1);
  const int lo = (int)at;
  return (score_quantile){lo, lo + 1 < draws ? lo + 1 : lo, at - lo};
}

/* SCORE_COLUMNS values next to each other. */
typedef struct {
  const float *truth;                            /* [SCORE_COLUMNS] */
  ptrdiff_t first;                               /* value of the field */
  int n;                                         /* of the columns that are in the field */
  int less[SCORE_COLUMNS], equal[SCORE_COLUMNS]; /* draws below and at the truth */
  double absolute[SCORE_COLUMNS];                /* sum |a - u| */
  double invalid[SCORE_COLUMNS];                 /* 0, or NaN: a draw or the truth is not finite */
} columns;

/* Before sorting, which may lose a NaN. */
static void count(const pno_scorer *s, columns *c) {
  memset(c->less, 0, sizeof c->less);
  memset(c->equal, 0, sizeof c->equal);
  memset(c->absolute, 0, sizeof c->absolute);
  for (int m = 0; m < s->spec.draws; m++) {
    const float *a = s->column + (ptrdiff_t)m * SCORE_COLUMNS;
    for (int i = 0; i < SCORE_COLUMNS; i++) {
      c->less[i] += a[i] < c->truth[i];
      c->equal[i] += a[i] == c->truth[i];
      c->absolute[i] += fabs((double)a[i] - c->truth[i]);
    }
  }
  for (int i = 0; i < SCORE_COLUMNS; i++) c->invalid[i] = isfinite(c->absolute[i]) ? 0 : NAN;
}

/* sum_{m<k} |a_m - a_k| = sum_i (2 i - M + 1) a_(i); less the truth, which cancels, so that offsets cost no digits. */
static double crps(const pno_scorer *s, const columns *c) {
  const int draws = s->spec.draws;
  const double pairs = draws > 1 ? (double)draws * (draws - 1) : 1;
  double sum = 0, spread[SCORE_COLUMNS] = {0};
  for (int m = 0; m < draws; m++) {
    const float *a = s->column + (ptrdiff_t)m * SCORE_COLUMNS;
    const double weight = 2.0 * m - draws + 1;
    for (int i = 0; i < SCORE_COLUMNS; i++) spread[i] += weight * ((double)a[i] - c->truth[i]);
  }
  for (int i = 0; i < c->n; i++) sum += c->absolute[i] / draws - spread[i] / pairs + c->invalid[i];
  return sum;
}

static void quantile(const pno_scorer *s, const columns *c, const score_quantile *q, double *out) {
  const float *lo = s->column + (ptrdiff_t)q->lo * SCORE_COLUMNS, *hi = s->column + (ptrdiff_t)q->hi * SCORE_COLUMNS;
  for (int i = 0; i < SCORE_COLUMNS; i++) out[i] = lo[i] + q->part * ((double)hi[i] - lo[i]) + c->invalid[i];
}

static void intervals(pno_scorer *s, const columns *c, double *values) {
  const pno_score_spec *p = &s->spec;
  double lo[SCORE_COLUMNS], hi[SCORE_COLUMNS];
  for (int l = 0; l < p->levels; l++) {
    float *keep = s->quantiles + 2 * l * s->values + c->first;
    const double penalty = 2 / (1 - p->level[l]);
    double covered = 0, width = 0, score = 0;
    quantile(s, c, &s->side[l][0], lo);
    quantile(s, c, &s->side[l][1], hi);
    for (int i = 0; i < c->n; i++) {
      const double u = c->truth[i], below = lo[i] - u, above = u - hi[i];
      covered += (below < 0 && above < 0 ? 1 : 0) + c->invalid[i];
      width += hi[i] - lo[i];
      score += hi[i] - lo[i] + penalty * ((below > 0 ? below : 0) + (above > 0 ? above : 0));
      keep[i] = (float)lo[i];
      keep[s->values + i] = (float)hi[i];
    }
    values[score_at_level(p, IN_COVERAGE, l)] += covered;
    values[score_at_level(p, IN_WIDTH, l)] += width;
    values[score_at_level(p, IN_INTERVAL_SCORE, l)] += score;
  }
}

static void reliability(const pno_scorer *s, const columns *c, double *observed) {
  double at[SCORE_COLUMNS];
  for (int q = 0; q < PNO_QUANTILES; q++) {
    double below = 0;
    quantile(s, c, &s->nominal[q], at);
    for (int i = 0; i < c->n; i++) below += (c->truth[i] <= at[i] ? 1 : 0) + c->invalid[i];
    observed[q] += below;
  }
}

/* Adds mass to the bins that ranks first .. first + n - 1 of M + 1 lie over, each rank its share of [0, 1]. */
static void spread_rank(double *bin, int draws, int first, int n, double mass) {
  const double lo = (double)first / (draws + 1) * PNO_PIT_BINS, hi = (double)(first + n) / (draws + 1) * PNO_PIT_BINS;
  for (int b = (int)lo; b < PNO_PIT_BINS && b < hi; b++) {
    const double from = lo > b ? lo : b, to = hi < b + 1 ? hi : b + 1;
    bin[b] += mass * (to - from) / (hi - lo);
  }
}

static void ranks(pno_scorer *s, const columns *c, double *pit, double *rank) {
  const int draws = s->spec.draws;
  for (int i = 0; i < c->n; i++) {
    const int half_steps = 2 * c->less[i] + c->equal[i]; /* of the PIT, 1 / (2 M) each */
    const ptrdiff_t bin = (ptrdiff_t)half_steps * PNO_PIT_BINS / (2 * (ptrdiff_t)draws);
    pit[bin < PNO_PIT_BINS ? bin : PNO_PIT_BINS - 1] += 1 + c->invalid[i];
    if (c->equal[i] > 0)
      spread_rank(rank, draws, c->less[i], c->equal[i] + 1, 1 + c->invalid[i]);
    else
      s->untied[c->less[i]] += 1 + c->invalid[i];
  }
}

static void add_columns(pno_scorer *s, ptrdiff_t block, int offset, double *values) {
  const ptrdiff_t first = block * SCORE_BLOCK + offset, left = s->values - first;
  columns c = {.truth = score_row(s, block, s->spec.draws) + offset,
               .first = first,
               .n = left < SCORE_COLUMNS ? (int)left : SCORE_COLUMNS};
  for (int m = 0; m < s->spec.draws; m++)
    memcpy(s->column + (ptrdiff_t)m * SCORE_COLUMNS, score_row(s, block, m) + offset, SCORE_COLUMNS * sizeof(float));
  count(s, &c);
  score_sort(s->column, s->spec.draws);
  values[AT_CRPS] += crps(s, &c);
  intervals(s, &c, values);
  reliability(s, &c, values + score_at_reliability(&s->spec));
  ranks(s, &c, values + score_at_pit(&s->spec), values + score_at_rank(&s->spec));
}

/* The sums become means over the values; those of one level stand next to each other. */
void score_ranks(pno_scorer *s, double *values) {
  const pno_score_spec *p = &s->spec;
  const double share = 1 / (double)s->values;
  double *rank = values + score_at_rank(p);
  memset(s->untied, 0, sizeof(double) * ((size_t)p->draws + 1));
  for (ptrdiff_t b = 0; b < s->blocks; b++)
    for (int o = 0; o < SCORE_BLOCK && b * SCORE_BLOCK + o < s->values; o += SCORE_COLUMNS)
      add_columns(s, b, o, values);
  for (int r = 0; r <= p->draws; r++)
    if (s->untied[r] != 0) spread_rank(rank, p->draws, r, 1, s->untied[r]);
  values[AT_CRPS] *= share;
  for (ptrdiff_t i = AT_ARRAYS; i < score_at_level(p, IN_BAND_COVERAGE, 0); i++) values[i] *= share;
  for (ptrdiff_t i = score_at_pit(p); i < score_at_spectra(p); i++) values[i] *= share;
}
