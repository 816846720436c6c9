/* A head of two maps is two heads that read one activation. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "tests/kernels/conform.h"
#include "tests/kernels/drop_world.h"

enum { SAMPLES = 2, KINDS = 8 };

/* dropped: 0 neither, 1 the first, 2 the second, 3 both. Grids of the world, then a single point. */
typedef struct {
  pno_grid g;
  int channels, cp, out, hidden, blocks, dropped;
  bool per_point;
  ptrdiff_t points, data; /* of all samples */
} shape;

static shape shape_of(int g, int kind) {
  static const int kinds[KINDS][3] = {{20, 1, 24}, {20, 4, 40},  {20, 6, 24}, {5, 3, 0},
                                      {1, 20, 10}, {16, 2, 130}, {40, 1, 7},  {130, 1, 1}}; /* channels, out, hidden */
  static const int point = 1, lo = 0;
  shape s = {.g = g < WORLD_GRIDS ? world_grid(g) : pno_grid_make(1, &point, &lo, &point),
             .channels = kinds[kind][0],
             .out = kinds[kind][1],
             .hidden = kinds[kind][2],
             .per_point = (g + kind) % 2};
  s.dropped = s.hidden ? (g + kind / 2) % 4 : 0;
  s.cp = pno_padded(s.channels);
  s.blocks = SAMPLES * s.g.blocks;
  s.points = SAMPLES * pno_grid_points(&s.g);
  s.data = SAMPLES * pno_grid_data_points(&s.g);
  return s;
}

static int widest(const shape *s) {
  const int most = s->hidden > s->channels ? s->hidden : s->channels;
  return most > s->out ? most : s->out;
}

typedef void two_check(const pno_kernels *t, const shape *s, world *w);

static void each(two_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g <= WORLD_GRIDS; g++) {
      for (int kind = 0; kind < KINDS; kind++) {
        world w = {0};
        const shape s = shape_of(g, kind);
        world_say("%s, grid %d, %d channels to 2 x %d, hidden %d, dropped %d", t[i]->name, g, s.channels, s.out,
                  s.hidden, s.dropped);
        check(t[i], &s, &w);
        world_end(&w);
      }
    }
  }
}

typedef struct {
  pno_mlp second;
  pno_dropout drop[2];
  pno_head a;
} two_heads;

static two_heads *make(world *w, const shape *s) {
  static two_heads h;
  const ptrdiff_t values = s->data * 2 * s->out, norms = (s->per_point ? s->data / SAMPLES : 1) * 2 * s->out;
  float *scale = world_noise(w, norms, 1);
  for (ptrdiff_t i = 0; i < norms; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  h = (two_heads){.second = world_mlp(w, s->channels, s->hidden, s->out, 30),
                  .drop = {drop_of(0.2, 1, 1), drop_of(0.5, 2, 2)}};
  h.a = (pno_head){.grid = &s->g,
                   .channels = s->channels,
                   .out = s->out,
                   .mlp = world_mlp(w, s->channels, s->hidden, s->out, 2),
                   .second = &h.second,
                   .dropout = {s->dropped & 1 ? &h.drop[0] : NULL, s->dropped & 2 ? &h.drop[1] : NULL},
                   .norm = {.per_point = s->per_point, .scale = scale, .shift = world_noise(w, norms, 12)},
                   .x = world_vectors(w, s->points, s->channels, 6),
                   .output = world_noise(w, values, 7),
                   .dy = world_noise(w, values, 8),
                   .d = world_noise(w, s->points * s->cp, 9)};
  h.a.partial = world_noise(w, s->blocks * pno_head_floats(&h.a), 10);
  return &h;
}

/* Of vectors of 2 out values, the half of one map. */
static float *half(world *w, const shape *s, const float *v, ptrdiff_t vectors, int map) {
  float *out = world_zeros(w, vectors * s->out);
  for (ptrdiff_t i = 0; i < vectors * s->out; i++) out[i] = v[i / s->out * 2 * s->out + map * s->out + i % s->out];
  return out;
}

/* One of the maps as a head of its own. */
static pno_head single(world *w, const shape *s, const two_heads *h, int map) {
  const ptrdiff_t norms = s->per_point ? s->data / SAMPLES : 1;
  pno_head b = {.grid = &s->g,
                .channels = s->channels,
                .out = s->out,
                .mlp = map ? h->second : h->a.mlp,
                .dropout = {h->a.dropout[map]},
                .norm = {.per_point = s->per_point,
                         .scale = half(w, s, h->a.norm.scale, norms, map),
                         .shift = half(w, s, h->a.norm.shift, norms, map)},
                .x = h->a.x,
                .output = world_noise(w, s->data * s->out, 13),
                .dy = half(w, s, h->a.dy, s->data, map),
                .d = world_noise(w, s->points * s->cp, 14)};
  b.partial = world_noise(w, s->blocks * pno_head_floats(&b), 15);
  return b;
}

static void check_forward(const pno_kernels *t, const shape *s, world *w) {
  const two_heads *h = make(w, s);
  float *scratch = world_scratch(w, t, &s->g, widest(s));
  t->head_forward(&h->a, 0, s->blocks, scratch);
  for (int map = 0; map < 2; map++) {
    const pno_head b = single(w, s, h, map);
    t->head_forward(&b, 0, s->blocks, scratch);
    world_same(half(w, s, h->a.output, s->data, map), b.output, s->data * s->out, map ? "second" : "first");
  }
}

Test(head_two, the_fields_are_those_of_two_heads) { each(check_forward); }

static void check_backward(const pno_kernels *t, const shape *s, world *w) {
  const two_heads *h = make(w, s);
  const ptrdiff_t floats = pno_head_floats(&h->a), n = s->points * s->cp;
  float *scratch = world_scratch(w, t, &s->g, widest(s)), *sum = world_zeros(w, n);
  cr_assert_eq(floats, 2 * pno_mlp_floats(&h->a.mlp));
  t->head_backward(&h->a, 0, s->blocks, scratch);
  for (int map = 0; map < 2; map++) {
    const pno_head b = single(w, s, h, map);
    t->head_backward(&b, 0, s->blocks, scratch);
    for (ptrdiff_t i = 0; i < n; i++) sum[i] += b.d[i];
    for (int k = 0; k < s->blocks; k++)
      world_same(h->a.partial + k * floats + map * (floats / 2), b.partial + k * (floats / 2), floats / 2,
                 map ? "partial gradients of the second" : "partial gradients of the first");
  }
  for (ptrdiff_t i = 0; i < n; i++) cr_assert_eq(h->a.d[i], sum[i], "%s: element %td", t->name, i); /* 0 may be -0 */
}

Test(head_two, the_gradient_of_the_activation_is_the_sum_of_theirs_and_the_partial_ones_follow_each_other) {
  each(check_backward);
}

static void check_in_place(const pno_kernels *t, const shape *s, world *w) {
  const two_heads *h = make(w, s);
  const ptrdiff_t floats = s->blocks * pno_head_floats(&h->a), n = s->points * s->cp;
  float *scratch = world_scratch(w, t, &s->g, widest(s));
  pno_head b = h->a;
  b.d = world_copy(w, h->a.x, n);
  b.x = b.d;
  b.output = world_noise(w, s->data * 2 * s->out, 16);
  b.partial = world_noise(w, floats, 17);
  t->head_forward(&h->a, 0, s->blocks, scratch);
  t->head_backward(&h->a, 0, s->blocks, scratch);
  for (int k = s->blocks - 1; k >= 0; k--) {
    t->head_forward(&b, k, 1, scratch);
    t->head_backward(&b, k, 1, scratch);
  }
  world_same(b.output, h->a.output, s->data * 2 * s->out, "output");
  world_same(b.d, h->a.d, n, "d");
  world_same(b.partial, h->a.partial, floats, "partial gradients");
}

Test(head_two, the_gradient_may_lie_where_x_was_and_blocks_may_run_in_any_order) { each(check_in_place); }

/* Each half of the field is linear in the last map of its own head: <half of the output, half of dy> = <map, gradient>. */
static void check_adjoint(const pno_kernels *t, const shape *s, world *w) {
  two_heads *h = make(w, s);
  h->a.norm.shift = world_zeros(w, (s->per_point ? s->data / SAMPLES : 1) * 2 * s->out);
  float *scratch = world_scratch(w, t, &s->g, widest(s));
  const ptrdiff_t floats = pno_mlp_floats(&h->a.mlp), op = pno_padded(s->out),
                  rows = s->hidden ? s->hidden : s->channels;
  const ptrdiff_t at = floats - (rows + 1) * op, n = s->data * s->out;
  t->head_forward(&h->a, 0, s->blocks, scratch);
  t->head_backward(&h->a, 0, s->blocks, scratch);
  for (int map = 0; map < 2; map++) {
    const pno_mlp *m = map ? &h->second : &h->a.mlp;
    const float *y = half(w, s, h->a.output, s->data, map), *dy = half(w, s, h->a.dy, s->data, map);
    const ptrdiff_t start = map * floats + at;
    const double sum = phase_partial_dot(h->a.partial, 2 * floats, s->blocks, start, m->w2, rows * op) +
                       phase_partial_dot(h->a.partial, 2 * floats, s->blocks, start + rows * op, m->b2, op);
    world_equal(world_dot(y, dy, n), sum, sqrt(world_dot(y, y, n) * world_dot(dy, dy, n)), "last map");
  }
  cr_assert(world_padding_is_zero(h->a.d, s->points, s->channels));
}

Test(head_two, the_last_maps_have_their_adjoints) { each(check_adjoint); }

static void run(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const shape *s = one_case;
  const two_heads *h = make(w, s);
  float *scratch = world_scratch(w, t, &s->g, widest(s));
  t->head_forward(&h->a, 0, s->blocks, scratch);
  t->head_backward(&h->a, 0, s->blocks, scratch);
  conform_add(o, "output", h->a.output, s->data * 2 * s->out, 2e-6);
  conform_add(o, "d", h->a.d, s->points * s->cp, 3e-6);
  conform_add(o, "partial gradients", h->a.partial, s->blocks * pno_head_floats(&h->a), 5e-6);
}

Test(head_two, every_table_means_the_same) {
  for (int g = 0; g <= WORLD_GRIDS; g++) {
    for (int kind = 0; kind < KINDS; kind++) {
      const shape s = shape_of(g, kind);
      char say[96];
      snprintf(say, sizeof say, "grid %d, kind %d, dropped %d", g, kind, s.dropped);
      conform(run, &s, say);
    }
  }
}
