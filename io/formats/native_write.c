#include "io/formats/native_write.h"

#include "io/formats/native.h"
#include "io/moments.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A chunk holds at least this many bytes, several frames or trajectories if need be, and at most that many. */
static const hsize_t chunk_least = (hsize_t)64 << 10, chunk_most = (hsize_t)4 << 20;

typedef struct {
  int rank;
  hsize_t dims[6]; /* trajectory, time, x, y, z, component */
  hid_t dset;      /* owned, -1: none */
  pno_moments moments[3], delta[3]; /* of each component, and of its differences between frames */
} field;

typedef struct {
  const pno_dataset_spec *spec;
  field fields[PNO_FIELDS_MAX];
  int sorted[PNO_FIELDS_MAX]; /* fields by (order, name), as the digest takes them */
  float *values;              /* of one trajectory, owned */
  uint64_t *digests, *seeds;  /* [n_samples][2], [n_samples], owned */
} content;

bool pno_native_has_time(const pno_dataset_spec *spec, int i) {
  return spec->n_times == 1 || spec->fields[i].time_varying;
}

ptrdiff_t pno_native_field_values(const pno_dataset_spec *spec, int i) {
  ptrdiff_t n = pno_native_has_time(spec, i) ? spec->n_times : 1;
  for (int k = 0; k < spec->n_spatial; k++) n *= spec->n[k];
  return spec->fields[i].order == 1 ? n * spec->n_spatial : n;
}

pno_status pno_native_create(const char *path, hid_t *file) {
  hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  const bool ok =
      creation >= 0 && access >= 0 && H5Pset_obj_track_times(creation, false) >= 0 &&
      H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
      H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0; /* after a full disk single objects may refuse to close */
  const hid_t id = ok ? H5Fcreate(path, H5F_ACC_TRUNC, creation, access) : -1;
  pno_h5_close(&access);
  pno_h5_close(&creation);
  if (id < 0) return pno_h5_fail(PNO_E_IO, "%s: cannot be created", path);
  *file = id;
  return PNO_OK;
}

static field shape_of(const pno_dataset_spec *spec, int i) {
  field f = {.rank = 1, .dims = {(hsize_t)spec->n_samples}, .dset = -1};
  if (pno_native_has_time(spec, i)) f.dims[f.rank++] = (hsize_t)spec->n_times;
  for (int k = 0; k < spec->n_spatial; k++) f.dims[f.rank++] = (hsize_t)spec->n[k];
  if (spec->fields[i].order == 1) f.dims[f.rank++] = (hsize_t)spec->n_spatial;
  return f;
}

/* One frame, cut along its first axes where it is too large, or several frames and then trajectories. */
static void choose_chunk(const field *f, bool timed, hsize_t *chunk) {
  const int frame = timed ? 2 : 1;
  hsize_t bytes = sizeof(float);
  for (int i = 0; i < f->rank; i++) {
    chunk[i] = i < frame ? 1 : f->dims[i];
    bytes *= chunk[i];
  }
  for (int i = frame; i < f->rank && bytes > chunk_most; i++) {
    bytes /= chunk[i];
    const hsize_t fit = chunk_most / bytes;
    chunk[i] = fit < 1 ? 1 : fit < chunk[i] ? fit : chunk[i];
    bytes *= chunk[i];
  }
  for (int i = frame - 1; i >= 0 && bytes < chunk_least; i--) {
    const hsize_t want = (chunk_least + bytes - 1) / bytes;
    chunk[i] = want < f->dims[i] ? want : f->dims[i];
    bytes *= chunk[i];
  }
}

static hid_t field_properties(const pno_dataset_spec *spec, const field *f, bool timed) {
  hsize_t chunk[6];
  choose_chunk(f, timed, chunk);
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  bool ok = plist >= 0 && H5Pset_obj_track_times(plist, false) >= 0 &&
            H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER) >= 0 && H5Pset_chunk(plist, f->rank, chunk) >= 0;
  if (spec->compress) ok = ok && H5Pset_shuffle(plist) >= 0 && H5Pset_deflate(plist, 1) >= 0;
  ok = ok && H5Pset_fletcher32(plist) >= 0;
  if (!ok) pno_h5_close(&plist);
  return plist;
}

static bool attach_scales(const pno_dataset_spec *spec, const field *f, bool timed, const pno_native_scales *s) {
  unsigned at = 0;
  bool ok = H5DSattach_scale(f->dset, s->trajectory, at++) >= 0;
  if (timed) ok = ok && H5DSattach_scale(f->dset, s->time, at++) >= 0;
  for (int i = 0; i < spec->n_spatial; i++) ok = ok && H5DSattach_scale(f->dset, s->axis[i], at++) >= 0;
  if ((int)at < f->rank) ok = ok && H5DSattach_scale(f->dset, s->component, at) >= 0;
  return ok;
}

static pno_status create_field(hid_t group, content *c, int i, const pno_native_scales *scales) {
  const pno_dataset_spec *spec = c->spec;
  const char *name = spec->fields[i].name;
  const bool timed = pno_native_has_time(spec, i), yes[3] = {true, true, true};
  field *f = &c->fields[i];
  hid_t space = H5Screate_simple(f->rank, f->dims, NULL), plist = field_properties(spec, f, timed);
  if (space >= 0 && plist >= 0) f->dset = H5Dcreate2(group, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  pno_h5_close(&plist);
  pno_h5_close(&space);
  if (f->dset < 0 || !attach_scales(spec, f, timed, scales))
    return pno_h5_fail(PNO_E_IO, "field %s cannot be created", name);
  PNO_TRY(pno_h5_put_bools(f->dset, "dim_varying", spec->n_spatial, yes));
  return pno_native_put_varying(f->dset, true, timed); /* The Well: time_varying is having the axis */
}

/* The Well wants the groups of all three orders, empty or not. */
static pno_status create_group(hid_t file, content *c, int order, const pno_native_scales *scales) {
  static const char *const names[3] = {"t0_fields", "t1_fields", "t2_fields"};
  const char *fields[PNO_FIELDS_MAX];
  int n = 0;
  hid_t group = -1;
  PNO_TRY(pno_h5_group(file, names[order], &group));
  pno_status st = PNO_OK;
  for (int i = 0; st == PNO_OK && i < c->spec->n_fields; i++) {
    if (c->spec->fields[i].order != order) continue;
    fields[n++] = c->spec->fields[i].name;
    st = create_field(group, c, i, scales);
  }
  if (st == PNO_OK) st = pno_h5_put_wordlist(group, "field_names", n, fields);
  pno_h5_close(&group);
  return st;
}

static void sort_fields(content *c) {
  const pno_field_spec *f = c->spec->fields;
  for (int i = 0; i < c->spec->n_fields; i++) {
    int k = i;
    for (; k > 0; k--) {
      const pno_field_spec *before = &f[c->sorted[k - 1]];
      if (before->order < f[i].order || (before->order == f[i].order && strcmp(before->name, f[i].name) < 0)) break;
      c->sorted[k] = c->sorted[k - 1];
    }
    c->sorted[k] = i;
  }
}

static pno_status put_field(const field *f, ptrdiff_t sample, const float *values) {
  const hsize_t start[6] = {(hsize_t)sample};
  hsize_t count[6];
  for (int i = 0; i < f->rank; i++) count[i] = i == 0 ? 1 : f->dims[i];
  hid_t to = H5Dget_space(f->dset), from = H5Screate_simple(f->rank, count, NULL);
  const bool ok = to >= 0 && from >= 0 && H5Sselect_hyperslab(to, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                  H5Dwrite(f->dset, H5T_NATIVE_FLOAT, from, to, H5P_DEFAULT, values) >= 0;
  pno_h5_close(&from);
  pno_h5_close(&to);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "cannot be written");
}

/* Samples come in their order, whoever computed them, so that the statistics have the same bits on any number of
 * ranks. */
static void add_statistics(field *f, const pno_dataset_spec *spec, int i, const float *values) {
  const ptrdiff_t components = spec->fields[i].order == 1 ? spec->n_spatial : 1;
  const ptrdiff_t n = pno_native_field_values(spec, i) / components;
  const ptrdiff_t frame = pno_native_has_time(spec, i) ? n / spec->n_times : n;
  for (ptrdiff_t k = 0; k < components; k++) {
    pno_moments_add(&f->moments[k], values + k, n, components);
    pno_moments_add_delta(&f->delta[k], values + k, frame * components, n - frame, components);
  }
}

static pno_status put_statistics(const field *f, const pno_dataset_spec *spec, int i) {
  const int components = spec->fields[i].order == 1 ? spec->n_spatial : 1;
  double v[PNO_STATISTICS][3];
  for (int k = 0; k < components; k++) {
    const pno_moments *m = &f->moments[k], *d = &f->delta[k];
    const double all[PNO_STATISTICS] = {m->mean, pno_moments_std(m), pno_moments_rms(m), m->least, m->most,
                                        d->mean, pno_moments_std(d), pno_moments_rms(d)};
    for (int s = 0; s < PNO_STATISTICS; s++) v[s][k] = all[s];
  }
  const int written = f->delta[0].count > 0 ? PNO_STATISTICS : PNO_STATISTICS_ALWAYS;
  for (int s = 0; s < written; s++)
    PNO_TRY(pno_h5_put_f64s(f->dset, pno_native_statistics[s], spec->fields[i].order == 1 ? components : -1, v[s]));
  return PNO_OK;
}

static pno_status put_sample(content *c, ptrdiff_t sample) {
  const pno_dataset_spec *spec = c->spec;
  const float *at[PNO_FIELDS_MAX], *next = c->values;
  for (int i = 0; i < spec->n_fields; i++) {
    const ptrdiff_t n = pno_native_field_values(spec, i);
    at[i] = next;
    next += n;
    for (ptrdiff_t k = 0; k < n; k++)
      if (!isfinite(at[i][k]))
        return pno_fail(PNO_E_DIVERGED, "field %s is not finite at value %td", spec->fields[i].name, k);
    PNO_TRY(pno_fail_in(put_field(&c->fields[i], sample, at[i]), "field %s", spec->fields[i].name));
    add_statistics(&c->fields[i], spec, i, at[i]);
  }
  pno_digester *d = NULL;
  PNO_TRY(pno_digester_create(&d));
  for (int i = 0; i < spec->n_fields; i++)
    pno_digester_add(d, at[c->sorted[i]], (size_t)pno_native_field_values(spec, c->sorted[i]) * sizeof(float));
  const pno_digest digest = pno_digester_value(d);
  pno_digester_destroy(&d);
  c->digests[2 * sample] = digest.high;
  c->digests[2 * sample + 1] = digest.low;
  c->seeds[sample] = spec->sample_seed ? spec->sample_seed[sample] : (uint64_t)sample;
  return PNO_OK;
}

static pno_status put_numbers(hid_t group, const char *name, int rank, const hsize_t *dims, const uint64_t *values,
                              const hid_t *scales) {
  hid_t dset = -1;
  PNO_TRY(pno_h5_put_data(group, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, rank, dims, values, &dset));
  bool ok = true;
  for (int i = 0; i < rank; i++) ok = ok && H5DSattach_scale(dset, scales[i], (unsigned)i) >= 0;
  pno_h5_close(&dset);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "provenance/%s: no dimension", name);
}

static pno_status put_provenance(hid_t file, const content *c, hid_t trajectory) {
  const hsize_t dims[2] = {(hsize_t)c->spec->n_samples, 2};
  const uint64_t halves[2] = {0, 1};
  hid_t group = -1, scales[2] = {trajectory, -1};
  PNO_TRY(pno_h5_group(file, "provenance", &group));
  pno_status st = pno_h5_put_data(group, "half", H5T_STD_U64LE, H5T_NATIVE_UINT64, 1, &dims[1], halves, &scales[1]);
  if (st == PNO_OK && H5DSset_scale(scales[1], "half") < 0) st = pno_h5_fail(PNO_E_IO, "provenance/half: not a scale");
  if (st == PNO_OK) st = put_numbers(group, "sample_seed", 1, dims, c->seeds, scales);
  if (st == PNO_OK) st = put_numbers(group, "sample_digest", 2, dims, c->digests, scales);
  pno_h5_close(&scales[1]);
  pno_h5_close(&group);
  return st;
}

static pno_status fill(hid_t file, content *c, const pno_native_scales *scales, pno_dataset_source *source,
                       void *user) {
  const ptrdiff_t n = pno_dataset_spec_values(c->spec);
  c->values = calloc((size_t)n, sizeof *c->values);
  c->digests = calloc((size_t)c->spec->n_samples, 2 * sizeof *c->digests);
  c->seeds = calloc((size_t)c->spec->n_samples, sizeof *c->seeds);
  if (!c->values || !c->digests || !c->seeds)
    return pno_fail(PNO_E_NOMEM, "no memory for the %td values of a sample", n);
  for (int order = 0; order < 3; order++) PNO_TRY(create_group(file, c, order, scales));
  for (ptrdiff_t i = 0; i < c->spec->n_samples; i++) {
    PNO_TRY(source(user, i, c->values, n));
    PNO_TRY(pno_fail_in(put_sample(c, i), "sample %td", i));
  }
  for (int i = 0; i < c->spec->n_fields; i++) PNO_TRY(put_statistics(&c->fields[i], c->spec, i));
  return put_provenance(file, c, scales->trajectory);
}

pno_status pno_native_put_content(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales,
                                  pno_dataset_source *source, void *user) {
  content c = {.spec = spec};
  for (int i = 0; i < PNO_FIELDS_MAX; i++) c.fields[i].dset = -1;
  for (int i = 0; i < spec->n_fields; i++) c.fields[i] = shape_of(spec, i);
  sort_fields(&c);
  const pno_status st = fill(file, &c, scales, source, user);
  for (int i = 0; i < PNO_FIELDS_MAX; i++) pno_h5_close(&c.fields[i].dset);
  free(c.values);
  free(c.digests);
  free(c.seeds);
  return st;
}
