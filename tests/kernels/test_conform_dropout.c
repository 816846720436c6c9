/* Operations with dropout of every table against the scalar ones: the same lanes, in tiles of any kind. */
#include <math.h>
#include <stdio.h>

#include "tests/kernels/conform.h"
#include "tests/kernels/drop_world.h"

enum { INPUTS = 2, DRAWS = 2, SAMPLES = INPUTS * DRAWS };

static const int widths[] = {1, 5, 16, 20, 32, 72}, hiddens[] = {1, 7, 8, 9, 24, 40, 130}, others[] = {1, 4, 6, 20, 2};
static const double shares[] = {0.05, 0.2, 0.5, 0.9};
enum { WIDTHS = sizeof widths / sizeof *widths, HIDDENS = sizeof hiddens / sizeof *hiddens };

typedef struct {
  phase_shape s;
  int other, hidden; /* channels in or out */
  bool per_point;
  pno_dropout drop;
} drop_case;

static int widest(const drop_case *c) {
  const int in = c->other + c->s.g.dims, most = c->hidden > c->s.channels ? c->hidden : c->s.channels;
  return in > most ? in : most;
}

static void each(conform_run *run) {
  int turn = 0;
  for (int g = 0; g < WORLD_GRIDS; g++) {
    for (int i = 0; i < WIDTHS; i++, turn++) {
      const pno_grid grid = world_grid(g);
      const drop_case c = {.s = phase_shape_of(grid, SAMPLES, widths[i], 1 + turn % (grid.len / 2 + 1) % 9, 0, false),
                           .other = others[turn % 5],
                           .hidden = hiddens[turn % HIDDENS],
                           .per_point = turn % 2,
                           .drop = drop_of(shares[turn % 4], turn, DRAWS)};
      char say[128];
      snprintf(say, sizeof say, "grid %d, %d channels, %d outside, hidden %d, threshold %u", g, widths[i], c.other,
               c.hidden, c.drop.threshold);
      conform(run, &c, say);
    }
  }
}

static void run_lift(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const drop_case *c = one_case;
  const phase_shape *s = &c->s;
  pno_lift a = phase_lift(w, t, s, c->other, c->hidden, c->per_point);
  float *scratch = world_scratch(w, t, &s->g, widest(c));
  a.draws = DRAWS;
  a.dropout = &c->drop;
  a.d = world_vectors(w, s->points, s->channels, 20);
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 22);
  phase_lift_forward(t, &a, SAMPLES, true, scratch);
  t->lift_backward(&a, 0, s->blocks, scratch);
  conform_add(o, "x", a.x, s->points * s->cp, 2e-6);
  conform_add(o, "rows", a.rows, s->modes * s->cp, 5e-6);
  conform_add(o, "partial gradients", a.partial, s->blocks * pno_mlp_floats(&a.mlp), 5e-6);
}

Test(conform_dropout, a_lift_is_that_of_the_scalar_table_forward_and_backward) { each(run_lift); }

static pno_head head_of(world *w, const drop_case *c) {
  const phase_shape *s = &c->s;
  const ptrdiff_t of_sample = pno_grid_data_points(&s->g) * c->other, values = SAMPLES * of_sample;
  const ptrdiff_t norms = c->per_point ? of_sample : c->other;
  float *scale = world_noise(w, norms, 1);
  for (ptrdiff_t i = 0; i < norms; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  pno_head a = {.grid = &s->g,
                .channels = s->channels,
                .out = c->other,
                .dropout = {&c->drop},
                .mlp = world_mlp(w, s->channels, c->hidden, c->other, 2),
                .norm = {.per_point = c->per_point, .scale = scale, .shift = world_noise(w, norms, 12)},
                .x = world_vectors(w, s->points, s->channels, 6),
                .output = world_noise(w, values, 7),
                .dy = world_noise(w, values, 8),
                .d = world_noise(w, s->points * s->cp, 9),
                .target = world_noise(w, values, 11),
                .sums = world_doubles(w, 2 * s->blocks)};
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 10);
  return a;
}

/* The slope of GELU, good to 1.2e-6, may be small at the one hidden channel. */
static double slack(const drop_case *c) { return c->hidden > 1 ? 1.0 : 4.0; }

static void add_all(const drop_case *c, const pno_head *a, double tolerance, conform_outputs *o) {
  tolerance *= slack(c);
  const phase_shape *s = &c->s;
  conform_add(o, "output", a->output, SAMPLES * pno_grid_data_points(&s->g) * c->other, 2e-6);
  conform_add(o, "d", a->d, s->points * s->cp, tolerance);
  conform_add(o, "partial gradients", a->partial, s->blocks * pno_mlp_floats(&a->mlp), 2 * tolerance);
}

static void run_head(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const drop_case *c = one_case;
  const pno_head a = head_of(w, c);
  float *scratch = world_scratch(w, t, &c->s.g, widest(c));
  t->head_forward(&a, 0, c->s.blocks, scratch);
  t->head_backward(&a, 0, c->s.blocks, scratch);
  add_all(c, &a, 3e-6, o);
}

Test(conform_dropout, a_head_is_that_of_the_scalar_table_forward_and_backward) { each(run_head); }

static void run_loss(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const drop_case *c = one_case;
  const pno_head a = head_of(w, c);
  t->head_loss(&a, 0, c->s.blocks, world_scratch(w, t, &c->s.g, widest(c)));
  add_all(c, &a, 5e-6, o);
}

Test(conform_dropout, the_fused_loss_is_that_of_the_scalar_table) { each(run_loss); }

static void run_mix(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { MODES = 3, STORED = 9 };
  static const int stored[MODES] = {8, 0, 2};
  const drop_case *c = one_case;
  const int channels = c->s.channels, cp = c->s.cp;
  const ptrdiff_t stride = 2 * (ptrdiff_t)MODES * cp, floats = 2 * (ptrdiff_t)STORED * channels * cp;
  const pno_mix a = {.samples = SAMPLES,
                     .micro = DRAWS,
                     .modes = MODES,
                     .channels = channels,
                     .stride = stride,
                     .stored = stored,
                     .weight = world_vectors(w, 2 * STORED * channels, channels, 1),
                     .dropout = &c->drop,
                     .x = world_vectors(w, 2 * MODES * SAMPLES, channels, 2),
                     .y = world_noise(w, SAMPLES * stride, 3),
                     .scale = world_noise(w, SAMPLES, 4),
                     .grad = world_zeros(w, floats)};
  pno_mix back = a;
  back.y = world_vectors(w, 2 * MODES * SAMPLES, channels, 5);
  t->mix_forward(&a, 0, MODES);
  t->mix_backward(&back, 0, MODES, world_scratch(w, t, &c->s.g, channels));
  conform_add(o, "y", a.y, SAMPLES * stride, 3e-6);
  conform_add(o, "gradient of x", back.y, SAMPLES * stride, 3e-6);
  conform_add(o, "gradient of the weight", a.grad, floats, 3e-6);
}

Test(conform_dropout, mixing_is_that_of_the_scalar_table_forward_and_backward) { each(run_mix); }
