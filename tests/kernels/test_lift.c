#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/phase_world.h"

enum { SAMPLES = 2, IN = 3, C = 20, CP = 32, K = 3 };

typedef void lift_check(const pno_kernels *t, const phase_shape *s, int hidden, world *w);

static void each(lift_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      for (int hidden = 0; hidden <= 40; hidden += 40) {
        world w = {0};
        const phase_shape s = phase_shape_of(world_grid(g), SAMPLES, C, K, 0, false);
        world_say("%s, grid %d, hidden %d", t[i]->name, g, hidden);
        check(t[i], &s, hidden, &w);
        world_end(&w);
      }
    }
  }
}

static ptrdiff_t data_of(const phase_shape *s) { return SAMPLES * pno_grid_data_points(&s->g); }

/* Data indices of a point of all samples; false on the padding. */
static bool is_inside(const pno_grid *g, ptrdiff_t point, int index[PNO_DIMS_MAX]) {
  bool inside = true;
  for (int j = g->dims - 1; j >= 0; point /= g->n[j--]) {
    index[j] = (int)(point % g->n[j]) - g->lo[j];
    inside = inside && index[j] >= 0 && index[j] < g->inner[j];
  }
  return inside;
}

/* The lift is linear in its last map: <x, d> = <that map, its gradient>. */
static void check_adjoint(const pno_kernels *t, const phase_shape *s, int hidden, world *w) {
  pno_lift a = phase_lift(w, t, s, IN, hidden, true);
  float *scratch = world_scratch(w, t, &s->g, 40);
  phase_lift_forward(t, &a, SAMPLES, true, scratch);
  const ptrdiff_t n = s->points * CP, floats = pno_mlp_floats(&a.mlp);
  const float *d = world_vectors(w, s->points, C, 20);
  a.d = d;
  a.partial = world_noise(w, s->blocks * floats, 22);
  t->lift_backward(&a, 0, s->blocks, scratch);
  const ptrdiff_t rows = hidden ? hidden : IN + s->g.dims, at = hidden ? floats - (rows + 1) * CP : 0;
  const double sum = phase_partial_dot(a.partial, floats, s->blocks, at, a.mlp.w2, rows * CP) +
                     phase_partial_dot(a.partial, floats, s->blocks, at + rows * CP, a.mlp.b2, CP);
  world_equal(world_dot(a.x, d, n), sum, sqrt(world_dot(a.x, a.x, n) * world_dot(d, d, n)), "last map");
  cr_assert(world_padding_is_zero(a.x, s->points, C) && world_padding_is_zero(a.rows, s->modes, C));
  for (int b = 0; b < s->blocks; b++) cr_assert(world_padding_is_zero(a.partial + b * floats + at, rows + 1, C));
}

Test(lift, the_last_map_has_its_adjoint) { each(check_adjoint); }

/* Each point by the definition: normalised data, then coordinates; zero on the padding. One layer only. */
static void check_definition(const pno_kernels *t, const phase_shape *s, int hidden, world *w) {
  if (hidden) return;
  for (int per_point = 0; per_point < 2; per_point++) {
    const pno_lift a = phase_lift(w, t, s, IN, 0, per_point);
    phase_lift_forward(t, &a, SAMPLES, true, world_scratch(w, t, &s->g, C));
    ptrdiff_t data = 0;
    for (ptrdiff_t p = 0; p < s->points; p++) {
      int index[PNO_DIMS_MAX];
      const bool inside = is_inside(&s->g, p, index);
      for (int o = (int)(p % 3); o < C; o += 3) {
        double want = inside ? a.mlp.b1[o] : 0.0;
        for (int c = 0; inside && c < IN; c++) {
          const ptrdiff_t at = (per_point ? data % (data_of(s) / SAMPLES) : 0) * IN + c;
          want += ((double)a.input[data * IN + c] - a.norm.shift[at]) / a.norm.scale[at] * a.mlp.w1[c * CP + o];
        }
        for (int j = 0; inside && j < s->g.dims; j++)
          want += (double)a.coordinate[j][index[j]] * a.mlp.w1[(IN + j) * CP + o];
        if (fabs(a.x[p * CP + o] - want) > 5e-5)
          cr_assert_fail("%s: point %td, channel %d: %g, not %g", t->name, p, o, (double)a.x[p * CP + o], want);
      }
      data += inside;
    }
    cr_assert_eq(data, data_of(s));
  }
}

Test(lift, normalised_channels_come_first_then_coordinates_and_the_padding_is_zero) { each(check_definition); }

static void check_rows(const pno_kernels *t, const phase_shape *s, int hidden, world *w) {
  const pno_lift a = phase_lift(w, t, s, IN, hidden, true);
  phase_lift_forward(t, &a, SAMPLES, true, world_scratch(w, t, &s->g, 40));
  for (ptrdiff_t q = 0; q < s->modes; q += 1 + s->modes / 199) {
    const ptrdiff_t row = q / (2 * K), k = q % (2 * K);
    const int c = (int)(q % C);
    double sum = 0, size = 0;
    for (int y = 0; y < s->g.len; y++) {
      const double x = a.x[(row * s->g.len + y) * CP + c];
      sum += a.modes.analysis[k * s->g.len + y] * x;
      size += x * x;
    }
    world_equal(a.rows[q * CP + c], sum, sqrt(size * s->g.len), "mode");
  }
}

Test(lift, the_rows_are_the_analysis_of_x) { each(check_rows); }

static void check_order(const pno_kernels *t, const phase_shape *s, int hidden, world *w) {
  pno_lift a = phase_lift(w, t, s, IN, hidden, true), b = a;
  float *scratch = world_scratch(w, t, &s->g, 40);
  a.d = b.d = world_vectors(w, s->points, C, 20);
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 22);
  b.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 23);
  b.x = NULL; /* not kept */
  b.rows = world_noise(w, s->modes * CP, 24);
  phase_lift_forward(t, &a, SAMPLES, true, scratch);
  phase_lift_forward(t, &b, SAMPLES, false, scratch);
  world_same(b.rows, a.rows, s->modes * CP, "rows");
  t->lift_backward(&a, 0, s->blocks, scratch);
  for (int i = s->blocks - 1; i >= 0; i--) t->lift_backward(&b, i, 1, scratch);
  world_same(b.partial, a.partial, s->blocks * pno_mlp_floats(&a.mlp), "partial gradients");
}

Test(lift, blocks_in_any_order_give_the_same_bits_with_x_kept_or_not) { each(check_order); }

static void check_padding(const pno_kernels *t, const phase_shape *s, int hidden, world *w) {
  pno_lift a = phase_lift(w, t, s, IN, hidden, true), b = a;
  const float *d = world_vectors(w, s->points, C, 20);
  float *spoilt = world_copy(w, d, s->points * CP), *scratch = world_scratch(w, t, &s->g, 40);
  a.d = d;
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 22);
  b.d = spoilt;
  b.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 23);
  int index[PNO_DIMS_MAX];
  for (ptrdiff_t p = 0; p < s->points; p++)
    for (int c = 0; c < C && !is_inside(&s->g, p, index); c++) spoilt[p * CP + c] = 1e6f;
  t->lift_backward(&a, 0, s->blocks, scratch);
  t->lift_backward(&b, 0, s->blocks, scratch);
  world_same(b.partial, a.partial, s->blocks * pno_mlp_floats(&a.mlp), "partial gradients");
}

Test(lift, gradients_on_the_padding_reach_no_parameter) { each(check_padding); }
