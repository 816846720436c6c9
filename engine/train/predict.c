#include "engine/train/predict.h"

#include <math.h>
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
  float *all;            /* rank 0: [ranks] x own */
  float *own;            /* x, truth and prediction of one sample, channels last, and its score */
  float *field;          /* one variable with the channels in front */
  ptrdiff_t nx, ny, floats;
} prediction;

/* [points][channels] -> [channels][points], as files and pictures want it. */
static void channels_first(const float *from, ptrdiff_t points, int channels, float *to) {
  for (int c = 0; c < channels; c++)
    for (ptrdiff_t p = 0; p < points; p++) to[c * points + p] = from[p * channels + c];
}

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
  p->field = calloc((size_t)(p->nx > 3 * p->ny ? p->nx : 3 * p->ny), sizeof *p->field);
  p->all = writes ? calloc((size_t)(p->floats * ranks), sizeof *p->all) : NULL;
  if (!p->own || !p->field || (writes && !p->all))
    return pno_fail(PNO_E_NOMEM, "no memory for predictions of %td values", p->floats);
  return writes ? create_file(p) : PNO_OK;
}

static pno_status predict_one(prediction *p, ptrdiff_t sample) {
  const float *x, *y, *out;
  PNO_TRY(pno_evaluator_predict(p->evaluator, sample, &x, &y, &out));
  memcpy(p->own, x, sizeof *x * (size_t)p->nx);
  memcpy(p->own + p->nx, y, sizeof *y * (size_t)p->ny);
  memcpy(p->own + p->nx + p->ny, out, sizeof *out * (size_t)p->ny);
  return PNO_OK;
}

/* Relative L2 error of one sample as kernels/scalar/loss.c defines it: root of the sums over points and channels. */
static double relative_error(const prediction *p, const float *truth, const float *out) {
  double error = 0, norm = 0;
  for (ptrdiff_t i = 0; i < p->ny; i++) {
    const double d = (double)out[i] - truth[i];
    error += d * d;
    norm += (double)truth[i] * truth[i];
  }
  return sqrt(error / norm);
}

/* Panel of the first channel: rows run along the second axis upwards; of 3-D fields the middle plane of the first. */
static pno_plot_panel panel(const pno_sample_info *info, const char *title, const float *values) {
  const int a = info->dims == 3 ? 1 : 0;
  const int cols = info->n[a], rows = info->dims > 1 ? info->n[a + 1] : 1;
  const float *plane = info->dims == 3 ? values + (ptrdiff_t)(info->n[0] / 2) * cols * rows : values;
  return (pno_plot_panel){.title = title, .values = plane, .rows = rows, .cols = cols, .row_stride = 1,
                          .col_stride = rows};
}

static pno_status draw(prediction *p, ptrdiff_t sample, const float *x, const float *y, const float *out) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  const ptrdiff_t points = pno_dataset_points(p->ds);
  char path[PNO_PATH_MAX];
  float *planes = calloc(4 * (size_t)points, sizeof *planes);
  if (!planes) return pno_fail(PNO_E_NOMEM, "no memory for a picture of %td points", points);
  for (ptrdiff_t i = 0; i < points; i++) {
    planes[i] = x[i * info->in_channels];
    planes[points + i] = y[i * info->out_channels];
    planes[2 * points + i] = out[i * info->out_channels];
    planes[3 * points + i] = planes[2 * points + i] - planes[points + i];
  }
  pno_plot_panel panels[4] = {panel(info, "input", planes), panel(info, "truth", planes + points),
                              panel(info, "prediction", planes + 2 * points), panel(info, "error", planes + 3 * points)};
  pno_plot_range(&panels[1], &panels[1].lo, &panels[1].hi);
  panels[2].lo = panels[1].lo; /* truth and prediction share one scale */
  panels[2].hi = panels[1].hi;
  const int n = snprintf(path, sizeof path, "%s-%04td.png", p->spec->pictures, sample);
  const pno_status st = n < (int)sizeof path ? pno_plot_panels(path, panels, 4)
                                             : pno_fail(PNO_E_USAGE, "%s: too long a path", p->spec->pictures);
  free(planes);
  return st;
}

static pno_status write_one(prediction *p, ptrdiff_t sample, const float *values, double *sum) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  const ptrdiff_t points = pno_dataset_points(p->ds);
  const float *x = values, *y = x + p->nx, *out = y + p->ny;
  const double score = relative_error(p, y, out);
  channels_first(x, points, info->in_channels, p->field);
  PNO_TRY(pno_fields_put(p->file, VAR_INPUT, sample, p->field));
  channels_first(y, points, info->out_channels, p->field);
  PNO_TRY(pno_fields_put(p->file, VAR_TRUTH, sample, p->field));
  channels_first(out, points, info->out_channels, p->field);
  PNO_TRY(pno_fields_put(p->file, VAR_PREDICTION, sample, p->field));
  PNO_TRY(pno_fields_put_scalar(p->file, VAR_SCORE, sample, score));
  *sum += score;
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
    pno_status written = PNO_OK;
    for (ptrdiff_t r = 0; rank == 0 && r < ranks && first + r < samples && written == PNO_OK; r++)
      written = write_one(p, first + r, p->all + r * p->floats, sum);
    PNO_TRY(pno_agree(comm, written));
  }
  return pno_agree(comm, rank == 0 ? pno_fields_commit(&p->file) : PNO_OK);
}

pno_status pno_predict(const pno_predict_spec *spec, const pno_operator *o, pno_dataset *ds, pno_comm *comm,
                       double *rel_l2) {
  prediction p = {.spec = spec, .ds = ds};
  double sum = 0;
  pno_status st = pno_agree(comm, prepare(&p, o, pno_comm_size(comm), pno_comm_rank(comm) == 0));
  if (st == PNO_OK) st = predict_rounds(&p, comm, &sum);
  pno_fields_abandon(&p.file);
  pno_evaluator_destroy(&p.evaluator);
  free(p.all);
  free(p.own);
  free(p.field);
  if (st == PNO_OK) st = pno_bcast(comm, &sum, sizeof sum, 0);
  if (st == PNO_OK) *rel_l2 = sum / (double)spec->samples;
  return st;
}
