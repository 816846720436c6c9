#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

enum { CHANNELS = 20, CP = 32 };

typedef struct {
  int n, k, first, outer, inner;
} axis_case;

static const axis_case axes[] = {
    {8, 8, -4, 2, 3}, {9, 9, -4, 1, 1}, {12, 5, -2, 3, 2}, {7, 4, -2, 2, 5}, {1, 1, 0, 2, 1}};
enum { AXES = sizeof axes / sizeof *axes };

static void each_axis(void (*check)(const pno_kernels *t, const axis_case *c, world *w)) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int a = 0; a < AXES; a++) {
      world w = {0};
      check(t[i], &axes[a], &w);
      world_end(&w);
    }
  }
}

static pno_axis_call call_of(world *w, const axis_case *c, const float *in, float *out) {
  return (pno_axis_call){.axis = world_axis(w, c->n, c->k, c->first), .inner = c->inner, .channels = CP, .in = in,
                         .out = out};
}

static void check_adjoint(const pno_kernels *t, const axis_case *c, world *w) {
  const ptrdiff_t whole = (ptrdiff_t)c->outer * c->n * c->inner * 2, kept = (ptrdiff_t)c->outer * c->k * c->inner * 2;
  const float *x = world_vectors(w, whole, CHANNELS, 1), *y = world_vectors(w, kept, CHANNELS, 2);
  float *fx = world_noise(w, kept * CP, 3), *gy = world_noise(w, whole * CP, 4);
  const pno_axis_call forward = call_of(w, c, x, fx), inverse = call_of(w, c, y, gy);
  t->axis_forward(&forward, 0, c->outer * c->inner);
  t->axis_inverse(&inverse, 0, c->outer * c->inner);
  const double scale = sqrt(world_dot(fx, fx, kept * CP) * world_dot(y, y, kept * CP));
  world_equal(world_dot(fx, y, kept * CP), world_dot(x, gy, whole * CP), scale, t->name);
  cr_assert(world_padding_is_zero(fx, kept, CHANNELS));
  cr_assert(world_padding_is_zero(gy, whole, CHANNELS));
}

Test(spectral, the_inverse_of_an_axis_is_the_adjoint_of_its_forward) { each_axis(check_adjoint); }

static void check_definition(const pno_kernels *t, const axis_case *c, world *w) {
  const ptrdiff_t whole = (ptrdiff_t)c->outer * c->n * c->inner * 2, kept = (ptrdiff_t)c->outer * c->k * c->inner * 2;
  const float *x = world_vectors(w, whole, CHANNELS, 1);
  float *fx = world_noise(w, kept * CP, 3);
  const pno_axis_call forward = call_of(w, c, x, fx);
  t->axis_forward(&forward, 0, c->outer * c->inner);
  for (int o = 0; o < c->outer; o++) {
    for (int k = 0; k < c->k; k++) {
      for (int i = 0; i < c->inner; i++) {
        double re = 0, im = 0;
        for (int p = 0; p < c->n; p++) {
          const float *v = x + ((ptrdiff_t)(o * c->n + p) * c->inner + i) * 2 * CP + CHANNELS - 1;
          const double angle = -2.0 * M_PI * (c->first + k) * p / c->n;
          re += v[0] * cos(angle) - v[CP] * sin(angle);
          im += v[0] * sin(angle) + v[CP] * cos(angle);
        }
        const float *f = fx + ((ptrdiff_t)(o * c->k + k) * c->inner + i) * 2 * CP + CHANNELS - 1;
        cr_assert_float_eq(f[0], re, 2e-5, "%s: mode %d of %d points", t->name, c->first + k, c->n);
        cr_assert_float_eq(f[CP], im, 2e-5, "%s: mode %d of %d points", t->name, c->first + k, c->n);
      }
    }
  }
}

Test(spectral, the_forward_of_an_axis_is_the_sum_of_the_definition) { each_axis(check_definition); }

static void check_columns(const pno_kernels *t, const axis_case *c, world *w) {
  const ptrdiff_t whole = (ptrdiff_t)c->outer * c->n * c->inner * 2, kept = (ptrdiff_t)c->outer * c->k * c->inner * 2;
  const float *x = world_vectors(w, whole, CHANNELS, 1);
  float *all = world_noise(w, kept * CP, 2), *parts = world_noise(w, kept * CP, 3);
  const pno_axis_call a = call_of(w, c, x, all), b = call_of(w, c, x, parts);
  t->axis_forward(&a, 0, c->outer * c->inner);
  for (int i = c->outer * c->inner - 1; i >= 0; i--) t->axis_forward(&b, i, 1);
  cr_assert_eq(memcmp(all, parts, sizeof *all * (size_t)(kept * CP)), 0);
}

Test(spectral, columns_may_be_computed_one_by_one_in_any_order) { each_axis(check_columns); }

/* Three of five stored modes, four samples. */
enum { MODES = 3, STORED = 5, SAMPLES = 4, C = 20 };
static const int stored[MODES] = {4, 0, 2};
static const ptrdiff_t spectrum = (ptrdiff_t)SAMPLES * MODES * 2, weights = (ptrdiff_t)STORED * C * 2;

static pno_mix mix_of(world *w, int micro) {
  return (pno_mix){.samples = SAMPLES, .micro = micro, .modes = MODES, .channels = C, .stored = stored,
                   .weight = world_vectors(w, weights, C, 1), .x = world_vectors(w, spectrum, C, 2),
                   .y = world_noise(w, spectrum * CP, 3)};
}

/* Backward from dy into a copy of it; the gradient of the weights starts at zero. */
static void run_mix_backward(world *w, const pno_kernels *t, pno_mix *a, const float *dy) {
  const int one = 1;
  const pno_grid g = pno_grid_make(1, &one, &(int){0}, &one);
  a->y = world_copy(w, dy, spectrum * CP);
  a->grad = world_zeros(w, weights * CP);
  t->mix_backward(a, 0, MODES, world_scratch(w, &g, C));
}

Test(spectral, mixing_has_the_adjoints_for_its_input_and_its_weight) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int micro = 1; micro <= SAMPLES; micro++) { /* 3: the last micro-batch is short */
      world w = {0};
      pno_mix a = mix_of(&w, micro);
      t[i]->mix_forward(&a, 0, MODES);
      const float *y = a.y, *dy = world_vectors(&w, spectrum, C, 4);
      const double value = world_dot(y, dy, spectrum * CP);
      const double scale = sqrt(world_dot(y, y, spectrum * CP) * world_dot(dy, dy, spectrum * CP));
      cr_assert(world_padding_is_zero(y, spectrum, C));
      run_mix_backward(&w, t[i], &a, dy);
      world_equal(value, world_dot(a.x, a.y, spectrum * CP), scale, "input");
      world_equal(value, world_dot(a.weight, a.grad, weights * CP), scale, "weight");
      cr_assert(world_padding_is_zero(a.y, spectrum, C));
      cr_assert(world_padding_is_zero(a.grad, weights, C));
      world_end(&w);
    }
  }
}

Test(spectral, mixing_is_the_complex_product_of_the_definition) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    const pno_mix a = mix_of(&w, 1);
    t[i]->mix_forward(&a, 0, MODES);
    for (int s = 0; s < SAMPLES * MODES; s++) {
      const float *x = a.x + (ptrdiff_t)s * 2 * CP, *m = a.weight + (ptrdiff_t)stored[s % MODES] * C * 2 * CP;
      for (int o = 0; o < C; o++) {
        double re = 0, im = 0;
        for (int c = 0; c < C; c++) {
          const double wr = m[2 * c * CP + o], wi = m[(2 * c + 1) * CP + o];
          re += wr * x[c] - wi * x[CP + c];
          im += wr * x[CP + c] + wi * x[c];
        }
        cr_assert_float_eq(a.y[(ptrdiff_t)s * 2 * CP + o], re, 5e-5);
        cr_assert_float_eq(a.y[((ptrdiff_t)s * 2 + 1) * CP + o], im, 5e-5);
      }
    }
    world_end(&w);
  }
}

Test(spectral, weights_of_modes_that_the_grid_does_not_keep_get_no_gradient) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    pno_mix a = mix_of(&w, 2);
    run_mix_backward(&w, t[i], &a, world_vectors(&w, spectrum, C, 4));
    const ptrdiff_t mode = (ptrdiff_t)C * 2 * CP;
    for (int k = 0; k < STORED; k++) {
      const bool kept = k == 4 || k == 0 || k == 2;
      cr_assert_eq(world_dot(a.grad + k * mode, a.grad + k * mode, mode) > 0, kept, "stored mode %d", k);
    }
    world_end(&w);
  }
}

Test(spectral, a_chunk_of_micro_batches_gives_the_bits_of_one_micro_batch_after_the_other) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    pno_mix chunk = mix_of(&w, 2);
    const float *dy = world_vectors(&w, spectrum, C, 4);
    run_mix_backward(&w, t[i], &chunk, dy);
    pno_mix single = chunk;
    const ptrdiff_t sample = 2 * (ptrdiff_t)MODES * CP;
    float *grad = world_zeros(&w, weights * CP), *y = world_copy(&w, dy, spectrum * CP);
    const int one = 1;
    const pno_grid g = pno_grid_make(1, &one, &(int){0}, &one);
    single.grad = grad;
    single.samples = 2;
    for (int s = 0; s < SAMPLES; s += 2) {
      single.x = chunk.x + s * sample;
      single.y = y + s * sample;
      t[i]->mix_backward(&single, 0, MODES, world_scratch(&w, &g, C));
    }
    cr_assert_eq(memcmp(grad, chunk.grad, sizeof *grad * (size_t)(weights * CP)), 0);
    cr_assert_eq(memcmp(y, chunk.y, sizeof *y * (size_t)(spectrum * CP)), 0);
    world_end(&w);
  }
}
