#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/dataset.h"
#include "io/dataset_write.h"
#include "io/formats/native_write.h"
#include "io/h5.h"
#include "io_files.h"
#include "native_spec.h"

/* Scalars as input channels. The series of native_spec.h has 3 trajectories of 4 times on 5 x 7 points, the scalars
 * beta (2.5 for all) and ra (1e3, 2e3, 3e3), and u(s, t, p) = s + (315 + 35 t + p) / 1024. */
enum { SAMPLES = 3, TIMES = 4, POINTS = 35 };

static float u_at(int s, int t, int p) { return (float)s + (float)(315 + t * POINTS + p) / 1024.0f; }
static float ra_at(int s) { return 1e3f * (float)(s + 1); }

static const char *series(void) {
  const char *path = io_temp("series.h5");
  const pno_dataset_spec spec = native_series();
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  return path;
}

/* What other programs may add: value k of the scalar is 10 + k. */
static void add_scalar(const char *path, const char *name, int rank, const hsize_t *dims, bool sample, bool time) {
  double values[64];
  for (int k = 0; k < 64; k++) values[k] = 10 + k;
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), group = H5Gopen2(file, "scalars", H5P_DEFAULT), dset = -1;
  cr_assert(pno_h5_put_data(group, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rank, dims, values, &dset) == PNO_OK);
  cr_assert(pno_native_put_varying(dset, sample, time) == PNO_OK);
  pno_h5_close(&dset);
  pno_h5_close(&group);
  pno_h5_close(&file);
}

static pno_dataset *must_open(const char *path, const pno_sample_view *view, int in, int out) {
  pno_dataset *ds = NULL;
  cr_assert(pno_dataset_open(path, view, NULL, &ds) == PNO_OK, "%s", pno_fail_words());
  const pno_sample_info *i = pno_dataset_info(ds);
  cr_assert(i->in_channels == in && i->out_channels == out, "%d -> %d channels", i->in_channels, i->out_channels);
  return ds;
}

static void refused(const char *path, const pno_sample_view *view, pno_status code, const char *words) {
  pno_dataset *ds = NULL;
  const pno_status st = pno_dataset_open(path, view, NULL, &ds);
  cr_assert(st == code && ds == NULL, "status %d: %s", (int)st, pno_fail_words());
  cr_assert(strstr(pno_fail_words(), words), "expected '%s' in '%s'", words, pno_fail_words());
}

Test(scalars, have_their_value_at_every_point) {
  const char *path = series();
  const pno_sample_view v = {
      .mode = PNO_MODE_STEADY, .n_input = 3, .input = {"ra", "u", "beta"}, .n_target = 1, .target = {"u"}};
  float x[POINTS * 3], y[POINTS];
  pno_dataset *ds = must_open(path, &v, 3, 1);
  cr_assert(pno_dataset_count(ds) == SAMPLES);
  for (int s = 0; s < SAMPLES; s++) {
    cr_assert(pno_dataset_read(ds, s, x, y) == PNO_OK, "%s", pno_fail_words());
    for (int p = 0; p < POINTS; p++)
      cr_assert(x[3 * p] == ra_at(s) && x[3 * p + 1] == u_at(s, 0, p) && x[3 * p + 2] == 2.5f && y[p] == u_at(s, 3, p));
  }
  pno_dataset_close(&ds);
}

Test(scalars, may_be_the_only_input) {
  const char *path = series();
  const pno_sample_view v = {.mode = PNO_MODE_STEADY, .n_input = 1, .input = {"ra"}, .n_target = 1, .target = {"nu"}};
  float x[POINTS], y[POINTS];
  pno_dataset *ds = must_open(path, &v, 1, 1);
  cr_assert(pno_dataset_read(ds, 2, x, y) == PNO_OK);
  for (int p = 0; p < POINTS; p++) cr_assert(x[p] == 3e3f);
  pno_dataset_close(&ds);
}

/* Once a window, in its first frame; those with times in every frame. */
Test(scalars, are_channels_of_a_window_once_or_with_its_times) {
  const char *path = series();
  add_scalar(path, "f", 2, (const hsize_t[]){SAMPLES, TIMES}, true, true);
  add_scalar(path, "g", 1, (const hsize_t[]){TIMES}, false, true);
  add_scalar(path, "one", 1, (const hsize_t[]){1}, false, false);
  const pno_sample_view v = {.mode = PNO_MODE_AUTOREGRESSIVE, .n_input = 5, .input = {"u", "ra", "f", "g", "one"},
                             .n_target = 1, .target = {"u"}, .frames_in = 2, .frames_out = 1, .stride = 1};
  float x[POINTS * 8], y[POINTS];
  pno_dataset *ds = must_open(path, &v, 8, 1);
  cr_assert(pno_dataset_count(ds) == 2 * SAMPLES);
  for (int i = 0; i < 2 * SAMPLES; i++) {
    const int s = i / 2, t = i % 2;
    cr_assert(pno_dataset_read(ds, i, x, y) == PNO_OK, "%s", pno_fail_words());
    for (int p = 0; p < POINTS; p++) {
      const float want[8] = {u_at(s, t, p),     ra_at(s), (float)(10 + 4 * s + t),     (float)(10 + t), 10.0f,
                             u_at(s, t + 1, p), (float)(10 + 4 * s + t + 1), (float)(10 + t + 1)};
      for (int c = 0; c < 8; c++)
        cr_assert(x[8 * p + c] == want[c], "sample %d channel %d: %g", i, c, (double)x[8 * p + c]);
      cr_assert(y[p] == u_at(s, t + 2, p));
    }
  }
  pno_dataset_close(&ds);
}

Test(scalars, hold_at_every_time_or_have_the_value_of_each) {
  const char *path = series();
  add_scalar(path, "f", 2, (const hsize_t[]){SAMPLES, TIMES}, true, true);
  const pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME, .n_input = 3, .input = {"u", "ra", "f"}, .n_target = 1,
                             .target = {"u"}, .stride = 3};
  float x[2 * POINTS * 3], y[2 * POINTS];
  pno_dataset *ds = must_open(path, &v, 3, 1); /* times 0 and 3 */
  cr_assert(pno_dataset_info(ds)->n[0] == 2);
  for (int s = 0; s < SAMPLES; s++) {
    cr_assert(pno_dataset_read(ds, s, x, y) == PNO_OK, "%s", pno_fail_words());
    for (int t = 0; t < 2; t++)
      for (int p = 0; p < POINTS; p++) {
        const float *at = x + (t * POINTS + p) * 3;
        cr_assert(at[0] == u_at(s, 0, p) && at[1] == ra_at(s) && at[2] == (float)(10 + 4 * s + 3 * t));
      }
  }
  pno_dataset_close(&ds);
}

/* native_series has both a field nu and, here, a scalar of that name. */
Test(scalars, stand_behind_fields_of_their_name) {
  const char *path = series();
  add_scalar(path, "nu", 0, NULL, false, false);
  const pno_sample_view v = {.mode = PNO_MODE_STEADY, .n_input = 1, .input = {"nu"}, .n_target = 1, .target = {"u"}};
  float x[POINTS], y[POINTS];
  pno_dataset *ds = must_open(path, &v, 1, 1);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK && x[3] == 1.0f + 283.0f / 1024.0f);
  pno_dataset_close(&ds);
}

Test(scalars, that_cannot_be_are_refused_with_what_there_is) {
  const char *path = series();
  add_scalar(path, "shape", 2, (const hsize_t[]){SAMPLES, TIMES}, true, false);
  add_scalar(path, "few", 1, (const hsize_t[]){2}, true, false);
  add_scalar(path, "times", 1, (const hsize_t[]){3}, false, true);
  pno_sample_view v = {.mode = PNO_MODE_STEADY, .n_input = 1, .n_target = 1, .input = {"ar"}, .target = {"u"}};
  refused(path, &v, PNO_E_INPUT, "no field or scalar ar; fields: nu, u; vector fields: v; scalars: beta, few, ra, ");
  snprintf(v.input[0], sizeof v.input[0], "shape");
  refused(path, &v, PNO_E_SHAPE, "scalars: shape: has 2 axes, but sample_varying and time_varying say 1");
  snprintf(v.input[0], sizeof v.input[0], "few");
  refused(path, &v, PNO_E_SHAPE, "few has 2 samples and u has 3");
  snprintf(v.input[0], sizeof v.input[0], "times");
  refused(path, &v, PNO_E_SHAPE, "times has 3 times, another field 4");
  snprintf(v.input[0], sizeof v.input[0], "u");
  snprintf(v.target[0], sizeof v.target[0], "ra");
  refused(path, &v, PNO_E_INPUT, "ra is a scalar, which can be an input but no target");
}

Test(scalars, that_are_no_numbers_are_found_with_their_sample) {
  const char *path = io_temp("nan.h5");
  static const double ra[] = {1, NAN, 1e300};
  static const pno_scalar_spec scalars[] = {{"ra", 0.0, ra}};
  static const pno_sample_view view = {
      .mode = PNO_MODE_STEADY, .n_input = 2, .n_target = 1, .input = {"a", "ra"}, .target = {"u"}};
  pno_dataset_spec spec = native_steady();
  spec.n_samples = 3;
  spec.n_scalars = 1;
  spec.scalars = scalars;
  spec.view = &view; /* scalars may be inputs of the file's own view */
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  float x[POINTS * 2], y[POINTS];
  pno_dataset *ds = must_open(path, NULL, 2, 1);
  cr_assert(pno_dataset_read(ds, 0, x, y) == PNO_OK && x[1] == 1.0f);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_E_INPUT);
  cr_assert(strstr(pno_fail_words(), "sample 1: field ra: holds a NaN"), "%s", pno_fail_words());
  cr_assert(pno_dataset_read(ds, 2, x, y) == PNO_E_INPUT); /* no float holds it */
  pno_dataset_close(&ds);
}
