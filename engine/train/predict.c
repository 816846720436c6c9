#include "engine/train/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/evaluate.h"
#include "io/fields_file.h"
#include "io/fsutil.h"
#include "io/plot.h"

typedef enum { VAR_INPUT, VAR_TRUTH, VAR_PREDICTION, VAR_SCORE, VARS } variable;

typedef struct {
  const pno_predict_spec *spec;
  pno_dataset *ds;
  pno_evaluator *evaluator;
  pno_fields_file *file; /* rank 0 */
  float *own;            /* x, truth and prediction of one sample, channels last */
  double score;          /* of it */
  float *all;            /* rank 0: [ranks] x own */
  double *scores;        /* rank 0: [ranks] */
  ptrdiff_t nx, ny, floats;
} prediction;

static pno_status create_file(prediction *p) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  char step[32], config[PNO_DIGEST_TEXT];
  double *coord[3] = {NULL, NULL, NULL};
  snprintf(step, sizeof step, "%lld", (long long)p->spec->step);
  pno_digest_text(p->spec->config, config);
  pno_fields_spec f = {
      .samples = p->spec->samples, .dims = info->dims, .n_vars = VARS,
      .var = {[VAR_INPUT] = {"input", "input of the operator", "channel_in", info->in_channels},
              [VAR_TRUTH] = {"truth", "target in the data", "channel", info->out_channels},
              [VAR_PREDICTION] = {"prediction", "output of the operator", "channel", info->out_channels},
              [VAR_SCORE] = {"rel_l2", "relative L2 error of the sample", NULL, 0}},
      .n_notes = 5,
      .note = {{"generator", p->spec->program}, {"run_id", p->spec->run_id}, {"config_digest", config},
               {"checkpoint_step", step}, {"data", p->spec->data}}};
  pno_status st = PNO_OK;
  for (int j = 0; j < info->dims && st == PNO_OK; j++) {
    f.n[j] = info->n[j];
    coord[j] = malloc(sizeof *coord[j] * (size_t)info->n[j]);
    if (!coord[j]) st = pno_fail(PNO_E_NOMEM, "no memory for the coordinates of axis %d", j);
    const double width = info->hi[j] - info->lo[j];
    for (int i = 0; coord[j] && i < info->n[j]; i++)
      coord[j][i] = info->lo[j] + (info->n[j] > 1 ? width * i / (info->n[j] - 1) : 0);
    f.coord[j] = coord[j];
  }
  if (st == PNO_OK) st = pno_fields_create(p->spec->path, &f, &p->file);
  for (int j = 0; j < 3; j++) free(coord[j]);
  return st;
}

static pno_status prepare(prediction *p, const pno_operator *o, int ranks, bool writes) {
  if (p->spec->samples > pno_dataset_count(p->ds))
    return pno_fail(PNO_E_USAGE, "%td samples wanted, %s has %td", p->spec->samples, p->spec->data,
                    pno_dataset_count(p->ds));
  PNO_TRY(pno_evaluator_create(o, p->ds, 0, p->spec->samples, &p->evaluator));
  p->nx = pno_dataset_x_count(p->ds);
  p->ny = pno_dataset_y_count(p->ds);
  p->floats = p->nx + 2 * p->ny;
  p->own = calloc((size_t)p->floats, sizeof *p->own);
  p->all = writes ? calloc((size_t)(p->floats * ranks), sizeof *p->all) : NULL;
  p->scores = writes ? calloc((size_t)ranks, sizeof *p->scores) : NULL;
  if (!p->own || (writes && (!p->all || !p->scores)))
    return pno_fail(PNO_E_NOMEM, "no memory for predictions of %td values", p->floats);
  return writes ? create_file(p) : PNO_OK;
}

static pno_status predict_one(prediction *p, ptrdiff_t sample) {
  const float *x, *y, *out;
  PNO_TRY(pno_evaluator_predict(p->evaluator, sample, &x, &y, &out));
  double scores[PNO_SCORES];
  pno_evaluator_score(p->evaluator, scores);
  p->score = scores[PNO_LOSS_REL_L2];
  memcpy(p->own, x, sizeof *x * (size_t)p->nx);
  memcpy(p->own + p->nx, y, sizeof *y * (size_t)p->ny);
  memcpy(p->own + p->nx + p->ny, out, sizeof *out * (size_t)p->ny);
  return PNO_OK;
}

/* Panel of the first of c channels: rows run along the second axis upwards; of 3-D fields the middle plane of the
 * first axis. minus: NULL or a field to take away. */
static pno_plot_panel panel(const pno_sample_info *info, int c, const char *title, const float *values,
                            const float *minus) {
  const int a = info->dims == 3 ? 1 : 0;
  const int cols = info->n[a], rows = info->dims > 1 ? info->n[a + 1] : 1;
  const ptrdiff_t plane = info->dims == 3 ? (ptrdiff_t)(info->n[0] / 2) * cols * rows * c : 0;
  return (pno_plot_panel){.title = title, .values = values + plane, .minus = minus ? minus + plane : NULL, .rows = rows,
                          .cols = cols, .row_stride = c, .col_stride = (ptrdiff_t)rows * c};
}

static pno_status draw(prediction *p, ptrdiff_t sample, const float *x, const float *y, const float *out) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  const int c = info->out_channels;
  char path[PNO_PATH_MAX];
  pno_plot_panel panels[4] = {panel(info, info->in_channels, "input", x, NULL), panel(info, c, "truth", y, NULL),
                              panel(info, c, "prediction", out, NULL), panel(info, c, "error", out, y)};
  pno_plot_range(&panels[1], &panels[1].lo, &panels[1].hi);
  panels[2].lo = panels[1].lo; /* truth and prediction share one scale */
  panels[2].hi = panels[1].hi;
  const int n = snprintf(path, sizeof path, "%s-%04td.png", p->spec->pictures, sample);
  if (n >= (int)sizeof path) return pno_fail(PNO_E_USAGE, "%s: too long a path", p->spec->pictures);
  return pno_plot_panels(path, panels, 4);
}

static pno_status write_one(prediction *p, ptrdiff_t sample, const float *values, double score) {
  const float *x = values, *y = x + p->nx, *out = y + p->ny;
  PNO_TRY(pno_fields_put_last(p->file, VAR_INPUT, sample, x));
  PNO_TRY(pno_fields_put_last(p->file, VAR_TRUTH, sample, y));
  PNO_TRY(pno_fields_put_last(p->file, VAR_PREDICTION, sample, out));
  PNO_TRY(pno_fields_put_scalar(p->file, VAR_SCORE, sample, score));
  return p->spec->pictures ? draw(p, sample, x, y, out) : PNO_OK;
}

/* Rounds of one sample a rank, so that nobody waits for long. */
static pno_status predict_rounds(prediction *p, pno_comm *comm, double *sum) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const ptrdiff_t samples = p->spec->samples;
  for (ptrdiff_t first = 0; first < samples; first += ranks) {
    const pno_status made = first + rank < samples ? predict_one(p, first + rank) : PNO_OK;
    PNO_TRY(pno_agree(comm, made));
    PNO_TRY(pno_gather(comm, p->own, (size_t)p->floats * sizeof *p->own, p->all, 0));
    PNO_TRY(pno_gather(comm, &p->score, sizeof p->score, p->scores, 0));
    pno_status written = PNO_OK;
    for (ptrdiff_t r = 0; rank == 0 && r < ranks && first + r < samples && written == PNO_OK; r++) {
      written = write_one(p, first + r, p->all + r * p->floats, p->scores[r]);
      *sum += p->scores[r];
    }
    PNO_TRY(pno_agree(comm, written));
  }
  return pno_agree(comm, rank == 0 ? pno_fields_commit(&p->file) : PNO_OK);
}

pno_status pno_predict(const pno_predict_spec *spec, pno_operator *o, pno_dataset *ds, pno_comm *comm,
                       double *rel_l2) {
  prediction p = {.spec = spec, .ds = ds};
  double sum = 0;
  PNO_TRY(pno_operator_choose(o, comm, pno_dataset_info(ds)));
  pno_status st = pno_agree(comm, prepare(&p, o, pno_comm_size(comm), pno_comm_rank(comm) == 0));
  if (st == PNO_OK) st = predict_rounds(&p, comm, &sum);
  pno_fields_abandon(&p.file);
  pno_evaluator_destroy(&p.evaluator);
  free(p.all);
  free(p.own);
  free(p.scores);
  if (st == PNO_OK) st = pno_bcast(comm, &sum, sizeof sum, 0);
  if (st == PNO_OK) *rel_l2 = sum / (double)spec->samples;
  return st;
}
