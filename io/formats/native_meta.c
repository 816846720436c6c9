#include "io/formats/native.h"
#include "io/formats/native_write.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pno_native_close_scales(pno_native_scales *s) {
  hid_t *all[] = {&s->time, &s->axis[0], &s->axis[1], &s->axis[2], &s->trajectory, &s->component, &s->end};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) pno_h5_close(all[i]);
}

pno_status pno_native_put_varying(hid_t object, bool sample, bool time) {
  PNO_TRY(pno_h5_put_bools(object, "sample_varying", -1, &sample));
  return pno_h5_put_bools(object, "time_varying", -1, &time);
}

/* The constants among the scalars are The Well's simulation parameters: a list of names and one attribute each. */
static pno_status put_parameters(hid_t file, const pno_dataset_spec *spec) {
  const char *names[PNO_FIELDS_MAX];
  int n = 0;
  for (int i = 0; i < spec->n_scalars; i++) {
    if (spec->scalars[i].per_sample) continue;
    names[n++] = spec->scalars[i].name;
    if (pno_h5_has_attr(file, spec->scalars[i].name))
      return pno_fail(PNO_E_USAGE, "scalar %s: the name is taken by a root attribute", spec->scalars[i].name);
    PNO_TRY(pno_h5_put_f64(file, spec->scalars[i].name, spec->scalars[i].value));
  }
  return pno_h5_put_wordlist(file, "simulation_parameters", n, names);
}

pno_status pno_native_put_root(hid_t file, const pno_dataset_spec *spec) {
  PNO_TRY(pno_h5_put_text(file, "format", PNO_NATIVE_FORMAT));
  PNO_TRY(pno_h5_put_text(file, "format_version", PNO_NATIVE_VERSION));
  PNO_TRY(pno_h5_put_text(file, "Conventions", "CF-1.8"));
  PNO_TRY(pno_h5_put_words(file, "dataset_name", spec->name));
  PNO_TRY(pno_h5_put_words(file, "grid_type", "cartesian"));
  PNO_TRY(pno_h5_put_i64(file, "n_spatial_dims", spec->n_spatial));
  PNO_TRY(pno_h5_put_i64(file, "n_trajectories", spec->n_samples));
  PNO_TRY(pno_h5_put_text(file, "generator", spec->generator));
  PNO_TRY(pno_h5_put_text(file, "solver", spec->solver));
  if (spec->equation) PNO_TRY(pno_h5_put_text(file, "equation", spec->equation));
  if (spec->split) PNO_TRY(pno_h5_put_text(file, "split", spec->split));
  PNO_TRY(pno_h5_put_text(file, "points", spec->centres ? "centres" : "nodes"));
  PNO_TRY(pno_h5_put_text(file, "rng", "philox4x32-10"));
  PNO_TRY(pno_h5_put_u64(file, "seed", spec->seed));
  if (spec->config) PNO_TRY(pno_h5_put_text(file, "config", spec->config));
  if (spec->license) PNO_TRY(pno_h5_put_text(file, "license", spec->license));
  PNO_TRY(pno_native_put_view(file, spec->view));
  return put_parameters(file, spec);
}

typedef struct {
  const char *name, *units, *axis, *long_name;
} label;

/* A coordinate of n doubles that xarray and ncdump know as a dimension. */
static pno_status put_scale(hid_t file, const label *l, ptrdiff_t n, const double *values, hid_t *out) {
  const hsize_t dims = (hsize_t)n;
  hid_t dset = -1;
  PNO_TRY(pno_h5_put_data(file, l->name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, &dims, values, &dset));
  pno_status st = H5DSset_scale(dset, l->name) < 0 ? pno_h5_fail(PNO_E_IO, "%s: not a scale", l->name) : PNO_OK;
  if (st == PNO_OK) st = pno_h5_put_text(dset, "units", l->units);
  if (st == PNO_OK && l->axis) st = pno_h5_put_text(dset, "axis", l->axis);
  if (st == PNO_OK) st = pno_h5_put_text(dset, "long_name", l->long_name);
  if (st == PNO_OK) st = pno_native_put_varying(dset, false, false);
  if (st == PNO_OK)
    *out = dset;
  else
    pno_h5_close(&dset);
  return st;
}

/* n values from lo to hi into room; the last is hi exactly. */
static void fill_line(double lo, double hi, ptrdiff_t n, double *room) {
  for (ptrdiff_t i = 0; i < n; i++) room[i] = lo + (hi - lo) * ((double)i / (double)(n > 1 ? n - 1 : 1));
  if (n > 1) room[n - 1] = hi;
}

static const label time_label = {"time", "1", "T", "time"};
static const label axis_labels[3] = {
    {"x", "1", "X", "first coordinate"}, {"y", "1", "Y", "second coordinate"}, {"z", "1", "Z", "third coordinate"}};
static const label trajectory_label = {"trajectory", "1", NULL, "number of the trajectory"};
static const label component_label = {"component", "1", NULL, "component of a vector"};
static const label end_label = {"end", "1", NULL, "first and last point of an axis"};

static bool has_vectors(const pno_dataset_spec *spec) {
  for (int i = 0; i < spec->n_fields; i++)
    if (spec->fields[i].order == 1) return true;
  return false;
}

/* room: for the longest coordinate. */
static pno_status put_lines(hid_t file, const pno_dataset_spec *spec, double *room, pno_native_scales *s) {
  fill_line(0.0, (double)(spec->n_times - 1), spec->n_times, room);
  PNO_TRY(put_scale(file, &time_label, spec->n_times, spec->time ? spec->time : room, &s->time));
  for (int i = 0; i < spec->n_spatial; i++) {
    fill_line(spec->lo[i], spec->hi[i], spec->n[i], room);
    PNO_TRY(put_scale(file, &axis_labels[i], spec->n[i], room, &s->axis[i]));
  }
  fill_line(0.0, (double)(spec->n_samples - 1), spec->n_samples, room);
  PNO_TRY(put_scale(file, &trajectory_label, spec->n_samples, room, &s->trajectory));
  fill_line(0.0, 1.0, 2, room);
  PNO_TRY(put_scale(file, &end_label, 2, room, &s->end));
  if (!has_vectors(spec)) return PNO_OK;
  fill_line(0.0, (double)(spec->n_spatial - 1), spec->n_spatial, room);
  return put_scale(file, &component_label, spec->n_spatial, room, &s->component);
}

/* /dimensions holds hard links to the scales at the root: The Well reads them there, netCDF readers at the root. */
static pno_status link_dimensions(hid_t file, const pno_dataset_spec *spec) {
  hid_t group = -1;
  PNO_TRY(pno_h5_group(file, "dimensions", &group));
  pno_status st = pno_h5_put_wordlist(group, "spatial_dims", spec->n_spatial, pno_native_axes);
  for (int i = -1; st == PNO_OK && i < spec->n_spatial; i++) {
    const char *name = i < 0 ? "time" : pno_native_axes[i];
    if (H5Lcreate_hard(file, name, group, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
      st = pno_h5_fail(PNO_E_IO, "dimensions/%s cannot be linked", name);
  }
  pno_h5_close(&group);
  return st;
}

pno_status pno_native_put_scales(hid_t file, const pno_dataset_spec *spec, pno_native_scales *out) {
  ptrdiff_t most = spec->n_samples > spec->n_times ? spec->n_samples : spec->n_times;
  if (most < 2) most = 2; /* ends of an axis */
  for (int i = 0; i < spec->n_spatial; i++)
    if (spec->n[i] > most) most = spec->n[i];
  double *room = calloc((size_t)most, sizeof *room);
  if (!room) return pno_fail(PNO_E_NOMEM, "no memory for %td coordinates", most);
  pno_native_scales s = {-1, {-1, -1, -1}, -1, -1, -1};
  pno_status st = put_lines(file, spec, room, &s);
  free(room);
  if (st == PNO_OK) st = link_dimensions(file, spec);
  if (st == PNO_OK)
    *out = s;
  else
    pno_native_close_scales(&s);
  return st;
}

static pno_status put_scalar(hid_t group, const pno_scalar_spec *s, ptrdiff_t n, hid_t trajectory) {
  const hsize_t dims = (hsize_t)n;
  hid_t dset = -1;
  PNO_TRY(pno_h5_put_data(group, s->name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, s->per_sample ? 1 : 0, &dims,
                          s->per_sample ? s->per_sample : &s->value, &dset));
  pno_status st = pno_native_put_varying(dset, s->per_sample != NULL, false);
  if (st == PNO_OK && s->per_sample && H5DSattach_scale(dset, trajectory, 0) < 0)
    st = pno_h5_fail(PNO_E_IO, "scalar %s: no dimension", s->name);
  pno_h5_close(&dset);
  return st;
}

pno_status pno_native_put_scalars(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales) {
  const char *names[PNO_FIELDS_MAX];
  hid_t group = -1;
  PNO_TRY(pno_h5_group(file, "scalars", &group));
  for (int i = 0; i < spec->n_scalars; i++) names[i] = spec->scalars[i].name;
  pno_status st = pno_h5_put_wordlist(group, "field_names", spec->n_scalars, names);
  for (int i = 0; st == PNO_OK && i < spec->n_scalars; i++)
    st = put_scalar(group, &spec->scalars[i], spec->n_samples, scales->trajectory);
  pno_h5_close(&group);
  return st;
}

static const struct {
  const char *suffix, *type;
} kinds[] = {[PNO_BOUNDARY_PERIODIC] = {"periodic", "PERIODIC"},
             [PNO_BOUNDARY_WALL] = {"wall", "WALL"},
             [PNO_BOUNDARY_OPEN] = {"open", "OPEN"}};

/* A data set over one dimension. */
static pno_status put_line(hid_t group, const char *name, hid_t file_type, hid_t type, hsize_t n, const void *values,
                           hid_t scale) {
  hid_t dset = -1;
  PNO_TRY(pno_h5_put_data(group, name, file_type, type, 1, &n, values, &dset));
  const bool ok = H5DSattach_scale(dset, scale, 0) >= 0;
  pno_h5_close(&dset);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s without dimension", name);
}

/* mask is true at the two ends of the axis; values are those at the points of the mask: 0. */
static pno_status put_ends(hid_t group, ptrdiff_t n, hid_t scale, hid_t end) {
  static const float zeros[2];
  hid_t boolean = -1;
  int8_t *ends = calloc((size_t)n, sizeof *ends);
  if (!ends) return pno_fail(PNO_E_NOMEM, "no memory for %td boundary points", n);
  ends[0] = ends[n - 1] = 1;
  pno_status st = pno_h5_bool_type(&boolean);
  if (st == PNO_OK) st = put_line(group, "mask", boolean, boolean, (hsize_t)n, ends, scale);
  if (st == PNO_OK) /* an axis of one point has one end, which is its only point */
    st = put_line(group, "values", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, n > 1 ? 2 : 1, zeros, n > 1 ? end : scale);
  pno_h5_close(&boolean);
  free(ends);
  return st;
}

static pno_status put_boundary(hid_t parent, const pno_dataset_spec *spec, int axis, const pno_native_scales *scales) {
  const char *fields[PNO_FIELDS_MAX];
  char name[32];
  hid_t group = -1;
  for (int i = 0; i < spec->n_fields; i++) fields[i] = spec->fields[i].name;
  snprintf(name, sizeof name, "%s_%s", pno_native_axes[axis], kinds[spec->boundary[axis]].suffix);
  PNO_TRY(pno_h5_group(parent, name, &group));
  pno_status st = pno_h5_put_words(group, "bc_type", kinds[spec->boundary[axis]].type);
  if (st == PNO_OK) st = pno_h5_put_wordlist(group, "associated_dims", 1, &pno_native_axes[axis]);
  if (st == PNO_OK) st = pno_h5_put_wordlist(group, "associated_fields", spec->n_fields, fields);
  if (st == PNO_OK) st = pno_native_put_varying(group, false, false);
  if (st == PNO_OK) st = put_ends(group, spec->n[axis], scales->axis[axis], scales->end);
  pno_h5_close(&group);
  return st;
}

pno_status pno_native_put_boundaries(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales) {
  hid_t group = -1;
  PNO_TRY(pno_h5_group(file, "boundary_conditions", &group));
  pno_status st = PNO_OK;
  for (int i = 0; st == PNO_OK && i < spec->n_spatial; i++) st = put_boundary(group, spec, i, scales);
  pno_h5_close(&group);
  return st;
}
