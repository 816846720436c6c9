#include "kernels/simd/dense.h"

#include <string.h>

/* Element (i, 0) of an operand whose rows lie `s` apart: three bases and two steps reach twelve rows without a pointer
 * each, which the compiler would keep in memory. */
INLINED const float *row_of(const float *const base[3], int i, ptrdiff_t s, ptrdiff_t s3) {
  const float *b = base[i / 4];
  return i % 4 == 0 ? b : i % 4 == 1 ? b + s : i % 4 == 2 ? b + 2 * s : b + s3;
}

/* Two shapes of a block fill the registers: TILE_ROWS rows of WIDE registers, or half the rows of twice the width, which
 * loads less a product and is for columns that come in such widths. */
enum { BROAD = 2 * WIDE, BROAD_ROWS = TILE_ROWS / 2 };

INLINED void gemm_block(const int rows, const int wide, int depth, const float *a, ptrdiff_t as, const float *b,
                        ptrdiff_t bs, const float *start, float *c, ptrdiff_t cs) {
  vec sum[TILE_ROWS][BROAD];
  const float *base[3] = {a, a + 4 * as, a + 8 * as};
  const ptrdiff_t as3 = 3 * as;
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) sum[i][v] = start ? v_load(start + v * LANES) : v_zero();
#pragma GCC unroll 4
  for (int k = 0; k < depth; k++) {
    vec w[BROAD];
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) w[v] = v_load(b + v * LANES);
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
      const vec x = v_all(*row_of(base, i, as, as3));
#pragma GCC unroll 4
      for (int v = 0; v < wide; v++) sum[i][v] = v_fma(x, w[v], sum[i][v]);
    }
    b += bs;
    base[0]++, base[1]++, base[2]++;
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) v_store(c + i * cs + v * LANES, sum[i][v]);
}

#define ROWS(n) \
  case n: gemm_block(n, wide, depth, a, as, b, bs, start, c, cs); break
INLINED void gemm_few(int rows, const int wide, int depth, const float *a, ptrdiff_t as, const float *b, ptrdiff_t bs,
                       const float *start, float *c, ptrdiff_t cs) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    default: break;
  }
}

INLINED void gemm_rows(int rows, const int wide, int depth, const float *a, ptrdiff_t as, const float *b, ptrdiff_t bs,
                       const float *start, float *c, ptrdiff_t cs) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    ROWS(7);
    ROWS(8);
    ROWS(9);
    ROWS(10);
    ROWS(11);
    ROWS(12);
    default: break;
  }
}
#undef ROWS

void simd_gemm(int points, int columns, int depth, const float *a, ptrdiff_t as, const float *b, ptrdiff_t bs,
               const float *start, float *c, ptrdiff_t cs) {
  const int parts = (points + TILE_ROWS - 1) / TILE_ROWS;
  const int broad = (points + BROAD_ROWS - 1) / BROAD_ROWS;
  int v = 0;
  for (; v + BROAD * LANES <= columns; v += BROAD * LANES) {
    for (int i = 0, p; i < broad; i++) {
      const int rows = even_share(points, BROAD_ROWS, i, &p);
      gemm_few(rows, BROAD, depth, a + p * as, as, b + v, bs, start ? start + v : NULL, c + p * cs + v, cs);
    }
  }
  for (; v + WIDE * LANES <= columns; v += WIDE * LANES) {
    for (int i = 0, p; i < parts; i++) {
      const int rows = even_share(points, TILE_ROWS, i, &p);
      gemm_rows(rows, WIDE, depth, a + p * as, as, b + v, bs, start ? start + v : NULL, c + p * cs + v, cs);
    }
  }
  for (; v < columns; v += LANES) {
    for (int i = 0, p; i < parts; i++) {
      const int rows = even_share(points, TILE_ROWS, i, &p);
      gemm_rows(rows, 1, depth, a + p * as, as, b + v, bs, start ? start + v : NULL, c + p * cs + v, cs);
    }
  }
}

/* The sums start from zero and are added to g at the end: two levels, so that long blocks lose no digits. */
INLINED void outer_block(const int rows, const int wide, const dense_run *runs, int n_runs, ptrdiff_t row, ptrdiff_t v0,
                         ptrdiff_t xs, ptrdiff_t ds, float *g, ptrdiff_t gs) {
  vec sum[TILE_ROWS][BROAD];
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) sum[i][v] = v_zero();
  for (int r = 0; r < n_runs; r++) {
    const float *x = runs[r].x + row, *d = runs[r].d + v0;
#pragma GCC unroll 4
    for (int p = 0; p < runs[r].n; p++) {
      vec w[BROAD];
#pragma GCC unroll 4
      for (int v = 0; v < wide; v++) w[v] = v_load(d + v * LANES);
#pragma GCC unroll 12
      for (int i = 0; i < rows; i++) {
        const vec y = v_all(x[i]);
#pragma GCC unroll 4
        for (int v = 0; v < wide; v++) sum[i][v] = v_fma(y, w[v], sum[i][v]);
      }
      x += xs;
      d += ds;
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < wide; v++) {
      float *at = g + i * gs + v * LANES;
      v_store(at, v_load(at) + sum[i][v]);
    }
}

#define ROWS(n) \
  case n: outer_block(n, wide, runs, n_runs, row, v, xs, ds, g, gs); break
INLINED void outer_few(int rows, const int wide, const dense_run *runs, int n_runs, ptrdiff_t row, ptrdiff_t v,
                        ptrdiff_t xs, ptrdiff_t ds, float *g, ptrdiff_t gs) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    default: break;
  }
}

INLINED void outer_rows(int rows, const int wide, const dense_run *runs, int n_runs, ptrdiff_t row, ptrdiff_t v,
                        ptrdiff_t xs, ptrdiff_t ds, float *g, ptrdiff_t gs) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    ROWS(7);
    ROWS(8);
    ROWS(9);
    ROWS(10);
    ROWS(11);
    ROWS(12);
    default: break;
  }
}
#undef ROWS

static void column_sums(int columns, const dense_run *runs, int n_runs, ptrdiff_t ds, float *sum) {
  for (int v = 0; v < columns; v += LANES) {
    vec s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    for (int r = 0; r < n_runs; r++) {
      const float *d = runs[r].d + v;
      int p = 0;
      for (; p + 4 <= runs[r].n; p += 4, d += 4 * ds) {
        s[0] += v_load(d);
        s[1] += v_load(d + ds);
        s[2] += v_load(d + 2 * ds);
        s[3] += v_load(d + 3 * ds);
      }
      for (; p < runs[r].n; p++, d += ds) s[0] += v_load(d);
    }
    v_store(sum + v, v_load(sum + v) + ((s[0] + s[1]) + (s[2] + s[3])));
  }
}

void simd_outer(int rows, int columns, const dense_run *runs, int n_runs, ptrdiff_t xs, ptrdiff_t ds, float *g,
                float *sum) {
  const int parts = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const int broad = (rows + BROAD_ROWS - 1) / BROAD_ROWS;
  int v = 0;
  for (; v + BROAD * LANES <= columns; v += BROAD * LANES) {
    for (int i = 0, row; i < broad; i++) {
      const int n = even_share(rows, BROAD_ROWS, i, &row);
      outer_few(n, BROAD, runs, n_runs, row, v, xs, ds, g + (ptrdiff_t)row * columns + v, columns);
    }
  }
  for (; v + WIDE * LANES <= columns; v += WIDE * LANES) {
    for (int i = 0, row; i < parts; i++) {
      const int n = even_share(rows, TILE_ROWS, i, &row);
      outer_rows(n, WIDE, runs, n_runs, row, v, xs, ds, g + (ptrdiff_t)row * columns + v, columns);
    }
  }
  for (; v < columns; v += LANES) {
    for (int i = 0, row; i < parts; i++) {
      const int n = even_share(rows, TILE_ROWS, i, &row);
      outer_rows(n, 1, runs, n_runs, row, v, xs, ds, g + (ptrdiff_t)row * columns + v, columns);
    }
  }
  if (sum) column_sums(columns, runs, n_runs, ds, sum);
}

void simd_transpose(int rows, int cols, const float *in, ptrdiff_t is, float *out, ptrdiff_t os) {
  for (int r = 0; r < pno_padded(rows); r += LANES) {
    for (int c = 0; c < cols; c += LANES) {
      vec square[LANES];
      const float *from = in + r * is + c;
      float *to = out + c * os + r;
      const int here = rows - r < LANES ? rows - r : LANES, wanted = cols - c < LANES ? cols - c : LANES;
      if (here == LANES) {
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) square[i] = v_load(from + i * is);
      } else {
        for (int i = 0; i < LANES; i++) square[i] = i < here ? v_load(from + i * is) : v_zero();
      }
      v_transpose(square);
      if (wanted == LANES) {
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) v_store(to + i * os, square[i]);
      } else {
        for (int i = 0; i < wanted; i++) v_store(to + i * os, square[i]);
      }
    }
  }
}
