#include "io/dataset_about.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dataset_write.h"
#include "io/fsutil.h"
#include "io/h5.h"
#include "io_files.h"
#include "native_spec.h"

static pno_dataset_about must_read(const char *path, const pno_dataset_spec *spec) {
  pno_dataset_about a;
  cr_assert(pno_dataset_write(path, spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_OK, "%s", pno_fail_words());
  return a;
}

static bool close_to(double is, double should) { return fabs(is - should) <= 1e-12 * fabs(should) + 1e-15; }

Test(dataset_about, a_file_says_what_was_written) {
  pno_dataset_spec spec = native_series();
  spec.equation = "tides";
  spec.split = "valid";
  spec.centres = true;
  pno_dataset_about a = must_read(io_temp("a.h5"), &spec);
  cr_assert_str_eq(a.equation, "tides");
  cr_assert_str_eq(a.split, "valid");
  cr_assert_str_eq(a.generator, "pno test");
  cr_assert(a.seed == 42 && a.trajectories == 3 && a.n_spatial == 2 && a.n[0] == 5 && a.n[1] == 7 && a.centres);
  cr_assert(a.lo[1] == -1.0 && a.hi[1] == 1.0 && a.bytes > 4096);
  cr_assert_str_eq(a.boundary[0], "wall");
  cr_assert_str_eq(a.boundary[1], "periodic");
  cr_assert(a.n_times == 4 && a.time[1] == 0.1 && a.time[3] == 0.4);
  cr_assert(a.n_fields == 3 && a.n_scalars == 2);
  cr_assert_str_eq(a.fields[0].name, "nu");
  cr_assert(!a.fields[0].timed && a.fields[0].known && !a.fields[0].delta && a.fields[1].delta);
  cr_assert_str_eq(a.fields[2].name, "v");
  cr_assert(a.fields[2].order == 1 && a.fields[2].components == 2);
  cr_assert_str_eq(a.scalars[1].name, "ra");
  cr_assert(a.scalars[1].sample && !a.scalars[1].time && a.scalars[1].least == 1e3 && a.scalars[1].most == 3e3);
  cr_assert(!a.scalars[0].sample && a.scalars[0].least == 2.5 && a.scalars[0].most == 2.5);
  pno_dataset_about_free(&a);
}

/* Value k of trajectory s is s + k / 1024, so frames of v differ by 70 / 1024 and its components by 1 / 1024. */
Test(dataset_about, statistics_are_those_of_all_values) {
  const pno_dataset_spec spec = native_series();
  pno_dataset_about a = must_read(io_temp("a.h5"), &spec);
  for (int c = 0; c < 2; c++) {
    const pno_field_statistics *s = &a.fields[2].statistics[c];
    double sum = 0, square = 0;
    for (int i = 0; i < 3; i++)
      for (int k = c; k < 280; k += 2) sum += i + k / 1024.0;
    const double mean = sum / 420;
    for (int i = 0; i < 3; i++)
      for (int k = c; k < 280; k += 2) square += (i + k / 1024.0 - mean) * (i + k / 1024.0 - mean);
    cr_assert(close_to(s->mean, mean) && close_to(s->std, sqrt(square / 420)), "%.17g %.17g", s->mean, mean);
    cr_assert(close_to(s->rms, sqrt(square / 420 + mean * mean)));
    cr_assert(s->min == c / 1024.0 && s->max == 2 + (278 + c) / 1024.0);
    cr_assert(close_to(s->mean_delta, 70 / 1024.0) && close_to(s->rms_delta, 70 / 1024.0) && s->std_delta < 1e-12);
  }
  pno_dataset_about_free(&a);
}

Test(dataset_about, steady_files_have_no_differences_and_older_ones_no_statistics) {
  const char *path = io_temp("a.h5");
  const pno_dataset_spec spec = native_steady();
  pno_dataset_about a = must_read(path, &spec);
  cr_assert(a.fields[0].known && !a.fields[0].delta && a.fields[1].known && !a.fields[1].delta);
  pno_dataset_about_free(&a);
  hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), d = H5Dopen2(f, "t0_fields/u", H5P_DEFAULT);
  cr_assert(H5Adelete(d, "mean") >= 0);
  pno_h5_close(&d);
  pno_h5_close(&f);
  cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_OK, "%s", pno_fail_words());
  cr_assert(a.fields[0].known && !a.fields[1].known);
  pno_dataset_about_free(&a);
}

Test(dataset_about, foreign_and_broken_files_are_refused) {
  const char *path = io_temp("a.h5");
  const hsize_t d[3] = {3, 5, 7};
  pno_dataset_about a;
  io_put_xy(path, 3, d, 3, d);
  cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_E_INPUT);
  cr_assert(strstr(pno_fail_words(), "no pno-dataset"), "%s", pno_fail_words());
  cr_assert(pno_dataset_about_read(io_temp("none.h5"), NULL, &a) == PNO_E_IO);
  static const char *const links[] = {"time", "x", "t1_fields", "scalars"};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    const pno_dataset_spec spec = native_series();
    remove(path);
    cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK);
    hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    cr_assert(H5Ldelete(f, links[i], H5P_DEFAULT) >= 0);
    pno_h5_close(&f);
    cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_E_INPUT, "%s", links[i]);
    cr_assert(strstr(pno_fail_words(), links[i]), "%s", pno_fail_words());
  }
}

/* Any flip gives an error or some numbers, never a crash. */
Test(dataset_about, flipped_bits_never_crash_it, .timeout = 60) {
  const char *path = io_temp("a.h5"), *bad = io_temp("bad.h5");
  const pno_dataset_spec spec = native_steady();
  size_t bytes = 0;
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK);
  unsigned char *all = io_slurp(path, &bytes);
  for (size_t i = 0; i < bytes; i += 29) {
    pno_dataset_about a;
    all[i] ^= (unsigned char)(1u << (i % 8));
    io_spit(bad, all, bytes);
    all[i] ^= (unsigned char)(1u << (i % 8));
    if (pno_dataset_about_read(bad, NULL, &a) == PNO_OK) pno_dataset_about_free(&a);
  }
  free(all);
}
