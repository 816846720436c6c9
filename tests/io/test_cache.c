/* Texts in a cache folder: they come back whole, or the reason why not is told. */
#include "io/cache.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/io/io_files.h"

static const char text[] = "first line\nsecond line\n";

static void put(const char *folder, const char *what) {
  cr_assert_eq(pno_cache_write(folder, "a.txt", what), PNO_OK, "%s", pno_fail_words());
}

static pno_status get(const char *folder, char **out) {
  *out = NULL;
  return pno_cache_read(folder, "a.txt", out);
}

Test(cache, a_text_comes_back_from_folders_made_for_it_and_the_newest_stays) {
  char folder[4096], *out;
  snprintf(folder, sizeof folder, "%s/b/c", io_temp("cache"));
  put(folder, "older");
  put(folder, text);
  cr_assert_eq(get(folder, &out), PNO_OK);
  cr_expect_str_eq(out, text);
  free(out);
  put(folder, "");
  cr_assert_eq(get(folder, &out), PNO_OK);
  cr_expect_str_eq(out, "");
  free(out);
}

Test(cache, what_is_not_there_is_no_failure) {
  char *out;
  cr_expect_eq(get(io_temp("nothing"), &out), PNO_OK);
  cr_expect_null(out);
}

Test(cache, a_file_with_any_byte_changed_lost_or_added_is_refused) {
  char path[4096], *out;
  const char *folder = io_temp("damaged");
  size_t n;
  put(folder, text);
  snprintf(path, sizeof path, "%s/a.txt", folder);
  unsigned char *whole = io_slurp(path, &n), *bad = malloc(n + 1);
  cr_assert(whole && bad);
  for (size_t i = 0; i < n; i++) {
    memcpy(bad, whole, n);
    bad[i] ^= 1;
    io_spit(path, bad, n);
    cr_expect_eq(get(folder, &out), PNO_E_INPUT, "byte %zu changed", i);
    io_spit(path, whole, i);
    cr_expect_eq(get(folder, &out), PNO_E_INPUT, "cut at byte %zu", i);
    cr_expect_null(out);
  }
  bad[n] = 'x';
  memcpy(bad, whole, n);
  io_spit(path, bad, n + 1);
  cr_expect_eq(get(folder, &out), PNO_E_INPUT, "a byte more");
  free(whole);
  free(bad);
}

Test(cache, a_folder_that_cannot_be_made_is_an_io_error) {
  char folder[4096];
  const char *file = io_temp("file");
  io_spit(file, "x", 1);
  cr_expect_eq(pno_cache_write(file, "a.txt", text), PNO_E_IO);
  snprintf(folder, sizeof folder, "%s/b/c", file);
  cr_expect_eq(pno_cache_write(folder, "a.txt", text), PNO_E_IO);
  cr_expect_eq(pno_cache_write("", "a.txt", text), PNO_E_USAGE);
}
