#include "tests/kernels/kernel_world.h"

#include <criterion/criterion.h>
#include <fftw3.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dispatch.h"

enum { GUARD = 64 };
static const uint32_t guard_bits = 0x7fc0beef; /* a not-a-number that arithmetic does not make */

static char words[256] = "the case"; /* what is being tested */

const pno_kernels *const *world_tables(int *n) {
  static const pno_kernels *tables[8];
  int all;
  const pno_kernels *const *t = pno_kernels_all(&all);
  *n = 0;
  for (int i = 0; i < all; i++)
    if (pno_kernels_run(t[i])) tables[(*n)++] = t[i];
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
  cr_assert_lt(w->n, WORLD_BUFFERS, "a test with more buffers than a world holds");
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

/* Four uniform numbers of 16 bits, added up: near enough to a normal one, and cheap, for these tests fill millions. The
 * mix is that of splitmix64. */
static float noise_at(int site, ptrdiff_t i) {
  uint64_t z = ((uint64_t)site << 40) + (uint64_t)i * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  const int sum = (int)(z & 0xffff) + (int)(z >> 16 & 0xffff) + (int)(z >> 32 & 0xffff) + (int)(z >> 48);
  return (float)(sum - 131070) * (1.7320508f / 65536.0f);
}

float *world_vectors(world *w, ptrdiff_t vectors, int channels, int site) {
  const int cp = pno_padded(channels);
  float *out = world_zeros(w, vectors * cp);
  for (ptrdiff_t i = 0; i < vectors; i++)
    for (int c = 0; c < channels; c++) out[i * cp + c] = noise_at(site, i * channels + c);
  return out;
}

float *world_noise(world *w, ptrdiff_t floats, int site) {
  float *out = world_zeros(w, floats);
  for (ptrdiff_t i = 0; i < floats; i++) out[i] = noise_at(site + 1000, i);
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
  cr_assert(fabs(a - b) <= 1e-5 * scale, "%s: %s: %.9g and %.9g, terms of size %.3g", words, what, a, b, scale);
}

void world_say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(words, sizeof words, format, list);
  va_end(list);
}

void world_same(const float *a, const float *b, ptrdiff_t n, const char *what) {
  ptrdiff_t i = 0;
  while (i < n && memcmp(a + i, b + i, sizeof *a) == 0) i++;
  cr_assert_eq(i, n, "%s: %s: element %td of %td is %.9g, not %.9g", words, what, i, n, (double)(i < n ? a[i] : 0),
               (double)(i < n ? b[i] : 0));
}

void world_near(const float *a, const float *b, ptrdiff_t n, double tolerance, const char *what) {
  double norm = 0, error = 0, largest = 0, worst = 0;
  ptrdiff_t at = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    const double e = fabs((double)a[i] - b[i]);
    norm += (double)b[i] * b[i];
    error += e * e;
    largest = fmax(largest, fabs((double)b[i]));
    if (!(e <= worst)) worst = e, at = i;
  }
  cr_assert(sqrt(error) <= tolerance * sqrt(norm) && worst <= 10 * tolerance * largest,
            "%s: %s: off by %.3g of the norm; element %td of %td is %.9g, not %.9g", words, what, sqrt(error / norm),
            at, n, (double)a[at], (double)b[at]);
}

/* cos and sin of 2 pi i / n for all i. */
static double *circle(int n) {
  double *c = malloc(sizeof *c * 2 * (size_t)n);
  cr_assert_not_null(c);
  for (int i = 0; i < n; i++) {
    c[2 * i] = cos(6.283185307179586 * i / n);
    c[2 * i + 1] = sin(6.283185307179586 * i / n);
  }
  return c;
}

static ptrdiff_t turn(int f, int x, int n) { return 2 * (((long long)f * x % n + n) % n); }

bool world_by_fft(const pno_kernels *t) {
  const char *rows = getenv("PNO_TEST_ROWS");
  const pno_grid g = world_grid(0);
  return rows && strcmp(rows, "fft") == 0 && t->fft_floats(&g, 1) > 0;
}

/* Plans of n points, kept to the end of the program. */
static const pno_row_fft *fft_of(int n) {
  enum { LONGEST = 4096 };
  static pno_row_fft plans[LONGEST + 1];
  cr_assert_leq(n, LONGEST);
  pno_row_fft *f = &plans[n];
  if (f->n) return f;
  fftwf_complex *in = fftwf_alloc_complex(2 * (size_t)n + 16), *out = in + (n + 7) / 8 * 8;
  cr_assert_not_null(in);
  const unsigned flags = FFTW_ESTIMATE | FFTW_DESTROY_INPUT;
  *f = (pno_row_fft){.n = n, .forward = fftwf_plan_dft_1d(n, in, out, FFTW_FORWARD, flags),
                     .backward = fftwf_plan_dft_1d(n, in, out, FFTW_BACKWARD, flags)};
  cr_assert(f->forward && f->backward);
  fftwf_free(in);
  return f;
}

/* What an FFT needs of the tables. */
static void take_weights(world *w, pno_row_modes *m) {
  float *weights = world_zeros(w, 2 * (ptrdiff_t)m->k);
  for (int i = 0; i < m->k; i++) {
    weights[i] = m->analysis[2 * (ptrdiff_t)i * m->n];
    weights[m->k + i] = m->synthesis[2 * (ptrdiff_t)i * m->n];
  }
  m->weights = weights;
  m->fft = fft_of(m->n);
}

pno_row_modes world_row_modes(world *w, const pno_kernels *t, int n, int k) {
  float *analysis = world_zeros(w, 2 * (ptrdiff_t)k * n), *synthesis = world_zeros(w, 2 * (ptrdiff_t)k * n);
  double *c = circle(n);
  for (int i = 0; i < k; i++) {
    const double twice = i == 0 || 2 * i == n ? 1.0 : 2.0;
    for (int x = 0; x < n; x++) {
      const double re = c[turn(i, x, n)], im = twice < 2.0 ? 0 : c[turn(i, x, n) + 1];
      const ptrdiff_t at = 2 * (ptrdiff_t)i * n + x;
      analysis[at] = (float)re;
      analysis[at + n] = (float)-im;
      synthesis[at] = (float)(twice * re / n);
      synthesis[at + n] = (float)(-twice * im / n);
    }
  }
  free(c);
  float *packed = world_zeros(w, t->pack_row_floats(n, k));
  pno_row_modes m = {.n = n, .k = k, .analysis = analysis, .synthesis = synthesis, .packed = packed};
  t->pack_row(&m, packed);
  if (world_by_fft(t)) take_weights(w, &m);
  return m;
}

pno_axis world_axis(world *w, const pno_kernels *t, int n, int k, int first) {
  float *cosine = world_zeros(w, (ptrdiff_t)k * n), *sine = world_zeros(w, (ptrdiff_t)k * n);
  double *c = circle(n);
  for (int i = 0; i < k; i++) {
    for (int x = 0; x < n; x++) {
      cosine[(ptrdiff_t)i * n + x] = (float)c[turn(first + i, x, n)];
      sine[(ptrdiff_t)i * n + x] = (float)c[turn(first + i, x, n) + 1];
    }
  }
  free(c);
  float *packed = world_zeros(w, t->pack_axis_floats(n, k, first));
  const pno_axis a = {.n = n, .k = k, .first = first, .cosine = cosine, .sine = sine, .packed = packed};
  t->pack_axis(&a, packed);
  return a;
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
      {2, {25, 50}, {2, 0}, {20, 43}},
      {3, {5, 6, 7}, {1, 0, 2}, {3, 6, 4}},
      {3, {11, 12, 10}, {0, 0, 0}, {11, 12, 10}},
      {3, {2, 23, 50}, {0, 3, 0}, {2, 19, 50}},
  };
  return pno_grid_make(g[i].dims, g[i].n, g[i].lo, g[i].inner);
}

float *world_scratch(world *w, const pno_kernels *t, const pno_grid *g, int widest) {
  const ptrdiff_t floats = t->scratch_floats(g, widest) + (world_by_fft(t) ? t->fft_floats(g, widest) : 0);
  float *s = world_zeros(w, floats);
  for (ptrdiff_t i = 0; i < floats; i++) s[i] = NAN;
  return s;
}
