/* Which tables of operations this processor can run. Reads cpuid; no state of its own. All functions are Local. */
#ifndef PNO_KERNELS_DISPATCH_H
#define PNO_KERNELS_DISPATCH_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* Tables of this build, fastest first; n: how many. runs: whether this processor can run table i. */
const pno_kernels *const *pno_kernels_all(int *n);
bool pno_kernels_run(const pno_kernels *table);

/* "auto" and "cpu": the fastest that runs here; "cpu/avx512", "cpu/avx2", "cpu/scalar": that one.
 * NULL if there is no such table or this processor cannot run it. */
const pno_kernels *pno_kernels_find(const char *device);

/* Denormal numbers as zero on this thread from now on (they cost these kernels a factor of 8 to 50); gives the state
 * that pno_denormals_restore puts back. */
unsigned pno_denormals_flush(void);
void pno_denormals_restore(unsigned state);

#endif
