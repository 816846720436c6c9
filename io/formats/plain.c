/* Plain HDF5: one data set a field at the root, "x" and "y" unless the view names others; neuraloperator's layout.
 *
 *   steady          [N](C)[grid]
 *   space_time      y [N](C)[T][grid]; x the same, or without T and then repeated over it
 *   autoregressive  one series [N][T](C)[grid], "y" unless named
 *
 * (C) is there or not by the view's channels, or by comparing x and y where that decides it. */
#include "io/formats/format.h"

#include <stdio.h>
#include <string.h>

static bool recognise(hid_t file) {
  (void)file;
  return true;
}

static void name_one(char names[][PNO_FIELD_NAME], int *n, const char *name) {
  if (*n > 0) return;
  snprintf(names[0], PNO_FIELD_NAME, "%s", name);
  *n = 1;
}

static pno_status fill_view(hid_t file, pno_sample_view *v) {
  (void)file;
  if (v->mode == PNO_MODE_FILE) v->mode = PNO_MODE_STEADY;
  name_one(v->target, &v->n_target, "y");
  name_one(v->input, &v->n_input, v->mode == PNO_MODE_AUTOREGRESSIVE ? v->target[0] : "x");
  return PNO_OK;
}

static bool same_extents(const pno_field *a, int from_a, const pno_field *b, int from_b) {
  if (a->rank - from_a != b->rank - from_b) return false;
  for (int i = 0; i < a->rank - from_a; i++)
    if (a->dims[from_a + i] != b->dims[from_b + i]) return false;
  return true;
}

/* Whether x and y have a channel axis. Only what the extents decide is decided; the rest must be said. */
static pno_status guess_steady(const pno_field *x, const pno_field *y, bool *cx, bool *cy) {
  if (x->rank != y->rank) { /* one of them has the axis, if the grids are equal */
    *cx = x->rank == y->rank + 1 && same_extents(x, 2, y, 1);
    *cy = y->rank == x->rank + 1 && same_extents(y, 2, x, 1);
    if (*cx || *cy) return PNO_OK;
    return pno_fail(PNO_E_SHAPE, "x has %d axes and y has %d, and their grids do not fit", x->rank, y->rank);
  }
  const bool ones = x->rank >= 3 && (x->dims[1] == 1 || y->dims[1] == 1) && same_extents(x, 2, y, 2);
  *cx = *cy = x->rank >= 4 || ones;
  return PNO_OK;
}

static pno_status guess_space_time(const pno_field *x, const pno_field *y, bool *cx, bool *cy) {
  if (x->rank == y->rank) {
    *cx = *cy = y->rank >= 4;
    return PNO_OK;
  }
  if (x->rank + 1 != y->rank)
    return pno_fail(PNO_E_SHAPE, "x has %d axes and y has %d; y needs one more, the time", x->rank, y->rank);
  *cx = *cy = !same_extents(x, 1, y, 2); /* else [N][grid] and [N][T][grid] */
  return PNO_OK;
}

static pno_status decide_channels(const pno_sample_view *v, const pno_field *x, const pno_field *y, bool *cx,
                                  bool *cy) {
  *cx = *cy = v->channels == PNO_CHANNELS_FIRST;
  if (v->channels != PNO_CHANNELS_AUTO) return PNO_OK;
  if (v->mode == PNO_MODE_STEADY) return guess_steady(x, y, cx, cy);
  if (v->mode == PNO_MODE_SPACE_TIME) return guess_space_time(x, y, cx, cy);
  *cx = x->rank >= 5; /* [N][T][C][grid of 2] rather than [N][T][grid of 3] */
  *cy = y->rank >= 5;
  return PNO_OK;
}

static void set_axes(const pno_sample_view *v, bool channels, bool times, pno_field *f) {
  const bool series = v->mode == PNO_MODE_AUTOREGRESSIVE;
  if (channels) {
    f->channel_axis = series ? 2 : 1;
    f->n_channel_axes = 1;
  }
  if (times) f->time_axis = channels && !series ? 2 : 1;
}

static pno_status open_all(hid_t file, const char (*names)[PNO_FIELD_NAME], int n, pno_field *fields) {
  for (int i = 0; i < n; i++) PNO_TRY(pno_field_open(file, names[i], &fields[i]));
  return PNO_OK;
}

static pno_status open_fields(hid_t file, const pno_sample_view *v, pno_field *input, pno_field *target) {
  bool cx = false, cy = false;
  PNO_TRY(open_all(file, v->input, v->n_input, input));
  PNO_TRY(open_all(file, v->target, v->n_target, target));
  const pno_status st = decide_channels(v, &input[0], &target[0], &cx, &cy);
  if (st != PNO_OK) return pno_hint(st, "data.channels=first or none says where the channels are, data.mode the rest");
  for (int i = 0; i < v->n_target; i++) set_axes(v, cy, v->mode != PNO_MODE_STEADY, &target[i]);
  for (int i = 0; i < v->n_input; i++) {
    const bool as_target = input[i].rank - (cx ? 1 : 0) == target[0].rank - (cy ? 1 : 0);
    set_axes(v, cx, v->mode != PNO_MODE_STEADY && as_target, &input[i]);
    input[i].along_time = v->mode == PNO_MODE_SPACE_TIME && as_target;
  }
  return PNO_OK;
}

static pno_status no_coordinates(hid_t file, const pno_sample_view *view, pno_sample_info *info) {
  (void)file;
  (void)view;
  (void)info;
  return PNO_OK;
}

const pno_format pno_format_plain = {
    .name = "x/y",
    .layout = "data sets x and y at the root, samples first",
    .recognise = recognise,
    .view = fill_view,
    .fields = open_fields,
    .coordinates = no_coordinates,
};
