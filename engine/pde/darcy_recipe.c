/* Which coefficients and sources, and the row of the table of equations. The initial state of a task is a, its last u. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/pde/darcy.h"
#include "engine/pde/darcy_impl.h"

enum { BUMPS = 5, SITE_BUMPS = 1 };
enum { BETA, ALPHA, TAU };

pno_status pno_darcy_check(const pno_pde_spec *s) {
  if (s->refine != 1) return pno_fail(PNO_E_USAGE, "darcy is solved on the grid that is written: pde.refine must be 1");
  if (s->tolerance > 0 && s->tolerance < 1) return PNO_OK;
  return pno_fail(PNO_E_USAGE, "darcy: tolerance is %g and must lie in (0, 1)", s->tolerance);
}

bool pno_darcy_is_li(const pno_pde_spec *spec) { return strcmp(spec->recipe->name, "li") == 0; }

static void draw_li(pno_darcy *d, uint64_t seed, uint32_t sample, const double *parameters) {
  const ptrdiff_t nodes = (ptrdiff_t)d->spec.n[0] * d->spec.n[1];
  d->field.alpha = parameters[ALPHA];
  d->field.tau = parameters[TAU];
  pno_random_field_draw(&d->field, seed, sample);
  for (ptrdiff_t k = 0; k < nodes; k++) d->a[k] = d->field.values[k] >= 0 ? 12 : 3;
}

static void draw_pdebench(pno_darcy *d, uint64_t seed, uint32_t sample) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample, .site = SITE_BUMPS};
  const ptrdiff_t n0 = d->spec.n[0], n1 = d->spec.n[1];
  double mean = 0, draw[3 * BUMPS]; /* centre and width of each */
  pno_rng_uniforms(&rng, 0, 3 * BUMPS, draw);
  for (ptrdiff_t k = 0; k < n0 * n1; k++) d->a[k] = 0;
  for (int b = 0; b < BUMPS; b++) {
    const double width = 0.5 * draw[3 * b + 2];
    for (int axis = 0; axis < 2; axis++) {
      for (int i = 0; i < d->spec.n[axis]; i++) {
        const double far = (double)i / (d->spec.n[axis] - 1) - draw[3 * b + axis];
        d->bump[axis][i] = exp(-far * far / width);
      }
    }
    for (ptrdiff_t k = 0; k < n0 * n1; k++) d->a[k] += d->bump[0][k / n1] * d->bump[1][k % n1];
  }
  for (ptrdiff_t k = 0; k < n0 * n1; k++) mean += d->a[k];
  mean /= (double)(n0 * n1);
  for (ptrdiff_t k = 0; k < n0 * n1; k++) d->a[k] = d->a[k] > mean ? 1 : 0.1;
}

const double *pno_darcy_coefficient(pno_darcy *d, uint64_t seed, uint32_t sample, const double *parameters) {
  if (pno_darcy_is_li(&d->spec)) draw_li(d, seed, sample, parameters);
  else draw_pdebench(d, seed, sample);
  return d->a;
}

/* The table knows a pno_pde; this equation's is a pno_darcy. */
static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  pno_darcy *d = NULL;
  PNO_TRY(pno_darcy_create(spec, &d));
  *out = (pno_pde *)d;
  return PNO_OK;
}

static void destroy(pno_pde **pde) {
  if (!pde) return;
  pno_darcy *d = (pno_darcy *)*pde;
  pno_darcy_destroy(&d);
  *pde = NULL;
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  pno_darcy *d = (pno_darcy *)pde;
  const ptrdiff_t nodes = (ptrdiff_t)d->spec.n[0] * d->spec.n[1];
  int iterations = 0;
  pno_pde_report r = {0};
  if (task->initial) memcpy(d->a, task->initial, (size_t)nodes * sizeof *d->a);
  else pno_darcy_coefficient(d, task->seed, task->sample, task->parameters);
  for (ptrdiff_t k = 0; k < nodes; k++) d->f[k] = task->parameters[BETA];
  const pno_status st = pno_darcy_solve(d, d->a, d->f, d->u, &r.error, &iterations);
  if (st != PNO_OK && st != PNO_E_DIVERGED) return st;
  r.failed = st != PNO_OK;
  r.steps = iterations;
  if (r.failed) snprintf(r.words, sizeof r.words, "%s", pno_fail_words());
  if (task->last && !r.failed) memcpy(task->last, d->u, (size_t)nodes * sizeof *d->u);
  for (ptrdiff_t k = 0; !r.failed && k < nodes; k++) {
    task->values[k] = (float)d->a[k];
    task->values[nodes + k] = (float)d->u[k];
  }
  *report = r;
  return PNO_OK;
}

const pno_equation pno_darcy_equation = {
    .name = "darcy",
    .solver = "finite volumes, conjugate gradients with a multigrid V-cycle",
    .help = "-div(a grad u) = beta on [0,1]^2, u = 0 on the boundary, piecewise constant random a",
    .dims_least = 2,
    .dims_most = 2,
    .hi = 1,
    .n_fields = 2,
    .fields = {{.name = "a", .role = PNO_PDE_INPUT}, {.name = "u", .role = PNO_PDE_TARGET}},
    .n_parameters = 3,
    /* u is at most 0.74 beta and is written in float. alpha <= 1: in two dimensions the variance of a point grows
     * without limit with the resolution. */
    .parameters = {{"beta", "", "constant source", 1e-30, 1e30},
                   {"alpha", "", "smoothness of the random field", 1.001, 10},
                   {"tau", "", "inverse length of the random field", 0.01, 1000}},
    .recipes = {{.name = "li", .help = "Li et al.: a = 12 where a Gaussian random field is >= 0, else 3",
                 .frames = 1, .refine = 1, .tolerance = 1e-10, .parameters = {"1", "2", "3"}},
                {.name = "pdebench", .help = "PDEBench: a = 1 where five random bumps exceed their mean, else 0.1",
                 .frames = 1, .refine = 1, .tolerance = 1e-10, .parameters = {"1", "2", "3"}}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
