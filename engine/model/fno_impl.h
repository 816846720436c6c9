/* What the files of the operator share; not for others. */
#ifndef PNO_ENGINE_MODEL_FNO_IMPL_H
#define PNO_ENGINE_MODEL_FNO_IMPL_H

#include "engine/base/arena.h"
#include "engine/model/fno.h"

/* Registry numbers of a two-layer map; -1 where a part does not exist. */
typedef struct {
  int in, hidden, out;
  int w1, b1, w2, b2;
} fno_map;

struct pno_fno {
  pno_fno_spec spec;
  pno_registry registry;
  fno_map lift, head[2], mlp[PNO_LAYERS_MAX];
  int spectral[PNO_LAYERS_MAX], skip[PNO_LAYERS_MAX], bias[PNO_LAYERS_MAX], gate[PNO_LAYERS_MAX];
  int stored[PNO_DIMS_MAX]; /* stored modes of each axis */
};

struct pno_fno_plan {
  const pno_fno *fno;
  pno_fno_use use;
  pno_grid grid;
  pno_arena arena;
  int kept[PNO_DIMS_MAX]; /* modes kept on this grid */
  int modes;              /* their product */
  pno_axis axis[PNO_DIMS_MAX];
  pno_row_modes row;
  int *stored; /* [modes]: number of the stored mode */
  float *coordinate[PNO_DIMS_MAX];
  int threads;
  bool streams; /* what is kept for backward outgrows the caches */
  ptrdiff_t stride; /* floats between the spectra of two samples: a line more than they take, lest all samples of a mode
                     * fall into the same sets of the cache */
  /* activations [samples][points][cp]; x also carries the gradient back, m its own. NULL where nothing is kept. */
  float *x0, *x, *z[PNO_LAYERS_MAX], *m[PNO_LAYERS_MAX];
  /* spectra of each layer's input and of its output [samples][stride]; of one sample between the axes (3-D) */
  float *input_modes[PNO_LAYERS_MAX], *output_modes, *between;
  int draws, passes;       /* draws: that run through the layers, 1 with two heads; passes: samples times these */
  int micro;               /* passes a micro-batch */
  pno_fno_noise noise;
  pno_dropout drop_lift, drop_head[2], drop_mix[PNO_LAYERS_MAX];
  float *head_scale, *head_shift; /* of two heads: norm of means and s */
  uint8_t *lift_bits, *head_bits[2]; /* what dropout kept, for the way back */
  float *heads, *dheads, *normals; /* fields of two heads, their gradient, and the normals of their draws */
  double *terms;           /* of draws: [samples][steps][terms] sums, then [samples][terms] factors */
  float *error, *dy;       /* fields */
  float *partial, *second; /* [samples * blocks][widest partial]: two of them, for phases that end one thing and begin another */
  float *scale;            /* [samples]: factor of each sample's gradient */
  double *sums;            /* [samples * blocks][2] */
  float *rows[PNO_THREADS_MAX];    /* of each thread: row spectra of a slab; 1-D: none */
  float *scratch[PNO_THREADS_MAX]; /* of each thread */
  pno_phase_time time[PNO_PHASES];
};

#endif
