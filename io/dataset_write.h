/* Writes a native data set, pno-dataset 1.0: The Well's layout with dimension scales, so that h5py, xarray, ncdump and
 * The Well's readers open it. The layout is described in io/formats/README.md. All functions are Local (rank 0 writes). */
#ifndef PNO_IO_DATASET_WRITE_H
#define PNO_IO_DATASET_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "io/sample.h"

typedef struct {
  const char *name;
  int order;         /* 0 scalar field, 1 vector field with n_spatial components (last axis) */
  bool time_varying; /* false: one frame for all times */
} pno_field_spec;

typedef struct {
  const char *name;
  double value;
  const double *per_sample; /* [n_samples], or NULL for one value for all */
} pno_scalar_spec;

typedef enum { PNO_BOUNDARY_PERIODIC = 0, PNO_BOUNDARY_WALL, PNO_BOUNDARY_OPEN } pno_boundary;

/* All pointers are borrowed for the call; text may be NULL where marked. */
typedef struct {
  const char *name;      /* @dataset_name */
  const char *generator; /* program, version and build */
  const char *solver;
  const char *equation; /* NULL: none */
  const char *split;    /* the part that the samples are: train, valid, test; NULL: not said */
  const char *config;  /* resolved configuration; NULL: none */
  const char *license; /* NULL: none */
  uint64_t seed;
  ptrdiff_t n_samples;
  int n_spatial; /* 1..3 */
  int n[3];
  double lo[3], hi[3]; /* coordinates of the first and the last point of each axis */
  bool centres;        /* the points are centres of cells, else nodes */
  pno_boundary boundary[3];
  int n_times;        /* 1 for steady problems */
  const double *time; /* [n_times]; NULL: 0, 1, 2, ... */
  int n_fields;
  const pno_field_spec *fields;
  int n_scalars;
  const pno_scalar_spec *scalars;
  const uint64_t *sample_seed; /* [n_samples]; NULL: the number of the sample (the draws' key beside the seed) */
  const pno_sample_view *view; /* written as root attributes; names fields of this file, as inputs also scalars */
  bool compress;               /* shuffle + deflate 1; fletcher32 is always there */
} pno_dataset_spec;

/* Floats of one trajectory: field after field in the order of the spec, each [n_times or 1][n...][components]. */
ptrdiff_t pno_dataset_spec_values(const pno_dataset_spec *spec);

/* Fills values [n] of one trajectory. */
typedef pno_status pno_dataset_source(void *user, ptrdiff_t sample, float *values, ptrdiff_t n);

/* Writes path.tmp, syncs it and renames it to path: a crash leaves the old file or the new one whole. Equal specs and
 * values give equal bytes. digest (may be NULL): of the logical content, the same whoever computed the samples.
 * Errors: PNO_E_IO, PNO_E_NOMEM, PNO_E_USAGE a spec that contradicts itself, PNO_E_DIVERGED a value that is not
 * finite, or what source returned; the previous file stays. */
pno_status pno_dataset_write(const char *path, const pno_dataset_spec *spec, pno_dataset_source *source, void *user,
                             pno_digest *digest);

#endif
