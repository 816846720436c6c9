/* What a manifest may say, with a right digest of its own: what somebody hostile would write. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint_impl.h"

static const char digest[] = "0123456789abcdef0123456789abcdef";

/* Everything before the tail; the arguments replace the parts that cases change. */
static char *text_of(const char *version, const char *step, const char *files, const char *extra, size_t *n) {
  char hex[PNO_DIGEST_TEXT], *text = malloc(8192);
  int k = snprintf(text, 8192,
                   "{\"format\": \"pno-checkpoint\", \"version\": \"%s\", \"step\": %s, \"epoch\": 0, \"run_id\": \"r\", "
                   "\"world\": {\"ranks\": 1, \"dp\": 1, \"sp\": 1}, \"files\": %s, \"tensors_digest\": \"xxh3-128:%s\", "
                   "\"config_digest\": \"xxh3-128:%s\", \"journal\": null%s",
                   version, step, files, digest, digest, extra);
  pno_digest_text(pno_digest_of(text, (size_t)k), hex);
  k += snprintf(text + k, 8192 - (size_t)k, ",\n \"manifest_digest\": \"xxh3-128:%s\"\n}\n", hex);
  *n = (size_t)k;
  return text;
}

static pno_status parse(const char *version, const char *step, const char *files, const char *extra) {
  size_t n = 0;
  char *text = text_of(version, step, files, extra, &n);
  checkpoint_manifest m = {.n_files = 0};
  const pno_status st = manifest_parse(text, n, &m);
  manifest_free(&m);
  free(text);
  return st;
}

static const char good[] = "[{\"name\": \"a.h5\", \"bytes\": 1, \"xxh3_128\": \"0123456789abcdef0123456789abcdef\"}]";

Test(manifest, the_plain_case_is_read) {
  cr_assert_eq(parse("1.0", "2", good, ""), PNO_OK, "%s", pno_fail_words());
}

Test(manifest, a_newer_minor_version_with_unknown_members_is_read) {
  cr_assert_eq(parse("1.7", "2", good, ", \"new\": {\"a\": [1, 2]}"), PNO_OK, "%s", pno_fail_words());
}

Test(manifest, another_major_version_is_refused) {
  cr_assert_eq(parse("2.0", "2", good, ""), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "version 2.0"));
}

Test(manifest, duplicates_and_numbers_out_of_range_are_refused) {
  cr_expect_eq(parse("1.0", "2", good, ", \"step\": 3"), PNO_E_INPUT);
  cr_expect_eq(parse("1.0", "-1", good, ""), PNO_E_INPUT);
  cr_expect_eq(parse("1.0", "99999999999999999999", good, ""), PNO_E_INPUT);
  cr_expect_eq(parse("1.0", "2.5", good, ""), PNO_E_INPUT);
  cr_expect_eq(parse("1.0", "NaN", good, ""), PNO_E_INPUT);
  cr_expect_eq(parse("1.0", "\"2\"", good, ""), PNO_E_INPUT);
}

Test(manifest, names_that_leave_the_directory_are_refused) {
  static const char *const names[] = {"../a.h5", "/etc/passwd", "a/b", "", ".", "..", "a b", "a\\u0000b", "a\\nb", "\\u00e4",
                                      "a234567890123456789012345678901234567890123456789"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char files[256];
    snprintf(files, sizeof files, "[{\"name\": \"%s\", \"bytes\": 1, \"xxh3_128\": \"%s\"}]", names[i], digest);
    cr_expect_eq(parse("1.0", "2", files, ""), PNO_E_INPUT, "%s", names[i]);
  }
}

Test(manifest, lists_of_files_of_another_form_are_refused) {
  static const char *const lists[] = {"[]", "{}", "null", "[1]", "[{\"name\": \"a\"}]",
                                      "[{\"name\": \"a\", \"bytes\": 0, \"xxh3_128\": \"0123456789abcdef0123456789abcdef\"}]",
                                      "[{\"name\": \"a\", \"bytes\": 1, \"xxh3_128\": \"0123\"}]"};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    cr_expect_eq(parse("1.0", "2", lists[i], ""), PNO_E_INPUT, "%s", lists[i]);
}

Test(manifest, what_is_written_is_read_back) {
  checkpoint_file file = {.name = "shard-00000-of-00001.h5", .bytes = 77, .digest = pno_digest_of("x", 1)};
  checkpoint_manifest m = {.meta = {.step = 5, .epoch = 2, .run_id = "r-1", .journal = "metrics.jsonl",
                                    .journal_bytes = 9, .journal_digest = pno_digest_of("j", 1),
                                    .config_digest = pno_digest_of("c", 1)},
                           .ranks = 3, .tensors = pno_digest_of("t", 1), .n_files = 1, .files = &file};
  checkpoint_manifest back;
  char *text = NULL;
  size_t n = 0;
  cr_assert_eq(manifest_write(&m, &text, &n), PNO_OK);
  cr_assert_eq(manifest_parse(text, n, &back), PNO_OK, "%s", pno_fail_words());
  cr_expect(back.ranks == 3 && back.meta.step == 5 && back.meta.epoch == 2 && back.meta.journal_bytes == 9);
  cr_expect_str_eq(back.meta.run_id, "r-1");
  cr_expect_str_eq(back.files[0].name, file.name);
  cr_expect(pno_digest_equal(back.files[0].digest, file.digest) && pno_digest_equal(back.tensors, m.tensors));
  manifest_free(&back);
  free(text);
}
