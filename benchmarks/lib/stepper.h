/* An operator of the benchmarks with all that a training step or an inference of it takes: kernels, reduction, optimiser,
 * smooth fields; no files. */
#ifndef PNO_BENCHMARKS_LIB_STEPPER_H
#define PNO_BENCHMARKS_LIB_STEPPER_H

#include <stdbool.h>

#include "benchmarks/lib/cases.h"
#include "engine/optim/optimizer.h"
#include "engine/score/scores.h"
#include "engine/sync/comm.h"
#include "engine/sync/reduce.h"
#include "engine/train/transform.h"

/* To be read by others. */
typedef struct {
  const pno_bench_case *c;
  const pno_kernels *table;
  int threads; /* of each rank */
  bool train;  /* else inference */
  pno_comm *comm;
  pno_fno *fno;
  pno_fno_plan *plan;
  pno_reduce *reduce; /* train only */
  pno_arena memory;
  pno_optim_tensor tensors[PNO_TENSORS_MAX];
  pno_optimizer optim;
  float *grad;                    /* lent by reduce */
  float *params, *x, *y, *output; /* lent by memory, as are the next two */
  double *loss, *all;             /* [samples], [ranks] */
  uint32_t *numbers; /* of the samples, which masks and draws depend on */
  pno_scorer *scorer; /* of an inference of draws; NULL: none */
  ptrdiff_t points;
  int samples, chunk;                /* of this rank; of one call: samples, or draws where those are inferred */
  pno_phase_time own;                /* of the last pass on this rank */
  pno_phase_time reducing, updating; /* sums over all passes, beside the plan's own phases */
} pno_stepper;

/* Parameters are drawn; the batch is shared by the ranks in equal consecutive parts, and the fields are the same on any
 * number of them. transforms: how rows choose (NULL: tables). It, c and table are borrowed until the end. *out must be
 * zero, and is to be destroyed after a failure too.
 * Collective. Errors: PNO_E_NOMEM, PNO_E_COMM. */
pno_status pno_stepper_create(const pno_bench_case *c, const pno_kernels *table, int threads, bool train,
                              pno_transforms *transforms, pno_comm *comm, pno_stepper *out);
void pno_stepper_destroy(pno_stepper *s); /* Local, as pno_reduce_destroy is */

/* One step or one inference after a barrier. slowest_s: of the slowest rank; loss: train: mean over the batch, else an
 * output. Collective. Errors: PNO_E_COMM, PNO_E_DIVERGED the loss or the gradient is not finite. */
pno_status pno_stepper_pass(pno_stepper *s, double *slowest_s, double *loss);

/* What a pass makes, all ranks together: fields of the batch, or draws. Local. */
int pno_stepper_fields(const pno_stepper *b);

/* Calls of the model that a pass of this rank makes, and samples of call i, each with the draws of its plan; samples of
 * all calls of all ranks. Local. */
int pno_stepper_calls(const pno_stepper *b);
int pno_stepper_call(const pno_stepper *b, int i);
int pno_stepper_samples(const pno_stepper *b);

#endif
