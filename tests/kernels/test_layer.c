#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

enum { SAMPLES = 2, C = 20, CP = 32, HIDDEN = 10 };

/* Sizes of one grid with k modes a row. */
typedef struct {
  pno_grid g;
  int k, blocks;
  ptrdiff_t points, modes; /* vectors of all samples */
} shape;

static shape shape_of(int i) {
  shape s = {.g = world_grid(i)};
  s.k = s.g.len < 6 ? s.g.len / 2 + 1 : 4;
  s.blocks = SAMPLES * s.g.blocks;
  s.points = SAMPLES * pno_grid_points(&s.g);
  s.modes = (ptrdiff_t)SAMPLES * s.g.rows * s.k * 2;
  return s;
}

static void each(void (*check)(const pno_kernels *t, const shape *s, world *w)) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      world w = {0};
      const shape s = shape_of(g);
      check(t[i], &s, &w);
      world_end(&w);
    }
  }
}

static pno_layer layer_of(world *w, const shape *s, bool activate, bool mix_channels) {
  pno_layer a = {.grid = &s->g, .channels = C, .activate = activate, .mix_channels = mix_channels,
                 .modes = world_row_modes(w, s->g.len, s->k), .skip = world_vectors(w, C, C, 1),
                 .bias = world_vectors(w, 1, C, 2), .gate = world_vectors(w, 1, C, 3),
                 .spectrum = world_vectors(w, s->modes, C, 4), .z = world_noise(w, s->points * CP, 5),
                 .m = world_noise(w, s->points * CP, 6), .rows = world_noise(w, s->modes * CP, 7), .want_rows = true,
                 .x = world_vectors(w, s->points, C, 8), .result = world_noise(w, s->points * CP, 9)};
  if (mix_channels) a.mlp = world_mlp(w, C, HIDDEN, C, 10);
  return a;
}

/* What backward of the same layer needs; d is the gradient of the result, above that of the rows. */
static pno_layer back_of(world *w, const shape *s, const pno_layer *forward, const float *d, const float *above) {
  pno_layer a = *forward;
  a.above = forward->modes;
  a.spectrum = above;
  a.input = forward->x;
  a.d = world_copy(w, d, s->points * CP);
  a.d_scale = world_noise(w, SAMPLES, 20); /* not used unless first_gradient */
  a.rows = world_noise(w, s->modes * CP, 21);
  a.partial = world_noise(w, s->blocks * pno_layer_floats(&a), 22);
  return a;
}

/* <partial gradients summed over all blocks, value> for the tensor that starts `at` floats into the partial. */
static double partial_dot(const pno_layer *a, int blocks, ptrdiff_t at, const float *value, ptrdiff_t n) {
  double sum = 0;
  for (int b = 0; b < blocks; b++) sum += world_dot(a->partial + b * pno_layer_floats(a) + at, value, n);
  return sum;
}

static void check_linear(const pno_kernels *t, const shape *s, world *w) {
  pno_layer f = layer_of(w, s, false, false);
  float *scratch = world_scratch(w, &s->g, C);
  t->layer_forward(&f, 0, s->blocks, scratch);
  const ptrdiff_t n = s->points * CP, m = s->modes * CP;
  const float *d = world_vectors(w, s->points, C, 30), *above = world_vectors(w, s->modes, C, 31);
  const double value = world_dot(f.result, d, n) + world_dot(f.rows, above, m);
  const double scale = sqrt(world_dot(f.result, f.result, n) * world_dot(d, d, n)) +
                       sqrt(world_dot(f.rows, f.rows, m) * world_dot(above, above, m));
  pno_layer b = back_of(w, s, &f, d, above);
  t->layer_backward(&b, 0, s->blocks, scratch);
  const double of_bias = partial_dot(&b, s->blocks, C * CP, f.bias, CP);
  const double of_skip = partial_dot(&b, s->blocks, 0, f.skip, C * CP);
  const double of_x = world_dot(b.d, f.x, n), of_spectrum = world_dot(b.rows, f.spectrum, m);
  world_equal(value, of_x + of_spectrum + of_bias, scale, "inputs");
  world_equal(of_skip, of_x, scale, "x skip is linear in both");
  cr_assert(world_padding_is_zero(f.result, s->points, C) && world_padding_is_zero(f.rows, s->modes, C));
  cr_assert(world_padding_is_zero(b.d, s->points, C) && world_padding_is_zero(b.rows, s->modes, C));
}

Test(layer, without_activation_backward_is_the_adjoint_for_inputs_and_parameters) { each(check_linear); }

/* The channel MLP is not linear, but the gate and the second map are: their gradients follow from the values. */
static void check_gate(const pno_kernels *t, const shape *s, world *w) {
  pno_layer f = layer_of(w, s, false, true);
  float *scratch = world_scratch(w, &s->g, C);
  t->layer_forward(&f, 0, s->blocks, scratch);
  const ptrdiff_t n = s->points * CP, gate_at = C * CP + CP, w1_at = gate_at + CP;
  const ptrdiff_t w2_at = w1_at + C * pno_padded(HIDDEN) + pno_padded(HIDDEN), b2_at = w2_at + HIDDEN * CP;
  const float *d = world_vectors(w, s->points, C, 30), *above = world_zeros(w, s->modes * CP);
  const double scale = sqrt(world_dot(f.result, f.result, n) * world_dot(d, d, n));
  pno_layer b = back_of(w, s, &f, d, above);
  t->layer_backward(&b, 0, s->blocks, scratch);
  const double linear = partial_dot(&b, s->blocks, gate_at, f.gate, CP) +
                        partial_dot(&b, s->blocks, w2_at, f.mlp.w2, HIDDEN * CP) +
                        partial_dot(&b, s->blocks, b2_at, f.mlp.b2, CP);
  world_equal(world_dot(f.result, d, n), linear, scale, "gate and second map");
  for (int c = 0; c < s->blocks * (int)pno_layer_floats(&b); c++) cr_assert(isfinite(b.partial[c]));
}

Test(layer, gate_and_second_map_of_the_channel_mlp_have_the_adjoint_of_their_linear_part) { each(check_gate); }

static void check_scale(const pno_kernels *t, const shape *s, world *w) {
  const pno_layer f = layer_of(w, s, true, true);
  float *scratch = world_scratch(w, &s->g, C);
  t->layer_forward(&f, 0, s->blocks, scratch);
  const ptrdiff_t n = s->points * CP;
  const float *d = world_vectors(w, s->points, C, 30), *none = world_zeros(w, s->modes * CP);
  pno_layer plain = back_of(w, s, &f, d, none), first = back_of(w, s, &f, d, none);
  float *scaled = world_copy(w, d, n), *scale = world_zeros(w, SAMPLES);
  scale[0] = 0.5f; /* powers of two: the bits agree */
  scale[1] = 4.0f;
  for (ptrdiff_t i = 0; i < n; i++) scaled[i] = d[i] * scale[i / (n / SAMPLES)];
  memcpy(plain.d, scaled, sizeof *scaled * (size_t)n);
  first.first_gradient = true;
  first.d_scale = scale;
  first.spectrum = NULL;
  t->layer_backward(&plain, 0, s->blocks, scratch);
  t->layer_backward(&first, 0, s->blocks, scratch);
  cr_assert_eq(memcmp(plain.d, first.d, sizeof *scaled * (size_t)n), 0);
  cr_assert_eq(memcmp(plain.rows, first.rows, sizeof *scaled * (size_t)(s->modes * CP)), 0);
}

Test(layer, the_first_gradient_is_multiplied_by_the_factor_of_its_sample) { each(check_scale); }

static void check_blocks(const pno_kernels *t, const shape *s, world *w) {
  const pno_layer all = layer_of(w, s, true, true);
  pno_layer one = all;
  one.z = world_noise(w, s->points * CP, 40);
  one.m = world_noise(w, s->points * CP, 41);
  one.result = world_copy(w, all.x, s->points * CP); /* in place */
  one.x = one.result;
  one.rows = world_noise(w, s->modes * CP, 42);
  float *scratch = world_scratch(w, &s->g, C);
  t->layer_forward(&all, 0, s->blocks, scratch);
  for (int b = s->blocks - 1; b >= 0; b--) t->layer_forward(&one, b, 1, scratch);
  cr_assert_eq(memcmp(all.result, one.result, sizeof(float) * (size_t)(s->points * CP)), 0);
  cr_assert_eq(memcmp(all.rows, one.rows, sizeof(float) * (size_t)(s->modes * CP)), 0);
  cr_assert_eq(memcmp(all.z, one.z, sizeof(float) * (size_t)(s->points * CP)), 0);
  cr_assert_eq(memcmp(all.m, one.m, sizeof(float) * (size_t)(s->points * CP)), 0);
}

Test(layer, blocks_may_run_in_any_order_and_in_place) { each(check_blocks); }

static void check_activated(const pno_kernels *t, const shape *s, world *w) {
  const pno_layer f = layer_of(w, s, false, false);
  float *scratch = world_scratch(w, &s->g, C);
  const ptrdiff_t n = s->points * CP;
  const float *d = world_vectors(w, s->points, C, 30), *none = world_zeros(w, s->modes * CP);
  pno_layer kept = f, made = f;
  made.activate = true; /* gelu(z) through the table itself */
  made.mix_channels = false;
  t->layer_forward(&made, 0, s->blocks, scratch);
  pno_layer a = back_of(w, s, &kept, d, none), b = back_of(w, s, &kept, d, none);
  a.input = made.z;
  a.input_activated = true;
  b.input = made.result;
  t->layer_backward(&a, 0, s->blocks, scratch);
  t->layer_backward(&b, 0, s->blocks, scratch);
  const double size = world_dot(b.partial, b.partial, s->blocks * pno_layer_floats(&b));
  world_equal(world_dot(a.partial, b.partial, s->blocks * pno_layer_floats(&b)), size, size, "skip gradient");
  cr_assert_eq(memcmp(a.d, b.d, sizeof(float) * (size_t)n), 0);
}

Test(layer, an_input_kept_before_its_activation_gives_the_gradient_of_the_activated_one) { each(check_activated); }
