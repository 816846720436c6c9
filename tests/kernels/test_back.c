/* Backward of a layer's linear part and of the stage below it: adjoints where they are linear, slopes where not. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/phase_world.h"

static ptrdiff_t floats_of(const phase_shape *s) { return s->points * s->cp; }

static float *scratch_of(world *w, const pno_kernels *t, const phase_shape *s) {
  return world_scratch(w, t, &s->g, phase_widest(s));
}

/* A layer that has run, and a gradient of its result. */
static pno_layer forward_of(world *w, const pno_kernels *t, const phase_shape *s, float **scratch, const float **d) {
  const pno_layer f = phase_layer(w, t, s);
  *scratch = scratch_of(w, t, s);
  *d = world_vectors(w, s->points, s->channels, 30);
  phase_layer_forward(t, &f, s->samples, true, *scratch);
  return f;
}

static double size_of(const float *a, const float *b, ptrdiff_t n) {
  return sqrt(world_dot(a, a, n) * world_dot(b, b, n));
}

static void check_linear(const pno_kernels *t, const phase_shape *s, world *w) {
  if (s->hidden || s->activate) return;
  float *scratch;
  const float *d, *above = world_zeros(w, s->modes * s->cp);
  const pno_layer f = forward_of(w, t, s, &scratch, &d);
  const pno_back stage = phase_stage(w, s, &f, d), linear = phase_linear(w, s, &f, d, NULL, above);
  phase_layer_backward(t, &stage, s->samples, true, scratch);
  phase_layer_backward(t, &linear, s->samples, true, scratch);
  const ptrdiff_t n = floats_of(s), partial = pno_back_floats(&linear), skip = s->channels * s->cp;
  const double value = world_dot(f.result, d, n), scale = size_of(f.result, d, n);
  const double of_x = world_dot(linear.d, f.x, n), of_spectrum = world_dot(stage.rows, f.spectrum, s->modes * s->cp);
  const double of_skip = phase_partial_dot(linear.partial, partial, s->blocks, 0, f.skip, skip);
  const double of_bias = phase_partial_dot(linear.partial, partial, s->blocks, skip, f.bias, s->cp);
  world_equal(value, of_x + of_spectrum + of_bias, scale, "inputs");
  world_equal(of_skip, of_x, scale, "x skip is linear in both");
  world_same(stage.d, d, n, "a stage without activation passes the gradient on");
}

Test(back, without_activation_it_is_the_adjoint_for_inputs_and_parameters) { phase_each(check_linear); }

static void check_analysis(const pno_kernels *t, const phase_shape *s, world *w) {
  float *scratch;
  const float *d, *above = world_vectors(w, s->modes, s->channels, 31), *zero = world_zeros(w, floats_of(s));
  pno_layer f = forward_of(w, t, s, &scratch, &d);
  f.x = f.result; /* the input of the next layer */
  const pno_back b = phase_linear(w, s, &f, zero, zero, above);
  phase_layer_backward(t, &b, s->samples, true, scratch);
  const ptrdiff_t m = s->modes * s->cp;
  world_equal(world_dot(f.rows, above, m), world_dot(f.result, b.d, floats_of(s)), size_of(f.rows, above, m),
              "analysis");
}

Test(back, a_gradient_of_row_spectra_reaches_the_rows_by_the_adjoint_of_the_analysis) { phase_each(check_analysis); }

static void check_gate(const pno_kernels *t, const phase_shape *s, world *w) {
  if (!s->hidden) return;
  const float *dm = world_vectors(w, s->points, s->channels, 32), *zero = world_zeros(w, floats_of(s));
  const float *above = world_zeros(w, s->modes * s->cp);
  const pno_layer f = phase_layer(w, t, s);
  const pno_back b = phase_linear(w, s, &f, zero, dm, above);
  phase_layer_backward(t, &b, s->samples, true, scratch_of(w, t, s));
  const ptrdiff_t n = floats_of(s), at = (s->channels + 1) * s->cp;
  double want = 0;
  for (ptrdiff_t i = 0; i < n; i++) want += (double)f.gate[i % s->cp] * f.x[i] * dm[i];
  world_equal(world_dot(b.d, f.x, n), want, size_of(b.d, f.x, n), "input");
  world_equal(phase_partial_dot(b.partial, pno_back_floats(&b), s->blocks, at, f.gate, s->cp), want,
              size_of(b.d, f.x, n), "gate");
}

Test(back, the_gate_has_its_adjoints) { phase_each(check_gate); }

/* Of the channel MLP the second map is linear, and with one map alone the input is. */
static void check_mlp(const pno_kernels *t, const phase_shape *s, world *w) {
  if (!s->hidden || s->activate) return;
  for (int hidden = 0; hidden <= s->hidden; hidden += s->hidden) {
    pno_layer f = phase_layer(w, t, s);
    f.mlp = world_mlp(w, s->channels, hidden, s->channels, 33);
    float *scratch = scratch_of(w, t, s), *zero = world_zeros(w, s->cp);
    const float *d = world_vectors(w, s->points, s->channels, 30);
    f.gate = zero;
    phase_layer_forward(t, &f, s->samples, true, scratch);
    const pno_back b = phase_stage(w, s, &f, d);
    phase_layer_backward(t, &b, s->samples, true, scratch);
    const ptrdiff_t n = floats_of(s), floats = pno_back_floats(&b), rows = hidden ? hidden : s->channels;
    const ptrdiff_t at = floats - (rows + 1) * s->cp;
    const double value = world_dot(f.m, d, n), scale = size_of(f.m, d, n);
    const double weight = phase_partial_dot(b.partial, floats, s->blocks, at, f.mlp.w2, rows * s->cp);
    const double bias = phase_partial_dot(b.partial, floats, s->blocks, at + rows * s->cp, f.mlp.b2, s->cp);
    world_equal(value, weight + bias, scale, "second map");
    if (!hidden) world_equal(value, world_dot(b.d, f.z, n) + bias, scale, "input");
    world_same(b.m, d, n, "m becomes its own gradient");
  }
}

Test(back, the_last_map_of_the_channel_mlp_has_its_adjoints) { phase_each(check_mlp); }

static void check_slope(const pno_kernels *t, const phase_shape *s, world *w) {
  if (s->hidden || !s->activate) return;
  float *scratch;
  const float *d;
  const pno_layer f = forward_of(w, t, s, &scratch, &d);
  const pno_back b = phase_stage(w, s, &f, d);
  phase_layer_backward(t, &b, s->samples, true, scratch);
  for (ptrdiff_t i = 0; i < floats_of(s); i++) {
    const double z = f.z[i], slope = 0.5 * erfc(-z / sqrt(2.0)) + z * exp(-0.5 * z * z) / sqrt(2 * M_PI);
    if (!(fabs(b.d[i] - d[i] * slope) <= 2e-6 * fabs(d[i])))
      cr_assert_fail("%s: element %td: %g, not %g", t->name, i, (double)b.d[i], d[i] * slope);
  }
}

Test(back, an_activation_multiplies_by_its_slope) { phase_each(check_slope); }

/* One call through a layer and the stage below it against two calls, with the layer's input computed in between. */
static void check_both(const pno_kernels *t, const phase_shape *s, world *w) {
  float *scratch;
  const float *d, *above = world_vectors(w, s->modes, s->channels, 31);
  const pno_layer below = forward_of(w, t, s, &scratch, &d);
  pno_layer f = below;
  f.x = below.result;
  f.skip = world_vectors(w, s->channels, s->channels, 34);
  const float *dm = s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL;
  const pno_back first = phase_linear(w, s, &f, d, dm, above);
  phase_layer_backward(t, &first, s->samples, true, scratch);
  const pno_back second = phase_stage(w, s, &below, first.d);
  phase_layer_backward(t, &second, s->samples, true, scratch);
  pno_back both = phase_stage(w, s, &below, d);
  both.linear = true;
  both.gated = first.gated;
  both.skip = first.skip;
  both.gate = first.gate;
  both.dm = dm;
  both.rows = world_copy(w, above, s->modes * s->cp); /* in place, as the engine does */
  both.spectrum = both.rows;
  const ptrdiff_t floats = pno_back_floats(&both), one = pno_back_floats(&first), two = pno_back_floats(&second);
  both.partial = world_noise(w, s->blocks * floats, 52);
  phase_layer_backward(t, &both, s->samples, false, scratch);
  world_near(both.d, second.d, floats_of(s), 2e-6, "d");
  world_near(both.rows, second.rows, s->modes * s->cp, 2e-6, "rows");
  if (s->hidden) world_near(both.m, second.m, floats_of(s), 2e-6, "m");
  for (int b = 0; b < s->blocks; b++) {
    world_near(both.partial + b * floats, first.partial + b * one, one, 5e-6, "skip, bias and gate");
    if (two) world_near(both.partial + b * floats + one, second.partial + b * two, two, 5e-6, "channel MLP");
  }
}

Test(back, a_call_through_both_is_one_through_the_linear_part_and_one_through_the_stage) { phase_each(check_both); }

static void check_order(const pno_kernels *t, const phase_shape *s, world *w) {
  float *scratch;
  const float *d, *above = world_vectors(w, s->modes, s->channels, 31);
  const pno_layer f = forward_of(w, t, s, &scratch, &d);
  const float *dm = s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL;
  pno_back b[2];
  for (int i = 0; i < 2; i++) {
    b[i] = phase_stage(w, s, &f, d);
    const pno_back linear = phase_linear(w, s, &f, d, dm, above);
    b[i].linear = true;
    b[i].gated = linear.gated;
    b[i].skip = linear.skip;
    b[i].gate = linear.gate;
    b[i].dm = dm;
    b[i].spectrum = above;
    b[i].partial = world_noise(w, s->blocks * pno_back_floats(&b[i]), 53 + i);
    phase_layer_backward(t, &b[i], s->samples, i == 0, scratch);
  }
  world_same(b[1].d, b[0].d, floats_of(s), "d");
  world_same(b[1].rows, b[0].rows, s->modes * s->cp, "rows");
  world_same(b[1].partial, b[0].partial, s->blocks * pno_back_floats(&b[0]), "partial gradients");
  cr_assert(world_padding_is_zero(b[0].d, s->points, s->channels));
  cr_assert(world_padding_is_zero(b[0].rows, s->modes, s->channels));
  if (s->hidden) world_same(b[1].m, b[0].m, floats_of(s), "m");
}

Test(back, blocks_in_any_order_give_the_same_bits_and_padding_lanes_stay_zero) { phase_each(check_order); }

static void check_lift(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_lift lift = phase_lift(w, t, s, 3, 0, true);
  float *scratch = scratch_of(w, t, s);
  phase_lift_forward(t, &lift, s->samples, true, scratch);
  const float *d = world_vectors(w, s->points, s->channels, 30), *above = world_vectors(w, s->modes, s->channels, 31);
  const float *dm = s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL;
  pno_layer f = phase_layer(w, t, s);
  f.x = lift.x;
  const pno_back kept = phase_linear(w, s, &f, d, dm, above);
  pno_back made = phase_linear(w, s, &f, d, dm, above);
  made.x = NULL;
  made.lift = &lift;
  phase_layer_backward(t, &kept, s->samples, true, scratch);
  phase_layer_backward(t, &made, s->samples, false, scratch);
  world_same(made.d, kept.d, floats_of(s), "d");
  world_same(made.partial, kept.partial, s->blocks * pno_back_floats(&kept), "partial gradients");
}

Test(back, an_input_made_by_the_lift_gives_the_bits_of_the_kept_one) { phase_each(check_lift); }
