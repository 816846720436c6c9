#include "io/strip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/plot.h"

/* Values along an axis that are drawn, and times of a line; more are thinned out. */
enum { EXTENT = 512, PANELS = PNO_FIELDS_MAX * 2, TITLE = PNO_FIELD_NAME + 64 };

typedef struct {
  const pno_strip_spec *spec;
  pno_dataset *ds; /* owned */
  float *x, *y;    /* owned: of one sample */
  float *lengths;  /* owned: [panel][points], vectors as their lengths */
  ptrdiff_t points;
  pno_plot_panel panels[PANELS];
  char titles[PANELS][TITLE];
  int n;
} strip;

static void strip_free(strip *s) {
  pno_dataset_close(&s->ds);
  free(s->x);
  free(s->y);
  free(s->lengths);
}

static pno_status open_data(strip *s, const pno_sample_view *view) {
  PNO_TRY(pno_dataset_open(s->spec->data, view, s->spec->limits, &s->ds));
  s->points = pno_dataset_points(s->ds);
  s->x = calloc((size_t)pno_dataset_x_count(s->ds), sizeof *s->x);
  s->y = calloc((size_t)pno_dataset_y_count(s->ds), sizeof *s->y);
  if (s->x && s->y) return PNO_OK;
  return pno_fail(PNO_E_NOMEM, "%s: no memory for a picture of %td points", s->spec->data, s->points);
}

static pno_status take_lengths(strip *s, int panels) {
  s->lengths = calloc((size_t)s->points * (size_t)panels, sizeof *s->lengths);
  return s->lengths ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d frames of %td points", panels, s->points);
}

/* values [points][row]: components from at on. */
static void put_length(const float *values, ptrdiff_t points, int row, int at, int components, float *out) {
  for (ptrdiff_t p = 0; p < points; p++) {
    const float *v = values + p * row + at;
    double sum = 0;
    for (int k = 0; k < components; k++) sum += (double)v[k] * (double)v[k];
    out[p] = components > 1 ? (float)sqrt(sum) : v[0];
  }
}

static int thin(int n) { return (n - 1) / EXTENT + 1; }

/* A frame as a panel: rows along the second axis upwards; a line gets as many equal rows as make it visible. */
static void add_panel(strip *s, const float *values) {
  const pno_sample_info *info = pno_dataset_info(s->ds);
  const int a = info->dims == 3 ? 1 : 0, rows = info->dims > 1 ? info->n[a + 1] : 1, cols = info->n[a];
  const int by_col = thin(cols), by_row = thin(rows);
  pno_plot_panel p = {.title = s->titles[s->n], .values = values, .rows = (rows - 1) / by_row + 1,
                      .cols = (cols - 1) / by_col + 1, .row_stride = by_row, .col_stride = (ptrdiff_t)rows * by_col};
  if (info->dims == 3) p.values += (ptrdiff_t)(info->n[0] / 2) * rows * cols;
  if (info->dims == 1) {
    p.rows = (p.cols + 3) / 4;
    p.row_stride = 0;
  }
  s->panels[s->n++] = p;
}

/* All panels on the scale of all. */
static void share_range(strip *s) {
  double lo = INFINITY, hi = -INFINITY;
  for (int i = 0; i < s->n; i++) {
    double least, most;
    pno_plot_range(&s->panels[i], &least, &most);
    lo = fmin(lo, least);
    hi = fmax(hi, most);
  }
  for (int i = 0; i < s->n; i++) {
    s->panels[i].lo = lo;
    s->panels[i].hi = hi;
  }
}

/* ---- inputs and targets ---- */

static const pno_about_field *find_field(const pno_dataset_about *a, const char *name) {
  for (int i = 0; i < a->n_fields; i++)
    if (strcmp(a->fields[i].name, name) == 0) return &a->fields[i];
  return NULL;
}

/* The fields of one side of a sample; scalars are one colour each and left out. */
static void add_side(strip *s, int n, const char (*names)[PNO_FIELD_NAME], const char *what, const float *values,
                     int row) {
  for (int i = 0, at = 0; i < n; i++) {
    const pno_about_field *f = find_field(s->spec->about, names[i]);
    const int components = f ? f->components : 1;
    if (f && s->n < PANELS) {
      float *room = s->lengths + s->n * s->points;
      put_length(values, s->points, row, at, components, room);
      snprintf(s->titles[s->n], TITLE, "%s %s%s%s", what, components > 1 ? "|" : "", f->name,
               components > 1 ? "|" : "");
      add_panel(s, room);
    }
    at += components;
  }
}

static pno_status draw_sides(strip *s) {
  const pno_sample_view view = {.mode = PNO_MODE_STEADY};
  PNO_TRY(open_data(s, &view));
  const pno_sample_view *v = pno_dataset_view(s->ds);
  const pno_sample_info *info = pno_dataset_info(s->ds);
  PNO_TRY(take_lengths(s, v->n_input + v->n_target));
  PNO_TRY(pno_dataset_read(s->ds, s->spec->trajectory, s->x, s->y));
  add_side(s, v->n_input, (const char(*)[PNO_FIELD_NAME])v->input, "input", s->x, info->in_channels);
  add_side(s, v->n_target, (const char(*)[PNO_FIELD_NAME])v->target, "target", s->y, info->out_channels);
  return PNO_OK;
}

/* ---- one field ---- */

static void name_field(const pno_about_field *f, pno_sample_view *v) {
  v->n_input = v->n_target = 1;
  snprintf(v->input[0], PNO_FIELD_NAME, "%s", f->name);
  snprintf(v->target[0], PNO_FIELD_NAME, "%s", f->name);
}

static pno_status draw_still(strip *s, const pno_about_field *f) {
  pno_sample_view view = {.mode = PNO_MODE_STEADY};
  name_field(f, &view);
  PNO_TRY(open_data(s, &view));
  PNO_TRY(take_lengths(s, 1));
  PNO_TRY(pno_dataset_read(s->ds, s->spec->trajectory, s->x, s->y));
  put_length(s->x, s->points, f->components, 0, f->components, s->lengths);
  snprintf(s->titles[0], TITLE, "%s", f->name);
  add_panel(s, s->lengths);
  return PNO_OK;
}

/* Windows of two frames: the last frame is the target of the last window. */
static pno_status read_frame(strip *s, const pno_about_field *f, int t, float *out) {
  const int windows = s->spec->about->n_times - 1, w = t < windows ? t : windows - 1;
  PNO_TRY(pno_dataset_read(s->ds, s->spec->trajectory * windows + w, s->x, s->y));
  put_length(t < windows ? s->x : s->y, s->points, f->components, 0, f->components, out);
  return PNO_OK;
}

/* Time upwards; few frames get several rows each. */
static void add_lines(strip *s, const pno_about_field *f, int frames, float *rows, int repeat) {
  const int n = pno_dataset_info(s->ds)->n[0], by = thin(n);
  for (int k = frames - 1; k >= 0; k--)
    for (int r = repeat - 1; r >= 0; r--)
      memmove(rows + ((ptrdiff_t)k * repeat + r) * n, rows + (ptrdiff_t)k * n, (size_t)n * sizeof *rows);
  snprintf(s->titles[0], TITLE, "%s, t = %.4g to %.4g upwards", f->name, s->spec->about->time[0],
           s->spec->about->time[s->spec->about->n_times - 1]);
  s->panels[s->n++] = (pno_plot_panel){.title = s->titles[0],
                                       .values = rows,
                                       .rows = frames * repeat,
                                       .cols = (n - 1) / by + 1,
                                       .row_stride = n,
                                       .col_stride = by};
}

static pno_status draw_series(strip *s, const pno_about_field *f) {
  const pno_dataset_about *a = s->spec->about;
  pno_sample_view view = {.mode = PNO_MODE_AUTOREGRESSIVE, .frames_in = 1, .frames_out = 1, .stride = 1};
  const bool line = a->n_spatial == 1;
  const int most = line ? EXTENT : PNO_STRIP_FRAMES, frames = a->n_times < most ? a->n_times : most;
  const int cols = (a->n[0] - 1) / thin(a->n[0]) + 1; /* of a line, which becomes at least half as high as it is wide */
  const int repeat = line ? (cols / 2) / frames + 1 : 1;
  name_field(f, &view);
  PNO_TRY(open_data(s, &view));
  PNO_TRY(take_lengths(s, frames * repeat));
  for (int k = 0; k < frames; k++) {
    const int t = frames > 1 ? (int)((ptrdiff_t)k * (a->n_times - 1) / (frames - 1)) : 0;
    float *room = s->lengths + k * s->points;
    PNO_TRY(read_frame(s, f, t, room));
    if (line) continue;
    snprintf(s->titles[s->n], TITLE, "%s t = %.4g", f->name, a->time[t]);
    add_panel(s, room);
  }
  if (line) add_lines(s, f, frames, s->lengths, repeat);
  share_range(s);
  return PNO_OK;
}

static pno_status fail_field(const pno_dataset_about *a, const char *name) {
  char names[256] = "";
  size_t used = 0;
  for (int i = 0; i < a->n_fields && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", a->fields[i].name);
  return pno_fail(PNO_E_USAGE, "no field %.60s; there are: %s", name, names);
}

/* The field that was asked for, or the first target of a series; NULL: inputs and targets. */
static pno_status choose(const pno_strip_spec *spec, const pno_about_field **out) {
  *out = NULL;
  if (spec->field) {
    *out = find_field(spec->about, spec->field);
    return *out ? PNO_OK : fail_field(spec->about, spec->field);
  }
  pno_dataset *ds = NULL;
  PNO_TRY(pno_dataset_open(spec->data, NULL, spec->limits, &ds));
  const pno_sample_view *v = pno_dataset_view(ds);
  if (v->mode != PNO_MODE_STEADY) *out = find_field(spec->about, v->target[0]);
  pno_dataset_close(&ds);
  return PNO_OK;
}

static pno_status draw(strip *s) {
  const pno_about_field *f;
  PNO_TRY(choose(s->spec, &f));
  if (!f) return draw_sides(s);
  return f->timed && s->spec->about->n_times > 1 ? draw_series(s, f) : draw_still(s, f);
}

pno_status pno_strip_draw(const char *png, const pno_strip_spec *spec) {
  strip s = {.spec = spec};
  if (spec->trajectory < 0 || spec->trajectory >= spec->about->trajectories)
    return pno_fail(PNO_E_USAGE, "%s: trajectory %td of %td", spec->data, spec->trajectory, spec->about->trajectories);
  pno_status st = draw(&s);
  if (st == PNO_OK) st = pno_plot_panels(png, s.panels, s.n);
  strip_free(&s);
  return st;
}
