#include "io/h5_image.h"

#include <hdf5_hl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HDF5 takes two open memory files of one name for the same file. */
static void unique_name(char *out, size_t cap) {
  static atomic_uint count;
  snprintf(out, cap, "pno-image-%u", atomic_fetch_add(&count, 1));
}

static hid_t memory_access(void) {
  enum { GROW = 1 << 20 };
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access >= 0 && (H5Pset_fapl_core(access, GROW, false) < 0 || H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0))
    pno_h5_close(&access);
  return access;
}

pno_status pno_h5_image_create(hid_t *file) {
  char name[32];
  unique_name(name, sizeof name);
  PNO_TRY(pno_h5_begin());
  hid_t access = memory_access(), creation = H5Pcreate(H5P_FILE_CREATE), id = -1;
  /* Superblock 0: of a superblock 2, H5Fget_file_image of HDF5 1.10.8 clears a flag and keeps the checksum over it, and
   * nothing can open that image. */
  if (access >= 0 && creation >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V110) >= 0 &&
      H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
      H5Pset_obj_track_times(creation, false) >= 0)
    id = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
  const pno_status st = id >= 0 ? PNO_OK : pno_h5_fail(PNO_E_NOMEM, "no HDF5 file in memory");
  pno_h5_close(&access);
  pno_h5_close(&creation);
  if (st == PNO_OK) *file = id;
  return st;
}

pno_status pno_h5_image_take(hid_t file, void **bytes, size_t *n) {
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) return pno_h5_fail(PNO_E_IO, "HDF5 cannot complete a file in memory");
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  if (size <= 0) return pno_h5_fail(PNO_E_IO, "HDF5 gives no image of a file in memory");
  void *image = malloc((size_t)size);
  if (!image) return pno_fail(PNO_E_NOMEM, "no memory for an HDF5 image of %zd bytes", size);
  if (H5Fget_file_image(file, image, (size_t)size) != size) {
    free(image);
    return pno_h5_fail(PNO_E_IO, "HDF5 gives no image of a file in memory");
  }
  *bytes = image;
  *n = (size_t)size;
  return PNO_OK;
}

pno_status pno_h5_image_open(const void *bytes, size_t n, hid_t *file) {
  char name[32];
  unique_name(name, sizeof name);
  PNO_TRY(pno_h5_begin());
  hid_t access = memory_access(), id = -1;
  /* HDF5 copies the block; its parameter lacks the const. */
  if (access >= 0 && H5Pset_file_image(access, (void *)(uintptr_t)bytes, n) >= 0)
    id = H5Fopen(name, H5F_ACC_RDONLY, access);
  /* The words first: every call that succeeds clears HDF5's error stack. */
  const pno_status st = id >= 0 ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "these %zu bytes are not an HDF5 file", n);
  pno_h5_close(&access);
  if (st == PNO_OK) *file = id;
  return st;
}

pno_status pno_h5_complex_type(hid_t *out) {
  hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));
  if (type < 0 || H5Tinsert(type, "r", 0, H5T_IEEE_F32LE) < 0 || H5Tinsert(type, "i", sizeof(float), H5T_IEEE_F32LE) < 0) {
    pno_h5_close(&type);
    return pno_h5_fail(PNO_E_IO, "no complex type");
  }
  *out = type;
  return PNO_OK;
}

pno_status pno_h5_group_path(hid_t file, const char *path, hid_t *out) {
  hid_t at = H5Gopen2(file, "/", H5P_DEFAULT);
  if (at < 0) return pno_h5_fail(PNO_E_IO, "no root group");
  while (*path) {
    char part[256];
    const size_t length = strcspn(path, "/");
    snprintf(part, sizeof part, "%.*s", (int)length, path);
    hid_t next = -1;
    pno_status st = PNO_OK;
    if (pno_h5_has_link(at, part)) {
      next = H5Gopen2(at, part, H5P_DEFAULT);
      if (next < 0) st = pno_h5_fail(PNO_E_IO, "%s is not a group", part);
    } else {
      st = pno_h5_group(at, part, &next);
    }
    pno_h5_close(&at);
    PNO_TRY(st);
    at = next;
    path += length + (path[length] == '/');
  }
  *out = at;
  return PNO_OK;
}

pno_status pno_h5_scale(hid_t dset, const char *name) {
  return H5DSset_scale(dset, name) >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s cannot become a dimension scale", name);
}

pno_status pno_h5_attach(hid_t dset, hid_t scale, int axis) {
  if (H5DSattach_scale(dset, scale, (unsigned)axis) >= 0) return PNO_OK;
  return pno_h5_fail(PNO_E_IO, "no dimension scale for axis %d", axis);
}
