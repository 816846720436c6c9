#include "io/dataset_write.h"

#include "io/dataset.h"
#include "io/h5.h"
#include "io_files.h"
#include "native_spec.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static pno_digest write_it(const char *path, const pno_dataset_spec *spec) {
  pno_digest d = {0, 0};
  cr_assert(pno_dataset_write(path, spec, native_source, NULL, &d) == PNO_OK, "%s", pno_fail_words());
  return d;
}

static pno_dataset *must_open(const char *path, const pno_sample_view *view) {
  const pno_dataset_limits all = {.verify = true};
  pno_dataset *ds = NULL;
  cr_assert(pno_dataset_open(path, view, &all, &ds) == PNO_OK, "%s", pno_fail_words());
  return ds;
}

Test(dataset_write, a_steady_file_comes_back_value_for_value) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  const pno_digest d = write_it(path, &spec);
  pno_dataset *ds = must_open(path, NULL);
  const pno_sample_info *i = pno_dataset_info(ds);
  cr_assert_str_eq(pno_dataset_format(ds), "pno-dataset");
  cr_assert(pno_dataset_count(ds) == 6 && i->dims == 2 && i->n[0] == 5 && i->n[1] == 7);
  cr_assert(i->in_channels == 1 && i->out_channels == 1);
  cr_assert(i->lo[0] == 0.0 && i->hi[0] == 1.0 && i->lo[1] == -1.0 && i->hi[1] == 1.0);
  cr_assert(pno_dataset_view(ds)->mode == PNO_MODE_STEADY);
  cr_assert_str_eq(pno_dataset_view(ds)->input[0], "a");
  pno_digest said;
  cr_assert(pno_dataset_digest(ds, &said) && pno_digest_equal(said, d));
  float x[35], y[35];
  for (int s = 0; s < 6; s++) {
    cr_assert(pno_dataset_read(ds, s, x, y) == PNO_OK);
    for (int k = 0; k < 35; k++) /* u comes first in the trajectory, a behind it */
      cr_assert(y[k] == (float)s + (float)k / 1024.0f && x[k] == (float)s + (float)(35 + k) / 1024.0f);
  }
  pno_dataset_close(&ds);
  cr_assert(access(io_temp("a.h5.tmp"), F_OK) != 0);
}

/* Trajectory: v [4][5][7][2], nu [5][7], u [4][5][7]. */
static float v_at(int s, int t, int p, int c) { return (float)s + (float)((t * 35 + p) * 2 + c) / 1024.0f; }
static float nu_at(int s, int p) { return (float)s + (float)(280 + p) / 1024.0f; }
static float u_at(int s, int t, int p) { return (float)s + (float)(315 + t * 35 + p) / 1024.0f; }

Test(dataset_write, a_series_comes_back_in_every_mode) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  static float x[35 * 16], y[35 * 16];
  write_it(path, &spec);
  pno_dataset *ds = must_open(path, NULL); /* the view of the file: u, nu, u -> u, v; windows start at 0 and 1 */
  const pno_sample_info *i = pno_dataset_info(ds);
  cr_assert(i->dims == 2 && i->in_channels == 3 && i->out_channels == 3 && pno_dataset_count(ds) == 6);
  cr_assert(pno_dataset_read(ds, 5, x, y) == PNO_OK);
  for (int p = 0; p < 35; p++) {
    cr_assert(x[3 * p] == u_at(2, 1, p) && x[3 * p + 1] == nu_at(2, p) && x[3 * p + 2] == u_at(2, 2, p));
    cr_assert(y[3 * p] == u_at(2, 3, p) && y[3 * p + 1] == v_at(2, 3, p, 0) && y[3 * p + 2] == v_at(2, 3, p, 1));
  }
  pno_dataset_close(&ds);
  pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME};
  ds = must_open(path, &v); /* the first frame of u and nu, repeated -> u, v over all 4 times */
  i = pno_dataset_info(ds);
  cr_assert(i->dims == 3 && i->n[0] == 4 && i->in_channels == 2 && i->out_channels == 3);
  cr_assert(i->lo[0] == 0.0 && i->hi[0] == 0.4 && i->lo[2] == -1.0);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int t = 0; t < 4; t++)
    for (int p = 0; p < 35; p++) {
      const int at = t * 35 + p;
      cr_assert(x[2 * at] == u_at(1, 0, p) && x[2 * at + 1] == nu_at(1, p));
      cr_assert(y[3 * at] == u_at(1, t, p) && y[3 * at + 2] == v_at(1, t, p, 1));
    }
  pno_dataset_close(&ds);
  v.mode = PNO_MODE_STEADY;
  ds = must_open(path, &v); /* first frame -> last frame */
  cr_assert(pno_dataset_count(ds) == 3 && pno_dataset_info(ds)->in_channels == 2);
  cr_assert(pno_dataset_read(ds, 0, x, y) == PNO_OK);
  for (int p = 0; p < 35; p++) cr_assert(x[2 * p] == u_at(0, 0, p) && y[3 * p] == u_at(0, 3, p));
  pno_dataset_close(&ds);
  v.frames_out = 2;
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_USAGE);
}

Test(dataset_write, several_frames_in_are_followed_by_those_out_in_space_and_time) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  static float x[35 * 16], y[35 * 16];
  write_it(path, &spec);
  pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME, .frames_in = 2, .frames_out = 1, .stride = 1};
  pno_dataset *ds = must_open(path, &v); /* u, nu, u as channels -> u, v of the next time; windows start at 0 and 1 */
  const pno_sample_info *i = pno_dataset_info(ds);
  cr_assert(i->dims == 3 && i->n[0] == 1 && i->in_channels == 3 && i->out_channels == 3 && pno_dataset_count(ds) == 6);
  cr_assert(pno_dataset_read(ds, 5, x, y) == PNO_OK);
  for (int p = 0; p < 35; p++) {
    cr_assert(x[3 * p] == u_at(2, 1, p) && x[3 * p + 1] == nu_at(2, p) && x[3 * p + 2] == u_at(2, 2, p));
    cr_assert(y[3 * p] == u_at(2, 3, p) && y[3 * p + 2] == v_at(2, 3, p, 1));
  }
  pno_dataset_close(&ds);
  v.frames_out = 2;
  ds = must_open(path, &v); /* as many out as in: u along the time, nu repeated */
  i = pno_dataset_info(ds);
  cr_assert(i->dims == 3 && i->n[0] == 2 && i->in_channels == 2 && pno_dataset_count(ds) == 3);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  for (int t = 0; t < 2; t++)
    for (int p = 0; p < 35; p++) {
      const int at = t * 35 + p;
      cr_assert(x[2 * at] == u_at(1, t, p) && x[2 * at + 1] == nu_at(1, p));
      cr_assert(y[3 * at] == u_at(1, 2 + t, p) && y[3 * at + 1] == v_at(1, 2 + t, p, 0));
    }
  pno_dataset_close(&ds);
  v.stride = 2;
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_SHAPE);
  v = (pno_sample_view){.mode = PNO_MODE_SPACE_TIME, .frames_in = 3, .frames_out = 2, .stride = 1};
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_SHAPE);
}

Test(dataset_write, targets_without_times_allow_only_the_steady_mode) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  pno_sample_view v = {.mode = PNO_MODE_SPACE_TIME, .n_target = 1, .target = {"nu"}};
  pno_dataset *ds = NULL;
  write_it(path, &spec);
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_SHAPE);
  cr_assert(strstr(pno_fail_words(), "needs targets with times, nu has none"));
  v.mode = PNO_MODE_AUTOREGRESSIVE;
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_SHAPE);
}

Test(dataset_write, absent_fields_are_named_with_those_that_exist) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  const pno_sample_view v = {.n_input = 1, .input = {"b"}};
  pno_dataset *ds = NULL;
  write_it(path, &spec);
  cr_assert(pno_dataset_open(path, &v, NULL, &ds) == PNO_E_INPUT && ds == NULL);
  cr_assert(strstr(pno_fail_words(), "no field or scalar b; fields: a, u; vector fields: nothing; scalars: beta"), "%s",
            pno_fail_words());
}

Test(dataset_write, equal_content_gives_equal_bytes_and_compression_changes_no_digest) {
  const char *a = io_temp("a.h5"), *b = io_temp("b.h5"), *c = io_temp("c.h5");
  pno_dataset_spec spec = native_series();
  const pno_digest da = write_it(a, &spec), db = write_it(b, &spec);
  spec.compress = true;
  spec.generator = "another build";
  spec.config = NULL;
  const pno_digest dc = write_it(c, &spec);
  size_t na = 0, nb = 0;
  unsigned char *ba = io_slurp(a, &na), *bb = io_slurp(b, &nb);
  cr_assert(na == nb && memcmp(ba, bb, na) == 0);
  cr_assert(pno_digest_equal(da, db) && pno_digest_equal(da, dc));
  free(ba);
  free(bb);
  pno_dataset *ds = must_open(c, NULL);
  pno_dataset_close(&ds);
}

static pno_status shifted(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  const ptrdiff_t *at = user;
  PNO_TRY(native_source(NULL, sample, values, n));
  if (sample == at[0]) values[at[1]] += 1.0f;
  return PNO_OK;
}

Test(dataset_write, any_other_content_gives_another_digest) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  static const pno_field_spec renamed[] = {{"v", 1, true}, {"nu", 0, false}, {"w", 0, true}};
  pno_digest d[8];
  ptrdiff_t at[2] = {2, 454};
  int n = 0;
  d[n++] = write_it(path, &spec);
  cr_assert(pno_dataset_write(path, &spec, shifted, at, &d[n++]) == PNO_OK);
  pno_dataset_spec s = spec;
  s.hi[0] = 1.5;
  d[n++] = write_it(path, &s);
  s = spec;
  s.time = NULL;
  d[n++] = write_it(path, &s);
  s = spec;
  s.boundary[0] = PNO_BOUNDARY_OPEN;
  d[n++] = write_it(path, &s);
  s = spec;
  s.sample_seed = NULL;
  d[n++] = write_it(path, &s);
  s = spec;
  s.fields = renamed;
  pno_sample_view v = *spec.view;
  v.input[0][0] = v.target[0][0] = 'w';
  s.view = &v;
  d[n++] = write_it(path, &s);
  s = spec;
  v = *spec.view;
  v.frames_in = 1;
  s.view = &v;
  d[n++] = write_it(path, &s);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++) cr_assert(!pno_digest_equal(d[i], d[k]), "%d and %d", i, k);
}

static void set_complete(const char *path, int64_t value, bool keep) {
  hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  cr_assert(f >= 0 && H5Adelete(f, "complete") >= 0);
  if (keep) cr_assert(pno_h5_put_i64(f, "complete", value) == PNO_OK);
  pno_h5_close(&f);
}

Test(dataset_write, an_unfinished_file_is_refused) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  for (int i = 0; i < 2; i++) {
    pno_dataset *ds = NULL;
    write_it(path, &spec);
    set_complete(path, 0, i == 0);
    cr_assert(pno_dataset_open(path, NULL, NULL, &ds) == PNO_E_INPUT && ds == NULL);
    cr_assert(strstr(pno_fail_words(), "never finished"), "%s", pno_fail_words());
  }
}

static void change_value(const char *path, const char *name, hid_t type, const void *value) {
  const hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), d = H5Dopen2(f, name, H5P_DEFAULT), s = H5Dget_space(d);
  const hid_t one = H5Screate(H5S_SCALAR);
  const hsize_t at[5] = {2, 0, 0, 0, 0};
  cr_assert(H5Sselect_elements(s, H5S_SELECT_SET, 1, at) >= 0);
  cr_assert(H5Dwrite(d, type, one, s, H5P_DEFAULT, value) >= 0);
  H5Sclose(one);
  H5Sclose(s);
  H5Dclose(d);
  H5Fclose(f);
}

Test(dataset_write, changed_values_are_found_when_the_digest_is_verified) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  const pno_dataset_limits all = {.verify = true};
  const float f = 99.0f;
  const double d = 99.0;
  const uint64_t u = 99;
  static const struct {
    const char *name, *words;
    int kind;
  } rows[] = {{"t0_fields/u", "sample 2: digest mismatch", 0},
              {"t1_fields/v", "sample 2: digest mismatch", 0},
              {"x", "content digest mismatch", 1},
              {"scalars/ra", "content digest mismatch", 1},
              {"provenance/sample_seed", "content digest mismatch", 2}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pno_dataset *ds = NULL;
    write_it(path, &spec);
    if (rows[i].kind == 0) change_value(path, rows[i].name, H5T_NATIVE_FLOAT, &f);
    if (rows[i].kind == 1) change_value(path, rows[i].name, H5T_NATIVE_DOUBLE, &d);
    if (rows[i].kind == 2) change_value(path, rows[i].name, H5T_NATIVE_UINT64, &u);
    cr_assert(pno_dataset_open(path, NULL, &all, &ds) == PNO_E_INPUT && ds == NULL, "%s", rows[i].name);
    cr_assert(strstr(pno_fail_words(), rows[i].words), "%s: %s", rows[i].name, pno_fail_words());
  }
}

Test(dataset_write, another_major_version_is_refused) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  pno_dataset *ds = NULL;
  write_it(path, &spec);
  hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  cr_assert(H5Adelete(f, "format_version") >= 0 && pno_h5_put_text(f, "format_version", "2.0") == PNO_OK);
  pno_h5_close(&f);
  cr_assert(pno_dataset_open(path, NULL, NULL, &ds) == PNO_E_INPUT);
  cr_assert(strstr(pno_fail_words(), "version 2.0"), "%s", pno_fail_words());
}

static pno_status fails_at_2(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  if (sample == 2) return pno_fail(PNO_E_INPUT, "no sample");
  return native_source(user, sample, values, n);
}

static pno_status nan_at_2(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  PNO_TRY(native_source(user, sample, values, n));
  if (sample == 2) values[36] = NAN;
  return PNO_OK;
}

Test(dataset_write, a_failing_source_and_a_nan_leave_the_old_file) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  const pno_digest first = write_it(path, &spec);
  pno_digest d = {7, 7}, said;
  cr_assert(pno_dataset_write(path, &spec, fails_at_2, NULL, &d) == PNO_E_INPUT);
  cr_assert(pno_dataset_write(path, &spec, nan_at_2, NULL, &d) == PNO_E_DIVERGED);
  cr_assert(strstr(pno_fail_words(), "sample 2: field a is not finite at value 1"), "%s", pno_fail_words());
  cr_assert(d.high == 7 && access(io_temp("a.h5.tmp"), F_OK) != 0);
  pno_dataset *ds = must_open(path, NULL);
  cr_assert(pno_dataset_digest(ds, &said) && pno_digest_equal(said, first));
  pno_dataset_close(&ds);
}

/* HDF5 1.10.8 is known to crash around a full disk; the old file stays and the process goes on. */
Test(dataset_write, a_full_disk_at_any_size_leaves_the_old_file_and_an_io_error) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_series();
  const struct rlimit no = {RLIM_INFINITY, RLIM_INFINITY};
  size_t bytes = 0;
  write_it(path, &spec);
  unsigned char *old = io_slurp(path, &bytes);
  signal(SIGXFSZ, SIG_IGN);
  for (rlim_t limit = 0; limit < bytes; limit += bytes / 37) {
    const struct rlimit small = {limit, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &small);
    const pno_status st = pno_dataset_write(path, &spec, native_source, NULL, NULL);
    setrlimit(RLIMIT_FSIZE, &no);
    cr_assert(st == PNO_E_IO, "limit %llu: status %d", (unsigned long long)limit, (int)st);
    size_t now = 0;
    unsigned char *is = io_slurp(path, &now);
    cr_assert(now == bytes && memcmp(is, old, bytes) == 0);
    free(is);
  }
  free(old);
  write_it(path, &spec);
}

Test(dataset_write, specs_that_contradict_themselves_are_refused) {
  const char *path = io_temp("a.h5");
  static const pno_field_spec twice[] = {{"u", 0, true}, {"u", 1, true}}, evil[] = {{"../u", 0, true}},
                              tensor[] = {{"u", 2, true}};
  static const pno_scalar_spec seed[] = {{"seed", 1.0, NULL}}, blank[] = {{"", 1.0, NULL}};
  pno_dataset_spec s[12];
  for (int i = 0; i < 12; i++) s[i] = native_steady();
  s[0].n_spatial = 0;
  s[1].n_spatial = 4;
  s[2].n_samples = 0;
  s[3].n[1] = 0;
  s[4].n_times = 0;
  s[5].fields = twice;
  s[6].fields = evil;
  s[6].n_fields = 1;
  s[7].fields = tensor;
  s[7].n_fields = 1;
  s[8].n_fields = 0;
  s[9].scalars = blank;
  s[10].n_fields = 1; /* the view's input is missing */
  s[11].n[0] = s[11].n[1] = s[11].n_times = 2000000000;
  for (int i = 0; i < 12; i++)
    cr_assert(pno_dataset_write(path, &s[i], native_source, NULL, NULL) == PNO_E_USAGE, "spec %d", i);
  s[0] = native_steady();
  s[0].scalars = seed; /* the name is taken by a root attribute */
  cr_assert(pno_dataset_write(path, &s[0], native_source, NULL, NULL) == PNO_E_USAGE);
  cr_assert(access(path, F_OK) != 0);
  s[0] = native_steady();
  cr_assert(pno_dataset_write(io_temp("no/such/a.h5"), &s[0], native_source, NULL, NULL) == PNO_E_IO);
}

Test(dataset_write, large_frames_and_small_frames_are_chunked) {
  const char *path = io_temp("a.h5");
  pno_dataset_spec s = native_steady();
  static float x[1500 * 1100], y[1500 * 1100];
  s.n_samples = 2;
  s.n[0] = 1500;
  s.n[1] = 1100;
  write_it(path, &s);
  pno_dataset *ds = must_open(path, NULL);
  cr_assert(pno_dataset_read(ds, 1, x, y) == PNO_OK);
  cr_assert(y[1500 * 1100 - 1] == 1.0f + (float)(1500 * 1100 - 1) / 1024.0f);
  pno_dataset_close(&ds);
  s.n_samples = 3000;
  s.n_spatial = 1;
  s.n[0] = 3;
  write_it(path, &s);
  ds = must_open(path, NULL);
  cr_assert(pno_dataset_count(ds) == 3000 && pno_dataset_read(ds, 2999, x, y) == PNO_OK && y[0] == 2999.0f);
  pno_dataset_close(&ds);
}

/* Where others may write: a link planted under the temporary name must not lead to another file. */
Test(dataset_write, a_planted_link_is_not_followed_and_the_file_is_for_its_owner_only) {
  const pno_dataset_spec spec = native_steady();
  char path[512], victim[512], temporary[520];
  struct stat s;
  snprintf(path, sizeof path, "%s", io_temp("private.h5"));
  snprintf(victim, sizeof victim, "%s", io_temp("victim"));
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  io_spit(victim, "precious", 8);
  cr_assert(symlink(victim, temporary) == 0);
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_expect(stat(victim, &s) == 0 && s.st_size == 8, "the link was followed");
  cr_expect(lstat(path, &s) == 0 && S_ISREG(s.st_mode) && (s.st_mode & 0777) == 0600, "mode %o", (unsigned)s.st_mode);
  cr_expect(access(temporary, F_OK) != 0);
}
