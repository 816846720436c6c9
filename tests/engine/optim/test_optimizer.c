#include "engine/optim/optimizer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 2 * PNO_BLOCK, HALF = 16 };

/* A real tensor of one block and a complex one of one block, as the registry would place them. */
static const pno_optim_tensor tensors[2] = {
    {.at = 0, .count = PNO_BLOCK, .v_at = 0, .v_count = PNO_BLOCK},
    {.is_complex = true, .half = HALF, .at = PNO_BLOCK, .count = PNO_BLOCK, .v_at = PNO_BLOCK,
     .v_count = PNO_BLOCK / 2}};

static float param[N], grad[N];

static pno_optimizer make(pno_optim_kind kind, double decay, double clip, pno_arena *arena) {
  const pno_optim_spec spec = {.kind = kind, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = decay,
                               .clip = clip};
  pno_optimizer o;
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, 1 << 20, arena), PNO_OK);
  cr_assert_eq(pno_optimizer_create(&spec, pno_kernels_scalar(), tensors, 2, N, N, arena, &o), PNO_OK);
  for (int i = 0; i < N; i++) {
    param[i] = 0.5f + 0.001f * (float)i;
    grad[i] = sinf((float)i) * 3.0f;
  }
  return o;
}

/* The update of the header in double, for element i whose partner (or itself) is j. */
static double reference(const double p, const double g, const double other, int decoupled, double lr, double wd) {
  const double gd = decoupled ? g : g + wd * p, m = gd, v = gd * gd + other * other; /* first step: corrected */
  return p - lr * m / (sqrt(v) + 1e-8) - (decoupled ? lr * wd * p : 0);
}

Test(optimizer, the_first_step_is_adam_with_one_second_moment_a_complex_number) {
  for (int kind = 0; kind < 2; kind++) {
    pno_arena arena;
    pno_optimizer o = make((pno_optim_kind)kind, 0.1, 0, &arena);
    double norm;
    static float before[N];
    memcpy(before, param, sizeof before);
    cr_assert(pno_optimizer_step(&o, 0.01, 3, grad, param, &norm));
    for (int i = 0; i < N; i++) {
      const bool is_complex = i >= PNO_BLOCK;
      const int j = i % (2 * HALF) < HALF ? i + HALF : i - HALF;
      const double extra = kind == PNO_OPTIM_ADAMW ? 0 : 0.1 * before[j];
      const double other = is_complex ? grad[j] / 3.0 + extra : 0;
      const double want = reference(before[i], grad[i] / 3.0, other, kind == PNO_OPTIM_ADAMW, 0.01, 0.1);
      cr_assert_float_eq(param[i], want, 3e-6, "kind %d element %d: %g, want %g", kind, i, param[i], want);
    }
    pno_arena_destroy(&arena);
  }
}

Test(optimizer, a_complex_update_does_not_depend_on_the_phase) {
  pno_arena arena;
  pno_optimizer o = make(PNO_OPTIM_ADAM, 0, 0, &arena);
  double norm;
  memset(param, 0, sizeof param);
  for (int i = PNO_BLOCK; i < N; i++) { /* the same modulus everywhere, turning phase */
    const int pair = i / (2 * HALF) * HALF + i % HALF;
    grad[i] = (float)(i % (2 * HALF) < HALF ? cos(0.1 * pair) : sin(0.1 * pair));
  }
  cr_assert(pno_optimizer_step(&o, 0.01, 1, grad, param, &norm));
  for (int i = PNO_BLOCK; i < N; i++) {
    if (i % (2 * HALF) >= HALF) continue;
    cr_assert_float_eq(hypot(param[i], param[i + HALF]), 0.01, 1e-8);
  }
  pno_arena_destroy(&arena);
}

Test(optimizer, a_gradient_that_is_not_finite_changes_nothing_and_is_told) {
  const float bad[2] = {NAN, INFINITY};
  for (int k = 0; k < 2; k++) {
    pno_arena arena;
    pno_optimizer o = make(PNO_OPTIM_ADAMW, 0.1, 1, &arena);
    static float before[N];
    double norm;
    memcpy(before, param, sizeof before);
    grad[N - 1] = bad[k];
    cr_assert_not(pno_optimizer_step(&o, 0.01, 1, grad, param, &norm));
    cr_assert_not(isfinite(norm));
    cr_assert_eq(memcmp(before, param, sizeof before), 0);
    cr_assert_eq(o.steps, 0);
    pno_arena_destroy(&arena);
  }
}

Test(optimizer, clipping_bounds_the_norm_of_the_mean_gradient) {
  pno_arena arena;
  pno_optimizer o = make(PNO_OPTIM_ADAM, 0, 0.5, &arena);
  double norm, sum = 0, moment = 0;
  for (int i = 0; i < N; i++) sum += (double)grad[i] * grad[i];
  cr_assert(pno_optimizer_step(&o, 0.01, 4, grad, param, &norm));
  cr_assert_float_eq(norm, sqrt(sum) / 4, 1e-9 * norm);
  for (int i = 0; i < N; i++) moment += (double)o.m[i] * o.m[i];
  cr_assert_float_eq(sqrt(moment) / 0.1, 0.5, 1e-6);
  pno_arena_destroy(&arena);
}
