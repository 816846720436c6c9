#include "io/dataset.h"

#include "io/h5.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pno_dataset *must_open(const char *path, const pno_sample_view *view) {
  pno_dataset *ds = NULL;
  cr_assert(pno_dataset_open(path, view, NULL, &ds) == PNO_OK, "%s", pno_fail_words());
  return ds;
}

static void refused(const char *path, const pno_sample_view *view, pno_status code, const char *words) {
  pno_dataset *ds = NULL;
  const pno_status st = pno_dataset_open(path, view, NULL, &ds);
  cr_assert(st == code && ds == NULL, "status %d instead of %d: %s", (int)st, (int)code, pno_fail_words());
  cr_assert(strstr(pno_fail_words(), words), "expected '%s' in '%s'", words, pno_fail_words());
}

static void expect_shape(const pno_dataset *ds, int dims, const int *n, int in, int out, ptrdiff_t count) {
  const pno_sample_info *i = pno_dataset_info(ds);
  cr_assert(i->dims == dims, "%d dims", i->dims);
  for (int k = 0; k < dims; k++) cr_assert(i->n[k] == n[k], "n[%d] = %d", k, i->n[k]);
  cr_assert(i->in_channels == in && i->out_channels == out, "%d -> %d channels", i->in_channels, i->out_channels);
  cr_assert(pno_dataset_count(ds) == count, "%td samples", pno_dataset_count(ds));
}

static const int grid[2] = {5, 7};

Test(dataset, fields_without_a_channel_axis_get_one) {
  const char *path = io_temp("a.h5");
  const hsize_t d[3] = {3, 5, 7};
  float x[35], y[35];
  io_put_xy(path, 3, d, 3, d);
  pno_dataset *ds = must_open(path, NULL);
  expect_shape(ds, 2, grid, 1, 1, 3);
  cr_assert_str_eq(pno_dataset_format(ds), "x/y");
  cr_assert(pno_dataset_points(ds) == 35 && pno_dataset_x_count(ds) == 35 && pno_dataset_y_count(ds) == 35);
  cr_assert(pno_dataset_info(ds)->lo[1] == 0.0 && pno_dataset_info(ds)->hi[1] == 1.0);
  for (int s = 2; s >= 0; s--) {
    cr_assert(pno_dataset_read(ds, s, x, y) == PNO_OK);
    for (int i = 0; i < 35; i++) cr_assert(x[i] == (float)(35 * s + i) && y[i] == -x[i]);
  }
  pno_digest digest;
  cr_assert(!pno_dataset_digest(ds, &digest));
  pno_dataset_close(&ds);
  cr_assert(ds == NULL);
  pno_dataset_close(&ds);
  pno_dataset_close(NULL);
}

Test(dataset, channels_first_become_channels_last) {
  const char *path = io_temp("a.h5");
  const hsize_t dx[4] = {2, 3, 5, 7}, dy[4] = {2, 2, 5, 7};
  float x[105], y[70];
  io_put_xy(path, 4, dx, 4, dy);
  pno_dataset *ds = must_open(path, NULL);
  expect_shape(ds, 2, grid, 3, 2, 2);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int p = 0; p < 35; p++) {
    for (int c = 0; c < 3; c++) cr_assert(x[p * 3 + c] == (float)(105 + c * 35 + p));
    for (int c = 0; c < 2; c++) cr_assert(y[p * 2 + c] == -(float)(70 + c * 35 + p));
  }
  pno_dataset_close(&ds);
}

/* Rows: extents of x, of y, view, and what they mean; dims 0 means refused. */
typedef struct {
  int rank_x, rank_y;
  hsize_t x[6], y[6];
  pno_sample_mode mode;
  pno_channels channels;
  int dims, n[3], in, out;
} layout;

static const layout layouts[] = {
    {2, 2, {4, 9}, {4, 9}, 0, 0, 1, {9}, 1, 1},
    {3, 3, {4, 1, 9}, {4, 1, 9}, 0, 0, 1, {9}, 1, 1},
    {3, 3, {4, 2, 9}, {4, 1, 9}, 0, 0, 1, {9}, 2, 1},
    {3, 3, {4, 2, 9}, {4, 2, 9}, 0, 0, 2, {2, 9}, 1, 1},
    {3, 3, {4, 2, 9}, {4, 2, 9}, 0, PNO_CHANNELS_FIRST, 1, {9}, 2, 2},
    {3, 3, {4, 2, 9}, {4, 3, 9}, 0, PNO_CHANNELS_FIRST, 1, {9}, 2, 3},
    {3, 3, {4, 2, 9}, {4, 3, 9}, 0, 0, 0, {0}, 0, 0},
    {4, 3, {4, 3, 5, 7}, {4, 5, 7}, 0, 0, 2, {5, 7}, 3, 1},
    {3, 4, {4, 5, 7}, {4, 2, 5, 7}, 0, 0, 2, {5, 7}, 1, 2},
    {4, 3, {4, 3, 5, 7}, {4, 7, 5}, 0, 0, 0, {0}, 0, 0},
    {4, 4, {4, 5, 6, 7}, {4, 5, 6, 7}, 0, PNO_CHANNELS_NONE, 3, {5, 6, 7}, 1, 1},
    {5, 5, {4, 2, 5, 6, 7}, {4, 1, 5, 6, 7}, 0, 0, 3, {5, 6, 7}, 2, 1},
    {6, 6, {4, 2, 2, 5, 6, 7}, {4, 1, 2, 5, 6, 7}, 0, 0, 0, {0}, 0, 0},
    {5, 2, {4, 2, 5, 6, 7}, {4, 7}, 0, 0, 0, {0}, 0, 0},
    {2, 3, {4, 7}, {4, 6, 7}, PNO_MODE_SPACE_TIME, 0, 2, {6, 7}, 1, 1},
    {3, 3, {4, 6, 7}, {4, 6, 7}, PNO_MODE_SPACE_TIME, 0, 2, {6, 7}, 1, 1},
    {3, 4, {4, 5, 7}, {4, 6, 5, 7}, PNO_MODE_SPACE_TIME, 0, 3, {6, 5, 7}, 1, 1},
    {3, 4, {4, 2, 7}, {4, 3, 6, 7}, PNO_MODE_SPACE_TIME, 0, 2, {6, 7}, 2, 3},
    {4, 4, {4, 2, 6, 7}, {4, 3, 6, 7}, PNO_MODE_SPACE_TIME, 0, 2, {6, 7}, 2, 3},
    {2, 4, {4, 7}, {4, 3, 6, 7}, PNO_MODE_SPACE_TIME, 0, 0, {0}, 0, 0},
    {4, 5, {4, 5, 6, 7}, {4, 6, 5, 6, 7}, PNO_MODE_SPACE_TIME, 0, 0, {0}, 0, 0},
    {2, 3, {4, 8}, {4, 6, 7}, PNO_MODE_SPACE_TIME, 0, 0, {0}, 0, 0},
    {2, 2, {4, 7}, {4, 7}, PNO_MODE_SPACE_TIME, 0, 0, {0}, 0, 0},
    {2, 2, {4, 7}, {4, 8}, 0, 0, 0, {0}, 0, 0},
    {2, 2, {5, 7}, {4, 7}, 0, 0, 0, {0}, 0, 0},
};

Test(dataset, axes_mean_what_the_view_or_the_extents_say) {
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    const layout *l = &layouts[i];
    const pno_sample_view v = {.mode = l->mode, .channels = l->channels};
    const char *path = io_temp("l.h5");
    remove(path);
    io_put_xy(path, l->rank_x, l->x, l->rank_y, l->y);
    pno_dataset *ds = NULL;
    const pno_status st = pno_dataset_open(path, &v, NULL, &ds);
    if (l->dims == 0) {
      cr_assert(st == PNO_E_SHAPE && !ds, "row %zu: status %d", i, (int)st);
      continue;
    }
    cr_assert(st == PNO_OK, "row %zu: %s", i, pno_fail_words());
    expect_shape(ds, l->dims, l->n, l->in, l->out, 4);
    float *x = malloc((size_t)pno_dataset_x_count(ds) * sizeof *x), *y = malloc((size_t)pno_dataset_y_count(ds) * 4);
    cr_assert(pno_dataset_read(ds, 3, x, y) == PNO_OK, "row %zu: %s", i, pno_fail_words());
    free(x);
    free(y);
    pno_dataset_close(&ds);
  }
}

Test(dataset, in_space_time_an_input_without_time_is_repeated_over_it) {
  const char *path = io_temp("a.h5");
  const hsize_t dx[2] = {3, 4}, dy[3] = {3, 6, 4};
  float x[24], y[24];
  pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME};
  io_put_xy(path, 2, dx, 3, dy);
  pno_dataset *ds = must_open(path, &v);
  cr_assert(pno_dataset_view(ds)->frames_out == 6 && pno_dataset_view(ds)->stride == 1);
  cr_assert(pno_dataset_read(ds, 2, x, y) == PNO_OK);
  for (int t = 0; t < 6; t++)
    for (int p = 0; p < 4; p++) cr_assert(x[t * 4 + p] == (float)(8 + p) && y[t * 4 + p] == -(float)(48 + t * 4 + p));
  pno_dataset_close(&ds);
  v.stride = 2;
  ds = must_open(path, &v); /* frames 0, 2, 4 */
  expect_shape(ds, 2, (const int[]){3, 4}, 1, 1, 3);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int t = 0; t < 3; t++)
    for (int p = 0; p < 4; p++) cr_assert(x[t * 4 + p] == (float)(4 + p) && y[t * 4 + p] == -(float)(24 + 8 * t + p));
  pno_dataset_close(&ds);
  v.frames_out = 4;
  refused(path, &v, PNO_E_SHAPE, "4 frames_out with stride 2 of a file with 6 times");
}

Test(dataset, channels_first_with_times_are_transposed_together) {
  const char *path = io_temp("a.h5");
  const hsize_t dx[3] = {2, 2, 4}, dy[4] = {2, 3, 6, 4};
  float x[48], y[72];
  const pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME, .stride = 5};
  io_put_xy(path, 3, dx, 4, dy);
  pno_dataset *ds = must_open(path, &v);
  expect_shape(ds, 2, (const int[]){2, 4}, 2, 3, 2);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int t = 0; t < 2; t++)
    for (int p = 0; p < 4; p++) {
      for (int c = 0; c < 2; c++) cr_assert(x[(t * 4 + p) * 2 + c] == (float)(8 + c * 4 + p));
      for (int c = 0; c < 3; c++) cr_assert(y[(t * 4 + p) * 3 + c] == -(float)(72 + c * 24 + t * 5 * 4 + p));
    }
  pno_dataset_close(&ds);
}

Test(dataset, autoregressive_windows_take_frames_as_channels) {
  const char *path = io_temp("a.h5");
  const hsize_t dy[3] = {2, 9, 4};
  float x[8], y[12];
  pno_sample_view v = {.mode = PNO_MODE_AUTOREGRESSIVE, .frames_in = 2, .frames_out = 3, .stride = 2};
  io_put(path, "y", H5T_IEEE_F64LE, 3, dy, NULL);
  pno_dataset *ds = must_open(path, &v);
  expect_shape(ds, 1, (const int[]){4}, 2, 3, 6); /* starts 0, 2, 4 */
  for (int s = 0; s < 6; s++) {
    const int first = s / 3 * 36 + s % 3 * 2 * 4;
    cr_assert(pno_dataset_read(ds, s, x, y) == PNO_OK);
    for (int p = 0; p < 4; p++) {
      for (int t = 0; t < 2; t++) cr_assert(x[p * 2 + t] == (float)(first + t * 4 + p));
      for (int t = 0; t < 3; t++) cr_assert(y[p * 3 + t] == (float)(first + (2 + t) * 4 + p));
    }
  }
  cr_assert(pno_dataset_read(ds, 6, x, y) == PNO_E_USAGE);
  cr_assert(pno_dataset_read(ds, -1, x, y) == PNO_E_USAGE);
  pno_dataset_close(&ds);
  v.frames_in = 7;
  refused(path, &v, PNO_E_SHAPE, "7 frames_in and 3 frames_out of a file with 9 times");
  v.frames_in = 10;
  refused(path, &v, PNO_E_SHAPE, "10 frames_in of a file with 9 times");
}

Test(dataset, a_series_may_have_channels_behind_the_time) {
  const char *path = io_temp("a.h5");
  const hsize_t dy[4] = {1, 3, 2, 4};
  float x[8], y[8];
  const pno_sample_view v = {.mode = PNO_MODE_AUTOREGRESSIVE, .channels = PNO_CHANNELS_FIRST};
  io_put(path, "y", H5T_IEEE_F32LE, 4, dy, NULL);
  pno_dataset *ds = must_open(path, &v);
  expect_shape(ds, 1, (const int[]){4}, 2, 2, 2);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int p = 0; p < 4; p++)
    for (int c = 0; c < 2; c++) cr_assert(x[p * 2 + c] == (float)(8 + c * 4 + p) && y[p * 2 + c] == x[p * 2 + c] + 8.0f);
  pno_dataset_close(&ds);
}

Test(dataset, several_named_fields_become_neighbouring_channels) {
  const char *path = io_temp("a.h5");
  const hsize_t d[2] = {2, 4};
  float x[8], y[4];
  pno_sample_view v = {.n_input = 2, .n_target = 1, .input = {"p", "q"}, .target = {"r"}};
  io_put(path, "p", H5T_IEEE_F32LE, 2, d, NULL);
  io_put(path, "q", H5T_IEEE_F32LE, 2, d, (const double[]){10, 11, 12, 13, 14, 15, 16, 17});
  io_put(path, "r", H5T_IEEE_F32LE, 2, d, NULL);
  pno_dataset *ds = must_open(path, &v);
  expect_shape(ds, 1, (const int[]){4}, 2, 1, 2);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int p = 0; p < 4; p++) cr_assert(x[2 * p] == (float)(4 + p) && x[2 * p + 1] == (float)(14 + p));
  pno_dataset_close(&ds);
  snprintf(v.input[1], sizeof v.input[1], "nope");
  refused(path, &v, PNO_E_INPUT, "no data set nope; there are: p, q, r");
  snprintf(v.input[1], sizeof v.input[1], "../x");
  refused(path, &v, PNO_E_INPUT, "no data set ../x");
  snprintf(v.input[1], sizeof v.input[1], ".");
  refused(path, &v, PNO_E_INPUT, "no data set .");
  v.input[1][0] = '\0';
  refused(path, &v, PNO_E_INPUT, "without a name");
  v.n_input = 99;
  refused(path, &v, PNO_E_USAGE, "99 input");
  v.n_input = 1;
  v.stride = -1;
  refused(path, &v, PNO_E_USAGE, "stride -1");
}

Test(dataset, numbers_of_every_type_become_float) {
  const hid_t types[] = {H5T_STD_I8LE, H5T_STD_U16BE, H5T_STD_I64LE, H5T_IEEE_F64BE, H5T_IEEE_F32BE};
  const hsize_t d[2] = {2, 4};
  float x[4], y[4];
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const char *path = io_temp("t.h5");
    remove(path);
    io_put(path, "x", types[i], 2, d, NULL);
    io_put(path, "y", types[i], 2, d, NULL);
    pno_dataset *ds = must_open(path, NULL);
    cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
    for (int p = 0; p < 4; p++) cr_assert(x[p] == (float)(4 + p));
    pno_dataset_close(&ds);
  }
}

static void put_typed(const char *path, const char *name, hid_t type, const void *values) {
  const hsize_t d[2] = {2, 4};
  const hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), s = H5Screate_simple(2, d, NULL);
  const hid_t dset = H5Dcreate2(f, name, type, s, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert(dset >= 0 && H5Dwrite(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(dset);
  H5Sclose(s);
  H5Fclose(f);
}

Test(dataset, booleans_of_h5py_become_zero_and_one_and_strings_are_refused) {
  const char *path = io_temp("a.h5");
  const hsize_t d[2] = {2, 4};
  static const signed char flags[8] = {0, 1, 1, 0, 1, 0, 0, 1};
  static const char text[80];
  float x[4], y[4];
  hid_t type = -1;
  cr_assert(pno_h5_begin() == PNO_OK);
  cr_assert(pno_h5_bool_type(&type) == PNO_OK);
  io_put(path, "y", H5T_IEEE_F32LE, 2, d, NULL);
  put_typed(path, "x", type, flags);
  pno_h5_close(&type);
  pno_dataset *ds = must_open(path, NULL);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK, "%s", pno_fail_words());
  for (int p = 0; p < 4; p++) cr_assert(x[p] == (float)flags[4 + p]);
  pno_dataset_close(&ds);
  type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 10);
  put_typed(path, "s", type, text);
  pno_h5_close(&type);
  const pno_sample_view v = {.n_input = 1, .input = {"s"}};
  refused(path, &v, PNO_E_INPUT, "s does not hold numbers");
}

Test(dataset, what_is_no_number_is_refused_with_sample_and_field) {
  static const double bad[] = {NAN, INFINITY, -INFINITY, 1e300};
  const hsize_t d[2] = {3, 4};
  float x[4], y[4];
  for (int i = 0; i < 4; i++) {
    const char *path = io_temp("n.h5");
    double v[12] = {0};
    remove(path);
    v[7] = bad[i];
    io_put(path, "x", H5T_IEEE_F64LE, 2, d, NULL);
    io_put(path, "y", H5T_IEEE_F64LE, 2, d, v);
    pno_dataset *ds = must_open(path, NULL);
    cr_assert(pno_dataset_read(ds, 0, x, y) == PNO_OK && pno_dataset_read(ds, 2, x, y) == PNO_OK);
    cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_E_INPUT);
    const char *words = i == 0 ? "n.h5: sample 1: field y: holds a NaN" : "n.h5: sample 1: field y: holds an infinite";
    cr_assert(strstr(pno_fail_words(), words), "%s", pno_fail_words());
    pno_dataset_close(&ds);
  }
}

Test(dataset, absent_data_sets_are_named_with_those_that_exist) {
  const char *path = io_temp("a.h5");
  const hsize_t d[2] = {2, 4};
  io_put(path, "tensor", H5T_IEEE_F32LE, 2, d, NULL);
  refused(path, NULL, PNO_E_INPUT, "no data set x; there are: tensor");
  io_put(path, "x", H5T_IEEE_F32LE, 2, d, NULL);
  refused(path, NULL, PNO_E_INPUT, "no data set y; there are: tensor, x");
  cr_assert(strstr(pno_fail_words(), "a.h5: "));
}

Test(dataset, missing_foreign_and_empty_files_are_refused) {
  const char *path = io_temp("a.h5");
  refused(path, NULL, PNO_E_IO, "a.h5: cannot be opened");
  io_spit(path, "PK\3\4", 4);
  refused(path, NULL, PNO_E_INPUT, "not an HDF5 file");
  remove(path);
  H5Fclose(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  refused(path, NULL, PNO_E_INPUT, "no data set x; there are: nothing");
  const hsize_t one[1] = {4}, none[2] = {2, 0};
  io_put(path, "x", H5T_IEEE_F32LE, 1, one, NULL);
  refused(path, NULL, PNO_E_SHAPE, "x has 1 axes");
  remove(path);
  io_put_xy(path, 2, none, 2, none);
  refused(path, NULL, PNO_E_SHAPE, "axis 1 has 0 entries");
}

Test(dataset, a_file_of_no_samples_opens_and_counts_none) {
  const char *path = io_temp("a.h5");
  const hsize_t none[2] = {0, 4};
  float x[4], y[4];
  io_put_xy(path, 2, none, 2, none);
  pno_dataset *ds = must_open(path, NULL);
  cr_assert(pno_dataset_count(ds) == 0);
  cr_assert(pno_dataset_read(ds, 0, x, y) == PNO_E_USAGE);
  pno_dataset_close(&ds);
}

Test(dataset, groups_in_place_of_data_and_the_guards_limits_are_refused) {
  const char *path = io_temp("a.h5");
  const hsize_t d[2] = {2, 4};
  io_put_xy(path, 2, d, 2, d);
  const pno_dataset_limits tight = {.max_bytes = 63};
  pno_dataset *ds = NULL;
  cr_assert(pno_dataset_open(path, NULL, &tight, &ds) == PNO_E_INPUT && ds == NULL);
  const hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  H5Gclose(H5Gcreate2(f, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Fclose(f);
  const pno_sample_view v = {.n_input = 1, .input = {"g"}};
  refused(path, &v, PNO_E_INPUT, "g is not a data set");
}

/* Never a crash, never a wrong value for an undamaged byte count: any flip gives an error or some numbers. */
Test(dataset, flipped_bits_never_crash_the_reader, .timeout = 60) {
  const char *path = io_temp("a.h5"), *bad = io_temp("bad.h5");
  const hsize_t d[3] = {3, 5, 7};
  float x[4096], y[4096];
  io_put_xy(path, 3, d, 3, d);
  size_t bytes = 0;
  unsigned char *all = io_slurp(path, &bytes);
  for (size_t i = 0; i < bytes; i += 2) {
    pno_dataset *ds = NULL;
    all[i] ^= (unsigned char)(1u << (i % 8));
    io_spit(bad, all, bytes);
    all[i] ^= (unsigned char)(1u << (i % 8));
    if (pno_dataset_open(bad, NULL, NULL, &ds) != PNO_OK) continue;
    if (pno_dataset_x_count(ds) <= 4096 && pno_dataset_y_count(ds) <= 4096)
      for (ptrdiff_t s = 0; s < pno_dataset_count(ds) && s < 5; s++) (void)pno_dataset_read(ds, s, x, y);
    pno_dataset_close(&ds);
  }
  free(all);
}

Test(dataset, a_file_cut_while_it_is_open_gives_an_error_and_not_zeros) {
  const char *path = io_temp("a.h5");
  const hsize_t d[3] = {64, 16, 16};
  float x[256], y[256];
  io_put_xy(path, 3, d, 3, d);
  pno_dataset *ds = must_open(path, NULL);
  cr_assert(pno_dataset_read(ds, 63, x, y) == PNO_OK);
  cr_assert(truncate(path, 40000) == 0);
  cr_assert(pno_dataset_read(ds, 63, x, y) == PNO_E_INPUT);
  cr_assert(strstr(pno_fail_words(), "shrank") != NULL, "%s", pno_fail_words());
  pno_dataset_close(&ds);
}
