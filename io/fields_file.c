#include "io/fields_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/fsutil.h"
#include "io/h5_image.h"

enum { AXIS_SAMPLE = 0, SCALES_MAX = 2 + PNO_FIELDS_DIMS_MAX + PNO_FIELDS_VARS_MAX, NAME_BYTES = 64 };

typedef struct {
  char name[NAME_BYTES];
  hid_t id;
} scale;

struct pno_fields_file {
  char path[PNO_PATH_MAX], temp[PNO_PATH_MAX];
  ptrdiff_t samples;
  int dims, n_vars;
  int n[PNO_FIELDS_DIMS_MAX], channels[PNO_FIELDS_VARS_MAX];
  hid_t file, var[PNO_FIELDS_VARS_MAX];
  scale scales[SCALES_MAX];
  int n_scales;
};

static void close_file(pno_fields_file *f) {
  for (int i = 0; i < PNO_FIELDS_VARS_MAX; i++) pno_h5_close(&f->var[i]);
  for (int i = 0; i < f->n_scales; i++) pno_h5_close(&f->scales[i].id);
  f->n_scales = 0;
}

void pno_fields_abandon(pno_fields_file **file) {
  if (!file || !*file) return;
  pno_fields_file *f = *file;
  close_file(f);
  pno_h5_close(&f->file);
  if (f->temp[0]) unlink(f->temp);
  free(f);
  *file = NULL;
}

static pno_status check_spec(const pno_fields_spec *s) {
  bool ok = s->samples > 0 && s->dims >= 1 && s->dims <= PNO_FIELDS_DIMS_MAX && s->n_vars >= 1 &&
            s->n_vars <= PNO_FIELDS_VARS_MAX && s->n_notes >= 0 && s->n_notes <= PNO_FIELDS_NOTES_MAX;
  for (int j = 0; ok && j < s->dims; j++) ok = s->n[j] > 0;
  for (int i = 0; ok && i < s->n_vars; i++)
    ok = pno_name_is_safe(s->var[i].name) && s->var[i].channels >= 0 &&
         (s->var[i].channels == 0 || (pno_name_is_safe(s->var[i].channel_axis) &&
                                      strlen(s->var[i].channel_axis) < NAME_BYTES));
  return ok ? PNO_OK : pno_fail(PNO_E_USAGE, "a file of fields with %td samples of %d dimensions and %d variables",
                                s->samples, s->dims, s->n_vars);
}

static uint64_t file_bytes(const pno_fields_spec *s) {
  uint64_t points = 1, sum = 65536;
  for (int j = 0; j < s->dims; j++) points *= (uint64_t)s->n[j];
  for (int i = 0; i < s->n_vars; i++)
    sum += (uint64_t)s->samples * (s->var[i].channels ? (uint64_t)s->var[i].channels * points * sizeof(float) : 8);
  return sum;
}

/* HDF5 writes to the disk itself here, so look for room first; a full disk later is an error all the same. */
static pno_status check_room(const char *path, uint64_t bytes) {
  struct statvfs s;
  char dir[PNO_PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  if (statvfs(dir, &s) != 0 || s.f_blocks == 0) return PNO_OK;
  const uint64_t room = (uint64_t)s.f_bavail * s.f_frsize;
  if (room > bytes) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_IO, "%s: %" PRIu64 " bytes needed, %" PRIu64 " are free", path, bytes, room),
                  "predict fewer samples, or write to another file system");
}

static pno_status open_temp(pno_fields_file *f) {
  PNO_TRY(pno_file_claim(f->temp)); /* our own open first: it never follows a link, and the permissions are ours */
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
  if (access >= 0 && creation >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_obj_track_times(creation, false) >= 0 &&
      H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0)
    f->file = H5Fcreate(f->temp, H5F_ACC_TRUNC, creation, access);
  const pno_status st = f->file >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s cannot be created", f->temp);
  pno_h5_close(&access);
  pno_h5_close(&creation);
  return st;
}

/* The scale of this name, made with values if it does not exist yet. values NULL: 0, 1, .. */
static pno_status get_scale(pno_fields_file *f, const char *name, ptrdiff_t n, hid_t type, const void *values,
                            hid_t *out) {
  for (int i = 0; i < f->n_scales; i++) {
    if (strcmp(f->scales[i].name, name) != 0) continue;
    int rank = 0;
    hsize_t have[H5S_MAX_RANK] = {0};
    PNO_TRY(pno_h5_extent(f->scales[i].id, &rank, have));
    if (have[0] != (hsize_t)n) return pno_fail(PNO_E_USAGE, "axis %s has two lengths, %td is one", name, n);
    *out = f->scales[i].id;
    return PNO_OK;
  }
  int64_t *count = values ? NULL : malloc((size_t)n * sizeof *count);
  if (!values && !count) return pno_fail(PNO_E_NOMEM, "no memory for axis %s of %td points", name, n);
  for (ptrdiff_t i = 0; i < n && count; i++) count[i] = i;
  const hsize_t dims = (hsize_t)n;
  hid_t id = -1;
  const hid_t file_type = !count && H5Tequal(type, H5T_NATIVE_DOUBLE) > 0 ? H5T_IEEE_F64LE : H5T_STD_I64LE;
  pno_status st = pno_h5_put_data(f->file, name, file_type, count ? H5T_NATIVE_INT64 : type, 1, &dims,
                                  count ? (const void *)count : values, &id);
  free(count);
  if (st == PNO_OK) st = pno_h5_scale(id, name);
  if (st != PNO_OK) {
    pno_h5_close(&id);
    return st;
  }
  snprintf(f->scales[f->n_scales].name, NAME_BYTES, "%s", name);
  f->scales[f->n_scales++].id = *out = id;
  return PNO_OK;
}

static pno_status make_var(pno_fields_file *f, int rank, const hsize_t *dims, const pno_fields_var *v, hid_t *out) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(rank, dims, NULL), id = -1;
  if (plist >= 0 && space >= 0 && H5Pset_obj_track_times(plist, false) >= 0)
    id = H5Dcreate2(f->file, v->name, v->channels ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, space, H5P_DEFAULT, plist,
                    H5P_DEFAULT);
  const pno_status st = id >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: no variable %s", f->temp, v->name);
  pno_h5_close(&plist);
  pno_h5_close(&space);
  PNO_TRY(st);
  *out = id;
  return v->long_name ? pno_h5_put_text(id, "long_name", v->long_name) : PNO_OK;
}

static pno_status add_var(pno_fields_file *f, const pno_fields_spec *s, int k) {
  static const char *const axes[] = {"x", "y", "z"};
  const pno_fields_var *v = &s->var[k];
  hsize_t dims[2 + PNO_FIELDS_DIMS_MAX] = {(hsize_t)s->samples};
  hid_t scales[2 + PNO_FIELDS_DIMS_MAX];
  int rank = 1;
  PNO_TRY(get_scale(f, "sample", s->samples, H5T_NATIVE_INT64, s->sample_ids, &scales[AXIS_SAMPLE]));
  if (v->channels) {
    PNO_TRY(get_scale(f, v->channel_axis, v->channels, -1, NULL, &scales[rank]));
    dims[rank++] = (hsize_t)v->channels;
  }
  for (int j = 0; v->channels && j < s->dims; j++) {
    const char *name = s->axis[j] ? s->axis[j] : axes[j];
    PNO_TRY(get_scale(f, name, s->n[j], H5T_NATIVE_DOUBLE, s->coord[j], &scales[rank]));
    dims[rank++] = (hsize_t)s->n[j];
  }
  PNO_TRY(make_var(f, rank, dims, v, &f->var[k]));
  f->channels[k] = v->channels;
  for (int j = 0; j < rank; j++) PNO_TRY(pno_h5_attach(f->var[k], scales[j], j));
  return PNO_OK;
}

static pno_status fill(pno_fields_file *f, const pno_fields_spec *s) {
  PNO_TRY(open_temp(f));
  PNO_TRY(pno_h5_put_text(f->file, "format", "pno-fields"));
  PNO_TRY(pno_h5_put_text(f->file, "format_version", "1.0"));
  PNO_TRY(pno_h5_put_text(f->file, "Conventions", "CF-1.8"));
  for (int i = 0; i < s->n_notes; i++) PNO_TRY(pno_h5_put_text(f->file, s->note[i][0], s->note[i][1]));
  for (int k = 0; k < s->n_vars; k++) PNO_TRY(add_var(f, s, k));
  return PNO_OK;
}

pno_status pno_fields_create(const char *path, const pno_fields_spec *spec, pno_fields_file **out) {
  PNO_TRY(check_spec(spec));
  PNO_TRY(check_room(path, file_bytes(spec)));
  PNO_TRY(pno_h5_begin());
  pno_fields_file *f = calloc(1, sizeof *f);
  if (!f) return pno_fail(PNO_E_NOMEM, "no memory for %s", path);
  f->file = -1;
  for (int i = 0; i < PNO_FIELDS_VARS_MAX; i++) f->var[i] = -1;
  f->samples = spec->samples;
  f->dims = spec->dims;
  f->n_vars = spec->n_vars;
  memcpy(f->n, spec->n, sizeof f->n);
  pno_status st = PNO_OK;
  if (snprintf(f->path, sizeof f->path, "%s", path) >= (int)sizeof f->path - 4)
    st = pno_fail(PNO_E_USAGE, "the path %.64s... is too long", path);
  else
    snprintf(f->temp, sizeof f->temp, "%.*s.tmp", PNO_PATH_MAX - 5, path);
  if (st == PNO_OK) st = fill(f, spec);
  if (st == PNO_OK)
    *out = f;
  else
    pno_fields_abandon(&f);
  return st;
}

static pno_status check_place(const pno_fields_file *f, int var, ptrdiff_t sample, bool scalar) {
  if (var < 0 || var >= f->n_vars || sample < 0 || sample >= f->samples || scalar != (f->channels[var] == 0))
    return pno_fail(PNO_E_INTERNAL, "%s: no variable %d of that kind, or no sample %td", f->path, var, sample);
  return PNO_OK;
}

static pno_status put(pno_fields_file *f, int var, ptrdiff_t sample, hid_t type, const void *values, bool scalar) {
  PNO_TRY(check_place(f, var, sample, scalar));
  hsize_t start[2 + PNO_FIELDS_DIMS_MAX] = {(hsize_t)sample}, count[2 + PNO_FIELDS_DIMS_MAX] = {1};
  int rank = 1;
  if (!scalar) count[rank++] = (hsize_t)f->channels[var];
  for (int j = 0; !scalar && j < f->dims; j++) count[rank++] = (hsize_t)f->n[j];
  hid_t there = H5Dget_space(f->var[var]), here = H5Screate_simple(rank, count, NULL);
  const bool ok = there >= 0 && here >= 0 &&
                  H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                  H5Dwrite(f->var[var], type, here, there, H5P_DEFAULT, values) >= 0;
  const pno_status st = ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: sample %td cannot be written", f->temp, sample);
  pno_h5_close(&here);
  pno_h5_close(&there);
  return st;
}

pno_status pno_fields_put(pno_fields_file *f, int var, ptrdiff_t sample, const float *values) {
  return put(f, var, sample, H5T_NATIVE_FLOAT, values, false);
}

/* One channel out of values [points][channels]: HDF5 picks every channels-th value. */
static pno_status put_channel(pno_fields_file *f, int var, ptrdiff_t sample, int channel, const float *values) {
  hsize_t start[2 + PNO_FIELDS_DIMS_MAX] = {(hsize_t)sample, (hsize_t)channel};
  hsize_t count[2 + PNO_FIELDS_DIMS_MAX] = {1, 1}, points = 1;
  const hsize_t first = (hsize_t)channel, step = (hsize_t)f->channels[var];
  for (int j = 0; j < f->dims; j++) points *= count[2 + j] = (hsize_t)f->n[j];
  const hsize_t all = points * step;
  hid_t there = H5Dget_space(f->var[var]), here = H5Screate_simple(1, &all, NULL);
  const bool ok = there >= 0 && here >= 0 &&
                  H5Sselect_hyperslab(here, H5S_SELECT_SET, &first, &step, &points, NULL) >= 0 &&
                  H5Sselect_hyperslab(there, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                  H5Dwrite(f->var[var], H5T_NATIVE_FLOAT, here, there, H5P_DEFAULT, values) >= 0;
  const pno_status st = ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: sample %td cannot be written", f->temp, sample);
  pno_h5_close(&here);
  pno_h5_close(&there);
  return st;
}

pno_status pno_fields_put_last(pno_fields_file *f, int var, ptrdiff_t sample, const float *values) {
  PNO_TRY(check_place(f, var, sample, false));
  for (int c = 0; c < f->channels[var]; c++) PNO_TRY(put_channel(f, var, sample, c, values));
  return PNO_OK;
}

pno_status pno_fields_put_scalar(pno_fields_file *f, int var, ptrdiff_t sample, double value) {
  return put(f, var, sample, H5T_NATIVE_DOUBLE, &value, true);
}

pno_status pno_fields_commit(pno_fields_file **file) {
  pno_fields_file *f = *file;
  close_file(f);
  const herr_t closed = H5Fclose(f->file);
  f->file = -1;
  pno_status st = closed >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s cannot be completed", f->temp);
  if (st == PNO_OK) {
    st = pno_file_settle(f->temp, f->path);
    f->temp[0] = '\0'; /* not ours any more */
  }
  pno_fields_abandon(file);
  return st;
}
