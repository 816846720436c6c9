/* What the two shard files share; not for others. */
#ifndef PNO_IO_CHECKPOINT_HDF5_H
#define PNO_IO_CHECKPOINT_HDF5_H

#include "io/checkpoint_impl.h"
#include "io/h5.h"

/* The type an array has in the file; owned by the caller. Local. Errors: PNO_E_NOMEM. */
pno_status shard_array_type(pno_dtype t, hid_t *out);

#endif
