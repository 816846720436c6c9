/* Compressible flow of an ideal gas on the line [0, 1], periodic or open (Takamoto et al. 2022, PDEBench's 1D_CFD).
 *   rho_t + (rho v)_x = 0,   (rho v)_t + (rho v^2 + p)_x = s_x,   E_t + ((E + p) v)_x = (v s)_x
 *   E = p / (gamma - 1) + rho v^2 / 2,   s = nu (rho if kinematic) v_x,   nu = 4/3 eta + zeta
 * No heat is conducted. kinematic: PDEBench's program multiplies its viscosities with the density, its paper does not.
 *
 * The state of a task is rho, v, p at each of the n cells. Finite volumes for rho, m = rho v, E; SSPRK2
 * (finite_volume.h), dt = 0.9 / (2 a / dx + b / dx^2), a the greatest wave speed at any face, b the greatest (nu_f
 * before + nu_f behind) / rho of a cell: Courant number 0.45, or 0.9 of the limit of diffusion. Where at the start
 * b / dx^2 > 2 a / dx, viscosity is split off instead of point 4 (gas_viscosity.h), and then
 * dt = 0.9 / (2 a / dx + b / (32 dx^2)): the midpoint rule hardly damps what is much stiffer than that.
 * A step after which a density or pressure is not positive is halved; at half of that length none is: each half of a
 * cell keeps them under the flux of its side (Perthame and Shu 1996), and viscosity only adds to the internal energy, a
 * mean of kinetic energies being above that of the mean.
 *   1. two ghost cells a side, periodic or the last cell again.
 *   2. d = half the slope of rho, v, p, monotonized central; sides - and + of a cell, with c = (gamma - 1) / 2
 *      k = c rho^3 dv^2 / (rho- rho+), dv times min(1, (p - |dp|) / (2 k)), and k anew from it;
 *      rho- = rho - dr, v- = v - dv rho / rho-, p- = p - dp - k;  rho+ = rho + dr, v+ = v + dv rho / rho+,
 *      p+ = p + dp - k: the mean of the two sides is the cell, in mass, momentum and energy.
 *   3. HLLC (Toro 2009, 10.4) with Einfeldt's speeds from Roe's means (Batten et al. 1997): w = sqrt(rho),
 *      V = (wl vl + wr vr) / (wl + wr), C^2 = (wl cl^2 + wr cr^2) / (wl + wr) + c wl wr ((vr - vl) / (wl + wr))^2,
 *      sl = min(vl - cl, V - C), sr = max(vr + cr, V + C).
 *   4. at a face with cells l, r: nu_f = nu (times (rho_l + rho_r) / 2 if kinematic), s = nu_f (v_r - v_l) / dx;
 *      momentum flux less s, energy flux less s (v_l + v_r) / 2.
 *
 * Written: rho, v, p of the means of rho, m, E over refine cells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/equation.h"
#include "engine/pde/finite_volume.h"
#include "engine/pde/gas_initial.h"
#include "engine/pde/gas_viscosity.h"

enum { GAMMA, ETA, ZETA, KINEMATIC, MACH };
enum { GHOSTS = 2, STATES = 3 };

static const double courant = .9, stiffest = 32, tiny = 1e-300;

/* One side of each cell; a: the square of the speed of sound. */
typedef struct {
  double *restrict rho, *restrict v, *restrict p, *restrict a; /* [n + 2] */
} side;

typedef struct {
  double *restrict mass, *restrict momentum, *restrict energy; /* [n + 1] */
} flux;

typedef struct {
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_fv fv;       /* rho, m, E, each [n] */
  bool shock, stiff; /* stiff: viscosity limits the step at the start */
  ptrdiff_t n;
  double per_dx, gamma;
  pno_gas_viscosity viscosity; /* its coefficients are those of point 4 too */
  double *rho, *v, *p; /* [GHOSTS + n + GHOSTS], from the first ghost on */
  side low, high;
  flux face;
  double *fastest, *viscous; /* [n + 1], [n]: wave speeds of faces, b of cells */
} compressible;

static pno_status push_all(compressible *s, pno_arena *arena) {
  double **const padded[] = {&s->rho, &s->v, &s->p};
  double *sides[8], *faces[STATES];
  PNO_TRY(pno_fv_push(arena, STATES * s->n, &s->fv));
  PNO_TRY(pno_gas_viscosity_push(arena, s->n, &s->viscosity));
  for (size_t i = 0; i < sizeof padded / sizeof *padded; i++) PNO_TRY(PNO_PUSH(arena, s->n + 2 * GHOSTS, padded[i]));
  for (int i = 0; i < 8; i++) PNO_TRY(PNO_PUSH(arena, s->n + 2, &sides[i]));
  for (int i = 0; i < STATES; i++) PNO_TRY(PNO_PUSH(arena, s->n + 1, &faces[i]));
  s->low = (side){sides[0], sides[1], sides[2], sides[3]};
  s->high = (side){sides[4], sides[5], sides[6], sides[7]};
  s->face = (flux){faces[0], faces[1], faces[2]};
  PNO_TRY(PNO_PUSH(arena, s->n + 1, &s->fastest));
  return PNO_PUSH(arena, s->n, &s->viscous);
}

/* rho, v, p of n cells from their state. */
static void primitives(const double *state, ptrdiff_t n, double gamma, double *restrict rho, double *restrict v,
                       double *restrict p) {
  const double *restrict r = state, *restrict m = state + n, *restrict e = m + n;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double u = m[j] / r[j];
    rho[j] = r[j];
    v[j] = u;
    p[j] = (gamma - 1) * (e[j] - .5 * m[j] * u);
  }
}

/* And back. */
static void conserved(const double *rho, const double *v, const double *p, ptrdiff_t n, double gamma, double *state) {
  for (ptrdiff_t j = 0; j < n; j++) {
    state[j] = rho[j];
    state[n + j] = rho[j] * v[j];
    state[2 * n + j] = p[j] / (gamma - 1) + .5 * rho[j] * v[j] * v[j];
  }
}

/* Point 1. */
static void extend(const compressible *s) {
  double *const all[] = {s->rho, s->v, s->p};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    for (ptrdiff_t g = 0; g < GHOSTS; g++) {
      all[k][g] = all[k][s->spec.recipe->open ? GHOSTS : s->n + g];
      all[k][GHOSTS + s->n + g] = all[k][GHOSTS + (s->spec.recipe->open ? s->n - 1 : g)];
    }
}

/* Point 2, for n cells; rho, v, p begin at the first. */
static void reconstruct(double gamma, const double *restrict rho, const double *restrict v, const double *restrict p,
                        ptrdiff_t n, const side *restrict low, const side *restrict high) {
  const double c = .5 * (gamma - 1);
  for (ptrdiff_t j = 0; j < n; j++) {
    const double r = rho[j], dr = .5 * pno_fv_slope(r - rho[j - 1], rho[j + 1] - r);
    const double dv0 = .5 * pno_fv_slope(v[j] - v[j - 1], v[j + 1] - v[j]);
    const double dp = .5 * pno_fv_slope(p[j] - p[j - 1], p[j + 1] - p[j]);
    const double below = r - dr, above = r + dr, per = 1 / (below * above);
    const double k0 = c * r * r * r * per * dv0 * dv0;
    const double part = pno_fv_min(.5 * (p[j] - fabs(dp)) / pno_fv_max(k0, tiny), 1);
    const double dv = part * dv0 * r * per, k = part * part * k0;
    const double pb = p[j] - dp - k, pa = p[j] + dp - k;
    low->rho[j] = below;
    high->rho[j] = above;
    low->v[j] = v[j] - dv * above;
    high->v[j] = v[j] + dv * below;
    low->p[j] = pb;
    high->p[j] = pa;
    low->a[j] = gamma * pb * above * per;
    high->a[j] = gamma * pa * below * per;
  }
}

/* Point 3, for n faces, the first between the first cells of l and r. */
static void riemann(double gamma, const side *restrict l, const side *restrict r, ptrdiff_t n, const flux *restrict f,
                    double *restrict fastest) {
  const double c = .5 * (gamma - 1), per_gamma = 1 / (gamma - 1);
  for (ptrdiff_t j = 0; j < n; j++) {
    const double rl = l->rho[j], vl = l->v[j], pl = l->p[j], al = l->a[j];
    const double rr = r->rho[j], vr = r->v[j], pr = r->p[j], ar = r->a[j];
    const double wl = sqrt(rl), wr = sqrt(rr), per = 1 / (wl + wr), gap = (vr - vl) * per;
    const double mean = (wl * vl + wr * vr) * per, sound = sqrt((wl * al + wr * ar) * per + c * wl * wr * gap * gap);
    const double sl = pno_fv_min(vl - sqrt(al), mean - sound), sr = pno_fv_max(vr + sqrt(ar), mean + sound);
    const double ml = rl * (sl - vl), mr = rr * (sr - vr);
    const double middle = (pr - pl + ml * vl - mr * vr) / (ml - mr);
    /* The side that the contact leaves the face in, and its outer wave, which is 0 where it has passed the face. */
    const double rho = middle >= 0 ? rl : rr, v = middle >= 0 ? vl : vr, p = middle >= 0 ? pl : pr;
    const double m = middle >= 0 ? ml : mr, wave = middle >= 0 ? sl : sr;
    const double s = middle >= 0 ? pno_fv_min(sl, 0) : pno_fv_max(sr, 0);
    const double e = p * per_gamma + .5 * rho * v * v, behind = 1 / (wave - middle), rho1 = m * behind;
    const double p1 = p + m * (middle - v), e1 = (e * (wave - v) + p1 * middle - p * v) * behind;
    f->mass[j] = rho * v + s * (rho1 - rho);
    f->momentum[j] = rho * v * v + p + s * (rho1 * middle - rho * v);
    f->energy[j] = (e + p) * v + s * (e1 - e);
    fastest[j] = pno_fv_max(-sl, sr);
  }
}

/* Point 4, for n faces; rho, v begin at the cell before the first. */
static void add_viscosity(const compressible *s, const double *restrict rho, const double *restrict v, ptrdiff_t n,
                          const flux *restrict f) {
  const double constant = s->viscosity.constant, per_density = s->viscosity.per_density, per_dx = s->per_dx;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double nu = constant + per_density * (.5 * (rho[j] + rho[j + 1]));
    const double stress = nu * (v[j + 1] - v[j]) * per_dx;
    f->momentum[j] -= stress;
    f->energy[j] -= stress * (.5 * (v[j] + v[j + 1]));
  }
}

/* rho begins at the first cell. */
static void diverge(const compressible *s, const double *restrict rho, const flux *restrict f, double *out) {
  const ptrdiff_t n = s->n;
  const double constant = 2 * s->viscosity.constant, half = .5 * s->viscosity.per_density, per_dx = s->per_dx;
  double *restrict r = out, *restrict m = out + n, *restrict e = m + n, *restrict viscous = s->viscous;
  for (ptrdiff_t j = 0; j < n; j++) {
    r[j] = (f->mass[j] - f->mass[j + 1]) * per_dx;
    m[j] = (f->momentum[j] - f->momentum[j + 1]) * per_dx;
    e[j] = (f->energy[j] - f->energy[j + 1]) * per_dx;
    viscous[j] = (constant + half * (rho[j - 1] + 2 * rho[j] + rho[j + 1])) / rho[j];
  }
}

static double rate(void *user, double *state, double *out) {
  compressible *s = user;
  const ptrdiff_t n = s->n;
  const double *rho = s->rho + GHOSTS, *v = s->v + GHOSTS, *p = s->p + GHOSTS;
  const side behind = {s->low.rho + 1, s->low.v + 1, s->low.p + 1, s->low.a + 1};
  primitives(state, n, s->gamma, s->rho + GHOSTS, s->v + GHOSTS, s->p + GHOSTS);
  if (!(pno_fv_least(rho, n) > 0 && pno_fv_least(p, n) > 0)) return INFINITY;
  extend(s);
  reconstruct(s->gamma, rho - 1, v - 1, p - 1, n + 2, &s->low, &s->high);
  riemann(s->gamma, &s->high, &behind, n + 1, &s->face, s->fastest);
  if (!s->fv.split) add_viscosity(s, rho - 1, v - 1, n + 1, &s->face);
  diverge(s, rho, &s->face, out);
  const double waves = 2 * s->per_dx * pno_fv_greatest(s->fastest, n + 1);
  const double viscous = s->per_dx * s->per_dx * pno_fv_greatest(s->viscous, n);
  if (s->fv.split) return waves + viscous / stiffest;
  s->stiff = viscous > waves;
  return waves + viscous;
}

static bool split(void *user, double *state, double dt) {
  const compressible *s = user;
  primitives(state, s->n, s->gamma, s->rho + GHOSTS, s->v + GHOSTS, s->p + GHOSTS);
  pno_gas_viscosity_step(&s->viscosity, dt, state);
  return pno_fv_least(s->rho + GHOSTS, s->n) > 0 && pno_fv_least(s->p + GHOSTS, s->n) > 0;
}

static void destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  compressible *s = (compressible *)*pde;
  pno_arena_destroy(&s->arena);
  free(s);
  *pde = NULL;
}

static pno_status check_kinematic(const pno_distribution *d) {
  bool good = d->kind == PNO_DIST_CONSTANT || d->kind == PNO_DIST_CHOICE;
  for (int i = 0; i < d->n; i++) good = good && (d->v[i] == 0 || d->v[i] == 1);
  return good ? PNO_OK : pno_fail(PNO_E_USAGE, "compressible: kinematic must be 0 or 1, or choice:0:1");
}

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  PNO_TRY(check_kinematic(&spec->parameters[KINEMATIC]));
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  compressible *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)s;
  s->spec = *spec;
  s->n = (ptrdiff_t)spec->n[0] * spec->refine;
  s->per_dx = (double)s->n;
  s->shock = strcmp(spec->recipe->name, "shock") == 0;
  PNO_TRY_GOTO(st, push_all(s, &measure), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &s->arena), done);
  PNO_TRY_GOTO(st, push_all(s, &s->arena), done);
  s->fv.rate = rate;
  s->fv.user = s;
  s->viscosity.per_dx = s->per_dx;
  s->viscosity.periodic = !spec->recipe->open;
  *out = made;
  made = NULL;
done:
  destroy(&made);
  return st;
}

static void load(compressible *s, const pno_pde_task *task) {
  const ptrdiff_t n = s->n;
  const double *q = task->parameters, *own = task->initial, nu = 4 * q[ETA] / 3 + q[ZETA];
  double *rho = s->rho + GHOSTS, *v = s->v + GHOSTS, *p = s->p + GHOSTS;
  s->gamma = q[GAMMA];
  s->viscosity.constant = q[KINEMATIC] > 0 ? 0 : nu;
  s->viscosity.per_density = q[KINEMATIC] > 0 ? nu : 0;
  if (!own) pno_gas_draw(s->shock, q[GAMMA], q[MACH], task->seed, task->sample, n, rho, v, p);
  if (own) conserved(own, own + n, own + 2 * n, n, s->gamma, s->fv.u);
  else conserved(rho, v, p, n, s->gamma, s->fv.u);
  s->fv.courant = courant / task->caution;
  s->fv.most = s->spec.step / task->caution;
  s->fv.split = NULL;
  s->stiff = false;
  pno_fv_start(&s->fv);
  if (!s->stiff) return;
  s->fv.split = split;
  pno_fv_start(&s->fv);
}

static void write_frame(const compressible *s, float *values, int frame) {
  const int r = s->spec.refine;
  const ptrdiff_t points = s->spec.n[0], field = points * s->spec.frames;
  float *to = values + points * frame;
  for (ptrdiff_t i = 0; i < points; i++) {
    double sum[STATES] = {0}, rho, v, p;
    for (int k = 0; k < STATES; k++) {
      for (ptrdiff_t j = i * r; j < (i + 1) * r; j++) sum[k] += s->fv.u[k * s->n + j];
      sum[k] /= r;
    }
    primitives(sum, 1, s->gamma, &rho, &v, &p);
    to[i] = (float)rho;
    to[field + i] = (float)v;
    to[2 * field + i] = (float)p;
  }
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  compressible *s = (compressible *)pde;
  const double interval = s->spec.time / (s->spec.frames - 1);
  double *last = task->last;
  int f = 1;
  load(s, task);
  for (write_frame(s, task->values, 0); f < s->spec.frames && s->fv.end == PNO_FV_FINE; f++) {
    pno_fv_advance(&s->fv, interval);
    write_frame(s, task->values, f);
  }
  if (last) primitives(s->fv.u, s->n, s->gamma, last, last + s->n, last + 2 * s->n);
  pno_fv_report(&s->fv, interval * (f - 1), report);
  return PNO_OK;
}

/* Steps that waves ask for, of speed about 8, and viscosity. */
static double cost(const pno_pde_spec *spec, const double *parameters) {
  static const double speed = 8;
  const double cells = (double)spec->n[0] * spec->refine;
  const double share = cells * (4 * parameters[ETA] / 3 + parameters[ZETA]) / speed;
  return share > 1 ? 2 + share / stiffest : 1 + share;
}

const pno_equation pno_compressible_equation = {
    .name = "compressible",
    .solver = "finite volumes, MUSCL with the MC limiter, HLLC, central viscosity, SSPRK2, Courant number 0.45",
    .help = "compressible Navier-Stokes, rho, v, p of an ideal gas on [0, 1], without conduction of heat",
    .dims_least = 1,
    .dims_most = 1,
    .hi = 1,
    .boundary = PNO_PDE_PERIODIC,
    .points = PNO_PDE_CENTRES,
    .n_fields = 3,
    .fields = {{.name = "rho", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true},
               {.name = "v", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true},
               {.name = "p", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 5,
    .parameters = {{"gamma", "", "ratio of the specific heats", 1.01, 10},
                   {"eta", "", "shear viscosity", 0, 10},
                   {"zeta", "", "bulk viscosity", 0, 10},
                   {"kinematic", "", "1: viscosities are per density, as in PDEBench's program; 0: not", 0, 1},
                   {"mach", "", "greatest |v| over the greatest speed of sound; 0: v as drawn", 0, 10}},
    .recipes = {{.name = "rand", .help = "PDEBench 1D_CFD_Rand: waves in rho, v, p, periodic, eta = zeta = .01, t to 1",
                 .time = 1, .frames = 101, .refine = 1,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"1.6666666666666667", ".01", ".01", "1", "0"}},
                {.name = "rand_open", .help = "PDEBench 1D_CFD_Rand, trans: the same with open ends, eta = zeta = 1e-8",
                 .time = 1, .frames = 101, .refine = 1, .open = true,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"1.6666666666666667", "1e-8", "1e-8", "1", "0"}},
                {.name = "shock", .help = "PDEBench 1D_CFD_Shock: a Riemann problem, open, eta = zeta = 1e-8, t to .2",
                 .time = .2, .frames = 101, .refine = 1, .open = true,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"1.6666666666666667", "1e-8", "1e-8", "1", "0"}}},
    .cost = cost,
    .create = create,
    .solve = solve,
    .destroy = destroy};
