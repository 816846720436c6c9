/* One field of a file onto the grid of a sample: select, read, transpose to channel last. Internal to io/dataset*.c.
 * All functions are Local. */
#ifndef PNO_IO_DATASET_FIELDS_H
#define PNO_IO_DATASET_FIELDS_H

#include <stddef.h>

#include "engine/base/status.h"
#include "io/formats/format.h"

/* What the axes of a field amount to. */
typedef struct {
  int n_grid;
  int n[3];            /* grid extents */
  ptrdiff_t points;    /* their product */
  ptrdiff_t channels;  /* product of the channel axes, 1 without any */
  ptrdiff_t times;     /* 1 without a time axis */
  ptrdiff_t count;     /* trajectories */
} pno_field_shape;

/* on: of the field on whose grid a scalar is to lie, and whose trajectories those share that have none; NULL: no
 * scalars. Errors: PNO_E_SHAPE not 1 to 3 grid axes, an empty one, or extents beyond int. */
pno_status pno_field_shape_of(const pno_field *f, const char *name, const pno_field_shape *on, pno_field_shape *out);

/* Values of one frame in the file. */
ptrdiff_t pno_field_values(const pno_field *f, const pno_field_shape *s);

/* Frames first, first + step, ... of one trajectory as float32, in the order of the file's axes.
 * raw: [frames x pno_field_values]. Errors: PNO_E_INPUT. */
pno_status pno_field_read(const pno_field *f, hsize_t trajectory, hsize_t first, hsize_t step, hsize_t frames,
                          float *raw);

/* Places raw into out [frames or repeat][points][row] at channels at, at + 1, ..., a scalar at every point. repeat > 1
 * writes the one frame of raw that often; else frames become the leading grid axis. */
void pno_field_scatter(const pno_field *f, const pno_field_shape *shape, ptrdiff_t frames, ptrdiff_t repeat,
                       const float *raw, ptrdiff_t row, ptrdiff_t at, float *out);

#endif
