/* Who computes what: the threads of a call share samples, or all work on one. Not for others than engine/model. Local. */
#ifndef PNO_ENGINE_MODEL_FNO_PHASE_H
#define PNO_ENGINE_MODEL_FNO_PHASE_H

#include "engine/model/fno_impl.h"

/* What one call computes. */
typedef struct {
  pno_fno_plan *p;
  const float *params, *input, *target;
  float *output, *grad;
  int samples, layer; /* samples: passes, of each input as many as p->draws */
  bool fresh; /* grad is written, not added to */
  const pno_mlp *head; /* in place of the operator's own, with its norm; NULL: none */
  const pno_affine *head_norm;
} fno_pass;

/* The threads at work on one sample (or on all modes), and which of them this is. */
typedef struct {
  int id, of;
  float *rows, *scratch; /* rows: shared by all of them in 2-D */
} fno_crew;

/* What a call of a plan begins with: masks by its noise, norms of two heads as they are now. */
void fno_begin(pno_fno_plan *p);

/* This worker's share of n things. */
int fno_share(const fno_crew *w, int n, int *first);

/* Blocks of one slab; spectrum and rows: its row spectra in and out, often the same. */
typedef void fno_block_work(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block,
                            int count);
typedef void fno_mode_work(const fno_pass *c, const fno_crew *w);

/* One phase: each sample's spectrum `in` (NULL: none) to row spectra, the work of all blocks, and row spectra to `out`
 * (NULL: none). In 3-D the first axis is transformed as a whole and the rest slab by slab, in cache. */
typedef struct {
  float *in, *out; /* [samples][stride] */
  fno_block_work *work;
} fno_phase;

/* The beginning of a span of time, and its end: booked under `name`. */
pno_phase_time fno_time(void);
void fno_book(pno_fno_plan *p, pno_phase name, const pno_phase_time *start);

/* Runs a phase on all threads of the plan; `name` is where its time is booked. */
void fno_run_samples(const fno_pass *c, pno_phase name, const fno_phase *f);
void fno_run_modes(const fno_pass *c, pno_phase name, fno_mode_work *work);

#endif
