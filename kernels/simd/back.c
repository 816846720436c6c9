#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/simd/fft.h"
#include "kernels/simd/gelu.h"
#include "kernels/simd/lift.h"
#include "kernels/simd/map.h"
#include "kernels/simd/table.h"

typedef struct {
  const pno_back *a;
  int block, cp;
  transform adjoint_of_analysis, adjoint_of_synthesis;
  row_fft fft; /* in place of both */
  float *skip, *bias, *gate; /* partial gradients */
  map_back mlp;
  float *skip_t;                  /* [out][cp] */
  float *dx, *x, *value, *slope;  /* packed tiles: the gradient, the layer's input, the MLP's input and its slope */
  float *rows, *rest;
} back_call;

/* dx = adjoint of the analysis + dz skip^T [+ gate dm] */
static void through_linear(const back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  synthesis_extra e = {.x_at = &t->memory, .depth = a->channels, .w = k->skip_t, .ws = k->cp, .fetch_at = &t->memory};
  memcpy(e.ahead, t->ahead, sizeof e.ahead);
  const float *input = a->stage ? a->z : a->x ? a->x : a->d;
  for (int r = 0; r < t->rows; r++) {
    const ptrdiff_t row = memory + r * t->row_floats;
    e.x = a->d + row;
    e.fetch = input + row;
    simd_synthesise(&k->adjoint_of_analysis, t->s, k->cp,
                    a->spectrum + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp), 2 * (ptrdiff_t)k->cp, k->cp,
                    &e, k->dx + r * t->row_floats, &t->packed);
  }
}

/* The same by FFT: the whole row's part is made for its first tile. */
static void through_linear_fft(const back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  for (int r = 0; t->first && r < t->rows; r++)
    simd_fft_synthesise(&k->fft, fft_analysis(&k->fft),
                        a->spectrum + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp),
                        k->fft.row + r * t->row_floats);
  for (int i = 0; i < t->runs; i++) {
    const tile_run *run = &t->run[i];
    simd_gemm(run->n, k->cp, a->channels, a->d + memory + run->memory, k->cp, k->skip_t, k->cp, NULL,
              k->dx + run->packed, k->cp);
    fft_add((ptrdiff_t)run->n * k->cp, k->fft.row + run->memory, k->dx + run->packed);
  }
}

/* x = gelu(from), dx *= gelu'(from); d: where the next tile's gradient will be needed. */
static void through_gelu(const back_call *k, const tile *t, const float *from, const float *d) {
  for (int i = 0; i < t->runs; i++) {
    const float *z = from + t->run[i].memory;
    float *x = k->x + t->run[i].packed, *dx = k->dx + t->run[i].packed;
    const float *soon = d + t->run[i].memory + t->run[i].ahead;
    for (ptrdiff_t j = 0; j < (ptrdiff_t)t->run[i].n * k->cp; j += LANES) {
      vec value, slope;
      if (j % PNO_LANES == 0) v_fetch_write(soon + j);
      v_gelu(v_load(z + j), &value, &slope);
      v_store(x + j, value);
      v_store(dx + j, v_load(dx + j) * slope);
    }
  }
}

/* x = from: a stage without activation */
static void through_nothing(const back_call *k, const tile *t, const float *from, const float *d) {
  (void)d;
  for (int i = 0; i < t->runs; i++)
    memcpy(k->x + t->run[i].packed, from + t->run[i].memory, sizeof *k->x * (size_t)t->run[i].n * (size_t)k->cp);
}

static void fetch_input(const back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  if (!a->x) {
    simd_lift_points(a->lift, k->block, t, k->x, k->rest);
    return;
  }
  for (int i = 0; i < t->runs; i++)
    memcpy(k->x + t->run[i].packed, a->x + memory + t->run[i].memory,
           sizeof *k->x * (size_t)t->run[i].n * (size_t)k->cp);
}

/* Gradients of skip, bias and gate from the input in x, dz in memory and dm. */
static void linear_gradients(const back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  dense_run runs[RUNS_MAX];
  for (int i = 0; i < t->runs; i++)
    runs[i] = (dense_run){k->x + t->run[i].packed, a->d + memory + t->run[i].memory, t->run[i].n};
  simd_outer(a->channels, k->cp, runs, t->runs, k->cp, k->cp, k->skip, k->bias);
  for (int v = 0; a->gated && v < k->cp; v += LANES) {
    vec sum = v_zero();
    for (int i = 0; i < t->runs; i++) {
      const float *x = runs[i].x + v, *dm = a->dm + memory + t->run[i].memory + v;
      for (ptrdiff_t j = 0; j < (ptrdiff_t)runs[i].n * k->cp; j += k->cp) sum = v_fma(v_load(x + j), v_load(dm + j), sum);
    }
    v_store(k->gate + v, v_load(k->gate + v) + sum);
  }
}

/* What the gate adds to the input's gradient. */
static void through_gate(const back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  for (int i = 0; i < t->runs; i++) {
    const float *dm = a->dm + memory + t->run[i].memory;
    float *dx = k->dx + t->run[i].packed;
    for (ptrdiff_t j = 0; j < (ptrdiff_t)t->run[i].n * k->cp; j += k->cp)
      for (int v = 0; v < k->cp; v += LANES)
        v_store(dx + j + v, v_fma(v_load(a->gate + v), v_load(dm + j + v), v_load(dx + j + v)));
  }
}

/* dx becomes the gradient of z; m in memory its own gradient. */
static void through_channels(back_call *k, const tile *t, ptrdiff_t memory) {
  const pno_back *a = k->a;
  const int cp = k->cp;
  for (int i = 0; i < t->runs; i++) {
    const tile_run *run = &t->run[i];
    const float *z = a->z + memory + run->memory;
    float *m = a->m + memory + run->memory;
    for (ptrdiff_t j = 0; j < (ptrdiff_t)run->n * cp; j += LANES) {
      vec value = v_load(z + j), slope = v_all(1.0f);
      if (a->activate) v_gelu(value, &value, &slope);
      v_store(k->value + run->packed + j, value);
      v_store(k->slope + run->packed + j, slope);
      v_store(m + j, v_load(k->dx + run->packed + j));
    }
  }
  const float *dm = k->dx; /* one map alone reads it while it writes dx */
  if (!a->mlp.hidden) dm = memcpy(k->x, k->dx, sizeof *k->x * (size_t)t->points * (size_t)cp);
  simd_map_backward(&k->mlp, t->points, (pno_mask){0}, k->value, cp, dm, k->dx, cp);
  for (ptrdiff_t j = 0; j < (ptrdiff_t)t->points * cp; j += LANES)
    v_store(k->dx + j, v_load(k->dx + j) * v_load(k->slope + j));
}

static void analyse(const back_call *k, const tile *t) {
  const pno_back *a = k->a;
  const ptrdiff_t ks = 2 * (ptrdiff_t)k->cp;
  for (int r = 0; r < t->rows; r++) {
    float *rows = a->rows + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp);
    float *sum = t->whole ? rows : k->rows;
    simd_analyse(&k->adjoint_of_synthesis, t->s, t->first, k->cp, k->dx + r * t->row_floats, &t->packed, sum, ks, k->cp);
    if (!t->whole && t->last) memcpy(rows, sum, sizeof *rows * (size_t)(a->modes.k * ks));
  }
}

/* Of whole rows that lie in memory. */
static void analyse_fft(const back_call *k, const tile *t, const float *d) {
  const pno_back *a = k->a;
  for (int r = 0; t->last && r < t->rows; r++)
    simd_fft_analyse(&k->fft, fft_synthesis(&k->fft), d + r * t->row_floats,
                     a->rows + pno_slab_row_at(a->grid, t->row + r, &a->modes, k->cp));
}

static void copy_to_memory(const back_call *k, const tile *t, float *d) {
  for (int i = 0; i < t->runs; i++)
    memcpy(d + t->run[i].memory, k->dx + t->run[i].packed, sizeof *d * (size_t)t->run[i].n * (size_t)k->cp);
}

static void backward_tile(void *user, const tile *t) {
  back_call *k = user;
  const pno_back *a = k->a;
  const ptrdiff_t memory = pno_row_at(a->grid, k->block, t->row, a->grid->len, k->cp);
  float *d = a->d + memory;
  if (a->linear) {
    const float *pre = a->stage ? (a->mix_channels ? a->m : a->z) + memory : NULL;
    (k->fft.m ? through_linear_fft : through_linear)(k, t, memory);
    if (!a->stage) fetch_input(k, t, memory);
    if (a->gated) through_gate(k, t, memory);
    if (a->stage) (a->activate ? through_gelu : through_nothing)(k, t, pre, d);
    linear_gradients(k, t, memory);
  } else {
    for (int i = 0; i < t->runs; i++)
      memcpy(k->dx + t->run[i].packed, d + t->run[i].memory, sizeof *d * (size_t)t->run[i].n * (size_t)k->cp);
    if (a->activate) through_gelu(k, t, (a->mix_channels ? a->m : a->z) + memory, d);
  }
  if (a->stage && a->mix_channels) through_channels(k, t, memory);
  if (a->stage && !k->fft.m) analyse(k, t);
  if (a->linear || a->activate || a->mix_channels) copy_to_memory(k, t, d);
  if (a->stage && k->fft.m) analyse_fft(k, t, d);
}

static back_call begin(const pno_back *a, int block, float *scratch) {
  const ptrdiff_t cp = pno_padded(a->channels), points = tile_points((int)cp), floats = points * cp;
  float *partial = a->partial + block * pno_back_floats(a);
  back_call k = {.a = a, .block = block, .cp = (int)cp, .adjoint_of_analysis = row_analysis(&a->modes),
                 .adjoint_of_synthesis = row_synthesis(&a->modes)};
  k.fft = row_fft_begin(&a->modes, a->grid, a->channels, &scratch);
  k.skip_t = scratch;
  k.dx = k.skip_t + cp * cp;
  k.x = k.dx + floats;
  k.value = k.x + floats;
  k.slope = k.value + floats;
  k.rows = k.slope + floats;
  k.rest = k.rows + 2 * a->modes.k * cp;
  if (a->linear) {
    k.skip = partial;
    k.bias = k.skip + a->channels * cp;
    k.gate = k.bias + cp;
    partial = k.gate + (a->gated ? cp : 0);
    memset(k.skip, 0, sizeof *k.skip * (size_t)(partial - k.skip));
    simd_transpose(a->channels, a->channels, a->skip, cp, k.skip_t, cp);
  }
  if (a->stage && a->mix_channels) k.mlp = simd_map_begin(&a->mlp, partial, (int)points, &k.rest);
  return k;
}

void simd_layer_backward(const pno_back *a, int block, int count, float *scratch) {
  for (int b = block; b < block + count; b++) {
    back_call k = begin(a, b, scratch);
    simd_tiles(a->grid, b, k.cp, backward_tile, &k);
  }
}
