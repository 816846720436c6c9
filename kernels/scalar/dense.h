/* Small dense products over channel-last vectors: plain loops, columns in groups of 16 that the compiler vectorises. */
#ifndef PNO_KERNELS_SCALAR_DENSE_H
#define PNO_KERNELS_SCALAR_DENSE_H

#include <stddef.h>

#include "kernels/kernels.h"

/* A matrix operand: element (i, k) at p[i * row + k * col]. */
typedef struct {
  const float *p;
  ptrdiff_t row, col;
} pno_operand;

/* c[i * cs + n] = (keep ? c : 0) + alpha sum_k a(i, k) b[k * bs + n] for i < m, n < columns (a multiple of 16).
 * The sum runs over k in order. */
void pno_dense(int m, int columns, int depth, float alpha, pno_operand a, const float *b, ptrdiff_t bs, float *c,
               ptrdiff_t cs, int keep);

/* out[col * rows_padded + row] = in[row * cols_padded + col]; rows_padded = padded(rows), the new padding is zeroed. */
void pno_transpose(int rows, int cols, const float *in, float *out);

/* Dropout of the hidden layer of consecutive points of one sample. NULL dropout: none. */
typedef struct {
  const pno_dropout *dropout;
  int sample;
  ptrdiff_t first; /* number of the first point in the sample's data */
} pno_mask;

/* The two-layer (or one-layer) map on `points` points, vectors `stride` apart. */
void pno_mlp_forward(const pno_mlp *m, int points, pno_mask mask, const float *x, ptrdiff_t xs, float *out,
                     float *scratch);

/* Where the gradients of one map go: compact, in the order w1, b1, w2, b2. */
typedef struct {
  float *w1, *b1, *w2, *b2;
} pno_mlp_grad;
pno_mlp_grad pno_mlp_grad_at(const pno_mlp *m, float *base);

/* What backward keeps over the calls of one block: transposed weights and the transposed gradient of w2. */
typedef struct {
  const pno_mlp *m;
  pno_mlp_grad g;
  float *w1t, *w2t, *g2t; /* scratch */
  float *tile;            /* scratch */
} pno_mlp_back;

pno_mlp_back pno_mlp_back_begin(const pno_mlp *m, float *grad, float **scratch); /* zeroes the gradient */
/* dout: [points][padded(out)]; dx [points][dxs]: overwritten, NULL if not wanted. */
void pno_mlp_back_run(pno_mlp_back *b, int points, pno_mask mask, const float *x, ptrdiff_t xs, const float *dout,
                      float *dx, ptrdiff_t dxs);
void pno_mlp_back_end(pno_mlp_back *b); /* writes the gradient of w2 */

/* sum[n] += sum over points of v[p * stride + n], n < columns. */
void pno_sum_points(int points, int columns, const float *v, ptrdiff_t stride, float *sum);

#endif
