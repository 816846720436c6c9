/* Shallow water over a bottom b on [-2.5, 2.5]^2, g = 1, open boundaries; a column of water that is let go.
 *   h_t + div(h u) = 0,   (h u)_t + div(h u u) + grad(g h^2 / 2) = -g h grad b
 *
 * The state of a task is h, h u, h v, the means over the cells; axis 0 is x and u. Finite volumes, SSPRK2
 * (finite_volume.h), Courant number 0.45: dt = 0.9 / (2 (a0 / dx0 + a1 / dx1)), a the greatest wave speed at any face
 * of the direction.
 *
 * Hydrostatic reconstruction of second order (Audusse, Bouchut, Bristeau, Klein, Perthame 2004, SIAM J. Sci. Comput.
 * 25, sections 3 and 4): lakes at rest stay at rest and depths positive. For each direction, cells of step dx:
 *   1. u = (h u) / h where h > dry, else u = 0 and the momentum is set to 0; s = h + b. dry = 1e-6 of the greatest
 *      initial depth: thinner water does not flow (point 4).
 *   2. two ghost cells a side repeat the last cell (h, u, v, s).
 *   3. values at the low (-) and high (+) side of each cell, d = half the slope, monotonized central:
 *      h- = h - dh, h+ = h + dh, b- = s - ds - h-, b+ = s + ds - h+, u- = u - du h+ / max(h, dry),
 *      u+ = u + du h- / max(h, dry), v as u: the mean of h- u- and h+ u+ is h u.
 *   4. at a face, left l is the + side of the cell before and right r the - side of that behind:
 *      b* = max(bl, br), hl* = max(0, hl + bl - b*), hr* alike, 0 where not above dry.
 *   5. HLL flux (mass, normal momentum) of (hl*, ul), (hr*, ur) with c = sqrt(g h*) and Einfeldt's speeds: with the
 *      means U = (cl ul + cr ur) / (cl + cr), C = sqrt((cl^2 + cr^2) / 2),
 *      sl = min(0, ul - cl, U - C), sr = max(0, ur + cr, U + C); beside dry ground the velocity of the missing water is
 *      that of the front, ur = ul + 2 cl or ul = ur - 2 cr. Transverse momentum: mass flux times v of the side it
 *      comes from, which is HLLC.
 *   6. to the normal momentum flux is added g/2 (hl^2 - hl*^2) for the cell before, g/2 (hr^2 - hr*^2) for that behind.
 *   7. d/dt = -(difference of fluxes) / dx; normal momentum also -g/2 (h- + h+)(b+ - b-) / dx.
 *
 * Written: means over refine x refine cells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/equation.h"
#include "engine/pde/finite_volume.h"

enum { RADIUS, INSIDE, OUTSIDE, BUMP };
enum { GHOSTS = 2, STATES = 3 };

static const double gravity = 1, low_edge = -2.5, high_edge = 2.5, courant = .9, dry_part = 1e-6;
static const double tiny = 1e-300; /* in place of 0 under a 0 */

/* Depth, velocities along the direction and across it, bottom: on one side of each cell of a row. */
typedef struct {
  double *restrict h, *restrict along, *restrict across, *restrict b; /* [n1 + 2] */
} side;

/* Through the faces of a row; momentum along the direction as the cell before and the cell behind the face have it. */
typedef struct {
  double *restrict mass, *restrict before, *restrict behind, *restrict across; /* [n1 + 1] */
} flux;

typedef struct {
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_fv fv;       /* h, h u, h v, each [n0][n1] */
  ptrdiff_t n0, n1, cells, pitch;
  double per_dx[2], dry;
  double *bottom;                          /* [n0][n1] */
  double *h, *u, *v, *surface;             /* [GHOSTS + n0 + GHOSTS][pitch] */
  side row_low[2], row_high[2], low, high; /* along axis 0, of the present row and the one before; along axis 1 */
  flux row[2], line;
  double *fastest[2]; /* [n1 + 1]: greatest speed along each axis */
} shallow_water;

static pno_status push_side(pno_arena *arena, ptrdiff_t n, side *out) {
  double *p[4];
  for (int i = 0; i < 4; i++) PNO_TRY(PNO_PUSH(arena, n, &p[i]));
  *out = (side){p[0], p[1], p[2], p[3]};
  return PNO_OK;
}

static pno_status push_flux(pno_arena *arena, ptrdiff_t n, flux *out) {
  double *p[4];
  for (int i = 0; i < 4; i++) PNO_TRY(PNO_PUSH(arena, n, &p[i]));
  *out = (flux){p[0], p[1], p[2], p[3]};
  return PNO_OK;
}

static pno_status push_all(shallow_water *s, pno_arena *arena) {
  double **const padded[] = {&s->h, &s->u, &s->v, &s->surface};
  PNO_TRY(pno_fv_push(arena, STATES * s->cells, &s->fv));
  PNO_TRY(PNO_PUSH(arena, s->cells, &s->bottom));
  for (size_t i = 0; i < sizeof padded / sizeof *padded; i++)
    PNO_TRY(PNO_PUSH(arena, (s->n0 + 2 * GHOSTS) * s->pitch, padded[i]));
  for (int i = 0; i < 2; i++) {
    PNO_TRY(push_side(arena, s->n1 + 2, &s->row_low[i]));
    PNO_TRY(push_side(arena, s->n1 + 2, &s->row_high[i]));
    PNO_TRY(push_flux(arena, s->n1 + 1, &s->row[i]));
    PNO_TRY(PNO_PUSH(arena, s->n1 + 1, &s->fastest[i]));
  }
  PNO_TRY(push_side(arena, s->n1 + 2, &s->low));
  PNO_TRY(push_side(arena, s->n1 + 2, &s->high));
  return push_flux(arena, s->n1 + 1, &s->line);
}

/* Of the padded arrays. */
static ptrdiff_t cell(const shallow_water *s, ptrdiff_t i, ptrdiff_t j) { return (i + GHOSTS) * s->pitch + j + GHOSTS; }

/* Points 1 and 2, for row i of the state. */
static void take_row(const shallow_water *s, ptrdiff_t i, double *state) {
  const ptrdiff_t at = i * s->n1, n = s->n1, to = cell(s, i, 0);
  const double *restrict depth = state + at, *restrict b = s->bottom + at;
  double *restrict p = state + s->cells + at, *restrict q = state + 2 * s->cells + at;
  double *restrict h = s->h + to, *restrict u = s->u + to, *restrict v = s->v + to, *restrict z = s->surface + to;
  const double dry = s->dry;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double wet = depth[j] > dry ? 1 : 0, inverse = wet / pno_fv_max(depth[j], dry);
    h[j] = depth[j];
    z[j] = depth[j] + b[j];
    u[j] = p[j] * inverse;
    v[j] = q[j] * inverse;
    p[j] *= wet;
    q[j] *= wet;
  }
  double *const all[] = {h, u, v, z};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    for (int g = 1; g <= GHOSTS; g++) {
      all[k][-g] = all[k][0];
      all[k][n - 1 + g] = all[k][n - 1];
    }
}

static void take(const shallow_water *s, double *state) {
  double *const all[] = {s->h, s->u, s->v, s->surface};
  const size_t bytes = (size_t)s->pitch * sizeof(double);
  for (ptrdiff_t i = 0; i < s->n0; i++) take_row(s, i, state);
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    for (ptrdiff_t g = 0; g < GHOSTS; g++) {
      memcpy(all[k] + g * s->pitch, all[k] + GHOSTS * s->pitch, bytes);
      memcpy(all[k] + (s->n0 + GHOSTS + g) * s->pitch, all[k] + (s->n0 + GHOSTS - 1) * s->pitch, bytes);
    }
}

/* Point 3, for n cells from the padded place at; step: to the next cell along the direction. */
static void reconstruct(const shallow_water *restrict s, ptrdiff_t at, ptrdiff_t step, const double *restrict along,
                        const double *restrict across, ptrdiff_t n, const side *restrict low,
                        const side *restrict high) {
  const double *restrict h = s->h + at, *restrict z = s->surface + at;
  const double *restrict u = along + at, *restrict v = across + at;
  const double dry = s->dry;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double dh = .5 * pno_fv_slope(h[j] - h[j - step], h[j + step] - h[j]);
    const double dz = .5 * pno_fv_slope(z[j] - z[j - step], z[j + step] - z[j]);
    const double per_h = .5 / pno_fv_max(h[j], dry), below = h[j] - dh, above = h[j] + dh;
    const double du = per_h * pno_fv_slope(u[j] - u[j - step], u[j + step] - u[j]);
    const double dv = per_h * pno_fv_slope(v[j] - v[j - step], v[j + step] - v[j]);
    low->h[j] = below;
    high->h[j] = above;
    low->b[j] = z[j] - dz - below;
    high->b[j] = z[j] + dz - above;
    low->along[j] = u[j] - above * du;
    high->along[j] = u[j] + below * du;
    low->across[j] = v[j] - above * dv;
    high->across[j] = v[j] + below * dv;
  }
}

/* Points 4 to 6, for n faces, the first of them between the first cells of l and r. */
static void riemann(double dry, const side *restrict l, const side *restrict r, ptrdiff_t n, const flux *restrict f,
                    double *restrict fastest) {
  const double half_g = .5 * gravity;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double lh = l->h[j], lu = l->along[j], lv = l->across[j], lb = l->b[j];
    const double rh = r->h[j], ru = r->along[j], rv = r->across[j], rb = r->b[j];
    const double b = pno_fv_max(lb, rb), hl0 = lh + (lb - b), hr0 = rh + (rb - b);
    const double hl = hl0 > dry ? hl0 : 0, hr = hr0 > dry ? hr0 : 0;
    const double cl = sqrt(gravity * hl), cr = sqrt(gravity * hr);
    const double ul = hl0 > dry ? lu : ru - 2 * cr, ur = hr0 > dry ? ru : lu + 2 * cl;
    const double u = (cl * ul + cr * ur) / pno_fv_max(cl + cr, tiny), c = sqrt(.5 * (cl * cl + cr * cr));
    const double sl = pno_fv_min(pno_fv_min(ul - cl, u - c), 0), sr = pno_fv_max(pno_fv_max(ur + cr, u + c), 0);
    const double per = 1 / pno_fv_max(sr - sl, tiny), ql = hl * ul, qr = hr * ur;
    const double pl = half_g * hl * hl, pr = half_g * hr * hr;
    const double m = (sr * ql - sl * qr + sl * sr * (hr - hl)) * per;
    const double p = (sr * (ql * ul + pl) - sl * (qr * ur + pr) + sl * sr * (qr - ql)) * per;
    f->mass[j] = m;
    f->before[j] = p + (half_g * lh * lh - pl);
    f->behind[j] = p + (half_g * rh * rh - pr);
    f->across[j] = m * (m > 0 ? lv : rv);
    fastest[j] = pno_fv_max(pno_fv_max(-sl, sr), fastest[j]);
  }
}

/* Point 7 for one direction and a row of n cells, between the faces a and b. mass, along, across: [n]. */
static void diverge(const flux *restrict a, const flux *restrict b, const side *restrict low,
                    const side *restrict high, ptrdiff_t n, double per_dx, double *restrict mass,
                    double *restrict along, double *restrict across) {
  const double half_g = .5 * gravity;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double push = half_g * (low->h[j] + high->h[j]) * (high->b[j] - low->b[j]);
    mass[j] -= (b->mass[j] - a->mass[j]) * per_dx;
    along[j] -= (b->before[j] - a->behind[j] + push) * per_dx;
    across[j] -= (b->across[j] - a->across[j]) * per_dx;
  }
}

static side next_side(const side *s) { return (side){s->h + 1, s->along + 1, s->across + 1, s->b + 1}; }
static flux next_flux(const flux *f) { return (flux){f->mass + 1, f->before + 1, f->behind + 1, f->across + 1}; }

/* Row i, whose faces along axis 0 are number 1 - here and here. */
static void finish_row(const shallow_water *s, ptrdiff_t i, int here, double *out) {
  const ptrdiff_t n = s->n1;
  const side low = next_side(&s->low), high = next_side(&s->high);
  const flux second = next_flux(&s->line);
  double *h = out + i * n, *p = h + s->cells, *q = p + s->cells;
  double *const all[] = {h, p, q};
  for (int k = 0; k < STATES; k++) memset(all[k], 0, (size_t)n * sizeof(double));
  diverge(&s->row[1 - here], &s->row[here], &s->row_low[1 - here], &s->row_high[1 - here], n, s->per_dx[0], h, p, q);
  reconstruct(s, cell(s, i, -1), 1, s->v, s->u, n + 2, &s->low, &s->high);
  riemann(s->dry, &s->high, &low, n + 1, &s->line, s->fastest[1]);
  diverge(&s->line, &second, &low, &high, n, s->per_dx[1], h, q, p);
}

static double rate(void *user, double *state, double *out) {
  const shallow_water *s = user;
  const ptrdiff_t n = s->n1;
  if (!(pno_fv_least(state, s->cells) >= 0)) return INFINITY;
  take(s, state);
  for (int k = 0; k < 2; k++) memset(s->fastest[k], 0, (size_t)(n + 1) * sizeof(double));
  for (ptrdiff_t i = -1; i <= s->n0; i++) {
    const int here = (int)(i & 1);
    reconstruct(s, cell(s, i, 0), s->pitch, s->u, s->v, n, &s->row_low[here], &s->row_high[here]);
    if (i >= 0) riemann(s->dry, &s->row_high[1 - here], &s->row_low[here], n, &s->row[here], s->fastest[0]);
    if (i > 0) finish_row(s, i - 1, here, out);
  }
  return 2 * (pno_fv_greatest(s->fastest[0], n) * s->per_dx[0] + pno_fv_greatest(s->fastest[1], n + 1) * s->per_dx[1]);
}

static void destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  shallow_water *s = (shallow_water *)*pde;
  pno_arena_destroy(&s->arena);
  free(s);
  *pde = NULL;
}

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  shallow_water *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)s;
  s->spec = *spec;
  s->n0 = (ptrdiff_t)spec->n[0] * spec->refine;
  s->n1 = (ptrdiff_t)spec->n[1] * spec->refine;
  s->cells = s->n0 * s->n1;
  s->pitch = s->n1 + 2 * GHOSTS;
  s->per_dx[0] = (double)s->n0 / (high_edge - low_edge);
  s->per_dx[1] = (double)s->n1 / (high_edge - low_edge);
  PNO_TRY_GOTO(st, push_all(s, &measure), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &s->arena), done);
  PNO_TRY_GOTO(st, push_all(s, &s->arena), done);
  s->fv.rate = rate;
  s->fv.user = s;
  *out = made;
  made = NULL;
done:
  destroy(&made);
  return st;
}

/* Coordinate of the centre of cell i of n. */
static double centre(ptrdiff_t i, ptrdiff_t n) {
  return low_edge + (high_edge - low_edge) * ((double)i + .5) / (double)n;
}

static void load(shallow_water *s, const pno_pde_task *task) {
  static const double bump_at = 1, bump_width = .5;
  const double *p = task->parameters;
  double *h = s->fv.u;
  for (ptrdiff_t k = 0; k < s->cells; k++) {
    const double x = centre(k / s->n1, s->n0), y = centre(k % s->n1, s->n1);
    const double dx = (x - bump_at) / bump_width, dy = (y - bump_at) / bump_width;
    s->bottom[k] = p[BUMP] * exp(-(dx * dx + dy * dy));
    h[k] = fmax((sqrt(x * x + y * y) <= p[RADIUS] ? p[INSIDE] : p[OUTSIDE]) - s->bottom[k], 0);
  }
  memset(h + s->cells, 0, (size_t)(2 * s->cells) * sizeof(double));
  if (task->initial) memcpy(h, task->initial, (size_t)(STATES * s->cells) * sizeof(double));
  s->dry = fmax(dry_part * pno_fv_greatest(h, s->cells), tiny);
  s->fv.courant = courant / task->caution;
  s->fv.most = s->spec.step / task->caution;
  pno_fv_start(&s->fv);
}

/* Means of a variable over the cells of the solver in each written one, to every stride-th float. */
static void write_means(const shallow_water *s, const double *from, float *to, int stride) {
  const int r = s->spec.refine;
  for (ptrdiff_t i = 0; i < s->spec.n[0]; i++)
    for (ptrdiff_t j = 0; j < s->spec.n[1]; j++) {
      double sum = 0;
      for (ptrdiff_t k = i * r; k < (i + 1) * r; k++)
        for (ptrdiff_t l = j * r; l < (j + 1) * r; l++) sum += from[k * s->n1 + l];
      to[(i * s->spec.n[1] + j) * stride] = (float)(sum / ((double)r * r));
    }
}

static void write_frame(const shallow_water *s, float *values, int frame) {
  const ptrdiff_t points = (ptrdiff_t)s->spec.n[0] * s->spec.n[1];
  float *momentum = values + points * s->spec.frames + 2 * points * frame;
  write_means(s, s->fv.u, values + points * frame, 1);
  for (int d = 0; d < 2; d++) write_means(s, s->fv.u + (d + 1) * s->cells, momentum + d, 2);
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  shallow_water *s = (shallow_water *)pde;
  const double interval = s->spec.time / (s->spec.frames - 1);
  int f = 1;
  load(s, task);
  for (write_frame(s, task->values, 0); f < s->spec.frames && s->fv.end == PNO_FV_FINE; f++) {
    pno_fv_advance(&s->fv, interval);
    write_frame(s, task->values, f);
  }
  if (task->last) memcpy(task->last, s->fv.u, (size_t)(STATES * s->cells) * sizeof(double));
  pno_fv_report(&s->fv, interval * (f - 1), report);
  return PNO_OK;
}

const pno_equation pno_shallow_water_equation = {
    .name = "shallow_water",
    .solver = "finite volumes, hydrostatic reconstruction, MC limiter, HLLC, SSPRK2, Courant number 0.45",
    .help = "h_t + div(h u) = 0, (h u)_t + div(h u u) + h grad(h + b) = 0 on [-2.5, 2.5]^2, open; radial dam break",
    .dims_least = 2,
    .dims_most = 2,
    .lo = -2.5,
    .hi = 2.5,
    .boundary = PNO_PDE_OPEN,
    .points = PNO_PDE_CENTRES,
    .n_fields = 2,
    /* PDEBench's files have h alone, and so has a view; the momentum is there for who wants it. */
    .fields = {{.name = "h", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true},
               {.name = "momentum", .order = 1, .time_varying = true}},
    .n_parameters = 4,
    .parameters = {{"radius", "", "of the dam around (0, 0)", 0, 10},
                   {"inside", "", "level of the water inside", 0, 1e3},
                   {"outside", "", "level of the water outside; 0: dry", 0, 1e3},
                   {"bump", "", "height of the bottom at (1, 1)", -1e3, 1e3}},
    .recipes = {{.name = "pdebench", .help = "PDEBench: a dam of radius .3 to .7, depth 2 inside and 1 outside, t to 1",
                 .time = 1, .frames = 101, .refine = 1,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"uniform:.3:.7", "2", "1", "0"}}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
