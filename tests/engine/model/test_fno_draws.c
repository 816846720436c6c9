/* Laws of operators that draw: by masks in their layers, or of two heads. Values are compared with the oracle. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/model/fno.h"
#include "kernels/dispatch.h"
#include "tests/support/alloc_sweep.h"

enum { SAMPLES = 4, DRAWS = 4, NX = 16, NY = 13, OUT = 2, FIELD = NX * NY * OUT };

static const uint32_t numbers[SAMPLES] = {12, 0, 4000000000u, 7};

/* An operator with its buffers; the norms are not the identity. */
typedef struct {
  pno_fno *f;
  pno_fno_plan *p;
  ptrdiff_t floats;
  float *params, *grad;
  float input[SAMPLES * NX * NY], target[SAMPLES * FIELD], output[SAMPLES * DRAWS * FIELD];
  double loss[SAMPLES];
} world;

static const float scales[] = {1.5f, 0.75f}, shifts[] = {0.25f, -2.0f};

typedef struct {
  int heads, draws;
  double dropout, fourier;
  pno_loss_kind loss;
} kind;

static const kind kinds[] = {{1, DRAWS, 0.2, 0.1, PNO_LOSS_ENERGY}, {1, DRAWS, 0.2, 0, PNO_LOSS_CRPS},
                             {2, DRAWS, 0, 0, PNO_LOSS_REL_ENERGY}, {2, DRAWS, 0.3, 0.1, PNO_LOSS_KERNEL},
                             {2, DRAWS, 0.1, 0, PNO_LOSS_NLL},      {1, DRAWS, 0.5, 0.5, PNO_LOSS_NLL}};

static void noise(int site, ptrdiff_t n, float *out) {
  const pno_rng rng = {.seed = 5, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)pno_rng_normal(&rng, (uint64_t)i);
}

static pno_fno_plan *plan(const pno_fno *f, const pno_kernels *t, const kind *k, int micro) {
  const pno_fno_use use = {.kernels = t,
                           .n = {NX, NY},
                           .samples = SAMPLES,
                           .micro = micro,
                           .train = true,
                           .draws = k->draws,
                           .dropout = k->dropout,
                           .fourier_dropout = k->fourier,
                           .loss = k->loss,
                           .head_out = 6,
                           .draw_loss = {.fair = 1, .gamma = 1},
                           .norm_in = {false, scales, shifts},
                           .norm_out = {false, scales, shifts}};
  pno_fno_plan *p;
  cr_assert_eq(pno_fno_plan_create(f, &use, &p), PNO_OK, "%s", pno_fail_words());
  return p;
}

static world *make(const pno_kernels *t, const kind *k, int micro) {
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_PNO,
                             .dims = 2,
                             .in = 1,
                             .out = OUT,
                             .width = 20,
                             .modes = {6, 6},
                             .layers = 3,
                             .lift_hidden = 24,
                             .head_hidden = 28,
                             .heads = k->heads,
                             .embed = true};
  world *w = calloc(1, sizeof *w);
  cr_assert_not_null(w);
  cr_assert_eq(pno_fno_create(&spec, &w->f), PNO_OK);
  w->p = plan(w->f, t, k, micro);
  w->floats = pno_fno_registry(w->f)->floats;
  w->params = calloc((size_t)w->floats, sizeof *w->params);
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  pno_registry_init(pno_fno_registry(w->f), 1, w->params);
  noise(1, SAMPLES * NX * NY, w->input);
  noise(2, SAMPLES * FIELD, w->target);
  return w;
}

static void unmake(world *w) {
  pno_fno_plan_destroy(&w->p);
  pno_fno_destroy(&w->f);
  free(w->params);
  free(w->grad);
  free(w);
}

/* From sample number `at` of the world on. */
static void set_noise(pno_fno_plan *p, int at, int first_draw) {
  pno_fno_plan_noise(p, &(pno_fno_noise){.seed = 11, .epoch = 6, .sample = numbers + at, .first_draw = first_draw});
}

typedef void draw_check(const pno_kernels *t, const kind *k);

static void each(draw_check *check) {
  int tables;
  const pno_kernels *const *t = pno_kernels_all(&tables);
  for (int i = 0; i < tables; i++)
    for (size_t k = 0; pno_kernels_run(t[i]) && k < sizeof kinds / sizeof *kinds; k++) check(t[i], &kinds[k]);
}

static void check_chunks(const pno_kernels *t, const kind *k) {
  enum { MICRO = 2 };
  world *w = make(t, k, MICRO);
  static float output[MICRO * DRAWS * FIELD];
  double losses[MICRO];
  set_noise(w->p, 0, 3);
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, false, w->output, w->grad, w->loss);
  float *whole = w->grad;
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  for (int s = 0; s < SAMPLES; s += MICRO) {
    set_noise(w->p, s, 3);
    pno_fno_gradient(w->p, w->params, w->input + s * NX * NY, w->target + s * FIELD, MICRO, false, output, w->grad,
                     losses);
    cr_assert_eq(memcmp(output, w->output + s * DRAWS * FIELD, sizeof output), 0, "%s, loss %d", t->name, (int)k->loss);
    cr_assert_eq(memcmp(losses, w->loss + s, sizeof losses), 0, "%s, loss %d", t->name, (int)k->loss);
  }
  cr_assert_eq(memcmp(whole, w->grad, sizeof *whole * (size_t)w->floats), 0, "%s, loss %d", t->name, (int)k->loss);
  free(whole);
  unmake(w);
}

Test(fno_draws, a_chunk_gives_the_bits_of_its_micro_batches_one_after_the_other) { each(check_chunks); }

/* A call of four draws, and of two with the numbers 3 and 4, then 5 and 6; the gradient brings what forward does. */
static void check_numbers(const pno_kernels *t, const kind *k) {
  const kind two = {k->heads, 2, k->dropout, k->fourier, k->loss};
  world *w = make(t, k, 1), *v = make(t, &two, SAMPLES);
  static float output[SAMPLES * 2 * FIELD], again[SAMPLES * DRAWS * FIELD];
  set_noise(w->p, 0, 3);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, false, again, w->grad, w->loss);
  cr_assert_eq(memcmp(again, w->output, sizeof again), 0, "%s, loss %d", t->name, (int)k->loss);
  for (int part = 0; part < 2; part++) {
    set_noise(v->p, 0, 3 + 2 * part);
    if (k->heads == 2 && part == 1) /* the same heads, whose masks would move too */
      pno_fno_draw_again(v->p, SAMPLES, output);
    else
      pno_fno_forward(v->p, v->params, v->input, SAMPLES, output);
    for (int s = 0; s < SAMPLES; s++)
      cr_assert_eq(
          memcmp(output + s * 2 * FIELD, w->output + (s * DRAWS + 2 * part) * FIELD, sizeof *output * 2 * FIELD), 0,
          "%s, loss %d, part %d, sample %d", t->name, (int)k->loss, part, s);
  }
  for (int i = 0; i < SAMPLES * DRAWS; i++)
    for (int j = 0; j < i; j++)
      cr_assert_neq(memcmp(w->output + i * FIELD, w->output + j * FIELD, sizeof *output * FIELD), 0, "fields %d and %d",
                    i, j);
  unmake(w);
  unmake(v);
}

Test(fno_draws, a_draw_is_known_by_its_number_alone) { each(check_numbers); }

static void check_again(const pno_kernels *t, const kind *k) {
  if (k->heads < 2 || k->dropout > 0) return; /* masks would move with the number too */
  world *w = make(t, k, 1);
  static float again[SAMPLES * DRAWS * FIELD];
  set_noise(w->p, 0, 3);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, again);
  set_noise(w->p, 0, 300);
  pno_fno_draw_again(w->p, SAMPLES, again);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
  cr_assert_eq(memcmp(again, w->output, sizeof again), 0, "%s", t->name);
  unmake(w);
}

Test(fno_draws, drawing_again_gives_what_a_call_with_these_numbers_gives) { each(check_again); }

/* Of each sample: mean of (scale softplus(s))^2 over points and channels. */
static void check_variance(const pno_kernels *t, const kind *k) {
  if (k->heads < 2) return;
  world *w = make(t, k, 1);
  set_noise(w->p, 0, 0);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
  const float *heads = pno_fno_heads(w->p);
  for (int s = 0; s < SAMPLES; s++) {
    double sum = 0;
    for (int i = 0; i < FIELD; i++) {
      const double sd =
          scales[i % OUT] * (log1p(exp((double)heads[s * 2 * FIELD + i / OUT * 2 * OUT + OUT + i % OUT])) + 1e-6);
      sum += sd * sd / FIELD;
    }
    const double got = pno_fno_heads_variance(w->p, s);
    cr_assert_float_eq(got, sum, 1e-9 * sum, "%s, sample %d: %g, not %g", t->name, s, got, sum);
  }
  unmake(w);
}

Test(fno_draws, the_variance_of_two_heads_is_the_mean_of_their_squared_deviations) { each(check_variance); }

static void check_near(const float *got, const float *want, int n, const char *words) {
  for (int i = 0; i < n; i++)
    cr_assert(fabs((double)got[i] - (double)want[i]) <= 2e-5, "%s: element %d: %g, not %g", words, i, (double)got[i],
              (double)want[i]);
}

/* A head of six channels that repeats the two of m. */
static pno_mlp repeated(const pno_mlp *m, float *w2, float *b2) {
  enum { WIDE = 6 };
  const int op = pno_padded(OUT), wp = pno_padded(WIDE);
  for (int o = 0; o < WIDE; o++) {
    b2[o] = m->b2[o % OUT];
    for (int j = 0; j < m->hidden; j++) w2[j * wp + o] = m->w2[j * op + o % OUT];
  }
  return (pno_mlp){.in = m->in, .hidden = m->hidden, .out = WIDE, .w1 = m->w1, .b1 = m->b1, .w2 = w2, .b2 = b2};
}

static void check_head(const pno_kernels *t, const kind *k) {
  const kind one = {k->heads, 1, 0, k->fourier, k->loss == PNO_LOSS_NLL ? PNO_LOSS_ENERGY : k->loss};
  static float own[SAMPLES * FIELD], wide[SAMPLES * 3 * FIELD], w2[32 * 16], b2[16];
  static const float six[] = {1.5f, 0.75f, 1.5f, 0.75f, 1.5f, 0.75f}, by[] = {0.25f, -2, 0.25f, -2, 0.25f, -2};
  world *w = make(t, &one, 1);
  const pno_mlp head = pno_fno_head(w->f, w->params), many = repeated(&head, w2, b2);
  const pno_affine norm = {false, scales, shifts}, norms = {false, six, by};
  set_noise(w->p, 0, 0);
  pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
  if (k->heads == 2) { /* the means */
    const float *heads = pno_fno_heads(w->p);
    for (int i = 0; i < SAMPLES * FIELD; i++) w->output[i] = heads[i / OUT * 2 * OUT + i % OUT];
  }
  pno_fno_forward_with(w->p, w->params, &head, &norm, w->input, SAMPLES, own);
  cr_assert_eq(memcmp(own, w->output, sizeof own), 0, "%s, %d heads", t->name, k->heads);
  pno_fno_forward_with(w->p, w->params, &many, &norms, w->input, SAMPLES, wide);
  for (int i = 0; i < SAMPLES * FIELD; i += OUT)
    for (int r = 0; r < 3; r++) check_near(wide + 3 * i + r * OUT, own + i, OUT, t->name);
  unmake(w);
}

Test(fno_draws, another_head_takes_the_place_of_the_first) { each(check_head); }

static bool all_finite(const float *v, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++)
    if (!isfinite(v[i])) return false;
  return true;
}

static void check_not_a_number(const pno_kernels *t, const kind *k) {
  world *w = make(t, k, 1);
  w->input[2 * NX * NY + 5] = NAN;
  set_noise(w->p, 0, 0);
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, true, w->output, w->grad, w->loss);
  for (int s = 0; s < SAMPLES; s++)
    cr_assert_eq(isfinite(w->loss[s]) != 0, s != 2, "%s, loss %d, sample %d", t->name, (int)k->loss, s);
  cr_assert(!all_finite(w->grad, w->floats), "%s, loss %d", t->name, (int)k->loss);
  unmake(w);
}

Test(fno_draws, a_field_that_is_not_finite_shows_in_its_loss_and_in_the_gradient) { each(check_not_a_number); }

static void check_added(const pno_kernels *t, const kind *k) {
  world *w = make(t, k, SAMPLES);
  set_noise(w->p, 0, 0);
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, true, w->output, w->grad, w->loss);
  float *once = malloc(sizeof *once * (size_t)w->floats);
  memcpy(once, w->grad, sizeof *once * (size_t)w->floats);
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, false, w->output, w->grad, w->loss);
  for (ptrdiff_t i = 0; i < w->floats; i++)
    cr_assert_eq(w->grad[i], 2.0f * once[i], "%s, loss %d", t->name, (int)k->loss);
  free(once);
  unmake(w);
}

Test(fno_draws, a_micro_batch_of_all_its_draws_is_added_as_one_sum) { each(check_added); }

static double total(const world *w) {
  double sum = 0;
  for (int s = 0; s < SAMPLES; s++) sum += w->loss[s];
  return sum;
}

/* As in test_fno_run: the loss falls against the gradient by its length, while masks and draws stay. */
static void check_descent(const pno_kernels *t, const kind *k) {
  world *w = make(t, k, 1);
  set_noise(w->p, 0, 0);
  double length = 0, side[2];
  pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, true, w->output, w->grad, w->loss);
  for (ptrdiff_t i = 0; i < w->floats; i++) length += (double)w->grad[i] * (double)w->grad[i];
  length = sqrt(length);
  const double h = k->loss == PNO_LOSS_NLL ? 2e-4 : 2e-3;
  float *g = w->grad, *start = malloc(sizeof *start * (size_t)w->floats);
  memcpy(start, w->params, sizeof *start * (size_t)w->floats);
  w->grad = calloc((size_t)w->floats, sizeof *w->grad);
  for (int i = 0; i < 2; i++) {
    for (ptrdiff_t n = 0; n < w->floats; n++)
      w->params[n] = (float)((double)start[n] + (i ? h : -h) * (double)g[n] / length);
    pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, true, w->output, w->grad, w->loss);
    side[i] = total(w);
  }
  const double slope = (side[1] - side[0]) / (2 * h);
  cr_assert_float_eq(slope, length, 5e-3 * length, "%s, loss %d: slope %g, gradient %g", t->name, (int)k->loss, slope,
                     length);
  free(g);
  free(start);
  unmake(w);
}

Test(fno_draws, along_the_gradient_the_loss_rises_by_its_length) { each(check_descent); }

static void check_steady(const pno_kernels *t, const kind *k) {
  world *w = make(t, k, 1);
  set_noise(w->p, 0, 0);
  alloc_count_begin();
  for (int i = 0; i < 3; i++) {
    pno_fno_gradient(w->p, w->params, w->input, w->target, SAMPLES, i == 0, w->output, w->grad, w->loss);
    pno_fno_forward(w->p, w->params, w->input, SAMPLES, w->output);
    if (k->heads == 2) pno_fno_draw_again(w->p, SAMPLES, w->output);
  }
  const int ours = alloc_count_end();
  cr_assert_eq(ours, 0, "%s, loss %d: %d allocations", t->name, (int)k->loss, ours);
  unmake(w);
}

Test(fno_draws, calls_take_no_memory) { each(check_steady); }
