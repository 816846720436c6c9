#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/score/laplace_heads.h"

enum { HIDDEN = 5, OUT = 2, POINTS = 27, FEATURES = HIDDEN + 1, PADDED = 16, CHUNK = 3 };

static float w1[3 * PADDED], b1[PADDED], w2[HIDDEN * PADDED], b2[PADDED];
static const float scale[OUT] = {2.0f, 0.5f}, shift[OUT] = {1.0f, -3.0f};
static const pno_affine norm = {.scale = scale, .shift = shift};

static float normal(int site, int i) {
  const pno_rng r = {.seed = 3, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  return (float)pno_rng_normal(&r, (uint64_t)i);
}

static pno_mlp head_of(void) {
  for (int j = 0; j < HIDDEN; j++)
    for (int o = 0; o < OUT; o++) w2[j * PADDED + o] = normal(1, j * OUT + o);
  for (int o = 0; o < OUT; o++) b2[o] = normal(2, o);
  return (pno_mlp){.in = 3, .hidden = HIDDEN, .out = OUT, .w1 = w1, .b1 = b1, .w2 = w2, .b2 = b2};
}

/* Features of some samples in turn; the sum of them all. */
static void features(float *field, int sample) {
  for (int i = 0; i < POINTS * HIDDEN; i++) field[i] = normal(10 + sample, i);
}

static double output(const float *phi, int o) {
  double y = (double)b2[o];
  for (int j = 0; j < HIDDEN; j++) y += (double)phi[j] * (double)w2[j * PADDED + o];
  return y;
}

static pno_laplace *fit(int samples, double *sum, float targets[][POINTS * OUT]) {
  const pno_mlp head = head_of();
  pno_laplace_gram *g = NULL;
  pno_laplace *l = NULL;
  pno_affine identity;
  float *field;
  cr_assert(pno_laplace_gram_create(&head, POINTS, &g) == PNO_OK);
  cr_assert_eq(pno_laplace_gram_doubles(g), FEATURES * FEATURES + 1);
  cr_assert_eq(pno_laplace_gram_head(g, &identity, &field)->out, HIDDEN);
  for (int s = 0; s < samples; s++) {
    features(field, s);
    for (int i = 0; i < POINTS * OUT; i++)
      targets[s][i] = (float)((output(field + i / OUT * HIDDEN, i % OUT) + 0.3 * (double)normal(50 + s, i)) *
                              (double)scale[i % OUT] + (double)shift[i % OUT]);
    pno_laplace_gram_add(g, targets[s], &norm, sum);
  }
  cr_assert(pno_laplace_gram_fit(g, sum, (double)samples * POINTS, &l) == PNO_OK, "%s", pno_fail_words());
  pno_laplace_gram_destroy(&g);
  return l;
}

Test(laplace_heads, the_sum_is_that_of_all_features_and_residuals) {
  static float targets[4][POINTS * OUT], field[POINTS * HIDDEN];
  double sum[FEATURES * FEATURES + 1] = {0}, want[FEATURES][FEATURES] = {{0}}, squares = 0;
  pno_laplace *l = fit(4, sum, targets);
  for (int s = 0; s < 4; s++) {
    features(field, s);
    for (int p = 0; p < POINTS; p++) {
      double phi[FEATURES] = {[HIDDEN] = 1.0};
      for (int j = 0; j < HIDDEN; j++) phi[j] = (double)field[p * HIDDEN + j];
      for (int i = 0; i < FEATURES; i++)
        for (int j = 0; j < FEATURES; j++) want[i][j] += phi[i] * phi[j];
      for (int o = 0; o < OUT; o++) {
        const double u = ((double)targets[s][p * OUT + o] - (double)shift[o]) / (double)scale[o];
        squares += pow(output(field + p * HIDDEN, o) - u, 2);
      }
    }
  }
  for (int i = 0; i < FEATURES; i++)
    for (int j = 0; j <= i; j++) cr_assert_float_eq(sum[i * FEATURES + j], want[i][j], 1e-5 * want[i][i]);
  cr_assert_float_eq(sum[FEATURES * FEATURES], squares, 1e-5 * squares);
  cr_assert_float_eq(l->noise, 0.09, 0.03); /* what the targets were made with */
  pno_laplace_destroy(&l);
}

Test(laplace_heads, drawn_heads_spread_as_the_posterior_says_in_the_units_of_the_data) {
  enum { DRAWS = 3000 };
  static float targets[4][POINTS * OUT], field[POINTS * HIDDEN], columns[POINTS * CHUNK * OUT], fields[CHUNK * POINTS * OUT];
  double sum[FEATURES * FEATURES + 1] = {0};
  pno_laplace *l = fit(4, sum, targets);
  const pno_mlp head = head_of();
  for (int noise = 0; noise < 2; noise++) {
    pno_laplace_heads *h = NULL;
    double mean[OUT] = {0}, square[OUT] = {0};
    pno_affine identity;
    cr_assert(pno_laplace_heads_create(l, &head, &norm, POINTS, CHUNK, &h) == PNO_OK);
    features(field, 2);
    for (int first = 0; first < DRAWS; first += CHUNK) {
      const pno_mlp drawn = pno_laplace_heads_draw(h, 9, first, &identity);
      cr_assert_eq(drawn.out, CHUNK * OUT);
      for (int p = 0; p < POINTS; p++)
        for (int c = 0; c < CHUNK * OUT; c++) {
          float y = drawn.b2[c];
          for (int j = 0; j < HIDDEN; j++) y += field[p * HIDDEN + j] * drawn.w2[j * pno_padded(CHUNK * OUT) + c];
          columns[p * CHUNK * OUT + c] = y;
        }
      pno_laplace_heads_fields(h, columns, noise > 0, 2, 0, fields);
      for (int m = 0; m < CHUNK; m++)
        for (int o = 0; o < OUT; o++) {
          const double y = (double)fields[(m * POINTS + 4) * OUT + o];
          mean[o] += y / DRAWS;
          square[o] += y * y / DRAWS;
        }
    }
    double phi[FEATURES] = {[HIDDEN] = 1.0};
    for (int j = 0; j < HIDDEN; j++) phi[j] = (double)field[4 * HIDDEN + j];
    for (int o = 0; o < OUT; o++) {
      const double s2 = (double)scale[o] * (double)scale[o];
      const double want = s2 * (pno_laplace_variance(l, phi) + (noise ? l->noise : 0.0)), got = square[o] - mean[o] * mean[o];
      cr_assert_float_eq(got, want, 0.12 * want, "output %d: variance %g, want %g", o, got, want);
      const double centre = output(field + 4 * HIDDEN, o) * (double)scale[o] + (double)shift[o];
      cr_assert_float_eq(mean[o], centre, 4 * sqrt(want / DRAWS));
    }
    const double both = (4.0 + 0.25) / 2 * l->noise;
    cr_assert_float_eq(pno_laplace_heads_noise(h), both, 1e-12);
    pno_laplace_heads_destroy(&h);
  }
  pno_laplace_destroy(&l);
}

Test(laplace_heads, a_posterior_of_another_head_and_a_head_of_one_layer_are_refused) {
  static float targets[4][POINTS * OUT];
  double sum[FEATURES * FEATURES + 1] = {0};
  pno_laplace *l = fit(4, sum, targets);
  pno_mlp head = head_of();
  pno_laplace_heads *h = NULL;
  pno_laplace_gram *g = NULL;
  head.hidden = HIDDEN - 1;
  cr_assert(pno_laplace_heads_create(l, &head, &norm, POINTS, CHUNK, &h) == PNO_E_SHAPE);
  head.hidden = 0;
  cr_assert(pno_laplace_gram_create(&head, POINTS, &g) == PNO_E_USAGE);
  cr_assert(!h && !g);
  pno_laplace_destroy(&l);
}
