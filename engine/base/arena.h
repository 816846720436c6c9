/* Memory that is sized once and then only lent: three arenas a rank (persistent, step, scratch).
 *
 * A measuring pass runs the same pushes on an arena without storage and reads how much they need; the real arena is
 * then created with exactly that. In a training step nothing calls malloc. Each push is counted under a purpose, so that
 * a plan can say what its bytes are for before any are taken. All functions are Local. */
#ifndef PNO_ENGINE_BASE_ARENA_H
#define PNO_ENGINE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

/* Where bytes live. Kernel tables name the space they compute in; only host exists until the CUDA module is loaded. */
typedef enum { PNO_SPACE_HOST = 0, PNO_SPACE_DEVICE = 1 } pno_space;

enum { PNO_ALIGN = 64 }; /* bytes: one cache line, one AVX-512 register */

/* Arenas of this size and more lie in whole pages of 2 MiB, aligned to them, where the system gives such. */
enum { PNO_ARENA_HUGE = 4 << 20, PNO_PAGE_HUGE = 2 << 20 };

/* Bytes lent for one purpose, padding included; what a release gives back is not subtracted. */
enum { PNO_PURPOSES = 16 };
typedef struct {
  const char *name; /* borrowed; NULL: pushes before the first purpose, or beyond the last place of the table */
  size_t bytes;
} pno_purpose;

typedef struct {
  unsigned char *base; /* owned; NULL while measuring */
  size_t cap;          /* bytes */
  size_t used;         /* bytes */
  size_t peak;         /* bytes, the most that was ever in use */
  pno_space space;
  bool measuring;
  const char *name; /* borrowed, for messages */
  size_t mapped;    /* bytes of pages of our own behind base; 0: base is from the heap */
  pno_purpose purpose[PNO_PURPOSES]; /* in the order of their first use behind [0], which has no name */
  int purposes;                      /* places taken behind [0] */
  int now;                           /* the purpose of the next push */
} pno_arena;

/* An arena that only counts: pushes succeed, give NULL and add to peak. */
pno_arena pno_arena_measure(const char *name, pno_space space);

/* Zeroed storage of cap bytes, all of it touched: what is not there is missed here and not in a step. Errors: PNO_E_NOMEM. */
pno_status pno_arena_create(const char *name, pno_space space, size_t cap, pno_arena *out);
void pno_arena_destroy(pno_arena *a); /* takes NULL and destroyed arenas */

/* Lends count * size bytes aligned to PNO_ALIGN. Not zeroed again after a release.
 * Errors: PNO_E_NOMEM when the product overflows or the arena is full. */
pno_status pno_arena_push(pno_arena *a, size_t count, size_t size, void **out);

/* What the pushes from here on are for; name is borrowed for the life of the arena. */
void pno_arena_purpose(pno_arena *a, const char *name);

/* Scratch discipline: mark, use, release. */
size_t pno_arena_mark(const pno_arena *a);
void pno_arena_release(pno_arena *a, size_t mark);

#define PNO_PUSH(arena, count, ptr) pno_arena_push((arena), (size_t)(count), sizeof **(ptr), (void **)(ptr))

#endif
