#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"

/* z = synthesis of the spectrum + x skip + bias */
static void fourier_row(const pno_layer *a, const float *spectrum, const float *x, float *z) {
  const int cp = pno_padded(a->channels), len = a->grid->len;
  for (int p = 0; p < len; p++) pno_row_copy(cp, a->bias, z + (ptrdiff_t)p * cp);
  pno_row_synthesise(a->modes.synthesis, &a->modes, cp, spectrum, z);
  pno_dense(len, cp, a->channels, 1.0f, (pno_operand){x, cp, 1}, a->skip, cp, z, cp, 1);
}

/* m = mlp(value) + gate x */
static void channel_row(const pno_layer *a, const float *value, const float *x, float *m, float *scratch) {
  const int cp = pno_padded(a->channels), len = a->grid->len;
  pno_mlp_forward(&a->mlp, len, (pno_mask){0}, value, cp, m, scratch);
  for (int p = 0; p < len; p++)
    for (int c = 0; c < cp; c++) m[(ptrdiff_t)p * cp + c] += a->gate[c] * x[(ptrdiff_t)p * cp + c];
}

static void forward_row(const pno_layer *a, int block, int row, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels);
  const ptrdiff_t n = (ptrdiff_t)g->len * cp, at = pno_row_at(g, block, row, g->len, cp);
  const ptrdiff_t mode_at = pno_slab_row_at(g, row, &a->modes, cp);
  float *z = a->z ? a->z + at : scratch, *m = a->m ? a->m + at : scratch + n, *value = scratch + 2 * n;
  float *rest = scratch + 4 * n, *result = a->result + at, *pre = z;
  const float *x = a->x ? a->x + at : scratch + 3 * n;
  if (!a->x) pno_scalar_lift_row(a->lift, block, row, scratch + 3 * n, rest);
  fourier_row(a, a->spectrum + mode_at, x, z);
  if (a->mix_channels) {
    pre = m;
    (a->activate ? pno_row_gelu : pno_row_copy)(n, z, value);
    channel_row(a, value, x, m, rest);
  }
  (a->activate ? pno_row_gelu : pno_row_copy)(n, pre, result);
  if (a->rows) pno_row_analyse(a->modes.analysis, &a->modes, cp, result, a->rows + mode_at);
}

void pno_scalar_layer_forward(const pno_layer *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) {
    int first;
    const int rows = pno_grid_block(a->grid, b, &first);
    for (int r = first; r < first + rows; r++) forward_row(a, b, r, scratch);
  }
}
