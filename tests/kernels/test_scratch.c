/* Each operation at the edge of what scratch_floats is asked for: guard zones lie right behind it. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/drop_world.h"
#include "tests/kernels/phase_world.h"

static const int most[] = {1, 17, 130};
enum { MOST = sizeof most / sizeof *most };

/* One of the maps is as wide as can be, the rest narrow. */
typedef struct {
  pno_grid g;
  int widest, channels, hidden, other, k;
} edge;

typedef void edge_check(const pno_kernels *t, const edge *e, world *w);

static void each(edge_check *check) {
  static const int grids[][3] = {{1, 1, 1}, {1, 1, 131}, {2, 2, 300}, {2, 300, 2}};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (size_t j = 0; j < sizeof grids / sizeof *grids; j++) {
      for (int m = 0; m < MOST * 3; m++) {
        world w = {0};
        const int lo[2] = {0}, wide = most[m / 3];
        const edge e = {.g = pno_grid_make(grids[j][0], grids[j] + (grids[j][0] == 1 ? 2 : 1), lo,
                                           grids[j] + (grids[j][0] == 1 ? 2 : 1)),
                        .widest = wide, .channels = m % 3 == 0 ? wide : 1, .hidden = m % 3 == 1 ? wide : 1,
                        .other = m % 3 == 2 ? wide : 1, .k = grids[j][2] / 2 + 1};
        world_say("%s, grid %zu, widest %d, case %d", t[i]->name, j, wide, m % 3);
        check(t[i], &e, &w);
        world_end(&w);
      }
    }
  }
}

static void check_layers(const pno_kernels *t, const edge *e, world *w) {
  if (e->other > 1) return;
  const phase_shape s = phase_shape_of(e->g, 1, e->channels, e->k, e->hidden, true);
  float *scratch = world_scratch(w, t, &e->g, e->widest);
  const pno_layer a = phase_layer(w, t, &s);
  phase_layer_forward(t, &a, 1, true, scratch);
  const float *d = world_vectors(w, s.points, s.channels, 30), *above = world_vectors(w, s.modes, s.channels, 31);
  const pno_back top = phase_stage(w, &s, &a, d);
  pno_back linear = phase_linear(w, &s, &a, d, d, above);
  phase_layer_backward(t, &top, 1, true, scratch);
  phase_layer_backward(t, &linear, 1, true, scratch);
  cr_assert(isfinite(world_dot(linear.d, linear.d, s.points * s.cp)));
}

Test(scratch, it_suffices_for_layers) { each(check_layers); }

static void check_maps(const pno_kernels *t, const edge *e, world *w) {
  const phase_shape s = phase_shape_of(e->g, 1, e->channels, e->k, 0, false);
  const int in = e->other > e->g.dims ? e->other - e->g.dims : 1; /* with the coordinates as wide as can be */
  const int widest = in + e->g.dims > e->widest ? in + e->g.dims : e->widest;
  float *scratch = world_scratch(w, t, &e->g, widest);
  const pno_dropout drop = drop_of(0.5, 1, 1);
  for (int hidden = 0; hidden <= e->hidden; hidden += e->hidden) {
    pno_lift a = phase_lift(w, t, &s, in, hidden, true);
    a.dropout = hidden ? &drop : NULL;
    a.d = world_vectors(w, s.points, s.channels, 30);
    a.partial = world_noise(w, s.blocks * pno_mlp_floats(&a.mlp), 31);
    phase_lift_forward(t, &a, 1, true, scratch);
    t->lift_backward(&a, 0, s.blocks, scratch);
    if (hidden == 0) { /* a layer that makes its input */
      pno_layer layer = phase_layer(w, t, &s);
      layer.x = NULL;
      layer.lift = &a;
      phase_layer_forward(t, &layer, 1, true, scratch);
      pno_back b = phase_linear(w, &s, &layer, a.d, NULL, world_vectors(w, s.modes, s.channels, 32));
      b.lift = &a;
      phase_layer_backward(t, &b, 1, true, scratch);
    }
    const ptrdiff_t values = pno_grid_points(&e->g) * 2 * e->other;
    const pno_mlp second = world_mlp(w, s.channels, hidden, e->other, 51);
    pno_head h = {.grid = &e->g, .channels = s.channels, .out = e->other,
                  .mlp = world_mlp(w, s.channels, hidden, e->other, 40),
                  .dropout = {a.dropout, a.dropout},
                  .norm = {.scale = world_noise(w, 2 * e->other, 44), .shift = world_noise(w, 2 * e->other, 45)},
                  .x = a.x, .output = world_noise(w, values, 46), .dy = world_noise(w, values, 47),
                  .d = world_noise(w, s.points * s.cp, 48), .target = world_noise(w, values, 49),
                  .sums = world_doubles(w, 2 * s.blocks)};
    h.partial = world_noise(w, s.blocks * 2 * pno_mlp_floats(&h.mlp), 50);
    t->head_loss(&h, 0, s.blocks, scratch);
    for (int maps = 1; maps <= 2; maps++) {
      h.second = maps > 1 ? &second : NULL;
      t->head_forward(&h, 0, s.blocks, scratch);
      t->head_backward(&h, 0, s.blocks, scratch);
    }
    cr_assert(isfinite(world_dot(h.d, h.d, s.points * s.cp)));
  }
}

Test(scratch, it_suffices_for_lift_and_head) { each(check_maps); }

static void check_spectra(const pno_kernels *t, const edge *e, world *w) {
  if (e->channels < e->widest) return;
  enum { SAMPLES = 40, INNER = 2 };
  const int cp = pno_padded(e->channels), n = e->g.n[0], stored = 0;
  float *scratch = world_scratch(w, t, &e->g, e->widest);
  pno_axis_call f = {.axis = world_axis(w, t, n, n, -(n / 2)), .inner = INNER, .channels = cp,
                     .in = world_vectors(w, 2 * (ptrdiff_t)n * INNER, e->channels, 1),
                     .out = world_zeros(w, 2 * (ptrdiff_t)n * INNER * cp)};
  if (e->g.dims > 1) t->axis_forward(&f, 0, INNER, scratch);
  if (e->g.dims > 1) t->axis_inverse(&f, 0, INNER, scratch);
  const ptrdiff_t weights = 2 * (ptrdiff_t)e->channels;
  const pno_mix m = {.samples = SAMPLES, .micro = SAMPLES, .modes = 1, .channels = e->channels, .stride = 2 * cp,
                     .stored = &stored,
                     .weight = world_vectors(w, weights, e->channels, 2),
                     .x = world_vectors(w, 2 * SAMPLES, e->channels, 3),
                     .y = world_vectors(w, 2 * SAMPLES, e->channels, 4), .scale = world_noise(w, SAMPLES, 5),
                     .grad = world_zeros(w, weights * cp)};
  t->mix_backward(&m, 0, 1, scratch);
  cr_assert(isfinite(world_dot(m.grad, m.grad, weights * cp)));
}

Test(scratch, it_suffices_for_axes_and_mixing) { each(check_spectra); }
