/* Initial states of a gas on [0, 1], after PDEBench. All functions are Local. */
#ifndef PNO_ENGINE_PDE_GAS_INITIAL_H
#define PNO_ENGINE_PDE_GAS_INITIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Density, velocity and pressure of (seed, sample) at the centres of n cells, the same functions for any n.
 *
 * shock: two states with one step between them, else random waves. mach: the greatest |v| over the greatest speed of
 * sound; 0: v as it is drawn. rho, v, p: [n]; rho and p are positive. */
void pno_gas_draw(bool shock, double gamma, double mach, uint64_t seed, uint32_t sample, ptrdiff_t n, double *rho,
                  double *v, double *p);

#endif
