#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/kernel_world.h"

enum { CHANNELS = 20, CP = 32 };

typedef struct {
  int n, k, first, inner;
  ptrdiff_t whole, kept; /* vectors */
} axis_case;

typedef void axis_check(const pno_kernels *t, const axis_case *c, world *w);

/* Frequencies around zero as neuralop keeps them, and with one more above zero than below. */
static void each_frequency(const pno_kernels *t, int n, int k, axis_check *check) {
  const int firsts[2] = {-(k / 2), -(k / 2) + (k % 2 == 0 && k < n)};
  for (int i = 0; i < 1 + (firsts[0] != firsts[1]); i++) {
    world w = {0};
    axis_case c = {.n = n, .k = k, .first = firsts[i], .inner = n > 20 ? 2 : 3};
    c.whole = 2 * (ptrdiff_t)n * c.inner;
    c.kept = 2 * (ptrdiff_t)k * c.inner;
    world_say("%s, %d modes from %d of %d points", t->name, k, c.first, n);
    check(t, &c, &w);
    world_end(&w);
  }
}

static void each(axis_check *check) {
  static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 64, 141};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++)
    for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
      for (int n = sizes[j], k = 1; k <= n; k = n < 20 || k < 2 || k >= n - 1 ? k + 1 : (k + n) / 2)
        each_frequency(t[i], n, k, check);
}

/* Scratch of a grid whose longest axis this is. */
static float *scratch_of(world *w, const pno_kernels *t, const axis_case *c) {
  const int n[2] = {c->n, 1}, lo[2] = {0};
  const pno_grid g = pno_grid_make(2, n, lo, n);
  return world_scratch(w, t, &g, CHANNELS);
}

static pno_axis_call call_of(world *w, const pno_kernels *t, const axis_case *c, const float *in, float *out) {
  return (pno_axis_call){.axis = world_axis(w, t, c->n, c->k, c->first), .inner = c->inner, .channels = CP, .in = in,
                         .out = out};
}

static void check_adjoint(const pno_kernels *t, const axis_case *c, world *w) {
  const float *x = world_vectors(w, c->whole, CHANNELS, 1), *y = world_vectors(w, c->kept, CHANNELS, 2);
  float *fx = world_noise(w, c->kept * CP, 3), *gy = world_noise(w, c->whole * CP, 4), *scratch = scratch_of(w, t, c);
  const pno_axis_call forward = call_of(w, t, c, x, fx), inverse = call_of(w, t, c, y, gy);
  t->axis_forward(&forward, 0, c->inner, scratch);
  t->axis_inverse(&inverse, 0, c->inner, scratch);
  const double scale = sqrt(world_dot(fx, fx, c->kept * CP) * world_dot(y, y, c->kept * CP));
  world_equal(world_dot(fx, y, c->kept * CP), world_dot(x, gy, c->whole * CP), scale, "<F x, y> and <x, F* y>");
  cr_assert(world_padding_is_zero(fx, c->kept, CHANNELS));
  cr_assert(world_padding_is_zero(gy, c->whole, CHANNELS));
}

Test(axis, the_inverse_is_the_adjoint_of_the_forward) { each(check_adjoint); }

static void check_definition(const pno_kernels *t, const axis_case *c, world *w) {
  const float *x = world_vectors(w, c->whole, CHANNELS, 1);
  float *fx = world_noise(w, c->kept * CP, 3);
  const pno_axis_call a = call_of(w, t, c, x, fx);
  t->axis_forward(&a, 0, c->inner, scratch_of(w, t, c));
  for (int k = 0; k < c->k; k++) {
    const int i = k % c->inner;
    double re = 0, im = 0;
    for (int p = 0; p < c->n; p++) {
      const float *v = x + ((ptrdiff_t)p * c->inner + i) * 2 * CP + CHANNELS - 1;
      const double angle = -2.0 * M_PI * (double)((long long)(c->first + k) * p % c->n) / c->n;
      re += v[0] * cos(angle) - v[CP] * sin(angle);
      im += v[0] * sin(angle) + v[CP] * cos(angle);
    }
    const float *f = fx + ((ptrdiff_t)k * c->inner + i) * 2 * CP + CHANNELS - 1;
    world_equal(f[0], re, sqrt(c->n), "real part");
    world_equal(f[CP], im, sqrt(c->n), "imaginary part");
  }
}

Test(axis, the_forward_is_the_sum_of_the_definition) { each(check_definition); }

static void check_columns(const pno_kernels *t, const axis_case *c, world *w) {
  const float *x = world_vectors(w, c->whole, CHANNELS, 1), *y = world_vectors(w, c->kept, CHANNELS, 2);
  float *scratch = scratch_of(w, t, c);
  const pno_axis_call f = call_of(w, t, c, x, world_noise(w, c->kept * CP, 3));
  const pno_axis_call g = call_of(w, t, c, y, world_noise(w, c->whole * CP, 4));
  pno_axis_call f1 = f, g1 = g;
  f1.out = world_noise(w, c->kept * CP, 5);
  g1.out = world_noise(w, c->whole * CP, 6);
  t->axis_forward(&f, 0, c->inner, scratch);
  t->axis_inverse(&g, 0, c->inner, scratch);
  for (int i = c->inner - 1; i >= 0; i--) t->axis_forward(&f1, i, 1, scratch);
  for (int i = c->inner - 1; i >= 0; i--) t->axis_inverse(&g1, i, 1, scratch);
  world_same(f1.out, f.out, c->kept * CP, "forward");
  world_same(g1.out, g.out, c->whole * CP, "inverse");
}

Test(axis, columns_may_be_computed_one_by_one_in_any_order) { each(check_columns); }

/* F* F = n times the identity if all frequencies are kept. */
static void check_round(const pno_kernels *t, const axis_case *c, world *w) {
  if (c->k != c->n) return;
  float *x = world_vectors(w, c->whole, CHANNELS, 1), *scratch = scratch_of(w, t, c);
  const pno_axis_call f = call_of(w, t, c, x, world_noise(w, c->kept * CP, 3));
  const pno_axis_call g = call_of(w, t, c, f.out, world_noise(w, c->whole * CP, 4));
  t->axis_forward(&f, 0, c->inner, scratch);
  t->axis_inverse(&g, 0, c->inner, scratch);
  for (ptrdiff_t i = 0; i < c->whole * CP; i++) x[i] *= (float)c->n;
  world_near(g.out, x, c->whole * CP, 2e-6, "n x");
}

Test(axis, all_frequencies_give_n_times_the_axis_back) { each(check_round); }
