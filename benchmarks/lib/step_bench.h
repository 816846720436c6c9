/* Times training steps and inference of fixed operators (kernels, reduction, optimiser; no files) beside the least time
 * that the rates measured right before allow. */
#ifndef PNO_BENCHMARKS_LIB_STEP_BENCH_H
#define PNO_BENCHMARKS_LIB_STEP_BENCH_H

#include <stdbool.h>

#include "benchmarks/lib/cases.h"
#include "benchmarks/lib/result.h"
#include "engine/sync/comm.h"
#include "engine/train/transform.h"

typedef struct {
  const pno_kernels *table;
  pno_transforms *transforms; /* how rows choose; NULL: tables */
  int threads; /* of each rank */
  bool train;  /* else inference */
  int repeats; /* timed passes */
  double warmup_s;
  double burst_s; /* of the rates */
  bool phases; /* told as well, beside the rate of memcpy: bytes a second */
  double copy;
} pno_bench_how;

/* The batch is shared by the ranks in equal consecutive parts. Collective.
 * Errors: PNO_E_NOMEM, PNO_E_COMM, PNO_E_DIVERGED a loss or an output that is not finite. */
pno_status pno_bench_steps(const pno_bench_case *c, const pno_bench_how *how, pno_comm *comm, pno_bench_row *out);

#endif
