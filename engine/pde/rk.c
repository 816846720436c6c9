#include "engine/pde/rk.h"

#include <math.h>

enum { STAGES_MAX = 1000, LANES = 8 };

pno_status pno_rk_push(pno_arena *arena, ptrdiff_t n, pno_rk *out) {
  pno_rk e = {.n = n};
  double **const all[] = {&e.y, &e.f0, &e.f, &e.stage[0], &e.stage[1], &e.stage[2]};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) PNO_TRY(PNO_PUSH(arena, n, all[i]));
  *out = e;
  return PNO_OK;
}

void pno_rk_start(pno_rk *e) {
  pno_march_start(&e->march);
  e->last_step = e->last_error = 0;
  e->calls = 0;
  e->stages = 0;
  e->fresh = false;
}

/* Chebyshev polynomials T_j at w0 with their derivatives, for j = 0, 1, 2, ... */
typedef struct {
  double w0, t[2], d[2], dd[2]; /* [0] of j - 1, [1] of j */
} chebyshev;

static chebyshev chebyshev_1(double w0) { return (chebyshev){.w0 = w0, .t = {1, w0}, .d = {0, 1}}; }

static void chebyshev_next(chebyshev *c) {
  const double t = 2 * c->w0 * c->t[1] - c->t[0];
  const double d = 2 * (c->w0 * c->d[1] + c->t[1]) - c->d[0];
  const double dd = 2 * (c->w0 * c->dd[1] + 2 * c->d[1]) - c->dd[0];
  *c = (chebyshev){.w0 = c->w0, .t = {c->t[1], t}, .d = {c->d[1], d}, .dd = {c->dd[1], dd}};
}

static void rate(pno_rk *e, double t, const double *y, double *out) {
  e->rate(e->user, t, y, out);
  e->calls++;
}

/* out = y0 + a f0 */
static void first_stage(ptrdiff_t n, double a, const double *restrict y0, const double *restrict f0,
                        double *restrict out) {
  for (ptrdiff_t i = 0; i < n; i++) out[i] = y0[i] + a * f0[i];
}

/* w of y, mu, nu of the last two stages, mu_f of f of the last, gamma of f0 */
typedef struct {
  double w, mu, nu, mu_f, gamma;
} weights;

static void next_stage(ptrdiff_t n, weights a, const double *restrict y0, const double *restrict y1,
                       const double *restrict y2, const double *restrict f0, const double *restrict f1,
                       double *restrict out) {
  for (ptrdiff_t i = 0; i < n; i++)
    out[i] = a.w * y0[i] + a.mu * y1[i] + a.nu * y2[i] + a.mu_f * f1[i] + a.gamma * f0[i];
}

/* Relative L2 size of the error 1/15 (12 (y - z) + 6 h (f(y) + f(z))) of the step from y to z. Lanes of partial sums,
 * added in one order, keep the loop wide. */
static double estimate(const pno_rk *e, double h, const double *restrict z) {
  const double *restrict y = e->y, *restrict f0 = e->f0, *restrict f = e->f;
  double miss[LANES] = {0}, size[LANES] = {0}, m = 0, s = 0;
  ptrdiff_t i = 0;
  for (; i + LANES <= e->n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = .8 * (y[i + k] - z[i + k]) + .4 * h * (f0[i + k] + f[i + k]);
      miss[k] += d * d;
      size[k] += z[i + k] * z[i + k];
    }
  for (; i < e->n; i++) {
    const double d = .8 * (y[i] - z[i]) + .4 * h * (f0[i] + f[i]);
    m += d * d;
    s += z[i] * z[i];
  }
  for (int k = 0; k < LANES; k++) {
    m += miss[k];
    s += size[k];
  }
  return s > 0 ? sqrt(m / s) : m + s;
}

/* Least number of stages that is stable. */
static int stages_of(double radius, double h) {
  const double s = 1 + floor(sqrt(1 + 1.54 * h * radius));
  if (!(s >= 2)) return 2; /* NaN too: the error then says so */
  return s > STAGES_MAX ? STAGES_MAX : (int)s;
}

/* The step of length h in s >= 2 stages; the new state into e->made, its f into e->f. Formulas of the paper's
 * section 2, damping 2/13. */
static double try_step(pno_rk *e, double h, int s) {
  chebyshev c = chebyshev_1(1 + 2. / 13 / ((double)s * s));
  for (int j = 2; j <= s; j++) chebyshev_next(&c);
  const double w0 = c.w0, w1 = c.d[1] / c.dd[1];
  double b[3] = {0, 1 / (4 * w0 * w0), 1 / (4 * w0 * w0)}; /* of j, j - 1, j - 2 */
  double *before = e->y, *last = e->stage[0], *out = e->stage[1], *spare = e->stage[2];
  double at = b[1] * w1;
  first_stage(e->n, h * at, e->y, e->f0, last);
  c = chebyshev_1(w0);
  for (int j = 2; j <= s; j++) {
    const double a = 1 - b[1] * c.t[1];
    chebyshev_next(&c);
    b[0] = c.dd[1] / (c.d[1] * c.d[1]);
    weights m = {.mu = 2 * b[0] * w0 / b[1], .nu = -b[0] / b[2], .mu_f = 2 * h * b[0] * w1 / b[1]};
    m.w = 1 - m.mu - m.nu;
    m.gamma = -a * m.mu_f;
    rate(e, e->t + at * h, last, e->f);
    next_stage(e->n, m, e->y, last, before, e->f0, e->f, out);
    at = w1 * c.dd[1] / c.d[1];
    double *const free_now = before == e->y ? spare : before;
    before = last;
    last = out;
    out = free_now;
    b[2] = b[1];
    b[1] = b[0];
  }
  rate(e, e->t + h, last, e->f);
  e->made = last;
  return estimate(e, h, last);
}

static double attempt(void *stepper, double *h) {
  pno_rk *e = stepper;
  e->stages_now = stages_of(e->radius_now, *h);
  return try_step(e, *h, e->stages_now);
}

/* The longest step that the most stages allow. */
static double limit(void *stepper) {
  pno_rk *e = stepper;
  const double s = STAGES_MAX - 1;
  if (!e->fresh) rate(e, e->t, e->y, e->f0);
  e->fresh = true;
  e->radius_now = e->radius(e->user, e->t, e->y);
  return e->radius_now > 0 ? (s * s - 1) / (1.54 * e->radius_now) : INFINITY;
}

/* What the last step helps to foresee (Watts 1984, as in the paper). */
static double choose(void *stepper, double h, double error, bool accepted) {
  static const double safety = .8, grow_most = 5, shrink_most = .1, retry_most = .8;
  pno_rk *e = stepper;
  const double now = fmax(error / e->march.tolerance, 1e-9);
  double ideal = isfinite(error) ? safety / cbrt(now) : shrink_most;
  if (accepted && e->last_step > 0) ideal = fmin(ideal, ideal * cbrt(e->last_error / now) * h / e->last_step);
  if (accepted) {
    e->last_step = h;
    e->last_error = now;
  }
  return h * fmin(fmax(ideal, shrink_most), accepted ? grow_most : retry_most);
}

static void accept(void *stepper, double h) {
  pno_rk *e = stepper;
  for (int k = 0; k < 3; k++)
    if (e->stage[k] == e->made) e->stage[k] = e->y;
  e->y = e->made;
  pno_march_swap(&e->f0, &e->f);
  e->t += h;
  e->stages = e->stages_now > e->stages ? e->stages_now : e->stages;
}

void pno_rk_advance(pno_rk *e, double interval) {
  static const pno_march_method method = {
      .floor = 1e-9, .limit = limit, .attempt = attempt, .choose = choose, .accept = accept};
  static const double first_step = 1. / 32; /* of the interval */
  const double end = e->t + interval;
  if (e->march.step == 0) e->march.step = e->march.most > 0 ? e->march.most : first_step * interval;
  pno_march_advance(&e->march, &method, e, interval);
  if (!e->march.failed) e->t = end;
}
