#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/dense.h"
#include "kernels/simd/gelu.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

/* Points of a tile: a multiple of the rows of a product, small enough for two hidden layers in the first-level cache. */
enum { TILE = 24, NARROW = 4 };

/* Of one map of the head. */
typedef struct {
  const pno_dropout *dropout;
  int sample, cp, hp, op;
  bool train, fused, narrow; /* narrow: two layers and few outputs, which are sums along the hidden channels */
  map_back map;              /* transposed weights and tiles; of the forward pass too */
  float *g2t, *out, *dv;     /* [out][hp] gradient of w2; [point][op] outputs and their gradients */
  int channel;               /* of its first output in the fields */
} head_map;

typedef struct {
  const pno_head *a;
  int block, maps, channels; /* channels: of the fields */
  head_map map[2];
  float *first; /* [point][cp] gradient through the first of two maps */
  double sums[2];
} head_call;

/* Sums of LANES registers, one in each lane. */
INLINED vec sums_of(vec s[LANES]) {
  v_transpose(s);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) s[i] += s[i + width];
  return s[0];
}

/* h = gelu(h), slope likewise, if training; out[p][o] = b2[o] + sum_j gelu(h)[p][j] w2t[o][j]. bits: NULL, or what is kept. */
INLINED void narrow_points(const head_map *k, const int outputs, const bool train, const bool masked, int points,
                           const uint8_t *bits) {
  const pno_mlp *m = k->map.m;
  const int blocks = pno_dropout_blocks(m->hidden);
  const vec factor = v_all(masked ? k->dropout->factor : 1.0f);
  for (int p0 = 0; p0 < points; p0 += LANES) {
    const int n = points - p0 < LANES ? points - p0 : LANES;
    vec sum[NARROW][LANES];
    for (int o = 0; o < outputs; o++)
      for (int p = n; p < LANES; p++) sum[o][p] = v_zero();
    for (int p = 0; p < n; p++) {
      float *h = k->map.h + (ptrdiff_t)(p0 + p) * k->hp, *slope = k->map.slope + (ptrdiff_t)(p0 + p) * k->hp;
      vec s[NARROW] = {v_zero(), v_zero(), v_zero(), v_zero()};
      for (int j = 0; j < k->hp; j += LANES) {
        vec value, d, pre = v_load(h + j);
        if (masked) pre = v_keep_at(pre, bits + (p0 + p) * blocks, blocks, j, factor);
        v_gelu(pre, &value, train ? &d : NULL);
        if (train) {
          if (masked) d = v_keep_at(d, bits + (p0 + p) * blocks, blocks, j, factor);
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
  case n: narrow_points(k, n, train, masked, points, bits); break
INLINED void narrow_outputs(const head_map *k, const bool train, const bool masked, int points, const uint8_t *bits) {
  switch (k->map.m->out) {
    OUTPUTS(1);
    OUTPUTS(2);
    OUTPUTS(3);
    OUTPUTS(4);
    default: break;
  }
}
#undef OUTPUTS

static void narrow_forward(const head_map *k, int points, const uint8_t *bits) {
  if (bits && k->train)
    narrow_outputs(k, true, true, points, bits);
  else if (bits)
    narrow_outputs(k, false, true, points, bits);
  else if (k->train)
    narrow_outputs(k, true, false, points, NULL);
  else
    narrow_outputs(k, false, false, points, NULL);
}

/* n registers of hidden channels from j on: dh = (sum_o dv[o] w2t[o]) slope in place of slope, and the gradients of
 * w2t[o] and b1; of one output after the other. */
INLINED void narrow_columns(const head_map *k, const int n, int j, int points) {
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

static void narrow_backward(const head_map *k, int points) {
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

/* Points from number `at` of the sample on. */
static pno_mask mask_of(const head_map *k, ptrdiff_t at) { return (pno_mask){k->dropout, k->sample, at}; }

/* again: on the way back, of a forward pass that was before. */
static void tile_forward(const head_map *k, bool again, int points, ptrdiff_t at, const float *x) {
  const pno_mlp *m = k->map.m;
  const uint8_t *bits = NULL;
  if (!k->narrow) {
    simd_map_forward(m, points, mask_of(k, at), x, k->cp, k->out, k->map.h);
    return;
  }
  simd_gemm(points, k->hp, m->in, x, k->cp, m->w1, k->hp, m->b1, k->map.h, k->hp);
  if (k->dropout) bits = simd_mask_bits(mask_of(k, at), again, points, m->hidden, k->map.bits);
  narrow_forward(k, points, bits);
}

static void tile_backward(head_map *k, int points, ptrdiff_t at, const float *x, float *d) {
  const pno_mlp *m = k->map.m;
  if (!k->narrow) {
    simd_map_backward(&k->map, points, mask_of(k, at), x, k->cp, k->dv, d, k->cp);
    return;
  }
  if (!k->fused) tile_forward(k, true, points, at, x); /* makes h and slope again; out is not needed */
  narrow_backward(k, points);
  const dense_run run = {x, k->map.slope, points};
  simd_outer(m->in, k->hp, &run, 1, k->cp, k->hp, k->map.g.w1, NULL);
  simd_gemm(points, k->cp, m->hidden, k->map.slope, k->hp, k->map.w1t, k->cp, NULL, d, k->cp);
}

/* Outputs of one map as fields, of some consecutive data points from point `at` of the sample on. */
static void write_output(const head_call *k, const head_map *map, int points, ptrdiff_t at, float *output) {
  const pno_head *a = k->a;
  const int fc = k->channels;
  const ptrdiff_t norm = map->channel + (a->norm.per_point ? at * fc : 0), step = a->norm.per_point ? fc : 0;
  output += map->channel;
  for (int p = 0; p < points; p++)
    for (int o = 0; o < a->out; o++)
      output[p * fc + o] =
          map->out[(ptrdiff_t)p * map->op + o] * a->norm.scale[norm + p * step + o] + a->norm.shift[norm + p * step + o];
}

/* Gradients of the outputs before the norm: of dy, or of the error of the outputs just written, whose sums it takes too. */
static void read_gradient(head_call *k, const head_map *map, int points, ptrdiff_t at, ptrdiff_t field) {
  const pno_head *a = k->a;
  const int fc = k->channels;
  const ptrdiff_t norm = map->channel + (a->norm.per_point ? at * fc : 0), step = a->norm.per_point ? fc : 0;
  field += map->channel;
  for (int p = 0; p < points; p++) {
    for (int o = 0; o < a->out; o++) {
      const ptrdiff_t i = field + p * fc + o;
      float dy;
      if (map->fused) {
        const float y = a->target[i];
        dy = a->output[i] - y;
        k->sums[0] += (double)dy * dy;
        k->sums[1] += (double)y * y;
      } else {
        dy = a->dy[i];
      }
      map->dv[(ptrdiff_t)p * map->op + o] = dy * a->norm.scale[norm + p * step + o];
    }
  }
}

static void add_first(const head_call *k, int points, float *d) {
  for (ptrdiff_t i = 0; i < (ptrdiff_t)points * k->map[0].cp; i += LANES) v_store(d + i, v_load(d + i) + v_load(k->first + i));
}

/* Some data points: at x in the activation, from point `at` of the sample on in fields. The second map overwrites x, where
 * d lies, so the gradient through the first one waits. */
static void run_tile(head_call *k, int points, ptrdiff_t x, ptrdiff_t at) {
  const pno_head *a = k->a;
  const ptrdiff_t field = ((ptrdiff_t)(k->block / a->grid->blocks) * pno_grid_data_points(a->grid) + at) * k->channels;
  for (int i = 0; i < k->maps; i++) {
    head_map *map = &k->map[i];
    if (!map->train || map->fused) {
      tile_forward(map, false, points, at, a->x + x);
      write_output(k, map, points, at, a->output + field);
    }
    if (!map->train) continue;
    read_gradient(k, map, points, at, field);
    tile_backward(map, points, at, a->x + x, i < k->maps - 1 ? k->first : a->d + x);
  }
  if (k->maps > 1 && k->map[0].train) add_first(k, points, a->d + x);
}

static void run_points(head_call *k, int points, ptrdiff_t x, ptrdiff_t at) {
  for (int p = 0; p < points; p += TILE)
    run_tile(k, points - p < TILE ? points - p : TILE, x + (ptrdiff_t)p * k->map[0].cp, at + p);
}

static void zero(float *from, ptrdiff_t floats) { memset(from, 0, sizeof *from * (size_t)floats); }

/* The gradient is zero on the padding of a row. */
static void zero_padding(const head_call *k, int row, bool is_data) {
  const pno_grid *g = k->a->grid;
  const int last = g->dims - 1, lo = is_data ? g->lo[last] : g->len, hi = is_data ? lo + g->inner[last] : g->len;
  const ptrdiff_t cp = k->map[0].cp;
  float *d = k->a->d + pno_row_at(g, k->block, row, g->len, (int)cp);
  zero(d, lo * cp);
  zero(d + hi * cp, (g->len - hi) * cp);
}

/* Rows without padding between them are one run of points. */
static void run_block(head_call *k) {
  const pno_grid *g = k->a->grid;
  const int last = g->dims - 1, len = g->inner[last], cp = k->map[0].cp;
  int first, index[PNO_DIMS_MAX], open = 0; /* points of the run under way */
  const int rows = pno_grid_block(g, k->block, &first);
  ptrdiff_t x = 0, at = 0, data_row;
  for (int r = first; r < first + rows; r++) {
    const bool is_data = pno_grid_data_row(g, r, &data_row, index);
    if (k->map[0].train) zero_padding(k, r, is_data);
    const bool joins = is_data && open > 0 && len == g->len;
    if (!joins && open > 0) {
      run_points(k, open, x, at);
      open = 0;
    }
    if (!is_data) continue;
    if (open == 0) {
      x = pno_row_at(g, k->block, r, g->len, cp) + (ptrdiff_t)g->lo[last] * cp;
      at = data_row * len;
    }
    open += len;
  }
  if (open > 0) run_points(k, open, x, at);
}

/* Map `i` of the head for this block; takes its scratch. */
static void begin(head_call *k, int i, bool train, bool fused, float **scratch) {
  const pno_head *a = k->a;
  const pno_mlp *m = i ? a->second : &a->mlp;
  head_map *map = &k->map[i];
  *map = (head_map){.dropout = a->dropout[i], .sample = k->block / a->grid->blocks, .cp = pno_padded(a->channels),
                    .hp = pno_padded(m->hidden), .op = pno_padded(a->out), .train = train, .fused = fused,
                    .narrow = m->hidden > 0 && m->out <= NARROW, .channel = i * a->out, .out = *scratch};
  map->dv = map->out + TILE * (ptrdiff_t)map->op;
  map->g2t = map->dv + TILE * (ptrdiff_t)map->op;
  float *rest = map->g2t + NARROW * (ptrdiff_t)map->hp;
  zero(*scratch, rest - *scratch); /* lanes of dv behind the outputs stay zero */
  if (train) {
    map->map = simd_map_begin(m, a->partial + k->block * pno_head_floats(a) + i * pno_mlp_floats(m), TILE, &rest);
  } else {
    map->map = (map_back){.m = m, .w2t = rest, .h = rest + m->out * (ptrdiff_t)map->hp};
    rest = map->map.h + TILE * (ptrdiff_t)map->hp;
    map->map.bits = (uint8_t *)rest; /* where a map that is not narrow looks for it too */
    rest += mask_floats(TILE, m->hidden);
    if (map->narrow) simd_transpose(m->hidden, m->out, m->w2, map->op, map->map.w2t, map->hp);
  }
  *scratch = rest;
}

static void end(head_map *k) {
  const pno_mlp *m = k->map.m;
  for (int j = 0; k->train && k->narrow && j < m->hidden; j++)
    for (int o = 0; o < m->out; o++) k->map.g.w2[(ptrdiff_t)j * k->op + o] = k->g2t[(ptrdiff_t)o * k->hp + j];
}

static void run_blocks(const pno_head *a, int block, int count, bool train, bool fused, float *scratch) {
  const int maps = a->second ? 2 : 1;
  for (int b = block; b < block + count; b++) {
    float *rest = scratch;
    head_call k = {.a = a, .block = b, .maps = maps, .channels = maps * a->out};
    for (int i = 0; i < maps; i++) begin(&k, i, train, fused, &rest);
    k.first = rest;
    run_block(&k);
    for (int i = 0; i < maps; i++) end(&k.map[i]);
    if (!fused) continue;
    a->sums[2 * (ptrdiff_t)b] = k.sums[0];
    a->sums[2 * (ptrdiff_t)b + 1] = k.sums[1];
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
