/* What the picture shows is looked at by interoperability.py, topic reliability. */
#include "io/plot_reliability.h"

#include "io_files.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 3 };
static const double nominal[N] = {0, 0.5, 1}, observed[N] = {0, 0.25, 1}, pit[4] = {3, 1, 0, 4};

static pno_reliability_curve curve_of(void) {
  return (pno_reliability_curve){.name = "raw", .n = N, .nominal = nominal, .observed = observed, .bins = 4, .pit = pit};
}

static int count(const char *path, const char *what) {
  size_t bytes;
  char *text = (char *)io_slurp(path, &bytes);
  int found = 0;
  text[bytes] = '\0';
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++) found++;
  free(text);
  return found;
}

Test(plot_reliability, a_curve_without_bins_has_no_second_panel) {
  pno_reliability_curve c = curve_of();
  const char *with = io_temp("with.svg"), *without = io_temp("without.svg");
  cr_assert(pno_plot_reliability(with, "t", &c, 1) == PNO_OK, "%s", pno_fail_words());
  c.bins = 0;
  c.pit = NULL;
  cr_assert(pno_plot_reliability(without, "t", &c, 1) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(count(with, "<circle"), N);
  cr_expect_eq(count(without, "<circle"), N);
  cr_expect_eq(count(with, "class=\"ideal\""), 2);
  cr_expect_eq(count(without, "class=\"ideal\""), 1);
  cr_expect_eq(count(without, "class=\"histogram\""), 0);
}

Test(plot_reliability, equal_input_gives_equal_bytes_and_no_temporary_file) {
  const pno_reliability_curve c[2] = {curve_of(), curve_of()};
  const char *path = io_temp("same.svg"), *temp = io_temp("same.svg.tmp");
  unsigned char *bytes[2];
  size_t n[2];
  for (int i = 0; i < 2; i++) {
    cr_assert(pno_plot_reliability(path, "t", c, 2) == PNO_OK, "%s", pno_fail_words());
    bytes[i] = io_slurp(path, &n[i]);
  }
  cr_expect(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  cr_expect(access(temp, F_OK) != 0);
  free(bytes[0]);
  free(bytes[1]);
}

/* Ends of sequences, overlong ones, surrogates, what is no character of XML; and a four-byte letter that is one. */
Test(plot_reliability, bytes_that_are_no_text_become_question_marks) {
  static const char *const bad[] = {"\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xef\xbf\xbf",
                                    "\xf4\x90\x80\x80", "\x1b", "\x7f", "\xc2\x85", "\xff"};
  static const int marks[] = {1, 2, 2, 3, 3, 3, 4, 1, 1, 2, 1};
  const char *path = io_temp("words.svg");
  pno_reliability_curve c = curve_of();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char want[32] = ">";
    c.name = bad[i];
    cr_assert(pno_plot_reliability(path, "t", &c, 1) == PNO_OK);
    for (int k = 0; k < marks[i]; k++) want[1 + k] = '?';
    memcpy(want + 1 + marks[i], "</text>", 8);
    cr_expect_eq(count(path, want), 1, "name %zu", i);
  }
  c.name = "\xf0\x9d\x9c\x87<";
  cr_assert(pno_plot_reliability(path, "t", &c, 1) == PNO_OK);
  cr_expect_eq(count(path, ">\xf0\x9d\x9c\x87&lt;</text>"), 1);
}

Test(plot_reliability, values_that_cannot_be_drawn_are_refused_and_the_old_picture_stays) {
  static const double nan_in[N] = {0, NAN, 1}, above[N] = {0, 0.5, 1.01}, below[N] = {-0.01, 0.5, 1}, back[N] = {0, 0.6, 0.5},
                      twice[N] = {0, 0.5, 0.5}, none[4], minus[4] = {1, -1, 1, 1}, endless[4] = {1, INFINITY, 1, 1},
                      huge[4] = {1e308, 1e308, 1e308, 1e308};
  const char *path = io_temp("bad.svg");
  struct stat st;
  io_spit(path, "old", 3);
  for (int bad = 0; bad < 15; bad++) {
    pno_reliability_curve c[2] = {curve_of(), curve_of()};
    int n = 2;
    if (bad == 0) n = 0;
    if (bad == 1) n = 3;
    if (bad == 2) c[1].n = 0;
    if (bad == 3) c[1].n = PNO_RELIABILITY_POINTS_MAX + 1;
    if (bad == 4) c[1].observed = nan_in;
    if (bad == 5) c[1].observed = above;
    if (bad == 6) c[1].nominal = below;
    if (bad == 7) c[1].nominal = back;
    if (bad == 8) c[1].nominal = twice;
    if (bad == 9) c[1].nominal = nan_in;
    if (bad == 10) c[1].pit = none;
    if (bad == 11) c[1].pit = minus;
    if (bad == 12) c[1].pit = endless;
    if (bad == 13) c[1].bins = -1;
    if (bad == 14) c[1].pit = huge;
    cr_expect_eq(pno_plot_reliability(path, "t", c, n), PNO_E_USAGE, "%d: %s", bad, pno_fail_words());
    cr_expect(stat(path, &st) == 0 && st.st_size == 3);
  }
}

Test(plot_reliability, a_missing_directory_is_an_io_error) {
  const pno_reliability_curve c = curve_of();
  cr_expect_eq(pno_plot_reliability(io_temp("absent/r.svg"), "t", &c, 1), PNO_E_IO);
  cr_expect_not_null(strstr(pno_fail_words(), "absent"), "%s", pno_fail_words());
}
