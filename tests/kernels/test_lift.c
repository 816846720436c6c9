#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

enum { SAMPLES = 2, IN = 3, C = 20, CP = 32, K = 3 };

typedef struct {
  pno_grid g;
  int blocks;
  ptrdiff_t points, data, modes; /* vectors of all samples */
} shape;

static void each(void (*check)(const pno_kernels *t, const shape *s, int hidden, world *w)) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      for (int hidden = 0; hidden <= 40; hidden += 40) {
        world w = {0};
        shape s = {.g = world_grid(g)};
        s.blocks = SAMPLES * s.g.blocks;
        s.points = SAMPLES * pno_grid_points(&s.g);
        s.data = SAMPLES * pno_grid_data_points(&s.g);
        s.modes = (ptrdiff_t)SAMPLES * s.g.rows * K * 2;
        check(t[i], &s, hidden, &w);
        world_end(&w);
      }
    }
  }
}

static pno_lift lift_of(world *w, const shape *s, int hidden) {
  const ptrdiff_t of_sample = s->data / SAMPLES * IN;
  float *scale = world_noise(w, of_sample, 1);
  for (ptrdiff_t i = 0; i < of_sample; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  pno_lift a = {.grid = &s->g, .in = IN, .channels = C, .embed = 1,
                .mlp = world_mlp(w, IN + s->g.dims, hidden, C, 2),
                .norm = {.per_point = true, .scale = scale, .shift = world_noise(w, of_sample, 6)},
                .modes = world_row_modes(w, s->g.len, K), .input = world_noise(w, s->data * IN, 7),
                .x = world_noise(w, s->points * CP, 8), .rows = world_noise(w, s->modes * CP, 9)};
  for (int j = 0; j < s->g.dims; j++) a.coordinate[j] = world_noise(w, s->g.inner[j], 10 + j);
  return a;
}

/* The lift is linear in its last map: <x, d> + <rows, above> = <that map, its gradient>. */
static void check_adjoint(const pno_kernels *t, const shape *s, int hidden, world *w) {
  pno_lift a = lift_of(w, s, hidden);
  float *scratch = world_scratch(w, &s->g, 40);
  t->lift_forward(&a, 0, s->blocks, scratch);
  const ptrdiff_t n = s->points * CP, m = s->modes * CP, floats = pno_mlp_floats(&a.mlp);
  const float *d = world_vectors(w, s->points, C, 20);
  const float *above = world_vectors(w, s->modes, C, 21);
  const double value = world_dot(a.x, d, n) + world_dot(a.rows, above, m);
  const double scale = sqrt(world_dot(a.x, a.x, n) * world_dot(d, d, n)) +
                       sqrt(world_dot(a.rows, a.rows, m) * world_dot(above, above, m));
  a.spectrum = above;
  a.d = world_copy(w, d, n);
  a.partial = world_noise(w, s->blocks * floats, 22);
  t->lift_backward(&a, 0, s->blocks, scratch);
  const ptrdiff_t rows = hidden ? hidden : IN + s->g.dims, at = hidden ? floats - (rows + 1) * CP : 0;
  const float *weight = hidden ? a.mlp.w2 : a.mlp.w1, *bias = hidden ? a.mlp.b2 : a.mlp.b1;
  double sum = 0;
  for (int b = 0; b < s->blocks; b++) {
    sum += world_dot(a.partial + b * floats + at, weight, rows * CP);
    sum += world_dot(a.partial + b * floats + at + rows * CP, bias, CP);
  }
  world_equal(value, sum, scale, "last map");
  cr_assert(world_padding_is_zero(a.x, s->points, C) && world_padding_is_zero(a.rows, s->modes, C));
  cr_assert(world_padding_is_zero(a.partial + at, rows + 1, C));
}

Test(lift, the_last_map_has_its_adjoint) { each(check_adjoint); }

/* Each point by the definition: normalised data, then coordinates; zero on the padding. One layer only. */
static void check_definition(const pno_kernels *t, const shape *s, int hidden, world *w) {
  if (hidden) return;
  const pno_lift a = lift_of(w, s, 0);
  t->lift_forward(&a, 0, s->blocks, world_scratch(w, &s->g, C));
  ptrdiff_t data = 0;
  for (ptrdiff_t p = 0; p < s->points; p++) {
    int index[PNO_DIMS_MAX];
    bool inside = true;
    for (ptrdiff_t j = s->g.dims - 1, rest = p; j >= 0; rest /= s->g.n[j--]) {
      index[j] = (int)(rest % s->g.n[j]) - s->g.lo[j];
      inside = inside && index[j] >= 0 && index[j] < s->g.inner[j];
    }
    for (int o = 0; o < C; o++) {
      double want = inside ? a.mlp.b1[o] : 0.0;
      for (int c = 0; inside && c < IN; c++) {
        const ptrdiff_t at = data % (s->data / SAMPLES) * IN + c;
        want += ((double)a.input[data * IN + c] - a.norm.shift[at]) / a.norm.scale[at] * a.mlp.w1[c * CP + o];
      }
      for (int j = 0; inside && j < s->g.dims; j++)
        want += (double)a.coordinate[j][index[j]] * a.mlp.w1[(IN + j) * CP + o];
      cr_assert_float_eq(a.x[p * CP + o], want, 5e-5, "point %td, channel %d: %g, not %g", p, o, a.x[p * CP + o], want);
    }
    data += inside;
  }
  cr_assert_eq(data, s->data);
}

Test(lift, normalised_channels_come_first_then_coordinates_and_the_padding_is_zero) { each(check_definition); }

static void check_padding(const pno_kernels *t, const shape *s, int hidden, world *w) {
  pno_lift a = lift_of(w, s, hidden), b = a;
  const float *d = world_vectors(w, s->points, C, 20);
  a.spectrum = world_vectors(w, s->modes, C, 21);
  a.d = world_copy(w, d, s->points * CP);
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 22);
  b = a;
  b.d = world_copy(w, d, s->points * CP);
  b.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 23);
  for (ptrdiff_t p = 0; p < s->points; p++) {
    bool inside = true;
    for (ptrdiff_t j = s->g.dims - 1, rest = p; j >= 0; rest /= s->g.n[j--]) {
      const int i = (int)(rest % s->g.n[j]) - s->g.lo[j];
      inside = inside && i >= 0 && i < s->g.inner[j];
    }
    for (int c = 0; c < C && !inside; c++) b.d[p * CP + c] = 1e6f;
  }
  float *scratch = world_scratch(w, &s->g, 40);
  t->lift_backward(&a, 0, s->blocks, scratch);
  t->lift_backward(&b, 0, s->blocks, scratch);
  cr_assert_eq(memcmp(a.partial, b.partial, sizeof(float) * (size_t)(s->blocks * pno_mlp_floats(&a.mlp))), 0);
}

Test(lift, gradients_on_the_padding_reach_no_parameter) { each(check_padding); }
