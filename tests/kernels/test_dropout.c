/* Masks of dropout in all operations that have them: the lanes of the definition, and nothing else of the operation
 * changes. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/drop_world.h"
#include "tests/kernels/phase_world.h"

enum { K = 2 };
static const int hiddens[] = {1, 7, 8, 9, 24, 40, 130};
enum { HIDDENS = sizeof hiddens / sizeof *hiddens };

typedef void drop_check(const pno_kernels *t, const phase_shape *s, world *w);

/* As many channels as hidden ones, so that each hidden channel can be seen; two inputs of two draws each. */
enum { INPUTS = 2, DRAWS = 2, SAMPLES = INPUTS * DRAWS };

static void each(drop_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < 6; g++) {
      for (int h = 0; h < HIDDENS; h++) {
        if (hiddens[h] > 24 && g % 2 == 0) continue;
        if (hiddens[h] > 40 && g != 1) continue;
        world w = {0};
        const phase_shape s = phase_shape_of(world_grid(g), SAMPLES, hiddens[h], K, 0, false);
        world_say("%s, grid %d, hidden %d", t[i]->name, g, hiddens[h]);
        check(t[i], &s, &w);
        world_end(&w);
      }
    }
  }
}

static double gelu(double v) { return 0.5 * v * erfc(-v / sqrt(2.0)); }
static double slope(double v) { return 0.5 * erfc(-v / sqrt(2.0)) + v * exp(-0.5 * v * v) / sqrt(6.283185307179586); }

/* All hidden channels of a map are 1 whatever the input, and come out as they are. */
static pno_mlp through(world *w, int in, int hidden) {
  const int hp = pno_padded(hidden);
  float *b1 = world_zeros(w, hp), *w2 = world_zeros(w, (ptrdiff_t)hidden * hp);
  for (int j = 0; j < hidden; j++) b1[j] = w2[(ptrdiff_t)j * hp + j] = 1.0f;
  return (pno_mlp){.in = in,
                   .hidden = hidden,
                   .out = hidden,
                   .w1 = world_zeros(w, (ptrdiff_t)in * hp),
                   .b1 = b1,
                   .w2 = w2,
                   .b2 = world_zeros(w, hp)};
}

/* Number of the point in the data of its sample; false on the padding. */
static bool is_data(const pno_grid *g, ptrdiff_t point, ptrdiff_t *at) {
  ptrdiff_t stride = 1;
  *at = 0;
  for (int j = g->dims - 1; j >= 0; stride *= g->inner[j], point /= g->n[j--]) {
    const ptrdiff_t i = point % g->n[j] - g->lo[j];
    if (i < 0 || i >= g->inner[j]) return false;
    *at += i * stride;
  }
  return true;
}

/* Of a lift of two channels and coordinates. */
static int widest(const phase_shape *s) { return s->channels > 2 + s->g.dims ? s->channels : 2 + s->g.dims; }

static pno_lift masked_lift(world *w, const pno_kernels *t, const phase_shape *s, const pno_dropout *d) {
  pno_lift a = phase_lift(w, t, s, 2, 8, false);
  a.mlp = through(w, 2 + s->g.dims, s->channels);
  a.draws = DRAWS;
  a.dropout = d;
  return a;
}

static void check_lift(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_dropout d = drop_of(0.3, 5, DRAWS);
  const pno_lift a = masked_lift(w, t, s, &d);
  const ptrdiff_t of_sample = s->points / SAMPLES;
  const double kept = gelu(d.factor);
  phase_lift_forward(t, &a, SAMPLES, true, world_scratch(w, t, &s->g, widest(s)));
  for (ptrdiff_t p = 0; p < s->points; p++) {
    ptrdiff_t at;
    const bool inside = is_data(&s->g, p % of_sample, &at);
    for (int c = 0; c < s->channels; c++) {
      const bool keep = inside && drop_keeps(&d, (int)(p / of_sample), at, s->channels, c);
      const double want = keep ? kept : 0.0, got = (double)a.x[p * s->cp + c];
      if (fabs(got - want) > 1e-6) cr_assert_fail("%s: point %td, channel %d: %g, not %g", t->name, p, c, got, want);
    }
  }
  cr_assert(world_padding_is_zero(a.x, s->points, s->channels));
}

Test(dropout, the_hidden_layer_of_a_lift_keeps_the_lanes_of_the_definition) { each(check_lift); }

/* With ones as gradients, that of b1 counts what each hidden channel kept in a block, and so does that of w2. */
static void check_counts(const float *partial, const pno_mlp *m, const pno_dropout *d, const double *count) {
  const int hp = pno_padded(m->hidden);
  const float *b1 = partial + (ptrdiff_t)m->in * hp, *w2 = b1 + hp;
  for (int j = 0; j < m->hidden; j++) {
    world_equal(b1[j], count[j] * d->factor * slope(d->factor), 1 + count[j], "gradient of b1");
    world_equal(w2[(ptrdiff_t)j * hp + j], count[j] * gelu(d->factor), 1 + count[j], "gradient of w2");
  }
}

/* What each hidden channel keeps in block b. */
static void count_block(const phase_shape *s, const pno_dropout *d, int b, double *count) {
  int first, index[PNO_DIMS_MAX];
  const int rows = pno_grid_block(&s->g, b, &first), len = s->g.inner[s->g.dims - 1];
  memset(count, 0, sizeof *count * (size_t)s->channels);
  for (int r = first; r < first + rows; r++) {
    ptrdiff_t row;
    if (!pno_grid_data_row(&s->g, r, &row, index)) continue;
    for (int p = 0; p < len; p++)
      for (int c = 0; c < s->channels; c++) count[c] += drop_keeps(d, b / s->g.blocks, row * len + p, s->channels, c);
  }
}

static float *ones(world *w, ptrdiff_t n) {
  float *v = world_zeros(w, n);
  for (ptrdiff_t i = 0; i < n; i++) v[i] = 1.0f;
  return v;
}

static void check_lift_backward(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_dropout d = drop_of(0.3, 5, DRAWS);
  pno_lift a = masked_lift(w, t, s, &d);
  const ptrdiff_t floats = pno_mlp_floats(&a.mlp);
  float *gradient = world_zeros(w, s->points * s->cp);
  for (ptrdiff_t p = 0; p < s->points; p++)
    for (int c = 0; c < s->channels; c++) gradient[p * s->cp + c] = 1.0f;
  a.d = gradient;
  a.partial = world_noise(w, s->blocks * floats, 22);
  t->lift_backward(&a, 0, s->blocks, world_scratch(w, t, &s->g, widest(s)));
  double *count = world_doubles(w, s->channels);
  for (int b = 0; b < s->blocks; b++) {
    count_block(s, &d, b, count);
    check_counts(a.partial + b * floats, &a.mlp, &d, count);
  }
}

Test(dropout, the_way_back_through_a_lift_draws_the_same_lanes) { each(check_lift_backward); }

/* Fields [sample][data point][channel] of what is kept. */
static void check_field(const phase_shape *s, const pno_dropout *d, const float *field, int out, int from, int maps,
                        int map) {
  const ptrdiff_t data = pno_grid_data_points(&s->g);
  for (ptrdiff_t p = 0; p < SAMPLES * data; p++) {
    for (int o = 0; o < out && from + o < s->channels; o++) {
      const bool keep = drop_keeps(d, (int)(p / data), p % data, s->channels, from + o);
      const double want = keep ? gelu(d->factor) : 0.0, got = (double)field[(p * maps + map) * out + o];
      if (fabs(got - want) > 1e-6) cr_assert_fail("point %td, hidden channel %d: %g, not %g", p, from + o, got, want);
    }
  }
}

/* A head that shows its hidden channels `from` .. `from` + out - 1; hidden channels: s->channels. */
static pno_head masked_head(world *w, const phase_shape *s, int out, int from, pno_mlp *map) {
  const int op = pno_padded(out);
  const ptrdiff_t values = SAMPLES * pno_grid_data_points(&s->g) * 2 * out;
  float *w2 = world_zeros(w, (ptrdiff_t)s->channels * op);
  for (int o = 0; o < out && from + o < s->channels; o++) w2[(ptrdiff_t)(from + o) * op + o] = 1.0f;
  *map = through(w, s->channels, s->channels);
  map->out = out;
  map->w2 = w2;
  return (pno_head){.grid = &s->g,
                    .channels = s->channels,
                    .out = out,
                    .mlp = *map,
                    .norm = {.scale = ones(w, 2 * out), .shift = world_zeros(w, 2 * out)},
                    .x = world_vectors(w, s->points, s->channels, 6),
                    .output = world_noise(w, values, 7),
                    .dy = ones(w, values),
                    .d = world_noise(w, s->points * s->cp, 9)};
}

/* Wide and narrow: a narrow head shows four hidden channels, here the last ones. */
static void check_head(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_dropout d = drop_of(0.3, 1, DRAWS), other = drop_of(0.6, 2, DRAWS);
  for (int narrow = 0; narrow < 2; narrow++) {
    const int from = narrow && s->channels > 4 ? s->channels - 4 : 0, out = narrow ? 4 : s->channels;
    pno_mlp map;
    pno_head a = masked_head(w, s, out, from, &map);
    float *scratch = world_scratch(w, t, &s->g, s->channels > out ? s->channels : out);
    a.dropout[0] = &d;
    t->head_forward(&a, 0, s->blocks, scratch);
    check_field(s, &d, a.output, out, from, 1, 0);
    a.second = &map;
    a.dropout[1] = &other;
    t->head_forward(&a, 0, s->blocks, scratch);
    check_field(s, &d, a.output, out, from, 2, 0);
    check_field(s, &other, a.output, out, from, 2, 1);
  }
}

Test(dropout, the_hidden_layers_of_heads_keep_the_lanes_of_the_definition) { each(check_head); }

static void check_head_backward(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_dropout d = drop_of(0.3, 1, DRAWS), other = drop_of(0.6, 2, DRAWS);
  pno_mlp map;
  pno_head a = masked_head(w, s, s->channels, 0, &map);
  a.second = &map;
  a.dropout[0] = &d;
  a.dropout[1] = &other;
  const ptrdiff_t floats = pno_head_floats(&a);
  a.partial = world_noise(w, s->blocks * floats, 10);
  t->head_backward(&a, 0, s->blocks, world_scratch(w, t, &s->g, s->channels));
  double *count = world_doubles(w, s->channels);
  for (int b = 0; b < s->blocks; b++) {
    count_block(s, &d, b, count);
    check_counts(a.partial + b * floats, &map, &d, count);
    count_block(s, &other, b, count);
    check_counts(a.partial + b * floats + floats / 2, &map, &other, count);
  }
}

Test(dropout, the_way_back_through_heads_draws_the_same_lanes) { each(check_head_backward); }

/* Four draws of two inputs, and four samples that hold those inputs twice each. */
static void check_shared(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_dropout d = drop_of(0.5, 0, DRAWS);
  pno_lift a = phase_lift(w, t, s, 2, 24, true), b = a;
  float *scratch = world_scratch(w, t, &s->g, s->channels > 24 ? s->channels : 24);
  const ptrdiff_t floats = pno_mlp_floats(&a.mlp), field = pno_grid_data_points(&s->g) * 2;
  float *input = world_zeros(w, SAMPLES * field);
  for (int i = 0; i < SAMPLES; i++)
    memcpy(input + i * field, a.input + i / DRAWS * field, sizeof *input * (size_t)field);
  a.draws = DRAWS;
  b.draws = 0;
  b.input = input;
  b.x = world_noise(w, s->points * s->cp, 40);
  b.rows = world_noise(w, s->modes * s->cp, 41);
  a.d = b.d = world_vectors(w, s->points, s->channels, 20);
  a.partial = world_noise(w, s->blocks * floats, 22);
  b.partial = world_noise(w, s->blocks * floats, 23);
  for (int masked = 0; masked < 2; masked++) {
    a.dropout = b.dropout = masked ? &d : NULL;
    phase_lift_forward(t, &a, SAMPLES, true, scratch);
    phase_lift_forward(t, &b, SAMPLES, false, scratch);
    t->lift_backward(&a, 0, s->blocks, scratch);
    t->lift_backward(&b, 0, s->blocks, scratch);
    world_same(a.x, b.x, s->points * s->cp, "x");
    world_same(a.rows, b.rows, s->modes * s->cp, "rows");
    world_same(a.partial, b.partial, s->blocks * floats, "partial gradients");
  }
}

Test(dropout, draws_of_one_input_read_the_same_field) { each(check_shared); }

/* Weights of one: what comes out is the input where it is kept, forwards and backwards. */
static void check_mix(const pno_kernels *t, const phase_shape *s, world *w) {
  enum { MODES = 3, STORED = 70 };
  static const int stored[MODES] = {66, 0, 2};
  const int c = s->channels, cp = s->cp;
  const pno_dropout d = drop_of(0.3, 17, DRAWS);
  const ptrdiff_t stride = 2 * (ptrdiff_t)MODES * cp;
  float *weight = world_zeros(w, 2 * (ptrdiff_t)STORED * c * cp);
  for (int k = 0; k < STORED; k++)
    for (int i = 0; i < c; i++) weight[(((ptrdiff_t)k * c + i) * 2) * cp + i] = 1.0f;
  const pno_mix a = {.samples = SAMPLES,
                     .micro = 2,
                     .modes = MODES,
                     .channels = c,
                     .stride = stride,
                     .stored = stored,
                     .weight = weight,
                     .dropout = &d,
                     .x = world_vectors(w, 2 * MODES * SAMPLES, c, 2),
                     .y = world_noise(w, SAMPLES * stride, 3),
                     .scale = ones(w, SAMPLES),
                     .grad = world_zeros(w, 2 * (ptrdiff_t)STORED * c * cp)};
  for (int back = 0; back < 2; back++) {
    if (back) memcpy(a.y, a.x, sizeof *a.y * (size_t)(SAMPLES * stride));
    if (back) t->mix_backward(&a, 0, MODES, world_scratch(w, t, &s->g, c));
    if (!back) t->mix_forward(&a, 0, MODES);
    for (ptrdiff_t i = 0; i < SAMPLES * stride; i++) {
      const int sample = (int)(i / stride), mode = (int)(i % stride / (2 * cp)), channel = (int)(i % cp);
      const bool keep = channel < c && drop_keeps(&d, sample, stored[mode], c, channel);
      const double want = keep ? (double)a.x[i] * (double)d.factor : 0.0;
      if (fabs((double)a.y[i] - want) > 1e-6 * fabs(want))
        cr_assert_fail("%s: value %td: %g, not %g", t->name, i, (double)a.y[i], want);
    }
  }
}

Test(dropout, a_mode_keeps_one_lane_a_complex_number_by_its_stored_number) { each(check_mix); }

/* ---- which mask: bits [points][channels] of one sample ---- */

enum { POINTS = 1090, MASKED = 130 };

static void bits_of(const pno_kernels *t, const pno_dropout *d, bool *bits) {
  world w = {0};
  const phase_shape s = phase_shape_of(world_grid(1), 1, MASKED, K, 0, false);
  pno_lift a = masked_lift(&w, t, &s, d);
  a.draws = d->draws;
  phase_lift_forward(t, &a, 1, true, world_scratch(&w, t, &s.g, MASKED));
  for (ptrdiff_t i = 0; i < POINTS * MASKED; i++) bits[i] = a.x[(s.g.lo[0] + i / MASKED) * s.cp + i % MASKED] > 0;
  world_end(&w);
}

Test(dropout, the_share_that_is_kept_is_one_minus_the_threshold) {
  static const uint32_t thresholds[] = {1, 655, 6554, 32767, 32768, 58982, 64881};
  static bool bits[POINTS * MASKED];
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (size_t k = 0; k < sizeof thresholds / sizeof *thresholds; k++) {
      pno_dropout d = drop_of(0.5, (int)k, 1);
      d.threshold = thresholds[k];
      bits_of(t[i], &d, bits);
      double kept = 0;
      for (int n = 0; n < POINTS * MASKED; n++) kept += bits[n];
      const double share = 1 - thresholds[k] / 65536.0, deviation = sqrt(share * (1 - share) / (POINTS * MASKED));
      kept /= POINTS * MASKED;
      cr_assert(fabs(kept - share) < 4.5 * deviation + 1e-12, "%s, threshold %u: %g kept", t[i]->name, thresholds[k],
                kept);
    }
  }
}

/* Masks of places that differ in one word agree as those of different coins do. */
Test(dropout, site_draw_sample_epoch_and_seed_each_give_another_mask) {
  enum { MASKS = 8 };
  static const uint32_t numbers[] = {7, 8};
  static bool bits[MASKS][POINTS * MASKED];
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    pno_dropout d[MASKS];
    for (int k = 0; k < MASKS; k++) d[k] = drop_of(0.5, 5, 1);
    d[1].site = 6;
    d[2].first_draw = 4;
    d[3].sample = numbers + 1;
    d[4].epoch++;
    d[5].seed += (uint64_t)1 << 32;
    d[6].seed++;
    d[7].site = (uint16_t)d[0].first_draw; /* two words exchanged */
    d[7].first_draw = d[0].site;
    for (int k = 0; k < MASKS; k++) bits_of(t[i], &d[k], bits[k]);
    for (int k = 0; k < MASKS; k++) {
      for (int m = 0; m < k; m++) {
        double alike = 0;
        for (int n = 0; n < POINTS * MASKED; n++) alike += bits[k][n] == bits[m][n];
        alike /= POINTS * MASKED;
        cr_assert(fabs(alike - 0.5) < 0.007, "%s: masks %d and %d: %g alike", t[i]->name, k, m, alike);
      }
    }
  }
}
