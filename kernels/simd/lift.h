/* The lift on some points of a row. */
#ifndef PNO_KERNELS_SIMD_LIFT_H
#define PNO_KERNELS_SIMD_LIFT_H

#include "kernels/simd/mask.h"
#include "kernels/simd/tile.h"

/* x [points of the tile, packed][cp] = the lift's output, zero on the padding. scratch: see lift_scratch. */
void simd_lift_points(const pno_lift *a, int block, const tile *t, float *x, float *scratch);

INLINED ptrdiff_t lift_scratch(const pno_lift *a, int points) {
  return (ptrdiff_t)points * (pno_padded(a->mlp.in) + pno_padded(a->mlp.hidden)) + (ptrdiff_t)points * a->in +
         mask_floats(points, a->mlp.hidden);
}

#endif
