/* Memory that is sized once and then only lent: three arenas a rank (persistent, step, scratch).
 *
 * A measuring pass runs the same pushes on an arena without storage and reads how much they need; the real arena is
 * then created with exactly that. In a training step nothing calls malloc. All functions are Local. */
#ifndef PNO_ENGINE_BASE_ARENA_H
#define PNO_ENGINE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"

/* Where bytes live. Kernel tables name the space they compute in; only host exists until the CUDA module is loaded. */
typedef enum { PNO_SPACE_HOST = 0, PNO_SPACE_DEVICE = 1 } pno_space;

enum { PNO_ALIGN = 64 }; /* bytes: one cache line, one AVX-512 register */

typedef struct {
  unsigned char *base; /* owned; NULL while measuring */
  size_t cap;          /* bytes */
  size_t used;         /* bytes */
  size_t peak;         /* bytes, the most that was ever in use */
  pno_space space;
  bool measuring;
  const char *name; /* borrowed, for messages */
} pno_arena;

/* An arena that only counts: pushes succeed, give NULL and add to peak. */
pno_arena pno_arena_measure(const char *name, pno_space space);

/* Zeroed storage of cap bytes. Errors: PNO_E_NOMEM. */
pno_status pno_arena_create(const char *name, pno_space space, size_t cap, pno_arena *out);
void pno_arena_destroy(pno_arena *a); /* takes NULL and destroyed arenas */

/* Lends count * size bytes aligned to PNO_ALIGN. Not zeroed again after a release.
 * Errors: PNO_E_NOMEM when the product overflows or the arena is full. */
pno_status pno_arena_push(pno_arena *a, size_t count, size_t size, void **out);

/* Scratch discipline: mark, use, release. */
size_t pno_arena_mark(const pno_arena *a);
void pno_arena_release(pno_arena *a, size_t mark);

#define PNO_PUSH(arena, count, ptr) pno_arena_push((arena), (size_t)(count), sizeof **(ptr), (void **)(ptr))

#endif
