/* Steady flow in a porous medium: -div(a grad u) = f on [0,1]^2, u = 0 on the boundary.
 *
 * Nodes (i / (n0-1), j / (n1-1)) with the boundary. Finite volumes around the nodes, second order: the flux between two
 * neighbours is (a_k + a_l) / 2 times (u_k - u_l) / h, the arithmetic face coefficient of Li et al.'s solve_gwf and of
 * PDEBench. Conjugate gradients with one multigrid V-cycle as preconditioner, in double. All functions are Local. */
#ifndef PNO_ENGINE_PDE_DARCY_H
#define PNO_ENGINE_PDE_DARCY_H

#include <stdint.h>

#include "engine/base/status.h"
#include "engine/pde/equation.h"
#include "engine/pde/stencil.h"

typedef struct pno_darcy pno_darcy;

/* Takes all memory that solving needs. One thread at a time (FFTW plans).
 * Errors: PNO_E_USAGE a spec that has no meaning; PNO_E_NOMEM. */
pno_status pno_darcy_create(const pno_pde_spec *spec, pno_darcy **out);
void pno_darcy_destroy(pno_darcy **darcy); /* takes NULL and leaves NULL */

/* Draws the coefficient of (seed, sample) by the recipe of the spec: a [n0][n1], borrowed until the next call.
 * parameters: those of the equation.
 *   li       a = 12 where the random field >= 0, else 3
 *   pdebench a = 1 where s > mean of s over the nodes, else 0.1; s = sum over 5 of exp(-|x - c|^2 / w) with c uniform
 *            in [0,1]^2 and w uniform in (0, 1/2) (reaction_diffusion_2D_multi_solution_Hydra.py) */
const double *pno_darcy_coefficient(pno_darcy *d, uint64_t seed, uint32_t sample, const double *parameters);

/* Solves with a, f, u: [n0][n1]; u is 0 on the boundary. residual: |b - A u|_2 / |b|_2 over the interior, computed from
 * u and a and not taken from the iteration; iterations may be NULL. a and f may be the darcy's own.
 * Errors: PNO_E_USAGE a is not positive and finite; PNO_E_DIVERGED; u and residual are then not written. */
pno_status pno_darcy_solve(pno_darcy *d, const double *a, const double *f, double *u, double *residual,
                           int *iterations);

/* Writes centre, east and north of the operator times h0 h1. a: [n0][n1]. */
void pno_darcy_assemble(const double *a, pno_stencil *op);

/* A row of the table of equations: fields a (input) and u (target). */
extern const pno_equation pno_darcy_equation;

#endif
