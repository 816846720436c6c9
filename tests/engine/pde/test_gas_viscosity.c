#include "engine/pde/gas_viscosity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 17 };

static const double pi = 3.14159265358979323846;

static pno_gas_viscosity make(pno_arena *arena, bool periodic, double constant, double per_density) {
  pno_arena measure = pno_arena_measure("test", PNO_SPACE_HOST);
  pno_gas_viscosity g;
  cr_assert_eq(pno_gas_viscosity_push(&measure, N, &g), PNO_OK);
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, measure.peak, arena), PNO_OK);
  cr_assert_eq(pno_gas_viscosity_push(arena, N, &g), PNO_OK);
  g.periodic = periodic;
  g.per_dx = N;
  g.constant = constant;
  g.per_density = per_density;
  return g;
}

/* Coefficient of the face before cell i, and v of a cell, of the ends' neighbours too. */
static double face(const pno_gas_viscosity *g, const double *rho, int i) {
  if (!g->periodic && (i == 0 || i == N)) return 0;
  return g->constant + g->per_density * .5 * (rho[(i + N - 1) % N] + rho[i % N]);
}

static double inner(const double *q, int i) { return q[2 * N + i] - .5 * q[N + i] * q[N + i] / q[i]; }

Test(gas_viscosity, any_step_conserves_momentum_and_energy_and_warms_every_cell) {
  static const double coefficients[][2] = {{.3, 0}, {0, .2}}, steps[] = {1e-4, .01, 1, 1e6};
  for (int c = 0; c < 16; c++) {
    const double *k = coefficients[c >> 1 & 1], dt = steps[c >> 2];
    pno_arena arena;
    const pno_gas_viscosity g = make(&arena, c & 1, k[0], k[1]);
    double q[3 * N], last[3 * N], w[N], before[2] = {0}, after[2] = {0};
    for (int i = 0; i < N; i++) {
      q[i] = i == 5 ? 1e-3 : 1.5 + sin(2. * i); /* one cell almost empty */
      q[N + i] = q[i] * (2 * cos(3. * i) + 1);
      q[2 * N + i] = .5 * q[N + i] * q[N + i] / q[i] + 1e-3;
    }
    memcpy(last, q, sizeof q);
    pno_gas_viscosity_step(&g, dt, last);
    cr_assert_arr_eq(q, last, N * sizeof *q);
    for (int i = 0; i < N; i++) {
      w[i] = .5 * (q[N + i] + last[N + i]) / q[i];
      for (int s = 0; s < 2; s++) {
        before[s] += q[(s + 1) * N + i];
        after[s] += last[(s + 1) * N + i];
      }
    }
    for (int s = 0; s < 2; s++) cr_expect_float_eq(after[s], before[s], 1e-12 * before[1], "dt %g", dt);
    for (int i = 0; i < N; i++) {
      const double da = w[i] - w[(i + N - 1) % N], db = w[(i + 1) % N] - w[i], part = dt * N * N;
      const double a = part * face(&g, q, i), b = part * face(&g, q, i + 1), heat = .5 * (a * da * da + b * db * db);
      const double rounding = 1e-10 * (1 + a + b); /* of differences of w, in the cell almost empty */
      cr_expect_gt(inner(last, i), .999e-3);
      if (dt > 1) continue;
      cr_expect_float_eq(last[N + i] - q[N + i], b * db - a * da, rounding, "cell %d dt %g", i, dt);
      cr_expect_float_eq(inner(last, i) - inner(q, i), heat, 10 * rounding, "cell %d dt %g", i, dt);
    }
    pno_arena_destroy(&arena);
  }
}

Test(gas_viscosity, a_wave_decays_by_the_factor_of_the_midpoint_rule) {
  pno_arena arena;
  const pno_gas_viscosity g = make(&arena, true, .3, 0);
  for (int k = 1; k <= N / 2; k++) {
    const double rho = 2, dt = .05, x = 2 * N * sin(pi * k / N), z = .5 * dt * .3 / rho * x * x;
    double q[3 * N];
    for (int i = 0; i < N; i++) {
      q[i] = rho;
      q[N + i] = cos(2 * pi * k * i / N);
      q[2 * N + i] = 1;
    }
    pno_gas_viscosity_step(&g, dt, q);
    for (int i = 0; i < N; i++)
      cr_expect_float_eq(q[N + i], (1 - z) / (1 + z) * cos(2 * pi * k * i / N), 1e-13, "wave %d", k);
  }
  pno_arena_destroy(&arena);
}
