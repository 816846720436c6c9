#include "kernels/simd/map.h"

#include <string.h>

#include "kernels/simd/dense.h"
#include "kernels/simd/gelu.h"

/* Of some points: the bits are drawn where there is a mask. */
static void hidden_mask(const pno_mlp *m, pno_mask mask, int points, float *h, uint8_t *bits) {
  if (!mask.dropout) return;
  simd_mask_draw(mask.dropout, mask.sample, mask.first, points, m->hidden, bits);
  simd_mask_apply(bits, points, m->hidden, mask.dropout->factor, h);
}

void simd_map_forward(const pno_mlp *m, int points, pno_mask mask, const float *x, ptrdiff_t xs, float *out, float *tile) {
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out);
  if (!m->hidden) {
    simd_gemm(points, op, m->in, x, xs, m->w1, op, m->b1, out, op);
    return;
  }
  simd_gemm(points, hp, m->in, x, xs, m->w1, hp, m->b1, tile, hp);
  hidden_mask(m, mask, points, tile, (uint8_t *)(tile + (ptrdiff_t)points * hp));
  for (ptrdiff_t i = 0; i < (ptrdiff_t)points * hp; i += LANES) {
    vec value;
    v_gelu(v_load(tile + i), &value, NULL);
    v_store(tile + i, value);
  }
  simd_gemm(points, op, m->hidden, tile, hp, m->w2, op, m->b2, out, op);
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

void simd_map_backward(map_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout,
                       float *dx, ptrdiff_t dxs) {
  const pno_mlp *m = b->m;
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out), ip = pno_padded(m->in);
  if (!m->hidden) {
    const dense_run run = {x, dout, points};
    simd_outer(m->in, op, &run, 1, xs, op, b->g.w1, b->g.b1);
    if (dx) simd_gemm(points, ip, m->out, dout, op, b->w1t, ip, NULL, dx, dxs);
    return;
  }
  simd_gemm(points, hp, m->in, x, xs, m->w1, hp, m->b1, b->h, hp);
  hidden_mask(m, mask, points, b->h, b->bits);
  simd_gemm(points, hp, m->out, dout, op, b->w2t, hp, NULL, b->dh, hp);
  for (ptrdiff_t i = 0; i < (ptrdiff_t)points * hp; i += LANES) {
    vec value, slope;
    v_gelu(v_load(b->h + i), &value, &slope);
    v_store(b->h + i, value);
    v_store(b->dh + i, v_load(b->dh + i) * slope);
  }
  if (mask.dropout) simd_mask_apply(b->bits, points, m->hidden, mask.dropout->factor, b->dh);
  const dense_run second = {b->h, dout, points}, first = {x, b->dh, points};
  simd_outer(m->hidden, op, &second, 1, hp, op, b->g.w2, b->g.b2);
  simd_outer(m->in, hp, &first, 1, xs, hp, b->g.w1, b->g.b1);
  if (dx) simd_gemm(points, ip, m->hidden, b->dh, hp, b->w1t, ip, NULL, dx, dxs);
}
