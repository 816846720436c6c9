/* Losses, normaliser, sums of partial gradients and the optimiser of every table against the scalar ones. */
#include <math.h>
#include <stdio.h>

#include "tests/kernels/conform.h"

static void run_loss(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { SAMPLES = 2, OUT = 3 };
  const int kind = *(const int *)one_case % 3;
  const pno_grid g = world_grid(*(const int *)one_case / 3);
  const int blocks = SAMPLES * g.blocks;
  const ptrdiff_t n = SAMPLES * pno_grid_data_points(&g) * OUT;
  const pno_loss a = {.grid = &g, .channels = OUT, .kind = (pno_loss_kind)kind, .output = world_noise(w, n, 1),
                      .target = world_noise(w, n, 2), .error = world_noise(w, n, 3),
                      .scale = world_noise(w, SAMPLES, 4), .sums = world_doubles(w, 2 * blocks),
                      .dy = world_noise(w, n, 5)};
  t->loss_error(&a, 0, blocks);
  t->loss_sums(&a, 0, blocks);
  t->loss_gradient(&a, 0, blocks);
  float *sums = world_zeros(w, 2 * blocks);
  for (int i = 0; i < 2 * blocks; i++) sums[i] = (float)a.sums[i];
  conform_add(o, "error", a.error, n, 0);
  conform_add(o, "sums", sums, 2 * blocks, 2e-7);
  conform_add(o, "gradient", a.dy, n, 2e-6);
}

Test(conform_update, losses_are_those_of_the_scalar_table) {
  for (int i = 0; i < 3 * WORLD_GRIDS; i++) {
    char say[64];
    snprintf(say, sizeof say, "loss %d on grid %d", i % 3, i / 3);
    conform(run_loss, &i, say);
  }
}

static void run_encode(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { POINTS = 37 };
  const int channels = *(const int *)one_case / 2 + 1;
  const bool per_point = *(const int *)one_case % 2;
  const ptrdiff_t n = POINTS * channels;
  float *scale = world_noise(w, n, 1), *field = world_noise(w, n, 3);
  for (ptrdiff_t i = 0; i < n; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  const pno_affine norm = {.per_point = per_point, .scale = scale, .shift = world_noise(w, n, 2)};
  t->encode(&norm, POINTS, channels, field);
  conform_add(o, "field", field, n, 1e-6);
}

Test(conform_update, the_normaliser_is_that_of_the_scalar_table) {
  for (int i = 0; i < 40; i++) conform(run_encode, &i, "normaliser");
}

static void run_sums(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { BLOCKS = 11, STRIDE = 80 };
  const int n = 1 + *(const int *)one_case, micro = 1 + *(const int *)one_case % BLOCKS;
  const pno_accumulate a = {.blocks = BLOCKS, .micro = micro, .blocks_a_sample = 2, .stride = STRIDE,
                            .partial = world_noise(w, BLOCKS * STRIDE, 1), .scale = world_noise(w, 6, 2),
                            .grad = world_noise(w, n, 3)};
  double *squares = world_doubles(w, 3);
  float *rounded = world_zeros(w, 3);
  t->accumulate(&a, 0, n);
  t->squares(world_noise(w, 3 * PNO_BLOCK, 4 + n), 0, 3, squares);
  for (int i = 0; i < 3; i++) rounded[i] = (float)squares[i];
  conform_add(o, "sum of partials", a.grad, n, 1e-6);
  conform_add(o, "squares", rounded, 3, 2e-7);
}

Test(conform_update, sums_of_partials_and_squares_are_those_of_the_scalar_table) {
  for (int i = 0; i < 70; i++) conform(run_sums, &i, "sums");
}

/* The gradients of the first numbers are zero or tiny, as of weights that nothing reaches yet. */
static void run_adam(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { HALF = 16, PAIRS = 5 * HALF };
  const int which = *(const int *)one_case;
  const bool complex = which & 1;
  const int count = complex ? PAIRS : 1 + which, floats = complex ? 2 * PAIRS : count;
  const pno_step_args step = {.lr = 1e-2f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = which & 4 ? 1e-3f : 1e-8f,
                              .weight_decay = 0.1f, .rest1 = 0.1f, .rest2 = 0.001f, .correct1 = 0.271f,
                              .correct2 = 0.002997001f, .grad_scale = 0.25f, .decoupled = which & 2 ? 1.0f : 0.0f};
  float *v = world_noise(w, count, 1), *grad = world_noise(w, floats, 2);
  for (int i = 0; i < count; i++) v[i] = i < 3 ? 0 : v[i] * v[i] * 1e-3f;
  for (int i = 0; i < 6 && i < floats; i++) grad[i] *= i % 3 == 0 ? 0.0f : i % 3 == 1 ? 1e-6f : 1e-12f;
  const pno_adam a = {.is_complex = complex, .half = HALF, .step = &step, .grad = grad,
                      .param = world_noise(w, floats, 3), .m = world_noise(w, floats, 4), .v = v};
  for (int i = 0; i < 6 && i < floats; i++) a.m[i] *= 1e-6f;
  t->adam(&a, 0, count);
  conform_add(o, "m", a.m, floats, 1e-6);
  conform_add(o, "v", a.v, count, 1e-6);
  conform_add(o, "parameter", a.param, floats, 2e-6);
}

Test(conform_update, a_step_of_adam_is_that_of_the_scalar_table) {
  for (int i = 0; i < 72; i++) {
    char say[64];
    snprintf(say, sizeof say, "step %d", i);
    conform(run_adam, &i, say);
  }
}
