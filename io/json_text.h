/* JSON as text of ours. Local. */
#ifndef PNO_IO_JSON_TEXT_H
#define PNO_IO_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "engine/base/status.h"

/* Indented text of root in a new block (free it), n bytes and a zero behind them; extra: further bytes of room.
 * root NULL is what Jansson gives when memory was short. json_dumps is not used: its buffer (2.14) drops a piece that it
 * finds no memory for and calls the rest complete. Errors: PNO_E_NOMEM. */
pno_status pno_json_text(const json_t *root, size_t extra, char **text, size_t *n);

#endif
