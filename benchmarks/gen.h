/* What the files of bench_gen share; nobody else includes this. All functions are Local. */
#ifndef PNO_BENCHMARKS_GEN_H
#define PNO_BENCHMARKS_GEN_H

#include "benchmarks/lib/pde_bench.h"

enum { GEN_SEED = 1, GEN_REPEATS_MOST = 101 };

/* A solver with a state it starts from and one it ends at. */
typedef struct {
  pno_pde_bench bench;  /* owned */
  double *first, *last; /* owned: [points] */
  pno_pde_report report;
  double median_ms, best_ms; /* of a solution */
} contest;

/* Errors: PNO_E_USAGE, PNO_E_NOMEM. */
pno_status contest_make(const pno_pde_case *c, uint32_t sample, contest *out);
void contest_free(contest *t); /* takes zeroed ones */

/* One solution, and then as many timed ones: 0 to GEN_REPEATS_MOST. Errors: PNO_E_DIVERGED. */
pno_status contest_run(contest *t, uint32_t sample, int repeats);

/* Prints all cases and recipes, or those of the n names, and writes them as JSON where a path is given. */
pno_status gen_measure_all(int repeats, char **names, int n, const char *json);

#endif
