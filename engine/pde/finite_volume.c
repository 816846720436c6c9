#include "engine/pde/finite_volume.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/pde/march.h"

/* Eight at a time: minima and zeros may be taken in any order, which the compiler cannot know. */
enum { LANES = 8 };

double pno_fv_least(const double *x, ptrdiff_t n) {
  double part[LANES], all = x[0];
  ptrdiff_t i = 0;
  for (int k = 0; k < LANES; k++) part[k] = x[0];
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) part[k] = pno_fv_min(x[i + k], part[k]);
  for (int k = 0; k < LANES; k++) all = pno_fv_min(part[k], all);
  for (; i < n; i++) all = pno_fv_min(x[i], all);
  return all;
}

double pno_fv_greatest(const double *x, ptrdiff_t n) {
  double part[LANES], all = x[0];
  ptrdiff_t i = 0;
  for (int k = 0; k < LANES; k++) part[k] = x[0];
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) part[k] = pno_fv_max(x[i + k], part[k]);
  for (int k = 0; k < LANES; k++) all = pno_fv_max(part[k], all);
  for (; i < n; i++) all = pno_fv_max(x[i], all);
  return all;
}

static bool all_finite(const double *x, ptrdiff_t n) {
  double zero[LANES] = {0}, all = 0;
  ptrdiff_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) zero[k] += 0 * x[i + k];
  for (int k = 0; k < LANES; k++) all += zero[k];
  for (; i < n; i++) all += 0 * x[i];
  return all == 0;
}

pno_status pno_fv_push(pno_arena *arena, ptrdiff_t n, pno_fv *out) {
  pno_fv f = {.n = n};
  double **const all[] = {&f.u, &f.stage, &f.now, &f.next, &f.half};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) PNO_TRY(PNO_PUSH(arena, n, all[i]));
  *out = f;
  return PNO_OK;
}

void pno_fv_start(pno_fv *f) {
  f->least = 0;
  f->steps = f->rejected = 0;
  f->limit = f->rate(f->user, f->u, f->now);
  f->end = isfinite(f->limit) && all_finite(f->u, f->n) ? PNO_FV_FINE : PNO_FV_INADMISSIBLE;
}

static void euler(ptrdiff_t n, double dt, const double *restrict u, const double *restrict r, double *restrict out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = u[i] + dt * r[i];
}

/* stage = (u + stage + dt r) / 2 */
static void average(ptrdiff_t n, double dt, const double *restrict u, const double *restrict r,
                    double *restrict stage) {
  for (ptrdiff_t i = 0; i < n; i++) stage[i] = .5 * (u[i] + (stage[i] + dt * r[i]));
}

/* step between halves of what is split off; the limit is that of the last stage. */
static bool split_step(pno_fv *f, double dt) {
  memcpy(f->half, f->u, (size_t)f->n * sizeof *f->u);
  if (!f->split(f->user, f->half, .5 * dt)) return false;
  if (!(dt * f->rate(f->user, f->half, f->now) <= 1)) return false;
  euler(f->n, dt, f->half, f->now, f->stage);
  const double limit = f->rate(f->user, f->stage, f->next);
  if (!(dt * limit <= 1)) return false;
  average(f->n, dt, f->half, f->next, f->stage);
  if (!f->split(f->user, f->stage, .5 * dt)) return false;
  f->limit = limit;
  pno_march_swap(&f->u, &f->stage);
  return true;
}

/* False: the step is too long, and the state is what it was. */
static bool step(pno_fv *f, double dt) {
  if (f->split) return split_step(f, dt);
  euler(f->n, dt, f->u, f->now, f->stage);
  if (!(dt * f->rate(f->user, f->stage, f->next) <= 1)) return false;
  average(f->n, dt, f->u, f->next, f->stage);
  const double limit = f->rate(f->user, f->stage, f->next);
  if (!isfinite(limit)) return false;
  f->limit = limit;
  pno_march_swap(&f->u, &f->stage);
  pno_march_swap(&f->now, &f->next);
  return true;
}

/* In how many equal steps left is to be gone, as far as the state tells. */
static double parts_of(const pno_fv *f, double left) {
  static const double slack = 1e-9; /* so that rounding makes no step of it */
  const double parts = fmax(ceil(left * f->limit / f->courant - slack), 1);
  return f->most > 0 ? fmax(parts, ceil(left / f->most - slack)) : parts;
}

/* One step of length dt, or a half, a quarter, ... of it. Returns the length gone, 0 on failure. */
static double shortened_step(pno_fv *f, double dt, double left, ptrdiff_t enough) {
  enum { HALVINGS_MAX = 30 };
  for (int k = 0; k <= HALVINGS_MAX && dt > DBL_EPSILON * left; k++, dt *= .5) {
    if (f->steps + f->rejected == enough) {
      f->end = PNO_FV_SPENT;
      return 0;
    }
    if (step(f, dt)) return dt;
    f->rejected++;
  }
  f->end = PNO_FV_NO_STEP;
  return 0;
}

void pno_fv_advance(pno_fv *f, double interval) {
  const ptrdiff_t enough = f->steps + f->rejected + PNO_FV_STEPS_MAX;
  double left = interval;
  while (left > 0 && f->end == PNO_FV_FINE) {
    const double dt = shortened_step(f, left / parts_of(f, left), left, enough);
    if (f->end != PNO_FV_FINE) return;
    f->least = f->steps > 0 ? fmin(f->least, dt) : dt;
    f->steps++;
    left = dt < left ? left - dt : 0;
  }
  if (f->end == PNO_FV_FINE && !all_finite(f->u, f->n)) f->end = PNO_FV_NOT_FINITE;
}

void pno_fv_report(const pno_fv *f, double time, pno_pde_report *out) {
  char *words = out->words;
  const size_t room = sizeof out->words;
  *out = (pno_pde_report){
      .failed = f->end != PNO_FV_FINE, .steps = f->steps, .rejected = f->rejected, .least_step = f->least};
  switch (f->end) {
    case PNO_FV_FINE: return;
    case PNO_FV_INADMISSIBLE: snprintf(words, room, "the initial state is not admissible"); return;
    case PNO_FV_NO_STEP:
      snprintf(words, room, "no step is short enough before t = %g, the least was %.3g", time, f->least);
      return;
    case PNO_FV_SPENT:
      snprintf(words, room, "%d steps are not enough before t = %g, the least was %.3g", (int)PNO_FV_STEPS_MAX, time,
               f->least);
      return;
    case PNO_FV_NOT_FINITE: snprintf(words, room, "the state before t = %g is not finite", time); return;
  }
}
