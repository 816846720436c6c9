#include "io/formats/native.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Every list is visited by increasing name (strcmp), so that the digest knows no order of creation. */
typedef struct {
  hid_t dset; /* owned */
  int rank;
  hsize_t dims[H5S_MAX_RANK];
  size_t values; /* of one trajectory */
} field;

typedef struct {
  pno_digester *d; /* owned */
  pno_status st;
  int n_fields;
  field fields[PNO_FIELDS_MAX];
} content;

static void add_number(pno_digester *d, uint64_t value) { pno_digester_add(d, &value, sizeof value); }

static void add_text(pno_digester *d, const char *text) { pno_digester_add(d, text, strlen(text) + 1); }

/* The numbers of a whole data set as type, 8 bytes each. */
static pno_status add_numbers(pno_digester *d, hid_t dset, hid_t type) {
  hsize_t dims[H5S_MAX_RANK];
  int rank = 0;
  size_t n = 1;
  PNO_TRY(pno_h5_extent(dset, &rank, dims));
  for (int i = 0; i < rank; i++) n *= (size_t)dims[i]; /* the guard has bounded the product */
  add_number(d, n);
  if (n == 0) return PNO_OK;
  void *values = calloc(n, sizeof(double));
  if (!values) return pno_fail(PNO_E_NOMEM, "no memory for %zu numbers", n);
  const bool ok = H5Dread(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  if (ok) pno_digester_add(d, values, n * sizeof(double));
  free(values);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "%zu numbers cannot be read", n);
}

static pno_status add_named(pno_digester *d, hid_t parent, const char *name, hid_t type) {
  hid_t dset = H5Dopen2(parent, name, H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is absent", name);
  add_text(d, name);
  const pno_status st = pno_fail_in(add_numbers(d, dset, type), "%s", name);
  pno_h5_close(&dset);
  return st;
}

static herr_t visit_scalar(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  content *c = user;
  (void)info;
  c->st = add_named(c->d, group, name, H5T_NATIVE_DOUBLE);
  return c->st == PNO_OK ? 0 : 1;
}

static herr_t visit_name(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  content *c = user;
  (void)group;
  (void)info;
  add_text(c->d, name);
  return 0;
}

static pno_status add_field(content *c, hid_t group, const char *name) {
  if (c->n_fields >= PNO_FIELDS_MAX) return pno_fail(PNO_E_INPUT, "more than %d fields", PNO_FIELDS_MAX);
  field *f = &c->fields[c->n_fields];
  f->dset = H5Dopen2(group, name, H5P_DEFAULT);
  if (f->dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is not a data set", name);
  c->n_fields++;
  PNO_TRY(pno_h5_extent(f->dset, &f->rank, f->dims));
  f->values = 1;
  add_text(c->d, name);
  for (int i = 0; i < f->rank; i++) {
    add_number(c->d, f->dims[i]);
    if (i > 0) f->values *= (size_t)f->dims[i];
  }
  return PNO_OK;
}

static herr_t visit_field(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  content *c = user;
  (void)info;
  c->st = add_field(c, group, name);
  return c->st == PNO_OK ? 0 : 1;
}

static pno_status each_in(content *c, hid_t file, const char *name, H5L_iterate_t visit) {
  hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
  if (group < 0) return pno_h5_fail(PNO_E_INPUT, "group %s is absent", name);
  add_text(c->d, name);
  const herr_t e = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, c);
  pno_h5_close(&group);
  if (c->st != PNO_OK) return pno_fail_in(c->st, "%s", name);
  return e < 0 ? pno_h5_fail(PNO_E_INPUT, "group %s cannot be listed", name) : PNO_OK;
}

static pno_status add_view(content *c, hid_t file) {
  pno_sample_view v = {.mode = PNO_MODE_FILE};
  PNO_TRY(pno_native_get_view(file, &v));
  add_text(c->d, pno_sample_mode_name(v.mode));
  for (int i = 0; i < v.n_input; i++) add_text(c->d, v.input[i]);
  add_number(c->d, (uint64_t)v.n_input);
  for (int i = 0; i < v.n_target; i++) add_text(c->d, v.target[i]);
  add_number(c->d, (uint64_t)v.n_target);
  add_number(c->d, (uint64_t)v.frames_in);
  add_number(c->d, (uint64_t)v.frames_out);
  add_number(c->d, (uint64_t)v.stride);
  return PNO_OK;
}

/* Everything but the trajectories. */
static pno_status add_frame(content *c, hid_t file, int64_t *n_samples) {
  int64_t n_spatial = 0;
  PNO_TRY(pno_h5_get_i64(file, "n_trajectories", n_samples));
  PNO_TRY(pno_h5_get_i64(file, "n_spatial_dims", &n_spatial));
  if (n_spatial < 1 || n_spatial > 3)
    return pno_fail(PNO_E_INPUT, "attribute n_spatial_dims is %lld", (long long)n_spatial);
  add_text(c->d, PNO_NATIVE_FORMAT " " PNO_NATIVE_VERSION);
  add_number(c->d, (uint64_t)*n_samples);
  PNO_TRY(add_named(c->d, file, "time", H5T_NATIVE_DOUBLE));
  for (int i = 0; i < (int)n_spatial; i++) PNO_TRY(add_named(c->d, file, pno_native_axes[i], H5T_NATIVE_DOUBLE));
  for (int i = 0; i < PNO_NATIVE_ORDERS; i++) PNO_TRY(each_in(c, file, pno_native_groups[i], visit_field));
  PNO_TRY(each_in(c, file, "scalars", visit_scalar));
  PNO_TRY(each_in(c, file, "boundary_conditions", visit_name));
  PNO_TRY(add_named(c->d, file, "provenance/sample_seed", H5T_NATIVE_UINT64));
  return add_view(c, file);
}

static pno_status read_trajectory(const field *f, hsize_t sample, float *values) {
  hsize_t start[H5S_MAX_RANK] = {sample}, count[H5S_MAX_RANK];
  for (int i = 0; i < f->rank; i++) count[i] = i == 0 ? 1 : f->dims[i];
  const hsize_t n = f->values;
  hid_t from = H5Dget_space(f->dset), to = H5Screate_simple(1, &n, NULL);
  const bool ok = from >= 0 && to >= 0 &&
                  H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                  H5Dread(f->dset, H5T_NATIVE_FLOAT, to, from, H5P_DEFAULT, values) >= 0;
  pno_h5_close(&from);
  pno_h5_close(&to);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "sample %llu cannot be read", (unsigned long long)sample);
}

static pno_status check_trajectory(content *c, hsize_t sample, float *values, const uint64_t said[2]) {
  pno_digester *d = NULL;
  PNO_TRY(pno_digester_create(&d));
  pno_status st = PNO_OK;
  for (int i = 0; st == PNO_OK && i < c->n_fields; i++) {
    st = read_trajectory(&c->fields[i], sample, values);
    if (st == PNO_OK) pno_digester_add(d, values, c->fields[i].values * sizeof *values);
  }
  const pno_digest is = pno_digester_value(d);
  pno_digester_destroy(&d);
  if (st == PNO_OK && (is.high != said[0] || is.low != said[1]))
    return pno_fail(PNO_E_INPUT, "sample %llu: digest mismatch, its values changed", (unsigned long long)sample);
  return st;
}

static pno_status check_trajectories(content *c, hsize_t n, const uint64_t *said) {
  size_t most = 1;
  for (int i = 0; i < c->n_fields; i++) {
    if (c->fields[i].dims[0] != n) return pno_fail(PNO_E_INPUT, "a field without %llu samples", (unsigned long long)n);
    if (c->fields[i].values > most) most = c->fields[i].values;
  }
  float *values = calloc(most, sizeof *values);
  if (!values) return pno_fail(PNO_E_NOMEM, "no memory for the %zu values of a sample", most);
  pno_status st = PNO_OK;
  for (hsize_t i = 0; st == PNO_OK && i < n; i++) st = check_trajectory(c, i, values, said + 2 * i);
  free(values);
  return st;
}

static pno_status add_trajectories(content *c, hid_t file, int64_t n, bool deep) {
  hsize_t dims[H5S_MAX_RANK];
  int rank = 0;
  hid_t dset = H5Dopen2(file, "provenance/sample_digest", H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "provenance/sample_digest is absent");
  uint64_t *said = NULL;
  pno_status st = pno_h5_extent(dset, &rank, dims);
  if (st == PNO_OK && (rank != 2 || n < 0 || dims[0] != (hsize_t)n || dims[1] != 2))
    st = pno_fail(PNO_E_INPUT, "provenance/sample_digest does not fit %lld samples", (long long)n);
  if (st == PNO_OK && !(said = calloc((size_t)n + 1, 2 * sizeof *said)))
    st = pno_fail(PNO_E_NOMEM, "no memory for %lld digests", (long long)n);
  if (st == PNO_OK && n > 0 && H5Dread(dset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, said) < 0)
    st = pno_h5_fail(PNO_E_INPUT, "provenance/sample_digest cannot be read");
  if (st == PNO_OK && deep) st = check_trajectories(c, (hsize_t)n, said);
  if (st == PNO_OK) pno_digester_add(c->d, said, (size_t)n * 2 * sizeof *said);
  free(said);
  pno_h5_close(&dset);
  return st;
}

pno_status pno_native_digest(hid_t file, bool deep, pno_digest *out) {
  content c = {.st = PNO_OK};
  int64_t n = 0;
  PNO_TRY(pno_digester_create(&c.d));
  pno_status st = add_frame(&c, file, &n);
  if (st == PNO_OK) st = add_trajectories(&c, file, n, deep);
  if (st == PNO_OK) *out = pno_digester_value(c.d);
  for (int i = 0; i < c.n_fields; i++) pno_h5_close(&c.fields[i].dset);
  pno_digester_destroy(&c.d);
  return st;
}
