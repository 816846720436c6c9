/* Fields that leave the program: predictions beside inputs and truth, in an HDF5 file with dimension scales that h5py,
 * xarray and ncdump open. @format = "pno-fields". Written as NAME.tmp, renamed when complete. Local, one writer. */
#ifndef PNO_IO_FIELDS_FILE_H
#define PNO_IO_FIELDS_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_FIELDS_DIMS_MAX = 4, PNO_FIELDS_VARS_MAX = 48, PNO_FIELDS_NOTES_MAX = 16, PNO_FIELDS_ATTRS_MAX = 4 };

/* channels > 0: float (sample, channel_axis, x, y, z), with members > 0 (sample, member, channel_axis, x, y, z).
 * channels 0: one double a sample, or over the first axes (sample, x, ..). */
typedef struct {
  const char *name;         /* "prediction" */
  const char *long_name;    /* may be NULL */
  const char *channel_axis; /* "channel", "channel_in": equal names have equal counts */
  int channels;
  const char *units; /* may be NULL */
  int members; /* 0: no such axis; variables that have it have the same number */
  int skip;    /* channels > 0: so many of the first axes it does not have */
  int over;    /* channels 0: so many of the first axes it has */
  int n_attrs; /* numbers that say what the variable is: the level of an interval of which it is a bound */
  struct {
    const char *name;
    double value;
  } attr[PNO_FIELDS_ATTRS_MAX];
} pno_fields_var;

/* All borrowed until pno_fields_create returns. */
typedef struct {
  ptrdiff_t samples;
  const int64_t *sample_ids; /* [samples] or NULL: 0, 1, .. */
  int dims;
  int n[PNO_FIELDS_DIMS_MAX];
  const char *axis[PNO_FIELDS_DIMS_MAX];   /* NULL: "x", "y", "z"; the fourth has no name of its own */
  const double *coord[PNO_FIELDS_DIMS_MAX]; /* [n] or NULL: 0, 1, .. */
  int n_vars;
  pno_fields_var var[PNO_FIELDS_VARS_MAX];
  int n_notes; /* root attributes: which code, configuration digest and data made it */
  const char *note[PNO_FIELDS_NOTES_MAX][2];
} pno_fields_spec;

typedef struct pno_fields_file pno_fields_file;

/* Errors: PNO_E_IO with the bytes needed when the disk has too little room; PNO_E_USAGE; PNO_E_NOMEM. */
pno_status pno_fields_create(const char *path, const pno_fields_spec *spec, pno_fields_file **out);

/* values: [channels][x][y][z] of one sample, put_last: [x][y][z][channels] as operators hold them.
 * Errors: PNO_E_IO, PNO_E_INTERNAL for an index that does not exist. */
pno_status pno_fields_put(pno_fields_file *f, int var, ptrdiff_t sample, const float *values);
pno_status pno_fields_put_last(pno_fields_file *f, int var, ptrdiff_t sample, const float *values);
/* The same of one member of a variable that has them. */
pno_status pno_fields_put_member(pno_fields_file *f, int var, ptrdiff_t sample, int member, const float *values);
pno_status pno_fields_put_member_last(pno_fields_file *f, int var, ptrdiff_t sample, int member, const float *values);
/* Of a variable without channels: one value, or those over its axes. */
pno_status pno_fields_put_scalar(pno_fields_file *f, int var, ptrdiff_t sample, double value);
pno_status pno_fields_put_line(pno_fields_file *f, int var, ptrdiff_t sample, const double *values);

/* Syncs and renames into place. f is closed in any case, and *f NULL. */
pno_status pno_fields_commit(pno_fields_file **f);
void pno_fields_abandon(pno_fields_file **f); /* nothing stays on disk; takes NULL and closed ones */

#endif
