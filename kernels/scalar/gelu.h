/* GELU(x) = x Phi(x) with the exact normal distribution (Hendrycks & Gimpel 2016, "exact erf" of PyTorch).
 *
 * Phi through erfc(t) = P(1/(1 + p t)) exp(-t^2), Abramowitz & Stegun 7.1.26, absolute error 1.5e-7; branch-free, so that
 * the loops around it vectorise. libm's erff took ten times as long in a training step. */
#ifndef PNO_KERNELS_SCALAR_GELU_H
#define PNO_KERNELS_SCALAR_GELU_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(-x*x/2): 2^t with t split into an integer and a rest in [-1/2, 1/2]; 2^-126 at the least. */
static inline float pno_gauss(float x) {
  const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
  float t = x * x * -0.72134752044f;
  t = t < -126.0f ? -126.0f : t;
  const float shifted = t + magic;
  const float f = t - (shifted - magic);
  float p = 1.53533535e-4f;
  p = p * f + 1.33335581e-3f;
  p = p * f + 9.61812911e-3f;
  p = p * f + 5.55041087e-2f;
  p = p * f + 2.40226507e-1f;
  p = p * f + 6.93147181e-1f;
  p = p * f + 1.0f;
  uint32_t bits; /* unsigned: those of a not-a-number would overflow */
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

/* Phi(-|x|), given gauss = exp(-x*x/2). */
static inline float pno_normal_tail(float x, float gauss) {
  const float a = fabsf(x);
  const float r = 1.0f / (1.0f + 0.3275911f * 0.70710678f * a);
  float q = 0.5f * 1.061405429f;
  q = q * r + 0.5f * -1.453152027f;
  q = q * r + 0.5f * 1.421413741f;
  q = q * r + 0.5f * -0.284496736f;
  q = q * r + 0.5f * 0.254829592f;
  return q * r * gauss;
}

static inline float pno_gelu(float x) {
  const float tail = pno_normal_tail(x, pno_gauss(x));
  return x > 0.0f ? x - x * tail : x * tail;
}

static inline float pno_gelu_slope(float x) {
  const float gauss = pno_gauss(x), tail = pno_normal_tail(x, gauss);
  return (x > 0.0f ? 1.0f - tail : tail) + x * 0.398942280401f * gauss;
}

#endif
