/* Dropout of the hidden layer of a tile of points. */
#ifndef PNO_KERNELS_SIMD_MASK_H
#define PNO_KERNELS_SIMD_MASK_H

#include <string.h>

#include "kernels/dropout.h"
#include "kernels/scalar/dense.h"
#include "kernels/simd/vector.h"

/* Floats that the bits of a tile take; no map is masked without hidden channels. */
INLINED ptrdiff_t mask_floats(int points, int hidden) {
  return ((ptrdiff_t)points * pno_dropout_blocks(hidden) + 127) / 64 * 16;
}

/* The bits [points][pno_dropout_blocks(channels)] of a mask: where forward leaves them, again: reading what it left; drawn
 * into scratch where none are left. */
const uint8_t *simd_mask_bits(pno_mask mask, bool again, int points, int channels, uint8_t *scratch);

/* A register of a place: v times factor where the bits from this byte on are set, else 0. Of the last of an odd number of
 * blocks the bits of the next place are read too, for lanes of padding. */
#if defined(__AVX512F__)
INLINED vec v_keep(vec v, const uint8_t *bits, vec factor) {
  uint16_t m;
  memcpy(&m, bits, sizeof m);
  return _mm512_maskz_mul_ps(m, v, factor);
}
#else
INLINED vec v_keep(vec v, const uint8_t *bits, vec factor) {
  const __m256i lane = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
  const __m256i kept = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(*bits), lane), lane);
  return _mm256_and_ps(_mm256_castsi256_ps(kept), v * factor);
}
#endif

/* The register of channels j .. of a place whose bits begin there. */
INLINED vec v_keep_at(vec v, const uint8_t *bits, int blocks, int j, vec factor) {
  return j / 8 < blocks ? v_keep(v, bits + j / 8, factor) : v;
}

#endif
