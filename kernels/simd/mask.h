/* Dropout of the hidden layer of a tile of points. */
#ifndef PNO_KERNELS_SIMD_MASK_H
#define PNO_KERNELS_SIMD_MASK_H

#include "kernels/dropout.h"
#include "kernels/scalar/dense.h"
#include "kernels/simd/vector.h"

/* Floats that the bits of a tile take; no map is masked without hidden channels. */
INLINED ptrdiff_t mask_floats(int points, int hidden) {
  return ((ptrdiff_t)points * pno_dropout_blocks(hidden) + 127) / 64 * 16;
}

/* bits [points][pno_dropout_blocks(channels)] of the places first, first + 1, .. of a sample. */
void simd_mask_draw(const pno_dropout *d, int sample, ptrdiff_t first, int points, int channels, uint8_t *bits);

/* v [points][padded channels], masked in place. */
void simd_mask_apply(const uint8_t *bits, int points, int channels, float factor, float *v);

#endif
