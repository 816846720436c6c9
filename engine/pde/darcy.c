#include "engine/pde/darcy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/darcy_impl.h"

/* 11 to 19 are usual (README). The limit only has to end what cannot end by itself. */
enum { ITERATIONS_MAX = 300 };

static ptrdiff_t node_count(const pno_darcy *d) { return (ptrdiff_t)d->spec.n[0] * d->spec.n[1]; }

static pno_status push_all(pno_darcy *d, pno_arena *arena) {
  const int n0 = d->spec.n[0], n1 = d->spec.n[1];
  const size_t nodes = (size_t)n0 * (size_t)n1;
  double **const vectors[] = {&d->a, &d->f, &d->u, &d->b, &d->r, &d->z, &d->p, &d->q, &d->x};
  for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) PNO_TRY(PNO_PUSH(arena, nodes, vectors[v]));
  PNO_TRY(PNO_PUSH(arena, n0, &d->bump[0]));
  PNO_TRY(PNO_PUSH(arena, n1, &d->bump[1]));
  PNO_TRY(pno_multigrid_create(n0, n1, arena, &d->mg));
  if (!pno_darcy_is_li(&d->spec)) return PNO_OK;
  return pno_random_field_create(n0, n1, arena, &d->field);
}

pno_status pno_darcy_create(const pno_pde_spec *spec, pno_darcy **out) {
  PNO_TRY(pno_darcy_check(spec));
  pno_arena measure = pno_arena_measure("darcy", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  pno_darcy *d = calloc(1, sizeof *d);
  if (!d) return pno_fail(PNO_E_NOMEM, "darcy: %zu bytes are not to be had", sizeof *d);
  d->spec = *spec;
  PNO_TRY_GOTO(st, push_all(d, &measure), done);
  PNO_TRY_GOTO(st, pno_arena_create("darcy", PNO_SPACE_HOST, measure.peak, &d->arena), done);
  PNO_TRY_GOTO(st, push_all(d, &d->arena), done);
  *out = d;
  d = NULL;
done:
  pno_darcy_destroy(&d);
  return st;
}

void pno_darcy_destroy(pno_darcy **darcy) {
  if (!darcy || !*darcy) return;
  pno_random_field_destroy(&(*darcy)->field);
  pno_arena_destroy(&(*darcy)->arena);
  free(*darcy);
  *darcy = NULL;
}

void pno_darcy_assemble(const double *a, pno_stencil *op) {
  const ptrdiff_t n0 = op->n[0], n1 = op->n[1];
  const double north = 0.5 * (double)(n0 - 1) / (double)(n1 - 1), east = 0.25 / north;
  for (ptrdiff_t k = 0; k < n0 * n1; k++) {
    op->east[k] = k % n1 < n1 - 1 ? -east * (a[k] + a[k + 1]) : 0;
    op->north[k] = k / n1 < n0 - 1 ? -north * (a[k] + a[k + n1]) : 0;
  }
  for (ptrdiff_t i = 1; i < n0 - 1; i++) {
    for (ptrdiff_t k = i * n1 + 1; k < (i + 1) * n1 - 1; k++)
      op->centre[k] = -(op->east[k] + op->east[k - 1] + op->north[k] + op->north[k - n1]);
  }
}

/* The vectors are 0 on the boundary, so that all of them can be summed. */
static double dot(const double *x, const double *y, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t k = 0; k < n; k++) sum += x[k] * y[k];
  return sum;
}

/* r = b - A x by fluxes: the error of a difference of neighbours is far below that of centre times x. */
static void true_residual(pno_darcy *d) {
  const pno_stencil *s = &d->mg.level[0].op;
  const ptrdiff_t n = s->n[1];
  const double *x = d->x;
  for (ptrdiff_t i = 1; i < s->n[0] - 1; i++) {
    for (ptrdiff_t k = i * n + 1; k < (i + 1) * n - 1; k++)
      d->r[k] = d->b[k] - (s->east[k] * (x[k + 1] - x[k]) + s->east[k - 1] * (x[k - 1] - x[k]) +
                           s->north[k] * (x[k + n] - x[k]) + s->north[k - n] * (x[k - n] - x[k]));
  }
}

/* Conjugate gradients on A x = b from d->x and its residual d->r until the carried residual is at most target.
 * Returns the number of iterations. */
static int gradients(pno_darcy *d, double target, int limit) {
  const ptrdiff_t n = node_count(d);
  double rz = 0;
  for (int k = 0; k < limit; k++) {
    if (!(sqrt(dot(d->r, d->r, n)) > target)) return k;
    pno_multigrid_cycle(&d->mg, d->r, d->z);
    const double rz_new = dot(d->r, d->z, n), beta = k ? rz_new / rz : 0;
    rz = rz_new;
    for (ptrdiff_t i = 0; i < n; i++) d->p[i] = d->z[i] + beta * d->p[i];
    pno_stencil_apply(&d->mg.level[0].op, d->p, d->q);
    const double alpha = rz / dot(d->p, d->q, n);
    for (ptrdiff_t i = 0; i < n; i++) {
      d->x[i] += alpha * d->p[i];
      d->r[i] -= alpha * d->q[i];
    }
  }
  return limit;
}

/* The carried residual drifts from the true one by rounding: compute it, and start again from there if need be. Ends
 * when a start gains less than a factor 2, which is where rounding has the last word. */
static pno_status iterate(pno_darcy *d, double *residual, int *iterations) {
  const ptrdiff_t n = node_count(d);
  const double norm = sqrt(dot(d->b, d->b, n)), tol = d->spec.tolerance;
  double relative = 0, before = INFINITY;
  int done = 0;
  memset(d->x, 0, (size_t)n * sizeof *d->x);
  /* 0 times what a diverged sample left, also on the boundary, would not be 0. */
  memset(d->r, 0, (size_t)n * sizeof *d->r);
  memset(d->p, 0, (size_t)n * sizeof *d->p);
  for (;;) {
    true_residual(d);
    relative = norm > 0 ? sqrt(dot(d->r, d->r, n)) / norm : sqrt(dot(d->r, d->r, n));
    if (relative <= tol) break;
    if (done >= ITERATIONS_MAX || !(relative < 0.5 * before))
      return pno_fail(PNO_E_DIVERGED, "darcy %d x %d: relative residual %.3g after %d iterations, %.3g wanted",
                      d->spec.n[0], d->spec.n[1], relative, done, tol);
    before = relative;
    done += gradients(d, 0.3 * tol * norm, ITERATIONS_MAX - done);
  }
  *residual = relative;
  if (iterations) *iterations = done;
  return PNO_OK;
}

pno_status pno_darcy_solve(pno_darcy *d, const double *a, const double *f, double *u, double *residual,
                           int *iterations) {
  const ptrdiff_t n0 = d->spec.n[0], n1 = d->spec.n[1];
  double most = 0;
  for (ptrdiff_t k = 0; k < n0 * n1; k++) {
    if (!(a[k] > 0 && isfinite(a[k])))
      return pno_fail(PNO_E_USAGE, "darcy: a[%td][%td] is %g, which is not positive and finite", k / n1, k % n1, a[k]);
  }
  pno_darcy_assemble(a, &d->mg.level[0].op);
  pno_multigrid_setup(&d->mg);
  for (ptrdiff_t k = 0; k < n0 * n1; k++) most = fmax(most, fabs(f[k]));
  /* By a power of two, which rounds nothing: sums of squares of a source of 1e-170 would be 0. */
  const double scale = most > 0 && isfinite(most) ? ldexp(1, ilogb(most)) : 1;
  const double cell = 1.0 / ((double)(n0 - 1) * (double)(n1 - 1));
  for (ptrdiff_t i = 1; i < n0 - 1; i++) {
    for (ptrdiff_t k = i * n1 + 1; k < (i + 1) * n1 - 1; k++) d->b[k] = cell * (f[k] / scale);
  }
  PNO_TRY(iterate(d, residual, iterations));
  for (ptrdiff_t k = 0; k < n0 * n1; k++) u[k] = scale * d->x[k];
  return PNO_OK;
}
