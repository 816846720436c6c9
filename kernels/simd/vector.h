/* The vector registers of the instruction set that this file is compiled for: AVX-512 or AVX2 with FMA. One source; the
 * sizes LANES (floats a register), WIDE (registers of channels a kernel holds at once) and the few operations that the
 * two spell differently are all that differs. Not for others than kernels/simd. */
#ifndef PNO_KERNELS_SIMD_VECTOR_H
#define PNO_KERNELS_SIMD_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/names.h"

/* For kernels whose sizes are constants at the place of call: every such call is compiled on its own. */
#define INLINED static inline __attribute__((always_inline))

#if defined(__AVX512F__)

typedef __m512 vec;
enum { LANES = 16, WIDE = 2 };
INLINED vec v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINED void v_store(float *p, vec v) { _mm512_storeu_ps(p, v); }
INLINED void v_stream(float *p, vec v) { _mm512_stream_ps(p, v); } /* past the caches; p aligned */
INLINED vec v_all(float x) { return _mm512_set1_ps(x); }
INLINED vec v_zero(void) { return _mm512_setzero_ps(); }
INLINED vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }   /* a b + c */
INLINED vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a b */
INLINED vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }               /* b where either is not a number */
INLINED vec v_abs(vec a) { return _mm512_abs_ps(a); }

/* 1 / a to 1 ulp or two, a normal; and 1 / sqrt(a), a >= 0 (0 gives inf). One Newton step on 14 bits. */
INLINED vec v_reciprocal(vec a) {
  const vec r = _mm512_rcp14_ps(a);
  return v_fma(r, v_fnma(a, r, v_all(1.0f)), r);
}
INLINED vec v_rsqrt(vec a) {
  const vec r = _mm512_rsqrt14_ps(a), h = r * v_all(0.5f);
  return v_fma(h, v_fnma(a * r, r, v_all(1.0f)), r);
}

/* Rows r[0 .. LANES-1] of a square, transposed in place. */
INLINED void v_transpose(vec r[LANES]) {
  vec t[LANES];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

#else /* AVX2 and FMA */

typedef __m256 vec;
enum { LANES = 8, WIDE = 1 };
INLINED vec v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINED void v_store(float *p, vec v) { _mm256_storeu_ps(p, v); }
INLINED void v_stream(float *p, vec v) { _mm256_stream_ps(p, v); }
INLINED vec v_all(float x) { return _mm256_set1_ps(x); }
INLINED vec v_zero(void) { return _mm256_setzero_ps(); }
INLINED vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINED vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
INLINED vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
INLINED vec v_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

INLINED vec v_reciprocal(vec a) {
  vec r = _mm256_rcp_ps(a); /* 12 bits: one more step of the second order */
  const vec e = v_fnma(a, r, v_all(1.0f));
  return v_fma(r, v_fma(e, e, e), r);
}
INLINED vec v_rsqrt(vec a) { return v_all(1.0f) / _mm256_sqrt_ps(a); }

INLINED void v_transpose(vec r[LANES]) {
  vec t[LANES];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    const vec lo = r[i], hi = r[i + 4];
    r[i] = _mm256_permute2f128_ps(lo, hi, 0x20);
    r[i + 4] = _mm256_permute2f128_ps(lo, hi, 0x31);
  }
}

#endif

/* Hints for memory that is needed a row later: read soon, written soon. */
INLINED void v_fetch(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T1); }
INLINED void v_fetch_near(const void *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }
INLINED void v_fetch_write(const void *p) { __builtin_prefetch(p, 1, 3); }

#endif
