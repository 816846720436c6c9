/* Shared by the row phases: transforms of one row and element-wise maps. */
#ifndef PNO_KERNELS_SCALAR_ROWS_H
#define PNO_KERNELS_SCALAR_ROWS_H

#include "kernels/kernels.h"
#include "kernels/scalar/dense.h"
#include "kernels/scalar/gelu.h"

/* Row to spectrum by a table [k][re|im][n]; out is overwritten. */
static inline void pno_row_analyse(const float *table, const pno_row_modes *m, int cp, const float *row, float *out) {
  pno_dense(2 * m->k, cp, m->n, 1.0f, (pno_operand){table, m->n, 1}, row, cp, out, cp, 0);
}

/* Spectrum to row by the same table transposed; added to row. */
static inline void pno_row_synthesise(const float *table, const pno_row_modes *m, int cp, const float *spectrum,
                                      float *row) {
  pno_dense(m->n, cp, 2 * m->k, 1.0f, (pno_operand){table, 1, m->n}, spectrum, cp, row, cp, 1);
}

static inline void pno_row_gelu(ptrdiff_t n, const float *x, float *out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = pno_gelu(x[i]);
}

/* out = d gelu'(x); d may be out */
static inline void pno_row_gelu_back(ptrdiff_t n, const float *x, const float *d, float *out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = d[i] * pno_gelu_slope(x[i]);
}

static inline void pno_row_copy(ptrdiff_t n, const float *x, float *out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = x[i];
}

static inline void pno_row_zero(ptrdiff_t n, float *out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = 0.0f;
}

/* Sample of a block, and where its row r starts in an array of `vectors` vectors of v floats a row. */
static inline ptrdiff_t pno_row_at(const pno_grid *g, int block, int row, ptrdiff_t vectors, int v) {
  return ((ptrdiff_t)(block / g->blocks) * g->rows + row) * vectors * v;
}

/* Where row r of the sample starts in the row spectra of its slab. */
static inline ptrdiff_t pno_slab_row_at(const pno_grid *g, int row, const pno_row_modes *m, int cp) {
  return (ptrdiff_t)(row % g->slab_rows) * (m->stride ? m->stride : 2 * (ptrdiff_t)m->k * cp);
}

/* Floats between two points, and two modes, of an axis call. */
static inline ptrdiff_t pno_point_step(const pno_axis_call *a) {
  return a->point_step ? a->point_step : 2 * (ptrdiff_t)a->channels * a->inner;
}
static inline ptrdiff_t pno_mode_step(const pno_axis_call *a) {
  return a->mode_step ? a->mode_step : 2 * (ptrdiff_t)a->channels * a->inner;
}

/* The data points of one row in an outside field of `channels`. */
static inline ptrdiff_t pno_field_at(const pno_grid *g, int block, ptrdiff_t data_row, int channels) {
  const ptrdiff_t data_points = pno_grid_data_points(g);
  return ((block / g->blocks) * data_points + data_row * g->inner[g->dims - 1]) * channels;
}

/* The same in the input of a lift, whose samples may share one. */
static inline ptrdiff_t pno_input_at(const pno_lift *a, int block, ptrdiff_t data_row) {
  const ptrdiff_t input = block / a->grid->blocks / (a->draws > 1 ? a->draws : 1);
  return (input * pno_grid_data_points(a->grid) + data_row * a->grid->inner[a->grid->dims - 1]) * a->in;
}

/* x of one row: the lift's output, zero on the padding. scratch: gathered input and the map's own. */
void pno_scalar_lift_row(const pno_lift *a, int block, int row, float *x, float *scratch);

#endif
