/* Whether a table of kernels computes what it should, before it is timed: a wrong step can be as fast as one likes.
 * Small problems, under a second together. All Local. Errors: PNO_E_DIVERGED with what is wrong; PNO_E_NOMEM. */
#ifndef PNO_BENCHMARKS_LIB_GATES_H
#define PNO_BENCHMARKS_LIB_GATES_H

#include "engine/base/status.h"
#include "kernels/kernels.h"

/* The gradient of each tensor, in 1 to 3 dimensions and both flavours, against central differences of the loss. */
pno_status pno_bench_gate_gradients(const pno_kernels *table, int threads);

/* Analysis and synthesis of a band-limited field on odd and even grids give it back to 1e-5. */
pno_status pno_bench_gate_transforms(const pno_kernels *table, int threads);

#endif
