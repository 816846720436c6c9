#include "tests/kernels/phase_world.h"

#include <math.h>

phase_shape phase_shape_of(pno_grid g, int samples, int channels, int k, int hidden, bool activate) {
  phase_shape s = {.g = g, .samples = samples, .channels = channels, .cp = pno_padded(channels), .k = k,
                   .blocks = samples * g.blocks, .hidden = hidden, .activate = activate};
  s.points = samples * pno_grid_points(&g);
  s.modes = (ptrdiff_t)samples * g.rows * k * 2;
  return s;
}

int phase_widest(const phase_shape *s) { return s->hidden > s->channels ? s->hidden : s->channels; }

void phase_each(phase_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      for (int kind = 0; kind < 4; kind++) {
        world w = {0};
        const pno_grid grid = world_grid(g);
        const int most = grid.len / 2 + 1, k = most < 5 ? most : 5;
        const phase_shape s = phase_shape_of(grid, 2, 20, k, kind & 1 ? 24 : 0, kind & 2);
        world_say("%s, grid %d, %s, %s", t[i]->name, g, s.hidden ? "channel MLP" : "plain",
                  s.activate ? "activated" : "linear");
        check(t[i], &s, &w);
        world_end(&w);
      }
    }
  }
}

pno_layer phase_layer(world *w, const pno_kernels *t, const phase_shape *s) {
  const ptrdiff_t n = s->points * s->cp;
  pno_layer a = {.grid = &s->g, .channels = s->channels, .activate = s->activate, .mix_channels = s->hidden > 0,
                 .modes = world_row_modes(w, t, s->g.len, s->k), .skip = world_vectors(w, s->channels, s->channels, 1),
                 .bias = world_vectors(w, 1, s->channels, 2), .spectrum = world_vectors(w, s->modes, s->channels, 4),
                 .z = world_noise(w, n, 5), .x = world_vectors(w, s->points, s->channels, 8),
                 .result = world_noise(w, n, 9), .rows = world_noise(w, s->modes * s->cp, 7)};
  if (!a.mix_channels) return a;
  a.gate = world_vectors(w, 1, s->channels, 3);
  a.mlp = world_mlp(w, s->channels, s->hidden, s->channels, 10);
  a.m = world_noise(w, n, 6);
  return a;
}

pno_layer phase_layer_again(world *w, const phase_shape *s, const pno_layer *a) {
  const ptrdiff_t n = s->points * s->cp;
  pno_layer b = *a;
  b.z = world_noise(w, n, 40);
  b.m = a->m ? world_noise(w, n, 41) : NULL;
  b.result = world_noise(w, n, 42);
  b.rows = world_noise(w, s->modes * s->cp, 43);
  return b;
}

static void take_partial(world *w, const phase_shape *s, pno_back *b) {
  b->partial = world_noise(w, s->blocks * pno_back_floats(b), 50);
}

pno_back phase_stage(world *w, const phase_shape *s, const pno_layer *f, const float *d) {
  pno_back b = {.grid = &s->g, .channels = s->channels, .modes = f->modes, .d = world_copy(w, d, s->points * s->cp),
                .stage = true, .activate = f->activate, .mix_channels = f->mix_channels, .mlp = f->mlp, .z = f->z,
                .m = f->m ? world_copy(w, f->m, s->points * s->cp) : NULL,
                .rows = world_noise(w, s->modes * s->cp, 51)};
  take_partial(w, s, &b);
  return b;
}

pno_back phase_linear(world *w, const phase_shape *s, const pno_layer *f, const float *dz, const float *dm,
                      const float *above) {
  pno_back b = {.grid = &s->g, .channels = s->channels, .modes = f->modes, .d = world_copy(w, dz, s->points * s->cp),
                .linear = true, .gated = f->mix_channels, .skip = f->skip, .gate = f->gate, .dm = dm,
                .spectrum = above, .x = f->x};
  take_partial(w, s, &b);
  return b;
}

/* Slab i of all samples: its first block, and where its row spectra start. */
static int slab_at(const pno_grid *g, int i, const pno_row_modes *m, int cp, ptrdiff_t *spectrum) {
  *spectrum = (ptrdiff_t)i * g->slab_rows * (m->stride ? m->stride : 2 * (ptrdiff_t)m->k * cp);
  return i / g->slabs * g->blocks + i % g->slabs * g->slab_blocks;
}

void phase_lift_forward(const pno_kernels *t, const pno_lift *a, int samples, bool in_turn, float *scratch) {
  for (int i = 0; i < samples * a->grid->slabs; i++) {
    ptrdiff_t at;
    const int first = slab_at(a->grid, i, &a->modes, pno_padded(a->channels), &at);
    pno_lift slab = *a;
    slab.rows += at;
    if (in_turn) t->lift_forward(&slab, first, a->grid->slab_blocks, scratch);
    for (int b = a->grid->slab_blocks - 1; !in_turn && b >= 0; b--) t->lift_forward(&slab, first + b, 1, scratch);
  }
}

void phase_layer_forward(const pno_kernels *t, const pno_layer *a, int samples, bool in_turn, float *scratch) {
  for (int i = 0; i < samples * a->grid->slabs; i++) {
    ptrdiff_t at;
    const int first = slab_at(a->grid, i, &a->modes, pno_padded(a->channels), &at);
    pno_layer slab = *a;
    slab.spectrum += at;
    if (a->rows) slab.rows += at;
    if (in_turn) t->layer_forward(&slab, first, a->grid->slab_blocks, scratch);
    for (int b = a->grid->slab_blocks - 1; !in_turn && b >= 0; b--) t->layer_forward(&slab, first + b, 1, scratch);
  }
}

void phase_layer_backward(const pno_kernels *t, const pno_back *a, int samples, bool in_turn, float *scratch) {
  for (int i = 0; i < samples * a->grid->slabs; i++) {
    ptrdiff_t at;
    const int first = slab_at(a->grid, i, &a->modes, pno_padded(a->channels), &at);
    pno_back slab = *a;
    if (a->linear) slab.spectrum += at;
    if (a->stage) slab.rows += at;
    if (in_turn) t->layer_backward(&slab, first, a->grid->slab_blocks, scratch);
    for (int b = a->grid->slab_blocks - 1; !in_turn && b >= 0; b--) t->layer_backward(&slab, first + b, 1, scratch);
  }
}

double phase_partial_dot(const float *partial, ptrdiff_t floats, int blocks, ptrdiff_t at, const float *value,
                         ptrdiff_t n) {
  double sum = 0;
  for (int b = 0; b < blocks; b++) sum += world_dot(partial + b * floats + at, value, n);
  return sum;
}

pno_lift phase_lift(world *w, const pno_kernels *t, const phase_shape *s, int in, int hidden, bool per_point) {
  const ptrdiff_t data = pno_grid_data_points(&s->g), norms = (per_point ? data : 1) * in;
  float *scale = world_noise(w, norms, 60);
  for (ptrdiff_t i = 0; i < norms; i++) scale[i] = fabsf(scale[i]) + 0.5f;
  pno_lift a = {.grid = &s->g, .in = in, .channels = s->channels, .embed = 1,
                .mlp = world_mlp(w, in + s->g.dims, hidden, s->channels, 61),
                .norm = {.per_point = per_point, .scale = scale, .shift = world_noise(w, norms, 65)},
                .modes = world_row_modes(w, t, s->g.len, s->k), .input = world_noise(w, s->samples * data * in, 66),
                .x = world_noise(w, s->points * s->cp, 67), .rows = world_noise(w, s->modes * s->cp, 68)};
  for (int j = 0; j < s->g.dims; j++) a.coordinate[j] = world_noise(w, s->g.inner[j], 69 + j);
  return a;
}
