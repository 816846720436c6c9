#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "kernels/burst.h"
#include "tests/kernels/kernel_world.h"

Test(gelu, every_table_makes_x_times_the_normal_distribution_and_its_slope) {
  enum { N = 24001 }; /* no multiple of a vector */
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    float *x = world_zeros(&w, N), *value = world_zeros(&w, N), *slope = world_zeros(&w, N);
    for (int k = 0; k < N; k++) x[k] = (float)(k - N / 2) * 1e-3f;
    t[i]->gelu(N, x, value, slope);
    for (int k = 0; k < N; k++) {
      const double a = x[k], phi = 0.5 * erfc(-a / sqrt(2.0)), density = exp(-0.5 * a * a) / sqrt(2.0 * M_PI);
      cr_assert_float_eq(value[k], a * phi, 3e-7 * fmax(1.0, fabs(a)), "%s: gelu(%g)", t[i]->name, a);
      cr_assert_float_eq(slope[k], phi + a * density, 1e-6, "%s: gelu'(%g)", t[i]->name, a);
    }
    world_end(&w);
  }
}

Test(gelu, neither_the_slope_nor_the_place_of_the_result_changes_a_bit) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int n = 0; n <= 67; n++) {
      world w = {0};
      float *x = world_noise(&w, n, 1), *value = world_noise(&w, n, 2), *alone = world_noise(&w, n, 3);
      float *slope = world_zeros(&w, n), *again = world_zeros(&w, n);
      t[i]->gelu(n, x, value, slope);
      t[i]->gelu(n, x, alone, NULL);
      cr_assert_eq(memcmp(value, alone, sizeof *x * (size_t)n), 0, "%s: without the slope", t[i]->name);
      t[i]->gelu(n, x, x, again);
      cr_assert_eq(memcmp(value, x, sizeof *x * (size_t)n), 0, "%s: in place", t[i]->name);
      cr_assert_eq(memcmp(slope, again, sizeof *x * (size_t)n), 0, "%s: the slope in place", t[i]->name);
      world_end(&w);
    }
  }
}

Test(gelu, what_is_not_finite_stays_so_and_far_out_it_is_zero_or_the_identity) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    float x[5] = {NAN, INFINITY, -1e30f, 1e30f, 0.0f}, value[5], slope[5];
    t[i]->gelu(5, x, value, slope);
    cr_assert(isnan(value[0]) && isnan(slope[0]), "%s: not a number", t[i]->name);
    cr_assert(!isfinite(value[1]), "%s: infinity", t[i]->name);
    cr_assert_float_eq(value[2], 0.0f, 1e-30, "%s", t[i]->name);
    cr_assert_float_eq(value[3], 1e30f, 0.0, "%s", t[i]->name);
    cr_assert_float_eq(value[4], 0.0f, 0.0, "%s", t[i]->name);
    cr_assert_float_eq(slope[4], 0.5f, 1e-6, "%s", t[i]->name);
  }
}

Test(gelu, the_burst_counts_what_it_made) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  double one = 0, two = 0, none = 1;
  for (int i = 0; i < tables; i++) {
    cr_assert(isfinite(pno_gelu_run(t[i], 1, false, &one)) && isfinite(pno_gelu_run(t[i], 2, true, &two)));
    cr_assert_float_eq(pno_gelu_run(t[i], 0, true, &none), 0.0f, 0.0);
    cr_assert(one > 0 && two == 2 * one && none == 0);
  }
}
