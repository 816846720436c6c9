/* Where ranks put finished records until rank 0 assembles the file: append-only, one file a rank, torn tails ignored.
 *
 * dir/rank-R.spool = header (magic, version, run key, digest of the header), then records {id u64, length u64,
 * XXH3-128 of id, length and payload, payload}, little endian. A record is valid only if its digest is right; the
 * first invalid one ends a file, since lengths behind it cannot be trusted. All functions are Local. */
#ifndef PNO_IO_SPOOL_H
#define PNO_IO_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"

typedef struct pno_spool pno_spool;         /* one rank appends */
typedef struct pno_spool_set pno_spool_set; /* all records in a directory */

/* Creates dir (0700) and the spool of this rank, or goes on behind the last valid record of it.
 *
 * key: digest of the configuration that makes the records; another key in a file with records is refused, nothing is
 * deleted.
 * Errors: PNO_E_IO, also when another process appends to it; PNO_E_INPUT foreign key or not a spool; PNO_E_NOMEM. */
pno_status pno_spool_open(const char *dir, int rank, pno_digest key, pno_spool **out);

/* Appends with one write; syncs every 16 records or 2 seconds. After a failure the file ends behind the last whole
 * record and the append may be tried again. Errors: PNO_E_IO. */
pno_status pno_spool_append(pno_spool *s, uint64_t id, const void *payload, size_t bytes);

/* After it returns PNO_OK every appended record survives a crash of the machine. Errors: PNO_E_IO. */
pno_status pno_spool_sync(pno_spool *s);

/* Syncs; one without records is deleted, and so is dir if nothing else is in it. Takes NULL and closed spools; always
 * releases. Errors: PNO_E_IO. */
pno_status pno_spool_close(pno_spool **s);

/* Reads and verifies all spools in dir, of whatever former number of ranks. No directory: an empty set.
 *
 * ids run 0..n_ids-1; of equal ids the first found counts.
 * Errors: PNO_E_INPUT a spool of another key, with what to do; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_spool_scan(const char *dir, pno_digest key, uint64_t n_ids, pno_spool_set **out);
bool pno_spool_has(const pno_spool_set *set, uint64_t id);
uint64_t pno_spool_count(const pno_spool_set *set); /* ids that exist */

/* Reads the record of id, which must have exactly these bytes, and verifies its digest again.
 * Errors: PNO_E_INPUT absent, of another length, or damaged; PNO_E_IO. */
pno_status pno_spool_read(const pno_spool_set *set, uint64_t id, void *payload, size_t bytes);

/* pno_dataset_source over a set whose payloads are the n floats of a sample: user is the pno_spool_set. */
pno_status pno_spool_sample(void *user, ptrdiff_t sample, float *values, ptrdiff_t n);

void pno_spool_set_close(pno_spool_set **set); /* takes NULL and closed sets */

double pno_spool_bytes(const char *dir); /* of all spools in it; 0: none */

/* Deletes the spools in dir and then dir, once the data set is in place. Other files in it stay, and so does dir then.
 * Errors: PNO_E_IO. */
pno_status pno_spool_remove(const char *dir);

#endif
