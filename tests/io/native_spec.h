/* A small native data set, the same every time: fields of all kinds, for the tests that write one. */
#ifndef PNO_TESTS_IO_NATIVE_SPEC_H
#define PNO_TESTS_IO_NATIVE_SPEC_H

#include "io/dataset_write.h"

/* Steady: a -> u on 5 x 7 points, one time, scalar beta; 6 trajectories. */
pno_dataset_spec native_steady(void);

/* 4 times on 5 x 7 points: nu(x) constant in time, u, vector v; scalars beta and, a sample each, ra; 3 trajectories. */
pno_dataset_spec native_series(void);

/* A series of u on a line with open ends, and one of a vector and a scalar field in a box, two axes of it periodic. */
pno_dataset_spec native_line(void);
pno_dataset_spec native_box(void);

/* Value k of trajectory i is i + k / 1024; user is ignored. */
pno_status native_source(void *user, ptrdiff_t sample, float *values, ptrdiff_t n);

#endif
