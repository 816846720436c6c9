#include "io/json_text.h"

#include <stdlib.h>

pno_status pno_json_text(const json_t *root, size_t extra, char **text, size_t *n) {
  const size_t length = root ? json_dumpb(root, NULL, 0, JSON_INDENT(1)) : 0;
  char *out = length > 0 ? malloc(length + extra + 1) : NULL;
  if (!out || json_dumpb(root, out, length, JSON_INDENT(1)) != length) {
    free(out);
    return pno_fail(PNO_E_NOMEM, "no memory for %zu bytes of JSON", length);
  }
  out[length] = '\0';
  *text = out;
  *n = length;
  return PNO_OK;
}
