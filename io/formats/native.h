/* pno-dataset 1.0: the names that its reader, its writer and its digest share. Internal to io/formats/.
 * All functions are Local. */
#ifndef PNO_IO_FORMATS_NATIVE_H
#define PNO_IO_FORMATS_NATIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "io/h5.h"
#include "io/sample.h"

#define PNO_NATIVE_FORMAT "pno-dataset"
#define PNO_NATIVE_VERSION "1.0"
#define PNO_NATIVE_DIGEST "xxh3-128:"

enum { PNO_NATIVE_ORDERS = 2, PNO_NATIVE_DIGEST_TEXT = 48 }; /* scalar and vector fields are read and written */

extern const char *const pno_native_axes[3];                    /* x, y, z */
extern const char *const pno_native_groups[PNO_NATIVE_ORDERS];  /* t0_fields, t1_fields */

/* Statistics that a field carries as attributes: one number, of a vector field one for each component. Those behind
 * PNO_STATISTICS_ALWAYS are of the differences between frames and absent where there is one frame. */
enum { PNO_STATISTICS = 8, PNO_STATISTICS_ALWAYS = 5 };
extern const char
    *const pno_native_statistics[PNO_STATISTICS]; /* mean std rms min max mean_delta std_delta rms_delta */

/* The sample view in the root attributes. get leaves entries of the view that are set as they are. */
pno_status pno_native_put_view(hid_t file, const pno_sample_view *view);
pno_status pno_native_get_view(hid_t file, pno_sample_view *view);

/* Digest of one trajectory: the float32 values of all its fields, by (order, name). Added to d by the caller. The
 * content digest covers: shape, coordinates, names and shapes of fields, scalars, boundary kinds, sample seeds, the
 * view, and the digests of all trajectories; not texts such as generator, configuration or license.
 *
 * deep: the trajectories are read and compared with /provenance/sample_digest; else those are taken as they stand.
 * Errors: PNO_E_INPUT, with the number of the first damaged sample; PNO_E_NOMEM. */
pno_status pno_native_digest(hid_t file, bool deep, pno_digest *out);

#endif
