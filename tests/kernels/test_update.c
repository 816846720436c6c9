#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

enum { HALF = 16, PAIRS = 5 * HALF, REALS = 37 };

/* Micro-batches of one, two and three blocks, the last one short; N is no multiple of a vector. */
enum { BLOCKS = 7, A_SAMPLE = 2, STRIDE = 50, AT = 3, N = 41 };

static pno_accumulate accumulate_of(world *w, int micro) {
  return (pno_accumulate){.blocks = BLOCKS, .micro = micro, .blocks_a_sample = A_SAMPLE, .stride = STRIDE,
                          .partial = world_noise(w, BLOCKS * STRIDE, 1) + AT, .scale = world_noise(w, 4, 2),
                          .grad = world_noise(w, N, 3)};
}

static void each_micro(void (*check)(const pno_kernels *t, int micro, world *w)) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int micro = 1; micro <= BLOCKS + 1; micro++) {
      world w = {0};
      world_say("%s, micro-batches of %d blocks", t[i]->name, micro);
      check(t[i], micro, &w);
      world_end(&w);
    }
  }
}

static void check_sum(const pno_kernels *t, int micro, world *w) {
  const pno_accumulate a = accumulate_of(w, micro), before = accumulate_of(w, micro);
  t->accumulate(&a, 0, N);
  for (int k = 0; k < N; k++) {
    double want = before.grad[k];
    for (int b = 0; b < BLOCKS; b++) want += (double)a.scale[b / A_SAMPLE] * a.partial[b * STRIDE + k];
    world_equal(a.grad[k], want, 1, "element");
  }
}

Test(update, accumulate_adds_the_scaled_partials_of_all_blocks) { each_micro(check_sum); }

static void check_ranges(const pno_kernels *t, int micro, world *w) {
  const pno_accumulate a = accumulate_of(w, micro), b = accumulate_of(w, micro);
  t->accumulate(&a, 0, N);
  for (int k = N - 1; k >= 0; k--) t->accumulate(&b, k, 1);
  world_same(b.grad, a.grad, N, "element");
}

Test(update, any_range_of_elements_accumulates_the_same_bits) { each_micro(check_ranges); }

static void check_chunks(const pno_kernels *t, int micro, world *w) {
  const pno_accumulate a = accumulate_of(w, micro);
  pno_accumulate b = accumulate_of(w, micro);
  float scale[BLOCKS];
  const float *partial = b.partial;
  for (int i = 0; i < BLOCKS; i++) scale[i] = a.scale[i / A_SAMPLE];
  b.scale = scale;
  b.blocks_a_sample = 1; /* so that a chunk may start anywhere */
  t->accumulate(&a, 0, N);
  for (int first = 0; first < BLOCKS; first += micro) {
    b.blocks = BLOCKS - first < micro ? BLOCKS - first : micro;
    b.partial = partial + first * STRIDE;
    b.scale = scale + first;
    t->accumulate(&b, 0, N);
  }
  world_same(b.grad, a.grad, N, "element");
}

Test(update, a_chunk_accumulates_the_bits_of_its_micro_batches_one_after_the_other) { each_micro(check_chunks); }

Test(update, squares_are_summed_in_double_block_by_block) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    float *g = world_noise(&w, 3 * PNO_BLOCK, 1);
    g[5] = 1e25f; /* its square does not fit a float */
    double *squares = world_doubles(&w, 3);
    t[i]->squares(g, 0, 3, squares);
    for (int b = 0; b < 3; b++) {
      const double want = world_dot(g + b * PNO_BLOCK, g + b * PNO_BLOCK, PNO_BLOCK);
      cr_assert_float_eq(squares[b], want, 1e-12 * want);
    }
    world_end(&w);
  }
}

Test(update, squares_show_every_element_that_is_not_finite) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  const float bad[3] = {NAN, INFINITY, -INFINITY};
  for (int i = 0; i < tables; i++) {
    for (int at = 0; at < PNO_BLOCK; at += 93) {
      world w = {0};
      float *g = world_noise(&w, PNO_BLOCK, 1);
      double *squares = world_doubles(&w, 1);
      g[at] = bad[at % 3];
      t[i]->squares(g, 0, 1, squares);
      cr_assert(!isfinite(squares[0]), "element %d", at);
      world_end(&w);
    }
  }
}

static pno_step_args step_of(float decoupled) {
  return (pno_step_args){.lr = 1e-2f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = 0.1f,
                         .rest1 = 0.1f, .rest2 = 0.001f, .correct1 = 0.271f, .correct2 = 0.002997001f,
                         .grad_scale = 0.25f, .decoupled = decoupled};
}

/* Moments as they are after some steps. */
static pno_adam adam_of(world *w, const pno_step_args *step, bool complex) {
  const int floats = complex ? 2 * PAIRS : REALS, moments = complex ? PAIRS : REALS;
  float *v = world_noise(w, moments, 1);
  for (int i = 0; i < moments; i++) v[i] = (0.1f + v[i] * v[i]) * 1e-3f;
  return (pno_adam){.is_complex = complex, .half = HALF, .step = step, .grad = world_noise(w, floats, 2),
                    .param = world_noise(w, floats, 3), .m = world_noise(w, floats, 4), .v = v};
}

/* Kingma & Ba, algorithm 1, for one number; square: |g|^2 of the whole number. */
static double moved(const pno_step_args *s, const pno_adam *a, int i, double g, double v_old, double square) {
  const double m = 0.9 * a->m[i] + 0.1 * g;
  const double v = 0.999 * v_old + 0.001 * square;
  const double decay = s->decoupled > 0 ? (double)s->lr * s->weight_decay * a->param[i] : 0.0;
  return a->param[i] - s->lr * (m / s->correct1) / (sqrt(v / s->correct2) + s->eps) - decay;
}

static double gradient(const pno_step_args *s, const pno_adam *a, int i) {
  return (double)a->grad[i] * s->grad_scale + (s->decoupled > 0 ? 0.0 : (double)s->weight_decay * a->param[i]);
}

static void check_adam(const pno_kernels *t, float decoupled, bool complex) {
  world w = {0};
  const pno_step_args step = step_of(decoupled);
  const pno_adam old = adam_of(&w, &step, complex), a = adam_of(&w, &step, complex);
  const int count = complex ? PAIRS : REALS;
  t->adam(&a, 0, count);
  for (int p = 0; p < count; p++) {
    const int re = complex ? p / HALF * 2 * HALF + p % HALF : p, im = re + HALF;
    const double g = gradient(&step, &old, re), h = complex ? gradient(&step, &old, im) : 0.0;
    cr_assert_float_eq(a.param[re], moved(&step, &old, re, g, old.v[p], g * g + h * h), 2e-6, "%s: %d", t->name, p);
    cr_assert_float_eq(a.v[p], 0.999 * old.v[p] + 0.001 * (g * g + h * h), 1e-6 * (1e-3 + old.v[p]));
    if (complex)
      cr_assert_float_eq(a.param[im], moved(&step, &old, im, h, old.v[p], g * g + h * h), 2e-6, "%s: %d", t->name, p);
  }
  world_end(&w);
}

Test(update, adam_is_the_algorithm_in_double_and_complex_numbers_share_the_moment_of_their_size) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++)
    for (int k = 0; k < 4; k++) check_adam(t[i], k & 1 ? 1.0f : 0.0f, k & 2);
}

static void check_adam_ranges(const pno_kernels *t, bool complex) {
  for (int size = 1; size < 2 * HALF; size += 3) {
    world w = {0};
    const pno_step_args step = step_of(1.0f);
    const pno_adam a = adam_of(&w, &step, complex), b = adam_of(&w, &step, complex);
    const int count = complex ? PAIRS : REALS, floats = complex ? 2 * PAIRS : REALS;
    world_say("%s, %s numbers, %d at a time", t->name, complex ? "complex" : "real", size);
    t->adam(&a, 0, count);
    for (int first = (count - 1) / size * size; first >= 0; first -= size)
      t->adam(&b, first, count - first < size ? count - first : size);
    world_same(b.param, a.param, floats, "parameter");
    world_same(b.m, a.m, floats, "m");
    world_same(b.v, a.v, count, "v");
    world_end(&w);
  }
}

Test(update, any_range_of_elements_makes_the_same_step_of_adam) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++)
    for (int complex = 0; complex < 2; complex++) check_adam_ranges(t[i], complex > 0);
}

Test(update, a_step_of_adam_does_not_depend_on_the_phase_of_a_complex_gradient) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    pno_step_args step = step_of(1.0f);
    step.weight_decay = 0.0f;
    const pno_adam a = adam_of(&w, &step, true);
    pno_adam b = adam_of(&w, &step, true);
    float *turned = world_zeros(&w, 2 * PAIRS); /* i g: (re, im) to (-im, re), parameters and moments likewise */
    for (int p = 0; p < PAIRS; p++) {
      const int re = p / HALF * 2 * HALF + p % HALF, im = re + HALF;
      turned[re] = -a.grad[im], turned[im] = a.grad[re];
      b.param[re] = -a.param[im], b.param[im] = a.param[re];
      b.m[re] = -a.m[im], b.m[im] = a.m[re];
    }
    b.grad = turned;
    t[i]->adam(&a, 0, PAIRS);
    t[i]->adam(&b, 0, PAIRS);
    for (int p = 0; p < PAIRS; p++) {
      const int re = p / HALF * 2 * HALF + p % HALF, im = re + HALF;
      cr_assert_float_eq(b.param[im], a.param[re], 1e-6);
      cr_assert_float_eq(b.param[re], -a.param[im], 1e-6);
    }
    world_end(&w);
  }
}

Test(update, a_skipped_step_leaves_every_bit) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    pno_step_args step = step_of(1.0f);
    step.skip = 1.0f;
    step.grad_scale = NAN;
    const pno_adam old = adam_of(&w, &step, true), a = adam_of(&w, &step, true);
    t[i]->adam(&a, 0, PAIRS);
    cr_assert_eq(memcmp(a.param, old.param, sizeof(float) * 2 * PAIRS), 0);
    cr_assert_eq(memcmp(a.m, old.m, sizeof(float) * 2 * PAIRS), 0);
    cr_assert_eq(memcmp(a.v, old.v, sizeof(float) * PAIRS), 0);
    world_end(&w);
  }
}

Test(update, zero_gradients_keep_padding_lanes_zero) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    const pno_step_args step = step_of(1.0f);
    const pno_adam a = {.step = &step, .grad = world_zeros(&w, REALS), .param = world_zeros(&w, REALS),
                        .m = world_zeros(&w, REALS), .v = world_zeros(&w, REALS)};
    t[i]->adam(&a, 0, REALS);
    for (int k = 0; k < REALS; k++) cr_assert_eq(a.param[k], 0.0f);
    world_end(&w);
  }
}
