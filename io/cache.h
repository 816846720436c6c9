/* Texts that may be lost: what was measured once and can be measured again. A file NAME in a cache folder, whole or
 * absent, with a digest in front. Two processes that write at once: the last one stays. All functions are Local. */
#ifndef PNO_IO_CACHE_H
#define PNO_IO_CACHE_H

#include "engine/base/status.h"

/* *text: a new block (free it), or NULL if there is no such folder or file.
 * Errors: PNO_E_INPUT a file that is damaged or not of this kind; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_cache_read(const char *folder, const char *name, char **text);

/* Makes the folder and those that it lies in. Errors: PNO_E_IO, PNO_E_USAGE a path that is too long, PNO_E_NOMEM. */
pno_status pno_cache_write(const char *folder, const char *name, const char *text);

#endif
