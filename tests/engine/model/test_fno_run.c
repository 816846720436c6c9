/* Laws of whole forward and backward passes; their values are compared with the oracle. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/model/fno.h"

enum { SAMPLES = 4, NX = 12, NY = 9, POINTS = NX * NY };

/* An operator on 12 x 9 points with its buffers; norms are the identity. */
typedef struct {
  pno_fno *f;
  pno_fno_plan *p;
  ptrdiff_t floats;
  float *params, *grad;
  float input[SAMPLES * POINTS], target[SAMPLES * POINTS], output[SAMPLES * POINTS];
  double loss[SAMPLES];
} world;

static const float one = 1, zero = 0;

static pno_fno_plan *plan(const pno_fno *f, pno_loss_kind loss, int micro) {
  const pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {NX, NY}, .samples = SAMPLES, .micro = micro,
                           .train = true, .norm_in = {false, &one, &zero}, .norm_out = {false, &one, &zero},
                           .loss = loss};
  pno_fno_plan *p;
  cr_assert_eq(pno_fno_plan_create(f, &use, &p), PNO_OK, "%s", pno_fail_words());
  return p;
}

static void noise(int site, ptrdiff_t n, float *out) {
  const pno_rng rng = {.seed = 5, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)pno_rng_normal(&rng, (uint64_t)i);
}

static world *make(pno_flavour flavour, pno_loss_kind loss, int micro, bool embed) {
  const bool li = flavour == PNO_FLAVOUR_LI;
  const pno_fno_spec spec = {.flavour = flavour, .dims = 2, .in = 1, .out = 1, .width = 20, .modes = {4, 4},
                             .layers = 3, .lift_hidden = li ? 0 : 24, .head_hidden = 24, .mlp_hidden = li ? 0 : 10,
                             .embed = embed};
  world *w = calloc(1, sizeof *w);
  cr_assert_eq(pno_fno_create(&spec, &w->f), PNO_OK);
  w->p = plan(w->f, loss, micro);
  w->floats = pno_fno_registry(w->f)->floats;
  w->params = calloc((size_t)w->floats, sizeof *w->params);
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  pno_registry_init(pno_fno_registry(w->f), 1, w->params);
  noise(1, SAMPLES * POINTS, w->input);
  noise(2, SAMPLES * POINTS, w->target);
  return w;
}

static void unmake(world *w) {
  pno_fno_plan_destroy(&w->p);
  pno_fno_destroy(&w->f);
  free(w->params);
  free(w->grad);
  free(w);
}

static void gradient(world *w) {
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, false, w->output, w->grad, w->loss);
}

static bool all_finite(const float *v, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++)
    if (!isfinite(v[i])) return false;
  return true;
}

static void each(void (*check)(pno_flavour flavour, pno_loss_kind loss)) {
  for (int f = 0; f < 2; f++)
    for (int l = 0; l < 3; l++) check(f ? PNO_FLAVOUR_LI : PNO_FLAVOUR_NEURALOP, (pno_loss_kind)l);
}

static void check_zero(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 1, false);
  memset(w->input, 0, sizeof w->input);
  memset(w->target, 0, sizeof w->target);
  gradient(w);
  cr_assert(all_finite(w->grad, w->floats));
  for (int s = 0; s < SAMPLES; s++) cr_assert(isfinite(w->loss[s]) && w->loss[s] > 0);
  memset(w->params, 0, sizeof *w->params * (size_t)w->floats); /* an output without error */
  memset(w->grad, 0, sizeof *w->grad * (size_t)w->floats);
  gradient(w);
  for (int s = 0; s < SAMPLES; s++) cr_assert_eq(w->loss[s], 0.0);
  for (ptrdiff_t i = 0; i < w->floats; i++) cr_assert_eq(w->grad[i], 0.0f);
  unmake(w);
}

Test(fno_run, zero_fields_have_finite_losses_and_gradients_and_no_error_has_none) { each(check_zero); }

static void check_not_a_number(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 1, true);
  w->input[2 * POINTS + 5] = NAN;
  gradient(w);
  for (int s = 0; s < SAMPLES; s++) cr_assert_eq(isfinite(w->loss[s]) != 0, s != 2, "sample %d", s);
  cr_assert(!all_finite(w->grad, w->floats));
  unmake(w);
}

Test(fno_run, a_field_that_is_not_finite_shows_in_its_loss_and_in_the_gradient) { each(check_not_a_number); }

static void check_loss(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 2, true);
  double again[SAMPLES];
  float output[SAMPLES * POINTS];
  gradient(w);
  pno_fno_losses(w->p, loss, w->output, w->target, SAMPLES, again);
  for (int s = 0; s < SAMPLES; s++) cr_assert_float_eq(w->loss[s], again[s], 1e-12 * again[s]);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, output);
  cr_assert_eq(memcmp(output, w->output, sizeof output), 0);
  unmake(w);
}

Test(fno_run, a_gradient_brings_the_output_of_forward_and_its_loss) { each(check_loss); }

static double dot(const float *a, const float *b, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

static double total(const world *w) {
  double sum = 0;
  for (int s = 0; s < SAMPLES; s++) sum += w->loss[s];
  return sum;
}

/* A step of 2e-3 against the gradient: to third order the loss falls by twice the step times |g|. fp32 leaves 1e-4. */
static void check_descent(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 1, true);
  gradient(w);
  const double length = sqrt(dot(w->grad, w->grad, w->floats)), h = 2e-3;
  float *g = w->grad, *start = malloc(sizeof *start * (size_t)w->floats);
  double side[2];
  memcpy(start, w->params, sizeof *start * (size_t)w->floats);
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  for (int i = 0; i < 2; i++) {
    for (ptrdiff_t k = 0; k < w->floats; k++) w->params[k] = (float)(start[k] + (i ? h : -h) * g[k] / length);
    gradient(w);
    side[i] = total(w);
  }
  const double slope = (side[1] - side[0]) / (2 * h);
  cr_assert_float_eq(slope, length, 2e-3 * length, "loss %d: slope %g, gradient %g", (int)loss, slope, length);
  free(g);
  free(start);
  unmake(w);
}

Test(fno_run, along_the_gradient_the_loss_rises_by_its_length) { each(check_descent); }

static void check_chunks(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 2, true);
  gradient(w);
  float *whole = w->grad, output[2 * POINTS];
  double losses[2];
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  for (int s = 0; s < SAMPLES; s += 2) {
    pno_fno_gradient(w->p, w->params, w->input + s * POINTS, w->target + s * POINTS, 2, false, output, w->grad,
                     losses);
    cr_assert_eq(memcmp(output, w->output + s * POINTS, sizeof output), 0);
    cr_assert_eq(memcmp(losses, w->loss + s, sizeof losses), 0);
  }
  cr_assert_eq(memcmp(whole, w->grad, sizeof *whole * (size_t)w->floats), 0);
  free(whole);
  unmake(w);
}

Test(fno_run, a_chunk_gives_the_bits_of_its_micro_batches_one_after_the_other) { each(check_chunks); }

Test(fno_run, a_gradient_is_added_to_what_is_there) {
  world *w = make(PNO_FLAVOUR_NEURALOP, PNO_LOSS_H1, SAMPLES, true);
  gradient(w);
  float *once = malloc(sizeof *once * (size_t)w->floats);
  memcpy(once, w->grad, sizeof *once * (size_t)w->floats);
  gradient(w);
  for (ptrdiff_t i = 0; i < w->floats; i++) cr_assert_eq(w->grad[i], 2.0f * once[i]); /* one micro-batch: exact */
  free(once);
  unmake(w);
}

/* Without coordinates and padding the operator commutes with periodic shifts. */
static void check_shift(pno_flavour flavour, pno_loss_kind loss) {
  world *w = make(flavour, loss, 1, false);
  float shifted[SAMPLES * POINTS], output[SAMPLES * POINTS];
  enum { DX = 5, DY = 2 };
  for (int i = 0; i < SAMPLES * POINTS; i++) {
    const int x = i % POINTS / NY, y = i % NY;
    shifted[i] = w->input[i / POINTS * POINTS + (x + DX) % NX * NY + (y + DY) % NY];
  }
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
  pno_fno_forward(w->p, w->params, shifted, SAMPLES, output);
  for (int i = 0; i < SAMPLES * POINTS; i++) {
    const int x = i % POINTS / NY, y = i % NY;
    const float want = w->output[i / POINTS * POINTS + (x + DX) % NX * NY + (y + DY) % NY];
    cr_assert_float_eq(output[i], want, 1e-5, "%g, not %g", output[i], want);
  }
  unmake(w);
}

Test(fno_run, a_shifted_input_gives_the_shifted_output) { each(check_shift); }

Test(fno_run, counted_flops_hold_the_skips_and_a_step_costs_between_two_and_four_forwards) {
  world *w = make(PNO_FLAVOUR_NEURALOP, PNO_LOSS_L2, 1, true);
  double forward, step;
  pno_fno_flops(w->p, &forward, &step);
  cr_assert_gt(forward, 2.0 * POINTS * 20 * 20 * 3); /* the skips alone */
  cr_assert(step > 2 * forward && step < 4 * forward, "%g and %g", forward, step);
  unmake(w);
}
