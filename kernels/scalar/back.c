#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"

/* What one block of the backward pass carries from row to row. */
typedef struct {
  const pno_back *a;
  int block;
  float *skip, *bias, *gate; /* partial gradients */
  pno_mlp_back mlp;
  float *input, *dx, *dm, *value; /* rows in scratch */
  float *skip_t;                  /* transposed skip */
  float *rest;
} back;

static back back_begin(const pno_back *a, int block, float *scratch) {
  const ptrdiff_t cp = pno_padded(a->channels), n = a->grid->len * cp;
  float *partial = a->partial + block * pno_back_floats(a);
  back k = {.a = a, .block = block, .input = scratch, .dx = scratch + n, .dm = scratch + 2 * n,
            .value = scratch + 3 * n, .skip_t = scratch + 4 * n};
  k.rest = k.skip_t + cp * cp;
  if (a->linear) {
    k.skip = partial;
    k.bias = k.skip + a->channels * cp;
    k.gate = k.bias + cp;
    partial = k.gate + (a->gated ? cp : 0);
    pno_row_zero(partial - k.skip, k.skip);
    pno_transpose(a->channels, a->channels, a->skip, k.skip_t);
  }
  if (a->stage && a->mix_channels) k.mlp = pno_mlp_back_begin(&a->mlp, partial, &k.rest);
  return k;
}

/* Gradient of the layer's input, in place of d; needs the input for the gradients of skip and gate. */
static void back_linear(back *k, const float *spectrum, const float *dm, float *d) {
  const pno_back *a = k->a;
  const int cp = pno_padded(a->channels), len = a->grid->len, c = a->channels;
  const ptrdiff_t n = (ptrdiff_t)len * cp;
  pno_dense(c, cp, len, 1.0f, (pno_operand){k->input, 1, cp}, d, cp, k->skip, cp, 1);
  pno_sum_points(len, cp, d, cp, k->bias);
  pno_dense(len, cp, c, 1.0f, (pno_operand){d, cp, 1}, k->skip_t, cp, k->dx, cp, 0);
  pno_row_synthesise(a->modes.analysis, &a->modes, cp, spectrum, k->dx);
  for (ptrdiff_t i = 0; a->gated && i < n; i++) {
    k->gate[i % cp] += k->input[i] * dm[i];
    k->dx[i] += a->gate[i % cp] * dm[i];
  }
  pno_row_copy(n, k->dx, d);
}

/* From the gradient of the stage's result to that of z, in place of d; m becomes its own gradient. */
static void back_stage(back *k, const float *z, float *m, float *d) {
  const pno_back *a = k->a;
  const int cp = pno_padded(a->channels);
  const ptrdiff_t n = (ptrdiff_t)a->grid->len * cp;
  if (a->mix_channels) {
    if (a->activate) pno_row_gelu_back(n, m, d, d);
    pno_row_copy(n, d, m);
    (a->activate ? pno_row_gelu : pno_row_copy)(n, z, k->value);
    pno_mlp_back_run(&k->mlp, a->grid->len, (pno_mask){0}, k->value, cp, m, d, cp);
  }
  if (a->activate) pno_row_gelu_back(n, z, d, d);
}

static void back_row(back *k, int row) {
  const pno_back *a = k->a;
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels);
  const ptrdiff_t n = (ptrdiff_t)g->len * cp, at = pno_row_at(g, k->block, row, g->len, cp);
  const ptrdiff_t mode_at = pno_slab_row_at(g, row, &a->modes, cp);
  float *d = a->d + at, *m = a->m ? a->m + at : NULL;
  if (a->linear) {
    if (a->stage)
      (a->activate ? pno_row_gelu : pno_row_copy)(n, a->mix_channels ? m : a->z + at, k->input);
    else if (a->x)
      pno_row_copy(n, a->x + at, k->input);
    else
      pno_scalar_lift_row(a->lift, k->block, row, k->input, k->rest);
    back_linear(k, a->spectrum + mode_at, a->gated ? a->dm + at : NULL, d);
  }
  if (!a->stage) return;
  back_stage(k, a->z ? a->z + at : NULL, m, d);
  pno_row_analyse(a->modes.synthesis, &a->modes, cp, d, a->rows + mode_at);
}

void pno_scalar_layer_backward(const pno_back *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) {
    int first;
    const int rows = pno_grid_block(a->grid, b, &first);
    back k = back_begin(a, b, scratch);
    for (int r = first; r < first + rows; r++) back_row(&k, r);
    if (a->stage && a->mix_channels) pno_mlp_back_end(&k.mlp);
  }
}
