/* The one- or two-layer map of a tile of points, forward and backward. */
#ifndef PNO_KERNELS_SIMD_MAP_H
#define PNO_KERNELS_SIMD_MAP_H

#include "kernels/kernels.h"
#include "kernels/scalar/dense.h"
#include "kernels/simd/mask.h"
#include "kernels/simd/vector.h"

/* out [points][padded(out)] = m(x); tile: scratch [points][padded(hidden)], behind it mask_floats of a masked one. */
void simd_map_forward(const pno_mlp *m, int points, pno_mask mask, const float *x, ptrdiff_t xs, float *out, float *tile);

/* What backward keeps over the tiles of one block. */
typedef struct {
  const pno_mlp *m;
  pno_mlp_grad g;
  float *w1t, *w2t;      /* scratch: transposed weights */
  float *h, *slope, *dh; /* scratch: [most points][padded(hidden)] */
  uint8_t *bits;         /* scratch: of the mask */
} map_back;

/* Zeroes the gradient at grad and takes scratch for tiles of most_points points. */
map_back simd_map_begin(const pno_mlp *m, float *grad, int most_points, float **scratch);

/* dout [points][padded(out)]; dx [points][dxs] overwritten, may be x; NULL: not wanted. */
void simd_map_backward(map_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout,
                       float *dx, ptrdiff_t dxs);

#endif
