#include "engine/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

pno_arena pno_arena_measure(const char *name, pno_space space) {
  return (pno_arena){.name = name, .space = space, .cap = SIZE_MAX, .measuring = true};
}

pno_status pno_arena_create(const char *name, pno_space space, size_t cap, pno_arena *out) {
  const size_t bytes = cap ? (cap + PNO_ALIGN - 1) / PNO_ALIGN * PNO_ALIGN : PNO_ALIGN;
  if (bytes < cap) return pno_fail(PNO_E_NOMEM, "arena %s: %zu bytes overflow the address space", name, cap);
  if (space != PNO_SPACE_HOST) return pno_fail(PNO_E_INTERNAL, "arena %s: no allocator for space %d", name, (int)space);
  unsigned char *base = aligned_alloc(PNO_ALIGN, bytes);
  if (!base) return pno_fail(PNO_E_NOMEM, "arena %s: %zu bytes are not to be had", name, bytes);
  memset(base, 0, bytes);
  *out = (pno_arena){.base = base, .cap = bytes, .space = space, .name = name};
  return PNO_OK;
}

void pno_arena_destroy(pno_arena *a) {
  if (!a) return;
  free(a->base);
  *a = (pno_arena){.name = a->name};
}

pno_status pno_arena_push(pno_arena *a, size_t count, size_t size, void **out) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - PNO_ALIGN)
    return pno_fail(PNO_E_NOMEM, "arena %s: %zu x %zu bytes overflow", a->name, count, size);
  bytes = (bytes + PNO_ALIGN - 1) / PNO_ALIGN * PNO_ALIGN;
  if (bytes > a->cap - a->used)
    return pno_fail(PNO_E_NOMEM, "arena %s: %zu bytes wanted, %zu of %zu left", a->name, bytes, a->cap - a->used,
                    a->cap);
  *out = a->measuring ? NULL : a->base + a->used;
  a->used += bytes;
  if (a->used > a->peak) a->peak = a->used;
  return PNO_OK;
}

size_t pno_arena_mark(const pno_arena *a) { return a->used; }

void pno_arena_release(pno_arena *a, size_t mark) {
  if (mark <= a->used) a->used = mark;
}
