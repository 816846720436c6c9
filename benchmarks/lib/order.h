/* Sorted measurements. All functions are Local. */
#ifndef PNO_BENCHMARKS_LIB_ORDER_H
#define PNO_BENCHMARKS_LIB_ORDER_H

#include <stddef.h>
#include <stdlib.h>

static inline int pno_ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline void pno_sort(double *v, size_t n) { qsort(v, n, sizeof *v, pno_ascending); }

/* Of n > 0 sorted values: the middle one, or the mean of both that are. */
static inline double pno_median(const double *sorted, size_t n) { return 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]); }

#endif
