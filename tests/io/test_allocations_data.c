/* As test_allocations.c, of what is made of a data set: every allocation fails once, and all from the n-th on. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/beside.h"
#include "io/dataset_about.h"
#include "io/dataset_write.h"
#include "io/strip.h"
#include "io/window.h"
#include "io_files.h"
#include "native_spec.h"
#include "tests/support/alloc_sweep.h"

static char path[512], other[512];

static void write_series(void) {
  const pno_dataset_spec spec = native_series();
  snprintf(path, sizeof path, "%s", io_temp("a.h5"));
  snprintf(other, sizeof other, "%s", io_temp("b"));
  cr_assert(pno_dataset_write(path, &spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
}

TestSuite(allocations_data, .init = write_series, .timeout = 120);

static bool no_temporary(void *user, pno_status st) {
  char temp[600];
  (void)user;
  (void)st;
  snprintf(temp, sizeof temp, "%s.tmp", other);
  return access(temp, F_OK) != 0;
}

static void sweep(pno_status (*call)(void *)) {
  const alloc_sweep s = {.call = call, .after = no_temporary};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect(
      alloc_sweep_clean(&r),
      "%d allocations: %d refused, %d other failures, %d done without, %d leaks (from %p), %d wrong; first n = %d%s",
      r.allocations, r.refused, r.other, r.passed, r.leaks, r.leak_from, r.wrong, r.first_bad,
      r.first_once ? " alone" : " and later");
}

static pno_status describe(void *user) {
  pno_dataset_about about;
  (void)user;
  PNO_TRY(pno_dataset_about_read(path, NULL, &about));
  pno_status st = pno_xdmf_write(other, path, &about);
  if (st == PNO_OK) st = pno_well_stats_write(other, &about);
  pno_dataset_about_free(&about);
  return st;
}

Test(allocations_data, of_descriptions_are_refused) { sweep(describe); }

static pno_status draw(void *user) {
  static const char *const fields[] = {NULL, "nu", "v"};
  pno_dataset_about about;
  (void)user;
  PNO_TRY(pno_dataset_about_read(path, NULL, &about));
  pno_status st = PNO_OK;
  for (int i = 0; i < 3 && st == PNO_OK; i++)
    st = pno_strip_draw(other, &(pno_strip_spec){.data = path, .about = &about, .field = fields[i]});
  pno_dataset_about_free(&about);
  return st;
}

Test(allocations_data, of_pictures_of_trajectories_are_refused) { sweep(draw); }

static pno_status move(void *user) {
  const pno_sample_view v = {
      .mode = PNO_MODE_AUTOREGRESSIVE, .n_input = 2, .input = {"u", "ra"}, .n_target = 1, .target = {"u"}};
  pno_dataset *ds = NULL;
  pno_window *w = NULL;
  pno_window_spec spec;
  (void)user;
  PNO_TRY(pno_dataset_open(path, &v, NULL, &ds));
  pno_status st = pno_window_spec_of(ds, &spec);
  if (st == PNO_OK) st = pno_window_create(&spec, &w);
  pno_window_destroy(&w);
  pno_dataset_close(&ds);
  return st;
}

Test(allocations_data, of_windows_are_refused) { sweep(move); }
