#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/rollout_impl.h"
#include "io/fsutil.h"
#include "io/plot.h"

/* ---- memory ---- */

/* Parts that there are none of take no room. */
static void place_parts(rollout *r) {
  const ptrdiff_t series = r->frames * r->values;
  const ptrdiff_t size[ROLLOUT_PARTS] = {r->nx, series, series, r->draws > 1 ? series : 0, r->members * series};
  for (int i = 0; i < ROLLOUT_PARTS; i++) r->at[i + 1] = r->at[i] + size[i];
  r->floats = r->at[ROLLOUT_PARTS];
}

static void describe_scores(rollout *r) {
  const pno_sample_info *info = pno_dataset_info(r->ds);
  r->score_spec = (pno_score_spec){.dims = info->dims, .channels = r->channels, .draws = r->draws, .needs_draws = true};
  for (int j = 0; j < info->dims; j++) r->score_spec.n[j] = info->n[j];
}

static pno_status allocate(rollout *r, int ranks, bool writes) {
  const size_t records = writes ? (size_t)ranks : 0, scores = (size_t)r->frames * ROLLOUT_SCORES;
  r->x = calloc((size_t)r->nx, sizeof *r->x);
  r->y = calloc((size_t)r->ny, sizeof *r->y);
  r->frame = calloc((size_t)r->values, sizeof *r->frame);
  r->states = calloc((size_t)r->draws * (size_t)r->nx, sizeof *r->states);
  r->row = calloc((size_t)pno_score_values(&r->score_spec), sizeof *r->row);
  r->own = calloc((size_t)r->floats, sizeof *r->own);
  r->own_scores = calloc(scores, sizeof *r->own_scores);
  if (writes) r->all = calloc(records * (size_t)r->floats, sizeof *r->all);
  if (writes) r->all_scores = calloc(records * scores, sizeof *r->all_scores);
  r->scorers = calloc((size_t)r->window_spec.frames_out, sizeof *r->scorers);
  if (r->x && r->y && r->frame && r->states && r->row && r->own && r->own_scores && r->scorers &&
      (!writes || (r->all && r->all_scores)))
    return PNO_OK;
  return pno_fail(PNO_E_NOMEM, "no memory for %d draws of %d frames of %td values", r->draws, r->frames, r->values);
}

pno_status rollout_create(rollout *r, const pno_predictive *p, int ranks, bool writes) {
  PNO_TRY(pno_window_spec_of(r->ds, &r->window_spec));
  PNO_TRY(pno_window_create(&r->window_spec, &r->window));
  const ptrdiff_t trajectories = pno_dataset_trajectories(r->ds), most = trajectories - r->spec->first;
  if (r->spec->first < 0 || r->spec->samples > most || r->spec->samples < 1)
    return pno_fail(PNO_E_USAGE, "%td trajectories wanted, %s has %td", r->spec->samples, r->spec->data, most);
  r->windows = pno_dataset_count(r->ds) / trajectories;
  if (r->windows != pno_dataset_frames(r->ds) - r->window_spec.frames_in - r->window_spec.frames_out + 1)
    return pno_fail(PNO_E_INTERNAL, "%s: opened with a stride of %d", r->spec->data, pno_dataset_view(r->ds)->stride);
  if (r->steps < 1 || r->steps > PNO_ROLLOUT_FRAMES / r->window_spec.frames_out)
    return pno_fail(PNO_E_USAGE, "a rollout of %d steps of %d frames; at most %d frames are possible", r->steps,
                    r->window_spec.frames_out, (int)PNO_ROLLOUT_FRAMES);
  r->frames = r->steps * r->window_spec.frames_out;
  r->draws = pno_uq_draws(p, p->uq->samples);
  r->members = r->draws > 1 ? (r->spec->members < r->draws ? r->spec->members : r->draws) : 0;
  r->channels = pno_window_frame_channels(r->window);
  r->nx = pno_dataset_x_count(r->ds);
  r->ny = pno_dataset_y_count(r->ds);
  r->values = pno_dataset_points(r->ds) * r->channels;
  place_parts(r);
  describe_scores(r);
  PNO_TRY(allocate(r, ranks, writes));
  for (int f = 0; f < r->window_spec.frames_out; f++) PNO_TRY(pno_scorer_create(&r->score_spec, &r->scorers[f]));
  return pno_sampler_create(p, pno_dataset_info(r->ds), 1, &r->sampler);
}

void rollout_destroy(rollout *r) {
  pno_fields_abandon(&r->file);
  for (int f = 0; r->scorers && f < r->window_spec.frames_out; f++) pno_scorer_destroy(&r->scorers[f]);
  pno_sampler_destroy(&r->sampler);
  pno_window_destroy(&r->window);
  free(r->scorers);
  free(r->x);
  free(r->y);
  free(r->frame);
  free(r->states);
  free(r->row);
  free(r->own);
  free(r->all);
  free(r->own_scores);
  free(r->all_scores);
}

float *rollout_at(rollout *r, rollout_part part, int frame) { return r->own + r->at[part] + frame * r->values; }

void rollout_take(rollout *r, rollout_part part, int frame, const float *values) {
  const ptrdiff_t n = part == ROLLOUT_INPUT ? r->nx : r->values;
  memcpy(rollout_at(r, part, frame), values, sizeof *values * (size_t)n);
}

void rollout_take_member(rollout *r, int member, int frame, const float *values) {
  rollout_take(r, ROLLOUT_MEMBER, member * r->frames + frame, values);
}

/* ---- the file ---- */

static const pno_fields_var series_vars[] = {
    [ROLLOUT_INPUT] = {.name = "input",
                       .long_name = "first input of the operator",
                       .channel_axis = "channel_in",
                       .skip = 1},
    [ROLLOUT_TRUTH] = {.name = "truth", .long_name = "target in the data", .channel_axis = "channel"},
    [ROLLOUT_MEAN] = {.name = "prediction",
                      .long_name = "output of the operator fed with its own, mean of the draws",
                      .channel_axis = "channel"},
    [ROLLOUT_SD] = {.name = "std", .long_name = "standard deviation of the draws", .channel_axis = "channel"},
    [ROLLOUT_MEMBER] = {.name = "draw", .long_name = "draws, each fed with its own", .channel_axis = "channel"}};

static const pno_fields_var score_vars[] = {
    [ROLLOUT_REL_L2] = {.name = "rel_l2", .long_name = "relative L2 error of the prediction", .over = 1},
    [ROLLOUT_CRPS] = {.name = "crps", .long_name = "CRPS of the draws, of one draw the mean error", .over = 1},
    [ROLLOUT_SPREAD] = {.name = "spread", .long_name = "root of the mean variance of the draws", .over = 1}};

static bool has_part(const rollout *r, int part) { return r->at[part + 1] > r->at[part]; }

static void list_vars(const rollout *r, pno_fields_spec *f) {
  for (int i = 0; i < ROLLOUT_PARTS; i++) {
    if (!has_part(r, i)) continue;
    pno_fields_var *v = &f->var[f->n_vars++];
    *v = series_vars[i];
    v->channels = i == ROLLOUT_INPUT ? pno_window_in(r->window) : r->channels;
    v->members = i == ROLLOUT_MEMBER ? r->members : 0;
  }
  for (int i = 0; i < ROLLOUT_SCORES; i++) f->var[f->n_vars++] = score_vars[i];
}

/* Coordinates of the grid behind each other; room: for all of them. */
static void list_axes(const rollout *r, const double *time, double *room, pno_fields_spec *f) {
  static const char *const names[] = {"x", "y", "z"};
  const pno_sample_info *info = pno_dataset_info(r->ds);
  f->dims = info->dims + 1;
  f->n[0] = r->frames;
  f->axis[0] = "time";
  f->coord[0] = time;
  for (int j = 0; j < info->dims; j++) {
    const double width = info->n[j] > 1 ? (info->hi[j] - info->lo[j]) / (info->n[j] - 1) : 0;
    f->n[j + 1] = info->n[j];
    f->axis[j + 1] = names[j];
    f->coord[j + 1] = room;
    for (int i = 0; i < info->n[j]; i++) *room++ = info->lo[j] + width * i;
  }
}

pno_status rollout_file(rollout *r, const double *time) {
  const pno_sample_info *info = pno_dataset_info(r->ds);
  const pno_predict_spec *s = r->spec;
  char step[32], config[PNO_DIGEST_TEXT], draws[32], steps[32];
  snprintf(step, sizeof step, "%lld", (long long)s->step);
  snprintf(draws, sizeof draws, "%d", r->draws);
  snprintf(steps, sizeof steps, "%d", r->steps);
  pno_digest_text(s->config, config);
  pno_fields_spec f = {.samples = s->samples, .n_notes = 7,
                       .note = {{"generator", s->program}, {"run_id", s->run_id}, {"config_digest", config},
                                {"checkpoint_step", step}, {"data", s->data}, {"draws", draws}, {"rollout", steps}}};
  size_t points = 0;
  for (int j = 0; j < info->dims; j++) points += (size_t)info->n[j];
  double *room = calloc(points, sizeof *room);
  int64_t *ids = calloc((size_t)s->samples, sizeof *ids);
  pno_status st = room && ids ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the coordinates of a rollout");
  if (st == PNO_OK) {
    for (ptrdiff_t i = 0; i < s->samples; i++) ids[i] = s->first + i;
    f.sample_ids = ids;
    list_axes(r, time, room, &f);
    list_vars(r, &f);
    st = pno_fields_create(s->path, &f, &r->file);
  }
  free(room);
  free(ids);
  return st;
}

/* ---- a trajectory ---- */

/* A line: all frames, time upwards. Else one frame: rows along the second axis upwards, of a box the middle plane. */
static pno_plot_panel panel(const rollout *r, int frame, const char *title, const float *values, const float *minus) {
  enum { ROWS = 512 };
  const pno_sample_info *info = pno_dataset_info(r->ds);
  const int c = r->channels, by = (r->frames - 1) / ROWS + 1, a = info->dims == 3 ? 1 : 0;
  if (info->dims == 1)
    return (pno_plot_panel){.title = title, .values = values, .minus = minus, .rows = (r->frames - 1) / by + 1,
                            .cols = info->n[0], .row_stride = r->values * by, .col_stride = c};
  const int cols = info->n[a], rows = info->n[a + 1];
  const ptrdiff_t plane = info->dims == 3 ? (ptrdiff_t)(info->n[0] / 2) * cols * rows * c : 0,
                  at = frame * r->values + plane;
  return (pno_plot_panel){.title = title,
                          .values = values + at,
                          .minus = minus ? minus + at : NULL,
                          .rows = rows,
                          .cols = cols,
                          .row_stride = c,
                          .col_stride = (ptrdiff_t)rows * c};
}

static pno_status draw(const rollout *r, ptrdiff_t sample, const float *record, const double *time) {
  const int left = pno_dataset_frames(r->ds) - r->window_spec.frames_in,
            last = (left < r->frames ? left : r->frames) - 1;
  const float *truth = record + r->at[ROLLOUT_TRUTH], *mean = record + r->at[ROLLOUT_MEAN];
  char path[PNO_PATH_MAX], title[64];
  const bool line = pno_dataset_info(r->ds)->dims == 1;
  snprintf(title, sizeof title, "truth, t %s %.4g", line ? "upwards to" : "=", time[line ? r->frames - 1 : last]);
  pno_plot_panel panels[4] = {panel(r, last, title, truth, NULL),
                              panel(r, last, r->draws > 1 ? "mean" : "prediction", mean, NULL),
                              panel(r, last, "error", mean, truth)};
  if (r->draws > 1) panels[3] = panel(r, last, "std", record + r->at[ROLLOUT_SD], NULL);
  pno_plot_range(&panels[0], &panels[0].lo, &panels[0].hi);
  panels[1].lo = panels[0].lo; /* truth and prediction share one scale */
  panels[1].hi = panels[0].hi;
  const int n = snprintf(path, sizeof path, "%s-%04td.png", r->spec->pictures, sample);
  if (n >= (int)sizeof path) return pno_fail(PNO_E_USAGE, "%s: too long a path", r->spec->pictures);
  return pno_plot_panels(path, panels, r->draws > 1 ? 4 : 3);
}

static pno_status write_scores(rollout *r, ptrdiff_t sample, int first_var, const double *scores) {
  double *line = calloc((size_t)r->frames, sizeof *line);
  pno_status st = line ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d scores", r->frames);
  for (int i = 0; i < ROLLOUT_SCORES && st == PNO_OK; i++) {
    for (int f = 0; f < r->frames; f++) line[f] = scores[(ptrdiff_t)f * ROLLOUT_SCORES + i];
    st = pno_fields_put_line(r->file, first_var + i, sample, line);
  }
  free(line);
  return st;
}

pno_status rollout_write(rollout *r, ptrdiff_t sample, const float *record, const double *scores, const double *time) {
  int var = 0;
  for (int i = 0; i < ROLLOUT_PARTS; i++) {
    if (!has_part(r, i)) continue;
    for (int m = 0; i == ROLLOUT_MEMBER && m < r->members; m++)
      PNO_TRY(pno_fields_put_member_last(r->file, var, sample, m, record + r->at[i] + m * r->frames * r->values));
    if (i != ROLLOUT_MEMBER) PNO_TRY(pno_fields_put_last(r->file, var, sample, record + r->at[i]));
    var++;
  }
  PNO_TRY(write_scores(r, sample, var, scores));
  return r->spec->pictures ? draw(r, sample, record, time) : PNO_OK;
}
