#include "io/axes_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void close_all(pno_axes_file *f) {
  for (int i = 0; i < f->n_axes; i++) pno_h5_close(&f->axis[i].id);
  f->n_axes = 0;
}

void pno_axes_file_abandon(pno_axes_file *f) {
  close_all(f);
  pno_h5_close(&f->file);
  if (f->temp[0]) unlink(f->temp);
  f->temp[0] = '\0';
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
                  "write fewer samples or members, or to another file system");
}

static pno_status open_temp(pno_axes_file *f) {
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

static pno_status begin(pno_axes_file *f, const char *format, int n_notes, const char *const (*note)[2]) {
  PNO_TRY(open_temp(f));
  PNO_TRY(pno_h5_put_text(f->file, "format", format));
  PNO_TRY(pno_h5_put_text(f->file, "format_version", "1.0"));
  PNO_TRY(pno_h5_put_text(f->file, "Conventions", "CF-1.8"));
  for (int i = 0; i < n_notes; i++) PNO_TRY(pno_h5_put_text(f->file, note[i][0], note[i][1]));
  return PNO_OK;
}

pno_status pno_axes_file_create(const char *path, const char *format, uint64_t bytes, int n_notes,
                                const char *const (*note)[2], pno_axes_file *f) {
  if (strlen(path) >= PNO_PATH_MAX - 4) return pno_fail(PNO_E_USAGE, "the path %.64s... is too long", path);
  PNO_TRY(check_room(path, bytes));
  f->file = -1;
  f->n_axes = 0;
  snprintf(f->path, sizeof f->path, "%s", path);
  snprintf(f->temp, sizeof f->temp, "%.*s.tmp", PNO_PATH_MAX - 5, path);
  const pno_status st = begin(f, format, n_notes, note);
  if (st != PNO_OK) pno_axes_file_abandon(f);
  return st;
}

static pno_status same_length(hid_t id, const char *name, ptrdiff_t n) {
  int rank = 0;
  hsize_t have[H5S_MAX_RANK] = {0};
  PNO_TRY(pno_h5_extent(id, &rank, have));
  return have[0] == (hsize_t)n ? PNO_OK : pno_fail(PNO_E_USAGE, "axis %s has two lengths, %td is one", name, n);
}

static pno_status check_free(const pno_axes_file *f, const char *name) {
  return pno_h5_has_link(f->file, name) ? pno_fail(PNO_E_USAGE, "%s: two things are called %s", f->path, name) : PNO_OK;
}

pno_status pno_axes_file_axis(pno_axes_file *f, const char *name, ptrdiff_t n, hid_t type, const void *values,
                              hid_t *out) {
  for (int i = 0; i < f->n_axes; i++) {
    if (strcmp(f->axis[i].name, name) != 0) continue;
    PNO_TRY(same_length(f->axis[i].id, name, n));
    *out = f->axis[i].id;
    return PNO_OK;
  }
  if (f->n_axes == PNO_AXES_MAX || strlen(name) >= PNO_AXES_NAME)
    return pno_fail(PNO_E_USAGE, "%s: axis %s is one more than %d, or its name is too long", f->path, name, PNO_AXES_MAX);
  PNO_TRY(check_free(f, name));
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
  snprintf(f->axis[f->n_axes].name, PNO_AXES_NAME, "%s", name);
  f->axis[f->n_axes++].id = *out = id;
  return PNO_OK;
}

static pno_status dims_of(const hid_t *axes, int rank, hsize_t *dims) {
  for (int j = 0; j < rank; j++) {
    int one = 0;
    hsize_t n[H5S_MAX_RANK] = {0};
    PNO_TRY(pno_h5_extent(axes[j], &one, n));
    dims[j] = n[0];
  }
  return PNO_OK;
}

static pno_status label(hid_t id, const hid_t *axes, int rank, const char *long_name, const char *units) {
  if (long_name) PNO_TRY(pno_h5_put_text(id, "long_name", long_name));
  if (units) PNO_TRY(pno_h5_put_text(id, "units", units));
  for (int j = 0; j < rank; j++) PNO_TRY(pno_h5_attach(id, axes[j], j));
  return PNO_OK;
}

pno_status pno_axes_file_var(pno_axes_file *f, const char *name, hid_t file_type, int rank, const hid_t *axes,
                             const char *long_name, const char *units, hid_t *out) {
  hsize_t dims[PNO_AXES_RANK] = {0};
  PNO_TRY(check_free(f, name));
  PNO_TRY(dims_of(axes, rank, dims));
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE), id = -1;
  hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  if (plist >= 0 && space >= 0 && H5Pset_obj_track_times(plist, false) >= 0)
    id = H5Dcreate2(f->file, name, file_type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  pno_status st = id >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: no variable %s", f->temp, name);
  pno_h5_close(&plist);
  pno_h5_close(&space);
  if (st == PNO_OK) st = label(id, axes, rank, long_name, units);
  if (st == PNO_OK)
    *out = id;
  else
    pno_h5_close(&id);
  return st;
}

pno_status pno_axes_file_commit(pno_axes_file *f) {
  close_all(f);
  const herr_t closed = H5Fclose(f->file);
  f->file = -1;
  pno_status st = closed >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s cannot be completed", f->temp);
  if (st == PNO_OK) {
    st = pno_file_settle(f->temp, f->path);
    f->temp[0] = '\0'; /* not ours any more */
  }
  pno_axes_file_abandon(f);
  return st;
}
