/* Diffusion of a solute that sorbs to the grains of a porous medium. All functions are Local. */
#ifndef PNO_ENGINE_PDE_DIFFUSION_SORPTION_H
#define PNO_ENGINE_PDE_DIFFUSION_SORPTION_H

#include "engine/pde/equation.h"

/* For the budget in test_diffusion_sorption, which is why the stepper keeps ends: what of c came in through the left end
 * and went out through the right one in the last sample solved, by the weights of the time steps themselves. */
void pno_diffusion_sorption_through(const pno_pde *pde, double *in, double *out);

#endif
