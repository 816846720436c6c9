/* What the conformance tests share: every other table against the scalar one on the same operands. */
#ifndef PNO_TESTS_KERNELS_CONFORM_H
#define PNO_TESTS_KERNELS_CONFORM_H

#include <criterion/criterion.h>

#include "tests/kernels/phase_world.h"

/* What an operation wrote: name, values, how many, tolerance relative to their norm. */
typedef struct {
  const char *name;
  const float *v;
  ptrdiff_t n;
  double tolerance;
} conform_output;

enum { CONFORM_OUTPUTS = 8 };
typedef struct {
  int n;
  conform_output of[CONFORM_OUTPUTS];
} conform_outputs;

static inline void conform_add(conform_outputs *o, const char *name, const float *v, ptrdiff_t n, double tolerance) {
  cr_assert_lt(o->n, CONFORM_OUTPUTS);
  if (v && n > 0) o->of[o->n++] = (conform_output){name, v, n, tolerance};
}

/* Runs the operation of one case with table t; the operands depend on the case alone. */
typedef void conform_run(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o);

/* Asserts that each table writes what the scalar one writes; say: the case in words. */
static inline void conform(conform_run *run, const void *one_case, const char *say) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  world w = {0};
  conform_outputs want = {0};
  run(pno_kernels_scalar(), one_case, &w, &want);
  for (int i = 0; i < tables; i++) {
    if (t[i] == pno_kernels_scalar()) continue;
    world v = {0};
    conform_outputs got = {0};
    world_say("%s, %s", t[i]->name, say);
    run(t[i], one_case, &v, &got);
    for (int k = 0; k < want.n; k++)
      world_near(got.of[k].v, want.of[k].v, want.of[k].n, want.of[k].tolerance, want.of[k].name);
    world_end(&v);
  }
  world_end(&w);
}

#endif
