#include "kernels/scalar/table.h"

#include <string.h>

#include "kernels/dropout.h"
#include "kernels/scalar/rows.h"

void pno_scalar_axis_forward(const pno_axis_call *a, int column, int count, float *scratch) {
  (void)scratch;
  const int n = a->axis.n, k = a->axis.k, cp = a->channels;
  const ptrdiff_t from = pno_point_step(a), to = pno_mode_step(a);
  const pno_operand cosine = {a->axis.cosine, n, 1}, sine = {a->axis.sine, n, 1};
  for (int c = column; c < column + count; c++) {
    const float *in = a->in + 2 * (ptrdiff_t)cp * c;
    float *out = a->out + 2 * (ptrdiff_t)cp * c;
    pno_dense(k, 2 * cp, n, 1.0f, cosine, in, from, out, to, 0);
    pno_dense(k, cp, n, 1.0f, sine, in + cp, from, out, to, 1);
    pno_dense(k, cp, n, -1.0f, sine, in, from, out + cp, to, 1);
  }
}

void pno_scalar_axis_inverse(const pno_axis_call *a, int column, int count, float *scratch) {
  (void)scratch;
  const int n = a->axis.n, k = a->axis.k, cp = a->channels;
  const ptrdiff_t from = pno_mode_step(a), to = pno_point_step(a);
  const pno_operand cosine = {a->axis.cosine, 1, n}, sine = {a->axis.sine, 1, n};
  for (int c = column; c < column + count; c++) {
    const float *in = a->in + 2 * (ptrdiff_t)cp * c;
    float *out = a->out + 2 * (ptrdiff_t)cp * c;
    pno_dense(n, 2 * cp, k, 1.0f, cosine, in, from, out, to, 0);
    pno_dense(n, cp, k, -1.0f, sine, in + cp, from, out, to, 1);
    pno_dense(n, cp, k, 1.0f, sine, in, from, out + cp, to, 1);
  }
}

void pno_scalar_mix_mask(const pno_mix *a, int mode) {
  const int cp = pno_padded(a->channels);
  if (!a->dropout) return;
  for (int s = 0; s < a->samples; s++)
    pno_dropout_apply(a->dropout, s, a->stored[mode], 1, 2, a->channels, a->y + s * a->stride + 2 * (ptrdiff_t)mode * cp);
}

void pno_scalar_mix_forward(const pno_mix *a, int mode, int count) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t sample = a->stride, weight = 2 * (ptrdiff_t)cp * c;
  for (int k = mode; k < mode + count; k++) {
    const float *w = a->weight + a->stored[k] * weight, *x = a->x + 2 * (ptrdiff_t)cp * k;
    float *y = a->y + 2 * (ptrdiff_t)cp * k;
    const pno_operand re = {x, sample, 1}, im = {x + cp, sample, 1};
    pno_dense(a->samples, 2 * cp, c, 1.0f, re, w, 2 * cp, y, sample, 0);
    pno_dense(a->samples, cp, c, -1.0f, im, w + cp, 2 * cp, y, sample, 1);
    pno_dense(a->samples, cp, c, 1.0f, im, w, 2 * cp, y + cp, sample, 1);
    pno_scalar_mix_mask(a, k);
  }
}

/* sum (+)= scale conj(x) dy of one sample and mode. */
static void weight_partial(const pno_mix *a, float scale, const float *x, const float *dy, float *sum, int keep) {
  const int c = a->channels, cp = pno_padded(c);
  const pno_operand re = {x, 1, 0}, im = {x + cp, 1, 0};
  pno_dense(c, 2 * cp, 1, scale, re, dy, 0, sum, 2 * cp, keep);
  pno_dense(c, cp, 1, scale, im, dy + cp, 0, sum, 2 * cp, 1);
  pno_dense(c, cp, 1, -scale, im, dy, 0, sum + cp, 2 * cp, 1);
}

/* dx = dy conj(w)^T for all samples of one mode, in place of dy. */
static void input_gradient(const pno_mix *a, const float *w, float *dy, float *scratch) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t sample = a->stride;
  float *wt = scratch, *dx = scratch + 2 * (ptrdiff_t)c * cp; /* wt [out][re|im][in padded] */
  memset(wt, 0, sizeof *wt * 2 * (size_t)c * (size_t)cp);
  for (int i = 0; i < c; i++)
    for (int o = 0; o < c; o++)
      for (int part = 0; part < 2; part++)
        wt[((ptrdiff_t)o * 2 + part) * cp + i] = w[((ptrdiff_t)i * 2 + part) * cp + o];
  for (int s = 0; s < a->samples; s++) {
    float *g = dy + s * sample;
    const pno_operand re = {g, 0, 1}, im = {g + cp, 0, 1};
    pno_dense(1, cp, c, 1.0f, re, wt, 2 * cp, dx, 2 * cp, 0);
    pno_dense(1, cp, c, 1.0f, im, wt + cp, 2 * cp, dx, 2 * cp, 1);
    pno_dense(1, cp, c, 1.0f, im, wt, 2 * cp, dx + cp, 2 * cp, 0);
    pno_dense(1, cp, c, -1.0f, re, wt + cp, 2 * cp, dx + cp, 2 * cp, 1);
    memcpy(g, dx, sizeof *dx * 2 * (size_t)cp);
  }
}

void pno_scalar_mix_backward(const pno_mix *a, int mode, int count, float *scratch) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t weight = 2 * (ptrdiff_t)cp * c;
  for (int k = mode; k < mode + count; k++) {
    const float *x = a->x + 2 * (ptrdiff_t)cp * k;
    float *dy = a->y + 2 * (ptrdiff_t)cp * k, *grad = a->grad + a->stored[k] * weight;
    pno_scalar_mix_mask(a, k);
    if (a->fresh) memset(grad, 0, sizeof *grad * (size_t)weight);
    for (int s = 0; s < a->samples; s++) {
      weight_partial(a, a->scale[s], x + s * a->stride, dy + s * a->stride, scratch, s % a->micro > 0);
      if ((s + 1) % a->micro > 0 && s + 1 < a->samples) continue;
      for (ptrdiff_t i = 0; i < weight; i++) grad[i] += scratch[i];
    }
    input_gradient(a, a->weight + a->stored[k] * weight, dy, scratch);
  }
}
