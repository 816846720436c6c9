/* The pieces of a native file, written into an open one. Internal to io/. All functions are Local. */
#ifndef PNO_IO_FORMATS_NATIVE_WRITE_H
#define PNO_IO_FORMATS_NATIVE_WRITE_H

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "io/dataset_write.h"
#include "io/h5.h"

/* Dimension scales of a file while it is written, all owned; -1 where there is none. */
typedef struct {
  hid_t time, axis[3], trajectory, component, end;
} pno_native_scales;

void pno_native_close_scales(pno_native_scales *s);

/* An empty file with superblock 2, no time stamps and links in order of creation. Errors: PNO_E_IO. */
pno_status pno_native_create(const char *path, hid_t *file);

/* Root attributes, coordinates, scalars, boundary conditions (native_meta.c). Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_native_put_root(hid_t file, const pno_dataset_spec *spec);
pno_status pno_native_put_scales(hid_t file, const pno_dataset_spec *spec, pno_native_scales *out);
pno_status pno_native_put_scalars(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales);
pno_status pno_native_put_boundaries(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales);

/* @sample_varying and @time_varying, as The Well wants them. */
pno_status pno_native_put_varying(hid_t object, bool sample, bool time);

/* Fields, trajectories and provenance. Errors: PNO_E_IO, PNO_E_NOMEM, PNO_E_DIVERGED, what source returned. */
pno_status pno_native_put_content(hid_t file, const pno_dataset_spec *spec, const pno_native_scales *scales,
                                  pno_dataset_source *source, void *user);

/* Whether a field has the time axis: always in a file of one time, so that (B,1,x,y) is the shape there. */
bool pno_native_has_time(const pno_dataset_spec *spec, int field);
ptrdiff_t pno_native_field_values(const pno_dataset_spec *spec, int field); /* floats of one trajectory */

#endif
