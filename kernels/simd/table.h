/* The operations of the tables of this folder; each is specified in kernels/kernels.h. */
#ifndef PNO_KERNELS_SIMD_TABLE_H
#define PNO_KERNELS_SIMD_TABLE_H

#include "kernels/kernels.h"
#include "kernels/simd/names.h"

ptrdiff_t simd_pack_row_floats(int n, int k);
void simd_pack_row(const pno_row_modes *m, float *packed);
ptrdiff_t simd_pack_axis_floats(int n, int k, int first);
void simd_pack_axis(const pno_axis *a, float *packed);
ptrdiff_t simd_fft_floats(const pno_grid *grid, int channels);
void simd_lift_forward(const pno_lift *a, int block, int count, float *scratch);
void simd_lift_backward(const pno_lift *a, int block, int count, float *scratch);
void simd_axis_forward(const pno_axis_call *a, int column, int count, float *scratch);
void simd_axis_inverse(const pno_axis_call *a, int column, int count, float *scratch);
void simd_mix_forward(const pno_mix *a, int mode, int count);
void simd_mix_backward(const pno_mix *a, int mode, int count, float *scratch);
void simd_layer_forward(const pno_layer *a, int block, int count, float *scratch);
void simd_layer_backward(const pno_back *a, int block, int count, float *scratch);
void simd_head_forward(const pno_head *a, int block, int count, float *scratch);
void simd_head_backward(const pno_head *a, int block, int count, float *scratch);
void simd_head_loss(const pno_head *a, int block, int count, float *scratch);
void simd_gelu(ptrdiff_t n, const float *x, float *value, float *slope);
void simd_accumulate(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count);
void simd_squares(const float *g, ptrdiff_t block, ptrdiff_t count, double *squares);
void simd_adam(const pno_adam *a, ptrdiff_t first, ptrdiff_t count);

#endif
