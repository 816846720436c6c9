#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/dense.h"
#include "kernels/simd/gelu.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

/* Points of a tile: a multiple of the rows of a product, small enough for two hidden layers in the first-level cache. */
enum { TILE = 36, NARROW = 4 };

typedef struct {
  const pno_head *a;
  int block, cp, hp, op;
  bool train, fused, narrow; /* narrow: two layers and few outputs, which are sums along the hidden channels */
  map_back map;              /* transposed weights and tiles; of the forward pass too */
  float *g2t, *out, *dv;     /* [out][hp] gradient of w2; [point][op] outputs and their gradients */
  double sums[2];
} head_call;

/* Sums of LANES registers, one in each lane. */
INLINED vec sums_of(vec s[LANES]) {
  v_transpose(s);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) s[i] += s[i + width];
  return s[0];
}

/* h = gelu(h), slope likewise, if training; out[p][o] = b2[o] + sum_j gelu(h)[p][j] w2t[o][j]. */
INLINED void narrow_points(const head_call *k, const int outputs, const bool train, int points) {
  const pno_mlp *m = k->map.m;
  for (int p0 = 0; p0 < points; p0 += LANES) {
    const int n = points - p0 < LANES ? points - p0 : LANES;
    vec sum[NARROW][LANES];
    for (int o = 0; o < outputs; o++)
      for (int p = n; p < LANES; p++) sum[o][p] = v_zero();
    for (int p = 0; p < n; p++) {
      float *h = k->map.h + (ptrdiff_t)(p0 + p) * k->hp, *slope = k->map.slope + (ptrdiff_t)(p0 + p) * k->hp;
      vec s[NARROW] = {v_zero(), v_zero(), v_zero(), v_zero()};
      for (int j = 0; j < k->hp; j += LANES) {
        vec value, d;
        v_gelu(v_load(h + j), &value, train ? &d : NULL);
        if (train) {
          v_store(slope + j, d);
          v_store(h + j, value);
        }
#pragma GCC unroll 4
        for (int o = 0; o < outputs; o++) s[o] = v_fma(value, v_load(k->map.w2t + (ptrdiff_t)o * k->hp + j), s[o]);
      }
#pragma GCC unroll 4
      for (int o = 0; o < outputs; o++) sum[o][p] = s[o];
    }
    for (int o = 0; o < outputs; o++) {
      float total[LANES];
      v_store(total, sums_of(sum[o]) + v_all(m->b2[o]));
      for (int p = 0; p < n; p++) k->out[(ptrdiff_t)(p0 + p) * k->op + o] = total[p];
    }
  }
}

#define OUTPUTS(n) \
  case n: (k->train ? narrow_points(k, n, true, points) : narrow_points(k, n, false, points)); break
static void narrow_forward(const head_call *k, int points) {
  switch (k->map.m->out) {
    OUTPUTS(1);
    OUTPUTS(2);
    OUTPUTS(3);
    OUTPUTS(4);
    default: break;
  }
}
#undef OUTPUTS

/* n registers of hidden channels from j on: dh = (sum_o dv[o] w2t[o]) slope in place of slope, and the gradients of
 * w2t[o] and b1; of one output after the other. */
INLINED void narrow_columns(const head_call *k, const int n, int j, int points) {
  enum { COLUMNS = 4 };
  const pno_mlp *m = k->map.m;
  vec g1[COLUMNS];
#pragma GCC unroll 4
  for (int c = 0; c < n; c++) g1[c] = v_load(k->map.g.b1 + j + c * LANES);
  for (int o = 0; o < m->out; o++) {
    const float *weight = k->map.w2t + (ptrdiff_t)o * k->hp + j;
    float *grad = k->g2t + (ptrdiff_t)o * k->hp + j;
    const bool first = o == 0, last = o == m->out - 1;
    vec w2[COLUMNS], g2[COLUMNS];
#pragma GCC unroll 4
    for (int c = 0; c < n; c++) {
      w2[c] = v_load(weight + c * LANES);
      g2[c] = v_zero();
    }
    for (int p = 0; p < points; p++) {
      const vec dv = v_all(k->dv[(ptrdiff_t)p * k->op + o]);
      const float *h = k->map.h + (ptrdiff_t)p * k->hp + j;
      float *slope = k->map.slope + (ptrdiff_t)p * k->hp + j, *dh = k->map.dh + (ptrdiff_t)p * k->hp + j;
#pragma GCC unroll 4
      for (int c = 0; c < n; c++) {
        vec d = dv * w2[c];
        if (!first) d += v_load(dh + c * LANES);
        g2[c] = v_fma(dv, v_load(h + c * LANES), g2[c]);
        if (!last) {
          v_store(dh + c * LANES, d);
          continue;
        }
        d = d * v_load(slope + c * LANES);
        g1[c] += d;
        v_store(slope + c * LANES, d);
      }
    }
#pragma GCC unroll 4
    for (int c = 0; c < n; c++) v_store(grad + c * LANES, v_load(grad + c * LANES) + g2[c]);
  }
#pragma GCC unroll 4
  for (int c = 0; c < n; c++) v_store(k->map.g.b1 + j + c * LANES, g1[c]);
}

static void narrow_backward(const head_call *k, int points) {
  const pno_mlp *m = k->map.m;
  int j = 0;
  for (; j + 4 * LANES <= k->hp; j += 4 * LANES) narrow_columns(k, 4, j, points);
  for (; j < k->hp; j += LANES) narrow_columns(k, 1, j, points);
  for (int o = 0; o < m->out; o++) {
    float sum = 0;
    for (int p = 0; p < points; p++) sum += k->dv[(ptrdiff_t)p * k->op + o];
    k->map.g.b2[o] += sum;
  }
}

static void tile_forward(const head_call *k, int points, const float *x) {
  const pno_mlp *m = k->map.m;
  if (!k->narrow) {
    simd_map_forward(m, points, x, k->cp, k->out, k->map.h);
    return;
  }
  simd_gemm(points, k->hp, m->in, x, k->cp, m->w1, k->hp, m->b1, k->map.h, k->hp);
  narrow_forward(k, points);
}

static void tile_backward(head_call *k, int points, const float *x, float *d) {
  const pno_mlp *m = k->map.m;
  if (!k->narrow) {
    simd_map_backward(&k->map, points, x, k->cp, k->dv, d, k->cp);
    return;
  }
  if (!k->fused) tile_forward(k, points, x); /* makes h and slope again; out is not needed */
  narrow_backward(k, points);
  const dense_run run = {x, k->map.slope, points};
  simd_outer(m->in, k->hp, &run, 1, k->cp, k->hp, k->map.g.w1, NULL);
  simd_gemm(points, k->cp, m->hidden, k->map.slope, k->hp, k->map.w1t, k->cp, NULL, d, k->cp);
}

/* Normalised outputs and fields of some consecutive data points, from point `at` of the sample on. */
static void write_output(const head_call *k, int points, ptrdiff_t at, float *output) {
  const pno_head *a = k->a;
  const ptrdiff_t norm = a->norm.per_point ? at * a->out : 0, step = a->norm.per_point ? a->out : 0;
  for (int p = 0; p < points; p++)
    for (int o = 0; o < a->out; o++)
      output[p * a->out + o] =
          k->out[(ptrdiff_t)p * k->op + o] * a->norm.scale[norm + p * step + o] + a->norm.shift[norm + p * step + o];
}

/* Gradients of the normalised outputs: of dy, or of the error of the outputs just written, whose sums it takes too. */
static void read_gradient(head_call *k, int points, ptrdiff_t at, ptrdiff_t field) {
  const pno_head *a = k->a;
  const ptrdiff_t norm = a->norm.per_point ? at * a->out : 0, step = a->norm.per_point ? a->out : 0;
  for (int p = 0; p < points; p++) {
    for (int o = 0; o < a->out; o++) {
      const ptrdiff_t i = field + p * a->out + o;
      float dy;
      if (k->fused) {
        const float y = a->target[i];
        dy = a->output[i] - y;
        k->sums[0] += (double)dy * dy;
        k->sums[1] += (double)y * y;
      } else {
        dy = a->dy[i];
      }
      k->dv[(ptrdiff_t)p * k->op + o] = dy * a->norm.scale[norm + p * step + o];
    }
  }
}

/* Some data points: at x in the activation, from point `at` of the sample on in fields. */
static void run_tile(head_call *k, int points, ptrdiff_t x, ptrdiff_t at) {
  const pno_head *a = k->a;
  const ptrdiff_t field = ((ptrdiff_t)(k->block / a->grid->blocks) * pno_grid_data_points(a->grid) + at) * a->out;
  if (!k->train || k->fused) {
    tile_forward(k, points, a->x + x);
    write_output(k, points, at, a->output + field);
  }
  if (!k->train) return;
  read_gradient(k, points, at, field);
  tile_backward(k, points, a->x + x, a->d + x);
}

static void run_points(head_call *k, int points, ptrdiff_t x, ptrdiff_t at) {
  for (int p = 0; p < points; p += TILE)
    run_tile(k, points - p < TILE ? points - p : TILE, x + (ptrdiff_t)p * k->cp, at + p);
}

static void zero(float *from, ptrdiff_t floats) { memset(from, 0, sizeof *from * (size_t)floats); }

/* The gradient is zero on the padding of a row. */
static void zero_padding(const head_call *k, int row, bool is_data) {
  const pno_grid *g = k->a->grid;
  const int last = g->dims - 1, lo = is_data ? g->lo[last] : g->len, hi = is_data ? lo + g->inner[last] : g->len;
  float *d = k->a->d + pno_row_at(g, k->block, row, g->len, k->cp);
  zero(d, (ptrdiff_t)lo * k->cp);
  zero(d + (ptrdiff_t)hi * k->cp, (ptrdiff_t)(g->len - hi) * k->cp);
}

/* Rows without padding between them are one run of points. */
static void run_block(head_call *k) {
  const pno_grid *g = k->a->grid;
  const int last = g->dims - 1, len = g->inner[last];
  int first, index[PNO_DIMS_MAX], open = 0; /* points of the run under way */
  const int rows = pno_grid_block(g, k->block, &first);
  ptrdiff_t x = 0, at = 0, data_row;
  for (int r = first; r < first + rows; r++) {
    const bool is_data = pno_grid_data_row(g, r, &data_row, index);
    if (k->train) zero_padding(k, r, is_data);
    const bool joins = is_data && open > 0 && len == g->len;
    if (!joins && open > 0) {
      run_points(k, open, x, at);
      open = 0;
    }
    if (!is_data) continue;
    if (open == 0) {
      x = pno_row_at(g, k->block, r, g->len, k->cp) + (ptrdiff_t)g->lo[last] * k->cp;
      at = data_row * len;
    }
    open += len;
  }
  if (open > 0) run_points(k, open, x, at);
}

static void begin(head_call *k, float *scratch) {
  const pno_head *a = k->a;
  const pno_mlp *m = &a->mlp;
  k->narrow = m->hidden > 0 && m->out <= NARROW;
  k->out = scratch;
  k->dv = k->out + TILE * (ptrdiff_t)k->op;
  k->g2t = k->dv + TILE * (ptrdiff_t)k->op;
  float *rest = k->g2t + NARROW * (ptrdiff_t)k->hp;
  zero(scratch, rest - scratch); /* lanes of dv behind the outputs stay zero */
  if (k->train) {
    k->map = simd_map_begin(m, a->partial + k->block * pno_mlp_floats(m), TILE, &rest);
    return;
  }
  k->map = (map_back){.m = m, .w2t = rest, .h = rest + m->out * (ptrdiff_t)k->hp};
  if (k->narrow) simd_transpose(m->hidden, m->out, m->w2, k->op, k->map.w2t, k->hp);
}

static void end(head_call *k) {
  const pno_mlp *m = k->map.m;
  if (k->train && k->narrow)
    for (int j = 0; j < m->hidden; j++)
      for (int o = 0; o < m->out; o++)
        k->map.g.w2[(ptrdiff_t)j * k->op + o] = k->g2t[(ptrdiff_t)o * k->hp + j];
  if (!k->fused) return;
  k->a->sums[2 * (ptrdiff_t)k->block] = k->sums[0];
  k->a->sums[2 * (ptrdiff_t)k->block + 1] = k->sums[1];
}

static void run_blocks(const pno_head *a, int block, int count, bool train, bool fused, float *scratch) {
  for (int b = block; b < block + count; b++) {
    head_call k = {.a = a, .block = b, .cp = pno_padded(a->channels), .hp = pno_padded(a->mlp.hidden),
                   .op = pno_padded(a->out), .train = train, .fused = fused};
    begin(&k, scratch);
    run_block(&k);
    end(&k);
  }
}

void simd_head_forward(const pno_head *a, int block, int count, float *scratch) {
  run_blocks(a, block, count, false, false, scratch);
}

void simd_head_backward(const pno_head *a, int block, int count, float *scratch) {
  run_blocks(a, block, count, true, false, scratch);
}

void simd_head_loss(const pno_head *a, int block, int count, float *scratch) {
  run_blocks(a, block, count, true, true, scratch);
}
