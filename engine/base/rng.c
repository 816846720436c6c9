#include "engine/base/rng.h"

#include <Random123/philox.h>
#include <math.h>

static const double two_pi = 6.283185307179586476925286766559;

void pno_rng_words(const pno_rng *r, uint32_t block, uint32_t out[4]) {
  const philox4x32_ctr_t ctr = {
      {block, (uint32_t)r->site << 16 | r->draw, r->sample, (uint32_t)r->stream << 24 | (r->epoch & 0xffffffu)}};
  const philox4x32_key_t key = {{(uint32_t)r->seed, (uint32_t)(r->seed >> 32)}};
  const philox4x32_ctr_t x = philox4x32(ctr, key);
  for (int j = 0; j < 4; j++) out[j] = x.v[j];
}

/* (0, 1): never 0, so that the logarithm below is finite. */
static double unit(uint32_t w) { return ((double)w + 0.5) * (1.0 / 4294967296.0); }

static void uniform4(const pno_rng *r, uint64_t block, double u[4]) {
  uint32_t w[4];
  pno_rng_words(r, (uint32_t)block, w);
  for (int j = 0; j < 4; j++) u[j] = unit(w[j]);
}

static void normal4(const pno_rng *r, uint64_t block, double z[4]) {
  double u[4];
  uniform4(r, block, u);
  for (int j = 0; j < 4; j += 2) {
    const double radius = sqrt(-2.0 * log(u[j]));
    z[j] = radius * cos(two_pi * u[j + 1]);
    z[j + 1] = radius * sin(two_pi * u[j + 1]);
  }
}

static void fill(const pno_rng *r, uint64_t first, ptrdiff_t n, double *out,
                 void (*four)(const pno_rng *, uint64_t, double[4])) {
  double v[4];
  for (ptrdiff_t i = 0; i < n; i++) {
    const uint64_t at = first + (uint64_t)i;
    if (i == 0 || at % 4 == 0) four(r, at / 4, v);
    out[i] = v[at % 4];
  }
}

void pno_rng_uniforms(const pno_rng *r, uint64_t first, ptrdiff_t n, double *out) { fill(r, first, n, out, uniform4); }

void pno_rng_normals(const pno_rng *r, uint64_t first, ptrdiff_t n, double *out) { fill(r, first, n, out, normal4); }

double pno_rng_uniform(const pno_rng *r, uint64_t i) {
  double v;
  pno_rng_uniforms(r, i, 1, &v);
  return v;
}

double pno_rng_normal(const pno_rng *r, uint64_t i) {
  double v;
  pno_rng_normals(r, i, 1, &v);
  return v;
}
