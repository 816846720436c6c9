#include "io/fields_file.h"

#include <stdlib.h>
#include <string.h>

#include "io/axes_file.h"

enum { RANK_MAX = 3 + PNO_FIELDS_DIMS_MAX, ALL_CHANNELS = -1 };

struct pno_fields_file {
  pno_axes_file base;
  ptrdiff_t samples;
  int n_vars;
  int n[PNO_FIELDS_DIMS_MAX], channels[PNO_FIELDS_VARS_MAX], members[PNO_FIELDS_VARS_MAX];
  int first[PNO_FIELDS_VARS_MAX], last[PNO_FIELDS_VARS_MAX]; /* the axes of a variable: from first to before last */
  hid_t var[PNO_FIELDS_VARS_MAX];
};

static void close_vars(pno_fields_file *f) {
  for (int i = 0; i < PNO_FIELDS_VARS_MAX; i++) pno_h5_close(&f->var[i]);
}

void pno_fields_abandon(pno_fields_file **file) {
  if (!file || !*file) return;
  close_vars(*file);
  pno_axes_file_abandon(&(*file)->base);
  free(*file);
  *file = NULL;
}

static int first_axis(const pno_fields_var *v) { return v->channels ? v->skip : 0; }

static int last_axis(const pno_fields_spec *s, const pno_fields_var *v) { return v->channels ? s->dims : v->over; }

static bool var_is_fine(const pno_fields_spec *s, const pno_fields_var *v) {
  if (v->skip < 0 || v->skip >= s->dims || v->over < 0 || v->over > s->dims) return false;
  bool ok = pno_name_is_safe(v->name) && v->channels >= 0 && v->members >= 0 && v->n_attrs >= 0 &&
            v->n_attrs <= PNO_FIELDS_ATTRS_MAX;
  for (int i = 0; ok && i < v->n_attrs; i++) ok = pno_name_is_safe(v->attr[i].name);
  if (v->channels == 0) return ok && v->members == 0;
  return ok && pno_name_is_safe(v->channel_axis) && strlen(v->channel_axis) < PNO_AXES_NAME;
}

static pno_status check_spec(const pno_fields_spec *s) {
  bool ok = s->samples > 0 && s->dims >= 1 && s->dims <= PNO_FIELDS_DIMS_MAX && s->n_vars >= 1 &&
            s->n_vars <= PNO_FIELDS_VARS_MAX && s->n_notes >= 0 && s->n_notes <= PNO_FIELDS_NOTES_MAX;
  for (int j = 0; ok && j < s->dims; j++) ok = s->n[j] > 0 && (j < 3 || s->axis[j]);
  for (int i = 0; ok && i < s->n_vars; i++) ok = var_is_fine(s, &s->var[i]);
  return ok ? PNO_OK : pno_fail(PNO_E_USAGE, "a file of fields with %td samples of %d dimensions and %d variables",
                                s->samples, s->dims, s->n_vars);
}

static uint64_t file_bytes(const pno_fields_spec *s) {
  uint64_t sum = 65536;
  for (int i = 0; i < s->n_vars; i++) {
    const pno_fields_var *v = &s->var[i];
    uint64_t bytes = v->channels ? (uint64_t)v->channels * sizeof(float) : sizeof(double);
    if (v->members) bytes *= (uint64_t)v->members;
    for (int j = first_axis(v); j < last_axis(s, v); j++) bytes *= (uint64_t)s->n[j];
    sum += (uint64_t)s->samples * bytes;
  }
  return sum;
}

static pno_status add_var(pno_fields_file *f, const pno_fields_spec *s, int k) {
  static const char *const axes[] = {"x", "y", "z"};
  const pno_fields_var *v = &s->var[k];
  hid_t axis[RANK_MAX];
  int rank = 0;
  PNO_TRY(pno_axes_file_axis(&f->base, "sample", s->samples, H5T_NATIVE_INT64, s->sample_ids, &axis[rank++]));
  if (v->members) PNO_TRY(pno_axes_file_axis(&f->base, "member", v->members, -1, NULL, &axis[rank++]));
  if (v->channels) PNO_TRY(pno_axes_file_axis(&f->base, v->channel_axis, v->channels, -1, NULL, &axis[rank++]));
  for (int j = first_axis(v); j < last_axis(s, v); j++) {
    const char *name = s->axis[j] ? s->axis[j] : axes[j];
    PNO_TRY(pno_axes_file_axis(&f->base, name, s->n[j], H5T_NATIVE_DOUBLE, s->coord[j], &axis[rank++]));
  }
  PNO_TRY(pno_axes_file_var(&f->base, v->name, v->channels ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, rank, axis, v->long_name,
                            v->units, &f->var[k]));
  f->channels[k] = v->channels;
  f->members[k] = v->members;
  f->first[k] = first_axis(v);
  f->last[k] = last_axis(s, v);
  for (int i = 0; i < v->n_attrs; i++) PNO_TRY(pno_h5_put_f64(f->var[k], v->attr[i].name, v->attr[i].value));
  return PNO_OK;
}

pno_status pno_fields_create(const char *path, const pno_fields_spec *spec, pno_fields_file **out) {
  PNO_TRY(check_spec(spec));
  PNO_TRY(pno_h5_begin());
  pno_fields_file *f = calloc(1, sizeof *f);
  if (!f) return pno_fail(PNO_E_NOMEM, "no memory for %s", path);
  for (int i = 0; i < PNO_FIELDS_VARS_MAX; i++) f->var[i] = -1;
  f->base.file = -1;
  f->samples = spec->samples;
  f->n_vars = spec->n_vars;
  memcpy(f->n, spec->n, sizeof f->n);
  pno_status st = pno_axes_file_create(path, "pno-fields", file_bytes(spec), spec->n_notes, spec->note, &f->base);
  for (int k = 0; k < spec->n_vars && st == PNO_OK; k++) st = add_var(f, spec, k);
  if (st == PNO_OK)
    *out = f;
  else
    pno_fields_abandon(&f);
  return st;
}

/* What is put: a sample, or one member of it, of one variable. */
typedef struct {
  int var;
  ptrdiff_t sample;
  bool scalar, of_member;
  int member;
} place;

static pno_status check_place(const pno_fields_file *f, place p) {
  const bool exists = p.var >= 0 && p.var < f->n_vars && p.sample >= 0 && p.sample < f->samples;
  const int members = exists ? f->members[p.var] : 0;
  if (exists && p.scalar == (f->channels[p.var] == 0) && p.of_member == (members > 0) &&
      (!p.of_member || (p.member >= 0 && p.member < members)))
    return PNO_OK;
  return pno_fail(PNO_E_INTERNAL, "%s: no variable %d of that kind, no sample %td or no member %d", f->base.path, p.var,
                  p.sample, p.member);
}

/* Selects the place in the file: all channels of it, or one. Returns its rank, and the extents in count. */
static int select_place(const pno_fields_file *f, place p, int channel, hid_t there, hsize_t *count) {
  hsize_t start[RANK_MAX] = {(hsize_t)p.sample};
  int rank = 0;
  count[rank++] = 1;
  if (p.of_member) {
    start[rank] = (hsize_t)p.member;
    count[rank++] = 1;
  }
  if (!p.scalar) {
    start[rank] = channel == ALL_CHANNELS ? 0 : (hsize_t)channel;
    count[rank++] = channel == ALL_CHANNELS ? (hsize_t)f->channels[p.var] : 1;
  }
  for (int j = f->first[p.var]; j < f->last[p.var]; j++) count[rank++] = (hsize_t)f->n[j];
  return H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 ? rank : -1;
}

static pno_status written(const pno_fields_file *f, bool ok, ptrdiff_t sample) {
  return ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: sample %td cannot be written", f->base.temp, sample);
}

static pno_status put(pno_fields_file *f, place p, hid_t type, const void *values) {
  PNO_TRY(check_place(f, p));
  hsize_t count[RANK_MAX];
  hid_t there = H5Dget_space(f->var[p.var]), here = -1;
  const int rank = there >= 0 ? select_place(f, p, ALL_CHANNELS, there, count) : -1;
  if (rank > 0) here = H5Screate_simple(rank, count, NULL);
  const pno_status st =
      written(f, here >= 0 && H5Dwrite(f->var[p.var], type, here, there, H5P_DEFAULT, values) >= 0, p.sample);
  pno_h5_close(&here);
  pno_h5_close(&there);
  return st;
}

/* One channel out of values [points][channels]: HDF5 picks every channels-th value. */
static pno_status put_channel(pno_fields_file *f, place p, int channel, const float *values) {
  hsize_t count[RANK_MAX], points = 1;
  const hsize_t begin = (hsize_t)channel, step = (hsize_t)f->channels[p.var];
  for (int j = f->first[p.var]; j < f->last[p.var]; j++) points *= (hsize_t)f->n[j];
  const hsize_t all = points * step;
  hid_t there = H5Dget_space(f->var[p.var]), here = H5Screate_simple(1, &all, NULL);
  const bool ok = there >= 0 && here >= 0 &&
                  H5Sselect_hyperslab(here, H5S_SELECT_SET, &begin, &step, &points, NULL) >= 0 &&
                  select_place(f, p, channel, there, count) > 0 &&
                  H5Dwrite(f->var[p.var], H5T_NATIVE_FLOAT, here, there, H5P_DEFAULT, values) >= 0;
  const pno_status st = written(f, ok, p.sample);
  pno_h5_close(&here);
  pno_h5_close(&there);
  return st;
}

static pno_status put_last(pno_fields_file *f, place p, const float *values) {
  PNO_TRY(check_place(f, p));
  for (int c = 0; c < f->channels[p.var]; c++) PNO_TRY(put_channel(f, p, c, values));
  return PNO_OK;
}

pno_status pno_fields_put(pno_fields_file *f, int var, ptrdiff_t sample, const float *values) {
  return put(f, (place){.var = var, .sample = sample}, H5T_NATIVE_FLOAT, values);
}

pno_status pno_fields_put_last(pno_fields_file *f, int var, ptrdiff_t sample, const float *values) {
  return put_last(f, (place){.var = var, .sample = sample}, values);
}

pno_status pno_fields_put_member(pno_fields_file *f, int var, ptrdiff_t sample, int member, const float *values) {
  return put(f, (place){.var = var, .sample = sample, .of_member = true, .member = member}, H5T_NATIVE_FLOAT, values);
}

pno_status pno_fields_put_member_last(pno_fields_file *f, int var, ptrdiff_t sample, int member, const float *values) {
  return put_last(f, (place){.var = var, .sample = sample, .of_member = true, .member = member}, values);
}

pno_status pno_fields_put_scalar(pno_fields_file *f, int var, ptrdiff_t sample, double value) {
  const place p = {.var = var, .sample = sample, .scalar = true};
  PNO_TRY(check_place(f, p));
  if (f->last[var] > 0) return pno_fail(PNO_E_INTERNAL, "%s: variable %d has axes", f->base.path, var);
  return put(f, p, H5T_NATIVE_DOUBLE, &value);
}

pno_status pno_fields_put_line(pno_fields_file *f, int var, ptrdiff_t sample, const double *values) {
  return put(f, (place){.var = var, .sample = sample, .scalar = true}, H5T_NATIVE_DOUBLE, values);
}

pno_status pno_fields_commit(pno_fields_file **file) {
  pno_fields_file *f = *file;
  close_vars(f);
  const pno_status st = pno_axes_file_commit(&f->base);
  pno_fields_abandon(file);
  return st;
}
