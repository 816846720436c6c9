#include "io/sample.h"

#include <string.h>

static const char *const names[] = {[PNO_MODE_FILE] = "",
                                    [PNO_MODE_STEADY] = "steady",
                                    [PNO_MODE_SPACE_TIME] = "space_time",
                                    [PNO_MODE_AUTOREGRESSIVE] = "autoregressive"};

const char *pno_sample_mode_name(pno_sample_mode mode) { return names[mode]; }

bool pno_sample_mode_parse(const char *name, pno_sample_mode *out) {
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
    if (strcmp(name, names[i]) == 0) {
      *out = (pno_sample_mode)i;
      return true;
    }
  return false;
}
