/* XXH3-128 (xxHash 0.8): integrity of what we wrote ourselves, not authenticity. All functions are Local. */
#ifndef PNO_ENGINE_BASE_DIGEST_H
#define PNO_ENGINE_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

typedef struct {
  uint64_t high, low;
} pno_digest;

enum { PNO_DIGEST_TEXT = 33 }; /* 32 hexadecimal digits and the end */

pno_digest pno_digest_of(const void *bytes, size_t n);
bool pno_digest_equal(pno_digest a, pno_digest b);
void pno_digest_text(pno_digest d, char out[PNO_DIGEST_TEXT]); /* high then low, lower case */
bool pno_digest_parse(const char *text, pno_digest *out);      /* exactly 32 digits; out untouched on false */

/* A running digest over several pieces. */
typedef struct pno_digester pno_digester;
pno_status pno_digester_create(pno_digester **out); /* Errors: PNO_E_NOMEM */
void pno_digester_add(pno_digester *d, const void *bytes, size_t n);
pno_digest pno_digester_value(const pno_digester *d);
void pno_digester_destroy(pno_digester **d);

#endif
