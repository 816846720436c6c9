#include "engine/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

pno_arena pno_arena_measure(const char *name, pno_space space) {
  return (pno_arena){.name = name, .space = space, .cap = SIZE_MAX, .measuring = true};
}

/* Pages of our own, aligned to 2 MiB, huge ones if the system will: a step streams hundreds of MB through the arena, and
 * with pages of 4 KiB every 4 KiB of it costs an entry of the TLB. NULL: no memory. mapped: bytes to unmap. */
static unsigned char *map_huge(size_t bytes, size_t *mapped) {
  const size_t page = PNO_PAGE_HUGE;
  if (bytes > SIZE_MAX - 2 * page) return NULL;
  const size_t whole = (bytes + page - 1) / page * page;
  unsigned char *all = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return NULL;
  const size_t before = (page - (uintptr_t)all % page) % page;
  if (before) munmap(all, before);
  if (before < page) munmap(all + before + whole, page - before);
  madvise(all + before, whole, MADV_HUGEPAGE); /* a wish; without it the pages are small */
  *mapped = whole;
  return all + before;
}

pno_status pno_arena_create(const char *name, pno_space space, size_t cap, pno_arena *out) {
  const size_t bytes = cap ? (cap + PNO_ALIGN - 1) / PNO_ALIGN * PNO_ALIGN : PNO_ALIGN;
  if (bytes < cap) return pno_fail(PNO_E_NOMEM, "arena %s: %zu bytes overflow the address space", name, cap);
  if (space != PNO_SPACE_HOST) return pno_fail(PNO_E_INTERNAL, "arena %s: no allocator for space %d", name, (int)space);
  size_t mapped = 0;
  unsigned char *base = bytes >= PNO_ARENA_HUGE ? map_huge(bytes, &mapped) : aligned_alloc(PNO_ALIGN, bytes);
  if (!base) return pno_fail(PNO_E_NOMEM, "arena %s: %zu bytes are not to be had", name, bytes);
  memset(base, 0, bytes);
  *out = (pno_arena){.base = base, .cap = bytes, .space = space, .name = name, .mapped = mapped};
  return PNO_OK;
}

void pno_arena_destroy(pno_arena *a) {
  if (!a) return;
  if (a->mapped)
    munmap(a->base, a->mapped);
  else
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
  a->purpose[a->now].bytes += bytes;
  if (a->used > a->peak) a->peak = a->used;
  return PNO_OK;
}

void pno_arena_purpose(pno_arena *a, const char *name) {
  for (a->now = 1; a->now <= a->purposes; a->now++)
    if (strcmp(a->purpose[a->now].name, name) == 0) return;
  if (a->now == PNO_PURPOSES)
    a->now = 0;
  else
    a->purpose[++a->purposes].name = name;
}

size_t pno_arena_mark(const pno_arena *a) { return a->used; }

void pno_arena_release(pno_arena *a, size_t mark) {
  if (mark <= a->used) a->used = mark;
}
