#include "io/h5.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool library_ok;

static void prepare_library(void) {
  /* H5dont_atexit: after a failed write HDF5 1.10.8 crashes in its own exit handler. Loading state 0: a file cannot
   * make us open a plugin. */
  H5dont_atexit();
  library_ok = H5open() >= 0 && H5PLset_loading_state(0) >= 0;
}

pno_status pno_h5_begin(void) {
  static _Thread_local bool silent;
  pthread_once(&once, prepare_library);
  if (!library_ok) return pno_fail(PNO_E_INTERNAL, "HDF5 does not start");
  if (!silent) silent = H5Eset_auto2(H5E_DEFAULT, NULL, NULL) >= 0;
  return PNO_OK;
}

static herr_t keep_innermost(unsigned n, const H5E_error2_t *e, void *user) {
  char *text = user;
  (void)n; /* H5E_WALK_UPWARD starts with the innermost */
  snprintf(text, 256, "%s", e->desc ? e->desc : "");
  return 1;
}

pno_status pno_h5_fail(pno_status code, const char *fmt, ...) {
  char ours[768], theirs[256] = "";
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(ours, sizeof ours, fmt, ap);
  va_end(ap);
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, theirs);
  H5Eclear2(H5E_DEFAULT);
  return theirs[0] ? pno_fail(code, "%s (HDF5: %s)", ours, theirs) : pno_fail(code, "%s", ours);
}

void pno_h5_close(hid_t *id) {
  if (*id >= 0) H5Idec_ref(*id);
  *id = -1;
}

pno_status pno_h5_extent(hid_t dset, int *rank, hsize_t *dims) {
  hid_t space = H5Dget_space(dset);
  const int r = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dims, NULL);
  pno_h5_close(&space);
  if (r < 0) return pno_h5_fail(PNO_E_INPUT, "a data set without extents");
  *rank = r;
  return PNO_OK;
}

bool pno_h5_has_attr(hid_t object, const char *name) { return H5Aexists(object, name) > 0; }

bool pno_h5_has_link(hid_t group, const char *name) { return H5Lexists(group, name, H5P_DEFAULT) > 0; }

/* Opens an attribute of fixed-length strings, or of n >= 1 of them, and gives the length of one with its end. */
static pno_status open_text(hid_t object, const char *name, hid_t *attr, size_t *length, hssize_t *n) {
  hid_t a = H5Aopen(object, name, H5P_DEFAULT);
  if (a < 0) return pno_h5_fail(PNO_E_INPUT, "attribute %s is absent", name);
  hid_t type = H5Aget_type(a), space = H5Aget_space(a);
  const bool fixed = type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
  *length = fixed ? H5Tget_size(type) + 1 : 0;
  *n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  pno_h5_close(&type);
  pno_h5_close(&space);
  if (fixed && *n >= 1) {
    *attr = a;
    return PNO_OK;
  }
  pno_h5_close(&a);
  return pno_fail(PNO_E_INPUT, "attribute %s is not a string of fixed length", name);
}

static pno_status text_type(size_t bytes, hid_t *out) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0 || H5Tset_size(type, bytes) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
    pno_h5_close(&type);
    return pno_h5_fail(PNO_E_IO, "no string type of %zu bytes", bytes);
  }
  *out = type;
  return PNO_OK;
}

pno_status pno_h5_get_names(hid_t object, const char *name, char *out, size_t cap, int max, int *n) {
  hid_t attr = -1, type = -1;
  size_t length = 0;
  hssize_t count = 0;
  PNO_TRY(open_text(object, name, &attr, &length, &count));
  pno_status st = PNO_OK;
  if (length > cap || count > max)
    st = pno_fail(PNO_E_INPUT, "attribute %s holds %lld strings of %zu bytes, at most %d of %zu are read", name,
                  (long long)count, length - 1, max, cap - 1);
  /* Reading into strings of cap bytes pads with zeros, so every one of them ends. */
  H5T_cset_t set = H5T_CSET_UTF8;
  hid_t file_type = H5Aget_type(attr);
  if (file_type >= 0) set = H5Tget_cset(file_type);
  pno_h5_close(&file_type);
  if (st == PNO_OK) st = text_type(cap, &type);
  if (st == PNO_OK && (H5Tset_cset(type, set) < 0 || H5Aread(attr, type, out) < 0))
    st = pno_h5_fail(PNO_E_INPUT, "attribute %s cannot be read", name);
  if (st == PNO_OK) {
    for (hssize_t i = 0; i < count; i++) out[(size_t)i * cap + cap - 1] = '\0';
    *n = (int)count;
  }
  pno_h5_close(&type);
  pno_h5_close(&attr);
  return st;
}

pno_status pno_h5_get_text(hid_t object, const char *name, char *out, size_t cap) {
  int n = 0;
  return pno_h5_get_names(object, name, out, cap, 1, &n);
}

/* n numbers of a class, read as type. what: of the words of a failure. */
static pno_status get_numbers(hid_t object, const char *name, H5T_class_t class, hid_t type, int n, const char *what,
                              void *out) {
  hid_t attr = H5Aopen(object, name, H5P_DEFAULT);
  if (attr < 0) return pno_h5_fail(PNO_E_INPUT, "attribute %s is absent", name);
  hid_t file_type = H5Aget_type(attr), space = H5Aget_space(attr);
  const bool ok = H5Tget_class(file_type) == class && H5Sget_simple_extent_npoints(space) == n &&
                  H5Aread(attr, type, out) >= 0;
  pno_h5_close(&space);
  pno_h5_close(&file_type);
  pno_h5_close(&attr);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "attribute %s is not %s", name, what);
}

pno_status pno_h5_get_i64(hid_t object, const char *name, int64_t *out) {
  int64_t value = 0;
  PNO_TRY(get_numbers(object, name, H5T_INTEGER, H5T_NATIVE_INT64, 1, "one integer", &value));
  *out = value;
  return PNO_OK;
}

pno_status pno_h5_get_u64(hid_t object, const char *name, uint64_t *out) {
  uint64_t value = 0;
  PNO_TRY(get_numbers(object, name, H5T_INTEGER, H5T_NATIVE_UINT64, 1, "one integer", &value));
  *out = value;
  return PNO_OK;
}

pno_status pno_h5_get_f64s(hid_t object, const char *name, int n, double *out) {
  return get_numbers(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, n, "as many numbers as expected", out);
}

pno_status pno_h5_get_bool(hid_t object, const char *name, bool *out) {
  hid_t attr = H5Aopen(object, name, H5P_DEFAULT);
  if (attr < 0) return pno_h5_fail(PNO_E_INPUT, "attribute %s is absent", name);
  hid_t type = H5Aget_type(attr), space = H5Aget_space(attr);
  const H5T_class_t class = H5Tget_class(type);
  const bool fits = (class == H5T_ENUM || class == H5T_INTEGER) && H5Tget_size(type) == 1 &&
                    H5Sget_simple_extent_npoints(space) == 1;
  int8_t value = 0;
  const bool ok = fits && H5Aread(attr, type, &value) >= 0;
  pno_h5_close(&space);
  pno_h5_close(&type);
  pno_h5_close(&attr);
  if (!ok) return pno_h5_fail(PNO_E_INPUT, "attribute %s is not one Boolean", name);
  *out = value != 0;
  return PNO_OK;
}

/* n < 0: one scalar. */
static pno_status put(hid_t object, const char *name, hid_t file_type, hid_t mem_type, int n, const void *values) {
  const hsize_t dims = n < 0 ? 1 : (hsize_t)n;
  hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dims, NULL);
  hid_t attr = space < 0 ? -1 : H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool ok = attr >= 0 && (n == 0 || H5Awrite(attr, mem_type, values) >= 0);
  pno_h5_close(&attr);
  pno_h5_close(&space);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "attribute %s cannot be written", name);
}

pno_status pno_h5_put_text(hid_t object, const char *name, const char *text) {
  hid_t type = -1;
  PNO_TRY(text_type(strlen(text) + 1, &type));
  const pno_status st = put(object, name, type, type, -1, text);
  pno_h5_close(&type);
  return st;
}

pno_status pno_h5_put_words(hid_t object, const char *name, const char *text) {
  hid_t type = -1;
  PNO_TRY(text_type(H5T_VARIABLE, &type));
  const pno_status st = put(object, name, type, type, -1, &text);
  pno_h5_close(&type);
  return st;
}

pno_status pno_h5_put_wordlist(hid_t object, const char *name, int n, const char *const *names) {
  hid_t type = -1;
  PNO_TRY(text_type(H5T_VARIABLE, &type));
  const pno_status st = put(object, name, type, type, n, names);
  pno_h5_close(&type);
  return st;
}

pno_status pno_h5_put_names(hid_t object, const char *name, int n, const char *const *names) {
  size_t cap = 1;
  for (int i = 0; i < n; i++)
    if (strlen(names[i]) + 1 > cap) cap = strlen(names[i]) + 1;
  char *flat = calloc((size_t)(n > 0 ? n : 1), cap);
  if (!flat) return pno_fail(PNO_E_NOMEM, "no memory for the %d strings of attribute %s", n, name);
  for (int i = 0; i < n; i++) memcpy(flat + (size_t)i * cap, names[i], strlen(names[i]));
  hid_t type = -1;
  pno_status st = text_type(cap, &type);
  if (st == PNO_OK) st = put(object, name, type, type, n, flat);
  pno_h5_close(&type);
  free(flat);
  return st;
}

pno_status pno_h5_put_i64(hid_t object, const char *name, int64_t value) {
  return put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, -1, &value);
}

pno_status pno_h5_put_u64(hid_t object, const char *name, uint64_t value) {
  return put(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, -1, &value);
}

pno_status pno_h5_put_f64(hid_t object, const char *name, double value) {
  return put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, -1, &value);
}

pno_status pno_h5_put_f64s(hid_t object, const char *name, int n, const double *values) {
  return put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, n, values);
}

pno_status pno_h5_bool_type(hid_t *out) {
  const int8_t no = 0, yes = 1;
  hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  if (type < 0 || H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0) {
    pno_h5_close(&type);
    return pno_h5_fail(PNO_E_IO, "no Boolean type");
  }
  *out = type;
  return PNO_OK;
}

pno_status pno_h5_put_bools(hid_t object, const char *name, int n, const bool *values) {
  int8_t bytes[H5S_MAX_RANK];
  if (n > H5S_MAX_RANK) return pno_fail(PNO_E_INTERNAL, "attribute %s: %d Booleans", name, n);
  for (int i = 0; i < (n < 0 ? 1 : n); i++) bytes[i] = values[i] ? 1 : 0;
  hid_t type = -1;
  PNO_TRY(pno_h5_bool_type(&type));
  const pno_status st = put(object, name, type, type, n, bytes);
  pno_h5_close(&type);
  return st;
}

pno_status pno_h5_group(hid_t parent, const char *name, hid_t *out) {
  hid_t plist = H5Pcreate(H5P_GROUP_CREATE), group = -1;
  if (plist >= 0 && H5Pset_obj_track_times(plist, false) >= 0 &&
      H5Pset_link_creation_order(plist, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0)
    group = H5Gcreate2(parent, name, H5P_DEFAULT, plist, H5P_DEFAULT);
  pno_h5_close(&plist);
  if (group < 0) return pno_h5_fail(PNO_E_IO, "group %s cannot be created", name);
  *out = group;
  return PNO_OK;
}

pno_status pno_h5_put_data(hid_t parent, const char *name, hid_t file_type, hid_t mem_type, int rank,
                           const hsize_t *dims, const void *values, hid_t *out) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE), dset = -1;
  hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
  if (plist >= 0 && space >= 0 && H5Pset_obj_track_times(plist, false) >= 0 &&
      H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER) >= 0)
    dset = H5Dcreate2(parent, name, file_type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  const bool ok = dset >= 0 && H5Dwrite(dset, mem_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  pno_h5_close(&plist);
  pno_h5_close(&space);
  if (!ok) {
    pno_h5_close(&dset);
    return pno_h5_fail(PNO_E_IO, "data set %s cannot be written", name);
  }
  if (out)
    *out = dset;
  else
    pno_h5_close(&dset);
  return PNO_OK;
}
