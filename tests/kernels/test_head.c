#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/kernel_world.h"

enum { SAMPLES = 2, C = 20, CP = 32, HIDDEN = 24 };

typedef struct {
  pno_grid g;
  int blocks, out, hidden;
  ptrdiff_t points, fields; /* floats of all samples: vectors of the activation, values of the field */
} shape;

static void each(void (*check)(const pno_kernels *t, const shape *s, world *w)) {
  static const int maps[][2] = {{1, HIDDEN}, {4, HIDDEN}, {6, HIDDEN}, {3, 0}, {20, HIDDEN}}; /* out, hidden */
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      for (size_t m = 0; m < sizeof maps / sizeof *maps; m++) {
        world w = {0};
        shape s = {.g = world_grid(g), .out = maps[m][0], .hidden = maps[m][1]};
        s.blocks = SAMPLES * s.g.blocks;
        s.points = SAMPLES * pno_grid_points(&s.g);
        s.fields = SAMPLES * pno_grid_data_points(&s.g) * s.out;
        world_say("%s, grid %d, %d outputs, hidden %d", t[i]->name, g, s.out, s.hidden);
        check(t[i], &s, &w);
        world_end(&w);
      }
    }
  }
}

static pno_head head_of(world *w, const shape *s) {
  const ptrdiff_t of_sample = s->fields / SAMPLES;
  float *scale = world_noise(w, of_sample, 1);
  for (ptrdiff_t i = 0; i < of_sample; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  pno_head a = {.grid = &s->g, .channels = C, .out = s->out, .mlp = world_mlp(w, C, s->hidden, s->out, 2),
                .norm = {.per_point = true, .scale = scale, .shift = world_zeros(w, of_sample)},
                .x = world_vectors(w, s->points, C, 6), .output = world_noise(w, s->fields, 7),
                .dy = world_noise(w, s->fields, 8), .d = world_noise(w, s->points * CP, 9),
                .target = world_noise(w, s->fields, 11)};
  a.partial = world_noise(w, s->blocks * pno_mlp_floats(&a.mlp), 10);
  a.sums = world_doubles(w, 2 * s->blocks);
  return a;
}

/* Linear in the last map with shift = 0; with one layer the input has its adjoint too. */
static void check_adjoint(const pno_kernels *t, const shape *s, world *w) {
  const pno_head a = head_of(w, s);
  float *scratch = world_scratch(w, t, &s->g, HIDDEN);
  t->head_forward(&a, 0, s->blocks, scratch);
  t->head_backward(&a, 0, s->blocks, scratch);
  const double value = world_dot(a.output, a.dy, s->fields);
  const double scale = sqrt(world_dot(a.output, a.output, s->fields) * world_dot(a.dy, a.dy, s->fields));
  const ptrdiff_t floats = pno_mlp_floats(&a.mlp), op = pno_padded(s->out), rows = s->hidden ? s->hidden : C;
  const ptrdiff_t at = floats - (rows + 1) * op;
  double weight = 0, bias = 0;
  for (int b = 0; b < s->blocks; b++) {
    weight += world_dot(a.partial + b * floats + at, s->hidden ? a.mlp.w2 : a.mlp.w1, rows * op);
    bias += world_dot(a.partial + b * floats + at + rows * op, s->hidden ? a.mlp.b2 : a.mlp.b1, op);
  }
  world_equal(value, weight + bias, scale, "last map");
  if (!s->hidden) world_equal(value, world_dot(a.x, a.d, s->points * CP) + bias, scale, "input");
  cr_assert(world_padding_is_zero(a.d, s->points, C));
}

Test(head, the_last_map_and_a_linear_head_have_their_adjoints) { each(check_adjoint); }

static void check_padding(const pno_kernels *t, const shape *s, world *w) {
  const pno_head a = head_of(w, s);
  t->head_backward(&a, 0, s->blocks, world_scratch(w, t, &s->g, HIDDEN));
  for (ptrdiff_t p = 0; p < s->points; p++) {
    bool inside = true;
    for (ptrdiff_t j = s->g.dims - 1, rest = p; j >= 0; rest /= s->g.n[j--]) {
      const int i = (int)(rest % s->g.n[j]) - s->g.lo[j];
      inside = inside && i >= 0 && i < s->g.inner[j];
    }
    const double size = world_dot(a.d + p * CP, a.d + p * CP, CP);
    if ((size > 0) != inside) cr_assert_fail("%s: point %td", t->name, p);
  }
}

Test(head, the_gradient_is_zero_on_the_padding_and_nowhere_else) { each(check_padding); }

static void check_fused(const pno_kernels *t, const shape *s, world *w) {
  const pno_head fused = head_of(w, s);
  pno_head apart = head_of(w, s);
  float *scratch = world_scratch(w, t, &s->g, HIDDEN), *e = world_zeros(w, s->fields);
  t->head_loss(&fused, 0, s->blocks, scratch);
  t->head_forward(&apart, 0, s->blocks, scratch);
  double sums[2] = {0}, want[2] = {0};
  for (ptrdiff_t i = 0; i < s->fields; i++) e[i] = apart.output[i] - apart.target[i];
  apart.dy = e;
  t->head_backward(&apart, 0, s->blocks, scratch);
  world_same(fused.output, apart.output, s->fields, "output");
  world_same(fused.d, apart.d, s->points * CP, "d");
  const ptrdiff_t floats = s->blocks * pno_mlp_floats(&fused.mlp);
  world_same(fused.partial, apart.partial, floats, "partial gradients");
  for (int b = 0; b < s->blocks; b++)
    for (int i = 0; i < 2; i++) sums[i] += fused.sums[2 * b + i];
  want[0] = world_dot(e, e, s->fields);
  want[1] = world_dot(apart.target, apart.target, s->fields);
  for (int i = 0; i < 2; i++) cr_assert_float_eq(sums[i], want[i], 1e-10 * want[i]);
}

Test(head, the_fused_loss_is_forward_and_backward_of_its_error) { each(check_fused); }

/* Backward and the fused loss with d where x is, block by block, against d apart from it. */
static void check_in_place(const pno_kernels *t, const shape *s, world *w) {
  const pno_head apart = head_of(w, s);
  float *scratch = world_scratch(w, t, &s->g, HIDDEN);
  const ptrdiff_t floats = s->blocks * pno_mlp_floats(&apart.mlp);
  for (int fused = 0; fused < 2; fused++) {
    pno_head in_place = apart;
    in_place.d = world_copy(w, apart.x, s->points * CP);
    in_place.x = in_place.d;
    in_place.partial = world_noise(w, floats, 30);
    void (*const op)(const pno_head *, int, int, float *) = fused ? t->head_loss : t->head_backward;
    op(&apart, 0, s->blocks, scratch);
    for (int b = s->blocks - 1; b >= 0; b--) op(&in_place, b, 1, scratch);
    world_same(in_place.d, apart.d, s->points * CP, "d");
    world_same(in_place.partial, apart.partial, floats, "partial gradients");
  }
}

Test(head, the_gradient_may_lie_where_x_was_and_blocks_may_run_in_any_order) { each(check_in_place); }

static void check_encode(const pno_kernels *t, const shape *s, world *w) {
  pno_affine norm = head_of(w, s).norm;
  const ptrdiff_t of_sample = s->fields / SAMPLES;
  norm.shift = world_noise(w, of_sample, 20);
  for (int per_point = 0; per_point < 2; per_point++) {
    norm.per_point = per_point > 0;
    const float *y = world_noise(w, of_sample, 21 + per_point);
    float *field = world_zeros(w, of_sample);
    for (ptrdiff_t i = 0; i < of_sample; i++) {
      const ptrdiff_t at = per_point ? i : i % s->out;
      field[i] = y[i] * norm.scale[at] + norm.shift[at];
    }
    t->encode(&norm, of_sample / s->out, s->out, field);
    world_near(field, y, of_sample, 1e-5, "field");
  }
}

Test(head, encoding_undoes_the_affine_map_of_the_output) { each(check_encode); }
