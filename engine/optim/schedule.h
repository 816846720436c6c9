/* Learning rates over a run, and what validation decides: plateau, early stopping. All functions are Local and give the
 * same on every rank, because validation losses do. */
#ifndef PNO_ENGINE_OPTIM_SCHEDULE_H
#define PNO_ENGINE_OPTIM_SCHEDULE_H

#include <stdbool.h>

typedef enum { PNO_SCHEDULE_NONE, PNO_SCHEDULE_STEP, PNO_SCHEDULE_COSINE, PNO_SCHEDULE_PLATEAU } pno_schedule_kind;

typedef struct {
  pno_schedule_kind kind;
  double lr;       /* peak */
  int warmup;      /* optimiser steps of linear warm-up, 0: none */
  int step_size;   /* epochs between factors of gamma (STEP) */
  double gamma;    /* factor of STEP and PLATEAU */
  int t_max;       /* epochs to the minimum (COSINE) */
  int patience;    /* validations without improvement before a factor (PLATEAU) */
  int early_stop;  /* validations without improvement before the end, 0: never */
} pno_schedule;

/* What has to be saved to go on exactly. */
typedef struct {
  double best;      /* lowest validation loss so far */
  double factor;    /* of PLATEAU */
  int since_best;   /* validations without improvement */
  int since_factor; /* the same since the last factor */
} pno_schedule_state;

pno_schedule_state pno_schedule_start(void);

/* Rate of optimiser step `step` (from 0) in epoch `epoch` (from 0), as PyTorch's schedulers stepped once an epoch:
 * STEP lr gamma^(epoch / step_size), COSINE lr (1 + cos(pi epoch / t_max)) / 2, PLATEAU lr factor. */
double pno_schedule_rate(const pno_schedule *s, const pno_schedule_state *state, long step, int epoch);

/* Takes in a validation loss (a NaN counts as no improvement); true if it is the best so far. */
bool pno_schedule_note(const pno_schedule *s, pno_schedule_state *state, double loss);

/* Whether training is to end early. */
bool pno_schedule_over(const pno_schedule *s, const pno_schedule_state *state);

#endif
