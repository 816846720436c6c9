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

Test(clock, ticks_have_a_constant_rate) {
  double rate[2];
  for (int i = 0; i < 2; i++) {
    const double start = pno_clock();
    const uint64_t ticks = pno_ticks();
    while (pno_clock() < start + 0.02) continue;
    rate[i] = (double)(pno_ticks() - ticks) / (pno_clock() - start);
  }
  cr_assert_gt(rate[0], 1e6, "a tick is shorter than what is measured in ticks");
  cr_assert(rate[0] < 1.5 * rate[1] && rate[1] < 1.5 * rate[0], "%g and %g a second", rate[0], rate[1]);
}

Test(clock, text_is_utc_in_iso_8601) {
  const char *shape = "0000-00-00T00:00:00Z";
  char text[PNO_CLOCK_TEXT];
  pno_clock_text(text);
  cr_assert_eq(strlen(text), strlen(shape));
  for (size_t i = 0; shape[i]; i++) cr_assert(shape[i] == '0' ? isdigit((unsigned char)text[i]) : text[i] == shape[i]);
}
