/* Viscosity of a gas on a line, by itself and of any step: rho stays, (rho v)_t = s_x, E_t = (v s)_x, s = nu_f v_x.
 *
 * The implicit midpoint rule, w = (v + v') / 2 for the new v':
 *   2 rho_i (w_i - v_i) / dt = (s_i+ - s_i-) / dx,   s at a face with cells l, r: nu_f (w_r - w_l) / dx
 *   m_i' = m_i + dt (s_i+ - s_i-) / dx,   E_i' = E_i + dt (s_i+ (w_i + w_i+1) / 2 - s_i- (w_i-1 + w_i) / 2) / dx
 * Momentum and energy are conserved, and the internal energy of a cell grows, by dt / 2 of nu_f w_x^2 of each of its
 * faces: pressures stay positive whatever dt is. Open ends have no stress.
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_GAS_VISCOSITY_H
#define PNO_ENGINE_PDE_GAS_VISCOSITY_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

typedef struct {
  ptrdiff_t n; /* cells */
  bool periodic;
  double per_dx, constant, per_density; /* nu_f = constant + per_density (mean of rho); filled by the caller */
  /* Its own, lent by the arena: nu_f of the faces [n + 1], what elimination leaves and the velocities w [n]. */
  double *face, *next, *mean, *last;
} pno_gas_viscosity;

/* Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_gas_viscosity_push(pno_arena *arena, ptrdiff_t n, pno_gas_viscosity *out);

/* state: rho, rho v, E, each [n]. */
void pno_gas_viscosity_step(const pno_gas_viscosity *g, double dt, double *state);

#endif
