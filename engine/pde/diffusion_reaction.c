/* Reaction of FitzHugh and Nagumo with diffusion on [-1, 1]^2 (PDEBench's 2D_diff-react), no flow through the walls:
 *   u_t = Du Laplace u + r (u - u^3 - k - v),   v_t = Dv Laplace v + r (u - v),   r = 1 (0: diffusion alone).
 *
 * Cells (i, j) of widths h0 = 2 / N0 and h1 = 2 / N1 about the points (-1 + (i + 1/2) h0, -1 + (j + 1/2) h1);
 *   Laplace u = (u_i-1,j + u_i+1,j - 2 u_ij) / h0^2 + (u_i,j-1 + u_i,j+1 - 2 u_ij) / h1^2,
 * where what lies beyond a wall is the cell before it. These are PDEBench's equations to the letter.
 * Initial state: independent N(0, 1) numbers in each written cell, of u and of v. With refine > 1 the state is the same
 * function, constant on each written cell; a written value is the mean of its refine^2 cells. Noise belongs to its
 * grid: other n give other samples. A task's state is u, then v, on the N = n * refine cells.
 * Time: RKC2 with error control (rk.h says why). At 128^2 the recipe's 1e-5 leaves a relative L2 error of 1.3e-5 at
 * t = 5 beside a run at 1e-8; 346 steps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/pde/equation.h"
#include "engine/pde/rk.h"

enum { DU, DV, K, REACTION };
enum { SITE_NOISE = 8, LANES = 8 };

typedef struct {
  pno_pde_spec spec;
  pno_arena arena; /* owned: all arrays */
  pno_rk rk;
  ptrdiff_t n[2], points;
  double *noise;            /* [written points] */
  double pull[2];           /* 1 / h^2 of each axis */
  const double *parameters; /* of the present sample */
} reaction;

/* Of one sample: what neighbours along each axis and the point itself give to u and to v. */
typedef struct {
  double u[2], v[2], own_u, own_v, r, k;
} weights;

static weights weights_of(const reaction *s) {
  const double *p = s->parameters;
  weights w = {.r = p[REACTION], .k = p[K]};
  for (int axis = 0; axis < 2; axis++) {
    w.u[axis] = p[DU] * s->pull[axis];
    w.v[axis] = p[DV] * s->pull[axis];
  }
  w.own_u = w.r - 2 * (w.u[0] + w.u[1]);
  w.own_v = -w.r - 2 * (w.v[0] + w.v[1]);
  return w;
}

/* Rates of a point from the sums of its neighbours along each axis. */
static inline double rate_u(const weights *w, double u, double v, double sum0, double sum1) {
  return w->u[0] * sum0 + w->u[1] * sum1 + (w->own_u - w->r * (u * u)) * u - w->r * (w->k + v);
}

static inline double rate_v(const weights *w, double u, double v, double sum0, double sum1) {
  return w->v[0] * sum0 + w->v[1] * sum1 + w->own_v * v + w->r * u;
}

/* Rows of u or v and of the cells before and behind. */
typedef struct {
  const double *north, *here, *south;
} rows;

static void row(weights w, ptrdiff_t n, rows x, rows y, double *restrict out_u, double *restrict out_v) {
  const double *restrict u = x.here, *restrict un = x.north, *restrict us = x.south;
  const double *restrict v = y.here, *restrict vn = y.north, *restrict vs = y.south;
  for (ptrdiff_t j = 1; j < n - 1; j++) out_u[j] = rate_u(&w, u[j], v[j], un[j] + us[j], u[j - 1] + u[j + 1]);
  for (ptrdiff_t j = 1; j < n - 1; j++) out_v[j] = rate_v(&w, u[j], v[j], vn[j] + vs[j], v[j - 1] + v[j + 1]);
  for (ptrdiff_t j = 0; j < n; j += n - 1) {
    const ptrdiff_t west = j > 0 ? j - 1 : j, east = j < n - 1 ? j + 1 : j;
    out_u[j] = rate_u(&w, u[j], v[j], un[j] + us[j], u[west] + u[east]);
    out_v[j] = rate_v(&w, u[j], v[j], vn[j] + vs[j], v[west] + v[east]);
  }
}

static void rate(void *user, double t, const double *restrict y, double *restrict out) {
  const reaction *s = user;
  const weights w = weights_of(s);
  const ptrdiff_t n0 = s->n[0], n1 = s->n[1];
  (void)t;
  for (ptrdiff_t i = 0; i < n0; i++) {
    const double *u = y + i * n1, *v = u + s->points;
    const ptrdiff_t north = i > 0 ? -n1 : 0, south = i < n0 - 1 ? n1 : 0;
    row(w, n1, (rows){u + north, u, u + south}, (rows){v + north, v, v + south}, out + i * n1,
        out + s->points + i * n1);
  }
}

/* Greatest |u|, in lanes so that the loop is wide. */
static double greatest(const double *restrict u, ptrdiff_t n) {
  double lane[LANES] = {0}, most = 0;
  ptrdiff_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double a = fabs(u[i + k]);
      lane[k] = a > lane[k] ? a : lane[k];
    }
  for (; i < n; i++) most = fmax(most, fabs(u[i]));
  for (int k = 0; k < LANES; k++) most = fmax(most, lane[k]);
  return most;
}

/* Gershgorin's circles: the rows of the Jacobian of u and of v. */
static double radius(void *user, double t, const double *y) {
  const reaction *s = user;
  const double *p = s->parameters, u = greatest(y, s->points), laplace = 4 * (s->pull[0] + s->pull[1]);
  (void)t;
  return fmax(p[DU] * laplace + p[REACTION] * fmax(2, 3 * u * u), p[DV] * laplace + 2 * p[REACTION]);
}

static pno_status push_all(reaction *s, pno_arena *arena) {
  PNO_TRY(pno_rk_push(arena, 2 * s->points, &s->rk));
  return PNO_PUSH(arena, (ptrdiff_t)s->spec.n[0] * s->spec.n[1], &s->noise);
}

static void destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  reaction *s = (reaction *)*pde;
  pno_arena_destroy(&s->arena);
  free(s);
  *pde = NULL;
}

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  if (!(spec->tolerance >= 0 && spec->tolerance < 1) || (spec->tolerance == 0 && spec->step == 0))
    return pno_fail(PNO_E_USAGE, "diffusion_reaction: tolerance is %g and must lie in (0, 1)", spec->tolerance);
  reaction *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)s;
  s->spec = *spec;
  for (int axis = 0; axis < 2; axis++) {
    s->n[axis] = (ptrdiff_t)spec->n[axis] * spec->refine;
    s->pull[axis] = .25 * (double)s->n[axis] * (double)s->n[axis];
  }
  s->points = s->n[0] * s->n[1];
  PNO_TRY_GOTO(st, push_all(s, &measure), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &s->arena), done);
  PNO_TRY_GOTO(st, push_all(s, &s->arena), done);
  s->rk.rate = rate;
  s->rk.radius = radius;
  s->rk.user = s;
  *out = made;
  made = NULL;
done:
  destroy(&made);
  return st;
}

static void draw(reaction *s, uint64_t seed, uint32_t sample) {
  const ptrdiff_t n1 = s->spec.n[1], refine = s->spec.refine;
  for (uint16_t field = 0; field < 2; field++) {
    const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample, .site = SITE_NOISE, .draw = field};
    double *y = s->rk.y + field * s->points;
    pno_rng_normals(&rng, 0, s->spec.n[0] * n1, s->noise);
    for (ptrdiff_t i = 0; i < s->n[0]; i++)
      for (ptrdiff_t j = 0; j < s->n[1]; j++) y[i * s->n[1] + j] = s->noise[i / refine * n1 + j / refine];
  }
}

static void load(reaction *s, const pno_pde_task *task) {
  s->parameters = task->parameters;
  s->rk.t = 0;
  s->rk.march.tolerance = s->spec.tolerance / task->caution;
  s->rk.march.most = s->spec.step / task->caution;
  if (task->initial) memcpy(s->rk.y, task->initial, (size_t)(2 * s->points) * sizeof *s->rk.y);
  else draw(s, task->seed, task->sample);
  pno_rk_start(&s->rk);
}

/* A row of written values from the first row of its cells. */
static void write_row(const reaction *s, const double *restrict first, float *restrict out) {
  const ptrdiff_t n = s->spec.n[1], refine = s->spec.refine;
  const double share = 1 / (double)(refine * refine);
  if (refine == 1) { /* by the loop below a tenth of a sample's time */
    for (ptrdiff_t j = 0; j < n; j++) out[j] = (float)first[j];
    return;
  }
  for (ptrdiff_t j = 0; j < n; j++) {
    double sum = 0;
    for (ptrdiff_t a = 0; a < refine; a++)
      for (ptrdiff_t b = j * refine; b < (j + 1) * refine; b++) sum += first[a * s->n[1] + b];
    out[j] = (float)(share * sum);
  }
}

static void write_frame(const reaction *s, float *values, int frame) {
  const ptrdiff_t n0 = s->spec.n[0], n1 = s->spec.n[1];
  for (int field = 0; field < 2; field++) {
    const double *y = s->rk.y + field * s->points;
    float *out = values + ((ptrdiff_t)field * s->spec.frames + frame) * n0 * n1;
    for (ptrdiff_t i = 0; i < n0; i++) write_row(s, y + i * s->spec.refine * s->n[1], out + i * n1);
  }
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  reaction *s = (reaction *)pde;
  const pno_rk *e = &s->rk;
  const double interval = s->spec.time / (s->spec.frames - 1);
  int f = 1;
  load(s, task);
  write_frame(s, task->values, 0);
  for (; f < s->spec.frames; f++) {
    pno_rk_advance(&s->rk, interval);
    if (e->march.failed) break;
    write_frame(s, task->values, f);
  }
  if (task->last) memcpy(task->last, e->y, (size_t)(2 * s->points) * sizeof *e->y);
  pno_march_report(&e->march, (f - 1) * interval, f * interval, report);
  return PNO_OK;
}

const pno_equation pno_diffusion_reaction_equation = {
    .name = "diffusion_reaction",
    .solver = "finite volumes, Runge-Kutta-Chebyshev with error control",
    .help = "u_t = du Laplace u + r (u - u^3 - k - v), v_t = dv Laplace v + r (u - v) on [-1,1]^2, zero-flux walls",
    .dims_least = 2,
    .dims_most = 2,
    .lo = -1,
    .hi = 1,
    .boundary = PNO_PDE_WALL,
    .points = PNO_PDE_CENTRES,
    .n_fields = 2,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true},
               {.name = "v", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 4,
    .parameters = {{"du", "", "diffusion of the activator u", 0, 10},
                   {"dv", "", "diffusion of the inhibitor v", 0, 10},
                   {"k", "", "k of the reaction", -10, 10},
                   {"reaction", "", "r, rate of both reactions; 0: diffusion alone", 0, 1e3}},
    .recipes = {{.name = "pdebench", .help = "PDEBench 2D_diff-react: from noise, t to 5",
                 .time = 5, .frames = 101, .refine = 1, .tolerance = 1e-5,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"1e-3", "5e-3", "5e-3", "1"}}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
