#include "io/metrics.h"

#include "io/h5.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[512], journal[600];
static const pno_digest none;

static void make_run(void) {
  snprintf(dir, sizeof dir, "%s", io_temp("run"));
  cr_assert(mkdir(dir, 0700) == 0);
  snprintf(journal, sizeof journal, "%s/%s", dir, PNO_METRICS_NAME);
}

TestSuite(metrics, .init = make_run, .timeout = 60);

static pno_metrics *must_open(int64_t bytes, pno_digest digest) {
  pno_metrics *m = NULL;
  cr_assert(pno_metrics_open(dir, bytes, digest, &m) == PNO_OK, "%s", pno_fail_words());
  return m;
}

static void put_step(pno_metrics *m, int64_t step) {
  const pno_metric fields[] = {pno_metric_i64("step", step), pno_metric_f64("loss", 1.0 / (double)step)};
  cr_assert(pno_metrics_write(m, "train", fields, 2) == PNO_OK, "%s", pno_fail_words());
}

/* Line number i of the journal, parsed; NULL behind the last one. A torn last line fails the test. */
static json_t *line(int i) {
  size_t n = 0;
  char *text = (char *)io_slurp(journal, &n), *at = text;
  cr_assert(n == 0 || text[n - 1] == '\n', "the last line is torn");
  text[n] = '\0';
  for (; i > 0 && *at; i--) at = strchr(at, '\n') + 1;
  json_t *object = *at ? json_loadb(at, strcspn(at, "\n"), JSON_REJECT_DUPLICATES, NULL) : NULL;
  cr_assert(!*at || object, "line does not parse: %.80s", at);
  free(text);
  return object;
}

static void expect_steps(int n) {
  for (int i = 0; i < n; i++) {
    json_t *object = line(i);
    cr_assert_not_null(object, "line %d is not there", i);
    cr_assert_eq(json_integer_value(json_object_get(object, "step")), i + 1);
    json_decref(object);
  }
  cr_assert_null(line(n), "more than %d lines", n);
}

Test(metrics, what_is_written_is_read_back_exactly) {
  static const double values[] = {0.1, 1.0 / 3.0, 1e-300, 1.7976931348623157e308, -0.0, 12345678901.0, 5e-324};
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    const pno_metric fields[] = {pno_metric_i64("step", INT64_MIN + 1), pno_metric_f64("v", values[i]),
                                 pno_metric_text("why", "a \"quote\" \\ \n \x01 gr\xc3\xbc\xc3\x9f")};
    cr_assert(pno_metrics_write(m, "event", fields, 3) == PNO_OK);
    json_t *object = line((int)i);
    const double back = json_number_value(json_object_get(object, "v"));
    cr_expect(back == values[i] && signbit(back) == signbit(values[i]), "%.17g came back as %.17g", values[i], back);
    cr_expect_eq(json_integer_value(json_object_get(object, "step")), INT64_MIN + 1);
    cr_expect_str_eq(json_string_value(json_object_get(object, "t")), "event");
    cr_expect_str_eq(json_string_value(json_object_get(object, "why")), "a \"quote\" \\ \n \x01 gr\xc3\xbc\xc3\x9f");
    json_decref(object);
  }
  pno_metrics_close(&m);
  cr_assert_null(m);
  pno_metrics_close(&m);
}

Test(metrics, numbers_that_are_not_finite_become_null) {
  const pno_metric fields[] = {pno_metric_f64("a", NAN), pno_metric_f64("b", INFINITY), pno_metric_f64("c", -INFINITY)};
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  cr_assert(pno_metrics_write(m, "train", fields, 3) == PNO_OK);
  json_t *object = line(0);
  for (int i = 0; i < 3; i++) cr_expect(json_is_null(json_object_get(object, fields[i].key)));
  json_decref(object);
  pno_metrics_close(&m);
}

Test(metrics, a_bad_key_or_a_line_too_long_is_refused_and_nothing_is_written) {
  static char words[5000];
  static const char *const keys[] = {"", "a b", "a\"", "a,b", "gr\xc3\xbc"};
  memset(words, 'w', sizeof words - 1);
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  put_step(m, 1);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const pno_metric bad = pno_metric_i64(keys[i], 1);
    cr_expect_eq(pno_metrics_write(m, "train", &bad, 1), PNO_E_INTERNAL, "key '%s'", keys[i]);
  }
  const pno_metric large = pno_metric_text("text", words);
  cr_expect_eq(pno_metrics_write(m, "train", &large, 1), PNO_E_INTERNAL);
  put_step(m, 2);
  pno_metrics_close(&m);
  expect_steps(2);
}

Test(metrics, an_existing_journal_is_not_overwritten) {
  pno_metrics *m = must_open(PNO_METRICS_NEW, none), *second = NULL;
  put_step(m, 1);
  pno_metrics_close(&m);
  cr_assert_eq(pno_metrics_open(dir, PNO_METRICS_NEW, none, &second), PNO_E_IO);
  cr_assert_null(second);
  expect_steps(1);
}

Test(metrics, the_place_is_length_and_digest_of_the_file) {
  size_t n = 0;
  int64_t bytes = -1;
  pno_digest digest = none;
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  cr_assert(pno_metrics_place(m, &bytes, &digest) == PNO_OK);
  cr_expect(bytes == 0 && pno_digest_equal(digest, pno_digest_of("", 0)));
  for (int i = 1; i <= 3; i++) {
    put_step(m, i);
    cr_assert(pno_metrics_place(m, &bytes, &digest) == PNO_OK);
    unsigned char *text = io_slurp(journal, &n);
    cr_expect(bytes == (int64_t)n && pno_digest_equal(digest, pno_digest_of(text, n)));
    free(text);
  }
  pno_metrics_close(&m);
}

/* A run dies at any byte of its last line; the checkpoint of step 3 says where to go on. */
Test(metrics, a_resumed_run_goes_on_behind_the_recorded_place_whatever_followed) {
  int64_t bytes = 0;
  size_t n = 0;
  pno_digest digest = none;
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  for (int i = 1; i <= 3; i++) put_step(m, i);
  cr_assert(pno_metrics_place(m, &bytes, &digest) == PNO_OK);
  for (int i = 4; i <= 5; i++) put_step(m, i);
  pno_metrics_close(&m);
  unsigned char *text = io_slurp(journal, &n);
  for (size_t cut = (size_t)bytes; cut <= n; cut++) {
    io_spit(journal, text, cut);
    m = must_open(bytes, digest);
    put_step(m, 4);
    pno_metrics_close(&m);
    expect_steps(4);
  }
  free(text);
}

Test(metrics, without_a_checkpoint_every_whole_line_stays) {
  size_t n = 0;
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  for (int i = 1; i <= 3; i++) put_step(m, i);
  int64_t whole = 0, bytes = 0;
  pno_digest digest = none, again = none;
  cr_assert(pno_metrics_place(m, &whole, &digest) == PNO_OK);
  put_step(m, 4);
  pno_metrics_close(&m);
  unsigned char *text = io_slurp(journal, &n);
  for (size_t cut = (size_t)whole; cut < n; cut++) {
    io_spit(journal, text, cut);
    m = must_open(PNO_METRICS_ALL, none);
    cr_assert(pno_metrics_place(m, &bytes, &again) == PNO_OK);
    cr_assert(bytes == whole && pno_digest_equal(again, digest));
    pno_metrics_close(&m);
    expect_steps(3);
  }
  free(text);
}

Test(metrics, a_journal_that_is_shorter_or_was_edited_is_refused_and_left_alone) {
  int64_t bytes = 0;
  size_t n = 0, after = 0;
  pno_digest digest = none;
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  for (int i = 1; i <= 3; i++) put_step(m, i);
  cr_assert(pno_metrics_place(m, &bytes, &digest) == PNO_OK);
  pno_metrics_close(&m);
  unsigned char *text = io_slurp(journal, &n);
  for (int edited = 0; edited < 2; edited++) {
    text[n / 2] ^= edited ? 1 : 0;
    const size_t length = n - !edited;
    io_spit(journal, text, length);
    cr_expect_eq(pno_metrics_open(dir, bytes, digest, &m), PNO_E_INPUT);
    cr_expect_null(m);
    unsigned char *still = io_slurp(journal, &after);
    cr_expect(after == length && memcmp(still, text, length) == 0, "the journal was changed");
    free(still);
  }
  free(text);
}

Test(metrics, a_full_disk_leaves_whole_lines_and_an_io_error) {
  const pno_metric fields[] = {pno_metric_i64("step", 1)};
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  struct rlimit limit;
  cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  signal(SIGXFSZ, SIG_IGN);
  limit.rlim_cur = 100; /* some whole lines and a part of the next */
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  int written = 0;
  pno_status st = PNO_OK;
  while (written < 100 && (st = pno_metrics_write(m, "train", fields, 1)) == PNO_OK) written++;
  cr_assert_eq(st, PNO_E_IO);
  cr_assert(written > 0 && written < 100);
  cr_assert_not_null(strstr(pno_fail_words(), PNO_METRICS_NAME), "%s", pno_fail_words());
  limit.rlim_cur = limit.rlim_max;
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  cr_assert(pno_metrics_write(m, "train", fields, 1) == PNO_OK);
  pno_metrics_close(&m);
  json_t *last = line(written);
  cr_assert_not_null(last);
  json_decref(last);
  cr_assert_null(line(written + 1));
}

/* ---- the view ---- */

static hid_t open_view(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", dir, PNO_METRICS_VIEW_NAME);
  cr_assert(pno_h5_begin() == PNO_OK);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_assert(file >= 0);
  return file;
}

static void expect_column(hid_t file, const char *name, int n, const double *want) {
  double have[8] = {0};
  hsize_t dims[H5S_MAX_RANK] = {0};
  int rank = 0;
  hid_t dset = H5Dopen2(file, name, H5P_DEFAULT);
  cr_assert(dset >= 0, "no %s", name);
  cr_assert(pno_h5_extent(dset, &rank, dims) == PNO_OK && rank == 1 && dims[0] == (hsize_t)n, "%s has %d values", name,
            (int)dims[0]);
  cr_assert(H5Dread(dset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, have) >= 0);
  for (int i = 0; i < n; i++)
    cr_expect(have[i] == want[i] || (isnan(have[i]) && isnan(want[i])), "%s[%d] is %g", name, i, have[i]);
  pno_h5_close(&dset);
}

Test(metrics, the_view_has_a_column_a_key_and_nan_where_a_line_lacks_it) {
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  const pno_metric first[] = {pno_metric_i64("step", 10), pno_metric_f64("rel_l2", 0.5)};
  const pno_metric second[] = {pno_metric_i64("step", 20), pno_metric_f64("rel_l2", NAN), pno_metric_f64("crps", 0.25)};
  const pno_metric perf[] = {pno_metric_text("section", "forward"), pno_metric_f64("seconds", 1.5),
                             pno_metric_i64("calls", 3)};
  for (int i = 1; i <= 3; i++) put_step(m, i);
  cr_assert(pno_metrics_write(m, "valid", first, 2) == PNO_OK);
  cr_assert(pno_metrics_write(m, "event", NULL, 0) == PNO_OK);
  cr_assert(pno_metrics_write(m, "valid", second, 3) == PNO_OK);
  cr_assert(pno_metrics_write(m, "perf", perf, 3) == PNO_OK);
  pno_metrics_close(&m);
  cr_assert(pno_metrics_view(dir, "run-7", pno_digest_of("c", 1)) == PNO_OK, "%s", pno_fail_words());
  hid_t file = open_view();
  expect_column(file, "train/step", 3, (const double[]){1, 2, 3});
  expect_column(file, "train/loss", 3, (const double[]){1, 0.5, 1.0 / 3.0});
  expect_column(file, "train/lr", 3, (const double[]){NAN, NAN, NAN});
  expect_column(file, "valid/step", 2, (const double[]){10, 20});
  expect_column(file, "valid/rel_l2", 2, (const double[]){0.5, NAN});
  expect_column(file, "valid/crps", 2, (const double[]){NAN, 0.25});
  expect_column(file, "perf/seconds", 1, (const double[]){1.5});
  expect_column(file, "perf/calls", 1, (const double[]){3});
  pno_h5_close(&file);
}

Test(metrics, a_torn_or_foreign_line_is_passed_over_by_the_view) {
  static const char text[] = "{\"t\":\"train\",\"step\":1}\nnonsense\n[1]\n{\"t\":7}\n{\"t\":\"other\",\"step\":5}\n"
                             "{\"t\":\"train\",\"step\":2}\n{\"t\":\"train\",\"st";
  io_spit(journal, text, sizeof text - 1);
  cr_assert(pno_metrics_view(dir, "run-7", none) == PNO_OK, "%s", pno_fail_words());
  hid_t file = open_view();
  expect_column(file, "train/step", 2, (const double[]){1, 2});
  cr_expect(!pno_h5_has_link(file, "valid") && !pno_h5_has_link(file, "other"));
  pno_h5_close(&file);
}

Test(metrics, the_view_of_many_lines_is_rebuilt_whole_each_time) {
  pno_metrics *m = must_open(PNO_METRICS_NEW, none);
  for (int i = 1; i <= 1000; i++) put_step(m, i);
  for (int round = 0; round < 2; round++) {
    cr_assert(pno_metrics_view(dir, "run-7", none) == PNO_OK, "%s", pno_fail_words());
    hid_t file = open_view();
    hid_t dset = H5Dopen2(file, "train/step", H5P_DEFAULT);
    hsize_t dims[H5S_MAX_RANK] = {0};
    int rank = 0;
    cr_assert(pno_h5_extent(dset, &rank, dims) == PNO_OK && dims[0] == (hsize_t)(1000 + round));
    pno_h5_close(&dset);
    pno_h5_close(&file);
    put_step(m, 1001 + round);
  }
  pno_metrics_close(&m);
}
