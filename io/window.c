#include "io/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a channel of the next input comes from. */
typedef struct {
  bool predicted;
  int channel; /* of the prediction, or of the input as it is */
} source;

struct pno_window {
  pno_window_spec spec;
  int in, out, frame; /* channels of an input, a prediction, a frame of it */
  source *from;       /* owned: [in] */
};

static int find_target(const pno_sample_view *v, const char *name) {
  for (int i = 0; i < v->n_target; i++)
    if (strcmp(v->target[i], name) == 0) return i;
  return -1;
}

pno_status pno_window_spec_of(const pno_dataset *ds, pno_window_spec *out) {
  const pno_sample_view *v = pno_dataset_view(ds);
  if (v->mode != PNO_MODE_AUTOREGRESSIVE)
    return pno_fail(PNO_E_USAGE, "samples of mode %s have no window to move", pno_sample_mode_name(v->mode));
  pno_window_spec s = {.points = pno_dataset_points(ds), .frames_in = v->frames_in, .frames_out = v->frames_out,
                       .n_input = v->n_input, .n_target = v->n_target};
  for (int i = 0; i < s.n_target; i++) s.target[i] = pno_dataset_target(ds, i).channels;
  for (int i = 0; i < s.n_input; i++) {
    const pno_dataset_part part = pno_dataset_input(ds, i);
    s.input[i].channels = part.channels;
    s.input[i].timed = part.timed;
    s.input[i].target = part.timed ? find_target(v, v->input[i]) : -1;
    if (part.timed && s.input[i].target < 0)
      return pno_fail(PNO_E_USAGE, "input %s changes with time and is no target: nothing predicts it", v->input[i]);
  }
  *out = s;
  return PNO_OK;
}

/* First channel of an input in a frame. */
static int input_at(const pno_window_spec *s, int frame, int input) {
  int at = 0;
  for (int t = 0; t <= frame; t++)
    for (int i = 0; i < (t < frame ? s->n_input : input); i++)
      if (t == 0 || s->input[i].timed) at += s->input[i].channels;
  return at;
}

static int target_at(const pno_window *w, int frame, int target) {
  int at = frame * w->frame;
  for (int i = 0; i < target; i++) at += w->spec.target[i];
  return at;
}

/* Frame t of the next input is frame t + frames_out as counted from the first frame of this one. */
static void trace(pno_window *w, int t, int i) {
  const pno_window_spec *s = &w->spec;
  const int at = input_at(s, t, i), later = t + s->frames_out;
  for (int k = 0; k < s->input[i].channels; k++) {
    if (!s->input[i].timed)
      w->from[at + k] = (source){false, at + k};
    else if (later < s->frames_in)
      w->from[at + k] = (source){false, input_at(s, later, i) + k};
    else
      w->from[at + k] = (source){true, target_at(w, later - s->frames_in, s->input[i].target) + k};
  }
}

pno_status pno_window_create(const pno_window_spec *spec, pno_window **out) {
  for (int i = 0; i < spec->n_input; i++) {
    const int target = spec->input[i].target;
    if (!spec->input[i].timed) continue;
    if (target < 0 || target >= spec->n_target || spec->target[target] != spec->input[i].channels)
      return pno_fail(PNO_E_USAGE, "input %d of %d channels is not predicted", i, spec->input[i].channels);
  }
  pno_window *w = calloc(1, sizeof *w);
  if (!w) return pno_fail(PNO_E_NOMEM, "no memory for a window");
  w->spec = *spec;
  w->in = input_at(spec, spec->frames_in - 1, spec->n_input);
  for (int i = 0; i < spec->n_target; i++) w->frame += spec->target[i];
  w->out = w->frame * spec->frames_out;
  w->from = calloc((size_t)w->in + 1, sizeof *w->from);
  if (!w->from) {
    pno_window_destroy(&w);
    return pno_fail(PNO_E_NOMEM, "no memory for a window");
  }
  for (int t = 0; t < spec->frames_in; t++)
    for (int i = 0; i < spec->n_input; i++)
      if (t == 0 || spec->input[i].timed) trace(w, t, i);
  *out = w;
  return PNO_OK;
}

void pno_window_destroy(pno_window **w) {
  if (!w || !*w) return;
  free((*w)->from);
  free(*w);
  *w = NULL;
}

int pno_window_in(const pno_window *w) { return w->in; }
int pno_window_out(const pno_window *w) { return w->out; }
int pno_window_frame_channels(const pno_window *w) { return w->frame; }

/* In place: a channel comes from itself, from one behind it, or from the prediction. */
void pno_window_slide(const pno_window *w, const float *y, float *x) {
  for (ptrdiff_t p = 0; p < w->spec.points; p++) {
    float *row = x + p * w->in;
    const float *predicted = y + p * w->out;
    for (int c = 0; c < w->in; c++)
      row[c] = w->from[c].predicted ? predicted[w->from[c].channel] : row[w->from[c].channel];
  }
}

void pno_window_frame(const pno_window *w, const float *y, int frame, float *out) {
  for (ptrdiff_t p = 0; p < w->spec.points; p++)
    memcpy(out + p * w->frame, y + p * w->out + (ptrdiff_t)frame * w->frame, sizeof *out * (size_t)w->frame);
}

/* Moves frames skip, skip + 1, .. of y to its front and leaves NaN behind them. */
static void cut(const pno_window *w, int skip, float *y) {
  const int gone = skip * w->frame, kept = w->out - gone;
  for (ptrdiff_t p = 0; p < w->spec.points; p++) {
    float *row = y + p * w->out;
    memmove(row, row + gone, sizeof *row * (size_t)kept);
    for (int c = kept; c < w->out; c++) row[c] = NAN;
  }
}

pno_status pno_window_truth(const pno_window *w, pno_dataset *ds, ptrdiff_t trajectory, int first, float *x, float *y,
                            int *known) {
  const pno_window_spec *s = &w->spec;
  const int windows = pno_dataset_frames(ds) - s->frames_in - s->frames_out + 1;
  const int at = first < windows ? first : windows - 1; /* the last windows lack some of the frames */
  const int skip = first - at < s->frames_out ? first - at : s->frames_out;
  PNO_TRY(pno_dataset_read(ds, trajectory * windows + at, x, y));
  if (skip > 0) cut(w, skip, y);
  *known = s->frames_out - skip;
  return PNO_OK;
}
