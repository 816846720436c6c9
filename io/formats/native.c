/* Reader of pno-dataset 1.0; the layout is in io/formats/README.md. Digest: native_digest.c, writer: native_write.c. */
#include "io/formats/native.h"

#include "io/formats/format.h"

#include <stdio.h>
#include <string.h>

const char *const pno_native_axes[3] = {"x", "y", "z"};
const char *const pno_native_groups[PNO_NATIVE_ORDERS] = {"t0_fields", "t1_fields"};

const char *const pno_native_statistics[PNO_STATISTICS] = {"mean",       "std",       "rms",      "min", "max",
                                                           "mean_delta", "std_delta", "rms_delta"};

static bool recognise(hid_t file) {
  char format[32];
  return pno_h5_has_attr(file, "format") && pno_h5_get_text(file, "format", format, sizeof format) == PNO_OK &&
         strcmp(format, PNO_NATIVE_FORMAT) == 0;
}

/* A file is ours to read only when its last attribute says that writing came to its end. */
static pno_status check_whole(hid_t file) {
  char version[32];
  int64_t complete = 0;
  PNO_TRY(pno_h5_get_text(file, "format_version", version, sizeof version));
  if (strncmp(version, "1.", 2) != 0)
    return pno_fail(PNO_E_INPUT, "%s version %s; this program reads version 1", PNO_NATIVE_FORMAT, version);
  if (pno_h5_has_attr(file, "complete")) PNO_TRY(pno_h5_get_i64(file, "complete", &complete));
  if (complete == 1) return PNO_OK;
  (void)pno_fail(PNO_E_INPUT, "was never finished (@complete is not 1)");
  return pno_hint(PNO_E_INPUT, "generate it again; samples that were finished are taken from its spool");
}

static pno_status get_count(hid_t file, const char *name, int *out) {
  int64_t value = 0;
  if (*out != 0 || !pno_h5_has_attr(file, name)) return PNO_OK;
  PNO_TRY(pno_h5_get_i64(file, name, &value));
  if (value < 0 || value > 1000000) return pno_fail(PNO_E_INPUT, "attribute %s is %lld", name, (long long)value);
  *out = (int)value;
  return PNO_OK;
}

static pno_status get_fields(hid_t file, const char *name, char names[][PNO_FIELD_NAME], int *n) {
  if (*n != 0 || !pno_h5_has_attr(file, name)) return PNO_OK;
  return pno_h5_get_names(file, name, names[0], PNO_FIELD_NAME, PNO_FIELDS_MAX, n);
}

pno_status pno_native_get_view(hid_t file, pno_sample_view *v) {
  PNO_TRY(get_fields(file, "input_fields", v->input, &v->n_input));
  PNO_TRY(get_fields(file, "target_fields", v->target, &v->n_target));
  /* frames belong to the mode of the file: another mode starts from its own defaults */
  char text[32] = "";
  pno_sample_mode mode = PNO_MODE_FILE;
  if (pno_h5_has_attr(file, "sample_mode")) PNO_TRY(pno_h5_get_text(file, "sample_mode", text, sizeof text));
  if (!pno_sample_mode_parse(text, &mode)) return pno_fail(PNO_E_INPUT, "attribute sample_mode is %s", text);
  if (v->mode == PNO_MODE_FILE) v->mode = mode;
  if (v->mode != mode) return PNO_OK;
  PNO_TRY(get_count(file, "frames_in", &v->frames_in));
  PNO_TRY(get_count(file, "frames_out", &v->frames_out));
  return get_count(file, "stride", &v->stride);
}

pno_status pno_native_put_view(hid_t file, const pno_sample_view *v) {
  const char *input[PNO_FIELDS_MAX], *target[PNO_FIELDS_MAX];
  for (int i = 0; i < v->n_input; i++) input[i] = v->input[i];
  for (int i = 0; i < v->n_target; i++) target[i] = v->target[i];
  PNO_TRY(pno_h5_put_text(file, "sample_mode", pno_sample_mode_name(v->mode)));
  PNO_TRY(pno_h5_put_names(file, "input_fields", v->n_input, input));
  PNO_TRY(pno_h5_put_names(file, "target_fields", v->n_target, target));
  PNO_TRY(pno_h5_put_i64(file, "frames_in", v->frames_in));
  PNO_TRY(pno_h5_put_i64(file, "frames_out", v->frames_out));
  return pno_h5_put_i64(file, "stride", v->stride);
}

static pno_status fill_view(hid_t file, pno_sample_view *v) {
  PNO_TRY(check_whole(file));
  PNO_TRY(pno_native_get_view(file, v));
  if (v->mode == PNO_MODE_FILE) v->mode = PNO_MODE_STEADY;
  if (v->n_input > 0 && v->n_target > 0) return PNO_OK;
  (void)pno_fail(PNO_E_INPUT, "does not say which fields are inputs and targets");
  return pno_hint(PNO_E_INPUT, "give data.input and data.target");
}

static hid_t open_group(hid_t file, const char *name) {
  return pno_h5_has_link(file, name) ? H5Gopen2(file, name, H5P_DEFAULT) : -1;
}

static bool has(hid_t file, const char *group_name, const char *name) {
  hid_t group = open_group(file, group_name);
  const bool found = group >= 0 && pno_format_has(group, name);
  pno_h5_close(&group);
  return found;
}

/* The order of the group that has the field; -1: none has. */
static int find_order(hid_t file, const char *name) {
  int found = -1;
  for (int order = 0; order < PNO_NATIVE_ORDERS; order++)
    if (has(file, pno_native_groups[order], name)) found = order;
  return found;
}

static void list_group(hid_t file, const char *name, char *text, size_t cap) {
  hid_t group = open_group(file, name);
  snprintf(text, cap, "nothing");
  if (group >= 0) pno_format_names(group, text, cap);
  pno_h5_close(&group);
}

static pno_status fail_absent(hid_t file, const char *name) {
  char t0[256], t1[256], scalars[256];
  list_group(file, pno_native_groups[0], t0, sizeof t0);
  list_group(file, pno_native_groups[1], t1, sizeof t1);
  list_group(file, "scalars", scalars, sizeof scalars);
  return pno_fail(PNO_E_INPUT, "no field or scalar %s; fields: %s; vector fields: %s; scalars: %s",
                  name[0] ? name : "without a name", t0, t1, scalars);
}

/* Axes: trajectory, time unless the field is constant in it, n_spatial of grid, one of components for order 1. */
static pno_status open_field(hid_t file, const char *name, int n_spatial, pno_field *f) {
  const int order = find_order(file, name);
  if (order < 0) return fail_absent(file, name);
  hid_t group = open_group(file, pno_native_groups[order]);
  if (group < 0) return pno_h5_fail(PNO_E_INPUT, "group %s is absent", pno_native_groups[order]);
  const pno_status st = pno_fail_in(pno_field_open(group, name, f), "%s", pno_native_groups[order]);
  pno_h5_close(&group);
  PNO_TRY(st);
  const int extra = f->rank - 1 - n_spatial - order;
  if (extra < 0 || extra > 1)
    return pno_fail(PNO_E_SHAPE, "%s has %d axes in a data set of %d-D grids", name, f->rank, n_spatial);
  if (extra == 1) f->time_axis = 1;
  if (order == 1) {
    f->channel_axis = f->rank - 1;
    f->n_channel_axes = 1;
  }
  return PNO_OK;
}

/* Axes: trajectory and time, each where the attributes say so; one value of all may also be a list of one. */
static pno_status set_scalar_axes(pno_field *f) {
  bool sample = false, time = false;
  PNO_TRY(pno_h5_get_bool(f->dset, "sample_varying", &sample));
  PNO_TRY(pno_h5_get_bool(f->dset, "time_varying", &time));
  const int axes = (sample ? 1 : 0) + (time ? 1 : 0);
  if (f->rank != axes && !(axes == 0 && f->rank == 1 && f->dims[0] == 1))
    return pno_fail(PNO_E_SHAPE, "has %d axes, but sample_varying and time_varying say %d", f->rank, axes);
  f->everywhere = true;
  f->shared = !sample;
  if (time) f->time_axis = sample ? 1 : 0;
  return PNO_OK;
}

static pno_status open_scalar(hid_t file, const char *name, bool space_time, pno_field *f) {
  hid_t group = open_group(file, "scalars");
  if (group < 0) return pno_h5_fail(PNO_E_INPUT, "group scalars is absent");
  pno_status st = pno_scalar_open(group, name, f);
  if (st == PNO_OK) st = pno_fail_in(set_scalar_axes(f), "%s", name);
  f->along_time = space_time && f->time_axis >= 0; /* known in advance: the value at the time of each target */
  pno_h5_close(&group);
  return pno_fail_in(st, "scalars");
}

/* A field, or else a scalar. */
static pno_status open_input(hid_t file, const pno_sample_view *v, const char *name, int n_spatial, pno_field *f) {
  if (find_order(file, name) < 0 && has(file, "scalars", name))
    return open_scalar(file, name, v->mode == PNO_MODE_SPACE_TIME, f);
  return open_field(file, name, n_spatial, f);
}

static pno_status open_target(hid_t file, const char *name, int n_spatial, pno_field *f) {
  if (find_order(file, name) < 0 && has(file, "scalars", name))
    return pno_hint(pno_fail(PNO_E_INPUT, "%s is a scalar, which can be an input but no target", name),
                    "give fields as data.target");
  return open_field(file, name, n_spatial, f);
}

static pno_status open_fields(hid_t file, const pno_sample_view *v, pno_field *input, pno_field *target) {
  int64_t n_spatial = 0;
  PNO_TRY(pno_h5_get_i64(file, "n_spatial_dims", &n_spatial));
  if (n_spatial < 1 || n_spatial > 3)
    return pno_fail(PNO_E_INPUT, "attribute n_spatial_dims is %lld", (long long)n_spatial);
  for (int i = 0; i < v->n_input; i++) PNO_TRY(open_input(file, v, v->input[i], (int)n_spatial, &input[i]));
  for (int i = 0; i < v->n_target; i++) PNO_TRY(open_target(file, v->target[i], (int)n_spatial, &target[i]));
  return PNO_OK;
}

/* First and last of the n entries of a coordinate. */
static pno_status read_ends(hid_t file, const char *name, int first, int step, int n, double *lo, double *hi) {
  hid_t dset = pno_h5_has_link(file, name) ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
  hid_t space = dset < 0 ? -1 : H5Dget_space(dset), one = H5Screate(H5S_SCALAR);
  hsize_t extent[H5S_MAX_RANK] = {0};
  bool ok = space >= 0 && H5Sget_simple_extent_ndims(space) == 1;
  ok = ok && H5Sget_simple_extent_dims(space, extent, NULL) == 1;
  const hsize_t at[2] = {(hsize_t)first, (hsize_t)first + (hsize_t)step * (hsize_t)(n - 1)};
  double ends[2] = {0.0, 0.0};
  for (int i = 0; ok && i < 2; i++)
    ok = at[i] < extent[0] && H5Sselect_elements(space, H5S_SELECT_SET, 1, &at[i]) >= 0 &&
         H5Dread(dset, H5T_NATIVE_DOUBLE, one, space, H5P_DEFAULT, &ends[i]) >= 0;
  pno_h5_close(&one);
  pno_h5_close(&space);
  pno_h5_close(&dset);
  if (!ok) return pno_h5_fail(PNO_E_INPUT, "coordinate %s is absent or shorter than its axis", name);
  *lo = ends[0];
  *hi = ends[1];
  return PNO_OK;
}

static pno_status read_coordinates(hid_t file, const pno_sample_view *v, pno_sample_info *info) {
  const int time = v->mode == PNO_MODE_SPACE_TIME ? 1 : 0;
  if (time) PNO_TRY(read_ends(file, "time", 0, v->stride, info->n[0], &info->lo[0], &info->hi[0]));
  for (int i = time; i < info->dims; i++)
    PNO_TRY(read_ends(file, pno_native_axes[i - time], 0, 1, info->n[i], &info->lo[i], &info->hi[i]));
  return PNO_OK;
}

static pno_status read_times(hid_t file, int n, double *time) {
  hsize_t dims[H5S_MAX_RANK];
  int rank = 0;
  hid_t dset = pno_h5_has_link(file, "time") ? H5Dopen2(file, "time", H5P_DEFAULT) : -1;
  const bool ok = dset >= 0 && pno_h5_extent(dset, &rank, dims) == PNO_OK && rank == 1 && dims[0] == (hsize_t)n &&
                  H5Dread(dset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, time) >= 0;
  pno_h5_close(&dset);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "coordinate time is absent or no list of %d times", n);
}

static pno_status read_digest(hid_t file, pno_digest *out) {
  char text[PNO_NATIVE_DIGEST_TEXT];
  const size_t prefix = sizeof PNO_NATIVE_DIGEST - 1;
  PNO_TRY(pno_h5_get_text(file, "content_digest", text, sizeof text));
  if (strncmp(text, PNO_NATIVE_DIGEST, prefix) != 0 || !pno_digest_parse(text + prefix, out))
    return pno_fail(PNO_E_INPUT, "attribute content_digest is %s", text);
  return PNO_OK;
}

static pno_status verify(hid_t file) {
  pno_digest said, is;
  PNO_TRY(read_digest(file, &said));
  PNO_TRY(pno_native_digest(file, true, &is));
  if (pno_digest_equal(said, is)) return PNO_OK;
  char a[PNO_DIGEST_TEXT], b[PNO_DIGEST_TEXT];
  pno_digest_text(said, a);
  pno_digest_text(is, b);
  return pno_fail(PNO_E_INPUT, "content digest mismatch: expected %s, got %s", a, b);
}

const pno_format pno_format_native = {
    .name = PNO_NATIVE_FORMAT,
    .layout = "root attribute format = " PNO_NATIVE_FORMAT,
    .recognise = recognise,
    .view = fill_view,
    .fields = open_fields,
    .coordinates = read_coordinates,
    .times = read_times,
    .digest = read_digest,
    .verify = verify,
};
