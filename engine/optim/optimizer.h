/* Adam (Kingma & Ba 2015, with L2 decay in the gradient) and AdamW (Loshchilov & Hutter 2019, decoupled decay).
 *
 * One pass over the reduced gradient after the verdict: norm and finite check, clip by global norm, update. Complex
 * weights keep one real second moment |g|^2 (Li et al.'s and neuraloperator's complex Adam), so the update does not
 * depend on the phase. With g the mean gradient of the batch, times the clip factor:
 *   Adam: g += wd p;   m = b1 m + (1-b1) g;   v = b2 v + (1-b2) |g|^2
 *   p -= lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps) + [AdamW] lr wd p
 * All functions are Local. */
#ifndef PNO_ENGINE_OPTIM_OPTIMIZER_H
#define PNO_ENGINE_OPTIM_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "kernels/kernels.h"

typedef enum { PNO_OPTIM_ADAM, PNO_OPTIM_ADAMW } pno_optim_kind;

typedef struct {
  pno_optim_kind kind;
  double beta1, beta2, eps, weight_decay;
  double clip; /* of the global norm of the mean gradient, 0: none */
} pno_optim_spec;

/* One tensor as the optimiser sees it: places in the flat buffers. */
typedef struct {
  bool is_complex;
  int half;            /* floats between the parts of a complex number */
  ptrdiff_t at, count; /* floats */
  ptrdiff_t v_at, v_count;
} pno_optim_tensor;

typedef struct {
  pno_optim_spec spec;
  const pno_kernels *kernels;      /* borrowed */
  const pno_optim_tensor *tensors; /* borrowed: [n] */
  int n;
  ptrdiff_t floats, v_floats;
  float *m;        /* [floats], lent by the arena */
  float *v;        /* [v_floats] */
  double *squares; /* [floats / PNO_BLOCK] */
  pno_step_args *args;
  long steps;  /* updates made: t of the bias corrections */
  int threads; /* of an update, set by the caller; 0: one. The bits do not depend on it */
} pno_optimizer;

/* Pushes its state on the arena (which may be measuring); moments must be zero at the start of a run.
 * Errors: PNO_E_NOMEM. */
pno_status pno_optimizer_create(const pno_optim_spec *spec, const pno_kernels *kernels, const pno_optim_tensor *tensors,
                                int n, ptrdiff_t floats, ptrdiff_t v_floats, pno_arena *arena, pno_optimizer *out);

/* One update from grad [floats], the sum over `samples` samples. norm: of the mean gradient, before clipping.
 * false: the gradient was not finite (or samples is 0) and nothing changed. */
bool pno_optimizer_step(pno_optimizer *o, double lr, long samples, const float *grad, float *params, double *norm);

/* Bytes that one update reads and writes if every array goes through memory: the gradient twice (norm, update), values
 * and both moments there and back. */
double pno_optimizer_traffic(const pno_optimizer *o);

#endif
