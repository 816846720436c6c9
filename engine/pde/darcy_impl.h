/* What darcy.c and darcy_recipe.c share; nobody else includes this. */
#ifndef PNO_ENGINE_PDE_DARCY_IMPL_H
#define PNO_ENGINE_PDE_DARCY_IMPL_H

#include "engine/base/arena.h"
#include "engine/pde/darcy.h"
#include "engine/pde/multigrid.h"
#include "engine/pde/random_field.h"

struct pno_darcy {
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_multigrid mg;
  pno_random_field field;
  double *a, *f, *u;             /* [n0][n1]: one sample */
  double *b, *r, *z, *p, *q, *x; /* [n0][n1]: conjugate gradients, 0 on the boundary */
  double *bump[2];               /* [n0], [n1]: factors of one Gaussian of the pdebench recipe */
};

bool pno_darcy_is_li(const pno_pde_spec *spec); /* else pdebench */

/* Errors: PNO_E_USAGE what is wrong with the spec. */
pno_status pno_darcy_check(const pno_pde_spec *spec);

#endif
