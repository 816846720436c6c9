/* The grid that layers compute on, cut into rows and blocks. Pure geometry, no state. All functions are Local. */
#ifndef PNO_KERNELS_GRID_H
#define PNO_KERNELS_GRID_H

#include <stdbool.h>
#include <stddef.h>

enum { PNO_DIMS_MAX = 3, PNO_LANES = 16 };

/* Channels are stored padded to a multiple of 16 with zeros. */
static inline int pno_padded(int channels) { return (channels + PNO_LANES - 1) / PNO_LANES * PNO_LANES; }

/* Activations lie as [sample][row][point][channel padded]: a row runs along the last axis, rows are the leading axes in
 * row-major order. The data sits at lo .. lo + inner - 1 of each axis, the rest is domain padding.
 * A slab is what the transform of the last leading axis runs over: all rows of a 2-D sample, those of one index of the
 * first axis in 3-D, the one row in 1-D. A block is block_rows rows of one slab (the last may be shorter): the unit of
 * work and of partial sums. Both depend on the grid alone, so that sums never depend on who computes them. */
typedef struct {
  int dims;
  int n[PNO_DIMS_MAX];     /* extents, padding included */
  int lo[PNO_DIMS_MAX];    /* first data point of each axis */
  int inner[PNO_DIMS_MAX]; /* data extents */
  int rows;                /* product of all n but the last */
  int len;                 /* the last n: points a row */
  int slabs;               /* slabs a sample */
  int slab_rows;           /* rows a slab */
  int block_rows;
  int slab_blocks; /* blocks a slab */
  int blocks;      /* blocks a sample */
} pno_grid;

static inline pno_grid pno_grid_make(int dims, const int *n, const int *lo, const int *inner) {
  enum { BLOCK_POINTS = 1024 };
  pno_grid g = {.dims = dims, .rows = 1, .len = n[dims - 1]};
  for (int j = 0; j < dims; j++) {
    g.n[j] = n[j];
    g.lo[j] = lo[j];
    g.inner[j] = inner[j];
    if (j < dims - 1) g.rows *= n[j];
  }
  g.slab_rows = dims > 1 ? n[dims - 2] : 1;
  g.slabs = g.rows / g.slab_rows;
  g.block_rows = (BLOCK_POINTS + g.len - 1) / g.len;
  g.slab_blocks = (g.slab_rows + g.block_rows - 1) / g.block_rows;
  g.blocks = g.slabs * g.slab_blocks;
  return g;
}

static inline ptrdiff_t pno_grid_points(const pno_grid *g) { return (ptrdiff_t)g->rows * g->len; }

/* Points without the padding. */
static inline ptrdiff_t pno_grid_data_points(const pno_grid *g) {
  ptrdiff_t p = 1;
  for (int j = 0; j < g->dims; j++) p *= g->inner[j];
  return p;
}

/* First row in the sample and number of rows of block b (counted over all samples); the sample is b / blocks. */
static inline int pno_grid_block(const pno_grid *g, int b, int *first) {
  const int slab = b % g->blocks / g->slab_blocks, in_slab = b % g->slab_blocks * g->block_rows;
  *first = slab * g->slab_rows + in_slab;
  return in_slab + g->block_rows <= g->slab_rows ? g->block_rows : g->slab_rows - in_slab;
}

/* Whether a row holds data; at = which row of the unpadded array, index = data index on each leading axis. */
static inline bool pno_grid_data_row(const pno_grid *g, int row, ptrdiff_t *at, int index[PNO_DIMS_MAX]) {
  for (int j = g->dims - 2; j >= 0; j--) {
    index[j] = row % g->n[j] - g->lo[j];
    if (index[j] < 0 || index[j] >= g->inner[j]) return false;
    row /= g->n[j];
  }
  *at = 0;
  for (int j = 0; j < g->dims - 1; j++) *at = *at * g->inner[j] + index[j];
  return true;
}

#endif
