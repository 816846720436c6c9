/* The equations that gen can solve: one row of a table each. A sample depends on (spec, seed, number of the sample)
 * alone, never on ranks or on the order of calls. All functions are Local. */
#ifndef PNO_ENGINE_PDE_EQUATION_H
#define PNO_ENGINE_PDE_EQUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_PDE_FIELDS_MAX = 4 };

typedef enum { PNO_RECIPE_LI = 0, PNO_RECIPE_PDEBENCH } pno_pde_recipe;

typedef struct {
  pno_pde_recipe recipe;
  int dims, n[3];    /* points of each axis, as written */
  double alpha, tau; /* smoothness and inverse length scale of the random field */
  double beta;       /* constant source (pdebench recipe) */
  double tolerance;  /* relative residual */
} pno_pde_spec;

typedef struct {
  const char *name;
  bool input; /* else a target */
} pno_pde_field;

typedef struct pno_pde pno_pde; /* one sample's work space */

typedef struct {
  const char *name, *solver, *help;
  int dims;
  double lo, hi; /* coordinates of the first and the last point of each axis */
  int n_fields;
  pno_pde_field fields[PNO_PDE_FIELDS_MAX]; /* steady scalar fields [n...] in the order of solve's values */
  /* Errors: PNO_E_USAGE a spec the equation does not take; PNO_E_NOMEM. */
  pno_status (*create)(const pno_pde_spec *spec, pno_pde **out);
  /* values: the fields one behind the other, each [n...]; residual: relative, of the discrete equations in double.
   * Errors: PNO_E_DIVERGED no solution to the tolerance. */
  pno_status (*solve)(pno_pde *pde, uint64_t seed, uint32_t sample, float *values, double *residual);
  void (*destroy)(pno_pde **pde); /* takes NULL */
} pno_equation;

extern const pno_equation *const pno_equations[];
extern const int pno_n_equations;

/* Errors: PNO_E_USAGE with the names there are. */
pno_status pno_equation_find(const char *name, const pno_equation **out);

#endif
