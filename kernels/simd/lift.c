#include "kernels/simd/lift.h"

#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

/* Input vectors of the data points p0 .. p0 + n - 1 of a row: normalised channels, then coordinates. [n][padded in] */
static void gather(const pno_lift *a, int block, ptrdiff_t data_row, const int *index, int p0, int n, float *out,
                   float *encoded) {
  const pno_grid *g = a->grid;
  const int last = g->dims - 1, ip = pno_padded(a->mlp.in);
  const float *in = a->input + pno_field_at(g, block, data_row, a->in) + (ptrdiff_t)p0 * a->in;
  const ptrdiff_t at = a->norm.per_point ? (data_row * g->inner[last] + p0) * a->in : 0;
  const float *shift = a->norm.shift + at, *scale = a->norm.scale + at;
  if (a->norm.per_point)
    for (int i = 0; i < n * a->in; i++) encoded[i] = (in[i] - shift[i]) / scale[i];
  else if (a->in == 1)
    for (int i = 0; i < n; i++) encoded[i] = (in[i] - shift[0]) / scale[0];
  else
    for (int p = 0; p < n; p++)
      for (int c = 0; c < a->in; c++) encoded[p * a->in + c] = (in[p * a->in + c] - shift[c]) / scale[c];
  for (int p = 0; p < n; p++) {
    float *v = out + (ptrdiff_t)p * ip;
    for (int c = 0; c < a->in; c++) v[c] = encoded[p * a->in + c];
    if (!a->embed) continue;
    for (int j = 0; j < last; j++) v[a->in + j] = a->coordinate[j][index[j]];
    v[a->in + last] = a->coordinate[last][p0 + p];
  }
}

/* The data points among n points of a row from `point` on: [lo, lo + count). */
static int data_points(const pno_grid *g, int row, int point, int n, int *lo, ptrdiff_t *data_row, int *index) {
  const int last = g->dims - 1, end = g->lo[last] + g->inner[last];
  if (!pno_grid_data_row(g, row, data_row, index)) return 0;
  *lo = point > g->lo[last] ? point : g->lo[last];
  const int hi = point + n < end ? point + n : end;
  return hi > *lo ? hi - *lo : 0;
}

static void lift_run(const pno_lift *a, int block, int row, int point, int n, float *x, float *scratch) {
  const int cp = pno_padded(a->channels), ip = pno_padded(a->mlp.in);
  ptrdiff_t data_row = 0;
  int index[PNO_DIMS_MAX], lo = point;
  const int count = data_points(a->grid, row, point, n, &lo, &data_row, index);
  memset(x, 0, sizeof *x * (size_t)(lo - point) * (size_t)cp);
  memset(x + (ptrdiff_t)(lo - point + count) * cp, 0, sizeof *x * (size_t)(n - (lo - point) - count) * (size_t)cp);
  if (count == 0) return;
  float *encoded = scratch + (ptrdiff_t)n * ip, *hidden = encoded + (ptrdiff_t)n * a->in;
  gather(a, block, data_row, index, lo - a->grid->lo[a->grid->dims - 1], count, scratch, encoded);
  simd_map_forward(&a->mlp, count, scratch, ip, x + (ptrdiff_t)(lo - point) * cp, hidden);
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
  float *x, *folded, *rows, *rest;
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
  for (int r = 0; r < t->rows; r++) {
    float *rows = a->rows + pno_slab_row_at(a->grid, t->row + r, a->modes.k, cp);
    simd_fold(&k->analysis, t->s, cp, k->x + r * t->row_floats, &t->packed, k->folded);
    simd_analyse(&k->analysis, t->s, t->first, cp, k->folded, rows, 2 * (ptrdiff_t)cp, cp);
  }
}

void simd_lift_forward(const pno_lift *a, int block, int count, float *scratch) {
  const int cp = pno_padded(a->channels), points = tile_points(cp);
  lift_call k = {.a = a, .analysis = row_analysis(&a->modes), .x = scratch};
  k.folded = k.x + (ptrdiff_t)points * cp;
  k.rest = k.folded + fold_floats(4, points / 4 + 1, cp);
  for (k.block = block; k.block < block + count; k.block++)
    simd_tiles(a->grid, k.block, cp, forward_tile, &k);
}

static void backward_run(lift_call *k, int row, int point, int n, const float *d) {
  const pno_lift *a = k->a;
  const int cp = pno_padded(a->channels), ip = pno_padded(a->mlp.in);
  ptrdiff_t data_row = 0;
  int index[PNO_DIMS_MAX], lo = point;
  const int count = data_points(a->grid, row, point, n, &lo, &data_row, index);
  if (count == 0) return;
  gather(a, k->block, data_row, index, lo - a->grid->lo[a->grid->dims - 1], count, k->rest,
         k->rest + (ptrdiff_t)n * ip);
  simd_map_backward(&k->back, count, k->rest, ip, d + (ptrdiff_t)(lo - point) * cp, NULL, 0);
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
