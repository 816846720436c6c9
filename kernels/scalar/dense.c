#include "kernels/scalar/dense.h"

#include <string.h>

#include "kernels/dropout.h"
#include "kernels/scalar/gelu.h"

enum { TILE_POINTS = 64, NARROW = 4 };

/* Two rows at a time: 2 x 16 sums and one row of b fit the sixteen registers of plain x86-64. */
static inline void rows2(int depth, float alpha, pno_operand a, const float *b, ptrdiff_t bs, float *c, ptrdiff_t cs,
                         int keep) {
  float s[2 * PNO_LANES];
  for (int n = 0; n < PNO_LANES; n++) {
    s[n] = keep ? c[n] : 0.0f;
    s[PNO_LANES + n] = keep ? c[cs + n] : 0.0f;
  }
  for (int k = 0; k < depth; k++) {
    const float a0 = alpha * a.p[k * a.col], a1 = alpha * a.p[a.row + k * a.col];
    const float *bk = b + k * bs;
    for (int n = 0; n < PNO_LANES; n++) s[n] += a0 * bk[n];
    for (int n = 0; n < PNO_LANES; n++) s[PNO_LANES + n] += a1 * bk[n];
  }
  for (int n = 0; n < PNO_LANES; n++) {
    c[n] = s[n];
    c[cs + n] = s[PNO_LANES + n];
  }
}

static inline void rows1(int depth, float alpha, pno_operand a, const float *b, ptrdiff_t bs, float *c, int keep) {
  float s[PNO_LANES];
  for (int n = 0; n < PNO_LANES; n++) s[n] = keep ? c[n] : 0.0f;
  for (int k = 0; k < depth; k++) {
    const float a0 = alpha * a.p[k * a.col];
    const float *bk = b + k * bs;
    for (int n = 0; n < PNO_LANES; n++) s[n] += a0 * bk[n];
  }
  for (int n = 0; n < PNO_LANES; n++) c[n] = s[n];
}

void pno_dense(int m, int columns, int depth, float alpha, pno_operand a, const float *b, ptrdiff_t bs, float *c,
               ptrdiff_t cs, int keep) {
  for (int v = 0; v < columns; v += PNO_LANES) {
    int i = 0;
    for (; i + 2 <= m; i += 2) {
      const pno_operand at = {a.p + i * a.row, a.row, a.col};
      rows2(depth, alpha, at, b + v, bs, c + i * cs + v, cs, keep);
    }
    if (i < m) {
      const pno_operand at = {a.p + i * a.row, a.row, a.col};
      rows1(depth, alpha, at, b + v, bs, c + i * cs + v, keep);
    }
  }
}

void pno_transpose(int rows, int cols, const float *in, float *out) {
  const int rp = pno_padded(rows), cp = pno_padded(cols);
  memset(out, 0, sizeof *out * (size_t)cols * (size_t)rp);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) out[(ptrdiff_t)c * rp + r] = in[(ptrdiff_t)r * cp + c];
}

void pno_sum_points(int points, int columns, const float *v, ptrdiff_t stride, float *sum) {
  for (int p = 0; p < points; p++)
    for (int n = 0; n < columns; n++) sum[n] += v[p * stride + n];
}

static void spread(int points, int columns, const float *row, float *out) {
  for (int p = 0; p < points; p++) memcpy(out + (ptrdiff_t)p * columns, row, sizeof *row * (size_t)columns);
}

/* out[p][o] for a few columns: sixteen running sums along the hidden axis, folded at the end. */
static void narrow_product(const pno_mlp *m, int points, const float *h, const float *w2t, float *out) {
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out);
  for (int p = 0; p < points; p++) {
    for (int o = 0; o < m->out; o++) {
      float s[PNO_LANES] = {0};
      const float *hh = h + (ptrdiff_t)p * hp, *w = w2t + (ptrdiff_t)o * hp;
      for (int j = 0; j < hp; j += PNO_LANES)
        for (int n = 0; n < PNO_LANES; n++) s[n] += hh[j + n] * w[j + n];
      for (int width = PNO_LANES / 2; width > 0; width /= 2)
        for (int n = 0; n < width; n++) s[n] += s[n + width];
      out[(ptrdiff_t)p * op + o] = m->b2[o] + s[0];
    }
  }
}

/* h = w1 x + b1 on one tile. */
static void first_map(const pno_mlp *m, int points, const float *x, ptrdiff_t xs, float *h) {
  const int hp = pno_padded(m->hidden ? m->hidden : m->out);
  spread(points, hp, m->b1, h);
  pno_dense(points, hp, m->in, 1.0f, (pno_operand){x, xs, 1}, m->w1, hp, h, hp, 1);
}

/* Points p .. of the hidden layer of one tile, or of slopes. keep: leaves the bits where there is room for them. */
static void apply(const pno_mlp *m, pno_mask mask, int p, int points, bool keep, float *h) {
  const pno_dropout *d = mask.dropout;
  if (!d) return;
  pno_dropout_apply(d, mask.sample, mask.first + p, points, 1, m->hidden, h);
  if (keep && d->bits) pno_dropout_keep(d, mask.sample, mask.first + p, points, m->hidden);
}

void pno_mlp_forward(const pno_mlp *m, int points, pno_mask mask, const float *x, ptrdiff_t xs, float *out,
                     float *scratch) {
  const int op = pno_padded(m->out), hp = pno_padded(m->hidden), narrow = m->out <= NARROW;
  float *h = scratch, *w2t = scratch + TILE_POINTS * hp;
  if (m->hidden && narrow) {
    pno_transpose(m->hidden, m->out, m->w2, w2t);
    memset(out, 0, sizeof *out * (size_t)points * (size_t)op);
  }
  for (int p = 0; p < points; p += TILE_POINTS) {
    const int count = points - p < TILE_POINTS ? points - p : TILE_POINTS;
    float *o = out + (ptrdiff_t)p * op;
    if (!m->hidden) {
      first_map(m, count, x + p * xs, xs, o);
      continue;
    }
    first_map(m, count, x + p * xs, xs, h);
    apply(m, mask, p, count, true, h);
    for (int i = 0; i < count * hp; i++) h[i] = pno_gelu(h[i]);
    if (narrow) {
      narrow_product(m, count, h, w2t, o);
    } else {
      spread(count, op, m->b2, o);
      pno_dense(count, op, m->hidden, 1.0f, (pno_operand){h, hp, 1}, m->w2, op, o, op, 1);
    }
  }
}

ptrdiff_t pno_mlp_floats(const pno_mlp *m) {
  const ptrdiff_t hp = pno_padded(m->hidden ? m->hidden : m->out), op = pno_padded(m->out);
  return m->in * hp + hp + (m->hidden ? m->hidden * op + op : 0);
}

pno_mlp_grad pno_mlp_grad_at(const pno_mlp *m, float *base) {
  const ptrdiff_t hp = pno_padded(m->hidden ? m->hidden : m->out), op = pno_padded(m->out);
  pno_mlp_grad g = {.w1 = base, .b1 = base + m->in * hp};
  g.w2 = g.b1 + hp;
  g.b2 = g.w2 + m->hidden * op;
  return g;
}

pno_mlp_back pno_mlp_back_begin(const pno_mlp *m, float *grad, float **scratch) {
  const ptrdiff_t hp = pno_padded(m->hidden ? m->hidden : m->out), ip = pno_padded(m->in);
  memset(grad, 0, sizeof *grad * (size_t)pno_mlp_floats(m));
  pno_mlp_back b = {.m = m, .g = pno_mlp_grad_at(m, grad), .w1t = *scratch};
  b.w2t = b.w1t + hp * ip;
  b.g2t = b.w2t + m->out * hp;
  b.tile = b.g2t + m->out * hp;
  *scratch = b.tile + 3 * TILE_POINTS * hp;
  pno_transpose(m->in, m->hidden ? m->hidden : m->out, m->w1, b.w1t);
  if (m->hidden) {
    pno_transpose(m->hidden, m->out, m->w2, b.w2t);
    memset(b.g2t, 0, sizeof *b.g2t * (size_t)(m->out * hp));
  }
  return b;
}

static void one_map_back(pno_mlp_back *b, int points, const float *x, ptrdiff_t xs, const float *dh, float *dx,
                         ptrdiff_t dxs) {
  const pno_mlp *m = b->m;
  const int hl = m->hidden ? m->hidden : m->out, hp = pno_padded(hl), ip = pno_padded(m->in);
  pno_dense(m->in, hp, points, 1.0f, (pno_operand){x, 1, xs}, dh, hp, b->g.w1, hp, 1);
  pno_sum_points(points, hp, dh, hp, b->g.b1);
  if (dx) pno_dense(points, ip, hl, 1.0f, (pno_operand){dh, hp, 1}, b->w1t, ip, dx, dxs, 0);
}

void pno_mlp_back_run(pno_mlp_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout,
                      float *dx, ptrdiff_t dxs) {
  const pno_mlp *m = b->m;
  const int hp = pno_padded(m->hidden), op = pno_padded(m->out);
  float *h = b->tile, *slope = h + TILE_POINTS * hp, *dh = slope + TILE_POINTS * hp;
  for (int p = 0; p < points; p += TILE_POINTS) {
    const int count = points - p < TILE_POINTS ? points - p : TILE_POINTS;
    const float *xp = x + p * xs, *dp = dout + (ptrdiff_t)p * op;
    float *dxp = dx ? dx + p * dxs : NULL;
    if (!m->hidden) {
      one_map_back(b, count, xp, xs, dp, dxp, dxs);
      continue;
    }
    first_map(m, count, xp, xs, h);
    apply(m, mask, p, count, false, h);
    for (int i = 0; i < count * hp; i++) {
      slope[i] = pno_gelu_slope(h[i]);
      h[i] = pno_gelu(h[i]);
    }
    apply(m, mask, p, count, false, slope);
    pno_dense(m->out, hp, count, 1.0f, (pno_operand){dp, 1, op}, h, hp, b->g2t, hp, 1);
    pno_sum_points(count, op, dp, op, b->g.b2);
    pno_dense(count, hp, m->out, 1.0f, (pno_operand){dp, op, 1}, b->w2t, hp, dh, hp, 0);
    for (int i = 0; i < count * hp; i++) dh[i] *= slope[i];
    one_map_back(b, count, xp, xs, dh, dxp, dxs);
  }
}

void pno_mlp_back_end(pno_mlp_back *b) {
  const int hp = pno_padded(b->m->hidden), op = pno_padded(b->m->out);
  for (int j = 0; j < b->m->hidden; j++)
    for (int o = 0; o < b->m->out; o++) b->g.w2[(ptrdiff_t)j * op + o] = b->g2t[(ptrdiff_t)o * hp + j];
}
