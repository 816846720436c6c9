#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint_hdf5.h"
#include "io/h5_image.h"
#include "io/layout.h"

/* The digest says the bytes are as they were written, not that a friend wrote them: hard links only, no external
 * storage, no virtual data sets, no foreign filters. */
static bool link_is_hard(hid_t parent, const char *name) {
  H5L_info_t info;
  return pno_h5_has_link(parent, name) && H5Lget_info(parent, name, &info, H5P_DEFAULT) >= 0 &&
         info.type == H5L_TYPE_HARD;
}

static bool storage_is_plain(hid_t dset) {
  hid_t plist = H5Dget_create_plist(dset);
  bool ok = plist >= 0 && H5Pget_external_count(plist) == 0;
  const H5D_layout_t layout = ok ? H5Pget_layout(plist) : H5D_LAYOUT_ERROR;
  ok = ok && (layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT);
  const int filters = ok ? H5Pget_nfilters(plist) : 0;
  for (int i = 0; i < filters; i++) {
    unsigned flags = 0, config = 0;
    size_t none = 0;
    const H5Z_filter_t f = H5Pget_filter2(plist, (unsigned)i, &flags, &none, NULL, 0, NULL, &config);
    ok = ok && (f == H5Z_FILTER_DEFLATE || f == H5Z_FILTER_SHUFFLE || f == H5Z_FILTER_FLETCHER32);
  }
  pno_h5_close(&plist);
  return ok;
}

/* Opens file/a/b/c without following anything but hard links; -1 when it is not there. */
static hid_t open_hard(hid_t file, const char *path) {
  hid_t at = H5Oopen(file, "/", H5P_DEFAULT);
  while (at >= 0 && *path) {
    char part[PNO_ARRAY_NAME_MAX];
    const size_t length = strcspn(path, "/");
    snprintf(part, sizeof part, "%.*s", (int)length, path);
    hid_t next = H5Iget_type(at) == H5I_GROUP && link_is_hard(at, part) ? H5Oopen(at, part, H5P_DEFAULT) : -1;
    pno_h5_close(&at);
    at = next;
    path += length + (path[length] == '/');
  }
  return at;
}

static bool type_is(hid_t dset, pno_dtype want) {
  hid_t have = H5Dget_type(dset), type = -1;
  const bool same = have >= 0 && shard_array_type(want, &type) == PNO_OK && H5Tequal(have, type) > 0;
  pno_h5_close(&type);
  pno_h5_close(&have);
  return same;
}

static void shape_text(int rank, const hsize_t *dims, char *out, size_t cap) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < rank && used < cap; i++)
    used += (size_t)snprintf(out + used, cap - used, "%s%llu", i ? "," : "", (unsigned long long)dims[i]);
}

static pno_status read_array(hid_t dset, const pno_array *a, void *values) {
  if (H5Iget_type(dset) != H5I_DATASET || !storage_is_plain(dset))
    return pno_fail(PNO_E_INPUT, "array %s is not stored as checkpoints store arrays", a->name);
  hsize_t have[H5S_MAX_RANK] = {0}, want[PNO_ARRAY_RANK_MAX] = {0};
  int rank = 0;
  PNO_TRY(pno_h5_extent(dset, &rank, have));
  for (int i = 0; i < a->rank; i++) want[i] = (hsize_t)a->shape[i];
  char is[128], should[128];
  shape_text(rank, have, is, sizeof is);
  shape_text(a->rank, want, should, sizeof should);
  if (rank != a->rank || memcmp(have, want, (size_t)rank * sizeof *have) != 0)
    return pno_hint(pno_fail(PNO_E_SHAPE, "array %s has shape (%s) in the checkpoint, (%s) is expected", a->name, is,
                             should),
                    "the checkpoint belongs to another model: use the configuration it was trained with");
  if (!type_is(dset, a->dtype))
    return pno_fail(PNO_E_SHAPE, "array %s is not %s in the checkpoint", a->name, pno_dtype_name(a->dtype));
  hid_t type = -1;
  PNO_TRY(shard_array_type(a->dtype, &type));
  const bool ok = H5Dread(dset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  pno_h5_close(&type);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "array %s cannot be read", a->name);
}

static pno_status read_arrays(hid_t file, checkpoint_staging *s) {
  for (int i = 0; i < s->n; i++) {
    if (s->found[i]) continue;
    hid_t dset = open_hard(file, s->arrays[i].name);
    H5Eclear2(H5E_DEFAULT);
    if (dset < 0) continue;
    const pno_status st = read_array(dset, &s->arrays[i], s->base + s->at[i]);
    pno_h5_close(&dset);
    PNO_TRY(st);
    s->found[i] = true;
  }
  return PNO_OK;
}

/* Attributes of other kinds belong to newer minor versions and are passed over. */
static pno_status read_scalar(hid_t group, const char *key, const char *name, pno_checkpoint_meta *meta) {
  hid_t attr = H5Aopen(group, name, H5P_DEFAULT), type = attr < 0 ? -1 : H5Aget_type(attr);
  hid_t space = attr < 0 ? -1 : H5Aget_space(attr);
  const bool one = space >= 0 && H5Sget_simple_extent_npoints(space) == 1;
  const H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
  const bool is_signed = class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  char text[PNO_CHECKPOINT_TEXT] = "";
  int64_t i64 = 0;
  uint64_t u64 = 0;
  double f64 = 0;
  pno_status st = PNO_OK;
  if (one && is_signed && H5Aread(attr, H5T_NATIVE_INT64, &i64) >= 0)
    st = pno_checkpoint_put_i64(meta, key, i64);
  else if (one && class == H5T_INTEGER && !is_signed && H5Aread(attr, H5T_NATIVE_UINT64, &u64) >= 0)
    st = pno_checkpoint_put_u64(meta, key, u64);
  else if (one && class == H5T_FLOAT && H5Aread(attr, H5T_NATIVE_DOUBLE, &f64) >= 0)
    st = pno_checkpoint_put_f64(meta, key, f64);
  else if (one && class == H5T_STRING && pno_h5_get_text(group, name, text, sizeof text) == PNO_OK)
    st = pno_checkpoint_put_text(meta, key, text);
  pno_h5_close(&space);
  pno_h5_close(&type);
  pno_h5_close(&attr);
  return st == PNO_OK ? PNO_OK : pno_fail(PNO_E_INPUT, "scalar %s of a shard is not one of ours", key);
}

static pno_status read_group_scalars(hid_t file, const char *group_name, pno_checkpoint_meta *meta) {
  hid_t group = H5Gopen2(file, group_name, H5P_DEFAULT);
  H5O_info_t info;
  if (group < 0 || H5Oget_info2(group, &info, H5O_INFO_NUM_ATTRS) < 0) {
    pno_h5_close(&group);
    return pno_h5_fail(PNO_E_INPUT, "group %s cannot be opened", group_name);
  }
  pno_status st = PNO_OK;
  for (hsize_t i = 0; i < info.num_attrs && st == PNO_OK; i++) {
    char name[PNO_CHECKPOINT_KEY], key[2 * PNO_CHECKPOINT_KEY + 2];
    const ssize_t length =
        H5Aget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (length < 1 || (size_t)length >= sizeof name) continue;
    snprintf(key, sizeof key, "%s/%s", group_name, name);
    st = read_scalar(group, key, name, meta);
  }
  pno_h5_close(&group);
  return st;
}

static pno_status read_scalars(hid_t file, pno_checkpoint_meta *meta) {
  H5G_info_t info;
  if (H5Gget_info(file, &info) < 0) return pno_h5_fail(PNO_E_INPUT, "a shard without a root group");
  for (hsize_t i = 0; i < info.nlinks; i++) {
    char name[PNO_CHECKPOINT_KEY];
    const ssize_t length = H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (length < 1 || (size_t)length >= sizeof name || !link_is_hard(file, name)) continue;
    H5O_info_t object;
    if (H5Oget_info_by_name2(file, name, &object, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 && object.type == H5O_TYPE_GROUP)
      PNO_TRY(read_group_scalars(file, name, meta));
  }
  return PNO_OK;
}

static pno_status open_shard(const void *image, size_t bytes, hid_t *out) {
  char format[32] = "";
  hid_t file = -1;
  PNO_TRY(pno_h5_image_open(image, bytes, &file));
  if (pno_h5_get_text(file, "format", format, sizeof format) == PNO_OK && strcmp(format, "pno-checkpoint") == 0) {
    *out = file;
    return PNO_OK;
  }
  pno_h5_close(&file);
  return pno_fail(PNO_E_INPUT, "an HDF5 file, but not of a checkpoint");
}

pno_status shard_read(const void *image, size_t bytes, checkpoint_staging *s, pno_checkpoint_meta *meta) {
  hid_t file = -1;
  PNO_TRY(open_shard(image, bytes, &file));
  pno_status st = read_scalars(file, meta);
  if (st == PNO_OK && s) st = read_arrays(file, s);
  pno_h5_close(&file);
  return st;
}

/* ---- census ---- */

static pno_status census_grow(shard_census *c) {
  if (c->n < c->cap) return PNO_OK;
  const int cap = c->cap ? 2 * c->cap : 64;
  pno_array *arrays = realloc(c->arrays, (size_t)cap * sizeof *arrays);
  if (arrays) c->arrays = arrays;
  pno_digest *values = realloc(c->values, (size_t)cap * sizeof *values);
  if (values) c->values = values;
  if (!arrays || !values) return pno_fail(PNO_E_NOMEM, "no memory for a list of %d arrays", cap);
  c->cap = cap;
  return PNO_OK;
}

void census_free(shard_census *c) {
  free(c->arrays);
  free(c->values);
  *c = (shard_census){.n = 0};
}

static pno_status count_array(hid_t dset, const char *name, size_t most, shard_census *c) {
  pno_array a = {.layout = PNO_LAYOUT_PLAIN};
  hsize_t dims[H5S_MAX_RANK] = {0};
  int rank = 0, dtype = PNO_DTYPE_F32;
  PNO_TRY(pno_h5_extent(dset, &rank, dims));
  while (dtype <= PNO_DTYPE_U64 && !type_is(dset, (pno_dtype)dtype)) dtype++;
  if (rank > PNO_ARRAY_RANK_MAX || dtype > PNO_DTYPE_U64 || !storage_is_plain(dset))
    return pno_fail(PNO_E_INPUT, "array %s is not stored as checkpoints store arrays", name);
  a.dtype = (pno_dtype)dtype;
  a.rank = rank;
  size_t bytes = pno_dtype_bytes(a.dtype);
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 1 || dims[i] > most / bytes)
      return pno_fail(PNO_E_INPUT, "array %s declares more than the file can hold", name);
    bytes *= (size_t)dims[i];
    a.shape[i] = (ptrdiff_t)dims[i];
  }
  snprintf(a.name, sizeof a.name, "%s", name);
  PNO_TRY(census_grow(c));
  void *values = malloc(bytes);
  if (!values) return pno_fail(PNO_E_NOMEM, "no memory for %zu bytes of array %s", bytes, name);
  pno_status st = read_array(dset, &a, values);
  if (st == PNO_OK) {
    c->values[c->n] = pno_digest_of(values, bytes);
    c->arrays[c->n++] = a;
  }
  free(values);
  return st;
}

static pno_status count_object(hid_t object, const char *name, int depth, size_t most, shard_census *c) {
  enum { DEPTH_MAX = 8, COMPRESSION_MAX = 1000 };
  if (H5Iget_type(object) == H5I_DATASET) return count_array(object, name, most * COMPRESSION_MAX, c);
  H5G_info_t info;
  if (depth > DEPTH_MAX || H5Iget_type(object) != H5I_GROUP || H5Gget_info(object, &info) < 0)
    return pno_h5_fail(PNO_E_INPUT, "%s is neither an array nor a group", name);
  for (hsize_t i = 0; i < info.nlinks; i++) {
    char part[PNO_ARRAY_NAME_MAX], path[PNO_ARRAY_NAME_MAX];
    const ssize_t length =
        H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, part, sizeof part, H5P_DEFAULT);
    const int total = length < 1 ? -1 : snprintf(path, sizeof path, "%s%s%s", name, *name ? "/" : "", part);
    if (total < 0 || (size_t)length >= sizeof part || total >= (int)sizeof path || !link_is_hard(object, part))
      return pno_fail(PNO_E_INPUT, "%s holds a link that is not ours", *name ? name : "the root group");
    hid_t next = H5Oopen(object, part, H5P_DEFAULT);
    const pno_status st = next < 0 ? pno_h5_fail(PNO_E_INPUT, "%s cannot be opened", path)
                                   : count_object(next, path, depth + 1, most, c);
    pno_h5_close(&next);
    PNO_TRY(st);
  }
  return PNO_OK;
}

pno_status shard_count(const void *image, size_t bytes, shard_census *c) {
  hid_t file = -1;
  PNO_TRY(open_shard(image, bytes, &file));
  hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  const pno_status st = count_object(root, "", 0, bytes, c);
  pno_h5_close(&root);
  pno_h5_close(&file);
  return st;
}
