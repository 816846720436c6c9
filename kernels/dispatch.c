#include "kernels/dispatch.h"

#include <string.h>

static bool always(void) { return true; }

static const struct {
  const pno_kernels *(*table)(void);
  bool (*runs)(void);
} tables[] = {{pno_kernels_scalar, always}};

enum { TABLES = sizeof tables / sizeof tables[0] };

const pno_kernels *const *pno_kernels_all(int *n) {
  static const pno_kernels *all[TABLES];
  for (int i = 0; i < TABLES; i++) all[i] = tables[i].table();
  *n = TABLES;
  return all;
}

bool pno_kernels_run(const pno_kernels *table) {
  for (int i = 0; i < TABLES; i++)
    if (tables[i].table() == table) return tables[i].runs();
  return false;
}

const pno_kernels *pno_kernels_find(const char *device) {
  const bool any = strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0;
  for (int i = 0; i < TABLES; i++) {
    const pno_kernels *t = tables[i].table();
    if (tables[i].runs() && (any || strcmp(device, t->name) == 0)) return t;
  }
  return NULL;
}
