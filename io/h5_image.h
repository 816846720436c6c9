/* HDF5 files in memory: built and parsed as one block of bytes, so that our own write loop meets the disk and a digest
 * stands between the disk and HDF5's parser. All functions are Local. Included only inside io/. */
#ifndef PNO_IO_H5_IMAGE_H
#define PNO_IO_H5_IMAGE_H

#include <stddef.h>

#include "engine/base/status.h"
#include "io/h5.h"

/* An empty file in memory; nothing ever reaches the disk. Close with pno_h5_close. Errors: PNO_E_NOMEM. */
pno_status pno_h5_image_create(hid_t *file);

/* The bytes of the file so far, in a new block (free it). Errors: PNO_E_NOMEM, PNO_E_IO. */
pno_status pno_h5_image_take(hid_t file, void **bytes, size_t *n);

/* Opens a copy of these bytes, read-only. Errors: PNO_E_INPUT not HDF5. */
pno_status pno_h5_image_open(const void *bytes, size_t n, hid_t *file);

/* The complex number that h5py and xarray read as complex64: compound {r: f4, i: f4}. Owned by the caller. */
pno_status pno_h5_complex_type(hid_t *out);

/* Creates the groups of a/b/c as far as they are absent and opens the innermost; path "" gives the file's root.
 * Errors: PNO_E_IO. */
pno_status pno_h5_group_path(hid_t file, const char *path, hid_t *out);

/* Makes dset a dimension scale called name, or attaches scale to axis of dset. Errors: PNO_E_IO. */
pno_status pno_h5_scale(hid_t dset, const char *name);
pno_status pno_h5_attach(hid_t dset, hid_t scale, int axis);

#endif
