#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

/* Three of five stored modes; the spectra of samples lie a little further apart than they take. */
enum { MODES = 3, STORED = 5 };
static const int stored[MODES] = {4, 0, 2};

typedef struct {
  int samples, c, cp;
  ptrdiff_t stride, spectra, weights; /* floats */
} mix_case;

typedef void mix_check(const pno_kernels *t, const mix_case *m, world *w);

static mix_case case_of(int samples, int channels) {
  mix_case m = {.samples = samples, .c = channels, .cp = pno_padded(channels)};
  m.stride = 2 * (ptrdiff_t)MODES * m.cp + PNO_LANES;
  m.spectra = samples * m.stride;
  m.weights = 2 * (ptrdiff_t)STORED * channels * m.cp;
  return m;
}

static void each(mix_check *check) {
  static const int channels[] = {1, 16, 20, 48, 72}, samples[] = {1, 2, 5, 6, 7, 33, 70};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (size_t c = 0; c < sizeof channels / sizeof *channels; c++) {
      for (size_t s = 0; s < sizeof samples / sizeof *samples; s++) {
        world w = {0};
        const mix_case m = case_of(samples[s], channels[c]);
        world_say("%s, %d samples, %d channels", t[i]->name, m.samples, m.c);
        check(t[i], &m, &w);
        world_end(&w);
      }
    }
  }
}

/* Spectra with rubbish between the samples, which nothing may reach. */
static float *spectra_of(world *w, const mix_case *m, int site) {
  float *v = world_vectors(w, m->spectra / m->cp + 1, m->c, site), *out = world_zeros(w, m->spectra);
  for (int s = 0; s < m->samples; s++) {
    memcpy(out + s * m->stride, v + 2 * (ptrdiff_t)s * MODES * m->cp, sizeof *v * 2 * MODES * (size_t)m->cp);
    for (int i = 0; i < PNO_LANES; i++) out[(s + 1) * m->stride - PNO_LANES + i] = NAN;
  }
  return out;
}

static double dot_spectra(const mix_case *m, const float *a, const float *b) {
  double sum = 0;
  for (int s = 0; s < m->samples; s++) sum += world_dot(a + s * m->stride, b + s * m->stride, m->stride - PNO_LANES);
  return sum;
}

static void check_spectra_padding(const mix_case *m, const float *v) {
  for (int s = 0; s < m->samples; s++) {
    cr_assert(world_padding_is_zero(v + s * m->stride, 2 * MODES, m->c));
    for (int i = 1; i <= PNO_LANES; i++) cr_assert(isnan(v[(s + 1) * m->stride - i]), "written between samples");
  }
}

static pno_mix mix_of(world *w, const mix_case *m) {
  float *scale = world_zeros(w, m->samples);
  for (int s = 0; s < m->samples; s++) scale[s] = 0.5f + 0.25f * (float)(s % 5);
  return (pno_mix){.samples = m->samples, .micro = 1, .modes = MODES, .channels = m->c, .stride = m->stride,
                   .stored = stored, .weight = world_vectors(w, m->weights / m->cp, m->c, 1), .x = spectra_of(w, m, 2),
                   .y = spectra_of(w, m, 3), .scale = scale, .grad = world_zeros(w, m->weights)};
}

static float *scratch_of(world *w, const pno_kernels *t, const mix_case *m) {
  const int one = 1, lo = 0;
  const pno_grid g = pno_grid_make(1, &one, &lo, &one);
  return world_scratch(w, t, &g, m->c);
}

static void check_definition(const pno_kernels *t, const mix_case *m, world *w) {
  const pno_mix a = mix_of(w, m);
  t->mix_forward(&a, 0, MODES);
  for (int s = 0; s < m->samples; s += 1 + m->samples / 4) {
    for (int k = 0; k < MODES; k++) {
      const float *x = a.x + s * m->stride + 2 * (ptrdiff_t)k * m->cp, *y = a.y + (x - a.x);
      const float *weight = a.weight + 2 * (ptrdiff_t)stored[k] * m->c * m->cp;
      for (int o = k; o < m->c; o += 7) {
        double re = 0, im = 0;
        for (int c = 0; c < m->c; c++) {
          const double wr = weight[2 * c * m->cp + o], wi = weight[(2 * c + 1) * m->cp + o];
          re += wr * x[c] - wi * x[m->cp + c];
          im += wr * x[m->cp + c] + wi * x[c];
        }
        world_equal(y[o], re, sqrt(m->c), "real part");
        world_equal(y[m->cp + o], im, sqrt(m->c), "imaginary part");
      }
    }
  }
  check_spectra_padding(m, a.y);
}

Test(mix, it_is_the_complex_product_of_the_definition) { each(check_definition); }

/* <y, dy> = <x, dx>, and with the factors of the samples in dy too = <weight, gradient>. */
static void check_adjoint(const pno_kernels *t, const mix_case *m, world *w) {
  pno_mix a = mix_of(w, m);
  t->mix_forward(&a, 0, MODES);
  const float *y = a.y, *dy = spectra_of(w, m, 4);
  const double scale = sqrt(dot_spectra(m, y, y) * dot_spectra(m, dy, dy));
  double of_weight = 0;
  for (int s = 0; s < m->samples; s++)
    of_weight += a.scale[s] * world_dot(y + s * m->stride, dy + s * m->stride, m->stride - PNO_LANES);
  a.y = world_copy(w, dy, m->spectra);
  t->mix_backward(&a, 0, MODES, scratch_of(w, t, m));
  world_equal(dot_spectra(m, y, dy), dot_spectra(m, a.x, a.y), scale, "input");
  world_equal(of_weight, world_dot(a.weight, a.grad, m->weights), 1.5 * scale, "weight");
  check_spectra_padding(m, a.y);
  cr_assert(world_padding_is_zero(a.grad, m->weights / m->cp, m->c));
}

Test(mix, it_has_the_adjoints_for_its_input_and_its_weight) { each(check_adjoint); }

static void check_kept(const pno_kernels *t, const mix_case *m, world *w) {
  for (int fresh = 0; fresh < 2; fresh++) {
    pno_mix a = mix_of(w, m);
    const float *before = world_noise(w, m->weights, 6);
    a.grad = world_copy(w, before, m->weights);
    a.fresh = fresh;
    t->mix_backward(&a, 0, MODES, scratch_of(w, t, m));
    const ptrdiff_t mode = 2 * (ptrdiff_t)m->c * m->cp;
    for (int k = 0; k < STORED; k++) {
      const bool kept = k == 4 || k == 0 || k == 2;
      const bool same = memcmp(a.grad + k * mode, before + k * mode, sizeof(float) * (size_t)mode) == 0;
      cr_assert_eq(same, !kept, "%s: stored mode %d", t->name, k);
    }
  }
}

Test(mix, gradients_of_modes_that_the_grid_does_not_keep_are_left_alone) { each(check_kept); }

/* Modes from the last to the first, a sample after the other. */
static void check_chunk(const pno_kernels *t, const mix_case *m, world *w) {
  float *scratch = scratch_of(w, t, m);
  const pno_mix forward = mix_of(w, m);
  pno_mix single = forward;
  single.samples = 1;
  single.y = spectra_of(w, m, 5);
  t->mix_forward(&forward, 0, MODES);
  for (int s = 0; s < m->samples; s++, single.x += m->stride, single.y += m->stride)
    for (int k = MODES - 1; k >= 0; k--) t->mix_forward(&single, k, 1);
  single.y -= m->spectra;
  for (int s = 0; s < m->samples; s++)
    world_same(single.y + s * m->stride, forward.y + s * m->stride, m->stride - PNO_LANES, "y");
  pno_mix back = forward;
  single = back;
  single.samples = 1;
  back.y = spectra_of(w, m, 4);
  single.y = spectra_of(w, m, 4);
  single.grad = world_zeros(w, m->weights);
  t->mix_backward(&back, 0, MODES, scratch);
  for (int s = 0; s < m->samples; s++, single.x += m->stride, single.y += m->stride, single.scale++)
    for (int k = MODES - 1; k >= 0; k--) t->mix_backward(&single, k, 1, scratch);
  single.y -= m->spectra;
  for (int s = 0; s < m->samples; s++)
    world_same(single.y + s * m->stride, back.y + s * m->stride, m->stride - PNO_LANES, "dx");
  world_same(single.grad, back.grad, m->weights, "gradient of the weight");
}

Test(mix, a_chunk_gives_the_bits_of_one_sample_after_the_other_and_of_any_order_of_modes) { each(check_chunk); }

/* Micro-batches of two, the last of one where samples are odd: each yields its own sum, which is then added. */
static void check_micro(const pno_kernels *t, const mix_case *m, world *w) {
  float *scratch = scratch_of(w, t, m);
  pno_mix chunk = mix_of(w, m), alone = mix_of(w, m);
  chunk.micro = alone.micro = 2;
  float *sum = world_zeros(w, m->weights);
  t->mix_backward(&chunk, 0, MODES, scratch);
  for (int s = 0; s < m->samples; s += 2, alone.x += 2 * m->stride, alone.y += 2 * m->stride, alone.scale += 2) {
    alone.samples = m->samples - s < 2 ? m->samples - s : 2;
    memset(alone.grad, 0, sizeof(float) * (size_t)m->weights);
    t->mix_backward(&alone, 0, MODES, scratch);
    for (ptrdiff_t i = 0; i < m->weights; i++) sum[i] += alone.grad[i];
  }
  world_same(sum, chunk.grad, m->weights, "gradient of the weight");
}

Test(mix, each_micro_batch_yields_a_sum_of_its_own_that_is_then_added) { each(check_micro); }

static void check_fresh(const pno_kernels *t, const mix_case *m, world *w) {
  float *scratch = scratch_of(w, t, m);
  pno_mix zeroed = mix_of(w, m), fresh = mix_of(w, m);
  fresh.grad = world_noise(w, m->weights, 6);
  fresh.fresh = true;
  t->mix_backward(&zeroed, 0, MODES, scratch);
  t->mix_backward(&fresh, 0, MODES, scratch);
  const ptrdiff_t mode = 2 * (ptrdiff_t)m->c * m->cp;
  for (int k = 0; k < MODES; k++)
    world_same(fresh.grad + stored[k] * mode, zeroed.grad + stored[k] * mode, mode, "gradient of the weight");
}

Test(mix, a_fresh_gradient_has_the_bits_of_one_that_was_zeroed) { each(check_fresh); }
