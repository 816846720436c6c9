#include "engine/base/clock.h"

#include <time.h>

double pno_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void pno_clock_text(char out[PNO_CLOCK_TEXT]) {
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(out, PNO_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
