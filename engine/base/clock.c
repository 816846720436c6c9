#include "engine/base/clock.h"

#include <time.h>

double pno_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t pno_ticks(void) {
#ifdef __x86_64__
  return __builtin_ia32_rdtsc();
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

void pno_clock_text(char out[PNO_CLOCK_TEXT]) {
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(out, PNO_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
