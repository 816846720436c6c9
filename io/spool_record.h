/* The bytes of a spool file, shared by its writer and its reader. Internal to io/spool*.c. All functions are Local. */
#ifndef PNO_IO_SPOOL_RECORD_H
#define PNO_IO_SPOOL_RECORD_H

#include <endian.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"

#if BYTE_ORDER != LITTLE_ENDIAN
#error "spool files are little endian and are written as they lie in memory"
#endif

enum { PNO_SPOOL_PATH = 4096, PNO_SPOOL_FREE = 0, PNO_SPOOL_OURS = 1 };

typedef struct {
  char magic[8]; /* "PNOSPOOL" */
  uint64_t version;
  pno_digest key;  /* of the configuration that makes the records */
  pno_digest self; /* of the bytes before */
} pno_spool_header;

typedef struct {
  uint64_t id, bytes;
  pno_digest digest; /* of id, bytes and the payload that follows */
} pno_spool_record;

pno_spool_header pno_spool_header_of(pno_digest key);
pno_digest pno_spool_record_digest(uint64_t id, const void *payload, uint64_t bytes);

/* Reads the header. state: PNO_SPOOL_OURS, or PNO_SPOOL_FREE for an empty file, one torn within its header, or a
 * foreign one without records.
 * Errors: PNO_E_INPUT foreign key or not a spool; PNO_E_IO. */
pno_status pno_spool_check(int fd, const char *path, pno_digest key, int *state);

/* Called for each valid record; at: offset of the payload. */
typedef pno_status pno_spool_visit(void *user, const pno_spool_record *r, off_t at);

/* Visits (visit may be NULL) the valid records behind the header; end: offset behind the last of them.
 * Errors: PNO_E_IO, PNO_E_NOMEM, or what visit returned. */
pno_status pno_spool_walk(int fd, const char *path, pno_spool_visit *visit, void *user, off_t *end);

/* pread until all bytes are there. got: bytes, fewer only at the end of the file. */
pno_status pno_spool_pread(int fd, const char *path, void *to, size_t bytes, off_t at, size_t *got);

#endif
