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
      const double off = fabs(value[k] - a * phi) / fmax(1.0, fabs(a)), tilt = fabs(slope[k] - (phi + a * density));
      if (!(off <= 3e-7)) cr_assert_fail("%s: gelu(%g) is off by %g", t[i]->name, a, off);
      if (!(tilt <= 1.2e-6)) cr_assert_fail("%s: gelu'(%g) is off by %g", t[i]->name, a, tilt);
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

/* In every lane of a vector and in what is left over behind one. The slope of what is not finite is not looked at: the
 * value spoils the loss, and with it the factor of every gradient. */
Test(gelu, what_is_not_finite_never_becomes_a_finite_value) {
  enum { N = 37 };
  const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int at = 0; at < N; at++) {
      for (int k = 0; k < 4; k++) {
        float x[N] = {0}, value[N], slope[N];
        x[at] = bad[k];
        t[i]->gelu(N, x, value, k % 2 ? slope : NULL);
        for (int j = 0; j < N; j++)
          if ((isfinite(value[j]) != 0) != (j != at))
            cr_assert_fail("%s: gelu(%g) = %g beside %g at %d", t[i]->name, (double)x[j], (double)value[j],
                           (double)bad[k], at);
      }
    }
  }
}

Test(gelu, far_out_it_is_zero_or_the_identity_and_at_zero_it_is_zero_and_a_half) {
  const float far[] = {20.0f, 1e3f, 1e18f, 1e30f};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int k = 0; k < 4; k++) {
      const float x[3] = {far[k], -far[k], 0.0f};
      float value[3], slope[3];
      t[i]->gelu(3, x, value, slope);
      cr_assert_float_eq(value[0], far[k], 0.0, "%s: gelu(%g) = %g", t[i]->name, (double)far[k], (double)value[0]);
      cr_assert_float_eq(value[1], 0.0f, 1e-30, "%s: gelu(%g) = %g", t[i]->name, (double)-far[k], (double)value[1]);
      cr_assert_float_eq(slope[0], 1.0f, 1e-6, "%s: slope of %g", t[i]->name, (double)far[k]);
      cr_assert_float_eq(slope[1], 0.0f, 1e-6, "%s: slope of %g", t[i]->name, (double)-far[k]);
      cr_assert_float_eq(value[2], 0.0f, 1e-30, "%s", t[i]->name);
      cr_assert_float_eq(slope[2], 0.5f, 1e-6, "%s", t[i]->name);
    }
  }
}

Test(gelu, a_chain_counts_its_cycles_and_ends_where_all_of_them_lead) {
  double one = 0, two = 0;
  const uint64_t end[] = {pno_chain_run(1, &one), pno_chain_run(2, &two), pno_chain_run(1, &one)};
  cr_assert(one > 0 && two == 2 * one && end[0] == end[2] && end[0] != end[1]);
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
