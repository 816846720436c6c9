#include "tests/engine/train/library_calls.h"

#include <stdatomic.h>
#include <stddef.h>

#include "engine/base/status.h"

static atomic_long calls;

long library_calls(void) { return atomic_load(&calls); }

#if !defined(__SANITIZE_ADDRESS__)

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
PNO_API void *malloc(size_t n);
PNO_API void *calloc(size_t n, size_t size);
PNO_API void *realloc(void *p, size_t n);

void *malloc(size_t n) {
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  return __libc_realloc(p, n);
}

#endif
