#include "io/beside.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dataset_write.h"
#include "io_files.h"
#include "native_spec.h"

static pno_dataset_about must_read(const char *path, const pno_dataset_spec *spec) {
  pno_dataset_about a;
  cr_assert(pno_dataset_write(path, spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_OK, "%s", pno_fail_words());
  return a;
}

/* Times and trajectories are thinned out, so that the description stays small; what is in it is for
 * interoperability.py. */
Test(beside, a_description_of_many_frames_stays_small) {
  pno_dataset_spec spec = native_line();
  spec.n_times = 5000;
  spec.time = NULL;
  spec.n_samples = 3;
  pno_dataset_about a = must_read(io_temp("a.h5"), &spec);
  cr_assert(pno_xdmf_write(io_temp("a.xdmf"), io_temp("a.h5"), &a) == PNO_OK, "%s", pno_fail_words());
  size_t n = 0;
  char *text = (char *)io_slurp(io_temp("a.xdmf"), &n);
  text[n] = '\0';
  int grids = 0;
  for (const char *at = text; (at = strstr(at, "GridType=\"Uniform\"")); at++) grids++;
  cr_assert(grids == 3 * 1000, "%d grids", grids); /* every fifth time */
  cr_assert(strstr(text, "3 of 3 trajectories, every 5. of 5000 times"));
  free(text);
  pno_dataset_about_free(&a);
}

/* Older files have no statistics; numbers that YAML takes for numbers. */
Test(beside, statistics_are_left_out_where_there_are_none) {
  const pno_dataset_spec spec = native_series();
  pno_dataset_about a = must_read(io_temp("a.h5"), &spec);
  for (int i = 0; i < a.n_fields; i++) a.fields[i].known = a.fields[i].delta = false;
  size_t n = 0;
  cr_assert(pno_well_stats_write(io_temp("a.yaml"), &a) == PNO_OK, "%s", pno_fail_words());
  char *text = (char *)io_slurp(io_temp("a.yaml"), &n);
  text[n] = '\0';
  cr_assert_str_eq(text, "mean: {}\nmean_delta: {}\nrms: {}\nrms_delta: {}\nstd: {}\nstd_delta: {}\n");
  free(text);
  a.fields[0].known = true;
  a.fields[0].statistics[0].mean = 1e-5;
  cr_assert(pno_well_stats_write(io_temp("a.yaml"), &a) == PNO_OK);
  text = (char *)io_slurp(io_temp("a.yaml"), &n);
  text[n] = '\0';
  cr_assert(strstr(text, "mean:\n  nu: 1.0000000000000001e-05\nmean_delta: {}\n") == text, "%s", text);
  free(text);
  pno_dataset_about_free(&a);
}

Test(beside, a_folder_that_is_not_there_is_an_io_error) {
  const pno_dataset_spec spec = native_series();
  pno_dataset_about a = must_read(io_temp("a.h5"), &spec);
  cr_assert(pno_xdmf_write(io_temp("no/a.xdmf"), io_temp("a.h5"), &a) == PNO_E_IO);
  cr_assert(pno_well_stats_write(io_temp("no/a.yaml"), &a) == PNO_E_IO);
  pno_dataset_about_free(&a);
}
