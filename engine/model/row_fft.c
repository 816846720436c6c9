#include "engine/model/row_fft.h"

#include <fftw3.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"

bool pno_row_fft_may_win(const pno_row_shape *s) {
  /* Even, says benchmarks/rows.c: 30 to 40 modes beside AVX2, 64 to 100 beside AVX-512. */
  enum { POINTS = 256, MODES = 48 };
  return s->n >= POINTS && s->k >= MODES;
}

static fftwf_plan plan(int n, fftwf_complex *in, fftwf_complex *out, int sign, bool from_wisdom) {
  return fftwf_plan_dft_1d(n, in, out, sign, FFTW_MEASURE | FFTW_DESTROY_INPUT | (from_wisdom ? FFTW_WISDOM_ONLY : 0));
}

pno_status pno_row_fft_create(int n, bool from_wisdom, pno_row_fft **out) {
  const double longest_s = 5.0; /* planning of one direction */
  const size_t bytes = (sizeof(fftwf_complex) * (size_t)n + PNO_ALIGN - 1) / PNO_ALIGN * PNO_ALIGN;
  pno_row_fft *f = calloc(1, sizeof *f);
  fftwf_complex *in = aligned_alloc(PNO_ALIGN, bytes), *to = aligned_alloc(PNO_ALIGN, bytes);
  pno_status st = f && in && to ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to plan transforms of %d points", n);
  if (st == PNO_OK) {
    f->n = n;
    fftwf_set_timelimit(longest_s);
    f->forward = plan(n, in, to, FFTW_FORWARD, from_wisdom);
    f->backward = plan(n, in, to, FFTW_BACKWARD, from_wisdom);
    if (!f->forward || !f->backward)
      st = pno_fail(PNO_E_INPUT, "FFTW has no %s for %d points", from_wisdom ? "wisdom" : "plan", n);
  }
  free(in);
  free(to);
  if (st == PNO_OK)
    *out = f;
  else
    pno_row_fft_destroy(&f);
  return st;
}

void pno_row_fft_destroy(pno_row_fft **f) {
  if (!f || !*f) return;
  if ((*f)->forward) fftwf_destroy_plan((*f)->forward);
  if ((*f)->backward) fftwf_destroy_plan((*f)->backward);
  free(*f);
  *f = NULL;
}

/* ---- measuring ---- */

enum { SMALL = 2 }; /* skip, and bias behind it */

typedef struct {
  float *packed, *weights, *skip, *x, *result, *rows, *scratch;
} trial;

static pno_status trial_push(pno_arena *a, const pno_kernels *kernels, const pno_row_shape *s, const pno_grid *g,
                             trial *t) {
  const size_t cp = (size_t)pno_padded(s->channels), row = (size_t)s->n * cp;
  PNO_TRY(PNO_PUSH(a, kernels->pack_row_floats(s->n, s->k), &t->packed));
  PNO_TRY(PNO_PUSH(a, 2 * (size_t)s->k, &t->weights));
  PNO_TRY(PNO_PUSH(a, (size_t)(s->channels + SMALL) * cp, &t->skip));
  PNO_TRY(PNO_PUSH(a, row, &t->x));
  PNO_TRY(PNO_PUSH(a, row, &t->result));
  PNO_TRY(PNO_PUSH(a, 2 * (size_t)s->k * cp, &t->rows));
  return PNO_PUSH(a, kernels->scratch_floats(g, s->channels) + kernels->fft_floats(g, s->channels), &t->scratch);
}

static double time_layer(const pno_kernels *kernels, const pno_layer *a, float *scratch) {
  enum { ROUNDS = 25 };
  const double enough_s = 0.3, start = pno_clock();
  double least = 1e30;
  for (int i = 0; i < ROUNDS && (i < 2 || pno_clock() - start < enough_s); i++) {
    const double before = pno_clock();
    kernels->layer_forward(a, 0, 1, scratch);
    const double seconds = pno_clock() - before;
    if (seconds < least) least = seconds;
  }
  return least;
}

pno_status pno_row_fft_measure(const pno_kernels *kernels, const pno_row_shape *s, const pno_row_fft *f,
                               pno_row_times *out) {
  const int lo = 0;
  const pno_grid g = pno_grid_make(1, &s->n, &lo, &s->n);
  pno_arena arena = pno_arena_measure("trial of transforms", PNO_SPACE_HOST);
  trial t = {0};
  PNO_TRY(trial_push(&arena, kernels, s, &g, &t));
  PNO_TRY(pno_arena_create("trial of transforms", PNO_SPACE_HOST, arena.peak, &arena));
  const pno_status st = trial_push(&arena, kernels, s, &g, &t);
  if (st == PNO_OK) { /* the values do not matter, but they are memory of their own and stay finite */
    const float small = 1.0f / (float)s->n;
    for (ptrdiff_t i = 0; i < kernels->pack_row_floats(s->n, s->k); i++) t.packed[i] = small;
    for (int i = 0; i < 2 * s->k; i++) t.weights[i] = small;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)s->n * pno_padded(s->channels); i++) t.x[i] = small;
    pno_layer a = {.grid = &g,
                   .channels = s->channels,
                   .activate = true,
                   .skip = t.skip,
                   .bias = t.skip + (ptrdiff_t)s->channels * pno_padded(s->channels),
                   .spectrum = t.rows,
                   .x = t.x,
                   .result = t.result,
                   .rows = t.rows};
    a.modes = (pno_row_modes){.n = s->n, .k = s->k, .packed = t.packed, .weights = t.weights};
    out->tables = time_layer(kernels, &a, t.scratch);
    a.modes.fft = f;
    out->fft = time_layer(kernels, &a, t.scratch);
  }
  pno_arena_destroy(&arena);
  return st;
}

/* ---- wisdom ---- */

pno_status pno_row_wisdom(char **out) {
  *out = fftwf_export_wisdom_to_string();
  return *out ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for FFTW's wisdom");
}

bool pno_row_wisdom_import(const char *text) { return fftwf_import_wisdom_from_string(text) == 1; }

const char *pno_row_fft_library(void) { return fftwf_version; }
