#include "kernels/scalar/table.h"

#include <string.h>

#include "kernels/scalar/dense.h"

/* Start of column c = outer * inner + i in an array of `points` points along the axis. */
static ptrdiff_t column_at(const pno_axis_call *a, ptrdiff_t c, int points) {
  const ptrdiff_t vector = 2 * (ptrdiff_t)a->channels;
  return (c / a->inner * points * a->inner + c % a->inner) * vector;
}

void pno_scalar_axis_forward(const pno_axis_call *a, ptrdiff_t column, ptrdiff_t count) {
  const int n = a->axis.n, k = a->axis.k, cp = a->channels;
  const ptrdiff_t step = 2 * (ptrdiff_t)cp * a->inner;
  const pno_operand cosine = {a->axis.cosine, n, 1}, sine = {a->axis.sine, n, 1};
  for (ptrdiff_t c = column; c < column + count; c++) {
    const float *in = a->in + column_at(a, c, n);
    float *out = a->out + column_at(a, c, k);
    pno_dense(k, 2 * cp, n, 1.0f, cosine, in, step, out, step, 0);
    pno_dense(k, cp, n, 1.0f, sine, in + cp, step, out, step, 1);
    pno_dense(k, cp, n, -1.0f, sine, in, step, out + cp, step, 1);
  }
}

void pno_scalar_axis_inverse(const pno_axis_call *a, ptrdiff_t column, ptrdiff_t count) {
  const int n = a->axis.n, k = a->axis.k, cp = a->channels;
  const ptrdiff_t step = 2 * (ptrdiff_t)cp * a->inner;
  const pno_operand cosine = {a->axis.cosine, 1, n}, sine = {a->axis.sine, 1, n};
  for (ptrdiff_t c = column; c < column + count; c++) {
    const float *in = a->in + column_at(a, c, k);
    float *out = a->out + column_at(a, c, n);
    pno_dense(n, 2 * cp, k, 1.0f, cosine, in, step, out, step, 0);
    pno_dense(n, cp, k, -1.0f, sine, in + cp, step, out, step, 1);
    pno_dense(n, cp, k, 1.0f, sine, in, step, out + cp, step, 1);
  }
}

void pno_scalar_mix_forward(const pno_mix *a, int mode, int count) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t sample = 2 * (ptrdiff_t)cp * a->modes, weight = 2 * (ptrdiff_t)cp * c;
  for (int k = mode; k < mode + count; k++) {
    const float *w = a->weight + a->stored[k] * weight, *x = a->x + 2 * (ptrdiff_t)cp * k;
    float *y = a->y + 2 * (ptrdiff_t)cp * k;
    const pno_operand re = {x, sample, 1}, im = {x + cp, sample, 1};
    pno_dense(a->samples, 2 * cp, c, 1.0f, re, w, 2 * cp, y, sample, 0);
    pno_dense(a->samples, cp, c, -1.0f, im, w + cp, 2 * cp, y, sample, 1);
    pno_dense(a->samples, cp, c, 1.0f, im, w, 2 * cp, y + cp, sample, 1);
  }
}

/* One micro-batch's gradient of one mode: sum over its samples of conj(x) dy. */
static void weight_partial(const pno_mix *a, int samples, const float *x, const float *dy, float *partial) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t sample = 2 * (ptrdiff_t)cp * a->modes;
  const pno_operand re = {x, 1, sample}, im = {x + cp, 1, sample};
  pno_dense(c, 2 * cp, samples, 1.0f, re, dy, sample, partial, 2 * cp, 0);
  pno_dense(c, cp, samples, 1.0f, im, dy + cp, sample, partial, 2 * cp, 1);
  pno_dense(c, cp, samples, -1.0f, im, dy, sample, partial + cp, 2 * cp, 1);
}

/* dx = dy conj(w)^T for all samples of one mode, in place of dy. */
static void input_gradient(const pno_mix *a, const float *w, float *dy, float *scratch) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t sample = 2 * (ptrdiff_t)cp * a->modes;
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
  const ptrdiff_t sample = 2 * (ptrdiff_t)cp * a->modes, weight = 2 * (ptrdiff_t)cp * c;
  for (int k = mode; k < mode + count; k++) {
    const float *x = a->x + 2 * (ptrdiff_t)cp * k;
    float *dy = a->y + 2 * (ptrdiff_t)cp * k, *grad = a->grad + a->stored[k] * weight;
    for (int s = 0; s < a->samples; s += a->micro) {
      const int samples = a->samples - s < a->micro ? a->samples - s : a->micro;
      weight_partial(a, samples, x + s * sample, dy + s * sample, scratch);
      for (ptrdiff_t i = 0; i < weight; i++) grad[i] += scratch[i];
    }
    input_gradient(a, a->weight + a->stored[k] * weight, dy, scratch);
  }
}
