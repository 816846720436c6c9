#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"

/* A walk over the data rows of a block: calls visit with the row's place in the outside field. */
typedef void row_visit(const pno_loss *a, int block, ptrdiff_t at, const int *index, void *user);

static void each_row(const pno_loss *a, int block, row_visit *visit, void *user) {
  int first, index[PNO_DIMS_MAX];
  const int rows = pno_grid_block(a->grid, block, &first);
  for (int r = first; r < first + rows; r++) {
    ptrdiff_t data_row;
    if (!pno_grid_data_row(a->grid, r, &data_row, index)) continue;
    visit(a, block, pno_field_at(a->grid, block, data_row, a->channels), index, user);
  }
}

static void error_row(const pno_loss *a, int block, ptrdiff_t at, const int *index, void *user) {
  (void)block, (void)index, (void)user;
  const ptrdiff_t n = (ptrdiff_t)a->grid->inner[a->grid->dims - 1] * a->channels;
  for (ptrdiff_t i = at; i < at + n; i++) a->error[i] = a->output[i] - a->target[i];
}

void pno_scalar_loss_error(const pno_loss *a, int block, int count) {
  for (int b = block; b < block + count; b++) each_row(a, b, error_row, NULL);
}

/* Distance in the field from index i of axis j to i + shift, periodic. */
static ptrdiff_t neighbour(const pno_loss *a, int j, int i, int shift) {
  const pno_grid *g = a->grid;
  ptrdiff_t step = a->channels;
  for (int k = g->dims - 1; k > j; k--) step *= g->inner[k];
  const int n = g->inner[j], to = ((i + shift) % n + n) % n;
  return (to - i) * step;
}

/* A stretch of a row whose neighbours on both sides along an axis lie equally far away; the ends of a periodic row are
 * stretches of their own. */
typedef struct {
  ptrdiff_t first, n, up, down; /* values of the row */
} stretch;

/* The stretches of a row for neighbours `shift` further along axis j. Returns how many. */
static int stretches(const pno_loss *a, const int *index, int j, int shift, stretch *out) {
  const int last = a->grid->dims - 1, len = a->grid->inner[last], c = a->channels;
  if (j != last) {
    out[0] = (stretch){0, (ptrdiff_t)len * c, neighbour(a, j, index[j], shift), neighbour(a, j, index[j], -shift)};
    return 1;
  }
  const int ends = 2 * shift < len ? shift : len; /* a row too short for a middle is all ends */
  int n = 0;
  for (int p = 0; p < len; p++) {
    const bool middle = p == ends && ends < len;
    const int points = middle ? len - 2 * ends : 1;
    out[n++] = (stretch){(ptrdiff_t)p * c, (ptrdiff_t)points * c, neighbour(a, j, p, shift), neighbour(a, j, p, -shift)};
    p += points - 1;
  }
  return n;
}

enum { SHIFT_MAX = 2, STRETCHES_MAX = 2 * SHIFT_MAX + 1 };

/* Sum over the row of |d_j f|^2 with d_j f = (f[i+1] - f[i-1]) / (2 h), h = 1 / n. */
static double slope_sum(const pno_loss *a, const float *f, ptrdiff_t at, const int *index, int j) {
  const double half_n = 0.5 * a->grid->inner[j];
  stretch part[STRETCHES_MAX];
  const int parts = stretches(a, index, j, 1, part);
  double sum = 0;
  for (int i = 0; i < parts; i++) {
    const float *here = f + at + part[i].first, *up = here + part[i].up, *down = here + part[i].down;
    for (ptrdiff_t q = 0; q < part[i].n; q++) {
      const double slope = ((double)up[q] - down[q]) * half_n;
      sum += slope * slope;
    }
  }
  return sum;
}

static void sums_row(const pno_loss *a, int block, ptrdiff_t at, const int *index, void *user) {
  (void)user;
  const ptrdiff_t n = (ptrdiff_t)a->grid->inner[a->grid->dims - 1] * a->channels;
  double *sums = a->sums + 2 * (ptrdiff_t)block;
  for (ptrdiff_t i = at; i < at + n; i++) {
    sums[0] += (double)a->error[i] * a->error[i];
    sums[1] += (double)a->target[i] * a->target[i];
  }
  if (a->kind != PNO_LOSS_H1) return;
  for (int j = 0; j < a->grid->dims; j++) {
    sums[0] += slope_sum(a, a->error, at, index, j);
    sums[1] += slope_sum(a, a->target, at, index, j);
  }
}

void pno_scalar_loss_sums(const pno_loss *a, int block, int count) {
  for (int b = block; b < block + count; b++) {
    a->sums[2 * (ptrdiff_t)b] = a->sums[2 * (ptrdiff_t)b + 1] = 0;
    each_row(a, b, sums_row, NULL);
  }
}

/* d/df of sum |d_j f|^2 / 2: the difference operator is antisymmetric, so this is -d_j d_j f. */
static void add_slope_gradient(const pno_loss *a, ptrdiff_t at, const int *index, int j, float scale) {
  const float quarter = 0.25f * (float)a->grid->inner[j] * (float)a->grid->inner[j];
  stretch part[STRETCHES_MAX];
  const int parts = stretches(a, index, j, 2, part);
  for (int i = 0; i < parts; i++) {
    const float *e = a->error + at + part[i].first, *up = e + part[i].up, *down = e + part[i].down;
    float *dy = a->dy + at + part[i].first;
    for (ptrdiff_t q = 0; q < part[i].n; q++) dy[q] += scale * quarter * (2 * e[q] - up[q] - down[q]);
  }
}

static void gradient_row(const pno_loss *a, int block, ptrdiff_t at, const int *index, void *user) {
  (void)user;
  const ptrdiff_t n = (ptrdiff_t)a->grid->inner[a->grid->dims - 1] * a->channels;
  const float scale = a->scale[block / a->grid->blocks];
  for (ptrdiff_t i = at; i < at + n; i++) a->dy[i] = scale * a->error[i];
  if (a->kind != PNO_LOSS_H1) return;
  for (int j = 0; j < a->grid->dims; j++) add_slope_gradient(a, at, index, j, scale);
}

void pno_scalar_loss_gradient(const pno_loss *a, int block, int count) {
  for (int b = block; b < block + count; b++) each_row(a, b, gradient_row, NULL);
}

void pno_scalar_encode(const pno_affine *norm, ptrdiff_t points, int channels, float *field) {
  for (ptrdiff_t p = 0; p < points; p++) {
    const ptrdiff_t at = norm->per_point ? p * channels : 0;
    for (int c = 0; c < channels; c++)
      field[p * channels + c] = (field[p * channels + c] - norm->shift[at + c]) / norm->scale[at + c];
  }
}
