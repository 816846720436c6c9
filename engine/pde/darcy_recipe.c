/* Which coefficients and sources, and the row of the table of equations. */
#include <math.h>

#include "engine/base/rng.h"
#include "engine/pde/darcy.h"
#include "engine/pde/darcy_impl.h"

enum { NODES_MAX = 1 << 17, BUMPS = 5, SITE_BUMPS = 1 };

static pno_status check_li(const pno_pde_spec *s) {
  /* alpha <= 1: in two dimensions the variance of a point grows without limit with the resolution. */
  if (!(s->alpha > 1 && isfinite(s->alpha)))
    return pno_fail(PNO_E_USAGE, "darcy: alpha is %g and must be greater than 1", s->alpha);
  if (!(s->tau > 0 && isfinite(s->tau))) return pno_fail(PNO_E_USAGE, "darcy: tau is %g and must be > 0", s->tau);
  return PNO_OK;
}

static pno_status check_pdebench(const pno_pde_spec *s) {
  /* u is at most 0.74 beta, and is written in float. */
  if (!(s->beta >= 1e-30 && s->beta <= 1e30))
    return pno_fail(PNO_E_USAGE, "darcy: beta is %g and must lie in [1e-30, 1e30]", s->beta);
  return PNO_OK;
}

pno_status pno_darcy_check(const pno_pde_spec *s) {
  if (s->dims != 2) return pno_fail(PNO_E_USAGE, "darcy has 2 dimensions, not %d", s->dims);
  for (int d = 0; d < 2; d++) {
    if (s->n[d] < 3 || s->n[d] > NODES_MAX)
      return pno_fail(PNO_E_USAGE, "darcy: axis %d has %d points; 3 to %d are possible", d, s->n[d], (int)NODES_MAX);
  }
  if (!(s->tolerance > 0 && s->tolerance < 1))
    return pno_fail(PNO_E_USAGE, "darcy: tolerance is %g and must lie in (0, 1)", s->tolerance);
  if (s->recipe == PNO_RECIPE_LI) return check_li(s);
  if (s->recipe == PNO_RECIPE_PDEBENCH) return check_pdebench(s);
  return pno_fail(PNO_E_USAGE, "darcy has no recipe %d", (int)s->recipe);
}

static void draw_li(pno_darcy *d, uint64_t seed, uint32_t sample) {
  const ptrdiff_t nodes = (ptrdiff_t)d->spec.n[0] * d->spec.n[1];
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

const double *pno_darcy_coefficient(pno_darcy *d, uint64_t seed, uint32_t sample) {
  if (d->spec.recipe == PNO_RECIPE_LI) draw_li(d, seed, sample);
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

static pno_status solve(pno_pde *pde, uint64_t seed, uint32_t sample, float *values, double *residual) {
  pno_darcy *d = (pno_darcy *)pde;
  const ptrdiff_t nodes = (ptrdiff_t)d->spec.n[0] * d->spec.n[1];
  const double source = d->spec.recipe == PNO_RECIPE_LI ? 1.0 : d->spec.beta;
  pno_darcy_coefficient(d, seed, sample);
  for (ptrdiff_t k = 0; k < nodes; k++) d->f[k] = source;
  PNO_TRY(pno_fail_in(pno_darcy_solve(d, d->a, d->f, d->u, residual, NULL), "sample %u", sample));
  for (ptrdiff_t k = 0; k < nodes; k++) {
    values[k] = (float)d->a[k];
    values[nodes + k] = (float)d->u[k];
  }
  return PNO_OK;
}

const pno_equation pno_darcy_equation = {
    .name = "darcy",
    .solver = "finite volumes, conjugate gradients with a multigrid V-cycle",
    .help = "-div(a grad u) = f on [0,1]^2, u = 0 on the boundary, piecewise constant random a",
    .dims = 2,
    .lo = 0,
    .hi = 1,
    .n_fields = 2,
    .fields = {{"a", true}, {"u", false}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
