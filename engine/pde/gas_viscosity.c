#include "engine/pde/gas_viscosity.h"

pno_status pno_gas_viscosity_push(pno_arena *arena, ptrdiff_t n, pno_gas_viscosity *out) {
  pno_gas_viscosity g = {.n = n};
  double **const all[] = {&g.face, &g.next, &g.mean, &g.last};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) PNO_TRY(PNO_PUSH(arena, n + 1, all[i]));
  *out = g;
  return PNO_OK;
}

static void faces(const pno_gas_viscosity *g, const double *restrict rho) {
  const ptrdiff_t n = g->n;
  double *restrict face = g->face;
  for (ptrdiff_t j = 1; j < n; j++) face[j] = g->constant + g->per_density * (.5 * (rho[j - 1] + rho[j]));
  face[0] = face[n] = g->periodic ? g->constant + g->per_density * (.5 * (rho[n - 1] + rho[0])) : 0;
}

/* w of (rho_i + b nu_i- + b nu_i+) w_i - b nu_i- w_i-1 - b nu_i+ w_i+1 = m_i into mean, b = dt / (2 dx^2): elimination
 * of all but the last, w_i = mean_i + next_i w_i+1 + last_i w_n-1, where last is what a ring adds. Pivots are > rho. */
static void velocities(const pno_gas_viscosity *g, double b, const double *restrict rho, const double *restrict m) {
  const ptrdiff_t n = g->n;
  const double *restrict nu = g->face;
  double *restrict next = g->next, *restrict mean = g->mean, *restrict last = g->last;
  double up = 0, y = 0, z = 1; /* the cell before the first is the last */
  for (ptrdiff_t i = 0; i < n - 1; i++) {
    const double below = b * nu[i], above = b * nu[i + 1], pivot = 1 / (rho[i] + below * (1 - up) + above);
    next[i] = up = above * pivot;
    mean[i] = y = (m[i] + below * y) * pivot;
    last[i] = z = below * z * pivot;
  }
  last[n - 2] += next[n - 2];
  for (ptrdiff_t i = n - 3; i >= 0; i--) {
    mean[i] += next[i] * mean[i + 1];
    last[i] += next[i] * last[i + 1];
  }
  const double below = b * nu[n - 1], above = b * nu[n];
  const double end = (m[n - 1] + below * mean[n - 2] + above * mean[0]) /
                     (rho[n - 1] + below * (1 - last[n - 2]) + above * (1 - last[0]));
  for (ptrdiff_t i = 0; i < n - 1; i++) mean[i] += last[i] * end;
  mean[n - 1] = end;
}

void pno_gas_viscosity_step(const pno_gas_viscosity *g, double dt, double *state) {
  const ptrdiff_t n = g->n;
  const double r = g->per_dx * g->per_dx, *restrict nu = g->face, *restrict w = g->mean;
  double *restrict m = state + n, *restrict e = m + n;
  faces(g, state);
  velocities(g, .5 * dt * r, state, m);
  double before = w[n - 1], stress = nu[0] * (w[0] - before), work = stress * (.5 * (before + w[0]));
  for (ptrdiff_t i = 0; i < n; i++) {
    const double after = i + 1 < n ? w[i + 1] : w[0], s = nu[i + 1] * (after - w[i]), a = s * (.5 * (w[i] + after));
    m[i] += dt * r * (s - stress);
    e[i] += dt * r * (a - work);
    stress = s;
    work = a;
  }
}
