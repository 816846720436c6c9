/* Rows by FFTW in a plan of the model, and where its plans come from. What they compute is the oracle's business. */
#include "engine/model/row_fft.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dispatch.h"

enum { N = 300, SAMPLES = 3 };
static const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI,
                                  .dims = 1,
                                  .in = 1,
                                  .out = 1,
                                  .width = 20,
                                  .modes = {120},
                                  .layers = 2,
                                  .head_hidden = 8,
                                  .embed = true};

typedef struct {
  float *grad, output[SAMPLES * N];
  double loss[SAMPLES];
  size_t bytes;
  double flops;
} outcome;

static const pno_kernels *fastest(void) {
  const pno_kernels *k = pno_kernels_find("auto");
  const pno_grid g = {.len = N};
  return k->fft_floats(&g, 1) > 0 ? k : NULL;
}

static void gradient(const pno_fno *f, const pno_row_fft *fft, int threads, outcome *out) {
  static const float one = 1.0f, zero = 0.0f;
  static float x[SAMPLES * N], y[SAMPLES * N];
  const size_t floats = (size_t)pno_fno_registry(f)->floats;
  const pno_affine same = {.scale = &one, .shift = &zero};
  const pno_fno_use use = {.kernels = fastest(),
                           .n = {N},
                           .samples = SAMPLES,
                           .micro = 1,
                           .threads = threads,
                           .train = true,
                           .fft = fft,
                           .norm_in = same,
                           .norm_out = same,
                           .loss = PNO_LOSS_REL_L2};
  pno_fno_plan *p;
  float *params = calloc(floats, sizeof *params);
  out->grad = calloc(floats, sizeof *out->grad);
  cr_assert(params && out->grad);
  for (int i = 0; i < SAMPLES * N; i++) x[i] = sinf(0.37f * (float)i) + 0.5f, y[i] = cosf(0.11f * (float)(i % 97));
  pno_registry_init(pno_fno_registry(f), 3, params);
  cr_assert_eq(pno_fno_plan_create(f, &use, &p), PNO_OK, "%s", pno_fail_words());
  pno_fno_gradient(p, params, x, y, SAMPLES, true, out->output, out->grad, out->loss);
  double forward;
  out->bytes = pno_fno_plan_bytes(p);
  pno_fno_flops(p, &forward, &out->flops);
  pno_fno_plan_destroy(&p);
  free(params);
}

Test(row_fft, gradients_have_the_same_bits_at_any_number_of_threads_and_are_those_of_the_tables) {
  static outcome table, one, three;
  pno_fno *f = NULL;
  pno_row_fft *fft = NULL;
  if (!fastest()) cr_skip_test("no table of this processor has an FFT");
  cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK);
  cr_assert_eq(pno_row_fft_create(N, false, &fft), PNO_OK, "%s", pno_fail_words());
  gradient(f, NULL, 1, &table);
  gradient(f, fft, 1, &one);
  gradient(f, fft, 3, &three);
  const ptrdiff_t floats = pno_fno_registry(f)->floats;
  cr_expect_arr_eq(one.grad, three.grad, sizeof *one.grad * (size_t)floats);
  cr_expect_arr_eq(one.output, three.output, sizeof one.output);
  cr_expect_arr_eq(one.loss, three.loss, sizeof one.loss);
  double norm = 0, error = 0;
  for (ptrdiff_t i = 0; i < floats; i++) {
    norm += (double)table.grad[i] * table.grad[i];
    error += ((double)one.grad[i] - table.grad[i]) * ((double)one.grad[i] - table.grad[i]);
  }
  cr_expect(norm > 0 && error > 0 && sqrt(error / norm) < 2e-6, "%g of the norm", sqrt(error / norm));
  cr_expect_lt(one.bytes, table.bytes); /* no tables are made */
  /* two layers, a transform each way, forward and back: n even takes k n + 2 n, an FFT 2.5 n log2 n */
  const double saved = 8.0 * 20 * (120.0 * N + 2.0 * N - 2.5 * N * log2(N));
  cr_expect_float_eq(table.flops - one.flops, saved, 1e-6 * saved);
  free(table.grad);
  free(one.grad);
  free(three.grad);
  pno_row_fft_destroy(&fft);
  pno_fno_destroy(&f);
}

Test(row_fft, plans_come_from_wisdom_only_where_there_is_some) {
  pno_row_fft *fft = NULL;
  char *wisdom = NULL;
  cr_expect_eq(pno_row_fft_create(331, true, &fft), PNO_E_INPUT);
  cr_expect_null(fft);
  cr_assert_eq(pno_row_fft_create(331, false, &fft), PNO_OK);
  pno_row_fft_destroy(&fft);
  cr_expect_null(fft);
  cr_assert_eq(pno_row_fft_create(331, true, &fft), PNO_OK);
  pno_row_fft_destroy(&fft);
  cr_assert_eq(pno_row_wisdom(&wisdom), PNO_OK);
  cr_expect(pno_row_wisdom_import(wisdom));
  wisdom[strlen(wisdom) / 2] = '\0';
  cr_expect_not(pno_row_wisdom_import(wisdom));
  cr_expect_not(pno_row_wisdom_import("(fftw-9.9.9 fftwf_wisdom #x0 #x0 #x0 #x0\n)\n"));
  cr_expect_not(pno_row_wisdom_import(""));
  free(wisdom);
}

Test(row_fft, both_ways_are_timed_and_few_modes_are_not_worth_it) {
  const pno_row_shape many = {.n = 512, .k = 257, .channels = 20}, few = {.n = 8192, .k = 16, .channels = 64};
  const pno_row_shape small = {.n = 128, .k = 65, .channels = 64};
  pno_row_fft *fft = NULL;
  pno_row_times t = {0};
  cr_expect(pno_row_fft_may_win(&many));
  cr_expect_not(pno_row_fft_may_win(&few));
  cr_expect_not(pno_row_fft_may_win(&small));
  if (!fastest()) cr_skip_test("no table of this processor has an FFT");
  cr_assert_eq(pno_row_fft_create(many.n, false, &fft), PNO_OK);
  cr_assert_eq(pno_row_fft_measure(fastest(), &many, fft, &t), PNO_OK, "%s", pno_fail_words());
  cr_expect(t.tables > 0 && t.fft > 0 && t.tables < 1 && t.fft < 1);
  pno_row_fft_destroy(&fft);
  pno_row_fft_destroy(&fft);
  pno_row_fft_destroy(NULL);
}

Test(row_fft, the_row_of_a_plan_is_that_of_its_padded_grid) {
  pno_fno_spec s = spec;
  pno_fno *f = NULL;
  pno_row_shape row;
  const int n[PNO_DIMS_MAX] = {N}, short_n[PNO_DIMS_MAX] = {100};
  s.padding[0] = 9;
  cr_assert_eq(pno_fno_create(&s, &f), PNO_OK);
  cr_assert_eq(pno_row_shape_of(f, n, &row), PNO_OK);
  cr_expect(row.n == N + 9 && row.k == 120 && row.channels == 20);
  cr_expect_eq(pno_row_shape_of(f, short_n, &row), PNO_E_SHAPE);
  pno_fno_destroy(&f);
}
