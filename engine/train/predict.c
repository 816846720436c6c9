#include "engine/train/predict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/evaluate.h"
#include "io/fields_file.h"
#include "io/fsutil.h"
#include "io/plot.h"

/* A field of the prediction, in the order in which they lie behind each other; channels last. */
typedef enum { PART_INPUT, PART_TRUTH, PART_MEAN, PART_SD, PART_LOWER, PART_UPPER, PART_BAND_LOWER, PART_BAND_UPPER, PART_MEMBER } part_kind;

typedef struct {
  part_kind kind;
  int level; /* of bounds */
  ptrdiff_t at, floats; /* in the record of a sample */
} part;

enum { PARTS_MAX = 4 + 4 * PNO_LEVELS_MAX + 1 };

typedef struct {
  const pno_predict_spec *spec;
  pno_dataset *ds;
  pno_evaluator *evaluator;
  pno_fields_file *file; /* rank 0 */
  part parts[PARTS_MAX];
  int n_parts, members;
  float *own;   /* record of one sample */
  double score; /* of it */
  float *all;     /* rank 0: [ranks] x own */
  double *scores; /* rank 0: [ranks] */
  ptrdiff_t nx, ny, floats;
} prediction;

static void add_part(prediction *p, part_kind kind, int level, ptrdiff_t floats) {
  p->parts[p->n_parts++] = (part){kind, level, p->floats, floats};
  p->floats += floats;
}

/* What there is of each sample. */
static void list_parts(prediction *p) {
  const double *level;
  bool bands;
  const int levels = pno_evaluator_levels(p->evaluator, &level, &bands), draws = pno_evaluator_draws(p->evaluator);
  add_part(p, PART_INPUT, 0, p->nx);
  add_part(p, PART_TRUTH, 0, p->ny);
  add_part(p, PART_MEAN, 0, p->ny);
  if (draws > 1) add_part(p, PART_SD, 0, p->ny);
  for (int l = 0; l < levels; l++) {
    for (int side = 0; draws > 1 && side < 2; side++) add_part(p, side ? PART_UPPER : PART_LOWER, l, p->ny);
    for (int side = 0; bands && side < 2; side++) add_part(p, side ? PART_BAND_UPPER : PART_BAND_LOWER, l, p->ny);
  }
  if (p->members > 0) add_part(p, PART_MEMBER, 0, p->members * p->ny);
}

/* Names of the variables of the file: "band_lower_99.5". */
typedef char var_name[32];

static pno_fields_var var_of(const prediction *p, const part *a, var_name name) {
  static const char *const names[] = {"input", "truth", "prediction", "std", "lower", "upper", "band_lower", "band_upper", "draw"};
  static const char *const words[] = {"input of the operator", "target in the data", "output of the operator, mean of the draws",
                                      "standard deviation of the draws", "lower bound of the central interval of the draws",
                                      "upper bound of the central interval of the draws", "lower bound of the pointwise conformal band",
                                      "upper bound of the pointwise conformal band", "draws"};
  const pno_sample_info *info = pno_dataset_info(p->ds);
  const bool bound = a->kind >= PART_LOWER && a->kind <= PART_BAND_UPPER, in = a->kind == PART_INPUT;
  const double *level;
  bool bands;
  pno_evaluator_levels(p->evaluator, &level, &bands);
  if (bound)
    snprintf(name, sizeof(var_name), "%s_%.4g", names[a->kind], 100 * level[a->level]);
  else
    snprintf(name, sizeof(var_name), "%s", names[a->kind]);
  pno_fields_var v = {.name = name, .long_name = words[a->kind], .channel_axis = in ? "channel_in" : "channel",
                      .channels = in ? info->in_channels : info->out_channels};
  if (a->kind == PART_MEMBER) v.members = p->members;
  if (bound) {
    v.n_attrs = 1;
    v.attr[0].name = "level";
    v.attr[0].value = level[a->level];
  }
  return v;
}

static pno_status create_file(prediction *p) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  char step[32], config[PNO_DIGEST_TEXT], draws[32];
  var_name names[PARTS_MAX];
  double *coord[3] = {NULL, NULL, NULL};
  snprintf(step, sizeof step, "%lld", (long long)p->spec->step);
  snprintf(draws, sizeof draws, "%d", pno_evaluator_draws(p->evaluator));
  pno_digest_text(p->spec->config, config);
  pno_fields_spec f = {.samples = p->spec->samples, .dims = info->dims, .n_vars = p->n_parts + 1, .n_notes = 6,
                       .note = {{"generator", p->spec->program}, {"run_id", p->spec->run_id}, {"config_digest", config},
                                {"checkpoint_step", step}, {"data", p->spec->data}, {"draws", draws}}};
  for (int i = 0; i < p->n_parts; i++) f.var[i] = var_of(p, &p->parts[i], names[i]);
  f.var[p->n_parts] = (pno_fields_var){.name = "rel_l2", .long_name = "relative L2 error of the prediction"};
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
  int64_t *ids = calloc((size_t)p->spec->samples, sizeof *ids);
  if (!ids && st == PNO_OK) st = pno_fail(PNO_E_NOMEM, "no memory for the numbers of %td samples", p->spec->samples);
  for (ptrdiff_t i = 0; ids && i < p->spec->samples; i++) ids[i] = p->spec->first + i;
  f.sample_ids = ids;
  if (st == PNO_OK) st = pno_fields_create(p->spec->path, &f, &p->file);
  free(ids);
  for (int j = 0; j < 3; j++) free(coord[j]);
  return st;
}

static pno_status prepare(prediction *p, const pno_predictive *model, int ranks, bool writes) {
  const ptrdiff_t most = pno_dataset_count(p->ds) - p->spec->first;
  if (p->spec->samples > most)
    return pno_fail(PNO_E_USAGE, "%td samples wanted, %s has %td%s", p->spec->samples, p->spec->data, most,
                    p->spec->first > 0 ? " that are held out" : "");
  const int draws = pno_uq_draws(model, model->uq->samples);
  if (draws > 1) p->members = p->spec->members < draws ? p->spec->members : draws;
  const pno_evaluator_use use = {.draws = draws, .depth = PNO_DEPTH_SCORES, .members = p->members};
  PNO_TRY(pno_evaluator_create(model, p->ds, p->spec->first, p->spec->samples, &use, &p->evaluator));
  p->nx = pno_dataset_x_count(p->ds);
  p->ny = pno_dataset_y_count(p->ds);
  list_parts(p);
  p->own = calloc((size_t)p->floats, sizeof *p->own);
  p->all = writes ? calloc((size_t)(p->floats * ranks), sizeof *p->all) : NULL;
  p->scores = writes ? calloc((size_t)ranks, sizeof *p->scores) : NULL;
  if (!p->own || (writes && (!p->all || !p->scores)))
    return pno_fail(PNO_E_NOMEM, "no memory for predictions of %td values", p->floats);
  return writes ? create_file(p) : PNO_OK;
}

static void take_part(prediction *p, int i, const pno_prediction *made) {
  const part *a = &p->parts[i];
  const float *from[] = {[PART_INPUT] = made->x, [PART_TRUTH] = made->y, [PART_MEAN] = made->mean, [PART_SD] = made->sd,
                         [PART_MEMBER] = made->members};
  float *to = p->own + a->at;
  switch (a->kind) {
    case PART_LOWER: pno_evaluator_interval(p->evaluator, a->level, to, p->own + a[1].at); break;
    case PART_BAND_LOWER: pno_evaluator_band(p->evaluator, a->level, to, p->own + a[1].at); break;
    case PART_UPPER:
    case PART_BAND_UPPER: break; /* came with the lower one */
    default: memcpy(to, from[a->kind], sizeof *to * (size_t)a->floats);
  }
}

static pno_status predict_one(prediction *p, ptrdiff_t sample) {
  pno_prediction made;
  PNO_TRY(pno_evaluator_predict(p->evaluator, sample, &made));
  p->score = made.rel_l2;
  for (int i = 0; i < p->n_parts; i++) take_part(p, i, &made);
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

static pno_status draw(prediction *p, ptrdiff_t sample, const float *record) {
  const pno_sample_info *info = pno_dataset_info(p->ds);
  const int c = info->out_channels;
  const float *x = record + p->parts[PART_INPUT].at, *y = record + p->parts[PART_TRUTH].at;
  const float *mean = record + p->parts[PART_MEAN].at;
  const bool drawn = pno_evaluator_draws(p->evaluator) > 1;
  char path[PNO_PATH_MAX];
  pno_plot_panel panels[5] = {panel(info, info->in_channels, "input", x, NULL), panel(info, c, "truth", y, NULL),
                              panel(info, c, drawn ? "mean" : "prediction", mean, NULL), panel(info, c, "error", mean, y)};
  if (drawn) panels[4] = panel(info, c, "std", record + p->parts[PART_SD].at, NULL);
  pno_plot_range(&panels[1], &panels[1].lo, &panels[1].hi);
  panels[2].lo = panels[1].lo; /* truth and prediction share one scale */
  panels[2].hi = panels[1].hi;
  const int n = snprintf(path, sizeof path, "%s-%04td.png", p->spec->pictures, sample);
  if (n >= (int)sizeof path) return pno_fail(PNO_E_USAGE, "%s: too long a path", p->spec->pictures);
  return pno_plot_panels(path, panels, drawn ? 5 : 4);
}

static pno_status write_one(prediction *p, ptrdiff_t sample, const float *record, double score) {
  for (int i = 0; i < p->n_parts; i++) {
    const part *a = &p->parts[i];
    for (int m = 0; a->kind == PART_MEMBER && m < p->members; m++)
      PNO_TRY(pno_fields_put_member_last(p->file, i, sample, m, record + a->at + m * p->ny));
    if (a->kind != PART_MEMBER) PNO_TRY(pno_fields_put_last(p->file, i, sample, record + a->at));
  }
  PNO_TRY(pno_fields_put_scalar(p->file, p->n_parts, sample, score));
  return p->spec->pictures ? draw(p, sample, record) : PNO_OK;
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

pno_status pno_predict(const pno_predict_spec *spec, const pno_predictive *model, pno_dataset *ds, pno_comm *comm,
                       double *rel_l2) {
  prediction p = {.spec = spec, .ds = ds};
  double sum = 0;
  for (int i = 0; i < model->n_members; i++) PNO_TRY(pno_operator_choose(&model->members[i], comm, pno_dataset_info(ds)));
  pno_status st = pno_agree(comm, prepare(&p, model, pno_comm_size(comm), pno_comm_rank(comm) == 0));
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
