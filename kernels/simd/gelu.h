/* GELU(x) = x Phi(x) (Hendrycks & Gimpel 2016, the exact form) and its slope Phi(x) + x phi(x).
 *
 * AVX-512: pieces of low degree from tables that fit two registers each (gelu_table.h): 12 operations for the value, 23 for
 * both, two a cycle at the most. AVX2 has no look-up of 32 entries: the scalar table's formula.
 * What is not finite gives what is not finite. */
#ifndef PNO_KERNELS_SIMD_GELU_H
#define PNO_KERNELS_SIMD_GELU_H

#include "kernels/simd/gelu_table.h"
#include "kernels/simd/vector.h"

#if defined(__AVX512F__)

INLINED vec gelu_piece(const int terms, const float table[][32], __m512i piece, vec a) {
  vec sum = _mm512_permutex2var_ps(v_load(table[terms - 1]), piece, v_load(table[terms - 1] + 16));
#pragma GCC unroll 4
  for (int i = terms - 2; i >= 0; i--)
    sum = v_fma(sum, a, _mm512_permutex2var_ps(v_load(table[i]), piece, v_load(table[i] + 16)));
  return sum;
}

/* 1/2 + p with the sign of x. */
INLINED vec gelu_side(vec p, vec x) {
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  const __m512i turned = /* p ^ (x & sign) */
      _mm512_ternarylogic_epi32(_mm512_castps_si512(p), _mm512_castps_si512(x), sign, 0x78);
  return _mm512_castsi512_ps(turned) + v_all(0.5f);
}

/* value and slope of GELU; what is not wanted costs nothing. */
INLINED void v_gelu(vec x, vec *value, vec *slope) {
  const vec magic = v_all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
  const vec a = _mm512_range_ps(x, v_all(GELU_LARGEST), 2 + 8); /* the smaller of both magnitudes */
  const __m512i piece = _mm512_castps_si512(v_fma(a, v_all(GELU_PIECES_PER_UNIT), magic));
  if (value) *value = x * gelu_side(gelu_piece(4, gelu_phi, piece, a), x);
  if (slope) *slope = gelu_side(gelu_piece(5, gelu_slope, piece, a), x);
}

#else

INLINED void v_gelu(vec x, vec *value, vec *slope) {
  const vec magic = v_all(12582912.0f), a = v_abs(x);
  const vec t = v_max(x * x * v_all(-0.72134752044f), v_all(-126.0f)); /* log2 of exp(-x x / 2) */
  const vec shifted = t + magic, f = t - (shifted - magic);
  vec p = v_fma(v_all(1.53533535e-4f), f, v_all(1.33335581e-3f));
  p = v_fma(p, f, v_all(9.61812911e-3f));
  p = v_fma(p, f, v_all(5.55041087e-2f));
  p = v_fma(p, f, v_all(2.40226507e-1f));
  p = v_fma(p, f, v_all(6.93147181e-1f));
  p = v_fma(p, f, v_all(1.0f));
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  const vec gauss = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
  const vec r = v_reciprocal(v_fma(a, v_all(0.3275911f * 0.70710678f), v_all(1.0f)));
  vec q = v_fma(v_all(0.5f * 1.061405429f), r, v_all(0.5f * -1.453152027f));
  q = v_fma(q, r, v_all(0.5f * 1.421413741f));
  q = v_fma(q, r, v_all(0.5f * -0.284496736f));
  q = v_fma(q, r, v_all(0.5f * 0.254829592f));
  const vec tail = q * r * gauss; /* Phi(-|x|), Abramowitz & Stegun 7.1.26 */
  const vec finite = x - x;       /* zero, or not a number where x is not finite */
  if (value) *value = v_fnma(a, tail, v_max(v_zero(), x)) + finite;
  if (!slope) return;
  const vec s = v_fnma(a * v_all(0.398942280401f), gauss, tail);
  *slope = _mm256_blendv_ps(v_all(1.0f) - s, s, x) + finite;
}

#endif

#endif
