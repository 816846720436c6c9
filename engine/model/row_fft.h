/* FFTW's plans for the rows of an operator, and what they gain over the tables of modes. Opens no files and knows no
 * ranks: who chooses, and how all ranks choose alike, is engine/train/transform.h. All functions are Local; FFTW's planner is
 * one for the process and not thread-safe. */
#ifndef PNO_ENGINE_MODEL_ROW_FFT_H
#define PNO_ENGINE_MODEL_ROW_FFT_H

#include "engine/model/fno.h"

/* What a row of a plan is, on the padded grid. */
typedef struct {
  int n, k, channels; /* points, kept modes, width */
} pno_row_shape;

/* Errors: PNO_E_SHAPE when the modes do not fit the grid, as of a plan. */
pno_status pno_row_shape_of(const pno_fno *f, const int n[PNO_DIMS_MAX], pno_row_shape *out);

/* Whether an FFT might win at all: tables cost k, an FFT log n. Below this `auto` plans and measures nothing. */
bool pno_row_fft_may_win(const pno_row_shape *s);

/* from_wisdom: takes what FFTW's wisdom says (of this process, or imported) and measures nothing.
 * Errors: PNO_E_INPUT no wisdom that holds here; PNO_E_NOMEM. */
pno_status pno_row_fft_create(int n, bool from_wisdom, pno_row_fft **out);
void pno_row_fft_destroy(pno_row_fft **f);

/* Seconds of a forward layer on one row by tables and by FFT, the least of a few; backward has the same transforms.
 * Takes the memory of the packed tables (2 n k floats) for the time. Errors: PNO_E_NOMEM. */
typedef struct {
  double tables, fft;
} pno_row_times;
pno_status pno_row_fft_measure(const pno_kernels *kernels, const pno_row_shape *s, const pno_row_fft *f,
                               pno_row_times *out);

/* FFTW's wisdom as text (free it), and back: false if it is not for this FFTW on this processor. Name and version of
 * the library, which wisdom is bound to. */
pno_status pno_row_wisdom(char **out); /* Errors: PNO_E_NOMEM */
bool pno_row_wisdom_import(const char *text);
const char *pno_row_fft_library(void);

#endif
