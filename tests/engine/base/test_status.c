#include "engine/base/status.h"

#include <criterion/criterion.h>
#include <string.h>

Test(status, context_stands_in_front_of_the_words) {
  cr_assert_eq(pno_fail(PNO_E_IO, "no %s", "disk"), PNO_E_IO);
  cr_assert_eq(pno_fail_in(PNO_E_IO, "file %d", 3), PNO_E_IO);
  cr_assert_str_eq(pno_fail_words(), "file 3: no disk");
}

Test(status, ok_passes_context_and_hint_untouched) {
  pno_hint(pno_fail(PNO_E_IO, "words"), "hint");
  cr_assert_eq(pno_fail_in(PNO_OK, "context"), PNO_OK);
  cr_assert_eq(pno_hint(PNO_OK, "other"), PNO_OK);
  cr_assert_str_eq(pno_fail_words(), "words");
  cr_assert_str_eq(pno_fail_hint(), "hint");
}

Test(status, a_new_failure_forgets_the_old_hint) {
  pno_hint(pno_fail(PNO_E_IO, "first"), "hint");
  pno_fail(PNO_E_IO, "second");
  cr_assert_str_eq(pno_fail_hint(), "");
}

Test(status, words_may_quote_the_words_before) {
  pno_fail(PNO_E_IO, "inner");
  pno_fail(PNO_E_IO, "outer (%s)", pno_fail_words());
  cr_assert_str_eq(pno_fail_words(), "outer (inner)");
}

Test(status, long_words_are_cut_at_1023_bytes) {
  char text[3000];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  pno_fail(PNO_E_IO, "%s", text);
  cr_assert_eq(strlen(pno_fail_words()), 1023);
  pno_fail_in(PNO_E_IO, "front");
  cr_assert_eq(strlen(pno_fail_words()), 1023);
  cr_assert_eq(strncmp(pno_fail_words(), "front: aaa", 10), 0);
}

Test(status, a_wrong_shape_exits_as_bad_input_and_others_as_themselves) {
  cr_assert_eq(pno_exit_code(PNO_E_SHAPE), 3);
  cr_assert_eq(pno_exit_code(PNO_OK), 0);
  cr_assert_eq(pno_exit_code(PNO_E_INTERRUPTED), 75);
}

Test(status, words_may_be_replaced_by_themselves) {
  pno_fail_set_words("what", "do this");
  pno_fail_set_words(pno_fail_words(), pno_fail_hint());
  cr_expect_str_eq(pno_fail_words(), "what");
  cr_expect_str_eq(pno_fail_hint(), "do this");
  pno_fail_set_words(pno_fail_hint(), pno_fail_words());
  cr_expect_str_eq(pno_fail_words(), "do this");
  cr_expect_str_eq(pno_fail_hint(), "what");
}
