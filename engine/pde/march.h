/* Steps of lengths that their errors choose, up to the end of an interval: the loop of etd, rk and tr_bdf2. A step that
 * misses the tolerance is taken back and tried shorter. All functions are Local. */
#ifndef PNO_ENGINE_PDE_MARCH_H
#define PNO_ENGINE_PDE_MARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/pde/equation.h"

/* Of an interval, rejected ones among them. Recipes take up to 2,000, and accepted steps that shrink forever end
 * here. */
enum { PNO_MARCH_STEPS_MAX = 1000000 };

typedef struct {
  double tolerance; /* relative L2 error of a step; 0: all steps are of length most, or what divides the interval */
  double most;      /* greatest step; 0: any */
  /* What happened since start. */
  double least, worst; /* smallest step, 0 without any; greatest relative error accepted */
  ptrdiff_t steps, rejected;
  bool failed; /* no step is small enough, or the state is not finite, or */
  bool spent;  /* the steps of an interval are used up */
  double step; /* the next one; 0 at first: the stepper fills it */
} pno_march;

/* What a stepper brings; stepper is itself. */
typedef struct {
  double floor; /* part of the interval: a step that was rejected is not tried below */
  /* The longest step that its state allows; NULL: any. Is asked before each attempt. */
  double (*limit)(void *stepper);
  /* A step of length h, which it may change by rounding. Returns the estimated relative error; nothing is lost yet. */
  double (*attempt)(void *stepper, double *h);
  /* The step after one of length h with this error. */
  double (*choose)(void *stepper, double h, double error, bool accepted);
  /* What was attempted becomes the state. */
  void (*accept)(void *stepper, double h);
} pno_march_method;

/* A new state: tolerance and most are filled. */
void pno_march_start(pno_march *m);

/* Goes on by interval in steps that end exactly there, or fails and leaves the state where it was last good. */
void pno_march_advance(pno_march *m, const pno_march_method *method, void *stepper, double interval);

/* What happened; from, to: the last interval. */
void pno_march_report(const pno_march *m, double from, double to, pno_pde_report *out);

static inline void pno_march_swap(double **a, double **b) {
  double *t = *a;
  *a = *b;
  *b = t;
}

#endif
