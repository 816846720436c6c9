#include "tests/kernels/kernel_world.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

enum { GUARD = 64 };
static const uint32_t guard_bits = 0x7fc0beef; /* a not-a-number that arithmetic does not make */

const pno_kernels *const *world_tables(int *n) {
  static const pno_kernels *tables[1];
  tables[0] = pno_kernels_scalar();
  *n = 1;
  return tables;
}

static void write_guard(float *at) {
  for (int i = 0; i < GUARD; i++) memcpy(at + i, &guard_bits, sizeof guard_bits);
}

static bool guard_is_whole(const float *at) {
  for (int i = 0; i < GUARD; i++)
    if (memcmp(at + i, &guard_bits, sizeof guard_bits) != 0) return false;
  return true;
}

float *world_zeros(world *w, ptrdiff_t floats) {
  cr_assert_lt(w->n, 64, "a test with more than 64 buffers");
  const size_t all = ((size_t)floats + 2 * GUARD + 15) / 16 * 16;
  float *base = aligned_alloc(64, all * sizeof *base);
  cr_assert_not_null(base);
  write_guard(base);
  memset(base + GUARD, 0, (size_t)floats * sizeof *base);
  write_guard(base + GUARD + floats);
  w->base[w->n] = base;
  w->floats[w->n++] = floats;
  return base + GUARD;
}

double *world_doubles(world *w, ptrdiff_t doubles) { return (double *)(void *)world_zeros(w, 2 * doubles); }

float *world_copy(world *w, const float *from, ptrdiff_t floats) {
  float *out = world_zeros(w, floats);
  memcpy(out, from, (size_t)floats * sizeof *out);
  return out;
}

float *world_vectors(world *w, ptrdiff_t vectors, int channels, int site) {
  const pno_rng rng = {.seed = 3, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  const int cp = pno_padded(channels);
  float *out = world_zeros(w, vectors * cp);
  for (ptrdiff_t i = 0; i < vectors; i++)
    for (int c = 0; c < channels; c++) out[i * cp + c] = (float)pno_rng_normal(&rng, (uint64_t)(i * channels + c));
  return out;
}

float *world_noise(world *w, ptrdiff_t floats, int site) {
  const pno_rng rng = {.seed = 4, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  float *out = world_zeros(w, floats);
  for (ptrdiff_t i = 0; i < floats; i++) out[i] = (float)pno_rng_normal(&rng, (uint64_t)i);
  return out;
}

void world_end(world *w) {
  for (int i = 0; i < w->n; i++) {
    cr_assert(guard_is_whole(w->base[i]), "a write in front of buffer %d", i);
    cr_assert(guard_is_whole(w->base[i] + GUARD + w->floats[i]), "a write behind buffer %d of %td floats", i,
              w->floats[i]);
    free(w->base[i]);
  }
  w->n = 0;
}

bool world_padding_is_zero(const float *v, ptrdiff_t vectors, int channels) {
  const int cp = pno_padded(channels);
  for (ptrdiff_t i = 0; i < vectors; i++)
    for (int c = channels; c < cp; c++)
      if (v[i * cp + c] != 0.0f) return false;
  return true;
}

double world_dot(const float *a, const float *b, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

void world_equal(double a, double b, double scale, const char *what) {
  cr_assert(fabs(a - b) <= 1e-5 * scale, "%s: %.9g and %.9g, terms of size %.3g", what, a, b, scale);
}

static void angle(int f, int x, int n, double *c, double *s) {
  *c = cos(6.283185307179586 * (double)((long long)f * x % n) / n);
  *s = sin(6.283185307179586 * (double)((long long)f * x % n) / n);
}

pno_row_modes world_row_modes(world *w, int n, int k) {
  float *analysis = world_zeros(w, 2 * (ptrdiff_t)k * n), *synthesis = world_zeros(w, 2 * (ptrdiff_t)k * n);
  for (int i = 0; i < k; i++) {
    for (int x = 0; x < n; x++) {
      double c, s;
      angle(i, x, n, &c, &s);
      const double twice = i == 0 || 2 * i == n ? 1.0 : 2.0;
      if (twice < 2.0) s = 0;
      analysis[2 * i * n + x] = (float)c;
      analysis[(2 * i + 1) * n + x] = (float)-s;
      synthesis[2 * i * n + x] = (float)(twice * c / n);
      synthesis[(2 * i + 1) * n + x] = (float)(-twice * s / n);
    }
  }
  return (pno_row_modes){.n = n, .k = k, .analysis = analysis, .synthesis = synthesis};
}

pno_axis world_axis(world *w, int n, int k, int first) {
  float *cosine = world_zeros(w, (ptrdiff_t)k * n), *sine = world_zeros(w, (ptrdiff_t)k * n);
  for (int i = 0; i < k; i++) {
    for (int x = 0; x < n; x++) {
      double c, s;
      angle(first + i, x, n, &c, &s);
      cosine[i * n + x] = (float)c;
      sine[i * n + x] = (float)s;
    }
  }
  return (pno_axis){.n = n, .k = k, .cosine = cosine, .sine = sine};
}

pno_mlp world_mlp(world *w, int in, int hidden, int out, int site) {
  const int first = hidden ? hidden : out;
  pno_mlp m = {.in = in, .hidden = hidden, .out = out};
  m.w1 = world_vectors(w, in, first, site);
  m.b1 = world_vectors(w, 1, first, site + 1);
  m.w2 = hidden ? world_vectors(w, hidden, out, site + 2) : m.w1;
  m.b2 = hidden ? world_vectors(w, 1, out, site + 3) : m.b1;
  return m;
}

pno_grid world_grid(int i) {
  static const struct {
    int dims, n[PNO_DIMS_MAX], lo[PNO_DIMS_MAX], inner[PNO_DIMS_MAX];
  } g[WORLD_GRIDS] = {
      {1, {17}, {0}, {17}},
      {1, {1100}, {3}, {1090}},
      {2, {12, 9}, {0, 0}, {12, 9}},
      {2, {45, 50}, {2, 0}, {40, 43}},
      {3, {5, 6, 7}, {1, 0, 2}, {3, 6, 4}},
      {3, {11, 12, 10}, {0, 0, 0}, {11, 12, 10}},
  };
  return pno_grid_make(g[i].dims, g[i].n, g[i].lo, g[i].inner);
}

float *world_scratch(world *w, const pno_grid *g, int widest) {
  float *s = world_zeros(w, pno_scratch_floats(g, widest));
  for (ptrdiff_t i = 0; i < pno_scratch_floats(g, widest); i++) s[i] = NAN; /* nothing may be expected of it */
  return s;
}
