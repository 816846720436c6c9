#include "io/fields_file.h"

#include "io/h5.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <hdf5_hl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 3, NX = 5, NY = 7, IN = 2, POINTS = NX * NY };

static char path[512];

static void name_file(void) { snprintf(path, sizeof path, "%s", io_temp("fields.h5")); }

TestSuite(fields_file, .init = name_file, .timeout = 60);

static const int64_t ids[SAMPLES] = {4, 8, 15};
static const double x_points[NX] = {0, 0.25, 0.5, 0.75, 1};

static pno_fields_spec spec_of(void) {
  return (pno_fields_spec){.samples = SAMPLES,
                           .sample_ids = ids,
                           .dims = 2,
                           .n = {NX, NY},
                           .coord = {x_points, NULL},
                           .n_vars = 3,
                           .var = {{.name = "input", .channel_axis = "channel_in", .channels = IN},
                                   {.name = "prediction", .long_name = "mean", .channel_axis = "channel", .channels = 1},
                                   {.name = "rel_l2"}},
                           .n_notes = 1,
                           .note = {{"generator", "pno test"}}};
}

static float value(int var, int sample, int k) { return (float)(1000 * var + 100 * sample) + (float)k / 64.0f; }

static pno_fields_file *must_create(const pno_fields_spec *spec) {
  pno_fields_file *f = NULL;
  cr_assert(pno_fields_create(path, spec, &f) == PNO_OK, "%s", pno_fail_words());
  return f;
}

static void put_all(pno_fields_file *f) {
  float v[IN * POINTS];
  for (int s = SAMPLES - 1; s >= 0; s--) { /* any order */
    for (int var = 0; var < 2; var++) {
      for (int k = 0; k < IN * POINTS; k++) v[k] = value(var, s, k);
      cr_assert(pno_fields_put(f, var, s, v) == PNO_OK, "%s", pno_fail_words());
    }
    cr_assert(pno_fields_put_scalar(f, 2, s, 0.5 * s) == PNO_OK);
  }
}

static hid_t must_open(void) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_assert(file >= 0);
  return file;
}

static void expect_var(hid_t file, const char *name, int var, int channels) {
  float have[SAMPLES * IN * POINTS];
  int rank = 0;
  hsize_t dims[H5S_MAX_RANK];
  hid_t dset = H5Dopen2(file, name, H5P_DEFAULT);
  cr_assert(pno_h5_extent(dset, &rank, dims) == PNO_OK && rank == 4, "%s", pno_fail_words());
  cr_assert(dims[0] == SAMPLES && dims[1] == (hsize_t)channels && dims[2] == NX && dims[3] == NY);
  for (unsigned axis = 0; axis < 4; axis++) cr_expect_eq(H5DSget_num_scales(dset, axis), 1);
  cr_assert(H5Dread(dset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, have) >= 0);
  for (int s = 0; s < SAMPLES; s++)
    for (int k = 0; k < channels * POINTS; k++)
      cr_assert(have[s * channels * POINTS + k] == value(var, s, k), "%s of sample %d at %d", name, s, k);
  pno_h5_close(&dset);
}

Test(fields_file, what_is_put_is_read_back_with_its_axes) {
  const pno_fields_spec spec = spec_of();
  pno_fields_file *f = must_create(&spec);
  put_all(f);
  cr_assert(pno_fields_commit(&f) == PNO_OK, "%s", pno_fail_words());
  cr_assert_null(f);
  hid_t file = must_open();
  char text[64];
  int64_t sample[SAMPLES] = {0};
  double x[NX] = {0}, y[NY] = {0}, score[SAMPLES] = {0};
  expect_var(file, "input", 0, IN);
  expect_var(file, "prediction", 1, 1);
  cr_expect(H5LTread_dataset(file, "sample", H5T_NATIVE_INT64, sample) >= 0 && memcmp(sample, ids, sizeof ids) == 0);
  cr_expect(H5LTread_dataset(file, "x", H5T_NATIVE_DOUBLE, x) >= 0 && memcmp(x, x_points, sizeof x) == 0);
  cr_expect(H5LTread_dataset(file, "y", H5T_NATIVE_DOUBLE, y) >= 0 && y[NY - 1] == NY - 1);
  cr_expect(H5LTread_dataset(file, "rel_l2", H5T_NATIVE_DOUBLE, score) >= 0 && score[2] == 1.0);
  cr_expect(pno_h5_get_text(file, "format", text, sizeof text) == PNO_OK && strcmp(text, "pno-fields") == 0);
  cr_expect(pno_h5_get_text(file, "generator", text, sizeof text) == PNO_OK && strcmp(text, "pno test") == 0);
  pno_h5_close(&file);
}

Test(fields_file, until_the_commit_the_old_file_stays_and_nothing_is_left_of_one_abandoned) {
  char temp[600];
  struct stat s;
  const pno_fields_spec spec = spec_of();
  snprintf(temp, sizeof temp, "%s.tmp", path);
  io_spit(path, "old", 3);
  pno_fields_file *f = must_create(&spec);
  put_all(f);
  cr_expect(stat(path, &s) == 0 && s.st_size == 3);
  pno_fields_abandon(&f);
  cr_assert_null(f);
  pno_fields_abandon(&f);
  cr_expect(stat(path, &s) == 0 && s.st_size == 3 && access(temp, F_OK) != 0);
  f = must_create(&spec);
  put_all(f);
  cr_assert(pno_fields_commit(&f) == PNO_OK);
  cr_expect(stat(path, &s) == 0 && s.st_size > 3 && (s.st_mode & 0777) == 0600 && access(temp, F_OK) != 0);
}

Test(fields_file, equal_content_gives_equal_bytes) {
  size_t n[2] = {0, 0};
  unsigned char *bytes[2];
  const pno_fields_spec spec = spec_of();
  for (int i = 0; i < 2; i++) {
    pno_fields_file *f = must_create(&spec);
    put_all(f);
    cr_assert(pno_fields_commit(&f) == PNO_OK);
    bytes[i] = io_slurp(path, &n[i]);
  }
  cr_expect(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  free(bytes[0]);
  free(bytes[1]);
}

Test(fields_file, variables_and_samples_that_do_not_exist_are_refused) {
  float v[IN * POINTS] = {0};
  const pno_fields_spec spec = spec_of();
  pno_fields_file *f = must_create(&spec);
  cr_expect_eq(pno_fields_put(f, 3, 0, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put(f, -1, 0, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put(f, 0, SAMPLES, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put(f, 0, -1, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put(f, 2, 0, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_scalar(f, 0, 0, 1.0), PNO_E_INTERNAL);
  pno_fields_abandon(&f);
}

Test(fields_file, specs_that_contradict_themselves_are_refused) {
  pno_fields_file *f = NULL;
  for (int bad = 0; bad < 8; bad++) {
    pno_fields_spec spec = spec_of();
    if (bad == 0) spec.samples = 0;
    if (bad == 1) spec.dims = 4;
    if (bad == 2) spec.n[1] = 0;
    if (bad == 3) spec.var[0].name = "a/b";
    if (bad == 4) spec.var[1].channel_axis = "channel_in"; /* another count under the same name */
    if (bad == 5) spec.n_vars = 0;
    if (bad == 6) spec.var[0].channel_axis = "x";          /* a grid axis is called so */
    if (bad == 7) spec.var[1].channels = -1;
    cr_expect_eq(pno_fields_create(path, &spec, &f), PNO_E_USAGE, "spec %d: %s", bad, pno_fail_words());
    cr_expect_null(f);
  }
  cr_expect(access(path, F_OK) != 0);
}

Test(fields_file, two_variables_of_one_name_are_refused) {
  pno_fields_file *f = NULL;
  pno_fields_spec spec = spec_of();
  spec.var[1].name = "input";
  cr_expect_neq(pno_fields_create(path, &spec, &f), PNO_OK);
  cr_expect_null(f);
  cr_expect(access(path, F_OK) != 0);
}

Test(fields_file, a_missing_directory_is_an_io_error_with_the_path) {
  pno_fields_file *f = NULL;
  const pno_fields_spec spec = spec_of();
  snprintf(path, sizeof path, "%s", io_temp("absent/fields.h5"));
  cr_expect_eq(pno_fields_create(path, &spec, &f), PNO_E_IO);
  cr_expect_not_null(strstr(pno_fail_words(), "absent"), "%s", pno_fail_words());
}

Test(fields_file, more_than_the_disk_holds_is_refused_before_anything_is_written) {
  pno_fields_file *f = NULL;
  pno_fields_spec spec = spec_of();
  spec.samples = (ptrdiff_t)1 << 40;
  spec.sample_ids = NULL;
  cr_expect_eq(pno_fields_create(path, &spec, &f), PNO_E_IO, "%s", pno_fail_words());
  cr_expect_not_null(strstr(pno_fail_words(), "bytes needed"), "%s", pno_fail_words());
}

/* HDF5 writes here itself: every size at which the disk may fill up must end in an error, never in a crash. */
Test(fields_file, a_full_disk_at_any_size_is_an_io_error_and_leaves_the_old_file) {
  const pno_fields_spec spec = spec_of();
  struct rlimit limit;
  struct stat s;
  io_spit(path, "old", 3);
  signal(SIGXFSZ, SIG_IGN);
  for (rlim_t bytes = 0; bytes < 8192; bytes += 512) {
    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    pno_fields_file *f = NULL;
    pno_status st = pno_fields_create(path, &spec, &f);
    float v[IN * POINTS] = {0};
    for (int i = 0; i < SAMPLES && st == PNO_OK; i++) st = pno_fields_put(f, 0, i, v);
    if (st == PNO_OK)
      st = pno_fields_commit(&f);
    else
      pno_fields_abandon(&f);
    limit.rlim_cur = limit.rlim_max;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    cr_expect_eq(st, PNO_E_IO, "%d at %d bytes", (int)st, (int)bytes);
    cr_expect(stat(path, &s) == 0 && s.st_size == 3, "the old file is gone at %d bytes", (int)bytes);
  }
}

Test(fields_file, values_with_the_channels_last_give_the_same_file_as_with_the_channels_first) {
  pno_fields_spec spec = spec_of();
  pno_fields_file *f = must_create(&spec);
  float first[IN * POINTS], last[IN * POINTS];
  for (int s = 0; s < SAMPLES; s++) {
    for (int var = 0; var < 2; var++) {
      const int channels = var == 0 ? IN : 1;
      for (int k = 0; k < channels * POINTS; k++) first[k] = value(var, s, k);
      for (int k = 0; k < channels * POINTS; k++) last[k % POINTS * channels + k / POINTS] = first[k];
      cr_assert(pno_fields_put_last(f, var, s, last) == PNO_OK, "%s", pno_fail_words());
    }
  }
  cr_expect_eq(pno_fields_put_last(f, 2, 0, last), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_last(f, 0, SAMPLES, last), PNO_E_INTERNAL);
  cr_assert(pno_fields_commit(&f) == PNO_OK, "%s", pno_fail_words());
  const hid_t file = must_open();
  expect_var(file, "input", 0, IN);
  expect_var(file, "prediction", 1, 1);
  H5Fclose(file);
}

/* Times in front of the grid, which the first input does not have and which scores have alone: of a rollout. */
Test(fields_file, variables_may_lack_the_first_axes_or_have_only_them) {
  enum { NT = 3, SERIES = NT * POINTS };
  pno_fields_spec spec = {.samples = 2, .dims = 4, .n = {NT, NX, NY, 1}, .axis = {"time", "x", "y", "z"}, .n_vars = 4,
                          .var = {{.name = "series", .channel_axis = "channel", .channels = 1, .members = 2},
                                  {.name = "start", .channel_axis = "channel_in", .channels = IN, .skip = 1},
                                  {.name = "error", .over = 1},
                                  {.name = "rel_l2"}}};
  static const int ranks[] = {7, 5, 2, 1}; /* sample, member, channel, time and grid; the others */
  float v[SERIES];
  const double line[NT] = {1, 2, 4};
  pno_fields_file *f = must_create(&spec);
  for (int k = 0; k < SERIES; k++) v[k] = value(0, 1, k);
  cr_assert(pno_fields_put_member_last(f, 0, 1, 1, v) == PNO_OK && pno_fields_put_last(f, 1, 1, v) == PNO_OK, "%s",
            pno_fail_words());
  cr_assert(pno_fields_put_line(f, 2, 1, line) == PNO_OK && pno_fields_put_scalar(f, 3, 1, 0.5) == PNO_OK);
  cr_expect_eq(pno_fields_put_scalar(f, 2, 0, 1.0), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_line(f, 0, 0, line), PNO_E_INTERNAL);
  cr_assert(pno_fields_commit(&f) == PNO_OK, "%s", pno_fail_words());
  hid_t file = must_open();
  for (int i = 0; i < 4; i++) {
    hsize_t dims[H5S_MAX_RANK];
    int rank = 0;
    hid_t dset = H5Dopen2(file, spec.var[i].name, H5P_DEFAULT);
    cr_assert(pno_h5_extent(dset, &rank, dims) == PNO_OK && rank == ranks[i], "%s: rank %d", spec.var[i].name, rank);
    pno_h5_close(&dset);
  }
  float series[2][2][SERIES], start[2][IN * POINTS];
  double error[2][NT];
  cr_assert(H5LTread_dataset_float(file, "series", series[0][0]) >= 0 && memcmp(series[1][1], v, sizeof v) == 0);
  cr_assert(H5LTread_dataset_float(file, "start", start[0]) >= 0);
  for (int k = 0; k < IN * POINTS; k++) cr_assert(start[1][k % IN * POINTS + k / IN] == v[k]);
  cr_assert(H5LTread_dataset_double(file, "error", error[0]) >= 0 && memcmp(error[1], line, sizeof line) == 0);
  pno_h5_close(&file);
  for (int bad = 0; bad < 4; bad++) {
    pno_fields_spec wrong = spec;
    if (bad == 0) wrong.axis[3] = NULL; /* the fourth axis has no name of its own */
    if (bad == 1) wrong.var[1].skip = 4;
    if (bad == 2) wrong.var[2].over = 5;
    if (bad == 3) wrong.var[2].over = -1;
    cr_expect_eq(pno_fields_create(path, &wrong, &f), PNO_E_USAGE, "spec %d: %s", bad, pno_fail_words());
  }
}

enum { MEMBERS = 4 };

static pno_fields_spec spec_with_members(void) {
  pno_fields_spec spec = spec_of();
  spec.n_vars = 4;
  spec.var[3] = (pno_fields_var){.name = "upper", .channel_axis = "channel_in", .channels = IN, .members = MEMBERS,
                                 .units = "m", .n_attrs = 2, .attr = {{"level", 0.9}, {"alpha", -0.125}}};
  return spec;
}

Test(fields_file, members_lie_between_samples_and_channels_in_either_order_of_channels) {
  const pno_fields_spec spec = spec_with_members();
  pno_fields_file *f = must_create(&spec);
  float v[IN * POINTS], last[IN * POINTS];
  static float have[SAMPLES * MEMBERS * IN * POINTS];
  for (int s = 0; s < SAMPLES; s++)
    for (int m = MEMBERS - 1; m >= 0; m--) {
      for (int k = 0; k < IN * POINTS; k++) last[k % POINTS * IN + k / POINTS] = v[k] = value(m, s, k);
      const pno_status st = m % 2 ? pno_fields_put_member(f, 3, s, m, v) : pno_fields_put_member_last(f, 3, s, m, last);
      cr_assert(st == PNO_OK, "%s", pno_fail_words());
    }
  put_all(f);
  cr_assert(pno_fields_commit(&f) == PNO_OK, "%s", pno_fail_words());
  hid_t file = must_open(), dset = H5Dopen2(file, "upper", H5P_DEFAULT);
  int rank = 0;
  hsize_t dims[H5S_MAX_RANK];
  char units[8];
  double level = 0, alpha = 0;
  cr_assert(pno_h5_extent(dset, &rank, dims) == PNO_OK && rank == 5, "rank %d", rank);
  cr_expect(dims[0] == SAMPLES && dims[1] == MEMBERS && dims[2] == IN && dims[3] == NX && dims[4] == NY);
  for (unsigned axis = 0; axis < 5; axis++) cr_expect_eq(H5DSget_num_scales(dset, axis), 1);
  cr_assert(H5Dread(dset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, have) >= 0);
  for (int i = 0; i < SAMPLES * MEMBERS * IN * POINTS; i++)
    cr_assert(have[i] == value(i / (IN * POINTS) % MEMBERS, i / (IN * POINTS * MEMBERS), i % (IN * POINTS)), "at %d", i);
  cr_expect(pno_h5_get_text(dset, "units", units, sizeof units) == PNO_OK && strcmp(units, "m") == 0);
  cr_expect(H5LTget_attribute_double(file, "upper", "level", &level) >= 0 && level == 0.9);
  cr_expect(H5LTget_attribute_double(file, "upper", "alpha", &alpha) >= 0 && alpha == -0.125);
  pno_h5_close(&dset);
  expect_var(file, "input", 0, IN); /* beside it nothing moved */
  pno_h5_close(&file);
}

Test(fields_file, members_that_do_not_exist_are_refused) {
  float v[IN * POINTS] = {0};
  const pno_fields_spec spec = spec_with_members();
  pno_fields_file *f = must_create(&spec);
  cr_expect_eq(pno_fields_put_member(f, 3, 0, MEMBERS, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_member(f, 3, 0, -1, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_member_last(f, 3, SAMPLES, 0, v), PNO_E_INTERNAL);
  cr_expect_eq(pno_fields_put_member(f, 0, 0, 0, v), PNO_E_INTERNAL, "a variable without members");
  cr_expect_eq(pno_fields_put_member(f, 2, 0, 0, v), PNO_E_INTERNAL, "a scalar");
  cr_expect_eq(pno_fields_put(f, 3, 0, v), PNO_E_INTERNAL, "no member said");
  cr_expect_eq(pno_fields_put_last(f, 3, 0, v), PNO_E_INTERNAL);
  pno_fields_abandon(&f);
  for (int bad = 0; bad < 5; bad++) {
    pno_fields_spec wrong = spec_with_members();
    if (bad == 0) wrong.var[3].members = -1;
    if (bad == 1) wrong.var[2].members = 2; /* of a scalar */
    if (bad == 2) wrong.var[0].members = MEMBERS + 1; /* another number */
    if (bad == 3) wrong.var[3].n_attrs = PNO_FIELDS_ATTRS_MAX + 1;
    if (bad == 4) wrong.var[3].attr[1].name = "a b";
    cr_expect_eq(pno_fields_create(path, &wrong, &f), PNO_E_USAGE, "spec %d: %s", bad, pno_fail_words());
    cr_expect_null(f);
  }
}
