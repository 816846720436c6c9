#include "engine/model/params.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

static const pno_tensor dense = {.name = "w", .kind = PNO_TENSOR_DENSE, .rank = 2, .shape = {5, 33}, .in = 33, .out = 5,
                                 .init = PNO_INIT_UNIFORM, .init_scale = 0.25};
static const pno_tensor vector = {.name = "g", .kind = PNO_TENSOR_VECTOR, .rank = 1, .shape = {20}, .in = 1, .out = 20,
                                  .init = PNO_INIT_ONES, .init_scale = 1.0};
static const pno_tensor spectral = {.name = "r", .kind = PNO_TENSOR_SPECTRAL, .rank = 4, .shape = {20, 20, 6, 5},
                                    .in = 20, .out = 20, .mode_axes = 2, .modes = {6, 5}, .init = PNO_INIT_NORMAL,
                                    .init_scale = 0.5};

static pno_registry filled(void) {
  pno_registry r = {0};
  int index;
  cr_assert_eq(pno_registry_add(&r, &dense, &index), PNO_OK);
  cr_assert_eq(pno_registry_add(&r, &vector, &index), PNO_OK);
  cr_assert_eq(pno_registry_add(&r, &spectral, &index), PNO_OK);
  cr_assert_eq(index, 2);
  return r;
}

static float *drawn(const pno_registry *r, uint64_t seed) {
  float *p = malloc(sizeof *p * (size_t)r->floats);
  cr_assert_not_null(p);
  memset(p, 0xff, sizeof *p * (size_t)r->floats);
  pno_registry_init(r, seed, p);
  return p;
}

Test(params, every_tensor_starts_on_a_block_behind_the_one_before) {
  const pno_registry r = filled();
  ptrdiff_t end = 0, v_end = 0;
  for (int i = 0; i < r.n; i++) {
    const pno_tensor *t = &r.tensor[i];
    cr_assert_eq(t->at % PNO_BLOCK, 0);
    cr_assert_eq(t->v_at % PNO_BLOCK, 0);
    cr_assert(t->at >= end && t->at < end + PNO_BLOCK, "no hole of a block");
    cr_assert(t->v_at >= v_end && t->v_at < v_end + PNO_BLOCK);
    end = t->at + t->count;
    v_end = t->v_at + t->v_count;
  }
  cr_assert_eq(r.floats % PNO_BLOCK, 0);
  cr_assert(r.floats >= end && r.v_floats >= v_end);
}

Test(params, a_complex_number_has_two_floats_and_one_second_moment) {
  const pno_registry r = filled();
  cr_assert_eq(r.tensor[0].count, 33 * 16);
  cr_assert_eq(r.tensor[0].v_count, 33 * 16);
  cr_assert_eq(r.tensor[2].count, 6 * 5 * 20 * 2 * 32);
  cr_assert_eq(r.tensor[2].v_count, 6 * 5 * 20 * 32);
}

Test(params, padding_is_not_counted_and_a_complex_number_counts_twice_or_once) {
  const pno_registry r = filled();
  cr_assert_eq(pno_registry_reals(&r), 33 * 5 + 20 + 2 * 20 * 20 * 30);
  cr_assert_eq(pno_registry_elements(&r), 33 * 5 + 20 + 20 * 20 * 30);
}

Test(params, a_full_table_refuses_one_more_and_stays_as_it_was) {
  pno_registry *r = calloc(1, sizeof *r);
  int index = -1;
  for (int i = 0; i < PNO_TENSORS_MAX; i++) cr_assert_eq(pno_registry_add(r, &vector, &index), PNO_OK);
  const ptrdiff_t floats = r->floats;
  cr_assert_eq(pno_registry_add(r, &vector, &index), PNO_E_USAGE);
  cr_assert_eq(index, PNO_TENSORS_MAX - 1);
  cr_assert_eq(r->n, PNO_TENSORS_MAX);
  cr_assert_eq(r->floats, floats);
  free(r);
}

Test(params, a_tensor_beyond_all_memory_is_refused) {
  pno_registry r = {0};
  int index = -1;
  pno_tensor t = spectral;
  for (int j = 0; j < 2; j++) t.modes[j] = 1 << 20;
  cr_assert_eq(pno_registry_add(&r, &t, &index), PNO_E_USAGE);
  cr_assert_eq(r.n, 0);
  cr_assert_eq(index, -1);
}

Test(params, the_same_seed_draws_the_same_bits_and_another_one_does_not) {
  const pno_registry r = filled();
  float *a = drawn(&r, 1), *b = drawn(&r, 1), *c = drawn(&r, 2);
  cr_assert_eq(memcmp(a, b, sizeof *a * (size_t)r.floats), 0);
  cr_assert_neq(memcmp(a, c, sizeof *a * (size_t)r.floats), 0);
  free(a), free(b), free(c);
}

Test(params, padding_is_zero_after_drawing) {
  const pno_registry r = filled();
  float *p = drawn(&r, 1);
  for (int i = 0; i < r.n; i++) {
    const pno_tensor *t = &r.tensor[i];
    const ptrdiff_t op = pno_padded(t->out), end = i + 1 < r.n ? r.tensor[i + 1].at : r.floats;
    for (ptrdiff_t k = 0; k < end - t->at; k++)
      if (k >= t->count || k % op >= t->out) cr_assert_eq(p[t->at + k], 0.0f, "tensor %d, float %td", i, k);
  }
  free(p);
}

/* Mean and mean square of the logical elements; bounds at five standard errors. */
static void check_moments(pno_init_kind kind, double mean, double square, double low, double high) {
  pno_registry r = {0};
  int index;
  pno_tensor t = spectral;
  t.init = kind;
  t.init_scale = 0.5;
  cr_assert_eq(pno_registry_add(&r, &t, &index), PNO_OK);
  float *p = drawn(&r, 11);
  double sum = 0, squares = 0;
  const int n = 6 * 5 * 20 * 2 * 20;
  for (ptrdiff_t k = 0; k < r.tensor[0].count; k++) {
    if (k % 32 >= 20) continue;
    cr_assert(p[k] >= low && p[k] <= high);
    sum += p[k];
    squares += (double)p[k] * p[k];
  }
  cr_assert_float_eq(sum / n, mean, 5 * 0.5 / sqrt(n));
  cr_assert_float_eq(squares / n, square, 5 * 0.5 / sqrt(n));
  free(p);
}

Test(params, initial_values_have_the_moments_and_bounds_of_their_kind) {
  check_moments(PNO_INIT_NORMAL, 0.0, 0.25, -5.0, 5.0);
  check_moments(PNO_INIT_UNIFORM, 0.0, 0.25 / 3, -0.5, 0.5);
  check_moments(PNO_INIT_UNIT_INTERVAL, 0.25, 0.25 / 3, 0.0, 0.5);
  check_moments(PNO_INIT_ONES, 1.0, 1.0, 1.0, 1.0);
}
