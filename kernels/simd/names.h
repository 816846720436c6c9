/* One source is compiled for two instruction sets: what the files of this folder share carries the name of the set.
 * PNO_SIMD is avx512 or avx2, given by meson.build. */
#ifndef PNO_KERNELS_SIMD_NAMES_H
#define PNO_KERNELS_SIMD_NAMES_H

#define SIMD_JOIN_(set, name) pno_##set##_##name
#define SIMD_JOIN(set, name) SIMD_JOIN_(set, name)
#define SIMD_NAME(name) SIMD_JOIN(PNO_SIMD, name)

#define simd_lift_forward SIMD_NAME(lift_forward)
#define simd_lift_backward SIMD_NAME(lift_backward)
#define simd_axis_forward SIMD_NAME(axis_forward)
#define simd_axis_inverse SIMD_NAME(axis_inverse)
#define simd_mix_forward SIMD_NAME(mix_forward)
#define simd_mix_backward SIMD_NAME(mix_backward)
#define simd_layer_forward SIMD_NAME(layer_forward)
#define simd_layer_backward SIMD_NAME(layer_backward)
#define simd_head_forward SIMD_NAME(head_forward)
#define simd_head_backward SIMD_NAME(head_backward)
#define simd_head_loss SIMD_NAME(head_loss)
#define simd_accumulate SIMD_NAME(accumulate)
#define simd_squares SIMD_NAME(squares)
#define simd_adam SIMD_NAME(adam)
#define simd_pack_row SIMD_NAME(pack_row)
#define simd_pack_row_floats SIMD_NAME(pack_row_floats)
#define simd_pack_axis SIMD_NAME(pack_axis)
#define simd_pack_axis_floats SIMD_NAME(pack_axis_floats)
#define simd_gemm SIMD_NAME(gemm)
#define simd_outer SIMD_NAME(outer)
#define simd_transpose SIMD_NAME(transpose)
#define simd_analyse SIMD_NAME(analyse)
#define simd_analyse_fetch SIMD_NAME(analyse_fetch)
#define simd_synthesise SIMD_NAME(synthesise)
#define simd_synthesise_plain SIMD_NAME(synthesise_plain)
#define simd_map_forward SIMD_NAME(map_forward)
#define simd_map_begin SIMD_NAME(map_begin)
#define simd_map_backward SIMD_NAME(map_backward)
#define simd_fft_floats SIMD_NAME(fft_floats)
#define simd_fft_analyse SIMD_NAME(fft_analyse)
#define simd_fft_synthesise SIMD_NAME(fft_synthesise)
#define simd_mask_bits SIMD_NAME(mask_bits)
#define simd_lift_points SIMD_NAME(lift_points)
#define simd_tiles SIMD_NAME(tiles)
#define simd_gelu SIMD_NAME(gelu)
#define simd_scratch_floats SIMD_NAME(scratch_floats)

#endif
