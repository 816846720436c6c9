/* Products of a tile of points with a small matrix, and their adjoints. Columns are multiples of 16. */
#ifndef PNO_KERNELS_SIMD_DENSE_H
#define PNO_KERNELS_SIMD_DENSE_H

#include "kernels/kernels.h"
#include "kernels/simd/vector.h"

enum { TILE_ROWS = 12, RUNS_MAX = 8 }; /* 12 x WIDE sums fill the registers but for the operands */

/* c[p * cs + n] = start[n] + sum_k a[p * as + k] b[k * bs + n]; start NULL: zero. */
void simd_gemm(int points, int columns, int depth, const float *a, ptrdiff_t as, const float *b, ptrdiff_t bs,
               const float *start, float *c, ptrdiff_t cs);

/* A stretch of consecutive points in two arrays. */
typedef struct {
  const float *x, *d;
  int n;
} dense_run;

/* g[i * columns + n] += sum over the points of all runs of x[p * xs + i] d[p * ds + n], i < rows, and
 * sum[n] += sum of d[p * ds + n] (sum NULL: not wanted). */
void simd_outer(int rows, int columns, const dense_run *runs, int n_runs, ptrdiff_t xs, ptrdiff_t ds, float *g,
                float *sum);

/* out[c * os + r] = in[r * is + c] for r < rows, c < cols; is and os are multiples of 16 and what lies between rows and
 * the next multiple of 16 is zeroed. */
void simd_transpose(int rows, int cols, const float *in, ptrdiff_t is, float *out, ptrdiff_t os);

/* Size of part i when n things are shared into parts of at most `most`, as evenly as can be; first: where it starts. */
INLINED int even_share(int n, int most, int i, int *first) {
  const int parts = (n + most - 1) / most, size = n / parts, rest = n % parts;
  *first = i * size + (i < rest ? i : rest);
  return size + (i < rest);
}

#endif
