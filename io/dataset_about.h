/* What a native data set says of itself, without a look at its values: what `pno info` prints and what the files beside
 * it are made of. All functions are Local. */
#ifndef PNO_IO_DATASET_ABOUT_H
#define PNO_IO_DATASET_ABOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "io/dataset.h"
#include "io/sample.h"

enum { PNO_ABOUT_TEXT = 128, PNO_ABOUT_COMPONENTS = 3 };

/* Of the values of one component over all trajectories, times and points; delta: of the differences between frames. */
typedef struct {
  double mean, std, rms, min, max;
  double mean_delta, std_delta, rms_delta; /* 0 of a field that has one frame */
} pno_field_statistics;

typedef struct {
  char name[PNO_FIELD_NAME];
  int order;      /* 0 scalar, 1 vector */
  int components; /* 1, or the number of axes */
  bool timed;     /* has the axis of times */
  bool known;     /* the file has statistics, which older ones have not; delta: also those of differences */
  bool delta;
  pno_field_statistics statistics[PNO_ABOUT_COMPONENTS];
} pno_about_field;

typedef struct {
  char name[PNO_FIELD_NAME];
  bool sample, time; /* differs between trajectories, between times */
  double least, most;
} pno_about_scalar;

/* Texts are empty and numbers 0 where the file does not say. */
typedef struct {
  uint64_t bytes; /* of the file */
  char generator[PNO_ABOUT_TEXT], equation[PNO_ABOUT_TEXT], solver[PNO_ABOUT_TEXT], split[PNO_ABOUT_TEXT];
  uint64_t seed;
  ptrdiff_t trajectories;
  int n_spatial, n[3];
  double lo[3], hi[3];
  char boundary[3][16]; /* "periodic", "wall", "open" */
  bool centres;         /* points are centres of cells */
  int n_times;
  double *time; /* [n_times], owned */
  int n_fields, n_scalars;
  pno_about_field fields[PNO_FIELDS_MAX]; /* by (order, name) */
  pno_about_scalar scalars[PNO_FIELDS_MAX];
} pno_dataset_about;

/* limits: may be NULL. Errors: PNO_E_INPUT also of a file that is not native; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_dataset_about_read(const char *path, const pno_dataset_limits *limits, pno_dataset_about *out);
void pno_dataset_about_free(pno_dataset_about *about);

#endif
