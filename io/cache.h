/* Texts that may be lost: what was measured once and can be measured again. A file NAME in a cache folder, whole or
 * absent, with a digest in front. Processes that write at once take turns (NAME.lock). All functions are Local. */
#ifndef PNO_IO_CACHE_H
#define PNO_IO_CACHE_H

#include "engine/base/status.h"

/* *text: a new block (free it), or NULL if there is no such folder or file.
 * Errors: PNO_E_INPUT a file that is damaged or not of this kind; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_cache_read(const char *folder, const char *name, char **text);

/* The text that is to stand in place of old (NULL: there is none, or it is damaged), in a new block. */
typedef pno_status pno_cache_edit(void *user, const char *old, char **text);

/* Reads, has it edited and writes, while no other process does. Makes the folder and those that it lies in.
 * Errors: of edit; PNO_E_IO, also if another process does not finish within seconds; PNO_E_USAGE a path that is too long;
 * PNO_E_NOMEM. */
pno_status pno_cache_update(const char *folder, const char *name, pno_cache_edit *edit, void *user);

/* The same with a text that does not depend on the old one. */
pno_status pno_cache_write(const char *folder, const char *name, const char *text);

#endif
