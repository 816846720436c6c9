#include "kernels/simd/lift.h"

#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/fft.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

/* A stretch of data points of one row: p0 .. p0 + n - 1, with the index on each leading axis. */
typedef struct {
  ptrdiff_t data_row;
  int index[PNO_DIMS_MAX], p0, n;
} data_run;

/* Normalised channels of the points [n][in]. */
static void encode(const pno_lift *a, int block, const data_run *r, float *out) {
  const pno_grid *g = a->grid;
  const int len = g->inner[g->dims - 1];
  const float *in = a->input + pno_input_at(a, block, r->data_row) + (ptrdiff_t)r->p0 * a->in;
  const ptrdiff_t at = a->norm.per_point ? (r->data_row * len + r->p0) * a->in : 0;
  const float *shift = a->norm.shift + at, *scale = a->norm.scale + at;
  if (a->norm.per_point)
    for (int i = 0; i < r->n * a->in; i++) out[i] = (in[i] - shift[i]) / scale[i];
  else if (a->in == 1)
    for (int i = 0; i < r->n; i++) out[i] = (in[i] - shift[0]) / scale[0];
  else
    for (int p = 0; p < r->n; p++)
      for (int c = 0; c < a->in; c++) out[p * a->in + c] = (in[p * a->in + c] - shift[c]) / scale[c];
}

/* Input vectors: normalised channels, then coordinates. [n][padded in] */
static void gather(const pno_lift *a, int block, const data_run *r, float *out, float *encoded) {
  const int last = a->grid->dims - 1, ip = pno_padded(a->mlp.in);
  encode(a, block, r, encoded);
  for (int p = 0; p < r->n; p++) {
    float *v = out + (ptrdiff_t)p * ip;
    for (int c = 0; c < a->in; c++) v[c] = encoded[p * a->in + c];
    if (!a->embed) continue;
    for (int j = 0; j < last; j++) v[a->in + j] = a->coordinate[j][r->index[j]];
    v[a->in + last] = a->coordinate[last][r->p0 + p];
  }
}

static pno_mask mask_of(const pno_lift *a, int block, const data_run *r) {
  return (pno_mask){a->dropout, block / a->grid->blocks, r->data_row * a->grid->inner[a->grid->dims - 1] + r->p0};
}

enum { FEW = 4 }; /* channels of a linear lift that is done without gathering its input vectors */

static bool is_short(const pno_lift *a) { return !a->mlp.hidden && a->in <= FEW; }

/* The linear lift of a run: what is the same for the whole row goes into the start of the sum. */
static void short_forward(const pno_lift *a, const data_run *r, const float *encoded, float *x) {
  const int cp = pno_padded(a->channels), last = a->grid->dims - 1;
  const float *along = a->embed ? a->coordinate[last] + r->p0 : NULL;
  for (int v = 0; v < cp; v += LANES) {
    vec base = v_load(a->mlp.b1 + v), w[FEW], w_along = v_zero();
    for (int c = 0; c < a->in; c++) w[c] = v_load(a->mlp.w1 + (ptrdiff_t)c * cp + v);
    for (int j = 0; a->embed && j < last; j++)
      base = v_fma(v_all(a->coordinate[j][r->index[j]]), v_load(a->mlp.w1 + (ptrdiff_t)(a->in + j) * cp + v), base);
    if (along) w_along = v_load(a->mlp.w1 + (ptrdiff_t)(a->in + last) * cp + v);
    for (int p = 0; p < r->n; p++) {
      vec sum = base;
      for (int c = 0; c < a->in; c++) sum = v_fma(v_all(encoded[p * a->in + c]), w[c], sum);
      if (along) sum = v_fma(v_all(along[p]), w_along, sum);
      v_store(x + (ptrdiff_t)p * cp + v, sum);
    }
  }
}

static void add_to(float *at, vec v) { v_store(at, v_load(at) + v); }

static void short_backward(const pno_lift *a, const data_run *r, const float *encoded, const float *d,
                           const pno_mlp_grad *g) {
  const int cp = pno_padded(a->channels), last = a->grid->dims - 1;
  const float *along = a->embed ? a->coordinate[last] + r->p0 : NULL;
  for (int v = 0; v < cp; v += LANES) {
    vec sum = v_zero(), sum_along = v_zero(), by[FEW] = {v_zero(), v_zero(), v_zero(), v_zero()};
    for (int p = 0; p < r->n; p++) {
      const vec dx = v_load(d + (ptrdiff_t)p * cp + v);
      sum += dx;
      for (int c = 0; c < a->in; c++) by[c] = v_fma(v_all(encoded[p * a->in + c]), dx, by[c]);
      if (along) sum_along = v_fma(v_all(along[p]), dx, sum_along);
    }
    add_to(g->b1 + v, sum);
    for (int c = 0; c < a->in; c++) add_to(g->w1 + (ptrdiff_t)c * cp + v, by[c]);
    for (int j = 0; a->embed && j < last; j++)
      add_to(g->w1 + (ptrdiff_t)(a->in + j) * cp + v, sum * v_all(a->coordinate[j][r->index[j]]));
    if (along) add_to(g->w1 + (ptrdiff_t)(a->in + last) * cp + v, sum_along);
  }
}

/* The data points among n points of a row from `point` on; before: points of padding in front of them. */
static data_run data_points(const pno_grid *g, int row, int point, int n, int *before) {
  const int last = g->dims - 1, end = g->lo[last] + g->inner[last];
  data_run r = {.n = 0};
  *before = 0;
  if (!pno_grid_data_row(g, row, &r.data_row, r.index)) return r;
  const int lo = point > g->lo[last] ? point : g->lo[last], hi = point + n < end ? point + n : end;
  if (hi <= lo) return r;
  *before = lo - point;
  r.p0 = lo - g->lo[last];
  r.n = hi - lo;
  return r;
}

static void lift_run(const pno_lift *a, int block, int row, int point, int n, float *x, float *scratch) {
  const int cp = pno_padded(a->channels), ip = pno_padded(a->mlp.in);
  int before;
  const data_run r = data_points(a->grid, row, point, n, &before);
  float *data = x + (ptrdiff_t)before * cp, *behind = data + (ptrdiff_t)r.n * cp;
  memset(x, 0, sizeof *x * (size_t)before * (size_t)cp);
  memset(behind, 0, sizeof *x * (size_t)(n - before - r.n) * (size_t)cp);
  if (r.n == 0) return;
  if (is_short(a)) {
    encode(a, block, &r, scratch);
    short_forward(a, &r, scratch, data);
    return;
  }
  float *encoded = scratch + (ptrdiff_t)n * ip, *hidden = encoded + (ptrdiff_t)n * a->in;
  gather(a, block, &r, scratch, encoded);
  simd_map_forward(&a->mlp, r.n, mask_of(a, block, &r), scratch, ip, data, hidden);
}

void simd_lift_points(const pno_lift *a, int block, const tile *t, float *x, float *scratch) {
  const int len = a->grid->len;
  for (int r = 0; t->whole && r < t->rows; r++)
    lift_run(a, block, t->row + r, 0, len, x + r * t->row_floats, scratch);
  for (int i = 0; !t->whole && i < t->runs; i++)
    lift_run(a, block, t->row, t->run[i].point, t->run[i].n, x + t->run[i].packed, scratch);
}

typedef struct {
  const pno_lift *a;
  int block;
  transform analysis;
  row_fft fft; /* in its place */
  float *x, *rest;
  map_back back;
} lift_call;

static void forward_tile(void *user, const tile *t) {
  const lift_call *k = user;
  const pno_lift *a = k->a;
  const int cp = pno_padded(a->channels);
  simd_lift_points(a, k->block, t, k->x, k->rest);
  const ptrdiff_t at = pno_row_at(a->grid, k->block, t->row, a->grid->len, cp);
  for (int i = 0; a->x && i < t->runs; i++)
    memcpy(a->x + at + t->run[i].memory, k->x + t->run[i].packed, sizeof *a->x * (size_t)t->run[i].n * (size_t)cp);
  for (int i = 0; k->fft.m && i < t->runs; i++)
    memcpy(k->fft.row + t->run[i].memory, k->x + t->run[i].packed, sizeof *k->x * (size_t)t->run[i].n * (size_t)cp);
  if (k->fft.m && !t->last) return;
  for (int r = 0; r < t->rows; r++) {
    float *rows = a->rows + pno_slab_row_at(a->grid, t->row + r, &a->modes, cp);
    if (k->fft.m)
      simd_fft_analyse(&k->fft, fft_analysis(&k->fft), k->fft.row + r * t->row_floats, rows);
    else
      simd_analyse(&k->analysis, t->s, t->first, cp, k->x + r * t->row_floats, &t->packed, rows, 2 * (ptrdiff_t)cp, cp);
  }
}

void simd_lift_forward(const pno_lift *a, int block, int count, float *scratch) {
  const int cp = pno_padded(a->channels), points = tile_points(cp);
  const row_fft fft = row_fft_begin(&a->modes, a->grid, a->channels, &scratch);
  lift_call k = {.a = a, .analysis = row_analysis(&a->modes), .fft = fft, .x = scratch};
  k.rest = k.x + (ptrdiff_t)points * cp;
  for (k.block = block; k.block < block + count; k.block++)
    simd_tiles(a->grid, k.block, cp, forward_tile, &k);
}

static void backward_run(lift_call *k, int row, int point, int n, const float *d) {
  const pno_lift *a = k->a;
  const int cp = pno_padded(a->channels), ip = pno_padded(a->mlp.in);
  int before;
  const data_run r = data_points(a->grid, row, point, n, &before);
  if (r.n == 0) return;
  d += (ptrdiff_t)before * cp;
  if (is_short(a)) {
    encode(a, k->block, &r, k->rest);
    short_backward(a, &r, k->rest, d, &k->back.g);
    return;
  }
  gather(a, k->block, &r, k->rest, k->rest + (ptrdiff_t)n * ip);
  simd_map_backward(&k->back, r.n, mask_of(a, k->block, &r), k->rest, ip, d, NULL, 0);
}

static void backward_tile(void *user, const tile *t) {
  lift_call *k = user;
  const pno_grid *g = k->a->grid;
  const int cp = pno_padded(k->a->channels);
  const float *d = k->a->d + pno_row_at(g, k->block, t->row, g->len, cp);
  for (int r = 0; t->whole && r < t->rows; r++) backward_run(k, t->row + r, 0, g->len, d + r * t->row_floats);
  for (int i = 0; !t->whole && i < t->runs; i++)
    backward_run(k, t->row, t->run[i].point, t->run[i].n, d + t->run[i].memory);
}

void simd_lift_backward(const pno_lift *a, int block, int count, float *scratch) {
  const int cp = pno_padded(a->channels);
  for (int b = block; b < block + count; b++) {
    lift_call k = {.a = a, .block = b, .rest = scratch};
    k.back = simd_map_begin(&a->mlp, a->partial + b * pno_mlp_floats(&a->mlp), tile_points(cp), &k.rest);
    simd_tiles(a->grid, b, cp, backward_tile, &k);
  }
}
