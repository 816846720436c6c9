/* The row phases of every table against the scalar ones: awkward lengths, modes, widths and hidden widths. */
#include <math.h>
#include <stdio.h>

#include "tests/kernels/conform.h"

static const int lengths[] = {1, 2, 3, 4, 5, 6, 7, 9, 10, 15, 16, 22, 64, 85, 100, 128, 257, 1100};
static const int widths[] = {1, 5, 16, 20, 24, 32, 48, 64, 72}, hiddens[] = {0, 10, 40, 16, 72};
enum { LENGTHS = sizeof lengths / sizeof *lengths, WIDTHS = sizeof widths / sizeof *widths };

/* Several tiles of short rows and one that is not full; the parts of the cases turn at different periods. */
static void each(conform_run *run) {
  int turn = 0;
  for (int i = 0; i < LENGTHS; i++) {
    for (int j = 0; j < WIDTHS; j++, turn++) {
      const int n = lengths[i], most = n / 2 + 1, dims = turn % 2 + 1, rows = n > 256 ? 2 : 150 / n + 3;
      const int modes[5] = {most, 1, most / 2 + 1, most / 3 + 1, most < 12 ? most : 12};
      const int extents[2] = {dims > 1 ? rows : n, n}, lo[2] = {0};
      const int k = n == 1100 && j > 1 ? 12 : modes[turn % 5], hidden = hiddens[turn / 2 % 5];
      const phase_shape s =
          phase_shape_of(pno_grid_make(dims, extents, lo, extents), 1, widths[j], k, hidden, turn / 3 % 2);
      char say[128];
      snprintf(say, sizeof say, "%d points, %d modes, %d channels, hidden %d, %s", n, k, widths[j], hidden,
               s.activate ? "activated" : "linear");
      conform(run, &s, say);
    }
  }
}

static void run_forward(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const phase_shape *s = one_case;
  const pno_layer a = phase_layer(w, t, s);
  phase_layer_forward(t, &a, s->samples, true, world_scratch(w, t, &s->g, phase_widest(s)));
  conform_add(o, "z", a.z, s->points * s->cp, 2e-6);
  conform_add(o, "m", a.m, s->points * s->cp, 2e-6);
  conform_add(o, "result", a.result, s->points * s->cp, 2e-6);
  conform_add(o, "rows", a.rows, s->modes * s->cp, 5e-6);
}

Test(conform_rows, a_layer_is_that_of_the_scalar_table) { each(run_forward); }

/* z and m are drawn, not computed: what one table makes of them in forward would differ already. */
static pno_layer drawn_layer(const pno_kernels *t, const phase_shape *s, world *w) {
  pno_layer f = phase_layer(w, t, s);
  f.z = world_vectors(w, s->points, s->channels, 35);
  if (f.m) f.m = world_vectors(w, s->points, s->channels, 36);
  return f;
}

/* All that a backward with a stage below writes. */
static void run_stage(const pno_kernels *t, const phase_shape *s, const pno_back *a, world *w, conform_outputs *o) {
  phase_layer_backward(t, a, s->samples, true, world_scratch(w, t, &s->g, phase_widest(s)));
  conform_add(o, "d", a->d, s->points * s->cp, 3e-6);
  conform_add(o, "m", a->m, s->points * s->cp, 3e-6);
  conform_add(o, "rows", a->rows, s->modes * s->cp, 5e-6);
  conform_add(o, "partial gradients", a->partial, s->blocks * pno_back_floats(a), 5e-6);
}

static void run_backward(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const phase_shape *s = one_case;
  const pno_layer f = drawn_layer(t, s, w);
  const float *d = world_vectors(w, s->points, s->channels, 30), *above = world_vectors(w, s->modes, s->channels, 31);
  const float *dm = s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL;
  pno_back a = phase_stage(w, s, &f, d);
  const pno_back linear = phase_linear(w, s, &f, d, dm, above);
  a.linear = true;
  a.gated = linear.gated;
  a.skip = linear.skip;
  a.gate = linear.gate;
  a.dm = dm;
  a.spectrum = above;
  a.partial = world_noise(w, s->blocks * pno_back_floats(&a), 53);
  run_stage(t, s, &a, w, o);
}

Test(conform_rows, backward_through_a_layer_and_the_stage_below_is_that_of_the_scalar_table) { each(run_backward); }

static void run_top(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const phase_shape *s = one_case;
  const pno_layer f = drawn_layer(t, s, w);
  const pno_back a = phase_stage(w, s, &f, world_vectors(w, s->points, s->channels, 30));
  run_stage(t, s, &a, w, o);
}

Test(conform_rows, backward_through_the_last_stage_is_that_of_the_scalar_table) { each(run_top); }

static void run_bottom(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const phase_shape *s = one_case;
  const pno_layer f = phase_layer(w, t, s);
  const pno_lift lift = phase_lift(w, t, s, 2, 0, true);
  const float *d = world_vectors(w, s->points, s->channels, 30), *above = world_vectors(w, s->modes, s->channels, 31);
  pno_back a = phase_linear(w, s, &f, d, s->hidden ? world_vectors(w, s->points, s->channels, 32) : NULL, above);
  if (s->activate) a.x = NULL, a.lift = &lift;
  phase_layer_backward(t, &a, s->samples, true, world_scratch(w, t, &s->g, phase_widest(s)));
  conform_add(o, "d", a.d, s->points * s->cp, 3e-6);
  conform_add(o, "partial gradients", a.partial, s->blocks * pno_back_floats(&a), 5e-6);
}

Test(conform_rows, backward_through_the_first_layer_is_that_of_the_scalar_table) { each(run_bottom); }
