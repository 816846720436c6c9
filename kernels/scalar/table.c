#include "kernels/scalar/table.h"

/* Plain loops read the dense tables as they are. */
static ptrdiff_t row_floats(int n, int k) {
  (void)n, (void)k;
  return 0;
}

static void pack_row(const pno_row_modes *m, float *packed) { (void)m, (void)packed; }

static ptrdiff_t axis_floats(int n, int k, int first) {
  (void)n, (void)k, (void)first;
  return 0;
}

static void pack_axis(const pno_axis *a, float *packed) { (void)a, (void)packed; }

/* Seven rows of activations, the transposed weights and the tiles of two maps of the widest kind, one mode transposed. */
static ptrdiff_t scratch_floats(const pno_grid *grid, int widest) {
  enum { TILE_POINTS = 64 };
  const ptrdiff_t wide = pno_padded(widest);
  return 7 * grid->len * wide + 6 * wide * wide + 7 * TILE_POINTS * wide + 4 * wide;
}

static ptrdiff_t no_fft(const pno_grid *grid, int channels) {
  (void)grid, (void)channels;
  return 0;
}

static const pno_kernels scalar = {
    .name = "cpu/scalar",
    .pack_row_floats = row_floats,
    .pack_row = pack_row,
    .pack_axis_floats = axis_floats,
    .pack_axis = pack_axis,
    .scratch_floats = scratch_floats,
    .fft_floats = no_fft,
    .lift_forward = pno_scalar_lift_forward,
    .lift_backward = pno_scalar_lift_backward,
    .axis_forward = pno_scalar_axis_forward,
    .axis_inverse = pno_scalar_axis_inverse,
    .mix_forward = pno_scalar_mix_forward,
    .mix_backward = pno_scalar_mix_backward,
    .layer_forward = pno_scalar_layer_forward,
    .layer_backward = pno_scalar_layer_backward,
    .head_forward = pno_scalar_head_forward,
    .head_backward = pno_scalar_head_backward,
    .head_loss = pno_scalar_head_loss,
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
    .gelu = pno_scalar_gelu,
    .accumulate = pno_scalar_accumulate,
    .squares = pno_scalar_squares,
    .adam = pno_scalar_adam,
};

const pno_kernels *pno_kernels_scalar(void) { return &scalar; }

ptrdiff_t pno_back_floats(const pno_back *a) {
  const ptrdiff_t cp = pno_padded(a->channels);
  return (a->linear ? a->channels * cp + cp + (a->gated ? cp : 0) : 0) +
         (a->stage && a->mix_channels ? pno_mlp_floats(&a->mlp) : 0);
}

ptrdiff_t pno_head_floats(const pno_head *a) { return pno_mlp_floats(&a->mlp) * (a->second ? 2 : 1); }
