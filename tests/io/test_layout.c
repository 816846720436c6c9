#include "io/layout.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/io/checkpoint_world.h"

static world a, b;

Test(layout, every_layout_comes_back_bit_by_bit_with_zero_padding) {
  static unsigned char outside[WORLD_FLOATS * 8];
  world_make(&a, 3);
  world_clear(&b);
  for (int i = 0; i < WORLD_ARRAYS; i++) {
    cr_assert_eq(pno_layout_export(&a.arrays[i], outside), PNO_OK);
    cr_assert_eq(pno_layout_import(&b.arrays[i], outside), PNO_OK);
  }
  cr_assert(world_same(&a, &b)); /* compares the padding, too */
}

Test(layout, a_dense_weight_is_the_transpose) {
  float stored[2 * 16] = {0}, outside[6];
  for (int i = 0; i < 2; i++)
    for (int o = 0; o < 3; o++) stored[i * 16 + o] = (float)(10 * o + i);
  const pno_array w = {.name = "model/w", .rank = 2, .shape = {3, 2}, .layout = PNO_LAYOUT_DENSE, .data = stored,
                       .in = 2, .out = 3, .out_padded = 16};
  cr_assert_eq(pno_layout_export(&w, outside), PNO_OK);
  const float want[6] = {0, 1, 10, 11, 20, 21};
  cr_assert_arr_eq(outside, want, sizeof want);
}

/* Value of (k0, k1, i, part, o) in stored order. */
static float code(int k0, int k1, int i, int part, int o) {
  return (float)(10000 * k0 + 1000 * k1 + 100 * i + 10 * part + o);
}

Test(layout, spectral_weights_go_out_as_in_out_modes_and_corners_as_slices) {
  enum { K0 = 4, K1 = 2, CI = 2, CO = 3 };
  static float stored[K0][K1][CI][2][16];
  static float outside[CI][CO][2][K1][2];
  for (int k0 = 0; k0 < K0; k0++)
    for (int k1 = 0; k1 < K1; k1++)
      for (int i = 0; i < CI; i++)
        for (int p = 0; p < 2; p++)
          for (int o = 0; o < CO; o++) stored[k0][k1][i][p][o] = code(k0, k1, i, p, o);
  const pno_array corner = {.name = "model/conv0.weights1", .dtype = PNO_DTYPE_C64, .rank = 4,
                            .shape = {CI, CO, 2, K1}, .layout = PNO_LAYOUT_SPECTRAL, .data = stored, .in = CI,
                            .out = CO, .out_padded = 16, .mode_axes = 2, .modes = {K0, K1}, .first = {2, 0}};
  cr_assert_eq(pno_layout_export(&corner, outside), PNO_OK);
  for (int k0 = 0; k0 < 2; k0++)
    for (int k1 = 0; k1 < K1; k1++)
      for (int i = 0; i < CI; i++)
        for (int p = 0; p < 2; p++)
          for (int o = 0; o < CO; o++) cr_assert_eq(outside[i][o][k0][k1][p], code(k0 + 2, k1, i, p, o));
}

Test(layout, importing_a_corner_leaves_the_other_corner_alone) {
  static unsigned char outside[WORLD_FLOATS * 8];
  world_make(&a, 5);
  world_make(&b, 5);
  memset(outside, 0, sizeof outside);
  cr_assert_eq(pno_layout_import(&a.arrays[5], outside), PNO_OK); /* rows 2.. of the stored array */
  const size_t half = (size_t)2 * 3 * 2 * 2 * 16 * sizeof(float);
  cr_assert_eq(memcmp(a.arrays[5].data, b.arrays[5].data, half), 0);
  cr_assert_neq(memcmp((char *)a.arrays[5].data + half, (char *)b.arrays[5].data + half, half), 0);
}

static pno_status check(pno_array wrong) { return pno_array_check(&wrong); }

Test(layout, shapes_that_do_not_fit_are_refused) {
  world_make(&a, 1);
  pno_array dense = a.arrays[0], vector = a.arrays[1], spectral = a.arrays[2], plain = a.arrays[7];
  dense.shape[1] = 4;
  cr_expect_eq(check(dense), PNO_E_SHAPE);
  vector.shape[0] = 6;
  cr_expect_eq(check(vector), PNO_E_SHAPE);
  spectral.first[0] = 1; /* a slab of 4 from 1 of 4 */
  cr_expect_eq(check(spectral), PNO_E_SHAPE);
  spectral = a.arrays[2];
  spectral.dtype = PNO_DTYPE_F32;
  cr_expect_eq(check(spectral), PNO_E_SHAPE);
  spectral = a.arrays[2];
  spectral.out_padded = 4;
  cr_expect_eq(check(spectral), PNO_E_SHAPE);
  plain.shape[0] = PTRDIFF_MAX / 2;
  cr_expect_eq(check(plain), PNO_E_SHAPE);
  plain.shape[0] = 0;
  cr_expect_eq(check(plain), PNO_E_SHAPE);
  plain = a.arrays[7];
  plain.rank = 7;
  cr_expect_eq(check(plain), PNO_E_SHAPE);
  plain = a.arrays[7];
  plain.data = NULL;
  cr_expect_eq(check(plain), PNO_E_SHAPE);
}

Test(layout, one_and_three_mode_axes_work) {
  for (int axes = 1; axes <= 3; axes += 2) {
    static float x[4096], y[4096];
    static unsigned char outside[4096 * 4];
    pno_array s = {.name = "model/s", .dtype = PNO_DTYPE_C64, .rank = 2 + axes, .shape = {3, 17, 2, 3, 2},
                   .layout = PNO_LAYOUT_SPECTRAL, .data = x, .in = 3, .out = 17, .out_padded = 32, .mode_axes = axes,
                   .modes = {2, 3, 2}};
    const int modes = axes == 1 ? 2 : 12;
    memset(x, 0, sizeof x);
    memset(y, 0x5a, sizeof y);
    for (int row = 0; row < modes * 3 * 2; row++)
      for (int o = 0; o < 17; o++) x[row * 32 + o] = (float)(row * 17 + o);
    cr_assert_eq(pno_layout_export(&s, outside), PNO_OK);
    s.data = y;
    cr_assert_eq(pno_layout_import(&s, outside), PNO_OK);
    cr_assert_arr_eq(x, y, (size_t)modes * 3 * 2 * 32 * sizeof(float));
  }
}
