/* The last axis by FFTW in place of the tables of transform.h: the same four roles, for rows of many modes.
 *
 * Two channels of a row are one complex row, so LANES channels are LANES / 2 transforms of contiguous numbers, FFTW's
 * best case. The sum and the difference of modes k and n - k are the spectra of both channels, in the order they are
 * stored in. A transform needs the whole row at once: it lies in `row` until the tiles have taken it. */
#ifndef PNO_KERNELS_SIMD_FFT_H
#define PNO_KERNELS_SIMD_FFT_H

#include "kernels/kernels.h"
#include "kernels/simd/dense.h"
#include "kernels/simd/tile.h"

typedef struct {
  const pno_row_modes *m; /* NULL: tables serve */
  int channels, cp; /* logical, padded */
  float *row;  /* [points of the row, or of a tile of whole rows][cp] */
  float *work; /* columns before and behind FFTW */
} row_fft;

enum { FFT_PAIRS = LANES / 2, FFT_EDGE = 8 }; /* complex numbers on both sides of a column, that blocks may touch */

INLINED ptrdiff_t fft_column(int n) { return (n + FFT_EDGE - 1) / FFT_EDGE * FFT_EDGE + 2 * FFT_EDGE; }

INLINED ptrdiff_t fft_row_floats(const pno_grid *g, int cp) {
  const ptrdiff_t points = tile_points(cp);
  return (g->len > points ? g->len : points) * cp;
}

/* Takes its scratch off the front of *scratch. */
INLINED row_fft row_fft_begin(const pno_row_modes *m, const pno_grid *g, int channels, float **scratch) {
  const int cp = pno_padded(channels);
  row_fft f = {.channels = channels, .cp = cp};
  if (!m->fft) return f;
  f.m = m;
  f.work = *scratch;
  f.row = f.work + 2 * LANES * fft_column(g->len);
  *scratch = f.row + fft_row_floats(g, cp);
  return f;
}

INLINED const float *fft_analysis(const row_fft *f) { return f->m->weights; }
INLINED const float *fft_synthesis(const row_fft *f) { return f->m->weights + f->m->k; }

/* spectrum [k][re|im][cp] = weight[k] (cos, -sin) transform of row [n][cp] */
void simd_fft_analyse(const row_fft *f, const float *weight, const float *row, float *spectrum);

/* row = the transpose of that: sum of the modes, each counted once with its weight */
void simd_fft_synthesise(const row_fft *f, const float *weight, const float *spectrum, float *row);

/* z += row */
INLINED void fft_add(ptrdiff_t n, const float *row, float *z) {
  for (ptrdiff_t i = 0; i < n; i += LANES) v_store(z + i, v_load(z + i) + v_load(row + i));
}

#endif
