#include "engine/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

/* Known answers of Random123 (kat_vectors, philox4x32 10): counter {block, site|draw, sample, stream|epoch}. */
Test(rng, philox_gives_the_published_words) {
  static const struct {
    pno_rng place;
    uint32_t block, words[4];
  } known[] = {
      {{.seed = 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{.seed = UINT64_MAX, .stream = (pno_stream)0xff, .epoch = 0xffffff, .sample = UINT32_MAX, .site = 0xffff,
        .draw = 0xffff}, UINT32_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{.seed = 0x299f31d0a4093822, .stream = (pno_stream)0x03, .epoch = 0x707344, .sample = 0x13198a2e, .site = 0x85a3,
        .draw = 0x08d3}, 0x243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
    uint32_t words[4];
    pno_rng_words(&known[k].place, known[k].block, words);
    for (int j = 0; j < 4; j++) cr_assert_eq(words[j], known[k].words[j], "vector %zu word %d: %08x", k, j, words[j]);
  }
}

Test(rng, a_range_holds_the_elements_one_by_one) {
  const pno_rng r = {.seed = 7, .stream = PNO_STREAM_INIT};
  double u[11], z[11];
  for (uint64_t first = 0; first < 5; first++) {
    pno_rng_uniforms(&r, first, 11, u);
    pno_rng_normals(&r, first, 11, z);
    for (uint64_t i = 0; i < 11; i++) {
      cr_assert_float_eq(u[i], pno_rng_uniform(&r, first + i), 0);
      cr_assert_float_eq(z[i], pno_rng_normal(&r, first + i), 0);
    }
  }
}

enum { N = 100000 };
static double x[N], y[N];

static double mean_of_power(const double *v, int power) {
  double sum = 0;
  for (int i = 0; i < N; i++) sum += pow(v[i], power);
  return sum / N;
}

Test(rng, uniforms_lie_inside_0_and_1_with_the_right_moments) {
  pno_rng_uniforms(&(pno_rng){.seed = 1, .stream = PNO_STREAM_FIELD}, 0, N, x);
  for (int i = 0; i < N; i++) cr_assert(x[i] > 0 && x[i] < 1);
  cr_assert_float_eq(mean_of_power(x, 1), 1.0 / 2, 5 * sqrt(1.0 / 12 / N));
  cr_assert_float_eq(mean_of_power(x, 2), 1.0 / 3, 5 * sqrt(4.0 / 45 / N));
}

/* Variances of z, z^2, z^3, z^4: 1, 2, 15, 96. */
Test(rng, normals_have_the_right_moments) {
  pno_rng_normals(&(pno_rng){.seed = 2, .stream = PNO_STREAM_DRAW}, 0, N, x);
  cr_assert_float_eq(mean_of_power(x, 1), 0, 5 * sqrt(1.0 / N));
  cr_assert_float_eq(mean_of_power(x, 2), 1, 5 * sqrt(2.0 / N));
  cr_assert_float_eq(mean_of_power(x, 3), 0, 5 * sqrt(15.0 / N));
  cr_assert_float_eq(mean_of_power(x, 4), 3, 5 * sqrt(96.0 / N));
}

/* Changing any one part of the place gives numbers that do not correlate with the others. */
Test(rng, places_are_independent) {
  const pno_rng base = {.seed = 3, .stream = PNO_STREAM_INIT, .epoch = 1, .sample = 1, .site = 1, .draw = 1};
  pno_rng other[6] = {base, base, base, base, base, base};
  other[0].seed = 3 + (1ull << 32);
  other[1].stream = PNO_STREAM_ORDER;
  other[2].epoch = 2;
  other[3].sample = 2;
  other[4].site = 2;
  other[5].draw = 2;
  pno_rng_normals(&base, 0, N, x);
  for (int k = 0; k < 6; k++) {
    double product = 0;
    pno_rng_normals(&other[k], 0, N, y);
    for (int i = 0; i < N; i++) product += x[i] * y[i];
    cr_assert_float_eq(product / N, 0, 5 * sqrt(1.0 / N), "part %d", k);
  }
}
