#include "engine/train/operator.h"

#include <stddef.h>
#include <stdlib.h>

#include "engine/train/arrays.h"

pno_status pno_operator_push(pno_operator *o, pno_arena *arena) {
  pno_arena_purpose(arena, "parameters");
  return PNO_PUSH(arena, pno_fno_registry(o->fno)->floats, &o->params);
}

static pno_status take_params(pno_operator *o) {
  pno_arena measure = pno_arena_measure("parameters", PNO_SPACE_HOST);
  PNO_TRY(pno_operator_push(o, &measure));
  PNO_TRY(pno_arena_create("parameters", PNO_SPACE_HOST, measure.peak, &o->memory));
  return pno_operator_push(o, &o->memory);
}

pno_status pno_operator_spec(const pno_fno_spec *spec, const pno_sample_info *info, pno_fno_spec *out) {
  if (spec->dims != info->dims)
    return pno_hint(pno_fail(PNO_E_USAGE, "model.modes has %d values, the data are %d-D", spec->dims, info->dims),
                    "give one number of modes an axis");
  *out = *spec;
  out->in = info->in_channels;
  out->out = info->out_channels;
  return PNO_OK;
}

pno_status pno_operator_create(const pno_fno_spec *spec, const pno_sample_info *info, pno_normalise in,
                               pno_normalise out, uint64_t seed, const pno_kernels *kernels, pno_operator *o) {
  pno_operator made = {.kernels = kernels};
  pno_fno_spec s;
  ptrdiff_t points = 1;
  PNO_TRY(pno_operator_spec(spec, info, &s));
  for (int j = 0; j < info->dims; j++) {
    made.n[j] = info->n[j];
    points *= info->n[j];
  }
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, pno_fno_create(&s, &made.fno), done);
  PNO_TRY_GOTO(st, take_params(&made), done);
  PNO_TRY_GOTO(st, pno_normaliser_create(in, points, s.in, &made.in), done);
  PNO_TRY_GOTO(st, pno_normaliser_create(out, points, s.out, &made.out), done);
  pno_registry_init(pno_fno_registry(made.fno), seed, made.params);
  *o = made;
  made = (pno_operator){0};
done:
  pno_operator_destroy(&made);
  return st;
}

void pno_operator_destroy(pno_operator *o) {
  if (!o) return;
  pno_normaliser_destroy(&o->in);
  pno_normaliser_destroy(&o->out);
  pno_arena_destroy(&o->memory);
  pno_fno_destroy(&o->fno);
}

static pno_affine affine(const pno_normaliser *z, const float *scale) {
  return (pno_affine){.per_point = pno_normaliser_kind(z) == PNO_NORMALISE_POINT,
                      .scale = scale,
                      .shift = pno_normaliser_mean(z)};
}

pno_affine pno_operator_in(const pno_operator *o) { return affine(o->in, pno_normaliser_divisor(o->in)); }

pno_affine pno_operator_out(const pno_operator *o) { return affine(o->out, pno_normaliser_spread(o->out)); }

pno_status pno_operator_fits(const pno_operator *o, const pno_sample_info *info) {
  const pno_fno_spec *s = pno_fno_spec_of(o->fno);
  if (info->dims != s->dims || info->in_channels != s->in || info->out_channels != s->out)
    return pno_fail(PNO_E_SHAPE, "%d-D data with %d to %d channels, the operator is %d-D with %d to %d", info->dims,
                    info->in_channels, info->out_channels, s->dims, s->in, s->out);
  if (pno_normaliser_kind(o->in) != PNO_NORMALISE_POINT && pno_normaliser_kind(o->out) != PNO_NORMALISE_POINT)
    return PNO_OK;
  for (int j = 0; j < s->dims; j++) {
    if (info->n[j] == o->n[j]) continue;
    return pno_hint(pno_fail(PNO_E_SHAPE, "%d points on axis %d, but the normaliser holds one value a point of %d",
                             info->n[j], j, o->n[j]),
                    "train with data.normalize=channel to use other resolutions");
  }
  return PNO_OK;
}

pno_status pno_operator_choose(const pno_operator *o, pno_comm *comm, const pno_sample_info *info) {
  int n[PNO_DIMS_MAX] = {0};
  if (pno_operator_fits(o, info) != PNO_OK) return PNO_OK;
  for (int j = 0; j < info->dims; j++) n[j] = info->n[j];
  return pno_transforms_choose(o->transforms, comm, o->kernels, o->fno, n);
}

/* Scalars of a checkpoint: points of each axis. */
static const char *const axes[PNO_DIMS_MAX] = {"model/n0", "model/n1", "model/n2"};

pno_status pno_operator_describe(const pno_operator *o, pno_checkpoint_meta *meta) {
  const pno_fno_spec *s = pno_fno_spec_of(o->fno);
  PNO_TRY(pno_checkpoint_put_text(meta, "model/flavour", s->flavour == PNO_FLAVOUR_LI ? "li" : s->flavour == PNO_FLAVOUR_PNO ? "pno" : "neuralop"));
  PNO_TRY(pno_checkpoint_put_i64(meta, "model/dims", s->dims));
  PNO_TRY(pno_checkpoint_put_i64(meta, "model/in", s->in));
  PNO_TRY(pno_checkpoint_put_i64(meta, "model/out", s->out));
  for (int j = 0; j < s->dims; j++) PNO_TRY(pno_checkpoint_put_i64(meta, axes[j], o->n[j]));
  return PNO_OK;
}

/* The shape of the samples that a checkpoint's operator was trained on. */
static pno_status read_shape(const pno_checkpoint_meta *meta, pno_sample_info *out) {
  const int64_t most = INT64_MAX >> 24; /* points: with channels and bytes they stay in range */
  int64_t dims = 0, in = 0, channels = 0, n = 0, points = 1;
  PNO_TRY(pno_checkpoint_get_i64(meta, "model/dims", &dims));
  PNO_TRY(pno_checkpoint_get_i64(meta, "model/in", &in));
  PNO_TRY(pno_checkpoint_get_i64(meta, "model/out", &channels));
  if (dims < 1 || dims > PNO_DIMS_MAX || in < 1 || in > INT16_MAX || channels < 1 || channels > INT16_MAX)
    return pno_fail(PNO_E_INPUT, "model of %d dimensions, %d to %d channels", (int)dims, (int)in, (int)channels);
  *out = (pno_sample_info){.dims = (int)dims, .in_channels = (int)in, .out_channels = (int)channels};
  for (int j = 0; j < dims; j++) {
    PNO_TRY(pno_checkpoint_get_i64(meta, axes[j], &n));
    if (n < 1 || n > INT32_MAX || points > most / n) return pno_fail(PNO_E_INPUT, "%s is out of range", axes[j]);
    points *= n;
    out->n[j] = (int)n;
  }
  return PNO_OK;
}

/* What load_values reads into before it is taken over. */
typedef struct {
  pno_array list[PNO_ARRAYS_MAX];
  int n;
  float *norms; /* owned: mean and std of the inputs, then of the targets */
} staging;

static ptrdiff_t norm_floats(const pno_normaliser *z) { return pno_normaliser_rows(z) * pno_normaliser_channels(z); }

static pno_status staging_create(pno_operator *o, staging **out) {
  const ptrdiff_t in = norm_floats(o->in), targets = norm_floats(o->out);
  staging *s = calloc(1, sizeof *s);
  float *norms = calloc(2 * (size_t)(in + targets), sizeof *norms);
  if (!s || !norms) {
    free(s);
    free(norms);
    return pno_fail(PNO_E_NOMEM, "no memory to read an operator");
  }
  s->norms = norms;
  pno_arrays_of_registry(pno_fno_registry(o->fno), PNO_ROLE_PARAM, o->params, s->list, &s->n);
  pno_arrays_of_normaliser(o->in, 'x', norms, norms + in, s->list, &s->n);
  pno_arrays_of_normaliser(o->out, 'y', norms + 2 * in, norms + 2 * in + targets, s->list, &s->n);
  *out = s;
  return PNO_OK;
}

static pno_status take_normaliser(pno_normaliser *z, const float *mean) {
  const ptrdiff_t n = norm_floats(z);
  if (pno_normaliser_kind(z) == PNO_NORMALISE_NONE) return pno_normaliser_finish(z);
  return pno_normaliser_set(z, n, mean, mean + n);
}

/* Parameters and normalisers in one read. Collective. */
static pno_status load_values(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice, pno_operator *o,
                              pno_checkpoint_meta *meta) {
  staging *s = NULL;
  pno_status st = pno_agree(comm, staging_create(o, &s));
  if (st == PNO_OK) st = pno_checkpoint_load(comm, dir, choice, meta, s->list, s->n, NULL);
  if (st == PNO_OK) st = take_normaliser(o->in, s->norms); /* the same values on all ranks */
  if (st == PNO_OK) st = take_normaliser(o->out, s->norms + 2 * norm_floats(o->in));
  if (s) free(s->norms);
  free(s);
  return st;
}

pno_status pno_operator_load(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice,
                             const pno_fno_spec *spec, pno_normalise in, pno_normalise out,
                             const pno_kernels *kernels, pno_operator *o, pno_checkpoint_meta *meta) {
  pno_operator made = {0};
  pno_sample_info info = {0};
  PNO_TRY(pno_checkpoint_load(comm, dir, choice, meta, NULL, 0, NULL));
  const pno_checkpoint_choice same = {.step = meta->step}; /* BEST or LATEST may move meanwhile */
  pno_status st = read_shape(meta, &info); /* the same on all ranks */
  if (st == PNO_OK) st = pno_operator_create(spec, &info, in, out, 0, kernels, &made);
  st = pno_agree(comm, st);
  if (st == PNO_OK) st = load_values(comm, dir, &same, &made, meta);
  if (st == PNO_OK) {
    *o = made;
    made = (pno_operator){0};
  }
  pno_operator_destroy(&made);
  return st;
}
