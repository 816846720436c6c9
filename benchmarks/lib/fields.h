/* The fields that every program of the benchmarks trains on. Local. */
#ifndef PNO_BENCHMARKS_LIB_FIELDS_H
#define PNO_BENCHMARKS_LIB_FIELDS_H

#include <stddef.h>

/* Smooth values from point `at` of the batch on: x, y [n]. */
void pno_bench_fields(ptrdiff_t at, ptrdiff_t n, float *x, float *y);

#endif
