/* What the tests of the row phases share: a grid with its sizes, layers and their backward passes with random operands,
 * and calls slab by slab, as the engine makes them. */
#ifndef PNO_TESTS_KERNELS_PHASE_WORLD_H
#define PNO_TESTS_KERNELS_PHASE_WORLD_H

#include "tests/kernels/kernel_world.h"

typedef struct {
  pno_grid g;
  int samples, channels, cp, k, blocks; /* k: modes a row; blocks of all samples */
  int hidden;                           /* of the channel MLP; 0: a plain layer */
  bool activate;
  ptrdiff_t points, modes; /* vectors of all samples: of an activation, of the row spectra */
} phase_shape;

phase_shape phase_shape_of(pno_grid g, int samples, int channels, int k, int hidden, bool activate);
int phase_widest(const phase_shape *s);

/* Calls check for each table on each grid of the world with each kind of layer: two samples, 20 channels. */
typedef void phase_check(const pno_kernels *t, const phase_shape *s, world *w);
void phase_each(phase_check *check);

/* A layer with random parameters and inputs that keeps everything. Row spectra of all samples, slab after slab. */
pno_layer phase_layer(world *w, const pno_kernels *t, const phase_shape *s);

/* The same with buffers of its own for what it writes. */
pno_layer phase_layer_again(world *w, const phase_shape *s, const pno_layer *a);

/* Backward of the stage of f alone, as at the top, from the gradient d of the result; f has run. */
pno_back phase_stage(world *w, const phase_shape *s, const pno_layer *f, const float *d);

/* Backward of the linear part of f alone, as at the bottom, from dz, dm (if there is a gate) and the gradient of the
 * row spectra of its input. */
pno_back phase_linear(world *w, const phase_shape *s, const pno_layer *f, const float *dz, const float *dm,
                      const float *above);

/* All blocks, slab by slab; in_turn: one call a slab, else one a block from the last to the first. */
void phase_lift_forward(const pno_kernels *t, const pno_lift *a, int samples, bool in_turn, float *scratch);
void phase_layer_forward(const pno_kernels *t, const pno_layer *a, int samples, bool in_turn, float *scratch);
void phase_layer_backward(const pno_kernels *t, const pno_back *a, int samples, bool in_turn, float *scratch);

/* <partial gradients of all blocks, value> for the tensor of n floats that starts `at` floats into each partial. */
double phase_partial_dot(const float *partial, ptrdiff_t floats, int blocks, ptrdiff_t at, const float *value,
                         ptrdiff_t n);

/* A lift of `in` channels with coordinates; its input, norms and maps are random. */
pno_lift phase_lift(world *w, const pno_kernels *t, const phase_shape *s, int in, int hidden, bool per_point);

#endif
