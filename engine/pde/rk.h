/* Steps y' = f(t, y) whose Jacobian has eigenvalues near the negative real axis, as diffusion with mild reactions:
 * explicit Runge-Kutta-Chebyshev of second order with as many stages as the step needs (RKC: Sommeijer, Shampine and
 * Verwer 1998), its own error estimate and a step of its own choice.
 *
 * s calls of f are stable up to h rho = .65 s^2, rho the spectral radius, so they go as far as 1.2 s^2 calls of Dormand
 * and Prince's 5(4), which is stable up to 3.3 with 6. Calls for 100 frames over t = 5 of the 2-D FitzHugh-Nagumo
 * equations: 5(4) is held by stability and needs 6 * 5 rho / 3.3 at least,
 *   128^2, rho 164:    5(4) 1,800 (3 steps a frame), RKC 881 at a tolerance of 1e-5, 1,555 at 1e-6;
 *   512^2, rho 2,600:  5(4) 24,000,                  RKC 2,519 at 1e-5.
 * At small rho and tolerances below 1e-7 the fifth order would be cheaper. Waves do not belong here: RKC is stable only
 * in a thin strip about the real axis.
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_RK_H
#define PNO_ENGINE_PDE_RK_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/pde/march.h"

/* out = f(t, y), both [n]. */
typedef void pno_rk_rate(void *user, double t, const double *restrict y, double *restrict out);

/* No less than the spectral radius of df/dy at (t, y); is asked once a step. */
typedef double pno_rk_radius(void *user, double t, const double *y);

typedef struct {
  ptrdiff_t n;
  double t, *y; /* [n]: the state */
  pno_rk_rate *rate;
  pno_rk_radius *radius;
  void *user;
  pno_march march;
  /* What happened since start. */
  ptrdiff_t calls;
  int stages; /* the most of a step */
  /* Its own; the arrays [n] are lent by the arena. */
  double last_step, last_error, radius_now;
  bool fresh;     /* f0 is f(t, y) */
  int stages_now; /* of the last attempt, whose state is made */
  double *made;
  double *f0, *f, *stage[3];
} pno_rk;

/* Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_rk_push(pno_arena *arena, ptrdiff_t n, pno_rk *out);

/* A new state: t, y, the march's tolerance and greatest step are filled. */
void pno_rk_start(pno_rk *e);

/* Goes on by interval, or fails and leaves the state where it was last good. */
void pno_rk_advance(pno_rk *e, double interval);

#endif
