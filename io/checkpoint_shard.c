#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint_hdf5.h"
#include "io/h5_image.h"
#include "io/layout.h"

static pno_status put_list(hid_t object, const char *name, int n, const ptrdiff_t *values) {
  int64_t list[PNO_ARRAY_RANK_MAX] = {0};
  const hsize_t dims = (hsize_t)n;
  for (int i = 0; i < n && values; i++) list[i] = values[i];
  hid_t space = H5Screate_simple(1, &dims, NULL);
  hid_t attr = space < 0 ? -1 : H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool ok = attr >= 0 && (n == 0 || H5Awrite(attr, H5T_NATIVE_INT64, list) >= 0);
  const pno_status st = ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "attribute %s cannot be written", name);
  pno_h5_close(&attr);
  pno_h5_close(&space);
  return st;
}

pno_status shard_array_type(pno_dtype t, hid_t *out) {
  if (t == PNO_DTYPE_C64) return pno_h5_complex_type(out);
  const hid_t type = t == PNO_DTYPE_F32   ? H5T_IEEE_F32LE
                     : t == PNO_DTYPE_F64 ? H5T_IEEE_F64LE
                     : t == PNO_DTYPE_I64 ? H5T_STD_I64LE
                                          : H5T_STD_U64LE;
  *out = H5Tcopy(type);
  return *out >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "no HDF5 type");
}

/* Splits group/../leaf; group: [PNO_ARRAY_NAME_MAX]. */
static const char *split_name(const char *name, char *group) {
  const char *slash = strrchr(name, '/');
  snprintf(group, PNO_ARRAY_NAME_MAX, "%.*s", slash ? (int)(slash - name) : 0, name);
  return slash ? slash + 1 : name;
}

static pno_status describe(hid_t dset, const pno_array *a) {
  const bool spectral = a->layout == PNO_LAYOUT_SPECTRAL || a->layout == PNO_LAYOUT_SPECTRAL_REAL;
  bool slab = false;
  for (int j = 0; spectral && j < a->mode_axes; j++) slab = slab || a->shape[2 + j] != a->modes[j];
  PNO_TRY(put_list(dset, "global_shape", a->rank, a->shape));
  PNO_TRY(put_list(dset, "offset", a->rank, NULL));
  PNO_TRY(pno_h5_put_text(dset, "layout", spectral && !slab && a->mode_axes > 1 ? "fftshift" : "natural"));
  return pno_h5_put_text(dset, "role", strncmp(a->name, "model/", 6) == 0 ? "param" : "buffer");
}

static pno_status put_array(hid_t file, const pno_array *a, const void *values) {
  char group[PNO_ARRAY_NAME_MAX];
  const char *leaf = split_name(a->name, group);
  hid_t parent = -1, type = -1, dset = -1;
  hsize_t dims[PNO_ARRAY_RANK_MAX] = {0};
  for (int i = 0; i < a->rank; i++) dims[i] = (hsize_t)a->shape[i];
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, pno_h5_group_path(file, group, &parent), done);
  PNO_TRY_GOTO(st, shard_array_type(a->dtype, &type), done);
  PNO_TRY_GOTO(st, pno_h5_put_data(parent, leaf, type, type, a->rank, dims, values, &dset), done);
  st = describe(dset, a);
done:
  pno_h5_close(&dset);
  pno_h5_close(&type);
  pno_h5_close(&parent);
  return pno_fail_in(st, "array %s", a->name);
}

static pno_status put_scalar(hid_t file, const pno_scalar *s) {
  char group[PNO_ARRAY_NAME_MAX];
  const char *leaf = split_name(s->key, group);
  hid_t parent = -1;
  PNO_TRY(pno_h5_group_path(file, group, &parent));
  pno_status st = PNO_OK;
  switch (s->kind) {
    case PNO_SCALAR_I64: st = pno_h5_put_i64(parent, leaf, s->value.i64); break;
    case PNO_SCALAR_U64: st = pno_h5_put_u64(parent, leaf, s->value.u64); break;
    case PNO_SCALAR_F64: st = pno_h5_put_f64(parent, leaf, s->value.f64); break;
    case PNO_SCALAR_TEXT: st = pno_h5_put_text(parent, leaf, s->value.text); break;
  }
  pno_h5_close(&parent);
  return pno_fail_in(st, "%s", s->key);
}

static pno_status fill(hid_t file, const pno_checkpoint_meta *meta, const pno_array *arrays, int n,
                       const int *shard_of, int shard, pno_digest *values, void *scratch) {
  PNO_TRY(pno_h5_put_text(file, "format", "pno-checkpoint"));
  PNO_TRY(pno_h5_put_text(file, "version", "1.0"));
  PNO_TRY(pno_h5_put_i64(file, "step", meta->step));
  for (int i = 0; i < n; i++) {
    if (shard_of[i] != shard) continue;
    PNO_TRY(pno_layout_export(&arrays[i], scratch));
    values[i] = pno_digest_of(scratch, pno_array_bytes(&arrays[i]));
    PNO_TRY(put_array(file, &arrays[i], scratch));
  }
  for (int i = 0; shard == 0 && i < meta->n_scalars; i++) PNO_TRY(put_scalar(file, &meta->scalar[i]));
  return PNO_OK;
}

pno_status shard_build(const pno_checkpoint_meta *meta, const pno_array *arrays, int n, const int *shard_of, int shard,
                       pno_digest *values, void **image, size_t *bytes) {
  size_t largest = 1;
  for (int i = 0; i < n; i++)
    if (shard_of[i] == shard && pno_array_bytes(&arrays[i]) > largest) largest = pno_array_bytes(&arrays[i]);
  void *scratch = malloc(largest);
  if (!scratch) return pno_fail(PNO_E_NOMEM, "no memory for %zu bytes of an array", largest);
  hid_t file = -1;
  pno_status st = pno_h5_image_create(&file);
  if (st == PNO_OK) st = fill(file, meta, arrays, n, shard_of, shard, values, scratch);
  free(scratch);
  if (st == PNO_OK) st = pno_h5_image_take(file, image, bytes);
  pno_h5_close(&file);
  return st;
}
