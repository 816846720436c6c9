/* What an evaluation found: any number of arrays of double over named axes, in an HDF5 file with dimension scales that
 * h5py, xarray and ncdump open (eval.h5). @format = "pno-scores". Written as NAME.tmp, renamed when complete. Local. */
#ifndef PNO_IO_SCORES_FILE_H
#define PNO_IO_SCORES_FILE_H

#include <stddef.h>

#include "engine/base/status.h"

enum { PNO_SCORES_RANK_MAX = 2, PNO_SCORES_NOTES_MAX = 16 };

/* An axis with values of its own; one that only an array names has 0, 1, .. At most 64 of both kinds. */
typedef struct {
  const char *name; /* "level" */
  ptrdiff_t n;
  const double *values;
  const char *long_name, *units; /* may be NULL */
} pno_scores_axis;

typedef struct {
  const char *name;              /* "coverage" */
  const char *long_name, *units; /* may be NULL */
  int rank;                      /* 0: one value */
  struct {
    const char *axis; /* equal names have equal lengths */
    ptrdiff_t n;
  } dim[PNO_SCORES_RANK_MAX];
  const double *values; /* row-major; what does not exist is NaN */
} pno_scores_array;

typedef struct {
  int n_axes, n_arrays, n_notes;
  const pno_scores_axis *axis;
  const pno_scores_array *array;
  const char *note[PNO_SCORES_NOTES_MAX][2]; /* root attributes: which code, configuration digest and data made it */
} pno_scores_spec;

/* Errors: PNO_E_USAGE two things of one name, an axis of two lengths, a rank or a length that is none; PNO_E_IO with the
 * bytes needed when the disk has too little room; PNO_E_NOMEM. */
pno_status pno_scores_write(const char *path, const pno_scores_spec *spec);

#endif
