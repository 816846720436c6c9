/* The rows of a block, cut into tiles whose activations stay in the first-level cache: some whole short rows, or a
 * stretch of slots of a long one, whose points come in up to four runs and the specials. In the tile itself ("packed")
 * the runs follow each other. */
#ifndef PNO_KERNELS_SIMD_TILE_H
#define PNO_KERNELS_SIMD_TILE_H

#include "kernels/simd/dense.h"
#include "kernels/simd/transform.h"

typedef struct {
  ptrdiff_t memory, packed; /* floats from the tile's first row, and from the start of the packed tile */
  int point, n;             /* place in the row, points */
  ptrdiff_t ahead;          /* floats to where the next tile has the same run */
} tile_run;

typedef struct {
  int row, rows;  /* first row in the sample */
  int points;
  bool whole;     /* all of its rows */
  bool first, last; /* of its row */
  stretch s;      /* of each row */
  places memory, packed; /* of the first row; the next row's lie row_floats further in both */
  ptrdiff_t row_floats, ahead[4]; /* ahead: floats to where the next tile has the same slot */
  int runs;
  tile_run run[RUNS_MAX];
} tile;

/* Points of the largest tile. */
INLINED int tile_points(int cp) {
  enum { FLOATS = 4096, LEAST = 16 };
  return (FLOATS / cp > LEAST ? FLOATS / cp : LEAST) + 4;
}

typedef void tile_visit(void *user, const tile *t);

/* All tiles of one block in order; cp: padded channels. */
void simd_tiles(const pno_grid *g, int block, int cp, tile_visit *visit, void *user);

#endif
