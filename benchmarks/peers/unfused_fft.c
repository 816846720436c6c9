#include "benchmarks/peers/unfused_fft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fftwf_complex *room(ptrdiff_t n) {
  fftwf_complex *p = fftwf_malloc(sizeof *p * (size_t)n);
  if (!p) {
    fprintf(stderr, "unfused: no memory for a plane\n");
    exit(3);
  }
  memset(p, 0, sizeof *p * (size_t)n);
  return p;
}

static fftwf_plan must(fftwf_plan plan) {
  if (plan) return plan;
  fprintf(stderr, "unfused: FFTW has no plan\n");
  exit(3);
}

/* Both directions of all axes, on the buffers of thread 0: those of the others are aligned alike. */
void unfused_fft_plan(unfused_fft *f, const steps_case *c, float *plane) {
  const unsigned flags = FFTW_MEASURE;
  *f = (unfused_fft){.n = {1, 1, 1}, .k = {1, 1, 1}};
  for (int j = 0; j < c->dims; j++) {
    f->n[3 - c->dims + j] = c->n[j];
    f->k[3 - c->dims + j] = j < c->dims - 1 ? 2 * c->modes : c->modes;
  }
  const int n0 = f->n[0], n1 = f->n[1], n2 = f->n[2], half = n2 / 2 + 1, k2 = f->k[2], lines = n0 * n1;
  f->half = half;
  for (int t = 0; t < c->threads; t++) {
    f->rows[t] = room((ptrdiff_t)lines * half);
    f->kept[t] = c->dims > 1 ? room((ptrdiff_t)lines * k2) : f->rows[t];
  }
  fftwf_complex *rows = f->rows[0], *kept = f->kept[0];
  f->row[0] = must(fftwf_plan_many_dft_r2c(1, &n2, lines, plane, NULL, 1, n2, rows, NULL, 1, half, flags));
  f->row[1] = must(fftwf_plan_many_dft_c2r(1, &n2, lines, rows, NULL, 1, half, plane, NULL, 1, n2, flags));
  if (c->dims > 1) {
    const fftw_iodim there = {n1, half, k2}, back = {n1, k2, half};
    const fftw_iodim each_there[] = {{n0, n1 * half, n1 * k2}, {k2, 1, 1}},
                     each_back[] = {{n0, n1 * k2, n1 * half}, {k2, 1, 1}};
    f->column[0] = must(fftwf_plan_guru_dft(1, &there, 2, each_there, rows, kept, FFTW_FORWARD, flags));
    f->column[1] = must(fftwf_plan_guru_dft(1, &back, 2, each_back, kept, rows, FFTW_BACKWARD, flags));
  }
  if (c->dims > 2) {
    const fftw_iodim axis = {n0, n1 * k2, n1 * k2}, each = {c->modes * k2, 1, 1};
    for (int high = 0; high < 2; high++)
      for (int inverse = 0; inverse < 2; inverse++) {
        fftwf_complex *at = kept + (ptrdiff_t)high * (n1 - c->modes) * k2;
        f->deep[inverse][high] =
            must(fftwf_plan_guru_dft(1, &axis, 1, &each, at, at, inverse ? FFTW_BACKWARD : FFTW_FORWARD, flags));
      }
  }
}

static ptrdiff_t frequency(const unfused_fft *f, int axis, int k) {
  return k < (f->k[axis] + 1) / 2 ? k : f->n[axis] - f->k[axis] + k;
}

static void deep(const unfused_fft *f, int inverse, fftwf_complex *kept) {
  if (f->n[0] == 1) return;
  const ptrdiff_t high = (ptrdiff_t)(f->n[1] - f->k[1] / 2) * f->k[2];
  fftwf_execute_dft(f->deep[inverse][0], kept, kept);
  fftwf_execute_dft(f->deep[inverse][1], kept + high, kept + high);
}

/* Where the kept modes of (k0, k1) lie. */
static fftwf_complex *line(const unfused_fft *f, fftwf_complex *kept, int k0, int k1) {
  const int pitch = f->column[0] ? f->k[2] : f->half;
  return kept + (frequency(f, 0, k0) * f->n[1] + frequency(f, 1, k1)) * pitch;
}

void unfused_fft_forward(const unfused_fft *f, int thread, const float *plane, float (*spectra)[2], ptrdiff_t stride) {
  fftwf_complex *rows = f->rows[thread], *kept = f->kept[thread];
  fftwf_execute_dft_r2c(f->row[0], (float *)(size_t)plane, rows); /* out of place: r2c leaves its input alone */
  if (f->column[0]) fftwf_execute_dft(f->column[0], rows, kept);
  deep(f, 0, kept);
  for (int k0 = 0; k0 < f->k[0]; k0++)
    for (int k1 = 0; k1 < f->k[1]; k1++) {
      fftwf_complex *from = line(f, kept, k0, k1);
      for (int k2 = 0; k2 < f->k[2]; k2++, spectra += stride) memcpy(*spectra, from[k2], sizeof *spectra);
    }
}

void unfused_fft_inverse(const unfused_fft *f, int thread, float (*spectra)[2], ptrdiff_t stride, float *plane) {
  fftwf_complex *rows = f->rows[thread], *kept = f->kept[thread];
  const ptrdiff_t lines = (ptrdiff_t)f->n[0] * f->n[1];
  if (f->column[1]) memset(kept, 0, sizeof *kept * (size_t)(lines * f->k[2]));
  for (int k0 = 0; k0 < f->k[0]; k0++)
    for (int k1 = 0; k1 < f->k[1]; k1++) {
      fftwf_complex *to = line(f, kept, k0, k1);
      for (int k2 = 0; k2 < f->k[2]; k2++, spectra += stride) memcpy(to[k2], *spectra, sizeof *spectra);
    }
  deep(f, 1, kept);
  if (f->column[1]) fftwf_execute_dft(f->column[1], kept, rows);
  for (ptrdiff_t i = 0; i < lines; i++) /* c2r uses its input up */
    memset(rows + i * f->half + f->k[2], 0, sizeof *rows * (size_t)(f->half - f->k[2]));
  fftwf_execute_dft_c2r(f->row[1], rows, plane);
}
