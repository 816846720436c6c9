#include "engine/base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct pno_digester {
  XXH3_state_t *state; /* owned */
};

static pno_digest from_xxh(XXH128_hash_t h) { return (pno_digest){.high = h.high64, .low = h.low64}; }

pno_digest pno_digest_of(const void *bytes, size_t n) { return from_xxh(XXH3_128bits(bytes, n)); }

bool pno_digest_equal(pno_digest a, pno_digest b) { return a.high == b.high && a.low == b.low; }

void pno_digest_text(pno_digest d, char out[PNO_DIGEST_TEXT]) {
  snprintf(out, PNO_DIGEST_TEXT, "%016" PRIx64 "%016" PRIx64, d.high, d.low);
}

bool pno_digest_parse(const char *text, pno_digest *out) {
  uint64_t half[2] = {0, 0};
  if (strlen(text) != PNO_DIGEST_TEXT - 1) return false;
  for (int i = 0; i < PNO_DIGEST_TEXT - 1; i++) {
    const char *digits = "0123456789abcdef", *at = strchr(digits, text[i]);
    if (!at) return false;
    half[i / 16] = half[i / 16] << 4 | (uint64_t)(at - digits);
  }
  *out = (pno_digest){.high = half[0], .low = half[1]};
  return true;
}

pno_status pno_digester_create(pno_digester **out) {
  pno_digester *d = malloc(sizeof *d);
  if (!d) return pno_fail(PNO_E_NOMEM, "no memory for a digest");
  d->state = XXH3_createState();
  if (!d->state) {
    free(d);
    return pno_fail(PNO_E_NOMEM, "no memory for a digest state");
  }
  XXH3_128bits_reset(d->state);
  *out = d;
  return PNO_OK;
}

void pno_digester_add(pno_digester *d, const void *bytes, size_t n) { XXH3_128bits_update(d->state, bytes, n); }

pno_digest pno_digester_value(const pno_digester *d) { return from_xxh(XXH3_128bits_digest(d->state)); }

void pno_digester_destroy(pno_digester **d) {
  if (!d || !*d) return;
  XXH3_freeState((*d)->state);
  free(*d);
  *d = NULL;
}
