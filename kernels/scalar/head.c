#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"

static int maps_of(const pno_head *a) { return a->second ? 2 : 1; }

/* Channels of the fields. */
static int field_channels(const pno_head *a) { return maps_of(a) * a->out; }

static const pno_mlp *map_of(const pno_head *a, int map) { return map ? a->second : &a->mlp; }

static pno_mask mask_of(const pno_head *a, int map, int block, ptrdiff_t data_row) {
  return (pno_mask){a->dropout[map], block / a->grid->blocks, data_row * a->grid->inner[a->grid->dims - 1]};
}

/* One data row of the field: scale and shift of point p. */
static ptrdiff_t norm_at(const pno_head *a, ptrdiff_t data_row, int p) {
  return a->norm.per_point ? (data_row * a->grid->inner[a->grid->dims - 1] + p) * field_channels(a) : 0;
}

static void forward_row(const pno_head *a, int block, int row, ptrdiff_t data_row, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels), op = pno_padded(a->out), last = g->dims - 1, len = g->inner[last];
  const int fc = field_channels(a);
  const float *x = a->x + pno_row_at(g, block, row, g->len, cp) + (ptrdiff_t)g->lo[last] * cp;
  for (int map = 0; map < maps_of(a); map++) {
    float *out = a->output + pno_field_at(g, block, data_row, fc) + map * a->out;
    pno_mlp_forward(map_of(a, map), len, mask_of(a, map, block, data_row), x, cp, scratch, scratch + (ptrdiff_t)len * op);
    for (int p = 0; p < len; p++) {
      const ptrdiff_t at = norm_at(a, data_row, p) + map * a->out;
      for (int o = 0; o < a->out; o++)
        out[(ptrdiff_t)p * fc + o] = scratch[(ptrdiff_t)p * op + o] * a->norm.scale[at + o] + a->norm.shift[at + o];
    }
  }
}

/* dy: the data row of the field gradient. d of the first of two maps waits in scratch, since x may lie where d does. */
static void backward_row(const pno_head *a, pno_mlp_back *back, int block, int row, ptrdiff_t data_row,
                         const float *dy, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels), op = pno_padded(a->out), last = g->dims - 1, len = g->inner[last];
  const int fc = field_channels(a);
  const ptrdiff_t inside = pno_row_at(g, block, row, g->len, cp) + (ptrdiff_t)g->lo[last] * cp;
  float *first = scratch + (ptrdiff_t)len * op;
  for (int map = 0; map < maps_of(a); map++) {
    pno_row_zero((ptrdiff_t)len * op, scratch);
    for (int p = 0; p < len; p++) {
      const ptrdiff_t at = norm_at(a, data_row, p) + map * a->out;
      for (int o = 0; o < a->out; o++)
        scratch[(ptrdiff_t)p * op + o] = dy[(ptrdiff_t)p * fc + map * a->out + o] * a->norm.scale[at + o];
    }
    pno_mlp_back_run(&back[map], len, mask_of(a, map, block, data_row), a->x + inside, cp, scratch,
                     a->second && map == 0 ? first : a->d + inside, cp);
  }
  for (ptrdiff_t i = 0; a->second && i < (ptrdiff_t)len * cp; i++) a->d[inside + i] += first[i];
}

void pno_scalar_head_forward(const pno_head *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) {
    int first, index[PNO_DIMS_MAX];
    const int rows = pno_grid_block(a->grid, b, &first);
    for (int r = first; r < first + rows; r++) {
      ptrdiff_t data_row;
      if (pno_grid_data_row(a->grid, r, &data_row, index)) forward_row(a, b, r, data_row, scratch);
    }
  }
}

static void error_sums(const pno_head *a, int block, ptrdiff_t data_row, float *error, double *sums) {
  const ptrdiff_t at = pno_field_at(a->grid, block, data_row, a->out);
  const ptrdiff_t n = (ptrdiff_t)a->grid->inner[a->grid->dims - 1] * a->out;
  for (ptrdiff_t i = 0; i < n; i++) {
    const float y = a->target[at + i], e = a->output[at + i] - y;
    error[i] = e;
    sums[0] += (double)e * e;
    sums[1] += (double)y * y;
  }
}

/* Backward of the rows of one block; with the fused loss the row's output is made first and its error is dy. */
static void block_backward(const pno_head *a, int b, bool fused, float *scratch) {
  const pno_grid *g = a->grid;
  const int cp = pno_padded(a->channels), op = pno_padded(a->out), last = g->dims - 1;
  int first, index[PNO_DIMS_MAX];
  const int rows = pno_grid_block(g, b, &first);
  float *error = scratch, *tile = error + (ptrdiff_t)g->len * op, *rest = tile + (ptrdiff_t)g->len * op;
  float *partial = a->partial + b * pno_head_floats(a);
  pno_mlp_back back[2];
  if (a->second) rest += (ptrdiff_t)g->len * cp; /* backward_row's */
  for (int map = 0; map < maps_of(a); map++)
    back[map] = pno_mlp_back_begin(map_of(a, map), partial + map * pno_mlp_floats(&a->mlp), &rest);
  double sums[2] = {0, 0};
  for (int r = first; r < first + rows; r++) {
    ptrdiff_t data_row;
    float *d = a->d + pno_row_at(g, b, r, g->len, cp);
    if (!pno_grid_data_row(g, r, &data_row, index)) {
      pno_row_zero((ptrdiff_t)g->len * cp, d);
      continue;
    }
    const ptrdiff_t lo = (ptrdiff_t)g->lo[last] * cp, hi = lo + (ptrdiff_t)g->inner[last] * cp;
    pno_row_zero(lo, d);
    pno_row_zero((ptrdiff_t)g->len * cp - hi, d + hi);
    const float *dy = error;
    if (fused) {
      forward_row(a, b, r, data_row, rest);
      error_sums(a, b, data_row, error, sums);
    } else {
      dy = a->dy + pno_field_at(g, b, data_row, field_channels(a));
    }
    backward_row(a, back, b, r, data_row, dy, tile);
  }
  for (int map = 0; map < maps_of(a); map++) pno_mlp_back_end(&back[map]);
  if (!fused) return;
  a->sums[2 * b] = sums[0];
  a->sums[2 * b + 1] = sums[1];
}

void pno_scalar_head_backward(const pno_head *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) block_backward(a, b, false, scratch);
}

void pno_scalar_head_loss(const pno_head *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) block_backward(a, b, true, scratch);
}
