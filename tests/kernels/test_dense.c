#include "kernels/scalar/dense.h"

#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/kernel_world.h"

Test(dense, the_product_is_that_of_the_definition_at_odd_and_even_sizes) {
  for (int m = 1; m <= 5; m++) {
    for (int depth = 1; depth <= 7; depth += 3) {
      world w = {0};
      const float *a = world_noise(&w, m * depth, 1), *b = world_noise(&w, depth * 32, 2);
      const float *c0 = world_noise(&w, m * 32, 3);
      float *keep = world_copy(&w, c0, m * 32), *fresh = world_copy(&w, c0, m * 32);
      pno_dense(m, 32, depth, -0.5f, (pno_operand){a, 1, m}, b, 32, keep, 32, 1);
      pno_dense(m, 32, depth, -0.5f, (pno_operand){a, 1, m}, b, 32, fresh, 32, 0);
      for (int i = 0; i < m * 32; i++) {
        double sum = 0;
        for (int k = 0; k < depth; k++) sum += (double)a[k * m + i / 32] * b[k * 32 + i % 32];
        cr_assert_float_eq(fresh[i], -0.5 * sum, 1e-5);
        cr_assert_float_eq(keep[i], c0[i] - 0.5 * sum, 1e-5);
      }
      world_end(&w);
    }
  }
}

Test(dense, transposing_twice_gives_the_matrix_back) {
  world w = {0};
  const float *a = world_vectors(&w, 21, 5, 1);
  float *t = world_noise(&w, 5 * 32, 2), *back = world_noise(&w, 21 * 16, 3);
  pno_transpose(21, 5, a, t);
  pno_transpose(5, 21, t, back);
  for (int i = 0; i < 21 * 16; i++) cr_assert_eq(a[i], back[i]);
  cr_assert(world_padding_is_zero(t, 5, 21));
  world_end(&w);
}

/* One and two layers, narrow and wide outputs, more points than a tile. */
Test(dense, the_point_map_is_that_of_the_definition) {
  static const int shapes[][3] = {{3, 0, 20}, {20, 7, 1}, {5, 40, 4}, {17, 33, 5}, {1, 16, 48}};
  enum { POINTS = 70 };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    world w = {0};
    const pno_mlp m = world_mlp(&w, shapes[i][0], shapes[i][1], shapes[i][2], 1);
    const int ip = pno_padded(m.in), hp = pno_padded(m.hidden ? m.hidden : m.out), op = pno_padded(m.out);
    const float *x = world_vectors(&w, POINTS, m.in, 9);
    float *out = world_noise(&w, POINTS * op, 10);
    pno_mlp_forward(&m, POINTS, (pno_mask){0}, x, ip, out, world_zeros(&w, (64 + 64) * hp));
    for (int p = 0; p < POINTS; p++) {
      for (int o = 0; o < m.out; o++) {
        double want = m.hidden ? m.b2[o] : m.b1[o];
        for (int h = 0; h < m.hidden; h++) {
          double v = m.b1[h];
          for (int k = 0; k < m.in; k++) v += (double)m.w1[k * hp + h] * x[p * ip + k];
          want += m.w2[h * op + o] * v * 0.5 * erfc(-v / sqrt(2.0));
        }
        for (int k = 0; k < m.in && !m.hidden; k++) want += (double)m.w1[k * hp + o] * x[p * ip + k];
        cr_assert_float_eq(out[p * op + o], want, 1e-4, "shape %zu, point %d: %g, not %g", i, p, out[p * op + o], want);
      }
    }
    cr_assert(world_padding_is_zero(out, POINTS, m.out));
    world_end(&w);
  }
}
