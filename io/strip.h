/* A picture of one trajectory of a native data set: of a series about 8 frames beside each other, on one scale (of a
 * line all of them, time upwards); of steady problems the inputs and targets. Vectors are shown by their length, boxes
 * by the middle plane of their first axis. All functions are Local. */
#ifndef PNO_IO_STRIP_H
#define PNO_IO_STRIP_H

#include "engine/base/status.h"
#include "io/dataset_about.h"

enum { PNO_STRIP_FRAMES = 8 };

typedef struct {
  const char *data; /* the file that about describes */
  const pno_dataset_about *about;
  const pno_dataset_limits *limits; /* may be NULL */
  ptrdiff_t trajectory;
  const char *field; /* NULL: what the file calls inputs and targets, or of a series the first target */
} pno_strip_spec;

/* Writes the PNG png. Errors: PNO_E_USAGE no such trajectory or field, with the names that there are; those of the data
 * set and of the plot. */
pno_status pno_strip_draw(const char *png, const pno_strip_spec *spec);

#endif
