/* What a plan costs at the least: operations that no kernel can leave out, and bytes that go through memory. For floors
 * and forecasts; nothing here is measured. All functions are Local. */
#ifndef PNO_ENGINE_MODEL_FNO_COST_H
#define PNO_ENGINE_MODEL_FNO_COST_H

#include <stdbool.h>

#include "engine/model/fno.h"

/* Of one sample with all its draws; what a loss of draws computes twice counts once. Transforms count as folded truncated sums: the points y, n - y, n/2 + y and n/2 - y are added up into
 * even and odd parts first (2 n additions; odd n: y and n - y, n additions), then each kept frequency takes n/4 (n/2)
 * products for each of its real outputs; a frequency and its negative share theirs. Rows that go by FFT count 2.5 n log2 n.
 * Other element-wise work is left out, except GELU, which is counted in values. */
typedef struct {
  double forward, step; /* floating-point operations, FMA = 2: of inference, of a training step */
  double gelu_forward;  /* GELU values of inference */
  double gelu_step;     /* in a training step without their slope: what the forward pass passes on */
  double gelu_slope;    /* and with it: the same values made again on the way back, and the head's */
} pno_fno_cost;

/* padded: hidden channels counted as they are stored (width 20 as 32); data channels never are. */
pno_fno_cost pno_fno_cost_of(const pno_fno_plan *p, bool padded);

/* Bytes read and written by one call over `samples` samples if each array goes through memory whenever a phase passes
 * over it: with the gradient if the plan trains, else inference. */
typedef struct {
  double activations, spectra, fields;
  double weights; /* parameters, and the gradient where they are trained */
} pno_fno_traffic;
pno_fno_traffic pno_fno_traffic_of(const pno_fno_plan *p, int samples);

/* The same phase by phase: of a step if the plan trains, else of inference. Sums over the phases are the totals above.
 * Partial gradients, which the phases leave and `partials` adds up, are taken to stay in cache. */
typedef struct {
  double flops, gelu, gelu_slope; /* of one sample; GELU values without and with their slope */
  pno_fno_traffic bytes;          /* of a call */
} pno_fno_work;
void pno_fno_work_of(const pno_fno_plan *p, int samples, bool padded, pno_fno_work out[PNO_PHASES]);

#endif
