/* Lift and head of every table against the scalar ones. */
#include <math.h>
#include <stdio.h>

#include "tests/kernels/conform.h"

static const int widths[] = {1, 5, 16, 20, 24, 32, 48, 64, 72}, hiddens[] = {0, 10, 40, 16, 72, 130};
enum { WIDTHS = sizeof widths / sizeof *widths, HIDDENS = sizeof hiddens / sizeof *hiddens };

typedef struct {
  phase_shape s;
  int other, hidden; /* channels in or out */
  bool per_point;
} map_case;

static int widest(const map_case *c) {
  const int in = c->other + c->s.g.dims, most = c->hidden > c->s.channels ? c->hidden : c->s.channels;
  return in > most ? in : most;
}

static void each(conform_run *run) {
  static const int others[] = {1, 4, 6, 20, 2};
  int turn = 0;
  for (int g = 0; g < WORLD_GRIDS; g++) {
    for (int i = 0; i < WIDTHS; i++, turn++) {
      const pno_grid grid = world_grid(g);
      const map_case c = {.s = phase_shape_of(grid, 1, widths[i], 1 + turn % (grid.len / 2 + 1) % 30, 0, false),
                          .other = others[turn % 5], .hidden = hiddens[turn % HIDDENS], .per_point = turn % 2};
      char say[128];
      snprintf(say, sizeof say, "grid %d, %d channels, %d outside, hidden %d", g, widths[i], c.other, c.hidden);
      conform(run, &c, say);
    }
  }
}

static void run_lift(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const map_case *c = one_case;
  const phase_shape *s = &c->s;
  pno_lift a = phase_lift(w, t, s, c->other, c->hidden, c->per_point);
  float *scratch = world_scratch(w, t, &s->g, widest(c));
  a.d = world_vectors(w, s->points, s->channels, 20);
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 22);
  phase_lift_forward(t, &a, 1, true, scratch);
  t->lift_backward(&a, 0, s->blocks, scratch);
  conform_add(o, "x", a.x, s->points * s->cp, 2e-6);
  conform_add(o, "rows", a.rows, s->modes * s->cp, 5e-6);
  conform_add(o, "partial gradients", a.partial, s->blocks * pno_mlp_floats(&a.mlp), 5e-6);
}

Test(conform_maps, a_lift_is_that_of_the_scalar_table_forward_and_backward) { each(run_lift); }

static pno_head head_of(world *w, const map_case *c) {
  const phase_shape *s = &c->s;
  const ptrdiff_t values = pno_grid_data_points(&s->g) * c->other, norms = c->per_point ? values : c->other;
  float *scale = world_noise(w, norms, 1);
  for (ptrdiff_t i = 0; i < norms; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  pno_head a = {.grid = &s->g, .channels = s->channels, .out = c->other,
                .mlp = world_mlp(w, s->channels, c->hidden, c->other, 2),
                .norm = {.per_point = c->per_point, .scale = scale, .shift = world_noise(w, norms, 12)},
                .x = world_vectors(w, s->points, s->channels, 6), .output = world_noise(w, values, 7),
                .dy = world_noise(w, values, 8), .d = world_noise(w, s->points * s->cp, 9),
                .target = world_noise(w, values, 11), .sums = world_doubles(w, 2 * s->blocks)};
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 10);
  return a;
}

static void run_head(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const map_case *c = one_case;
  const phase_shape *s = &c->s;
  const pno_head a = head_of(w, c);
  float *scratch = world_scratch(w, t, &s->g, widest(c));
  t->head_forward(&a, 0, s->blocks, scratch);
  t->head_backward(&a, 0, s->blocks, scratch);
  conform_add(o, "output", a.output, pno_grid_data_points(&s->g) * c->other, 2e-6);
  conform_add(o, "d", a.d, s->points * s->cp, 3e-6);
  conform_add(o, "partial gradients", a.partial, s->blocks * pno_mlp_floats(&a.mlp), 5e-6);
}

Test(conform_maps, a_head_is_that_of_the_scalar_table_forward_and_backward) { each(run_head); }

static void run_loss(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const map_case *c = one_case;
  const phase_shape *s = &c->s;
  const pno_head a = head_of(w, c);
  t->head_loss(&a, 0, s->blocks, world_scratch(w, t, &s->g, widest(c)));
  float *sums = world_zeros(w, 2 * s->blocks);
  for (int i = 0; i < 2 * s->blocks; i++) sums[i] = (float)a.sums[i];
  conform_add(o, "output", a.output, pno_grid_data_points(&s->g) * c->other, 2e-6);
  conform_add(o, "sums", sums, 2 * s->blocks, 5e-6);
  conform_add(o, "d", a.d, s->points * s->cp, 5e-6);
  conform_add(o, "partial gradients", a.partial, s->blocks * pno_mlp_floats(&a.mlp), 1e-5);
}

Test(conform_maps, the_fused_loss_is_that_of_the_scalar_table) { each(run_loss); }
