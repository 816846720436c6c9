#include "io/window.h"

#include "io/dataset_write.h"
#include "io_files.h"
#include "native_spec.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Two fields in time (u of 1 channel, v of 2), a constant a and a scalar: inputs u, a, v, s, targets v, u. A value says
 * where it belongs: 100 time + 10 field + component, constants have time 0. */
enum { POINTS = 3, U = 1, A = 2, V = 3, S = 4, MOST = 8, IN = 2 + 3 * MOST, OUT = 3 * MOST };

static pno_window_spec spec_of(int frames_in, int frames_out) {
  return (pno_window_spec){.points = POINTS,
                           .frames_in = frames_in,
                           .frames_out = frames_out,
                           .n_input = 4,
                           .n_target = 2,
                           .input = {{1, true, 1}, {1, false, -1}, {2, true, 0}, {1, false, -1}},
                           .target = {2, 1}};
}

static float value(int time, int field, int component, int point) {
  return (float)(100 * time + 10 * field + component) + 0.001f * (float)point;
}

/* The input whose first frame is that of a time. */
static int fill_input(int time, int frames_in, float *x) {
  const int in = 3 * frames_in + 2;
  for (int p = 0; p < POINTS; p++) {
    float *to = x + p * in;
    for (int t = 0; t < frames_in; t++) {
      *to++ = value(time + t, U, 0, p);
      if (t == 0) *to++ = value(0, A, 0, p);
      for (int k = 0; k < 2; k++) *to++ = value(time + t, V, k, p);
      if (t == 0) *to++ = value(0, S, 0, p);
    }
  }
  return in;
}

static int fill_prediction(int time, int frames_out, float *y) {
  for (int p = 0; p < POINTS; p++)
    for (int t = 0; t < frames_out; t++)
      for (int k = 0; k < 3; k++)
        y[p * 3 * frames_out + 3 * t + k] = k < 2 ? value(time + t, V, k, p) : value(time + t, U, 0, p);
  return 3 * frames_out;
}

/* Any lengths, several steps: the next input is that of frames_out times later. */
Test(window, moves_on_by_the_frames_of_a_prediction) {
  for (int frames_in = 1; frames_in <= MOST; frames_in++)
    for (int frames_out = 1; frames_out <= MOST; frames_out++) {
      const pno_window_spec spec = spec_of(frames_in, frames_out);
      float x[POINTS * IN], y[POINTS * OUT], want[POINTS * IN];
      pno_window *w = NULL;
      cr_assert(pno_window_create(&spec, &w) == PNO_OK, "%s", pno_fail_words());
      int in = fill_input(0, frames_in, x);
      cr_assert(pno_window_in(w) == in && pno_window_out(w) == 3 * frames_out && pno_window_frame_channels(w) == 3);
      for (int step = 0; step < 4; step++) {
        fill_prediction(step * frames_out + frames_in, frames_out, y);
        pno_window_slide(w, y, x);
        fill_input((step + 1) * frames_out, frames_in, want);
        cr_assert(memcmp(x, want, sizeof *x * (size_t)(POINTS * in)) == 0, "%d frames to %d, step %d", frames_in,
                  frames_out, step);
      }
      pno_window_destroy(&w);
    }
}

Test(window, frames_of_a_prediction_are_its_channels) {
  const pno_window_spec spec = spec_of(2, 3);
  float y[POINTS * OUT], frame[POINTS * 3];
  pno_window *w = NULL;
  cr_assert(pno_window_create(&spec, &w) == PNO_OK);
  fill_prediction(5, 3, y);
  for (int f = 0; f < 3; f++) {
    pno_window_frame(w, y, f, frame);
    for (int p = 0; p < POINTS; p++)
      cr_assert(frame[3 * p] == value(5 + f, V, 0, p) && frame[3 * p + 1] == value(5 + f, V, 1, p) &&
                frame[3 * p + 2] == value(5 + f, U, 0, p));
  }
  pno_window_destroy(&w);
  pno_window_destroy(&w);
  pno_window_destroy(NULL);
}

Test(window, an_input_that_nothing_predicts_is_refused) {
  pno_window_spec spec = spec_of(1, 1);
  pno_window *w = NULL;
  spec.input[0].target = -1;
  cr_assert(pno_window_create(&spec, &w) == PNO_E_USAGE && !w);
  spec.input[0].target = 0; /* of other channels */
  cr_assert(pno_window_create(&spec, &w) == PNO_E_USAGE && !w);
  spec.input[0].target = 2;
  cr_assert(pno_window_create(&spec, &w) == PNO_E_USAGE && !w);
}

/* ---- with a file: 3 trajectories of 4 times, u(s, t, p) = s + (315 + 35 t + p) / 1024 ---- */

static pno_dataset *open_series(const char *path, pno_sample_view *v) {
  const pno_dataset_spec spec = native_series();
  pno_dataset *ds = NULL;
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_dataset_open(path, v, NULL, &ds) == PNO_OK, "%s", pno_fail_words());
  return ds;
}

static float u_at(int s, int t, int p) { return (float)s + (float)(315 + t * 35 + p) / 1024.0f; }

/* 1 frame to 2: windows start at 0 and 1; the truth of frames 0.., 1.., 2.. has 2, 2, 1 frames. */
Test(window, the_truth_is_what_the_file_has_and_nan_behind_it) {
  pno_sample_view v = {.mode = PNO_MODE_AUTOREGRESSIVE,
                       .n_input = 3,
                       .input = {"u", "nu", "ra"},
                       .n_target = 1,
                       .target = {"u"},
                       .frames_in = 1,
                       .frames_out = 2,
                       .stride = 1};
  float x[35 * 3], y[35 * 2];
  pno_window_spec spec;
  pno_window *w = NULL;
  pno_dataset *ds = open_series(io_temp("a.h5"), &v);
  cr_assert(pno_window_spec_of(ds, &spec) == PNO_OK && pno_window_create(&spec, &w) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_window_in(w) == 3 && pno_window_out(w) == 2 && pno_dataset_trajectories(ds) == 3 &&
            pno_dataset_frames(ds) == 4);
  for (int s = 0; s < 3; s++)
    for (int first = 0; first < 6; first++) {
      const int known = first > 2 ? 0 : 3 - first < 2 ? 3 - first : 2;
      int said = -1;
      cr_assert(pno_window_truth(w, ds, s, first, x, y, &said) == PNO_OK, "%s", pno_fail_words());
      cr_assert(said == known, "%d frames from %d on", said, first);
      for (int p = 0; p < 35; p++)
        for (int f = 0; f < 2; f++) {
          const float is = y[2 * p + f];
          cr_assert(f < known ? is == u_at(s, 1 + first + f, p) : isnan(is), "frame %d", first + f);
        }
    }
  pno_window_destroy(&w);
  pno_dataset_close(&ds);
}

Test(window, times_are_those_of_the_file_or_count) {
  pno_sample_view v = {.mode = PNO_MODE_AUTOREGRESSIVE, .stride = 1};
  double time[9];
  pno_dataset *ds = open_series(io_temp("a.h5"), &v);
  cr_assert(pno_dataset_times(ds, time) == PNO_OK, "%s", pno_fail_words());
  cr_assert(time[0] == 0.0 && time[1] == 0.1 && time[3] == 0.4);
  pno_dataset_close(&ds);
  io_put(io_temp("plain.h5"), "y", H5T_IEEE_F32LE, 3, (const hsize_t[]){2, 9, 4}, NULL);
  v = (pno_sample_view){.mode = PNO_MODE_AUTOREGRESSIVE};
  cr_assert(pno_dataset_open(io_temp("plain.h5"), &v, NULL, &ds) == PNO_OK);
  cr_assert(pno_dataset_frames(ds) == 9 && pno_dataset_times(ds, time) == PNO_OK && time[8] == 8.0);
  pno_dataset_close(&ds);
}

Test(window, other_modes_and_unpredicted_fields_are_refused) {
  pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME};
  pno_window_spec spec;
  pno_dataset *ds = open_series(io_temp("a.h5"), &v);
  cr_assert(pno_window_spec_of(ds, &spec) == PNO_E_USAGE && strstr(pno_fail_words(), "space_time"), "%s",
            pno_fail_words());
  pno_dataset_close(&ds);
  v = (pno_sample_view){
      .mode = PNO_MODE_AUTOREGRESSIVE, .n_input = 2, .input = {"u", "v"}, .n_target = 1, .target = {"u"}};
  ds = open_series(io_temp("a.h5"), &v);
  cr_assert(pno_window_spec_of(ds, &spec) == PNO_E_USAGE);
  cr_assert(strstr(pno_fail_words(), "input v changes with time and is no target"), "%s", pno_fail_words());
  pno_dataset_close(&ds);
}
