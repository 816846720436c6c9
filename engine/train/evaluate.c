#include "engine/train/evaluate.h"

#include <stdlib.h>

const char *const pno_score_names[PNO_SCORES] = {"l2", "rel_l2", "h1"};

struct pno_evaluator {
  const pno_operator *o; /* borrowed */
  pno_dataset *ds;       /* borrowed */
  pno_fno_plan *plan;    /* owned */
  ptrdiff_t first, count;
  float *x, *y, *out; /* owned: one sample */
  double *scores;     /* owned: [count][PNO_SCORES] */
};

static pno_status allocate(pno_evaluator *e) {
  const size_t nx = (size_t)pno_dataset_x_count(e->ds), ny = (size_t)pno_dataset_y_count(e->ds);
  e->x = calloc(nx, sizeof *e->x);
  e->y = calloc(ny, sizeof *e->y);
  e->out = calloc(ny, sizeof *e->out);
  e->scores = calloc((size_t)e->count * PNO_SCORES, sizeof *e->scores);
  if (!e->x || !e->y || !e->out || !e->scores)
    return pno_fail(PNO_E_NOMEM, "no memory to evaluate %td samples of %zu values", e->count, nx + 2 * ny);
  return PNO_OK;
}

static pno_status make_plan(pno_evaluator *e) {
  const pno_sample_info *info = pno_dataset_info(e->ds);
  PNO_TRY(pno_operator_fits(e->o, info));
  pno_fno_use use = {.kernels = e->o->kernels, .samples = 1, .micro = 1, .threads = e->o->threads,
                     .norm_in = pno_operator_in(e->o), .norm_out = pno_operator_out(e->o)};
  for (int j = 0; j < info->dims; j++) use.n[j] = info->n[j];
  use.fft = pno_transforms_find(e->o->transforms, e->o->fno, use.n, NULL);
  return pno_fno_plan_create(e->o->fno, &use, &e->plan);
}

pno_status pno_evaluator_create(const pno_operator *o, pno_dataset *ds, ptrdiff_t first, ptrdiff_t count,
                                pno_evaluator **out) {
  if (count < 1 || first < 0 || first + count > pno_dataset_count(ds))
    return pno_fail(PNO_E_INPUT, "samples %td to %td wanted of %td", first, first + count - 1, pno_dataset_count(ds));
  pno_evaluator *e = calloc(1, sizeof *e);
  if (!e) return pno_fail(PNO_E_NOMEM, "no memory for an evaluation");
  pno_status st = PNO_OK;
  *e = (pno_evaluator){.o = o, .ds = ds, .first = first, .count = count};
  PNO_TRY_GOTO(st, make_plan(e), done);
  PNO_TRY_GOTO(st, allocate(e), done);
  *out = e;
  e = NULL;
done:
  pno_evaluator_destroy(&e);
  return st;
}

void pno_evaluator_destroy(pno_evaluator **e) {
  if (!e || !*e) return;
  pno_fno_plan_destroy(&(*e)->plan);
  free((*e)->x);
  free((*e)->y);
  free((*e)->out);
  free((*e)->scores);
  free(*e);
  *e = NULL;
}

pno_status pno_evaluator_predict(pno_evaluator *e, ptrdiff_t sample, const float **x, const float **y,
                                 const float **prediction) {
  PNO_TRY(pno_dataset_read(e->ds, e->first + sample, e->x, e->y));
  pno_fno_forward(e->plan, e->o->params, e->x, 1, e->out);
  *x = e->x;
  *y = e->y;
  *prediction = e->out;
  return PNO_OK;
}

void pno_evaluator_score(pno_evaluator *e, double scores[PNO_SCORES]) {
  for (int k = 0; k < PNO_SCORES; k++) pno_fno_losses(e->plan, (pno_loss_kind)k, e->out, e->y, 1, &scores[k]);
}

/* The samples of rank r: [first, first + count) of n, as equal as can be. */
static ptrdiff_t share(ptrdiff_t n, int ranks, int r) { return n * r / ranks; }

static pno_status score_share(pno_evaluator *e, ptrdiff_t from, ptrdiff_t to) {
  for (ptrdiff_t s = from; s < to; s++) {
    const float *x, *y, *prediction;
    PNO_TRY(pno_evaluator_predict(e, s, &x, &y, &prediction));
    pno_evaluator_score(e, &e->scores[s * PNO_SCORES]);
  }
  return PNO_OK;
}

/* Every rank's share to every rank, one broadcast a rank. */
static pno_status exchange(pno_evaluator *e, pno_comm *comm) {
  const int ranks = pno_comm_size(comm);
  for (int r = 0; r < ranks; r++) {
    const ptrdiff_t from = share(e->count, ranks, r), to = share(e->count, ranks, r + 1);
    if (from == to) continue;
    PNO_TRY(pno_bcast(comm, e->scores + from * PNO_SCORES, (size_t)(to - from) * PNO_SCORES * sizeof *e->scores, r));
  }
  return PNO_OK;
}

pno_status pno_evaluate(pno_evaluator *e, pno_comm *comm, pno_scores *out, double *per_sample) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const pno_status st = score_share(e, share(e->count, ranks, rank), share(e->count, ranks, rank + 1));
  PNO_TRY(pno_agree(comm, st));
  PNO_TRY(exchange(e, comm));
  *out = (pno_scores){.samples = e->count};
  for (ptrdiff_t s = 0; s < e->count; s++) {
    for (int k = 0; k < PNO_SCORES; k++) {
      out->mean[k] += e->scores[s * PNO_SCORES + k] / (double)e->count;
      if (per_sample) per_sample[s * PNO_SCORES + k] = e->scores[s * PNO_SCORES + k];
    }
  }
  return PNO_OK;
}
