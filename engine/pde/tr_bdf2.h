/* Steps c(u)' = A u + s on a line of cells: c acts on each u alone and increases, A is tridiagonal with -A an M-matrix.
 * TR-BDF2 (Bank et al. 1985): second order, L-stable, two stages with one and the same matrix; error estimate of
 * third order and its filter, so that stiff parts are not overestimated, of Hosea and Shampine (1996).
 *
 * c is what is carried from step to step and u what solves c(u) = c: sums of c change by sums of A u + s to rounding,
 * however far Newton's iteration went. All functions are Local. */
#ifndef PNO_ENGINE_PDE_TR_BDF2_H
#define PNO_ENGINE_PDE_TR_BDF2_H

#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/pde/march.h"

/* c(u) and its derivative, all [n]. Asked for any finite u, also such that no solution has. */
typedef void pno_tr_bdf2_content(void *user, ptrdiff_t n, const double *u, double *c, double *slope);

typedef struct {
  ptrdiff_t n;
  double *u;                                   /* [n]: the state */
  double *lower, *diagonal, *upper, *constant; /* [n]: A and s, filled by the caller; lower[0], upper[n-1] unused */
  pno_tr_bdf2_content *content;
  void *user;
  pno_march march;
  /* What happened since start. */
  double ends[2];      /* integrals over time of u[0] and u[n-1] by the method's own weights: what fluxes are made of */
  ptrdiff_t iterations;
  /* Its own; the arrays [n] are lent by the arena. */
  double last_step;
  double *before; /* the state of last_step ago */
  double *c, *f;  /* c and A u + s of the state */
  double *middle, *c1, *f1, *next, *c2, *f2;
  double *slope, *x, *pivot;
} pno_tr_bdf2;

/* Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_tr_bdf2_push(pno_arena *arena, ptrdiff_t n, pno_tr_bdf2 *out);

/* A new state: u, A, s, the march's tolerance and greatest step are filled. */
void pno_tr_bdf2_start(pno_tr_bdf2 *e);

/* Goes on by interval, or fails and leaves the state where it was last good. */
void pno_tr_bdf2_advance(pno_tr_bdf2 *e, double interval);

#endif
