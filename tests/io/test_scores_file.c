#include "io/scores_file.h"

#include "io/h5.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <hdf5_hl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[512], temp[600];

static void name_file(void) {
  snprintf(path, sizeof path, "%s", io_temp("eval.h5"));
  snprintf(temp, sizeof temp, "%s.tmp", path);
}

TestSuite(scores_file, .init = name_file, .timeout = 60);

static const double level[] = {0.5, 0.9}, lead[] = {1, 2, 6}, table[] = {1, 2, 3, 4, 5, NAN}, one = 0.25;

enum { AXES = 2, ARRAYS = 4 };

typedef struct {
  pno_scores_axis axis[AXES];
  pno_scores_array array[ARRAYS];
  pno_scores_spec spec;
} scores;

static void make(scores *s) {
  *s = (scores){.axis = {{.name = "level", .n = 2, .values = level},
                         {.name = "lead", .n = 3, .values = lead, .long_name = "lead time", .units = "h"}},
                .array = {{.name = "crps", .values = &one},
                          {.name = "coverage", .long_name = "observed", .units = "1", .rank = 2,
                           .dim = {{"level", 2}, {"lead", 3}}, .values = table},
                          {.name = "spread", .rank = 1, .dim = {{"lead", 3}}, .values = table},
                          {.name = "pit", .rank = 1, .dim = {{"bin", 6}}, .values = table}}};
  s->spec = (pno_scores_spec){.n_axes = AXES, .n_arrays = ARRAYS, .n_notes = 1, .axis = s->axis, .array = s->array,
                              .note = {{"generator", "pno test"}}};
}

static pno_status write_scores(void) {
  scores s;
  make(&s);
  return pno_scores_write(path, &s.spec);
}

Test(scores_file, arrays_of_every_rank_are_read_back_with_their_axes_and_labels) {
  double got[6] = {0};
  char text[64];
  cr_assert(write_scores() == PNO_OK, "%s", pno_fail_words());
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dset = H5Dopen2(file, "coverage", H5P_DEFAULT);
  cr_expect(H5LTread_dataset_double(file, "coverage", got) >= 0 && memcmp(got, table, 5 * sizeof *got) == 0);
  cr_expect(isnan(got[5]), "what does not exist is %g", got[5]);
  cr_expect(H5DSget_num_scales(dset, 0) == 1 && H5DSget_num_scales(dset, 1) == 1);
  cr_expect(pno_h5_get_text(dset, "long_name", text, sizeof text) == PNO_OK && strcmp(text, "observed") == 0);
  cr_expect(H5LTread_dataset_double(file, "crps", got) >= 0 && got[0] == one);
  cr_expect(H5LTread_dataset_double(file, "lead", got) >= 0 && memcmp(got, lead, sizeof lead) == 0);
  cr_expect(H5LTread_dataset_double(file, "bin", got) >= 0 && got[0] == 0 && got[5] == 5);
  cr_expect(pno_h5_get_text(file, "format", text, sizeof text) == PNO_OK && strcmp(text, "pno-scores") == 0);
  cr_expect(pno_h5_get_text(file, "generator", text, sizeof text) == PNO_OK && strcmp(text, "pno test") == 0);
  pno_h5_close(&dset);
  pno_h5_close(&file);
}

Test(scores_file, equal_content_gives_equal_bytes) {
  size_t n[2] = {0, 0};
  unsigned char *bytes[2];
  for (int i = 0; i < 2; i++) {
    cr_assert(write_scores() == PNO_OK, "%s", pno_fail_words());
    bytes[i] = io_slurp(path, &n[i]);
  }
  cr_expect(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  free(bytes[0]);
  free(bytes[1]);
}

Test(scores_file, more_arrays_than_any_table_holds_fit) {
  enum { MANY = 500 };
  static char name[MANY][24];
  static pno_scores_array array[MANY];
  for (int i = 0; i < MANY; i++) {
    snprintf(name[i], sizeof name[i], "score%d", i);
    array[i] = (pno_scores_array){.name = name[i], .rank = 1, .dim = {{"lead", 3}}, .values = lead};
  }
  cr_assert(pno_scores_write(path, &(pno_scores_spec){.n_arrays = MANY, .array = array}) == PNO_OK, "%s", pno_fail_words());
  double got[3] = {0};
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_expect(H5LTread_dataset_double(file, "score499", got) >= 0 && got[2] == 6);
  pno_h5_close(&file);
}

Test(scores_file, specs_that_contradict_themselves_are_refused_and_leave_the_old_file) {
  struct stat st;
  io_spit(path, "old", 3);
  for (int bad = 0; bad < 14; bad++) {
    scores s;
    make(&s);
    if (bad == 0) s.array[0].rank = 3;
    if (bad == 1) s.array[0].rank = -1;
    if (bad == 2) s.array[2].dim[0].n = 4; /* lead has 3 */
    if (bad == 3) s.array[3].dim[0].n = 0;
    if (bad == 4) s.array[1].name = "crps";
    if (bad == 5) s.array[1].name = "a/b";
    if (bad == 6) s.array[1].name = "level"; /* an axis is called so */
    if (bad == 7) s.array[3].dim[0].axis = "crps"; /* an array is called so */
    if (bad == 8) s.axis[1].name = "level";
    if (bad == 9) s.axis[0].n = 0;
    if (bad == 10) s.array[2].values = NULL;
    if (bad == 11) s.spec.n_notes = PNO_SCORES_NOTES_MAX + 1;
    if (bad == 12) s.array[3].dim[0].axis = "";
    if (bad == 13) s.spec.n_arrays = -1;
    cr_expect_eq(pno_scores_write(path, &s.spec), PNO_E_USAGE, "spec %d: %s", bad, pno_fail_words());
    cr_expect(stat(path, &st) == 0 && st.st_size == 3 && access(temp, F_OK) != 0, "spec %d left something", bad);
  }
}

Test(scores_file, a_missing_directory_is_an_io_error_with_the_path) {
  snprintf(path, sizeof path, "%s", io_temp("absent/eval.h5"));
  cr_expect_eq(write_scores(), PNO_E_IO);
  cr_expect_not_null(strstr(pno_fail_words(), "absent"), "%s", pno_fail_words());
}

Test(scores_file, more_than_the_disk_holds_is_refused_before_anything_is_written) {
  const pno_scores_array huge = {.name = "a", .rank = 2, .dim = {{"i", (ptrdiff_t)1 << 30}, {"j", (ptrdiff_t)1 << 24}},
                                 .values = table};
  cr_expect_eq(pno_scores_write(path, &(pno_scores_spec){.n_arrays = 1, .array = &huge}), PNO_E_IO);
  cr_expect_not_null(strstr(pno_fail_words(), "bytes needed"), "%s", pno_fail_words());
}

Test(scores_file, a_full_disk_at_any_size_is_an_io_error_and_leaves_the_old_file) {
  struct rlimit limit;
  struct stat s;
  io_spit(path, "old", 3);
  signal(SIGXFSZ, SIG_IGN);
  for (rlim_t bytes = 0; bytes < 4096; bytes += 256) {
    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    const pno_status st = write_scores();
    limit.rlim_cur = limit.rlim_max;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    cr_expect_eq(st, PNO_E_IO, "%d at %d bytes", (int)st, (int)bytes);
    cr_expect(stat(path, &s) == 0 && s.st_size == 3, "the old file is gone at %d bytes", (int)bytes);
  }
}
