/* What a data format tells io/dataset.c: which fields there are and what their axes mean. One row of formats.c and one
 * file a format. Internal to io/. All functions are Local. */
#ifndef PNO_IO_FORMATS_FORMAT_H
#define PNO_IO_FORMATS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "io/guard.h"
#include "io/h5.h"
#include "io/sample.h"

/* One field of a file. Axis 0 counts trajectories; every axis that is neither time nor channel is grid, in order.
 * A scalar has no grid axes: its value holds at every point. */
typedef struct {
  hid_t dset;                   /* owned by the data set, -1: none */
  int rank;                     /* of dset */
  hsize_t dims[H5S_MAX_RANK];   /* of dset */
  int time_axis;                /* 1 or 2, of a shared scalar 0; -1: none */
  int channel_axis, n_channel_axes; /* the first of neighbouring axes, before or behind the whole grid; 0: none */
  bool along_time;              /* an input whose times are those of the targets (space_time only) */
  bool everywhere;              /* a scalar: no grid axes */
  bool shared;                  /* a scalar of all trajectories: no axis counts them */
} pno_field;

typedef struct {
  const char *name;
  const char *layout; /* for messages: what a file of this format holds */
  bool (*recognise)(hid_t file);
  /* Fills what the view leaves open. */
  pno_status (*view)(hid_t file, pno_sample_view *view);
  /* Opens the fields that the view names: input [n_input], target [n_target], given with dset -1. */
  pno_status (*fields)(hid_t file, const pno_sample_view *view, pno_field *input, pno_field *target);
  /* Overwrites lo and hi of info, whose shape is known, where the file knows them. */
  pno_status (*coordinates)(hid_t file, const pno_sample_view *view, pno_sample_info *info);
  pno_status (*times)(hid_t file, int n, double *time); /* of the n frames; NULL: the file does not say */
  pno_status (*digest)(hid_t file, pno_digest *out); /* the content digest in the file; NULL: has none */
  pno_status (*verify)(hid_t file);                  /* compares content and digest; NULL: cannot */
} pno_format;

/* The format of a file: the first row that recognises it. The last row takes everything. */
const pno_format *pno_format_of(hid_t file);

/* Opens a data set of numbers into f, with no time and no channel axis yet.
 * Errors: PNO_E_INPUT absent, with the names that group has; not numbers; more than 8 axes. */
pno_status pno_field_open(hid_t group, const char *name, pno_field *f);

/* The same of a scalar, a data set of at most two axes; which they are is for the caller to say. */
pno_status pno_scalar_open(hid_t group, const char *name, pno_field *f);

/* Whether that is the name of a link in group, and no path. */
bool pno_format_has(hid_t group, const char *name);

/* The names in a group as "a, b, c", cut at cap - 1 bytes. */
void pno_format_names(hid_t group, char *text, size_t cap);

extern const pno_format pno_format_native; /* native.c */
extern const pno_format pno_format_plain;  /* plain.c */

#endif
