/* Diffusion with sorption by Freundlich's law on [0, 1] (PDEBench's 1D_diff-sorp): R(u) u_t = D u_xx,
 *   R(u) = 1 + (1 - phi) / phi rho_s k_f n_f (u + 1e-6)^(n_f - 1),
 * solved as the conservation law that it is: c(u)_t = D u_xx with c the integral of R from 0,
 *   c(u) = u + (1 - phi) / phi rho_s k_f ((u + 1e-6)^n_f - 1e-6^n_f),   c(u) = R(0) u for u < 0.
 * 1e-6 is PDEBench's own guard of R, which has no limit at u = 0 for n_f < 1.
 *
 * Cells i = 0 .. N - 1 of width h = 1 / N, u_i at the centre (i + 1/2) h. With fluxes to the right G at faces,
 *   dc(u_i) / dt = (G_i - G_i+1) / h,   G_i = -D (u_i - u_i-1) / h inside,
 *   left end   u = 1:         G_0 = -D (u_0 - 1) / (h / 2),
 *   right end  -D u_x = u:    G_N = w = -D (w - u_N-1) / (h / 2), so w = u_N-1 q / (1 + q) with q = 2 D / h.
 * PDEBench puts both end values at the centre of a cell beyond the end, h / 2 too far, which is first order; the sign
 * at the right end is that of its code (its paper has u = D u_x, which feeds itself).
 * Initial state: u_i = level. A task's state is u on the N = n * refine cells; a written value is the mean of its
 * refine cells. At 1,024 cells the recipe's 1e-6 leaves relative L2 errors of 2e-6 to 6e-6 in all frames beside a run
 * at 1e-9; 454 steps. */
#include "engine/pde/diffusion_sorption.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/tr_bdf2.h"

enum { DIFFUSION, POROSITY, DENSITY, K_F, N_F, LEVEL };

static const double guard = 1e-6, inlet = 1;

typedef struct {
  pno_pde_spec spec;
  pno_arena arena; /* owned: all arrays */
  pno_tr_bdf2 line;
  double sorbed, exponent; /* (1 - phi) / phi rho_s k_f and n_f of the present sample */
  double in, out;          /* fluxes: in (inlet - u_0), out u_N-1 */
} sorption;

static void content(void *user, ptrdiff_t n, const double *restrict u, double *restrict c, double *restrict slope) {
  const sorption *s = user;
  const double k = s->sorbed, power = s->exponent;
  const double base = pow(guard, power), slope_at_0 = 1 + k * power * base / guard;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (u[i] > 0) {
      const double x = u[i] + guard, p = pow(x, power);
      c[i] = u[i] + k * (p - base);
      slope[i] = 1 + k * power * p / x;
    } else {
      c[i] = slope_at_0 * u[i];
      slope[i] = slope_at_0;
    }
  }
}

static void destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  sorption *s = (sorption *)*pde;
  pno_arena_destroy(&s->arena);
  free(s);
  *pde = NULL;
}

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  const ptrdiff_t n = (ptrdiff_t)spec->n[0] * spec->refine;
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  if (!(spec->tolerance >= 0 && spec->tolerance < 1) || (spec->tolerance == 0 && spec->step == 0))
    return pno_fail(PNO_E_USAGE, "diffusion_sorption: tolerance is %g and must lie in (0, 1)", spec->tolerance);
  sorption *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)s;
  s->spec = *spec;
  PNO_TRY_GOTO(st, pno_tr_bdf2_push(&measure, n, &s->line), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &s->arena), done);
  PNO_TRY_GOTO(st, pno_tr_bdf2_push(&s->arena, n, &s->line), done);
  s->line.content = content;
  s->line.user = s;
  *out = made;
  made = NULL;
done:
  destroy(&made);
  return st;
}

static void make_rates(sorption *s, double diffusion) {
  pno_tr_bdf2 *e = &s->line;
  const double h = 1 / (double)e->n, through = diffusion / h, q = 2 * through;
  s->in = q;
  s->out = q / (1 + q);
  for (ptrdiff_t i = 0; i < e->n; i++) {
    const double left = i > 0 ? through : s->in, right = i < e->n - 1 ? through : s->out;
    e->lower[i] = e->upper[i] = through / h;
    e->diagonal[i] = -(left + right) / h;
    e->constant[i] = i > 0 ? 0 : s->in * inlet / h;
  }
}

static void load(sorption *s, const pno_pde_task *task) {
  const double *p = task->parameters;
  pno_tr_bdf2 *e = &s->line;
  s->sorbed = (1 - p[POROSITY]) / p[POROSITY] * p[DENSITY] * p[K_F];
  s->exponent = p[N_F];
  make_rates(s, p[DIFFUSION]);
  for (ptrdiff_t i = 0; i < e->n; i++) e->u[i] = task->initial ? task->initial[i] : p[LEVEL];
  e->march.tolerance = s->spec.tolerance / task->caution;
  e->march.most = s->spec.step / task->caution;
  pno_tr_bdf2_start(e);
}

static void write_frame(const sorption *s, float *values, int frame) {
  const int refine = s->spec.refine;
  const double *u = s->line.u;
  float *out = values + (ptrdiff_t)frame * s->spec.n[0];
  for (ptrdiff_t i = 0; i < s->spec.n[0]; i++) {
    double sum = 0;
    for (int k = 0; k < refine; k++) sum += u[i * refine + k];
    out[i] = (float)(sum / refine);
  }
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  sorption *s = (sorption *)pde;
  const pno_tr_bdf2 *e = &s->line;
  const double interval = s->spec.time / (s->spec.frames - 1);
  int f = 1;
  load(s, task);
  write_frame(s, task->values, 0);
  for (; f < s->spec.frames; f++) {
    pno_tr_bdf2_advance(&s->line, interval);
    if (e->march.failed) break;
    write_frame(s, task->values, f);
  }
  if (task->last) memcpy(task->last, e->u, (size_t)e->n * sizeof *e->u);
  pno_march_report(&e->march, (f - 1) * interval, f * interval, report);
  return PNO_OK;
}

void pno_diffusion_sorption_through(const pno_pde *pde, double *in, double *out) {
  const sorption *s = (const sorption *)pde;
  *in = s->in * (inlet * s->spec.time - s->line.ends[0]);
  *out = s->out * s->line.ends[1];
}

const pno_equation pno_diffusion_sorption_equation = {
    .name = "diffusion_sorption",
    .solver = "finite volumes, TR-BDF2 with error control",
    .help = "R(u) u_t = D u_xx on [0,1], R = 1 + (1-phi)/phi density k_f n_f u^(n_f-1), u(0) = 1, -D u_x(1) = u",
    .dims_least = 1,
    .dims_most = 1,
    .hi = 1,
    .boundary = PNO_PDE_OPEN,
    .points = PNO_PDE_CENTRES,
    .n_fields = 1,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 6,
    .parameters = {{"diffusion", "", "effective diffusion coefficient D", 1e-9, 10},
                   {"porosity", "", "share of pores in the volume", .01, 1},
                   {"density", "", "bulk density of the grains", 0, 1e5},
                   {"k_f", "", "Freundlich's parameter; 0: no sorption", 0, 1},
                   {"n_f", "", "Freundlich's exponent", .1, 2},
                   {"level", "", "u at the beginning", 0, 1}},
    .recipes = {{.name = "pdebench", .help = "PDEBench 1D_diff-sorp: from a random constant, t to 500",
                 .time = 500, .frames = 101, .refine = 1, .tolerance = 1e-6,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"5e-4", ".29", "2880", "3.5e-4", ".874", "uniform:0:.2"}}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
