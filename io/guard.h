/* Opens HDF5 files of unknown origin read-only, in this process, after a walk that refuses what can harm: links other
 * than hard ones, external storage, virtual data sets, foreign filters, and shapes that declare more than they hold
 * (threats and limits: Keras CVE-2026-1669 and its rule of 1000x). All functions are Local. */
#ifndef PNO_IO_GUARD_H
#define PNO_IO_GUARD_H

#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_GUARD_RANK = 8, PNO_GUARD_DEPTH = 8, PNO_GUARD_OBJECTS = 100000 };

typedef struct pno_guard_file pno_guard_file;

/* Walks the whole file before anything of it is used.
 *
 * max_bytes: most bytes that all data sets together may declare; 0 means 64 GiB. More than 4 GiB are accepted only
 * up to 1000 times the size of the file.
 * Errors: PNO_E_IO the file is missing or not readable; PNO_E_INPUT it is not HDF5, damaged, or refused, with the
 * object and the reason; PNO_E_NOMEM. */
pno_status pno_guard_open(const char *path, uint64_t max_bytes, pno_guard_file **out);

/* The HDF5 file id (hid_t), borrowed until close. */
int64_t pno_guard_id(const pno_guard_file *f);

/* Whether the open file has still all its bytes: HDF5 1.10 reads zeros where somebody cut them off. One system call.
 * Errors: PNO_E_INPUT. */
pno_status pno_guard_whole(const pno_guard_file *f);

void pno_guard_close(pno_guard_file **f); /* takes NULL and closed files */

#endif
