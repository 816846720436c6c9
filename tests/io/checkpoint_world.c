#include "tests/io/checkpoint_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/layout.h"

/* Stored floats of one array. */
static ptrdiff_t stored(const pno_array *a) {
  ptrdiff_t n = a->out_padded;
  if (a->layout == PNO_LAYOUT_DENSE) n *= a->in;
  if (a->layout == PNO_LAYOUT_SPECTRAL || a->layout == PNO_LAYOUT_SPECTRAL_REAL) {
    n *= a->in * (a->layout == PNO_LAYOUT_SPECTRAL ? 2 : 1);
    for (int j = 0; j < a->mode_axes; j++) n *= a->modes[j];
  }
  return n;
}

static void shapes(world *w) {
  const pno_array list[WORLD_ARRAYS] = {
      {.name = "model/lifting.fcs.0.weight", .rank = 3, .shape = {5, 3, 1}, .layout = PNO_LAYOUT_DENSE,
       .in = 3, .out = 5},
      {.name = "model/lifting.fcs.0.bias", .rank = 1, .shape = {5}, .layout = PNO_LAYOUT_VECTOR, .out = 5},
      {.name = "model/fno_blocks.convs.0.weight.tensor", .dtype = PNO_DTYPE_C64, .rank = 4, .shape = {3, 5, 4, 3},
       .layout = PNO_LAYOUT_SPECTRAL, .in = 3, .out = 5, .mode_axes = 2, .modes = {4, 3}},
      {.name = "optim/fno_blocks.convs.0.weight.tensor.v", .rank = 4, .shape = {3, 5, 4, 3},
       .layout = PNO_LAYOUT_SPECTRAL_REAL, .in = 3, .out = 5, .mode_axes = 2, .modes = {4, 3}},
      {.name = "model/fno_blocks.channel_mlp_skips.0.weight", .rank = 4, .shape = {1, 17, 1, 1},
       .layout = PNO_LAYOUT_VECTOR, .out = 17},
      {.name = "model/conv0.weights1", .dtype = PNO_DTYPE_C64, .rank = 4, .shape = {2, 3, 2, 3},
       .layout = PNO_LAYOUT_SPECTRAL, .in = 2, .out = 3, .mode_axes = 2, .modes = {4, 3}, .first = {2, 0}},
      {.name = "model/conv0.weights2", .dtype = PNO_DTYPE_C64, .rank = 4, .shape = {2, 3, 2, 3},
       .layout = PNO_LAYOUT_SPECTRAL, .in = 2, .out = 3, .mode_axes = 2, .modes = {4, 3}, .first = {0, 0}},
      {.name = "norm/x_mean", .dtype = PNO_DTYPE_F64, .rank = 2, .shape = {2, 3}, .layout = PNO_LAYOUT_PLAIN},
      {.name = "rng/counter", .dtype = PNO_DTYPE_U64, .rank = 1, .shape = {3}, .layout = PNO_LAYOUT_PLAIN},
      {.name = "ensemble/03/bias", .rank = 0, .layout = PNO_LAYOUT_PLAIN},
  };
  memcpy(w->arrays, list, sizeof list);
  ptrdiff_t at = 0;
  for (int i = 0; i < WORLD_ARRAYS; i++) {
    pno_array *a = &w->arrays[i];
    a->out_padded = (a->out + 15) / 16 * 16;
    a->data = w->store + at;
    if (i == 6) a->data = w->arrays[5].data; /* two corners of one stored array */
    if (i == 7) a->data = w->plain;
    if (i == 8) a->data = w->words;
    if (i != 6 && i != 7 && i != 8) at += stored(a) + 1;
  }
  if (at > WORLD_FLOATS) abort();
}

void world_make(world *w, int seed) {
  static unsigned char outside[WORLD_FLOATS * 8];
  memset(w, 0, sizeof *w);
  shapes(w);
  for (int i = 0; i < WORLD_ARRAYS; i++) {
    const size_t n = pno_array_bytes(&w->arrays[i]);
    for (size_t k = 0; k < n; k++) /* any bits, so that NaN payloads and denormals are among them */
      outside[k] = (unsigned char)((k + 7) * 2654435761u * (unsigned)(seed * 31 + i + 1) >> 13);
    if (pno_layout_import(&w->arrays[i], outside) != PNO_OK) abort();
  }
  w->meta.step = seed;
  w->meta.epoch = seed / 3;
  snprintf(w->meta.run_id, sizeof w->meta.run_id, "run-%d", seed);
  w->meta.config_digest = pno_digest_of("config", 6);
  snprintf(w->meta.journal, sizeof w->meta.journal, "metrics.jsonl");
  w->meta.journal_bytes = 4;
  w->meta.journal_digest = pno_digest_of("line", 4);
  pno_checkpoint_put_i64(&w->meta, "loader/cursor", -seed);
  pno_checkpoint_put_u64(&w->meta, "rng/key", 0xfedcba9876543210u + (unsigned)seed);
  pno_checkpoint_put_f64(&w->meta, "sched/best", 0.1 * seed);
  pno_checkpoint_put_text(&w->meta, "optim/algo", "adamw");
}

void world_clear(world *w) {
  memset(w, 0, sizeof *w);
  shapes(w);
  memset(w->store, 0x5a, sizeof w->store);
}

bool world_same(const world *a, const world *b) {
  static unsigned char x[WORLD_FLOATS * 8], y[WORLD_FLOATS * 8];
  for (int i = 0; i < WORLD_ARRAYS; i++) {
    const size_t n = pno_array_bytes(&a->arrays[i]);
    if (pno_layout_export(&a->arrays[i], x) != PNO_OK || pno_layout_export(&b->arrays[i], y) != PNO_OK ||
        memcmp(x, y, n) != 0)
      return false;
    if (a->arrays[i].layout == PNO_LAYOUT_PLAIN) continue;
    if (memcmp(a->arrays[i].data, b->arrays[i].data, (size_t)stored(&a->arrays[i]) * sizeof(float)) != 0) return false;
  }
  return true;
}

pno_status world_save(pno_comm *comm, const char *dir, int step, int keep, pno_checkpoint_info *out) {
  const pno_checkpoint_options options = {.keep = keep};
  world *w = malloc(sizeof *w);
  if (!w) abort();
  world_make(w, step);
  const pno_status st = pno_checkpoint_save(comm, dir, &w->meta, w->arrays, WORLD_ARRAYS, &options, out);
  free(w);
  return st;
}

static bool scalars_are(const pno_checkpoint_meta *m, int seed) {
  int64_t cursor = 1;
  uint64_t key = 0;
  double best = 0;
  char algo[PNO_CHECKPOINT_TEXT] = "";
  return m->n_scalars == 4 && pno_checkpoint_get_i64(m, "loader/cursor", &cursor) == PNO_OK && cursor == -seed &&
         pno_checkpoint_get_u64(m, "rng/key", &key) == PNO_OK && key == 0xfedcba9876543210u + (unsigned)seed &&
         pno_checkpoint_get_f64(m, "sched/best", &best) == PNO_OK && best == 0.1 * seed &&
         pno_checkpoint_get_text(m, "optim/algo", algo) == PNO_OK && strcmp(algo, "adamw") == 0;
}

pno_status world_load(pno_comm *comm, const char *dir, pno_checkpoint_choice choice, int *step) {
  world *want = malloc(sizeof *want), *got = malloc(sizeof *got);
  if (!want || !got) abort();
  world_clear(got);
  pno_status st = pno_checkpoint_load(comm, dir, &choice, &got->meta, got->arrays, WORLD_ARRAYS, NULL);
  if (st == PNO_OK) {
    *step = (int)got->meta.step;
    world_make(want, *step);
    if (!world_same(want, got) || !scalars_are(&got->meta, *step) || got->meta.epoch != *step / 3 ||
        strcmp(got->meta.run_id, want->meta.run_id) != 0 || got->meta.journal_bytes != 4 ||
        !pno_digest_equal(got->meta.config_digest, want->meta.config_digest))
      st = pno_fail(PNO_E_INTERNAL, "step %d came back with other values", *step);
  }
  free(want);
  free(got);
  return st;
}
