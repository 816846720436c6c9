/* One symmetric geometric-multigrid V-cycle for a symmetric 5-point operator on nodes of [0,1]^2, u = 0 on the
 * boundary: the preconditioner of conjugate gradients (Trottenberg, Oosterlee & Schueller, Multigrid, 2001, 7.7).
 *
 * Coarse nodes are every second node and both ends; with an odd number of intervals the last coarse interval takes
 * three fine ones, which keeps it between 1 and 2 times the others on every level. Interpolation is bilinear,
 * restriction its transpose, coarse operators are Galerkin's P^T A P (9 points). An axis whose spacing is more than 1.5
 * times that of the other waits (semi-coarsening), so that point smoothing works on thin grids too.
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_MULTIGRID_H
#define PNO_ENGINE_PDE_MULTIGRID_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/pde/stencil.h"

enum { PNO_MULTIGRID_LEVELS = 64 };

/* How the nodes of one axis hang on those of the next coarser level: u(i) = weight u(lo) + (1 - weight) u(lo + 1). */
typedef struct {
  double *at; /* [n]: coordinates */
  int *lo;    /* [n] */
  double *weight;
} pno_multigrid_axis;

typedef struct {
  pno_stencil op;
  pno_multigrid_axis axis[2];
  double *x, *b, *r; /* [n0][n1]; x and b are NULL on the finest level: the caller's */
} pno_multigrid_level;

typedef struct {
  int levels;
  pno_multigrid_level level[PNO_MULTIGRID_LEVELS]; /* 0: the finest */
} pno_multigrid;

/* n0, n1 >= 3 nodes. Pushes everything on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_multigrid_create(int n0, int n1, pno_arena *arena, pno_multigrid *out);

/* Makes the coarse operators after centre, east and north of level[0].op were written. */
void pno_multigrid_setup(pno_multigrid *mg);

/* z = B r with B symmetric and positive definite where the operator is. r, z: [n0][n1], 0 on the boundary. */
void pno_multigrid_cycle(pno_multigrid *mg, const double *r, double *z);

#endif
