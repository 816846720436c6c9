#include "kernels/dispatch.h"

#include <string.h>
#include <xmmintrin.h>

static bool always(void) { return true; }

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && has_avx2();
}

static const struct {
  const pno_kernels *(*table)(void);
  bool (*runs)(void);
} tables[] = {{pno_kernels_avx512, has_avx512}, {pno_kernels_avx2, has_avx2}, {pno_kernels_scalar, always}};

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

unsigned pno_denormals_flush(void) {
  const unsigned old = _mm_getcsr();
  _mm_setcsr(old | 0x8040u); /* flush to zero, denormals are zero */
  return old;
}

void pno_denormals_restore(unsigned state) { _mm_setcsr(state); }
