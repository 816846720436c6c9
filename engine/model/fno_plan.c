#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/fno_loss.h"
#include "engine/model/row_fft.h"
#include "kernels/dropout.h"

static const double two_pi = 6.283185307179586476925286766559;

/* The kept modes of axis j on n points: count, first frequency, first stored mode (operators: both references cut the
 * stored weights like this when the grid is too small for them). */
static pno_status kept_modes(const pno_fno *f, int j, int n, int *count, int *frequency, int *stored) {
  const int last = j == f->spec.dims - 1, m = f->stored[j];
  if (f->spec.flavour == PNO_FLAVOUR_LI) {
    if (f->spec.modes[j] > n / 2)
      return pno_hint(pno_fail(PNO_E_SHAPE, "model.modes: %d on axis %d of %d points; flavour li allows at most n/2 = %d",
                               f->spec.modes[j], j, n, n / 2),
                      "lower model.modes or use data of a finer grid");
    *count = m;
    *frequency = last ? 0 : -f->spec.modes[j];
    *stored = 0;
    return PNO_OK;
  }
  const int most = last ? n / 2 + 1 : n;
  *count = m < most ? m : most;
  *frequency = last ? 0 : -(*count / 2);
  *stored = last ? 0 : (m - *count) / 2;
  return PNO_OK;
}

/* cos and sin of 2 pi f y / n, reduced exactly in integers first. */
static void angle(int f, int y, int n, double *c, double *s) {
  const long long turn = ((long long)f * y % n + n) % n;
  *c = cos(two_pi * (double)turn / n);
  *s = sin(two_pi * (double)turn / n);
}

static pno_status make_axis(pno_fno_plan *p, pno_arena *arena, int j, int frequency) {
  const int n = p->grid.n[j], k = p->kept[j];
  float *cosine, *sine;
  PNO_TRY(PNO_PUSH(arena, (size_t)k * (size_t)n, &cosine));
  PNO_TRY(PNO_PUSH(arena, (size_t)k * (size_t)n, &sine));
  float *packed;
  PNO_TRY(PNO_PUSH(arena, p->use.kernels->pack_axis_floats(n, k, frequency), &packed));
  p->axis[j] = (pno_axis){.n = n, .k = k, .first = frequency, .cosine = cosine, .sine = sine, .packed = packed};
  if (arena->measuring) return PNO_OK;
  for (int i = 0; i < k; i++) {
    for (int y = 0; y < n; y++) {
      double c, s;
      angle(frequency + i, y, n, &c, &s);
      cosine[(ptrdiff_t)i * n + y] = (float)c;
      sine[(ptrdiff_t)i * n + y] = (float)s;
    }
  }
  p->use.kernels->pack_axis(&p->axis[j], packed);
  return PNO_OK;
}

/* Row spectra of a slab lie a line further apart than they are long, lest a column of them fall into the same sets of
 * the cache. In one dimension they are the spectra themselves. */
static ptrdiff_t row_stride(const pno_fno_plan *p, int k) {
  const ptrdiff_t floats = 2 * (ptrdiff_t)k * pno_padded(p->fno->spec.width);
  return p->grid.dims > 1 ? floats + PNO_LANES : floats;
}

/* Factors of mode i of n points on the way to the spectrum and back: modes 0 and n/2 count once. */
static void row_factors(bool li, double points, int i, int n, double *in, double *out) {
  const double twice = i == 0 || 2 * i == n ? 1.0 : 2.0;
  *in = li ? 1.0 : 1.0 / points;
  *out = twice * (li ? 1.0 / points : 1.0);
}

/* All that an FFT needs in place of tables. */
static pno_status make_weights(pno_fno_plan *p, pno_arena *arena, double points) {
  const int n = p->grid.len, k = p->kept[p->grid.dims - 1];
  float *weights;
  PNO_TRY(PNO_PUSH(arena, 2 * (size_t)k, &weights));
  p->row = (pno_row_modes){.n = n, .k = k, .stride = row_stride(p, k), .fft = p->use.fft, .weights = weights};
  for (int i = 0; !arena->measuring && i < k; i++) {
    double in, out;
    row_factors(p->fno->spec.flavour == PNO_FLAVOUR_LI, points, i, n, &in, &out);
    weights[i] = (float)in;
    weights[k + i] = (float)out;
  }
  return PNO_OK;
}

static pno_status make_row(pno_fno_plan *p, pno_arena *arena) {
  const int j = p->grid.dims - 1, n = p->grid.n[j], k = p->kept[j];
  const double points = (double)pno_grid_points(&p->grid);
  const bool li = p->fno->spec.flavour == PNO_FLAVOUR_LI;
  if (p->use.fft) return make_weights(p, arena, points);
  float *analysis, *synthesis;
  PNO_TRY(PNO_PUSH(arena, 2 * (size_t)k * (size_t)n, &analysis));
  PNO_TRY(PNO_PUSH(arena, 2 * (size_t)k * (size_t)n, &synthesis));
  float *packed;
  PNO_TRY(PNO_PUSH(arena, p->use.kernels->pack_row_floats(n, k), &packed));
  p->row = (pno_row_modes){.n = n, .k = k, .stride = row_stride(p, k), .analysis = analysis, .synthesis = synthesis, .packed = packed};
  if (arena->measuring) return PNO_OK;
  for (int i = 0; i < k; i++) {
    double in, out;
    row_factors(li, points, i, n, &in, &out);
    for (int y = 0; y < n; y++) {
      double c, s;
      angle(i, y, n, &c, &s);
      if (i == 0 || 2 * i == n) s = 0.0; /* the imaginary part of modes 0 and n/2 does not count */
      const ptrdiff_t at = 2 * (ptrdiff_t)i * n + y;
      analysis[at] = (float)(in * c);
      analysis[at + n] = (float)(-in * s);
      synthesis[at] = (float)(out * c);
      synthesis[at + n] = (float)(-out * s);
    }
  }
  p->use.kernels->pack_row(&p->row, packed);
  return PNO_OK;
}

/* Coordinates in [0, 1]: neuralop leaves the end out, li and pno take it in. */
static pno_status make_coordinates(pno_fno_plan *p, pno_arena *arena) {
  const bool end = p->fno->spec.flavour != PNO_FLAVOUR_NEURALOP;
  for (int j = 0; j < p->grid.dims; j++) {
    const int n = p->grid.inner[j], steps = end && n > 1 ? n - 1 : n;
    PNO_TRY(PNO_PUSH(arena, n, &p->coordinate[j]));
    if (arena->measuring) continue;
    for (int i = 0; i < n; i++) p->coordinate[j][i] = (float)((double)i / steps);
  }
  return PNO_OK;
}

static pno_status make_tables(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno *f = p->fno;
  const int dims = f->spec.dims;
  int frequency[PNO_DIMS_MAX], first[PNO_DIMS_MAX];
  p->modes = 1;
  for (int j = 0; j < dims; j++) {
    PNO_TRY(kept_modes(f, j, p->grid.n[j], &p->kept[j], &frequency[j], &first[j]));
    p->modes *= p->kept[j];
  }
  for (int j = 0; j < dims - 1; j++) PNO_TRY(make_axis(p, arena, j, frequency[j]));
  PNO_TRY(make_row(p, arena));
  PNO_TRY(make_coordinates(p, arena));
  PNO_TRY(PNO_PUSH(arena, p->modes, &p->stored));
  if (arena->measuring) return PNO_OK;
  for (int k = 0; k < p->modes; k++) {
    int rest = k, stride = 1, at = 0;
    for (int j = dims - 1; j >= 0; j--) {
      at += (first[j] + rest % p->kept[j]) * stride;
      rest /= p->kept[j];
      stride *= f->stored[j];
    }
    p->stored[k] = at;
  }
  return PNO_OK;
}

static int larger(int a, int b) { return a > b ? a : b; }

static ptrdiff_t map_floats(const fno_map *m) {
  return pno_mlp_floats(&(pno_mlp){.in = m->in, .hidden = m->hidden, .out = m->out});
}

/* Floats of the largest partial gradient of a block. */
static ptrdiff_t widest_partial(const pno_fno *f) {
  const ptrdiff_t cp = pno_padded(f->spec.width);
  const ptrdiff_t maps[3] = {map_floats(&f->lift), map_floats(&f->head[0]) * (f->spec.heads == 2 ? 2 : 1),
                             f->spec.width * cp + 2 * cp + (f->spec.mlp_hidden ? map_floats(&f->mlp[0]) : 0)};
  ptrdiff_t most = 0;
  for (int i = 0; i < 3; i++) most = maps[i] > most ? maps[i] : most;
  return most;
}

/* Kept for backward: the pre-activations of each layer (of the last only with a channel MLP, which needs them again),
 * and the output of a lift that is too dear to be made again. */
static pno_status make_activations(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno_spec *s = &p->fno->spec;
  const size_t floats = (size_t)p->passes * (size_t)pno_grid_points(&p->grid) * (size_t)pno_padded(s->width);
  pno_arena_purpose(arena, "activations passed on");
  PNO_TRY(PNO_PUSH(arena, floats, &p->x));
  p->x0 = s->lift_hidden ? p->x : NULL;
  if (!p->use.train) return PNO_OK;
  pno_arena_purpose(arena, "activations kept");
  if (s->lift_hidden) PNO_TRY(PNO_PUSH(arena, floats, &p->x0));
  p->streams = sizeof(float) * floats * (size_t)s->layers > 2 * PNO_CACHE_BYTES;
  for (int l = 0; l < s->layers; l++) {
    if (l < s->layers - 1 || s->mlp_hidden) PNO_TRY(PNO_PUSH(arena, floats, &p->z[l]));
    if (s->mlp_hidden) PNO_TRY(PNO_PUSH(arena, floats, &p->m[l]));
  }
  return PNO_OK;
}

static pno_status make_spectra(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno_spec *s = &p->fno->spec;
  const size_t vector = 2 * (size_t)pno_padded(s->width), samples = (size_t)p->passes;
  p->stride = (ptrdiff_t)vector * p->modes + PNO_LANES;
  for (int l = 0; l < s->layers; l++) {
    p->input_modes[l] = p->input_modes[0];
    if (l == 0 || p->use.train) PNO_TRY(PNO_PUSH(arena, samples * (size_t)p->stride, &p->input_modes[l]));
  }
  PNO_TRY(PNO_PUSH(arena, samples * (size_t)p->stride, &p->output_modes));
  if (s->dims > 2)
    PNO_TRY(PNO_PUSH(arena, vector * (size_t)p->grid.n[0] * (size_t)p->kept[1] * (size_t)p->row.k, &p->between));
  for (int t = 0; s->dims > 1 && t < p->threads; t++)
    PNO_TRY(PNO_PUSH(arena, (size_t)p->row.stride * (size_t)p->grid.slab_rows, &p->rows[t]));
  return PNO_OK;
}

/* A bit for each element of the hidden layers that dropout may zero. */
static pno_status make_bits(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno_spec *s = &p->fno->spec;
  const size_t places = (size_t)p->passes * (size_t)pno_grid_data_points(&p->grid);
  if (!p->use.train || p->use.dropout == 0) return PNO_OK;
  if (s->lift_hidden) PNO_TRY(PNO_PUSH(arena, places * (size_t)pno_dropout_blocks(s->lift_hidden) + PNO_LANES, &p->lift_bits));
  for (int i = 0; i < (s->heads == 2 ? 2 : 1); i++)
    PNO_TRY(PNO_PUSH(arena, places * (size_t)pno_dropout_blocks(s->head_hidden) + PNO_LANES, &p->head_bits[i]));
  return PNO_OK;
}

/* What losses of draws and two heads take beside the fields of a deterministic operator. */
static pno_status make_draws(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno_spec *s = &p->fno->spec;
  const size_t points = (size_t)pno_grid_data_points(&p->grid), field = points * (size_t)s->out;
  const size_t samples = (size_t)p->use.samples, draws = p->use.draws > 1 ? (size_t)p->use.draws : 1;
  const size_t norm = 2 * (p->use.norm_out.per_point ? field : (size_t)s->out);
  if (s->heads == 2) {
    PNO_TRY(PNO_PUSH(arena, norm, &p->head_scale));
    PNO_TRY(PNO_PUSH(arena, norm, &p->head_shift));
    PNO_TRY(PNO_PUSH(arena, 2 * samples * field, &p->heads));
    if (p->use.train) PNO_TRY(PNO_PUSH(arena, 2 * samples * field, &p->dheads));
    if (p->use.train) PNO_TRY(PNO_PUSH(arena, samples * draws * field, &p->normals));
  }
  if (!p->use.train || p->use.loss < PNO_LOSS_H1) return PNO_OK;
  PNO_TRY(PNO_PUSH(arena, samples * draws * field, &p->dy));
  return PNO_PUSH(arena, samples * (size_t)fno_loss_terms(&p->use, s->heads, (ptrdiff_t)points, s->out), &p->terms);
}

static pno_status make_rest(pno_fno_plan *p, pno_arena *arena) {
  const pno_fno_spec *s = &p->fno->spec;
  const size_t passes = (size_t)p->passes, blocks = passes * (size_t)p->grid.blocks;
  const size_t field = passes * (size_t)pno_grid_data_points(&p->grid) * (size_t)s->out;
  const int widest = larger(larger(larger(s->width, s->mlp_hidden), larger(s->lift_hidden, s->head_hidden)),
                            larger(larger(p->fno->lift.in, s->out), p->use.head_out));
  pno_arena_purpose(arena, "fields and losses");
  PNO_TRY(PNO_PUSH(arena, field, &p->error));
  PNO_TRY(PNO_PUSH(arena, 2 * blocks, &p->sums));
  PNO_TRY(PNO_PUSH(arena, passes, &p->scale));
  PNO_TRY(make_draws(p, arena));
  PNO_TRY(make_bits(p, arena));
  pno_arena_purpose(arena, "scratch of threads");
  const ptrdiff_t fft = p->use.fft ? p->use.kernels->fft_floats(&p->grid, s->width) : 0;
  for (int t = 0; t < p->threads; t++)
    PNO_TRY(PNO_PUSH(arena, p->use.kernels->scratch_floats(&p->grid, widest) + fft, &p->scratch[t]));
  if (!p->use.train) return PNO_OK;
  pno_arena_purpose(arena, "partial gradients");
  PNO_TRY(PNO_PUSH(arena, blocks * (size_t)widest_partial(p->fno), &p->partial));
  return PNO_PUSH(arena, blocks * (size_t)widest_partial(p->fno), &p->second);
}

static pno_status make_all(pno_fno_plan *p, pno_arena *arena) {
  pno_arena_purpose(arena, "tables");
  PNO_TRY(make_tables(p, arena));
  PNO_TRY(make_activations(p, arena));
  pno_arena_purpose(arena, "spectra");
  PNO_TRY(make_spectra(p, arena));
  return make_rest(p, arena);
}

static pno_grid padded_grid(const pno_fno *f, const int *n) {
  int lo[PNO_DIMS_MAX] = {0}, whole[PNO_DIMS_MAX] = {0};
  for (int j = 0; j < f->spec.dims; j++) {
    if (f->spec.flavour == PNO_FLAVOUR_LI) {
      whole[j] = n[j] + (int)lround(f->spec.padding[j]);
    } else {
      lo[j] = (int)lrint(f->spec.padding[j] * n[j]); /* to even at .5, as Python's round */
      whole[j] = n[j] + 2 * lo[j];
    }
  }
  return pno_grid_make(f->spec.dims, whole, lo, n);
}

pno_status pno_row_shape_of(const pno_fno *f, const int n[PNO_DIMS_MAX], pno_row_shape *out) {
  const pno_grid g = padded_grid(f, n);
  int k = 0, frequency, stored;
  PNO_TRY(kept_modes(f, g.dims - 1, g.len, &k, &frequency, &stored));
  *out = (pno_row_shape){.n = g.len, .k = k, .channels = f->spec.width};
  return PNO_OK;
}

static pno_status check_use(const pno_fno *f, const pno_fno_use *use) {
  for (int j = 0; j < f->spec.dims; j++)
    if (use->n[j] < 1) return pno_fail(PNO_E_SHAPE, "a grid of %d points on axis %d", use->n[j], j);
  if (use->samples < 1 || use->micro < 1)
    return pno_fail(PNO_E_USAGE, "a plan for %d samples in micro-batches of %d", use->samples, use->micro);
  enum { DRAWS_MAX = 1000 }; /* their pairs and passes stay in range */
  if (use->draws < 0 || use->draws > DRAWS_MAX) return pno_fail(PNO_E_USAGE, "%d draws, 1 to %d work", use->draws, DRAWS_MAX);
  if (!(use->dropout >= 0 && use->dropout <= 0.99 && use->fourier_dropout >= 0 && use->fourier_dropout <= 0.99))
    return pno_fail(PNO_E_USAGE, "dropout of %g and %g, 0 to 0.99 work", use->dropout, use->fourier_dropout);
  const bool of_draws = use->loss > PNO_LOSS_H1, two = f->spec.heads == 2;
  if (use->train && !of_draws && (use->draws > 1 || two))
    return pno_fail(PNO_E_USAGE, "a loss of one field cannot train %s", two ? "a mean and a scale head" : "several draws");
  if (use->train && use->loss == PNO_LOSS_NLL && !two && use->draws < 2)
    return pno_fail(PNO_E_USAGE, "the likelihood of draws needs two of them at least");
  return PNO_OK;
}

/* storage: with memory of its own, else p->arena is the measuring pass. */
static pno_status plan_make(const pno_fno *f, const pno_fno_use *use, bool storage, pno_fno_plan **out) {
  PNO_TRY(check_use(f, use));
  assert(!use->fft || use->kernels->fft_floats(&(pno_grid){.len = use->fft->n}, 1) > 0);
  pno_fno_plan *p = calloc(1, sizeof *p);
  if (!p) return pno_fail(PNO_E_NOMEM, "no memory for a plan");
  pno_status st = PNO_OK;
  p->fno = f;
  p->use = *use;
  p->draws = use->draws > 1 && f->spec.heads != 2 ? use->draws : 1;
  p->passes = use->samples * p->draws;
  p->micro = use->micro * p->draws;
  p->threads = use->threads < 1 ? 1 : use->threads > PNO_THREADS_MAX ? PNO_THREADS_MAX : use->threads;
  p->grid = padded_grid(f, use->n);
  assert(!use->fft || use->fft->n == p->grid.len);
  p->arena = pno_arena_measure("model plan", PNO_SPACE_HOST);
  PNO_TRY_GOTO(st, make_all(p, &p->arena), done);
  if (storage) {
    PNO_TRY_GOTO(st, pno_arena_create("model plan", PNO_SPACE_HOST, p->arena.peak, &p->arena), done);
    PNO_TRY_GOTO(st, make_all(p, &p->arena), done);
  }
  *out = p;
  p = NULL;
done:
  pno_fno_plan_destroy(&p);
  return st;
}

pno_status pno_fno_plan_create(const pno_fno *f, const pno_fno_use *use, pno_fno_plan **out) {
  return plan_make(f, use, true, out);
}

pno_status pno_fno_plan_measure(const pno_fno *f, const pno_fno_use *use, pno_fno_plan **out) {
  return plan_make(f, use, false, out);
}

static pno_status bytes_of(const pno_fno *f, pno_fno_use use, int samples, size_t *bytes) {
  pno_fno_plan *p = NULL;
  use.samples = samples;
  PNO_TRY(pno_fno_plan_measure(f, &use, &p));
  *bytes = pno_fno_plan_bytes(p);
  pno_fno_plan_destroy(&p);
  return PNO_OK;
}

/* A call streams the weights once for all its samples, forwards and backwards, and reads and writes their gradients. */
pno_status pno_fno_call_samples(const pno_fno *f, const pno_fno_use *use, int most, int *out) {
  const int micro = use->micro, micros = most > micro ? (most - 1) / micro + 1 : 1;
  size_t one, two;
  int fit = 1;
  PNO_TRY(bytes_of(f, *use, micro, &one));
  if (micros > 1 && bytes_of(f, *use, 2 * micro, &two) == PNO_OK) {
    const size_t each = two - one, weights = 4 * sizeof(float) * (size_t)f->registry.floats;
    const size_t worth = weights / 3 * 2; /* activations past the cache cost less than weights streamed again */
    const size_t wanted = (worth > PNO_CACHE_BYTES ? worth + each - 1 : PNO_CACHE_BYTES) / each;
    const size_t room = one < PNO_CALL_BYTES ? 1 + (PNO_CALL_BYTES - one) / each : 1;
    const size_t micros_a_call = wanted < 1 ? 1 : wanted < room ? wanted : room;
    fit = micros_a_call < (size_t)micros ? (int)micros_a_call : micros;
  }
  const int calls = (micros + fit - 1) / fit;
  *out = (micros + calls - 1) / calls * micro;
  return PNO_OK;
}

void pno_fno_plan_destroy(pno_fno_plan **p) {
  if (!p || !*p) return;
  pno_arena_destroy(&(*p)->arena);
  free(*p);
  *p = NULL;
}

size_t pno_fno_plan_bytes(const pno_fno_plan *p) { return p->arena.peak; }

const pno_arena *pno_fno_plan_memory(const pno_fno_plan *p) { return &p->arena; }

const pno_grid *pno_fno_plan_grid(const pno_fno_plan *p) { return &p->grid; }
