#include "kernels/simd/table.h"

#include "kernels/scalar/table.h"
#include "kernels/simd/tile.h"

static ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* Fewest padded channels that a tile may have, so the most points; the widest vectors and transposed maps. */
static ptrdiff_t simd_scratch_floats(const pno_grid *grid, int widest) {
  const ptrdiff_t wide = pno_padded(widest), points = tile_points(PNO_LANES);
  ptrdiff_t longest = grid->len; /* of any axis: its modes on both sides of a column */
  for (int j = 0; j < grid->dims; j++) longest = larger(longest, grid->n[j]);
  return 16 * points * wide + 6 * wide * wide + (2 * longest + 64) * wide;
}

/* Losses, draws and normaliser touch a few floats a point and vectorise by themselves: the scalar table's serve here too. */
static const pno_kernels simd = {
#if defined(__AVX512F__)
    .name = "cpu/avx512",
#else
    .name = "cpu/avx2",
#endif
    .pack_row_floats = simd_pack_row_floats,
    .pack_row = simd_pack_row,
    .pack_axis_floats = simd_pack_axis_floats,
    .pack_axis = simd_pack_axis,
    .scratch_floats = simd_scratch_floats,
    .fft_floats = simd_fft_floats,
    .lift_forward = simd_lift_forward,
    .lift_backward = simd_lift_backward,
    .axis_forward = simd_axis_forward,
    .axis_inverse = simd_axis_inverse,
    .mix_forward = simd_mix_forward,
    .mix_backward = simd_mix_backward,
    .layer_forward = simd_layer_forward,
    .layer_backward = simd_layer_backward,
    .head_forward = simd_head_forward,
    .head_backward = simd_head_backward,
    .head_loss = simd_head_loss,
    .loss_error = pno_scalar_loss_error,
    .loss_sums = pno_scalar_loss_sums,
    .loss_gradient = pno_scalar_loss_gradient,
    .draws_sums = pno_scalar_draws_sums,
    .draws_gradient = pno_scalar_draws_gradient,
    .normal_draw = pno_scalar_normal_draw,
    .normal_gradient = pno_scalar_normal_gradient,
    .normal_nll = pno_scalar_normal_nll,
    .normal_nll_gradient = pno_scalar_normal_nll_gradient,
    .encode = pno_scalar_encode,
    .gelu = simd_gelu,
    .accumulate = simd_accumulate,
    .squares = simd_squares,
    .adam = simd_adam,
};

#if defined(__AVX512F__)
const pno_kernels *pno_kernels_avx512(void) { return &simd; }
#else
const pno_kernels *pno_kernels_avx2(void) { return &simd; }
#endif
