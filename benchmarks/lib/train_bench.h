/* Times training steps of fixed configurations (batch, kernels, reduction, optimiser; no files) beside the measured
 * FMA peak of the same core in the same run. */
#ifndef PNO_BENCHMARKS_LIB_TRAIN_BENCH_H
#define PNO_BENCHMARKS_LIB_TRAIN_BENCH_H

#include <stddef.h>

#include "engine/base/status.h"
#include "engine/sync/comm.h"

/* Names as in the literature table of benchmarks/README.md; all of flavour li, relative L2, Adam. */
typedef struct {
  const char *name;
  int dims, n[3], modes, width, batch;
} pno_bench_case;

extern const pno_bench_case pno_bench_cases[];
extern const int pno_n_bench_cases;

typedef struct {
  ptrdiff_t parameters; /* real numbers */
  double step_ms, best_ms; /* median and fastest, of the slowest rank */
  double samples_per_s, points_per_s;
  double gflops, peak_gflops; /* all ranks together: of the steps; of FMA bursts on all ranks at once */
  double loss;                /* mean of the last step: must be finite */
} pno_bench_row;

/* repeats timed steps after warmup_s seconds of untimed ones. Collective over comm; the batch is shared by its ranks.
 * Errors: PNO_E_NOMEM, PNO_E_COMM, PNO_E_DIVERGED a loss that is not finite. */
pno_status pno_bench_train(const pno_bench_case *c, int repeats, double warmup_s, pno_comm *comm, pno_bench_row *out);

#endif
