/* The operations of the scalar table; each is specified in kernels/kernels.h. */
#ifndef PNO_KERNELS_SCALAR_TABLE_H
#define PNO_KERNELS_SCALAR_TABLE_H

#include "kernels/kernels.h"

void pno_scalar_lift_forward(const pno_lift *a, int block, int count, float *scratch);
void pno_scalar_lift_backward(const pno_lift *a, int block, int count, float *scratch);
void pno_scalar_axis_forward(const pno_axis_call *a, int column, int count, float *scratch);
void pno_scalar_axis_inverse(const pno_axis_call *a, int column, int count, float *scratch);
void pno_scalar_mix_forward(const pno_mix *a, int mode, int count);
void pno_scalar_mix_backward(const pno_mix *a, int mode, int count, float *scratch);
void pno_scalar_mix_mask(const pno_mix *a, int mode); /* the dropout of y at one mode of all samples */
void pno_scalar_layer_forward(const pno_layer *a, int block, int count, float *scratch);
void pno_scalar_layer_backward(const pno_back *a, int block, int count, float *scratch);
void pno_scalar_head_forward(const pno_head *a, int block, int count, float *scratch);
void pno_scalar_head_backward(const pno_head *a, int block, int count, float *scratch);
void pno_scalar_head_loss(const pno_head *a, int block, int count, float *scratch);
void pno_scalar_loss_error(const pno_loss *a, int block, int count);
void pno_scalar_loss_sums(const pno_loss *a, int block, int count);
void pno_scalar_loss_gradient(const pno_loss *a, int block, int count);
void pno_scalar_draws_sums(const pno_draws *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_draws_gradient(const pno_draws *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_normal_draw(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_normal_gradient(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_normal_nll(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_normal_nll_gradient(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
void pno_scalar_encode(const pno_affine *norm, ptrdiff_t points, int channels, float *field);
void pno_scalar_gelu(ptrdiff_t n, const float *x, float *value, float *slope);
void pno_scalar_accumulate(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count);
void pno_scalar_squares(const float *g, ptrdiff_t block, ptrdiff_t count, double *squares);
void pno_scalar_adam(const pno_adam *a, ptrdiff_t first, ptrdiff_t count);

#endif
