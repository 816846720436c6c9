/* A small model's worth of arrays in every layout, with odd sizes, for the tests of checkpoints. */
#ifndef PNO_TESTS_IO_CHECKPOINT_WORLD_H
#define PNO_TESTS_IO_CHECKPOINT_WORLD_H

#include <stdbool.h>

#include "io/checkpoint.h"

enum { WORLD_ARRAYS = 10, WORLD_FLOATS = 4096 };

typedef struct {
  float store[WORLD_FLOATS]; /* all stored values, padding included */
  double plain[6];
  unsigned long long words[3];
  pno_array arrays[WORLD_ARRAYS];
  pno_checkpoint_meta meta;
} world;

/* Values that depend on (seed, array, element) alone; the padding is zero. The arrays point into w. */
void world_make(world *w, int seed);
void world_clear(world *w);                     /* all values and the padding become a pattern, meta is emptied */
bool world_same(const world *a, const world *b); /* all bits */

/* Saves step with the values of seed == step. keep 0: all. */
pno_status world_save(pno_comm *comm, const char *dir, int step, int keep, pno_checkpoint_info *out);
/* Loads into a cleared world; the result is right if the values are those of meta.step. */
pno_status world_load(pno_comm *comm, const char *dir, pno_checkpoint_choice choice, int *step);

#endif
