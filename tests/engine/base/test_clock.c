#include "engine/base/clock.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

Test(clock, never_goes_back) {
  double last = pno_clock();
  for (int i = 0; i < 1000; i++) {
    const double now = pno_clock();
    cr_assert_geq(now, last);
    last = now;
  }
}

Test(clock, text_is_utc_in_iso_8601) {
  const char *shape = "0000-00-00T00:00:00Z";
  char text[PNO_CLOCK_TEXT];
  pno_clock_text(text);
  cr_assert_eq(strlen(text), strlen(shape));
  for (size_t i = 0; shape[i]; i++) cr_assert(shape[i] == '0' ? isdigit((unsigned char)text[i]) : text[i] == shape[i]);
}
