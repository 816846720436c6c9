#include "engine/pde/etd.h"

#include <math.h>

pno_status pno_etd_push(pno_arena *arena, ptrdiff_t modes, pno_etd *out) {
  pno_etd e = {.modes = modes};
  double **const reals[] = {&e.linear, &e.full, &e.half, &e.stage, &e.b1, &e.b2, &e.b4};
  double **const states[] = {&e.u, &e.nu, &e.a, &e.na, &e.nb, &e.nc, &e.v};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) PNO_TRY(PNO_PUSH(arena, modes, reals[i]));
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) PNO_TRY(PNO_PUSH(arena, 2 * modes, states[i]));
  *out = e;
  return PNO_OK;
}

void pno_etd_phi(double z, double phi[3]) {
  if (fabs(z) >= 1) {
    phi[0] = expm1(z) / z;
    phi[1] = (phi[0] - 1) / z;
    phi[2] = (phi[1] - .5) / z;
    return;
  }
  enum { TERMS = 17 }; /* the next one is below the rounding of the first */
  double p = 1;
  for (int i = TERMS; i > 0; i--) p = 1 + p * z / (i + 3); /* 3! phi_3 */
  phi[2] = p / 6;
  phi[1] = z * phi[2] + .5;
  phi[0] = z * phi[1] + 1;
}

static void make_coefficients(pno_etd *e, double h) {
  for (ptrdiff_t m = 0; m < e->modes; m++) {
    const double z = e->linear[m] * h;
    double phi[3];
    pno_etd_phi(.5 * z, phi);
    e->half[m] = exp(.5 * z);
    e->stage[m] = .5 * h * phi[0];
    pno_etd_phi(z, phi);
    e->full[m] = exp(z);
    e->b1[m] = h * (phi[0] - 3 * phi[1] + 4 * phi[2]);
    e->b2[m] = h * (2 * phi[1] - 4 * phi[2]);
    e->b4[m] = h * (4 * phi[2] - phi[1]);
  }
  e->made_for = h;
}

void pno_etd_start(pno_etd *e) {
  pno_march_start(&e->march);
  e->fresh = false;
  e->made_for = NAN;
}

/* out = x u + y n */
static void combine(ptrdiff_t modes, const double *restrict x, const double *restrict u, const double *restrict y,
                    const double *restrict n, double *restrict out) {
  for (ptrdiff_t m = 0; m < modes; m++)
    for (int c = 0; c < 2; c++) out[2 * m + c] = x[m] * u[2 * m + c] + y[m] * n[2 * m + c];
}

/* v = half a + stage (2 nb - nu) */
static void last_stage(pno_etd *e) {
  const double *restrict half = e->half, *restrict stage = e->stage, *restrict a = e->a, *restrict nb = e->nb;
  const double *restrict nu = e->nu;
  double *restrict v = e->v;
  for (ptrdiff_t m = 0; m < e->modes; m++)
    for (ptrdiff_t i = 2 * m; i < 2 * m + 2; i++) v[i] = half[m] * a[i] + stage[m] * (2 * nb[i] - nu[i]);
}

static void new_state(pno_etd *e) {
  const double *restrict full = e->full, *restrict b1 = e->b1, *restrict b2 = e->b2, *restrict b4 = e->b4;
  const double *restrict u = e->u, *restrict nu = e->nu, *restrict na = e->na, *restrict nb = e->nb;
  const double *restrict nc = e->nc;
  double *restrict v = e->v;
  for (ptrdiff_t m = 0; m < e->modes; m++)
    for (ptrdiff_t i = 2 * m; i < 2 * m + 2; i++)
      v[i] = full[m] * u[i] + b1[m] * nu[i] + b2[m] * (na[i] + nb[i]) + b4[m] * nc[i];
}

static void refresh(pno_etd *e) {
  if (!e->fresh) e->nonlinear(e->user, e->u, e->nu);
  e->fresh = true;
}

/* The new state into v, its N into a; returns the estimated error, relative to the new state. */
static double attempt(void *stepper, double *h) {
  pno_etd *e = stepper;
  double miss = 0, size = 0;
  if (fabs(*h - e->made_for) <= 1e-11 * *h) *h = e->made_for; /* not for the rounding of what is left */
  if (*h != e->made_for) make_coefficients(e, *h);
  refresh(e);
  combine(e->modes, e->half, e->u, e->stage, e->nu, e->a);
  e->nonlinear(e->user, e->a, e->na);
  combine(e->modes, e->half, e->u, e->stage, e->na, e->v);
  e->nonlinear(e->user, e->v, e->nb);
  last_stage(e);
  e->nonlinear(e->user, e->v, e->nc);
  new_state(e);
  e->nonlinear(e->user, e->v, e->a);
  for (ptrdiff_t m = 0; m < e->modes; m++)
    for (ptrdiff_t i = 2 * m; i < 2 * m + 2; i++) {
      const double d = e->b4[m] * (e->nc[i] - e->a[i]);
      miss += d * d;
      size += e->v[i] * e->v[i];
    }
  return size > 0 ? sqrt(miss / size) : miss + size;
}

static void accept(void *stepper, double h) {
  pno_etd *e = stepper;
  (void)h;
  pno_march_swap(&e->u, &e->v);
  pno_march_swap(&e->nu, &e->a);
}

/* New coefficients cost 2/3 of a step (Navier-Stokes at 256 x 256, 1.9 of 2.8 ms), so a step grows only when it is
 * worth it. */
static double choose(void *stepper, double h, double error, bool accepted) {
  static const double safety = .85, grow_most = 2, shrink_most = .2, worth_it = 1.25, close = .95, margin = .9;
  const pno_march *m = &((const pno_etd *)stepper)->march;
  const double ideal = isfinite(error) ? safety * pow(m->tolerance / fmax(error, 1e-300), .25) : shrink_most;
  const double next = h * fmin(fmax(ideal, shrink_most), accepted ? grow_most : margin);
  if (!accepted || ideal < close) return margin * next;
  return next > worth_it * m->step ? next : m->step;
}

/* The estimate looks at the end of a step and does not see what N was while modes died away in it. So the first step
 * changes the state by a hundredth, and those after it grow at most twofold: Kuramoto-Sivashinsky from noise, at a
 * tolerance of 1e-6, was 2.5e-5 off with a first step of 1/32 of the interval, 1.7e-6 with fourfold growth and 6e-7
 * with twofold. */
static double first_step(pno_etd *e, double interval) {
  static const double change = .01, longest = 1. / 32, shortest = 1e-7;
  double size = 0, rate = 0;
  refresh(e);
  for (ptrdiff_t m = 0; m < e->modes; m++)
    for (ptrdiff_t i = 2 * m; i < 2 * m + 2; i++) {
      const double slope = e->linear[m] * e->u[i] + e->nu[i];
      size += e->u[i] * e->u[i];
      rate += slope * slope;
    }
  const double h = size > 0 && rate > 0 ? change * sqrt(size / rate) : interval;
  return fmax(fmin(h, longest * interval), shortest * interval);
}

void pno_etd_advance(pno_etd *e, double interval) {
  static const pno_march_method method = {.floor = 1e-9, .attempt = attempt, .choose = choose, .accept = accept};
  pno_march *m = &e->march;
  if (m->step == 0) {
    m->step = m->tolerance > 0 ? first_step(e, interval) : m->most;
    if (m->most > 0) m->step = fmin(m->step, m->most);
  }
  pno_march_advance(m, &method, e, interval);
}
