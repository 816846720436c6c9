/* Solvers of engine/pde, ready to be timed through the interface that gen uses. All functions are Local. */
#ifndef PNO_BENCHMARKS_LIB_PDE_BENCH_H
#define PNO_BENCHMARKS_LIB_PDE_BENCH_H

#include "engine/pde/equation.h"

/* What is solved; zeros stand for what the recipe says. */
typedef struct {
  const char *name, *equation, *recipe;
  int dims, n[3], refine, frames;
  double time, tolerance, step;
} pno_pde_case;

/* Those that peers are measured at. Their state is one field. */
extern const pno_pde_case pno_pde_cases[];
extern const int pno_n_pde_cases;

/* NULL: there is none of this name. */
const pno_pde_case *pno_pde_case_find(const char *name);

/* A recipe at the size at which its data are published, or else at 1,024 points or 128 x 128. */
pno_pde_case pno_pde_case_of(const pno_equation *e, const pno_pde_recipe *r);

typedef struct {
  const pno_equation *equation; /* borrowed */
  pno_pde_spec spec;
  pno_pde *pde;     /* owned */
  float *values;    /* owned: what gen would write */
  int n[3];         /* of the solver's grid */
  ptrdiff_t points; /* of it */
} pno_pde_bench;

/* One at a time (FFTW plans). Errors: PNO_E_USAGE, PNO_E_NOMEM. */
pno_status pno_pde_bench_create(const pno_pde_case *c, pno_pde_bench *out);
void pno_pde_bench_destroy(pno_pde_bench *b); /* takes NULL and zeroed ones */

/* The state that a sample starts from, in double: state [points]. It holds what 1e-12 of the time of the case changes,
 * as the interface gives a state in double only at the end of a solution. Errors: PNO_E_NOMEM, PNO_E_DIVERGED. */
pno_status pno_pde_bench_state(const pno_pde_bench *b, uint64_t seed, uint32_t sample, double *state);

/* One solution. initial: [points], NULL: drawn; last: [points], NULL: not wanted. seconds: of the solver's call alone.
 * Errors: PNO_E_NOMEM, PNO_E_DIVERGED with the report's words. */
pno_status pno_pde_bench_solve(pno_pde_bench *b, uint64_t seed, uint32_t sample, const double *initial, double *last,
                               pno_pde_report *report, double *seconds);

/* |a - b|_2 / |b|_2 of every step-th of the points of b on each axis; a, of n[dims] points, has them all. */
double pno_pde_bench_distance(int dims, const int *n, const double *a, const double *b, int step);

#endif
