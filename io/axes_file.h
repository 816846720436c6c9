/* What files that leave the program share: an HDF5 file of variables over named axes (dimension scales), written under a
 * temporary name and renamed when complete. Equal content gives equal bytes. For the writers of io only.
 * Local, one writer; pno_h5_begin has been called. */
#ifndef PNO_IO_AXES_FILE_H
#define PNO_IO_AXES_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "io/fsutil.h"
#include "io/h5_image.h"

enum { PNO_AXES_MAX = 64, PNO_AXES_NAME = 64, PNO_AXES_RANK = 7 };

typedef struct {
  char path[PNO_PATH_MAX], temp[PNO_PATH_MAX];
  hid_t file;
  struct {
    char name[PNO_AXES_NAME];
    hid_t id;
  } axis[PNO_AXES_MAX];
  int n_axes;
} pno_axes_file;

/* The empty file with root attributes format, its version 1.0, the conventions of netCDF and the notes; bytes: at least so
 * many are coming. On failure nothing is left. Errors: PNO_E_IO with the bytes needed when the disk has too little room;
 * PNO_E_USAGE path too long. */
pno_status pno_axes_file_create(const char *path, const char *format, uint64_t bytes, int n_notes,
                                const char *const (*note)[2], pno_axes_file *f);

/* The axis of this name, made if it does not exist yet. values [n] of H5T_NATIVE_DOUBLE or H5T_NATIVE_INT64; NULL: 0, 1, ..
 * *out is owned by f. Errors: PNO_E_USAGE the name has another length or is a variable's, or too many axes; PNO_E_NOMEM;
 * PNO_E_IO. */
pno_status pno_axes_file_axis(pno_axes_file *f, const char *name, ptrdiff_t n, hid_t type, const void *values,
                              hid_t *out);

/* An empty variable over axes [rank] with its labels; either may be NULL. The caller closes *out before the commit.
 * Errors: PNO_E_USAGE the name exists; PNO_E_IO. */
pno_status pno_axes_file_var(pno_axes_file *f, const char *name, hid_t file_type, int rank, const hid_t *axes,
                             const char *long_name, const char *units, hid_t *out);

/* Syncs and renames into place; f is closed in any case. Errors: PNO_E_IO. */
pno_status pno_axes_file_commit(pno_axes_file *f);
void pno_axes_file_abandon(pno_axes_file *f); /* nothing stays on disk; takes closed ones */

#endif
