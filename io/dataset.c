#include "io/dataset.h"

#include "io/dataset_fields.h"
#include "io/formats/format.h"
#include "io/guard.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int n;
  pno_field fields[PNO_FIELDS_MAX]; /* data sets owned */
  pno_field_shape shapes[PNO_FIELDS_MAX];
} side;

struct pno_dataset {
  char *path; /* owned */
  pno_guard_file *file;
  const pno_format *format;
  pno_sample_view view; /* resolved */
  pno_sample_info info;
  side input, target;
  ptrdiff_t trajectories, windows; /* samples = trajectories x windows */
  ptrdiff_t times;                 /* of the fields that have a time axis, 1 if none has */
  ptrdiff_t points;
  float *raw; /* one read before it is transposed, owned; used under lock */
  pthread_mutex_t lock;
  bool locking; /* lock exists */
};

static void forget(side *s) {
  for (int i = 0; i < PNO_FIELDS_MAX; i++) s->fields[i].dset = -1;
}

static void close_side(side *s) {
  for (int i = 0; i < PNO_FIELDS_MAX; i++) pno_h5_close(&s->fields[i].dset);
}

static pno_status check_view(const pno_sample_view *v) {
  if (v->n_input < 0 || v->n_input > PNO_FIELDS_MAX || v->n_target < 0 || v->n_target > PNO_FIELDS_MAX)
    return pno_fail(PNO_E_USAGE, "a view of %d input and %d target fields, at most %d", v->n_input, v->n_target,
                    PNO_FIELDS_MAX);
  if (v->frames_in < 0 || v->frames_out < 0 || v->stride < 0)
    return pno_fail(PNO_E_USAGE, "a view of %d and %d frames with stride %d", v->frames_in, v->frames_out, v->stride);
  return PNO_OK;
}

/* Shapes of one side; all fields agree in grid, trajectories and times. */
static pno_status shape_side(pno_dataset *ds, side *s, const char (*names)[PNO_FIELD_NAME], const side *with) {
  for (int i = 0; i < s->n; i++) {
    pno_field_shape *a = &s->shapes[i];
    const pno_field_shape *b = &with->shapes[0];
    PNO_TRY(pno_field_shape_of(&s->fields[i], names[i], b, a));
    if (a->count != b->count)
      return pno_fail(PNO_E_SHAPE, "%s has %td samples and %s has %td", names[i], a->count, ds->view.target[0],
                      b->count);
    if (a->n_grid != b->n_grid || memcmp(a->n, b->n, sizeof a->n) != 0)
      return pno_fail(PNO_E_SHAPE, "%s lies on %d x %d x %d points (%d axes) and %s on %d x %d x %d (%d axes)", names[i],
                      a->n[0], a->n[1], a->n[2], a->n_grid, ds->view.target[0], b->n[0], b->n[1], b->n[2], b->n_grid);
    if (s->fields[i].time_axis < 0) continue;
    if (ds->times > 0 && a->times != ds->times)
      return pno_fail(PNO_E_SHAPE, "%s has %td times, another field %td", names[i], a->times, ds->times);
    ds->times = a->times;
  }
  return PNO_OK;
}

/* Space-time targets that come behind the inputs, not with them. */
static bool follows(const pno_sample_view *v) { return v->mode == PNO_MODE_SPACE_TIME && v->frames_in > 1; }

static pno_status resolve_space_time(pno_dataset *ds, int before) {
  const pno_sample_view *v = &ds->view;
  const ptrdiff_t last = ((ptrdiff_t)before + v->frames_out - 1) * v->stride; /* of the first window */
  if (v->frames_out < 1 || last >= ds->times)
    return pno_fail(PNO_E_SHAPE, "%d frames_in and %d frames_out with stride %d of a file with %td times", v->frames_in,
                    v->frames_out, v->stride, ds->times);
  if (before > 0) ds->windows = (ds->times - 1 - last) / ((ptrdiff_t)v->frames_out * v->stride) + 1;
  return PNO_OK;
}

static pno_status resolve_frames(pno_dataset *ds) {
  pno_sample_view *v = &ds->view;
  const bool timed = ds->target.fields[0].time_axis >= 0;
  if (v->frames_in == 0) v->frames_in = 1;
  if (v->stride == 0) v->stride = 1;
  if (v->mode != PNO_MODE_STEADY && !timed)
    return pno_fail(PNO_E_SHAPE, "mode %s needs targets with times, %s has none", pno_sample_mode_name(v->mode),
                    v->target[0]);
  const int before = follows(v) ? v->frames_in : 0; /* frames in front of the targets */
  if (v->frames_out == 0)
    v->frames_out = v->mode == PNO_MODE_SPACE_TIME ? (int)((ds->times - 1) / v->stride) + 1 - before : 1;
  if (v->frames_in > ds->times)
    return pno_fail(PNO_E_SHAPE, "%d frames_in of a file with %td times", v->frames_in, ds->times);
  ds->windows = 1;
  if (v->mode == PNO_MODE_STEADY && v->frames_out != 1)
    return pno_fail(PNO_E_USAGE, "mode steady has one target frame, frames_out is %d", v->frames_out);
  if (v->mode == PNO_MODE_SPACE_TIME) return resolve_space_time(ds, before);
  if (v->mode != PNO_MODE_AUTOREGRESSIVE) return PNO_OK;
  const ptrdiff_t frames = (ptrdiff_t)v->frames_in + v->frames_out;
  if (frames > ds->times)
    return pno_fail(PNO_E_SHAPE, "%d frames_in and %d frames_out of a file with %td times", v->frames_in,
                    v->frames_out, ds->times);
  ds->windows = (ds->times - frames) / v->stride + 1;
  return PNO_OK;
}

/* Whether the frames of this field are read together and become grid axis 0. */
static bool frames_are_grid(const pno_dataset *ds, const side *s, int i) {
  const pno_sample_view *v = &ds->view;
  const bool paired = follows(v) && v->frames_in == v->frames_out && s->fields[i].time_axis >= 0;
  return v->mode == PNO_MODE_SPACE_TIME && (s == &ds->target || s->fields[i].along_time || paired);
}

/* Whether a * b values overflow what is counted, as floats, with room for a batch of them. */
static bool too_many(ptrdiff_t a, ptrdiff_t b) { return b > 0 && a > (PTRDIFF_MAX >> 8) / b; }

/* Channels of one side; also the longest read. */
static pno_status count_channels(const pno_dataset *ds, const side *s, int frames, int *channels, ptrdiff_t *longest) {
  ptrdiff_t sum = 0;
  for (int i = 0; i < s->n; i++) {
    const bool grid = frames_are_grid(ds, s, i), timed = s->fields[i].time_axis >= 0;
    sum += s->shapes[i].channels * (timed && !grid ? frames : 1);
    const ptrdiff_t one = s->shapes[i].points, planes = grid ? ds->view.frames_out : 1;
    if (sum > INT_MAX || too_many(one, s->shapes[i].channels) || too_many(one * s->shapes[i].channels, planes))
      return pno_fail(PNO_E_SHAPE, "a sample has more values than this program counts");
    const ptrdiff_t n = one * s->shapes[i].channels * planes;
    if (n > *longest) *longest = n;
  }
  *channels = (int)sum;
  return PNO_OK;
}

static pno_status resolve_shape(pno_dataset *ds) {
  const pno_field_shape *s = &ds->target.shapes[0];
  const int time = ds->view.mode == PNO_MODE_SPACE_TIME ? 1 : 0;
  if (s->n_grid + time > 3) return pno_fail(PNO_E_SHAPE, "3 grid axes and the time, at most 3 axes in all");
  ds->trajectories = s->count;
  ds->points = s->points * (time ? ds->view.frames_out : 1);
  ds->info = (pno_sample_info){.dims = s->n_grid + time, .hi = {1.0, 1.0, 1.0}};
  if (time) ds->info.n[0] = ds->view.frames_out;
  for (int i = 0; i < s->n_grid; i++) ds->info.n[i + time] = s->n[i];
  ptrdiff_t longest = 1;
  const int frames_out = ds->view.mode == PNO_MODE_AUTOREGRESSIVE ? ds->view.frames_out : 1;
  PNO_TRY(count_channels(ds, &ds->input, ds->view.frames_in, &ds->info.in_channels, &longest));
  PNO_TRY(count_channels(ds, &ds->target, frames_out, &ds->info.out_channels, &longest));
  if (ds->points > INT_MAX || too_many(ds->points, ds->info.in_channels) ||
      too_many(ds->points, ds->info.out_channels) || too_many(ds->trajectories, ds->windows))
    return pno_fail(PNO_E_SHAPE, "more values or samples than this program counts");
  ds->raw = calloc((size_t)longest, sizeof *ds->raw);
  return ds->raw ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the %td values of a read", longest);
}

static pno_status open_content(pno_dataset *ds, const pno_dataset_limits *limits) {
  const hid_t file = (hid_t)pno_guard_id(ds->file);
  ds->format = pno_format_of(file);
  PNO_TRY(ds->format->view(file, &ds->view));
  if (limits && limits->verify && ds->format->verify) PNO_TRY(ds->format->verify(file));
  PNO_TRY(ds->format->fields(file, &ds->view, ds->input.fields, ds->target.fields));
  ds->input.n = ds->view.n_input;
  ds->target.n = ds->view.n_target;
  /* The first target is what all others are compared with, so its shape comes first. */
  const char(*targets)[PNO_FIELD_NAME] = (const char(*)[PNO_FIELD_NAME])ds->view.target;
  const char(*inputs)[PNO_FIELD_NAME] = (const char(*)[PNO_FIELD_NAME])ds->view.input;
  PNO_TRY(pno_field_shape_of(&ds->target.fields[0], targets[0], NULL, &ds->target.shapes[0]));
  PNO_TRY(shape_side(ds, &ds->target, targets, &ds->target));
  PNO_TRY(shape_side(ds, &ds->input, inputs, &ds->target));
  if (ds->times == 0) ds->times = 1;
  PNO_TRY(resolve_frames(ds));
  PNO_TRY(resolve_shape(ds));
  return ds->format->coordinates(file, &ds->view, &ds->info);
}

static pno_status allocate(const char *path, const pno_sample_view *view, pno_dataset **out) {
  pno_dataset *ds = calloc(1, sizeof *ds);
  char *copy = malloc(strlen(path) + 1);
  if (!ds || !copy) {
    free(ds);
    free(copy);
    return pno_fail(PNO_E_NOMEM, "%s: no memory to open it", path);
  }
  memcpy(copy, path, strlen(path) + 1);
  ds->path = copy;
  forget(&ds->input);
  forget(&ds->target);
  if (view) ds->view = *view;
  ds->locking = pthread_mutex_init(&ds->lock, NULL) == 0;
  *out = ds;
  return PNO_OK;
}

pno_status pno_dataset_open(const char *path, const pno_sample_view *view, const pno_dataset_limits *limits,
                            pno_dataset **out) {
  pno_dataset *ds = NULL;
  if (view) PNO_TRY(check_view(view));
  PNO_TRY(allocate(path, view, &ds));
  pno_status st = ds->locking ? PNO_OK : pno_fail(PNO_E_NOMEM, "%s: no lock to be had", path);
  if (st == PNO_OK) st = pno_guard_open(path, limits ? limits->max_bytes : 0, &ds->file);
  if (st == PNO_OK) st = pno_fail_in(open_content(ds, limits), "%s", path);
  if (st == PNO_OK) {
    *out = ds;
    return PNO_OK;
  }
  pno_dataset_close(&ds);
  return st;
}

void pno_dataset_close(pno_dataset **ds) {
  if (!ds || !*ds) return;
  close_side(&(*ds)->input);
  close_side(&(*ds)->target);
  pno_guard_close(&(*ds)->file);
  if ((*ds)->locking) pthread_mutex_destroy(&(*ds)->lock);
  free((*ds)->raw);
  free((*ds)->path);
  free(*ds);
  *ds = NULL;
}

static pno_status check_finite(const float *raw, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++)
    if (!isfinite(raw[i])) return pno_fail(PNO_E_INPUT, "holds %s", isnan(raw[i]) ? "a NaN" : "an infinite value");
  return PNO_OK;
}

/* Reads frames of one field and places them; adds the channels it filled to at. */
static pno_status place_field(pno_dataset *ds, const side *s, int i, ptrdiff_t trajectory, ptrdiff_t first, int row,
                              ptrdiff_t *at, float *out) {
  const pno_field *f = &s->fields[i];
  const pno_field_shape *shape = &s->shapes[i];
  const bool space_time = ds->view.mode == PNO_MODE_SPACE_TIME, grid = frames_are_grid(ds, s, i);
  const ptrdiff_t frames = grid ? ds->view.frames_out : 1;
  PNO_TRY(pno_field_read(f, (hsize_t)trajectory, (hsize_t)first, grid ? (hsize_t)ds->view.stride : 1, (hsize_t)frames,
                         ds->raw));
  PNO_TRY(check_finite(ds->raw, frames * pno_field_values(f, shape)));
  pno_field_scatter(f, shape, frames, space_time && !grid ? ds->view.frames_out : 1, ds->raw, row, *at, out);
  *at += shape->channels;
  return PNO_OK;
}

/* One side of a sample: frame after frame, field after field. */
static pno_status place_side(pno_dataset *ds, const side *s, const char (*names)[PNO_FIELD_NAME], ptrdiff_t trajectory,
                             ptrdiff_t first, int frames, int row, float *out) {
  const ptrdiff_t step = ds->view.mode == PNO_MODE_SPACE_TIME ? ds->view.stride : 1;
  ptrdiff_t at = 0;
  for (int t = 0; t < frames; t++)
    for (int i = 0; i < s->n; i++) {
      const bool once = s->fields[i].time_axis < 0 || frames_are_grid(ds, s, i);
      if (once && t > 0) continue;
      const pno_status st = place_field(ds, s, i, trajectory, first + t * step, row, &at, out);
      if (st != PNO_OK) return pno_fail_in(st, "field %s", names[i]);
    }
  return PNO_OK;
}

static pno_status read_locked(pno_dataset *ds, ptrdiff_t sample, float *x, float *y) {
  const pno_sample_view *v = &ds->view;
  const ptrdiff_t apart = (ptrdiff_t)v->stride * (follows(v) ? v->frames_out : 1);
  const ptrdiff_t trajectory = sample / ds->windows, start = sample % ds->windows * apart;
  const bool series = v->mode == PNO_MODE_AUTOREGRESSIVE;
  const ptrdiff_t first = series                       ? start + v->frames_in
                          : v->mode == PNO_MODE_STEADY ? ds->times - 1
                          : follows(v)                 ? start + (ptrdiff_t)v->frames_in * v->stride
                                                       : 0;
  PNO_TRY(place_side(ds, &ds->input, v->input, trajectory, start, v->frames_in, ds->info.in_channels, x));
  return place_side(ds, &ds->target, v->target, trajectory, first, series ? v->frames_out : 1, ds->info.out_channels,
                    y);
}

pno_status pno_dataset_read(pno_dataset *ds, ptrdiff_t sample, float *x, float *y) {
  if (sample < 0 || sample >= pno_dataset_count(ds))
    return pno_fail(PNO_E_USAGE, "%s: sample %td of %td", ds->path, sample, pno_dataset_count(ds));
  PNO_TRY(pno_h5_begin());
  pthread_mutex_lock(&ds->lock);
  pno_status st = read_locked(ds, sample, x, y);
  if (st == PNO_OK) st = pno_guard_whole(ds->file);
  pthread_mutex_unlock(&ds->lock);
  return pno_fail_in(st, "%s: sample %td", ds->path, sample);
}

bool pno_dataset_digest(const pno_dataset *ds, pno_digest *out) {
  return ds->format->digest && ds->format->digest((hid_t)pno_guard_id(ds->file), out) == PNO_OK;
}

const pno_sample_info *pno_dataset_info(const pno_dataset *ds) { return &ds->info; }
const pno_sample_view *pno_dataset_view(const pno_dataset *ds) { return &ds->view; }
const char *pno_dataset_format(const pno_dataset *ds) { return ds->format->name; }
ptrdiff_t pno_dataset_trajectories(const pno_dataset *ds) { return ds->trajectories; }
int pno_dataset_frames(const pno_dataset *ds) { return (int)ds->times; }

static pno_dataset_part part_of(const side *s, int i) {
  return (pno_dataset_part){.channels = (int)s->shapes[i].channels, .timed = s->fields[i].time_axis >= 0};
}

pno_dataset_part pno_dataset_input(const pno_dataset *ds, int i) { return part_of(&ds->input, i); }
pno_dataset_part pno_dataset_target(const pno_dataset *ds, int i) { return part_of(&ds->target, i); }

pno_status pno_dataset_times(const pno_dataset *ds, double *time) {
  for (ptrdiff_t t = 0; t < ds->times; t++) time[t] = (double)t;
  if (!ds->format->times) return PNO_OK;
  PNO_TRY(pno_h5_begin());
  return pno_fail_in(ds->format->times((hid_t)pno_guard_id(ds->file), (int)ds->times, time), "%s", ds->path);
}

ptrdiff_t pno_dataset_count(const pno_dataset *ds) { return ds->trajectories * ds->windows; }
ptrdiff_t pno_dataset_points(const pno_dataset *ds) { return ds->points; }
ptrdiff_t pno_dataset_x_count(const pno_dataset *ds) { return ds->points * ds->info.in_channels; }
ptrdiff_t pno_dataset_y_count(const pno_dataset *ds) { return ds->points * ds->info.out_channels; }
