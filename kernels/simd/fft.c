#include "kernels/simd/fft.h"

#include <fftw3.h>
#include <string.h>

#include "kernels/simd/table.h"

ptrdiff_t simd_fft_floats(const pno_grid *grid, int channels) {
  return 2 * LANES * fft_column(grid->len) + fft_row_floats(grid, pno_padded(channels));
}

#if defined(__AVX512F__)

typedef __m512d pair_vec;
INLINED pair_vec pairs_of(vec v) { return _mm512_castps_pd(v); }
INLINED vec floats_of(pair_vec v) { return _mm512_castpd_ps(v); }
INLINED vec swapped(vec v) { return _mm512_permute_ps(v, 0xb1); } /* 1 0 3 2 .. */

/* A square of complex numbers, transposed in place. */
INLINED void transpose_pairs(vec r[FFT_PAIRS]) {
  pair_vec t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i / 2] = _mm512_unpacklo_pd(pairs_of(r[i]), pairs_of(r[i + 1]));
    t[i / 2 + 4] = _mm512_unpackhi_pd(pairs_of(r[i]), pairs_of(r[i + 1]));
  }
#pragma GCC unroll 2
  for (int odd = 0; odd < 2; odd++) {
    const pair_vec *s = t + 4 * odd;
    u[0] = _mm512_shuffle_f64x2(s[0], s[1], 0x88);
    u[1] = _mm512_shuffle_f64x2(s[0], s[1], 0xdd);
    u[2] = _mm512_shuffle_f64x2(s[2], s[3], 0x88);
    u[3] = _mm512_shuffle_f64x2(s[2], s[3], 0xdd);
    r[odd] = floats_of(_mm512_shuffle_f64x2(u[0], u[2], 0x88));
    r[odd + 4] = floats_of(_mm512_shuffle_f64x2(u[0], u[2], 0xdd));
    r[odd + 2] = floats_of(_mm512_shuffle_f64x2(u[1], u[3], 0x88));
    r[odd + 6] = floats_of(_mm512_shuffle_f64x2(u[1], u[3], 0xdd));
  }
}

#else

typedef __m256d pair_vec;
INLINED pair_vec pairs_of(vec v) { return _mm256_castps_pd(v); }
INLINED vec floats_of(pair_vec v) { return _mm256_castpd_ps(v); }
INLINED vec swapped(vec v) { return _mm256_permute_ps(v, 0xb1); }

INLINED void transpose_pairs(vec r[FFT_PAIRS]) {
  const pair_vec t0 = _mm256_unpacklo_pd(pairs_of(r[0]), pairs_of(r[1]));
  const pair_vec t1 = _mm256_unpackhi_pd(pairs_of(r[0]), pairs_of(r[1]));
  const pair_vec t2 = _mm256_unpacklo_pd(pairs_of(r[2]), pairs_of(r[3]));
  const pair_vec t3 = _mm256_unpackhi_pd(pairs_of(r[2]), pairs_of(r[3]));
  r[0] = floats_of(_mm256_permute2f128_pd(t0, t2, 0x20));
  r[1] = floats_of(_mm256_permute2f128_pd(t1, t3, 0x20));
  r[2] = floats_of(_mm256_permute2f128_pd(t0, t2, 0x31));
  r[3] = floats_of(_mm256_permute2f128_pd(t1, t3, 0x31));
}

#endif

/* v times i (sign +1) or -i (sign -1), as complex numbers. */
INLINED vec turned(vec v, float sign) {
  float s[LANES];
  for (int i = 0; i < LANES; i++) s[i] = i % 2 ? sign : -sign;
  return swapped(v) * v_load(s);
}

/* count <= FFT_PAIRS complex numbers of each column from `at` on, as one vector a number; beyond count: rubbish. */
INLINED void load_block(const float *columns, ptrdiff_t step, ptrdiff_t at, vec r[FFT_PAIRS]) {
#pragma GCC unroll 8
  for (int j = 0; j < FFT_PAIRS; j++) r[j] = v_load(columns + j * step + 2 * at);
  transpose_pairs(r);
}

/* The other way; only the numbers from `from` to before `to` of the block are written. */
INLINED void store_block(float *columns, ptrdiff_t step, ptrdiff_t at, vec r[FFT_PAIRS], int from, int to) {
  transpose_pairs(r);
#pragma GCC unroll 8
  for (int j = 0; j < FFT_PAIRS; j++) {
    float *c = columns + j * step + 2 * at;
    if (from == 0 && to == FFT_PAIRS) {
      v_store(c, r[j]);
      continue;
    }
    float part[LANES];
    v_store(part, r[j]);
    for (int i = 2 * from; i < 2 * to; i++) c[i] = part[i];
  }
}

INLINED int block_of(int left) { return left < FFT_PAIRS ? left : FFT_PAIRS; }

/* LANES channels of all points to columns, and back. */
static void to_columns(int n, int cp, const float *row, float *columns, ptrdiff_t step) {
  for (int p = 0; p < n; p += FFT_PAIRS) {
    const int count = block_of(n - p);
    vec r[FFT_PAIRS];
#pragma GCC unroll 8
    for (int i = 0; i < FFT_PAIRS; i++) r[i] = v_load(row + (ptrdiff_t)(p + (i < count ? i : 0)) * cp);
    store_block(columns, step, p, r, 0, count);
  }
}

static void from_columns(int n, int cp, const float *columns, ptrdiff_t step, float *row) {
  for (int p = 0; p < n; p += FFT_PAIRS) {
    const int count = block_of(n - p);
    vec r[FFT_PAIRS];
    load_block(columns, step, p, r);
    for (int i = 0; i < count; i++) v_store(row + (ptrdiff_t)(p + i) * cp, r[i]);
  }
}

/* The last of an odd number of channels is transformed together with a padding lane, which rounding does not leave zero. */
static void clear_padding(const row_fft *f, int vectors, float *values) {
  for (int i = 0; f->channels % 2 && i < vectors; i++) values[i * (ptrdiff_t)f->cp + f->channels] = 0.0f;
}

/* A mode from the numbers k and n - k of both channels; where they are the same one, the imaginary part is nothing. */
INLINED void part_mode(float half, vec a, vec b, float *re, float *im) {
  v_store(re, v_all(half) * (a + b));
  v_store(im, v_all(half) * turned(a - b, -1.0f));
}

void simd_fft_analyse(const row_fft *f, const float *weight, const float *row, float *spectrum) {
  const int n = f->m->n, cp = f->cp, modes = f->m->k;
  const ptrdiff_t step = 2 * fft_column(n), ks = 2 * (ptrdiff_t)cp;
  float *in = f->work + 2 * FFT_EDGE, *out = in + FFT_PAIRS * step;
  for (int v = 0; v < cp; v += LANES) {
    to_columns(n, cp, row + v, in, step);
    for (int j = 0; j < FFT_PAIRS; j++)
      fftwf_execute_dft(f->m->fft->forward, (fftwf_complex *)(in + j * step), (fftwf_complex *)(out + j * step));
    vec zero[FFT_PAIRS];
    load_block(out, step, 0, zero);
    part_mode(0.5f * weight[0], zero[0], zero[0], spectrum + v, spectrum + cp + v);
    for (int k = 1; k < modes; k += FFT_PAIRS) {
      vec a[FFT_PAIRS], b[FFT_PAIRS];
      load_block(out, step, k, a);
      load_block(out, step, n - k - FFT_PAIRS + 1, b);
      for (int i = 0; i < block_of(modes - k); i++) {
        float *mode = spectrum + (k + i) * ks + v;
        part_mode(0.5f * weight[k + i], a[i], b[FFT_PAIRS - 1 - i], mode, mode + cp);
      }
    }
  }
  clear_padding(f, 2 * modes, spectrum);
}

/* Numbers k and n - k of both channels from a mode: half of it each, but for the one that stands alone. */
INLINED void join_mode(float weight, bool alone, const float *re, const float *im, vec *a, vec *b) {
  const vec r = v_load(re), i = turned(v_load(im), 1.0f);
  if (alone) {
    *a = *b = v_all(weight) * r;
    return;
  }
  *a = v_all(0.5f * weight) * (r + i);
  *b = v_all(0.5f * weight) * (r - i);
}

void simd_fft_synthesise(const row_fft *f, const float *weight, const float *spectrum, float *row) {
  const int n = f->m->n, cp = f->cp, modes = f->m->k;
  const ptrdiff_t step = 2 * fft_column(n), ks = 2 * (ptrdiff_t)cp;
  float *in = f->work + 2 * FFT_EDGE, *out = in + FFT_PAIRS * step;
  for (int v = 0; v < cp; v += LANES) {
    for (int j = 0; j < FFT_PAIRS && n - modes >= modes; j++)
      memset(in + j * step + 2 * (ptrdiff_t)modes, 0, sizeof *in * 2 * (size_t)(n - 2 * modes + 1));
    vec a[FFT_PAIRS], b[FFT_PAIRS];
    for (int i = 0; i < FFT_PAIRS; i++) a[i] = v_zero();
    join_mode(weight[0], true, spectrum + v, spectrum + cp + v, &a[0], &b[0]);
    store_block(in, step, 0, a, 0, 1);
    for (int k = 1; k < modes; k += FFT_PAIRS) {
      const int count = block_of(modes - k);
      for (int i = 0; i < FFT_PAIRS; i++) {
        const int mode = k + (i < count ? i : 0);
        const float *at = spectrum + mode * ks + v;
        join_mode(weight[mode], 2 * mode == n, at, at + cp, &a[i], &b[FFT_PAIRS - 1 - i]);
      }
      store_block(in, step, k, a, 0, count);
      store_block(in, step, n - k - FFT_PAIRS + 1, b, FFT_PAIRS - count, FFT_PAIRS);
    }
    for (int j = 0; j < FFT_PAIRS; j++)
      fftwf_execute_dft(f->m->fft->backward, (fftwf_complex *)(in + j * step), (fftwf_complex *)(out + j * step));
    from_columns(n, cp, out, step, row + v);
  }
  clear_padding(f, n, row);
}
