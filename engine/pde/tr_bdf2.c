#include "engine/pde/tr_bdf2.h"

#include <math.h>
#include <string.h>

/* As a Runge-Kutta method with nodes 0, 2 - sqrt 2, 1 and rows (diagonal, diagonal), (outer, outer, diagonal). */
#define PNO_SQRT_2 1.41421356237309504880
static const double node = 2 - PNO_SQRT_2, outer = PNO_SQRT_2 / 4, diagonal = 1 - PNO_SQRT_2 / 2;

pno_status pno_tr_bdf2_push(pno_arena *arena, ptrdiff_t n, pno_tr_bdf2 *out) {
  pno_tr_bdf2 e = {.n = n};
  double **const all[] = {&e.u,  &e.lower, &e.diagonal, &e.upper, &e.constant, &e.before, &e.c, &e.f,    &e.middle,
                          &e.c1, &e.f1,    &e.next,     &e.c2,    &e.f2,       &e.slope,  &e.x, &e.pivot};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) PNO_TRY(PNO_PUSH(arena, n, all[i]));
  *out = e;
  return PNO_OK;
}

/* out = A u + s */
static void rate(const pno_tr_bdf2 *e, const double *restrict u, double *restrict out) {
  const double *restrict lower = e->lower, *restrict centre = e->diagonal, *restrict upper = e->upper;
  const double *restrict constant = e->constant;
  const ptrdiff_t last = e->n - 1;
  out[0] = constant[0] + centre[0] * u[0] + upper[0] * u[1];
  for (ptrdiff_t i = 1; i < last; i++)
    out[i] = constant[i] + (lower[i] * u[i - 1] + centre[i] * u[i] + upper[i] * u[i + 1]);
  out[last] = constant[last] + lower[last] * u[last - 1] + centre[last] * u[last];
}

/* x = (slope - z A)^-1 x: an M-matrix, so elimination needs no pivots. */
static void eliminate(const pno_tr_bdf2 *e, double z, double *restrict x) {
  const double *restrict lower = e->lower, *restrict centre = e->diagonal, *restrict upper = e->upper;
  const double *restrict slope = e->slope;
  double *restrict pivot = e->pivot;
  double inverse = 1 / (slope[0] - z * centre[0]);
  x[0] *= inverse;
  for (ptrdiff_t i = 1; i < e->n; i++) {
    const double low = z * lower[i];
    pivot[i] = z * upper[i - 1] * inverse;
    inverse = 1 / (slope[i] - z * centre[i] - low * pivot[i]);
    x[i] = (x[i] + low * x[i - 1]) * inverse;
  }
  for (ptrdiff_t i = e->n - 2; i >= 0; i--) x[i] += pivot[i + 1] * x[i + 1];
}

/* Solves c(u) - z (A u + s) = c from the guess u by Newton's method; then f = A u + s, and z f goes to c. The last
 * change is squared once more in what is missing: 1e-6 leaves less than 1e-10. */
static bool solve_stage(pno_tr_bdf2 *e, double z, double *u, double *c, double *f) {
  enum { MOST = 12 };
  static const double enough = 1e-6;
  double *restrict x = e->x;
  for (int k = 0; k < MOST; k++) {
    double change = 0, size = 0;
    e->content(e->user, e->n, u, x, e->slope);
    rate(e, u, f);
    for (ptrdiff_t i = 0; i < e->n; i++) x[i] = c[i] + z * f[i] - x[i];
    eliminate(e, z, x);
    for (ptrdiff_t i = 0; i < e->n; i++) {
      u[i] += x[i];
      change = fabs(x[i]) <= change ? change : fabs(x[i]); /* keeps what is not a number */
      size = fabs(u[i]) > size ? fabs(u[i]) : size;
    }
    e->iterations++;
    if (!isfinite(change)) return false;
    if (change > enough * size) continue;
    rate(e, u, f);
    for (ptrdiff_t i = 0; i < e->n; i++) c[i] += z * f[i];
    return true;
  }
  return false;
}

/* out = u + a (u - v) */
static void extrapolate(ptrdiff_t n, const double *restrict u, double a, const double *restrict v,
                        double *restrict out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = u[i] + a * (u[i] - v[i]);
}

/* out = a u + b v + c w */
static void combine(ptrdiff_t n, double a, const double *restrict u, double b, const double *restrict v, double c,
                    const double *restrict w, double *restrict out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = a * u[i] + b * v[i] + c * w[i];
}

/* The new state into next, c2 and f2; returns the estimated error, relative to it, or infinity. */
static double attempt(void *stepper, double *length) {
  pno_tr_bdf2 *e = stepper;
  const double h = *length, z = diagonal * h, ahead = e->march.steps > 0 ? node * h / e->last_step : 0;
  double miss = 0, size = 0;
  extrapolate(e->n, e->u, ahead, e->before, e->middle);
  combine(e->n, 1, e->c, z, e->f, 0, e->f, e->c1);
  if (!solve_stage(e, z, e->middle, e->c1, e->f1)) return INFINITY;
  extrapolate(e->n, e->u, -1 / node, e->middle, e->next);
  combine(e->n, 1, e->c, h * outer, e->f, h * outer, e->f1, e->c2);
  if (!solve_stage(e, z, e->next, e->c2, e->f2)) return INFINITY;
  combine(e->n, h * (4 * outer - 1) / 3, e->f, -h / 3, e->f1, h * 2 * diagonal / 3, e->f2, e->x);
  eliminate(e, z, e->x);
  for (ptrdiff_t i = 0; i < e->n; i++) {
    miss += e->x[i] * e->x[i];
    size += e->next[i] * e->next[i];
  }
  return size > 0 ? sqrt(miss / size) : miss + size;
}

void pno_tr_bdf2_start(pno_tr_bdf2 *e) {
  pno_march_start(&e->march);
  e->ends[0] = e->ends[1] = 0;
  e->iterations = 0;
  memcpy(e->before, e->u, (size_t)e->n * sizeof *e->u);
  e->content(e->user, e->n, e->u, e->c, e->slope);
  rate(e, e->u, e->f);
}

static void accept(void *stepper, double h) {
  pno_tr_bdf2 *e = stepper;
  for (int k = 0; k < 2; k++) {
    const ptrdiff_t i = k ? e->n - 1 : 0;
    e->ends[k] += h * (outer * (e->u[i] + e->middle[i]) + diagonal * e->next[i]);
  }
  pno_march_swap(&e->before, &e->u);
  pno_march_swap(&e->u, &e->next);
  pno_march_swap(&e->c, &e->c2);
  pno_march_swap(&e->f, &e->f2);
  e->last_step = h;
}

static double choose(void *stepper, double h, double error, bool accepted) {
  static const double safety = .85, grow_most = 4, shrink_most = .2, retry_most = .8;
  const pno_march *m = &((const pno_tr_bdf2 *)stepper)->march;
  const double ideal = isfinite(error) ? safety * cbrt(m->tolerance / fmax(error, 1e-300)) : shrink_most;
  return h * fmin(fmax(ideal, shrink_most), accepted ? grow_most : retry_most);
}

void pno_tr_bdf2_advance(pno_tr_bdf2 *e, double interval) {
  static const pno_march_method method = {.floor = 1e-12, .attempt = attempt, .choose = choose, .accept = accept};
  static const double first_step = 1. / 32; /* of the interval */
  if (e->march.step == 0) e->march.step = e->march.most > 0 ? e->march.most : first_step * interval;
  pno_march_advance(&e->march, &method, e, interval);
}
