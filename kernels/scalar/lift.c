#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"

/* The input vectors of one data row: normalised data channels, then the coordinates. */
static void gather_row(const pno_lift *a, int block, ptrdiff_t data_row, const int *index, float *out) {
  const pno_grid *g = a->grid;
  const int last = g->dims - 1, len = g->inner[last], ip = pno_padded(a->mlp.in);
  const float *in = a->input + pno_input_at(a, block, data_row);
  const ptrdiff_t norm_at = a->norm.per_point ? data_row * len * a->in : 0;
  const ptrdiff_t norm_step = a->norm.per_point ? a->in : 0;
  pno_row_zero((ptrdiff_t)len * ip, out);
  for (int p = 0; p < len; p++) {
    float *v = out + (ptrdiff_t)p * ip;
    const ptrdiff_t at = norm_at + p * norm_step;
    for (int c = 0; c < a->in; c++)
      v[c] = (in[(ptrdiff_t)p * a->in + c] - a->norm.shift[at + c]) / a->norm.scale[at + c];
    if (!a->embed) continue;
    for (int j = 0; j < last; j++) v[a->in + j] = a->coordinate[j][index[j]];
    v[a->in + last] = a->coordinate[last][p];
  }
}

static pno_mask mask_of(const pno_lift *a, int block, ptrdiff_t data_row) {
  return (pno_mask){a->dropout, block / a->grid->blocks, data_row * a->grid->inner[a->grid->dims - 1]};
}

void pno_scalar_lift_row(const pno_lift *a, int block, int row, float *x, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels), last = g->dims - 1, ip = pno_padded(a->mlp.in);
  ptrdiff_t data_row;
  int index[PNO_DIMS_MAX];
  pno_row_zero((ptrdiff_t)g->len * cp, x);
  if (!pno_grid_data_row(g, row, &data_row, index)) return;
  gather_row(a, block, data_row, index, scratch);
  pno_mlp_forward(&a->mlp, g->inner[last], mask_of(a, block, data_row), scratch, ip, x + (ptrdiff_t)g->lo[last] * cp,
                  scratch + (ptrdiff_t)g->len * ip);
}

void pno_scalar_lift_forward(const pno_lift *a, int block, int count, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels);
  for (int b = block; b < block + count; b++) {
    int first;
    const int rows = pno_grid_block(g, b, &first);
    for (int r = first; r < first + rows; r++) {
      float *x = a->x ? a->x + pno_row_at(g, b, r, g->len, cp) : scratch;
      pno_scalar_lift_row(a, b, r, x, scratch + (ptrdiff_t)g->len * cp);
      pno_row_analyse(a->modes.analysis, &a->modes, cp, x, a->rows + pno_slab_row_at(g, r, &a->modes, cp));
    }
  }
}

void pno_scalar_lift_backward(const pno_lift *a, int block, int count, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels), last = g->dims - 1, ip = pno_padded(a->mlp.in);
  const ptrdiff_t stride = pno_mlp_floats(&a->mlp);
  for (int b = block; b < block + count; b++) {
    int first, index[PNO_DIMS_MAX];
    const int rows = pno_grid_block(g, b, &first);
    float *rest = scratch + (ptrdiff_t)g->len * ip;
    pno_mlp_back back = pno_mlp_back_begin(&a->mlp, a->partial + b * stride, &rest);
    for (int r = first; r < first + rows; r++) {
      ptrdiff_t data_row;
      if (!pno_grid_data_row(g, r, &data_row, index)) continue;
      const float *d = a->d + pno_row_at(g, b, r, g->len, cp);
      gather_row(a, b, data_row, index, scratch);
      pno_mlp_back_run(&back, g->inner[last], mask_of(a, b, data_row), scratch, ip, d + (ptrdiff_t)g->lo[last] * cp,
                       NULL, 0);
    }
    pno_mlp_back_end(&back);
  }
}
