#include "engine/base/digest.h"

#include <criterion/criterion.h>
#include <string.h>

/* Published value of XXH3-128 of no bytes with seed 0. */
Test(digest, of_nothing_is_the_published_value) {
  char text[PNO_DIGEST_TEXT];
  pno_digest_text(pno_digest_of("", 0), text);
  cr_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");
}

Test(digest, pieces_give_the_digest_of_the_whole) {
  unsigned char bytes[5000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37);
  for (size_t cut = 0; cut <= sizeof bytes; cut += 625) {
    pno_digester *d = NULL;
    cr_assert_eq(pno_digester_create(&d), PNO_OK);
    pno_digester_add(d, bytes, cut);
    pno_digester_add(d, bytes + cut, sizeof bytes - cut);
    cr_assert(pno_digest_equal(pno_digester_value(d), pno_digest_of(bytes, sizeof bytes)));
    pno_digester_destroy(&d);
    cr_assert_null(d);
  }
}

Test(digest, any_flipped_bit_is_seen) {
  unsigned char bytes[64] = {0};
  const pno_digest before = pno_digest_of(bytes, sizeof bytes);
  for (int bit = 0; bit < 8 * 64; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    cr_assert_not(pno_digest_equal(before, pno_digest_of(bytes, sizeof bytes)));
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
}

Test(digest, text_goes_there_and_back) {
  const pno_digest d = {.high = 0x0123456789abcdef, .low = 0xfedcba9876543210};
  char text[PNO_DIGEST_TEXT];
  pno_digest back = {0};
  pno_digest_text(d, text);
  cr_assert_str_eq(text, "0123456789abcdeffedcba9876543210");
  cr_assert(pno_digest_parse(text, &back) && pno_digest_equal(d, back));
}

Test(digest, text_of_a_wrong_length_or_digit_is_refused) {
  const char *bad[] = {"", "0123", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
                       "0123456789abcdeffedcba987654321g", "0123456789ABCDEFfedcba9876543210"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    pno_digest out = {.high = 5};
    cr_assert_not(pno_digest_parse(bad[i], &out), "%s", bad[i]);
    cr_assert_eq(out.high, 5);
  }
}
