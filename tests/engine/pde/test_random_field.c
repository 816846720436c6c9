#include "engine/pde/random_field.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

static const double pi = 3.14159265358979323846;

static pno_random_field make(int n0, int n1, double alpha, double tau, pno_arena *arena) {
  pno_random_field f;
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, (size_t)1 << 20, arena), PNO_OK);
  cr_assert_eq(pno_random_field_create(n0, n1, arena, &f), PNO_OK);
  f.alpha = alpha;
  f.tau = tau;
  return f;
}

/* The orthonormal forward DCT-II at one mode, by its sum. */
static double transform(const pno_random_field *f, int k0, int k1) {
  double sum = 0;
  for (int i = 0; i < f->n[0]; i++) {
    for (int j = 0; j < f->n[1]; j++)
      sum += f->values[i * f->n[1] + j] * cos(pi * k0 * (i + 0.5) / f->n[0]) * cos(pi * k1 * (j + 0.5) / f->n[1]);
  }
  return sum * sqrt((k0 ? 2.0 : 1.0) / f->n[0] * (k1 ? 2.0 : 1.0) / f->n[1]);
}

/* Section "GRF.m" written down again. */
static double deviation(const pno_random_field *f, int k0, int k1) {
  if (k0 + k1 == 0) return 0;
  return sqrt((double)f->n[0] * f->n[1]) * pow(f->tau, f->alpha - 1) /
         pow(pi * pi * (k0 * k0 + k1 * k1) + f->tau * f->tau, f->alpha / 2);
}

Test(random_field, the_transform_of_a_field_is_the_formula_times_the_numbers_of_its_sample) {
  static const int sizes[][2] = {{12, 12}, {9, 14}, {14, 9}, {1, 5}, {3, 3}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    pno_arena arena;
    pno_random_field f = make(sizes[s][0], sizes[s][1], 2, 3, &arena);
    const pno_rng rng = {.seed = 0x123456789abcdef0u, .stream = PNO_STREAM_FIELD, .sample = 7};
    pno_random_field_draw(&f, rng.seed, rng.sample);
    for (int k0 = 0; k0 < f.n[0]; k0++) {
      for (int k1 = 0; k1 < f.n[1]; k1++) {
        const double xi = pno_rng_normal(&rng, pno_random_field_element(k0, k1));
        cr_assert_float_eq(transform(&f, k0, k1), deviation(&f, k0, k1) * xi, 1e-12 * f.n[0] * f.n[1],
                           "%d x %d mode %d %d: %g", f.n[0], f.n[1], k0, k1, transform(&f, k0, k1));
      }
    }
    pno_random_field_destroy(&f);
    pno_arena_destroy(&arena);
  }
}

Test(random_field, every_mode_has_a_number_of_its_own_and_shells_follow_each_other) {
  enum { N = 23 };
  char seen[N * N] = {0};
  for (int k0 = 0; k0 < N; k0++) {
    for (int k1 = 0; k1 < N; k1++) {
      const uint64_t e = pno_random_field_element(k0, k1);
      const int m = k0 > k1 ? k0 : k1;
      cr_assert(e >= (uint64_t)(m * m) && e < (uint64_t)((m + 1) * (m + 1)));
      cr_assert_eq(seen[e], 0, "element %d twice", (int)e);
      seen[e] = 1;
    }
  }
}

Test(random_field, a_mode_has_the_same_amplitude_on_every_grid) {
  pno_arena arena[2];
  pno_random_field f[2] = {make(10, 12, 2.5, 4, &arena[0]), make(25, 16, 2.5, 4, &arena[1])};
  for (int g = 0; g < 2; g++) pno_random_field_draw(&f[g], 5, 3);
  for (int k0 = 0; k0 < 10; k0++) {
    for (int k1 = 0; k1 < 12; k1++)
      cr_assert_float_eq(transform(&f[0], k0, k1) / sqrt(10. * 12), transform(&f[1], k0, k1) / sqrt(25. * 16), 1e-13);
  }
  for (int g = 0; g < 2; g++) {
    pno_random_field_destroy(&f[g]);
    pno_arena_destroy(&arena[g]);
  }
}

/* 5 standard errors for 35 modes: one run in 10^5 would fail by chance, and the numbers are fixed. */
Test(random_field, mean_and_variance_over_samples_are_those_of_the_covariance) {
  enum { SAMPLES = 2000, K = 6 };
  pno_arena arena;
  pno_random_field f = make(12, 10, 2, 3, &arena);
  double sum[K][K] = {{0}}, squares[K][K] = {{0}};
  for (uint32_t s = 0; s < SAMPLES; s++) {
    pno_random_field_draw(&f, 99, s);
    for (int k0 = 0; k0 < K; k0++) {
      for (int k1 = 0; k1 < K; k1++) {
        const double c = transform(&f, k0, k1);
        sum[k0][k1] += c;
        squares[k0][k1] += c * c;
      }
    }
  }
  for (int k0 = 0; k0 < K; k0++) {
    for (int k1 = 0; k1 < K; k1++) {
      const double d = deviation(&f, k0, k1);
      cr_assert_leq(fabs(sum[k0][k1] / SAMPLES), 5 * d / sqrt(SAMPLES) + 1e-12, "mean of mode %d %d", k0, k1);
      cr_assert_leq(fabs(squares[k0][k1] / SAMPLES - d * d), 5 * d * d * sqrt(2.0 / SAMPLES) + 1e-20,
                    "variance of mode %d %d is %g, want %g", k0, k1, squares[k0][k1] / SAMPLES, d * d);
    }
  }
  pno_random_field_destroy(&f);
  pno_arena_destroy(&arena);
}

Test(random_field, too_small_an_arena_is_refused) {
  pno_arena arena;
  pno_random_field f;
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, 1024, &arena), PNO_OK);
  cr_assert_eq(pno_random_field_create(64, 64, &arena, &f), PNO_E_NOMEM);
  pno_arena_destroy(&arena);
  pno_random_field_destroy(NULL);
}
