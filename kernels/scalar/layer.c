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
  pno_mlp_forward(&a->mlp, len, value, cp, m, scratch);
  for (int p = 0; p < len; p++)
    for (int c = 0; c < cp; c++) m[(ptrdiff_t)p * cp + c] += a->gate[c] * x[(ptrdiff_t)p * cp + c];
}

void pno_scalar_layer_forward(const pno_layer *a, int block, int count, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels);
  const ptrdiff_t n = (ptrdiff_t)g->len * cp;
  for (int b = block; b < block + count; b++) {
    int first;
    const int rows = pno_grid_block(g, b, &first);
    for (int r = first; r < first + rows; r++) {
      const ptrdiff_t at = pno_row_at(g, b, r, g->len, cp), mode_at = pno_row_at(g, b, r, 2 * a->modes.k, cp);
      const float *x = a->x + at;
      float *z = a->z + at, *pre = z, *result = a->result + at;
      fourier_row(a, a->spectrum + mode_at, x, z);
      if (a->mix_channels) {
        pre = a->m + at;
        (a->activate ? pno_row_gelu : pno_row_copy)(n, z, scratch);
        channel_row(a, scratch, x, pre, scratch + n);
      }
      (a->activate ? pno_row_gelu : pno_row_copy)(n, pre, result);
      if (a->want_rows) pno_row_analyse(a->modes.analysis, &a->modes, cp, result, a->rows + mode_at);
    }
  }
}

/* What one block of the backward pass carries from row to row. */
typedef struct {
  const pno_layer *a;
  float *skip, *bias, *gate; /* partial gradients */
  pno_mlp_back mlp;
  float *input, *dz, *value, *dm; /* rows in scratch */
  float *skip_t;                  /* transposed skip */
} layer_back;

static layer_back back_begin(const pno_layer *a, int block, float *scratch) {
  const ptrdiff_t cp = pno_padded(a->channels), n = a->grid->len * cp;
  layer_back k = {.a = a, .skip = a->partial + block * pno_layer_floats(a)};
  k.bias = k.skip + a->channels * cp;
  k.gate = k.bias + cp;
  k.input = scratch;
  k.dz = k.input + n;
  k.value = k.dz + n;
  k.dm = k.value + n;
  k.skip_t = k.dm + n;
  float *rest = k.skip_t + cp * cp;
  pno_row_zero(a->channels * cp + cp, k.skip);
  if (a->mix_channels) {
    pno_row_zero(cp, k.gate);
    k.mlp = pno_mlp_back_begin(&a->mlp, k.gate + cp, &rest);
  }
  pno_transpose(a->channels, a->channels, a->skip, k.skip_t);
  return k;
}

/* From the gradient of the result: dz, and into d what reaches the input past the Fourier part and the skip. */
static void back_through_channels(layer_back *k, const float *z, const float *m, float *d) {
  const pno_layer *a = k->a;
  const int cp = pno_padded(a->channels), len = a->grid->len;
  const ptrdiff_t n = (ptrdiff_t)len * cp;
  if (a->activate) {
    pno_row_gelu_back(n, m, d, k->dm);
    pno_row_gelu(n, z, k->value);
  } else {
    pno_row_copy(n, d, k->dm);
    pno_row_copy(n, z, k->value);
  }
  pno_mlp_back_run(&k->mlp, len, k->value, cp, k->dm, k->dz, cp);
  if (a->activate) pno_row_gelu_back(n, z, k->dz, k->dz);
  for (int p = 0; p < len; p++) {
    for (int c = 0; c < cp; c++) {
      const ptrdiff_t i = (ptrdiff_t)p * cp + c;
      k->gate[c] += k->input[i] * k->dm[i];
      d[i] = a->gate[c] * k->dm[i];
    }
  }
}

static void back_row(layer_back *k, const float *z, const float *m, const float *input, float *d, float *rows) {
  const pno_layer *a = k->a;
  const int cp = pno_padded(a->channels), len = a->grid->len, c = a->channels;
  const ptrdiff_t n = (ptrdiff_t)len * cp;
  (a->input_activated ? pno_row_gelu : pno_row_copy)(n, input, k->input);
  if (a->mix_channels) {
    back_through_channels(k, z, m, d);
  } else {
    if (a->activate)
      pno_row_gelu_back(n, z, d, k->dz);
    else
      pno_row_copy(n, d, k->dz);
    pno_row_zero(n, d);
  }
  pno_dense(c, cp, len, 1.0f, (pno_operand){k->input, 1, cp}, k->dz, cp, k->skip, cp, 1);
  pno_sum_points(len, cp, k->dz, cp, k->bias);
  pno_row_analyse(a->modes.synthesis, &a->modes, cp, k->dz, rows);
  pno_dense(len, cp, c, 1.0f, (pno_operand){k->dz, cp, 1}, k->skip_t, cp, d, cp, 1);
}

void pno_scalar_layer_backward(const pno_layer *a, int block, int count, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels);
  const ptrdiff_t n = (ptrdiff_t)g->len * cp;
  for (int b = block; b < block + count; b++) {
    int first;
    const int rows = pno_grid_block(g, b, &first);
    layer_back k = back_begin(a, b, scratch);
    const float scale = a->d_scale[b / g->blocks];
    for (int r = first; r < first + rows; r++) {
      const ptrdiff_t at = pno_row_at(g, b, r, g->len, cp), mode_at = pno_row_at(g, b, r, 2 * a->modes.k, cp);
      float *d = a->d + at;
      if (a->first_gradient)
        for (ptrdiff_t i = 0; i < n; i++) d[i] *= scale;
      else
        pno_row_synthesise(a->above.analysis, &a->above, cp, a->spectrum + mode_at, d);
      back_row(&k, a->z + at, a->mix_channels ? a->m + at : NULL, a->input + at, d, a->rows + mode_at);
    }
    if (a->mix_channels) pno_mlp_back_end(&k.mlp);
  }
}
