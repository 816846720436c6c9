#include "kernels/simd/map.h"

#include <string.h>

#include "kernels/simd/dense.h"
#include "kernels/simd/gelu.h"

/* Points whose hidden layer stays in the first-level cache with the weights that pass by: whole groups of rows. */
static int few_points(int hidden_padded) {
  enum { FLOATS = 6144, ROWS = 12 };
  const int most = hidden_padded > 0 ? FLOATS / hidden_padded / ROWS * ROWS : FLOATS;
  return most > ROWS ? most : ROWS;
}

/* h = gelu(h), masked first; and with the slope d = d gelu'(h), masked too. bits: NULL where nothing is dropped. */
INLINED void hidden(const bool masked, const bool slope, int points, int channels, const uint8_t *bits, float factor, float *h,
                    float *d) {
  const int hp = pno_padded(channels), blocks = pno_dropout_blocks(channels);
  const vec f = v_all(factor);
  for (int p = 0; p < points; p++, h += hp, d = slope ? d + hp : d, bits = masked ? bits + blocks : bits) {
    for (int j = 0; j < hp; j += LANES) {
      vec value, s, pre = v_load(h + j);
      if (masked) pre = v_keep_at(pre, bits, blocks, j, f);
      v_gelu(pre, &value, slope ? &s : NULL);
      v_store(h + j, value);
      if (!slope) continue;
      if (masked) s = v_keep_at(s, bits, blocks, j, f);
      v_store(d + j, v_load(d + j) * s);
    }
  }
}

static void hidden_forward(const pno_mlp *m, pno_mask mask, int points, float *h, uint8_t *scratch) {
  if (mask.dropout)
    hidden(true, false, points, m->hidden, simd_mask_bits(mask, false, points, m->hidden, scratch), mask.dropout->factor, h, NULL);
  else
    hidden(false, false, points, m->hidden, NULL, 1.0f, h, NULL);
}

static void hidden_backward(const pno_mlp *m, pno_mask mask, int points, float *h, float *d, uint8_t *scratch) {
  if (mask.dropout)
    hidden(true, true, points, m->hidden, simd_mask_bits(mask, true, points, m->hidden, scratch), mask.dropout->factor, h, d);
  else
    hidden(false, true, points, m->hidden, NULL, 1.0f, h, d);
}

void simd_map_forward(const pno_mlp *m, int points, pno_mask mask, const float *x, ptrdiff_t xs, float *out, float *tile) {
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out), most = few_points(hp);
  if (!m->hidden) {
    simd_gemm(points, op, m->in, x, xs, m->w1, op, m->b1, out, op);
    return;
  }
  uint8_t *bits = (uint8_t *)(tile + (ptrdiff_t)points * hp);
  for (int p = 0; p < points; p += most, mask.first += most) {
    const int n = points - p < most ? points - p : most;
    simd_gemm(n, hp, m->in, x + p * xs, xs, m->w1, hp, m->b1, tile, hp);
    hidden_forward(m, mask, n, tile, bits);
    simd_gemm(n, op, m->hidden, tile, hp, m->w2, op, m->b2, out + (ptrdiff_t)p * op, op);
  }
}

map_back simd_map_begin(const pno_mlp *m, float *grad, int most_points, float **scratch) {
  const int first = m->hidden ? m->hidden : m->out;
  const ptrdiff_t fp = pno_padded(first), ip = pno_padded(m->in), hp = pno_padded(m->hidden);
  memset(grad, 0, sizeof *grad * (size_t)pno_mlp_floats(m));
  map_back b = {.m = m, .g = pno_mlp_grad_at(m, grad), .w1t = *scratch};
  b.w2t = b.w1t + fp * ip;
  b.h = b.w2t + m->out * hp;
  b.slope = b.h + most_points * hp;
  b.dh = b.slope + most_points * hp;
  b.bits = (uint8_t *)(b.dh + most_points * hp);
  *scratch = b.dh + most_points * hp + mask_floats(most_points, m->hidden);
  simd_transpose(m->in, first, m->w1, fp, b.w1t, ip);
  if (m->hidden) simd_transpose(m->hidden, m->out, m->w2, pno_padded(m->out), b.w2t, hp);
  return b;
}

/* Two layers, of few points. */
static void backward_few(map_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout, float *dx,
                         ptrdiff_t dxs) {
  const pno_mlp *m = b->m;
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out), ip = pno_padded(m->in);
  simd_gemm(points, hp, m->in, x, xs, m->w1, hp, m->b1, b->h, hp);
  simd_gemm(points, hp, m->out, dout, op, b->w2t, hp, NULL, b->dh, hp);
  hidden_backward(m, mask, points, b->h, b->dh, b->bits);
  const dense_run second = {b->h, dout, points}, first = {x, b->dh, points};
  simd_outer(m->hidden, op, &second, 1, hp, op, b->g.w2, b->g.b2);
  simd_outer(m->in, hp, &first, 1, xs, hp, b->g.w1, b->g.b1);
  if (dx) simd_gemm(points, ip, m->hidden, b->dh, hp, b->w1t, ip, NULL, dx, dxs);
}

void simd_map_backward(map_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout,
                       float *dx, ptrdiff_t dxs) {
  const pno_mlp *m = b->m;
  const int op = pno_padded(m->out), ip = pno_padded(m->in), most = few_points(pno_padded(m->hidden));
  if (!m->hidden) {
    const dense_run run = {x, dout, points};
    simd_outer(m->in, op, &run, 1, xs, op, b->g.w1, b->g.b1);
    if (dx) simd_gemm(points, ip, m->out, dout, op, b->w1t, ip, NULL, dx, dxs);
    return;
  }
  for (int p = 0; p < points; p += most, mask.first += most)
    backward_few(b, points - p < most ? points - p : most, mask, x + p * xs, xs, dout + (ptrdiff_t)p * op,
                 dx ? dx + p * dxs : NULL, dxs);
}
