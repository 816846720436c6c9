/* Row spectra, points and modes may lie further apart than they are long: the same bits, and what lies
 * between is left alone. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/phase_world.h"

enum { GAP = 16 };

/* The vectors of n things of `floats` each, GAP not-a-numbers behind each. */
static float *spread(world *w, const float *v, ptrdiff_t n, ptrdiff_t floats) {
  float *out = world_zeros(w, n * (floats + GAP));
  for (ptrdiff_t i = 0; i < n; i++) {
    memcpy(out + i * (floats + GAP), v + i * floats, sizeof *v * (size_t)floats);
    for (int k = 0; k < GAP; k++) out[i * (floats + GAP) + floats + k] = NAN;
  }
  return out;
}

static void same_spread(const float *apart, const float *close, ptrdiff_t n, ptrdiff_t floats, const char *what) {
  for (ptrdiff_t i = 0; i < n; i++) {
    world_same(apart + i * (floats + GAP), close + i * floats, floats, what);
    for (int k = 0; k < GAP; k++) cr_assert(isnan(apart[i * (floats + GAP) + floats + k]), "%s: written between", what);
  }
}

static void check_rows(const pno_kernels *t, const phase_shape *s, world *w) {
  const ptrdiff_t floats = 2 * (ptrdiff_t)s->k * s->cp, rows = (ptrdiff_t)s->samples * s->g.rows;
  float *scratch = world_scratch(w, t, &s->g, phase_widest(s));
  pno_lift lift = phase_lift(w, t, s, 3, 0, true), lift_apart = lift;
  lift_apart.modes.stride = floats + GAP;
  lift_apart.rows = spread(w, lift.rows, rows, floats);
  phase_lift_forward(t, &lift, s->samples, true, scratch);
  phase_lift_forward(t, &lift_apart, s->samples, true, scratch);
  same_spread(lift_apart.rows, lift.rows, rows, floats, "rows of the lift");
  const pno_layer a = phase_layer(w, t, s);
  pno_layer apart = phase_layer_again(w, s, &a);
  apart.modes.stride = floats + GAP;
  apart.rows = spread(w, a.spectrum, rows, floats);
  apart.spectrum = apart.rows;
  phase_layer_forward(t, &a, s->samples, true, scratch);
  phase_layer_forward(t, &apart, s->samples, false, scratch);
  world_same(apart.result, a.result, s->points * s->cp, "result");
  same_spread(apart.rows, a.rows, rows, floats, "rows of the layer");
}

Test(stride, rows_of_lift_and_layer_may_lie_apart) { phase_each(check_rows); }

static void check_back(const pno_kernels *t, const phase_shape *s, world *w) {
  const ptrdiff_t floats = 2 * (ptrdiff_t)s->k * s->cp, rows = (ptrdiff_t)s->samples * s->g.rows;
  float *scratch = world_scratch(w, t, &s->g, phase_widest(s));
  const pno_layer f = phase_layer(w, t, s);
  phase_layer_forward(t, &f, s->samples, true, scratch);
  const float *d = world_vectors(w, s->points, s->channels, 30), *above = world_vectors(w, s->modes, s->channels, 31);
  const float *dm = s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL;
  pno_back linear[2] = {phase_linear(w, s, &f, d, dm, above), phase_linear(w, s, &f, d, dm, above)};
  pno_back stage[2] = {phase_stage(w, s, &f, d), phase_stage(w, s, &f, d)};
  linear[1].modes.stride = stage[1].modes.stride = floats + GAP;
  linear[1].spectrum = spread(w, above, rows, floats);
  stage[1].rows = spread(w, stage[0].rows, rows, floats);
  for (int i = 0; i < 2; i++) {
    phase_layer_backward(t, &linear[i], s->samples, true, scratch);
    phase_layer_backward(t, &stage[i], s->samples, true, scratch);
  }
  world_same(linear[1].d, linear[0].d, s->points * s->cp, "d");
  same_spread(stage[1].rows, stage[0].rows, rows, floats, "rows");
}

Test(stride, rows_of_the_backward_pass_may_lie_apart) { phase_each(check_back); }

Test(stride, points_and_modes_of_an_axis_may_lie_apart) {
  static const struct {
    int n, k, first, inner;
  } axes[] = {{1, 1, 0, 3}, {8, 8, -4, 2}, {12, 5, -2, 3}, {13, 6, -3, 5}, {64, 24, -12, 4}};
  enum { CHANNELS = 20, CP = 32 };
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (size_t j = 0; j < sizeof axes / sizeof *axes; j++) {
      world w = {0};
      const int n = axes[j].n, k = axes[j].k, inner = axes[j].inner, extents[2] = {n, inner}, lo[2] = {0};
      const ptrdiff_t floats = 2 * (ptrdiff_t)inner * CP;
      const pno_grid g = pno_grid_make(2, extents, lo, extents);
      float *scratch = world_scratch(&w, t[i], &g, CHANNELS);
      const float *x = world_vectors(&w, 2 * (ptrdiff_t)n * inner, CHANNELS, 1);
      const float *y = world_vectors(&w, 2 * (ptrdiff_t)k * inner, CHANNELS, 2);
      pno_axis_call f = {.axis = world_axis(&w, t[i], n, k, axes[j].first), .inner = inner, .channels = CP, .in = x,
                         .out = world_zeros(&w, k * floats)};
      pno_axis_call b = f;
      b.in = y;
      b.out = world_zeros(&w, n * floats);
      t[i]->axis_forward(&f, 0, inner, scratch);
      t[i]->axis_inverse(&b, 0, inner, scratch);
      for (int which = 1; which < 4; which++) { /* points, modes, both */
        pno_axis_call p = f, q = b;
        p.point_step = q.point_step = which & 1 ? floats + GAP : 0;
        p.mode_step = q.mode_step = which & 2 ? floats + GAP : 0;
        p.in = which & 1 ? spread(&w, x, n, floats) : x;
        q.in = which & 2 ? spread(&w, y, k, floats) : y;
        p.out = which & 2 ? spread(&w, y, k, floats) : world_zeros(&w, k * floats);
        q.out = which & 1 ? spread(&w, x, n, floats) : world_zeros(&w, n * floats);
        world_say("%s, %d modes of %d points, case %d", t[i]->name, k, n, which);
        t[i]->axis_forward(&p, 0, inner, scratch);
        t[i]->axis_inverse(&q, 0, inner, scratch);
        if (which & 2)
          same_spread(p.out, f.out, k, floats, "forward");
        else
          world_same(p.out, f.out, k * floats, "forward");
        if (which & 1)
          same_spread(q.out, b.out, n, floats, "inverse");
        else
          world_same(q.out, b.out, n * floats, "inverse");
      }
      world_end(&w);
    }
  }
}
