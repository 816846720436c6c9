/* What finite volumes of hyperbolic systems share: the limiter, and steps in time that keep the state admissible.
 *
 * SSPRK2 (Shu and Osher 1988): u1 = u + dt R(u), then (u + u1 + dt R(u1)) / 2. It is a mean of Euler steps: what an
 * Euler step keeps (positive depth, density, pressure), the step keeps. With R comes the length of the longest Euler
 * step that keeps it; a step that is longer than one of its stages allows is taken back and halved. A part of the
 * equation that is stiff is split off (Strang 1968): half a step of it before and half after.
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_FINITE_VOLUME_H
#define PNO_ENGINE_PDE_FINITE_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/pde/equation.h"

/* out = R(u); returns 1 / the longest admissible Euler step, not finite where u itself is not admissible. It may move u
 * to a state that means the same. */
typedef double pno_fv_rate(void *user, double *u, double *out);

/* Goes on by dt with the part that is split off. False: u is not admissible. */
typedef bool pno_fv_split(void *user, double *u, double dt);

/* Of an interval, rejected ones among them: Courant's steps grow in number with the grid, so there may be more than an
 * error control needs. */
enum { PNO_FV_STEPS_MAX = 10000000 };

/* Why there is no state. */
typedef enum {
  PNO_FV_FINE = 0,
  PNO_FV_INADMISSIBLE, /* at the start */
  PNO_FV_NO_STEP,      /* 1e-9 of the allowed step is too long too, or the step is below the rounding of time */
  PNO_FV_SPENT,        /* the steps of an interval are used up */
  PNO_FV_NOT_FINITE
} pno_fv_end;

typedef struct {
  ptrdiff_t n; /* numbers of the state */
  double *u;   /* [n]: the state; a step moves it to other storage */
  pno_fv_rate *rate;
  pno_fv_split *split; /* NULL: nothing is split off */
  void *user;
  double courant; /* < 1: part of the longest admissible step that is taken */
  double most;    /* greatest step; 0: any */
  /* What happened since start. */
  double least; /* smallest step, 0 without any */
  ptrdiff_t steps, rejected;
  pno_fv_end end;
  /* Its own; the arrays [n] are lent by the arena: a stage, R of the state and of the stage; the state after half a
   * step of what is split off. */
  double limit, *stage, *now, *next, *half;
} pno_fv;

/* Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_fv_push(pno_arena *arena, ptrdiff_t n, pno_fv *out);

/* A new state: u, rate, split, user, courant and most are filled. Fails where it is not admissible. */
void pno_fv_start(pno_fv *f);

/* Goes on by interval in steps that end exactly there, or fails. */
void pno_fv_advance(pno_fv *f, double interval);

/* What happened; time: end of the last interval. */
void pno_fv_report(const pno_fv *f, double time, pno_pde_report *out);

/* The least and the greatest of n numbers, n > 0; a NaN among them may go unseen. */
double pno_fv_least(const double *x, ptrdiff_t n);
double pno_fv_greatest(const double *x, ptrdiff_t n);

/* The order of the operands is that of the machine's instructions, so that loops stay free of branches. */
static inline double pno_fv_min(double a, double b) { return a < b ? a : b; }
static inline double pno_fv_max(double a, double b) { return a > b ? a : b; }

/* Difference over one cell, of those to its neighbours: monotonized central (van Leer 1977), their mean, at most twice
 * the smaller one, 0 where they disagree in sign. Odd and symmetric to the bit. */
static inline double pno_fv_slope(double a, double b) {
  const double mean = .5 * (a + b);
  const double up = pno_fv_min(pno_fv_min(2 * a, 2 * b), mean), down = pno_fv_max(pno_fv_max(2 * a, 2 * b), mean);
  return pno_fv_max(up, 0) + pno_fv_min(down, 0);
}

#endif
