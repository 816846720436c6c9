/* Steps u' = L u + N(u) where L is real and diagonal: exponential time differencing, fourth order (ETDRK4: Cox and
 * Matthews 2002, eq. 26 to 29), with an error estimate of third order and a step of its own choice.
 *
 * The estimate is b4 (N(c) - N(u1)), the difference to the weights that take the new state instead of the last stage:
 * N(u1) is the first stage of the next step, so it costs nothing. The functions phi are sums of their series for |z| < 1
 * and their closed forms beyond, no contour integrals (Kassam and Trefethen 2005 have them for complex L).
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_ETD_H
#define PNO_ENGINE_PDE_ETD_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/pde/march.h"

/* out = N(u), both [modes][re|im]. */
typedef void pno_etd_nonlinear(void *user, const double *u, double *out);

typedef struct {
  ptrdiff_t modes;
  double *linear; /* [modes]: filled by the caller */
  double *u;      /* [modes][2]: the state */
  pno_etd_nonlinear *nonlinear;
  void *user;
  pno_march march;
  /* Its own; the arrays are lent by the arena: coefficients [modes] of a step of made_for, stages [modes][2]. */
  double made_for;
  bool fresh; /* nu is N(u) */
  double *full, *half, *stage, *b1, *b2, *b4;
  double *nu, *a, *na, *nb, *nc, *v;
} pno_etd;

/* Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_etd_push(pno_arena *arena, ptrdiff_t modes, pno_etd *out);

/* A new state: u, linear, the march's tolerance and greatest step are filled. */
void pno_etd_start(pno_etd *e);

/* Goes on by interval, or fails and leaves the state where it was last good. */
void pno_etd_advance(pno_etd *e, double interval);

/* phi_k(z) = sum z^i / (i + k)! for k = 1, 2, 3; relative error below 1e-14. */
void pno_etd_phi(double z, double phi[3]);

#endif
