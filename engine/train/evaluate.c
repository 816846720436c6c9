#include "engine/train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "engine/score/conformal.h"
#include "engine/train/sampler.h"

struct pno_evaluator {
  pno_predictive p;  /* what it borrows */
  pno_dataset *ds;   /* borrowed */
  pno_evaluator_use use;
  pno_score_spec spec;
  pno_sampler *sampler; /* owned */
  pno_scorer *scorer;   /* owned */
  ptrdiff_t first, count, width; /* width: doubles of a sample's scores */
  float *x, *y;   /* owned: one sample */
  float *members; /* owned: [use.members][values], NULL: none are kept */
  double *scores; /* owned: [count][width] */
  int kept;       /* of members, of the newest sample */
};

static pno_score_spec score_spec(const pno_evaluator *e, int draws) {
  const pno_sample_info *info = pno_dataset_info(e->ds);
  const pno_uq_spec *uq = e->p.uq;
  pno_score_spec s = {.dims = info->dims, .channels = info->out_channels, .draws = draws, .levels = uq->levels,
                      .needs_draws = e->use.depth > PNO_DEPTH_MOMENTS, .spectra = e->use.depth == PNO_DEPTH_SPECTRA};
  for (int j = 0; j < info->dims; j++) s.n[j] = info->n[j];
  memcpy(s.level, uq->level, sizeof s.level);
  if (!e->p.bands || e->p.bands->levels == 0) return s;
  s.calibrated = true; /* for the same levels: pno_bands_serve */
  s.unscaled = e->p.bands->unscaled;
  memcpy(s.point_factor, e->p.bands->point, sizeof s.point_factor);
  memcpy(s.field_factor, e->p.bands->field, sizeof s.field_factor);
  return s;
}

static pno_status allocate(pno_evaluator *e) {
  const size_t nx = (size_t)pno_dataset_x_count(e->ds), ny = (size_t)pno_dataset_y_count(e->ds);
  e->width = pno_score_values(&e->spec);
  e->x = calloc(nx, sizeof *e->x);
  e->y = calloc(ny, sizeof *e->y);
  e->scores = calloc((size_t)e->count * (size_t)e->width, sizeof *e->scores);
  if (e->use.members > 0) e->members = calloc((size_t)e->use.members * ny, sizeof *e->members);
  if (!e->x || !e->y || !e->scores || (e->use.members > 0 && !e->members))
    return pno_fail(PNO_E_NOMEM, "no memory to evaluate %td samples of %zu values", e->count, nx + ny);
  return PNO_OK;
}

pno_status pno_evaluator_create(const pno_predictive *p, pno_dataset *ds, ptrdiff_t first, ptrdiff_t count,
                                const pno_evaluator_use *use, pno_evaluator **out) {
  if (count < 1 || first < 0 || first + count > pno_dataset_count(ds))
    return pno_fail(PNO_E_INPUT, "samples %td to %td wanted of %td", first, first + count - 1, pno_dataset_count(ds));
  pno_evaluator *e = calloc(1, sizeof *e);
  if (!e) return pno_fail(PNO_E_NOMEM, "no memory for an evaluation");
  pno_status st = PNO_OK;
  *e = (pno_evaluator){.p = *p, .ds = ds, .use = *use, .first = first, .count = count};
  e->spec = score_spec(e, pno_uq_draws(p, use->draws));
  PNO_TRY_GOTO(st, pno_sampler_create(&e->p, pno_dataset_info(ds), e->spec.draws, &e->sampler), done);
  PNO_TRY_GOTO(st, pno_scorer_create(&e->spec, &e->scorer), done);
  PNO_TRY_GOTO(st, allocate(e), done);
  *out = e;
  e = NULL;
done:
  pno_evaluator_destroy(&e);
  return st;
}

void pno_evaluator_destroy(pno_evaluator **e) {
  if (!e || !*e) return;
  pno_sampler_destroy(&(*e)->sampler);
  pno_scorer_destroy(&(*e)->scorer);
  free((*e)->x);
  free((*e)->y);
  free((*e)->members);
  free((*e)->scores);
  free(*e);
  *e = NULL;
}

int pno_evaluator_draws(const pno_evaluator *e) { return e->spec.draws; }

static void take(void *user, const float *fields, int count) {
  pno_evaluator *e = user;
  const ptrdiff_t ny = pno_dataset_y_count(e->ds);
  const int rest = e->use.members - e->kept, keep = count < rest ? count : rest;
  pno_scorer_add(e->scorer, fields, count);
  if (keep <= 0) return;
  memcpy(e->members + e->kept * ny, fields, sizeof *fields * (size_t)(keep * ny));
  e->kept += keep;
}

/* Reads, draws and scores one sample into its row. */
static pno_status run_sample(pno_evaluator *e, ptrdiff_t sample) {
  double *row = e->scores + sample * e->width, aleatoric, noise;
  PNO_TRY(pno_dataset_read(e->ds, e->first + sample, e->x, e->y));
  e->kept = 0;
  pno_scorer_begin(e->scorer, e->y);
  pno_sampler_run(e->sampler, e->x, (uint32_t)(e->first + sample), take, e);
  pno_sampler_parts(e->sampler, &aleatoric, &noise);
  pno_scorer_parts(e->scorer, aleatoric, noise);
  pno_scorer_end(e->scorer, row);
  return PNO_OK;
}

pno_status pno_evaluator_predict(pno_evaluator *e, ptrdiff_t sample, pno_prediction *out) {
  pno_scores_all scores;
  PNO_TRY(run_sample(e, sample));
  PNO_TRY(pno_score_finish(&e->spec, e->scores + sample * e->width, 1, &scores));
  *out = (pno_prediction){.x = e->x, .y = e->y, .mean = pno_scorer_mean(e->scorer), .sd = pno_scorer_sd(e->scorer),
                          .members = e->members, .rel_l2 = scores.rel_l2};
  return PNO_OK;
}

void pno_evaluator_interval(const pno_evaluator *e, int level, float *lo, float *hi) {
  pno_scorer_interval(e->scorer, level, lo, hi);
}

void pno_evaluator_band(const pno_evaluator *e, int level, float *lo, float *hi) {
  pno_scorer_band(e->scorer, level, lo, hi);
}

int pno_evaluator_levels(const pno_evaluator *e, const double **level, bool *bands) {
  *level = e->spec.level;
  *bands = e->spec.calibrated;
  return e->spec.levels;
}

/* The samples of rank r: [first, first + count) of n, as equal as can be. */
static ptrdiff_t share(ptrdiff_t n, int ranks, int r) { return n * r / ranks; }

/* Rows of doubles of every rank's share to every rank, one broadcast a rank. */
static pno_status exchange(pno_evaluator *e, pno_comm *comm, double *rows, ptrdiff_t width) {
  const int ranks = pno_comm_size(comm);
  for (int r = 0; r < ranks; r++) {
    const ptrdiff_t from = share(e->count, ranks, r), to = share(e->count, ranks, r + 1);
    if (from == to) continue;
    PNO_TRY(pno_bcast(comm, rows + from * width, (size_t)(to - from) * (size_t)width * sizeof *rows, r));
  }
  return PNO_OK;
}

static pno_status score_share(pno_evaluator *e, ptrdiff_t from, ptrdiff_t to) {
  for (ptrdiff_t s = from; s < to; s++) PNO_TRY(run_sample(e, s));
  return PNO_OK;
}

pno_status pno_evaluate(pno_evaluator *e, pno_comm *comm, pno_scores_all *out) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const pno_status st = score_share(e, share(e->count, ranks, rank), share(e->count, ranks, rank + 1));
  PNO_TRY(pno_agree(comm, st));
  PNO_TRY(exchange(e, comm, e->scores, e->width));
  return pno_score_finish(&e->spec, e->scores, e->count, out); /* the same rows on all ranks */
}

/* ---- calibration ---- */

typedef struct {
  uint64_t *own, *all; /* [PNO_CONFORMAL_BINS], [ranks] times that */
  double *field;       /* [count] */
} counting;

static pno_status count_share(pno_evaluator *e, ptrdiff_t from, ptrdiff_t to, const counting *c) {
  for (ptrdiff_t s = from; s < to; s++) {
    PNO_TRY(run_sample(e, s));
    pno_conformal_add(c->own, e->y, pno_scorer_mean(e->scorer), e->spec.draws > 1 ? pno_scorer_sd(e->scorer) : NULL,
                      pno_dataset_y_count(e->ds), &c->field[s]);
  }
  return PNO_OK;
}

static pno_status count_all(pno_evaluator *e, pno_comm *comm, const counting *c, pno_bands *b) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const size_t bytes = PNO_CONFORMAL_BINS * sizeof *c->own;
  PNO_TRY(pno_agree(comm, count_share(e, share(e->count, ranks, rank), share(e->count, ranks, rank + 1), c)));
  PNO_TRY(exchange(e, comm, c->field, 1));
  PNO_TRY(pno_allgather(comm, c->own, bytes, c->all));
  for (int r = 1; r < ranks; r++) pno_conformal_merge(c->all, c->all + (ptrdiff_t)r * PNO_CONFORMAL_BINS);
  return pno_agree(comm, pno_conformal_fit(c->all, c->field, e->count, b->levels, b->level, b->point, b->field));
}

pno_digest pno_evaluator_data(const pno_evaluator *e, const char *path) {
  struct {
    pno_digest content;
    int64_t first, count;
  } all = {.first = e->first, .count = e->count};
  if (!pno_dataset_digest(e->ds, &all.content)) all.content = pno_digest_of(path, strlen(path));
  return pno_digest_of(&all, sizeof all);
}

pno_status pno_evaluator_calibrate(pno_evaluator *e, pno_comm *comm, const char *path, pno_bands *out) {
  const size_t ranks = (size_t)pno_comm_size(comm);
  pno_bands b = {.levels = e->p.uq->levels, .unscaled = e->spec.draws == 1, .samples = e->count,
                 .way = pno_uq_way(e->p.uq, e->spec.draws), .data = pno_evaluator_data(e, path)};
  memcpy(b.n, e->spec.n, sizeof b.n);
  const counting c = {.own = calloc(PNO_CONFORMAL_BINS, sizeof *c.own),
                      .all = calloc(ranks * PNO_CONFORMAL_BINS, sizeof *c.all),
                      .field = calloc((size_t)e->count, sizeof *c.field)};
  const bool have = c.own && c.all && c.field;
  memcpy(b.level, e->p.uq->level, sizeof b.level);
  pno_status st = pno_agree(comm, have ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to calibrate on %td samples", e->count));
  if (st == PNO_OK) st = count_all(e, comm, &c, &b);
  free(c.own);
  free(c.all);
  free(c.field);
  if (st == PNO_OK) *out = b;
  return st;
}
