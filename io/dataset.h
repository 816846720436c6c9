/* Which samples exist, and their values. Formats are the rows of io/formats/formats.c.
 *
 * A data set is opened guarded (io/guard.h), read-only, by every rank that wants it. All functions are Local. */
#ifndef PNO_IO_DATASET_H
#define PNO_IO_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "io/sample.h"

typedef struct {
  uint64_t max_bytes; /* most bytes that the file may declare; 0 means 64 GiB */
  bool verify;        /* read everything and compare with the digests in the file (native files only) */
} pno_dataset_limits;

typedef struct pno_dataset pno_dataset;

/* view: may be NULL or partly zero, see io/sample.h; limits: may be NULL.
 * Errors: PNO_E_IO missing or unreadable; PNO_E_INPUT not HDF5, refused by the guard, no known format (with the names
 * that the file has), absent field, native file that is incomplete or whose digest is wrong; PNO_E_SHAPE the fields do
 * not fit together or the view does not fit them; PNO_E_NOMEM. */
pno_status pno_dataset_open(const char *path, const pno_sample_view *view, const pno_dataset_limits *limits,
                            pno_dataset **out);
void pno_dataset_close(pno_dataset **ds); /* takes NULL and closed data sets */

const pno_sample_info *pno_dataset_info(const pno_dataset *ds);
const pno_sample_view *pno_dataset_view(const pno_dataset *ds); /* resolved: nothing left open */
ptrdiff_t pno_dataset_count(const pno_dataset *ds);             /* samples, 0 or more */
const char *pno_dataset_format(const pno_dataset *ds);          /* "pno-dataset" or "x/y" */

ptrdiff_t pno_dataset_trajectories(const pno_dataset *ds); /* each gives as many samples as another */
int pno_dataset_frames(const pno_dataset *ds);             /* times of the file, 1 if no field has any */

/* One input or target, in the order of the view. */
typedef struct {
  int channels; /* of one frame */
  bool timed;   /* else it gives them once, in the first frame */
} pno_dataset_part;
pno_dataset_part pno_dataset_input(const pno_dataset *ds, int i);
pno_dataset_part pno_dataset_target(const pno_dataset *ds, int i);

/* Times of the frames [pno_dataset_frames]; 0, 1, .. where the file does not say. Errors: PNO_E_INPUT. */
pno_status pno_dataset_times(const pno_dataset *ds, double *time);

ptrdiff_t pno_dataset_points(const pno_dataset *ds);   /* product of the grid extents */
ptrdiff_t pno_dataset_x_count(const pno_dataset *ds);  /* floats of x of one sample */
ptrdiff_t pno_dataset_y_count(const pno_dataset *ds);

/* The content digest that a native file carries; false for other formats. */
bool pno_dataset_digest(const pno_dataset *ds, pno_digest *out);

/* Reads one sample. x: [pno_dataset_x_count], y: [pno_dataset_y_count], channel last; undefined on failure.
 * Calls no malloc of ours; calls from several threads wait for each other.
 * Errors: PNO_E_INPUT unreadable bytes, or a NaN or Inf, with the sample and the field; PNO_E_USAGE no such sample. */
pno_status pno_dataset_read(pno_dataset *ds, ptrdiff_t sample, float *x, float *y);

#endif
