#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/fft.h"
#include "kernels/simd/gelu.h"
#include "kernels/simd/lift.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

typedef struct {
  const pno_layer *a;
  int block, cp;
  transform synthesis, analysis;
  row_fft fft; /* in place of both */
  float *x, *z, *value; /* packed tiles */
  float *rows;                   /* row spectrum of a row that comes in several tiles */
  float *rest;
} layer_call;

/* z = bias + synthesis of the spectrum + x skip, row by row of the tile. */
static void fourier(const layer_call *k, const tile *t, const float *x, const places *x_at, float *z,
                    const places *z_at) {
  const pno_layer *a = k->a;
  synthesis_extra e = {.bias = a->bias, .x_at = x_at, .depth = a->channels, .w = a->skip, .ws = k->cp,
                       .fetch_at = &t->memory};
  memcpy(e.ahead, t->ahead, sizeof e.ahead);
  const ptrdiff_t memory = pno_row_at(a->grid, k->block, t->row, a->grid->len, k->cp);
  for (int r = 0; r < t->rows; r++) {
    const ptrdiff_t row = r * t->row_floats;
    e.x = x + row;
    e.fetch = a->x ? a->x + memory + row : a->result + memory + row;
    simd_synthesise(&k->synthesis, t->s, k->cp, a->spectrum + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp),
                    2 * (ptrdiff_t)k->cp, k->cp, &e, z + row, z_at);
  }
}

/* The same by FFT: the synthesis of the whole row is made for its first tile. */
static void fourier_fft(const layer_call *k, const tile *t, const float *x, bool x_packed, float *z, bool z_packed) {
  const pno_layer *a = k->a;
  for (int r = 0; t->first && r < t->rows; r++)
    simd_fft_synthesise(&k->fft, fft_synthesis(&k->fft),
                        a->spectrum + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp),
                        k->fft.row + r * t->row_floats);
  for (int i = 0; i < t->runs; i++) {
    const tile_run *run = &t->run[i];
    float *to = z + (z_packed ? run->packed : run->memory);
    simd_gemm(run->n, k->cp, a->channels, x + (x_packed ? run->packed : run->memory), k->cp, a->skip, k->cp, a->bias, to,
              k->cp);
    fft_add((ptrdiff_t)run->n * k->cp, k->fft.row + run->memory, to);
  }
}

/* soon: will be written in the next tile. */
static void gelu_run(ptrdiff_t n, const float *x, float *out, const float *soon) {
  for (ptrdiff_t i = 0; i < n; i += LANES) {
    vec v;
    if (i % PNO_LANES == 0) v_fetch_write(soon + i);
    v_gelu(v_load(x + i), &v, NULL);
    v_store(out + i, v);
  }
}

/* The same for a z that is kept past the caches. */
static void stream_run(ptrdiff_t n, const float *x, float *out, float *z) {
  for (ptrdiff_t i = 0; i < n; i += LANES) {
    const vec pre = v_load(x + i);
    vec v;
    v_gelu(pre, &v, NULL);
    v_store(out + i, v);
    v_stream(z + i, pre);
  }
}

static void copy_run(ptrdiff_t n, const float *x, float *out, const float *soon) {
  (void)soon;
  for (ptrdiff_t i = 0; i < n; i += LANES) v_store(out + i, v_load(x + i));
}

/* result = act(m), m = mlp(act(z)) + gate x */
static void channel_stage(const layer_call *k, const tile *t, const float *z, bool z_packed, const float *x,
                          bool x_packed, ptrdiff_t memory) {
  const pno_layer *a = k->a;
  const int cp = k->cp;
  for (int i = 0; i < t->runs; i++) {
    const tile_run *run = &t->run[i];
    (a->activate ? gelu_run : copy_run)((ptrdiff_t)run->n * cp, z + (z_packed ? run->packed : run->memory),
                                        k->value + run->packed, z + run->memory + run->ahead);
  }
  float *m = k->z; /* packed; where z was if it is not kept */
  simd_map_forward(&a->mlp, t->points, (pno_mask){0}, k->value, cp, m, k->rest);
  for (int i = 0; i < t->runs; i++) {
    const tile_run *run = &t->run[i];
    const float *from = x + (x_packed ? run->packed : run->memory);
    float *keep = a->m ? a->m + memory + run->memory : m + run->packed, *to = a->result + memory + run->memory;
    for (int p = 0; p < run->n; p++) {
      for (int v = 0; v < cp; v += LANES) {
        const ptrdiff_t at = (ptrdiff_t)p * cp + v;
        vec s = v_fma(v_load(a->gate + v), v_load(from + at), v_load(m + run->packed + at));
        v_store(keep + at, s);
        if (a->activate) v_gelu(s, &s, NULL);
        v_store(to + at, s);
      }
    }
  }
}

static void analyse(const layer_call *k, const tile *t, ptrdiff_t memory) {
  const pno_layer *a = k->a;
  const ptrdiff_t ks = 2 * (ptrdiff_t)k->cp;
  if (k->fft.m && !t->last) return;
  for (int r = 0; r < t->rows; r++) {
    float *rows = a->rows + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp);
    if (k->fft.m) {
      simd_fft_analyse(&k->fft, fft_analysis(&k->fft), a->result + memory + r * t->row_floats, rows);
      continue;
    }
    float *sum = t->whole ? rows : k->rows; /* the spectrum may lie where rows go: it is needed to the last tile */
    simd_analyse(&k->analysis, t->s, t->first, k->cp, a->result + memory + r * t->row_floats, &t->memory, sum, ks, k->cp);
    if (!t->whole && t->last) memcpy(rows, sum, sizeof *rows * (size_t)(a->modes.k * ks));
  }
}

static void forward_tile(void *user, const tile *t) {
  const layer_call *k = user;
  const pno_layer *a = k->a;
  const ptrdiff_t memory = pno_row_at(a->grid, k->block, t->row, a->grid->len, k->cp);
  const bool streams = a->stream && a->z && a->activate && !a->mix_channels;
  const bool z_packed = !a->z || streams, x_packed = !a->x;
  if (x_packed) simd_lift_points(a->lift, k->block, t, k->x, k->rest);
  const float *x = x_packed ? k->x : a->x + memory;
  float *z = z_packed ? k->z : a->z + memory;
  if (k->fft.m)
    fourier_fft(k, t, x, x_packed, z, z_packed);
  else
    fourier(k, t, x, x_packed ? &t->packed : &t->memory, z, z_packed ? &t->packed : &t->memory);
  if (a->mix_channels) {
    channel_stage(k, t, z, z_packed, x, x_packed, memory);
  } else {
    for (int i = 0; i < t->runs; i++) {
      const tile_run *run = &t->run[i];
      if (streams) {
        stream_run((ptrdiff_t)run->n * k->cp, z + run->packed, a->result + memory + run->memory,
                   a->z + memory + run->memory);
        continue;
      }
      (a->activate ? gelu_run : copy_run)((ptrdiff_t)run->n * k->cp, z + (z_packed ? run->packed : run->memory),
                                          a->result + memory + run->memory, z + run->memory + run->ahead);
    }
  }
  if (a->rows) analyse(k, t, memory);
}

void simd_layer_forward(const pno_layer *a, int block, int count, float *scratch) {
  const int cp = pno_padded(a->channels), points = tile_points(cp);
  const ptrdiff_t floats = (ptrdiff_t)points * cp;
  const row_fft fft = row_fft_begin(&a->modes, a->grid, a->channels, &scratch);
  layer_call k = {.a = a, .cp = cp, .fft = fft, .synthesis = row_synthesis(&a->modes), .analysis = row_analysis(&a->modes),
                  .x = scratch, .z = scratch + floats, .value = scratch + 2 * floats, .rows = scratch + 3 * floats};
  k.rest = k.rows + 2 * (ptrdiff_t)a->modes.k * cp;
  for (k.block = block; k.block < block + count; k.block++) simd_tiles(a->grid, k.block, cp, forward_tile, &k);
  _mm_sfence(); /* what was stored past the caches is there for all threads */
}
