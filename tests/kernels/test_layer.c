#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/phase_world.h"

static ptrdiff_t floats_of(const phase_shape *s) { return s->points * s->cp; }

static void run(const pno_kernels *t, const phase_shape *s, world *w, const pno_layer *a) {
  phase_layer_forward(t, a, s->samples, true, world_scratch(w, t, &s->g, phase_widest(s)));
}

/* Everything that both keep has the same bits. */
static void same_layer(const phase_shape *s, const pno_layer *a, const pno_layer *b) {
  world_same(b->result, a->result, floats_of(s), "result");
  if (a->rows && b->rows) world_same(b->rows, a->rows, s->modes * s->cp, "rows");
  if (a->z && b->z) world_same(b->z, a->z, floats_of(s), "z");
  if (a->m && b->m) world_same(b->m, a->m, floats_of(s), "m");
}

/* z, m, result and rows by their definitions from what came before, in double, on a few points and channels. */
static double sum_of_z(const phase_shape *s, const pno_layer *a, ptrdiff_t p, int c) {
  const ptrdiff_t row = p / s->g.len, y = p % s->g.len;
  const float *f = a->spectrum + row * s->k * 2 * s->cp;
  double z = a->bias[c];
  for (int k = 0; k < 2 * s->k; k++) z += (double)f[(ptrdiff_t)k * s->cp + c] * a->modes.synthesis[k * s->g.len + y];
  for (int i = 0; i < s->channels; i++) z += (double)a->x[p * s->cp + i] * a->skip[i * s->cp + c];
  return z;
}

static double gelu(double x) { return x * 0.5 * erfc(-x / sqrt(2.0)); }

static double sum_of_m(const phase_shape *s, const pno_layer *a, ptrdiff_t p, int c) {
  const pno_mlp *m = &a->mlp;
  const int hp = pno_padded(m->hidden);
  double sum = m->b2[c] + (double)a->gate[c] * a->x[p * s->cp + c];
  for (int h = 0; h < m->hidden; h++) {
    double v = m->b1[h];
    for (int i = 0; i < s->channels; i++) {
      const double z = a->z[p * s->cp + i];
      v += m->w1[i * hp + h] * (a->activate ? gelu(z) : z);
    }
    sum += m->w2[h * s->cp + c] * gelu(v);
  }
  return sum;
}

static void check_definition(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  run(t, s, w, &a);
  for (ptrdiff_t p = 0; p < s->points; p += 1 + s->points / 97) {
    const int c = (int)(p * 7 % s->channels);
    const ptrdiff_t at = p * s->cp + c;
    const double pre = s->hidden ? a.m[at] : a.z[at], value = s->activate ? gelu(pre) : pre;
    world_equal(a.z[at], sum_of_z(s, &a, p, c), 5, "z");
    if (s->hidden) world_equal(a.m[at], sum_of_m(s, &a, p, c), 20, "m");
    world_equal(a.result[at], value, fmax(0.1, 0.1 * fabs(value)), "result");
  }
  for (ptrdiff_t q = 0; q < s->modes; q += 1 + s->modes / 97) {
    const ptrdiff_t row = q / (2 * s->k), k = q % (2 * s->k);
    double sum = 0, size = 0;
    for (int y = 0; y < s->g.len; y++) {
      const double x = a.result[(row * s->g.len + y) * s->cp + 3];
      sum += a.modes.analysis[k * s->g.len + y] * x;
      size += x * x;
    }
    world_equal(a.rows[q * s->cp + 3], sum, sqrt(size * s->g.len), "rows");
  }
}

Test(layer, each_part_is_the_sum_of_its_definition) { phase_each(check_definition); }

static void check_padding(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  run(t, s, w, &a);
  cr_assert(world_padding_is_zero(a.result, s->points, s->channels));
  cr_assert(world_padding_is_zero(a.z, s->points, s->channels));
  cr_assert(!a.m || world_padding_is_zero(a.m, s->points, s->channels));
  cr_assert(world_padding_is_zero(a.rows, s->modes, s->channels));
}

Test(layer, padding_lanes_stay_zero) { phase_each(check_padding); }

static void check_order(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s), b = phase_layer_again(w, s, &a);
  run(t, s, w, &a);
  phase_layer_forward(t, &b, s->samples, false, world_scratch(w, t, &s->g, phase_widest(s)));
  same_layer(s, &a, &b);
}

Test(layer, blocks_one_by_one_in_any_order_give_the_bits_of_the_whole_slab) { phase_each(check_order); }

static void check_in_place(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  pno_layer b = phase_layer_again(w, s, &a);
  b.result = world_copy(w, a.x, floats_of(s));
  b.x = b.result;
  b.rows = world_copy(w, a.spectrum, s->modes * s->cp);
  b.spectrum = b.rows;
  run(t, s, w, &a);
  phase_layer_forward(t, &b, s->samples, false, world_scratch(w, t, &s->g, phase_widest(s)));
  same_layer(s, &a, &b);
}

Test(layer, the_result_may_lie_where_x_was_and_its_rows_where_the_spectrum_was) { phase_each(check_in_place); }

static void check_not_kept(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  run(t, s, w, &a);
  enum { Z = 1, M = 2, ROWS = 4 };
  static const int left_out[] = {Z, M | ROWS, Z | M | ROWS};
  for (int i = 0; i < 3; i++) {
    pno_layer b = phase_layer_again(w, s, &a);
    if (left_out[i] & Z) b.z = NULL;
    if (left_out[i] & M) b.m = NULL;
    if (left_out[i] & ROWS) b.rows = NULL;
    run(t, s, w, &b);
    same_layer(s, &a, &b);
  }
}

Test(layer, what_is_not_kept_changes_no_bit_of_the_rest) { phase_each(check_not_kept); }

static void check_stream(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  run(t, s, w, &a);
  pno_layer b = phase_layer_again(w, s, &a);
  b.stream = true;
  run(t, s, w, &b);
  same_layer(s, &a, &b);
}

Test(layer, keeping_z_past_the_caches_changes_no_bit) { phase_each(check_stream); }

static void check_lift(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_lift lift = phase_lift(w, t, s, 3, 0, true);
  float *scratch = world_scratch(w, t, &s->g, phase_widest(s));
  phase_lift_forward(t, &lift, s->samples, true, scratch);
  pno_layer a = phase_layer(w, t, s);
  a.x = lift.x;
  pno_layer b = phase_layer_again(w, s, &a);
  b.x = NULL;
  b.lift = &lift;
  run(t, s, w, &a);
  phase_layer_forward(t, &b, s->samples, false, scratch);
  same_layer(s, &a, &b);
}

Test(layer, an_input_made_by_the_lift_gives_the_bits_of_the_kept_one) { phase_each(check_lift); }

static void check_not_a_number(const pno_kernels *t, const phase_shape *s, world *w) {
  const ptrdiff_t p = s->points / 2;
  for (int bad = 0; bad < 3; bad++) {
    float *x = world_vectors(w, s->points, s->channels, 8), value[3] = {NAN, INFINITY, -INFINITY};
    pno_layer a = phase_layer(w, t, s);
    x[p * s->cp + 1] = value[bad];
    a.x = x;
    run(t, s, w, &a);
    for (int c = 0; c < s->channels; c++) cr_assert(!isfinite(a.z[p * s->cp + c]), "%s, channel %d", t->name, c);
    for (int c = 0; c < s->channels; c++) cr_assert(!isfinite(a.result[p * s->cp + c]), "%s, channel %d", t->name, c);
    for (int c = 0; c < s->channels; c++)
      cr_assert(!isfinite(a.rows[p / s->g.len * s->k * 2 * s->cp + c]), "%s, mode 0 of channel %d", t->name, c);
  }
}

Test(layer, what_is_not_finite_shows_in_the_result_and_its_spectrum) { phase_each(check_not_a_number); }
