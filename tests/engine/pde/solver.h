/* An equation that is ready to solve, and orders of convergence in print, for the tests of this folder. */
#ifndef PNO_TESTS_ENGINE_PDE_SOLVER_H
#define PNO_TESTS_ENGINE_PDE_SOLVER_H

#include "engine/pde/equation.h"

typedef struct {
  const pno_equation *equation;
  pno_pde_spec spec;
  pno_pde *pde;
  ptrdiff_t n_values, points; /* floats of a sample; points of the solver's grid */
} solver;

solver solver_make(const char *equation, pno_pde_request request);

/* Steps of length h, whatever the error. */
solver solver_make_fixed(const char *equation, pno_pde_request request, double h);
void solver_free(solver *s);

/* Values of a drawn sample: [n_values], to be freed. A sample without a solution fails the test. */
float *solver_sample(solver *s, uint64_t seed, uint32_t sample);

/* From a state of variables x points to the last one, with the parameters' first numbers. */
pno_pde_report solver_run(solver *s, const double *initial, double *last);

/* Goes four times the solver's time. Returns d/dt of a number of the state at twice that time, by a difference of fourth
 * order, and the state there: variables x points. */
double solver_rate(solver *s, const double *initial, double (*number)(const solver *, const double *), int variables,
                   double *middle);

/* |a - b|_2 / |b|_2 */
double solver_distance(const double *a, const double *b, ptrdiff_t n);

/* Prints size, error and observed order of each refinement beside the theoretical one; returns the last observed one.
 * size, error: [n], from coarse to fine; size is a length or a time. Theory INFINITY: faster than any power. */
double solver_order(const char *what, double theory, int n, const double *size, const double *error);

#endif
