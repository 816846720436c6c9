/* Between stored and outside order of an array: exact in both directions, bit by bit. All functions are Local. */
#ifndef PNO_IO_LAYOUT_H
#define PNO_IO_LAYOUT_H

#include <stddef.h>

#include "engine/base/status.h"
#include "io/array.h"

size_t pno_dtype_bytes(pno_dtype t);      /* of one element */
const char *pno_dtype_name(pno_dtype t);  /* "f32", "f64", "c64", "i64", "u64" */

ptrdiff_t pno_array_elements(const pno_array *a); /* of the outside */
size_t pno_array_bytes(const pno_array *a);       /* of the outside */

/* Whether type, shape, layout and stored extents fit together and nothing overflows. Errors: PNO_E_SHAPE. */
pno_status pno_array_check(const pno_array *a);

/* outside: [pno_array_bytes], row-major, complex as (re, im) pairs. Errors: PNO_E_SHAPE; outside is untouched then. */
pno_status pno_layout_export(const pno_array *a, void *outside);

/* Writes a->data; the padding of what is written becomes zero. Errors: PNO_E_SHAPE; nothing is written then. */
pno_status pno_layout_import(const pno_array *a, const void *outside);

#endif
