#include "tests/engine/pde/solver.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* h 0: what the request asks for. */
static solver make(const char *equation, pno_pde_request request, double h) {
  solver s = {.points = 1};
  cr_assert_eq(pno_equation_find(equation, &s.equation), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(pno_pde_resolve(s.equation, &request, &s.spec), PNO_OK, "%s", pno_fail_words());
  if (h > 0) {
    s.spec.tolerance = 0;
    s.spec.step = h;
  }
  cr_assert_eq(s.equation->create(&s.spec, &s.pde), PNO_OK, "%s", pno_fail_words());
  s.n_values = pno_pde_values(s.equation, &s.spec);
  for (int d = 0; d < s.spec.dims; d++) s.points *= (ptrdiff_t)s.spec.n[d] * s.spec.refine;
  return s;
}

solver solver_make(const char *equation, pno_pde_request request) { return make(equation, request, 0); }

solver solver_make_fixed(const char *equation, pno_pde_request request, double h) { return make(equation, request, h); }

void solver_free(solver *s) {
  s->equation->destroy(&s->pde);
  cr_assert_null(s->pde);
}

static pno_pde_report run(solver *s, pno_pde_task task) {
  pno_pde_report report = {.failed = true};
  cr_assert_eq(s->equation->solve(s->pde, &task, &report), PNO_OK, "%s", pno_fail_words());
  cr_assert(!report.failed, "%s: %s", s->equation->name, report.words);
  return report;
}

float *solver_sample(solver *s, uint64_t seed, uint32_t sample) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  float *values = malloc((size_t)s->n_values * sizeof *values);
  cr_assert_not_null(values);
  pno_pde_draw(s->equation, &s->spec, seed, sample, parameters);
  run(s, (pno_pde_task){.seed = seed, .sample = sample, .parameters = parameters, .caution = 1, .values = values});
  return values;
}

pno_pde_report solver_run(solver *s, const double *initial, double *last) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  float *values = malloc((size_t)s->n_values * sizeof *values);
  cr_assert_not_null(values);
  for (int i = 0; i < s->equation->n_parameters; i++) parameters[i] = s->spec.parameters[i].v[0];
  const pno_pde_report report = run(
      s, (pno_pde_task){.parameters = parameters, .caution = 1, .initial = initial, .last = last, .values = values});
  free(values);
  return report;
}

double solver_rate(solver *s, const double *initial, double (*number)(const solver *, const double *), int variables,
                   double *middle) {
  const size_t bytes = (size_t)(variables * s->points) * sizeof(double);
  double *now = malloc(bytes), *next = malloc(bytes), f[5];
  cr_assert(now && next);
  memcpy(now, initial, bytes);
  for (int i = 0; i < 5; i++) {
    f[i] = number(s, now);
    if (i == 2) memcpy(middle, now, bytes);
    solver_run(s, now, next);
    memcpy(now, next, bytes);
  }
  free(now), free(next);
  return (f[0] - f[4] + 8 * (f[3] - f[1])) / (12 * s->spec.time);
}

double solver_distance(const double *a, const double *b, ptrdiff_t n) {
  double miss = 0, size = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    miss += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return sqrt(miss / size);
}

double solver_order(const char *what, double theory, int n, const double *size, const double *error) {
  double order = 0;
  for (int i = 0; i < n; i++) {
    printf("%-44s %10.4g  error %9.3e", what, size[i], error[i]);
    if (i > 0) {
      order = log(error[i - 1] / error[i]) / log(size[i - 1] / size[i]);
      printf("  order %5.2f (theory %g)", order, theory);
    }
    printf("\n");
  }
  return order;
}
