#include "engine/pde/equation.h"

#include <stdio.h>
#include <string.h>

#include "engine/pde/darcy.h"

const pno_equation *const pno_equations[] = {&pno_darcy_equation};
const int pno_n_equations = sizeof pno_equations / sizeof *pno_equations;

pno_status pno_equation_find(const char *name, const pno_equation **out) {
  char known[256];
  size_t used = 0;
  known[0] = '\0';
  for (int i = 0; i < pno_n_equations; i++) {
    if (strcmp(name, pno_equations[i]->name) == 0) {
      *out = pno_equations[i];
      return PNO_OK;
    }
    if (used < sizeof known) {
      const int n = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", pno_equations[i]->name);
      used += n > 0 ? (size_t)n : 0;
    }
  }
  return pno_fail(PNO_E_USAGE, "no equation is called '%s'; there are: %s", name, known);
}
