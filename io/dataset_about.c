#include "io/dataset_about.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/formats/format.h"
#include "io/formats/native.h"
#include "io/fsutil.h"
#include "io/guard.h"

/* ---- numbers ---- */

/* All values of a data set as doubles, in a new block. */
static pno_status read_numbers(hid_t dset, ptrdiff_t *n, double **out) {
  hsize_t dims[H5S_MAX_RANK], all = 1;
  int rank = 0;
  PNO_TRY(pno_h5_extent(dset, &rank, dims));
  for (int i = 0; i < rank; i++) all *= dims[i]; /* the guard has bounded the product */
  double *values = calloc((size_t)all + 1, sizeof *values);
  if (!values) return pno_fail(PNO_E_NOMEM, "no memory for %llu numbers", (unsigned long long)all);
  if (all > 0 && H5Dread(dset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    free(values);
    return pno_h5_fail(PNO_E_INPUT, "numbers that cannot be read");
  }
  *n = (ptrdiff_t)all;
  *out = values;
  return PNO_OK;
}

static pno_status read_line(hid_t file, const char *name, ptrdiff_t *n, double **out) {
  hid_t dset = pno_h5_has_link(file, name) ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "coordinate %s is absent", name);
  pno_status st = pno_fail_in(read_numbers(dset, n, out), "%s", name);
  pno_h5_close(&dset);
  if (st == PNO_OK && (*n < 1 || *n > INT_MAX)) {
    st = pno_fail(PNO_E_INPUT, "coordinate %s has %td points", name, *n);
    free(*out);
    *out = NULL;
  }
  return st;
}

/* ---- root ---- */

static pno_status get_text(hid_t file, const char *name, char *out) {
  return pno_h5_has_attr(file, name) ? pno_h5_get_text(file, name, out, PNO_ABOUT_TEXT) : PNO_OK;
}

static pno_status read_root(hid_t file, pno_dataset_about *a) {
  int64_t trajectories = 0, n_spatial = 0;
  char points[PNO_ABOUT_TEXT] = "";
  PNO_TRY(get_text(file, "generator", a->generator));
  PNO_TRY(get_text(file, "equation", a->equation));
  PNO_TRY(get_text(file, "solver", a->solver));
  PNO_TRY(get_text(file, "split", a->split));
  PNO_TRY(get_text(file, "points", points));
  a->centres = strcmp(points, "centres") == 0;
  if (pno_h5_has_attr(file, "seed")) PNO_TRY(pno_h5_get_u64(file, "seed", &a->seed));
  PNO_TRY(pno_h5_get_i64(file, "n_trajectories", &trajectories));
  PNO_TRY(pno_h5_get_i64(file, "n_spatial_dims", &n_spatial));
  if (trajectories < 0 || n_spatial < 1 || n_spatial > 3)
    return pno_fail(PNO_E_INPUT, "%lld trajectories of %lld dimensions", (long long)trajectories, (long long)n_spatial);
  a->trajectories = (ptrdiff_t)trajectories;
  a->n_spatial = (int)n_spatial;
  return PNO_OK;
}

static pno_status read_axes(hid_t file, pno_dataset_about *a) {
  ptrdiff_t n = 0;
  PNO_TRY(read_line(file, "time", &n, &a->time));
  a->n_times = (int)n;
  for (int j = 0; j < a->n_spatial; j++) {
    double *line = NULL;
    PNO_TRY(read_line(file, pno_native_axes[j], &n, &line));
    a->n[j] = (int)n;
    a->lo[j] = line[0];
    a->hi[j] = line[n - 1];
    free(line);
  }
  return PNO_OK;
}

/* ---- lists of groups ---- */

typedef struct {
  pno_dataset_about *about;
  int order;
  pno_status st;
} listing;

static pno_status each_in(hid_t file, const char *name, H5L_iterate_t visit, listing *l) {
  hid_t group = pno_h5_has_link(file, name) ? H5Gopen2(file, name, H5P_DEFAULT) : -1;
  if (group < 0) return pno_h5_fail(PNO_E_INPUT, "group %s is absent", name);
  const herr_t e = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, l);
  pno_h5_close(&group);
  if (l->st != PNO_OK) return pno_fail_in(l->st, "%s", name);
  return e < 0 ? pno_h5_fail(PNO_E_INPUT, "group %s cannot be listed", name) : PNO_OK;
}

static pno_status take_name(const char *name, int n, char out[PNO_FIELD_NAME]) {
  const size_t length = strlen(name);
  if (length >= PNO_FIELD_NAME || n >= PNO_FIELDS_MAX)
    return pno_fail(PNO_E_INPUT, "%.80s is too long a name, or one of more than %d", name, PNO_FIELDS_MAX);
  memcpy(out, name, length + 1);
  return PNO_OK;
}

static pno_status read_statistics(hid_t dset, pno_about_field *f) {
  double v[PNO_STATISTICS][PNO_ABOUT_COMPONENTS] = {{0}};
  f->known = pno_h5_has_attr(dset, pno_native_statistics[0]);
  f->delta = f->known && pno_h5_has_attr(dset, pno_native_statistics[PNO_STATISTICS_ALWAYS]);
  const int n = f->delta ? PNO_STATISTICS : f->known ? PNO_STATISTICS_ALWAYS : 0;
  for (int s = 0; s < n; s++) PNO_TRY(pno_h5_get_f64s(dset, pno_native_statistics[s], f->components, v[s]));
  for (int k = 0; k < f->components; k++)
    f->statistics[k] = (pno_field_statistics){v[0][k], v[1][k], v[2][k], v[3][k], v[4][k], v[5][k], v[6][k], v[7][k]};
  return PNO_OK;
}

static pno_status read_field(hid_t dset, listing *l, pno_about_field *f) {
  hsize_t dims[H5S_MAX_RANK];
  int rank = 0;
  PNO_TRY(pno_h5_extent(dset, &rank, dims));
  f->order = l->order;
  f->components = l->order == 1 ? l->about->n_spatial : 1;
  const int extra = rank - 1 - l->about->n_spatial - l->order;
  if (extra < 0 || extra > 1) return pno_fail(PNO_E_SHAPE, "has %d axes", rank);
  if (l->order == 1 && dims[rank - 1] != (hsize_t)f->components)
    return pno_fail(PNO_E_SHAPE, "has %llu components", (unsigned long long)dims[rank - 1]);
  f->timed = extra == 1;
  return read_statistics(dset, f);
}

static pno_status add_field(hid_t group, const char *name, listing *l) {
  pno_dataset_about *a = l->about;
  pno_about_field f = {.order = l->order};
  PNO_TRY(take_name(name, a->n_fields, f.name));
  hid_t dset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is not a data set", name);
  const pno_status st = pno_fail_in(read_field(dset, l, &f), "%s", name);
  pno_h5_close(&dset);
  if (st == PNO_OK) a->fields[a->n_fields++] = f;
  return st;
}

static herr_t visit_field(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  listing *l = user;
  (void)info;
  l->st = add_field(group, name, l);
  return l->st == PNO_OK ? 0 : 1;
}

static pno_status read_scalar(hid_t dset, pno_about_scalar *s) {
  double *values = NULL;
  ptrdiff_t n = 0;
  PNO_TRY(pno_h5_get_bool(dset, "sample_varying", &s->sample));
  PNO_TRY(pno_h5_get_bool(dset, "time_varying", &s->time));
  PNO_TRY(read_numbers(dset, &n, &values));
  s->least = n > 0 ? values[0] : NAN;
  s->most = s->least;
  for (ptrdiff_t i = 1; i < n; i++) {
    s->least = fmin(s->least, values[i]);
    s->most = fmax(s->most, values[i]);
  }
  free(values);
  return PNO_OK;
}

static pno_status add_scalar(hid_t group, const char *name, pno_dataset_about *a) {
  pno_about_scalar s = {.sample = false};
  PNO_TRY(take_name(name, a->n_scalars, s.name));
  hid_t dset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is not a data set", name);
  const pno_status st = pno_fail_in(read_scalar(dset, &s), "%s", name);
  pno_h5_close(&dset);
  if (st == PNO_OK) a->scalars[a->n_scalars++] = s;
  return st;
}

static herr_t visit_scalar(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  listing *l = user;
  (void)info;
  l->st = add_scalar(group, name, l->about);
  return l->st == PNO_OK ? 0 : 1;
}

/* "x_periodic": the name of the group says it, and its texts have variable length, which of foreign files are not
 * read. */
static herr_t visit_boundary(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  pno_dataset_about *a = ((listing *)user)->about;
  (void)group;
  (void)info;
  for (int j = 0; j < a->n_spatial; j++)
    if (name[0] == pno_native_axes[j][0] && name[1] == '_')
      snprintf(a->boundary[j], sizeof a->boundary[j], "%s", name + 2);
  return 0;
}

static pno_status read_all(hid_t file, pno_dataset_about *a) {
  listing l = {.about = a, .st = PNO_OK};
  PNO_TRY(read_root(file, a));
  PNO_TRY(read_axes(file, a));
  for (l.order = 0; l.order < PNO_NATIVE_ORDERS; l.order++)
    PNO_TRY(each_in(file, pno_native_groups[l.order], visit_field, &l));
  PNO_TRY(each_in(file, "scalars", visit_scalar, &l));
  return each_in(file, "boundary_conditions", visit_boundary, &l);
}

pno_status pno_dataset_about_read(const char *path, const pno_dataset_limits *limits, pno_dataset_about *out) {
  pno_guard_file *guard = NULL;
  pno_dataset_about about = {.bytes = 0};
  PNO_TRY(pno_guard_open(path, limits ? limits->max_bytes : 0, &guard));
  const hid_t file = (hid_t)pno_guard_id(guard);
  hsize_t bytes = 0;
  pno_status st = PNO_OK;
  if (pno_format_of(file) != &pno_format_native) st = pno_fail(PNO_E_INPUT, "%s: no " PNO_NATIVE_FORMAT, path);
  if (st == PNO_OK && H5Fget_filesize(file, &bytes) < 0) st = pno_h5_fail(PNO_E_INPUT, "%s: a file without size", path);
  about.bytes = bytes;
  if (st == PNO_OK) st = pno_fail_in(read_all(file, &about), "%s", path);
  pno_guard_close(&guard);
  if (st == PNO_OK) {
    *out = about;
    about.time = NULL;
  }
  pno_dataset_about_free(&about);
  return st;
}

void pno_dataset_about_free(pno_dataset_about *about) {
  free(about->time);
  about->time = NULL;
}
