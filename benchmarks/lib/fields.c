#include "benchmarks/lib/fields.h"

#include <math.h>

void pno_bench_fields(ptrdiff_t at, ptrdiff_t n, float *x, float *y) {
  for (ptrdiff_t i = 0; i < n; i++) {
    x[i] = sinf(0.001f * (float)((at + i) % 9973));
    y[i] = cosf(0.002f * (float)((at + i) % 7919));
  }
}
