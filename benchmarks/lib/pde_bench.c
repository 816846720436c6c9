#include "benchmarks/lib/pde_bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"

/* ns_step: 40 steps of one length, whatever their error. ns_accuracy: the tolerance with which the state at t = 5 is
 * within 1e-4 of the one of a quarter of the steps (bench_gen measures that each time). ks: Kuramoto-Sivashinsky. */
const pno_pde_case pno_pde_cases[] = {
    {.name = "ns_step", .equation = "navier_stokes", .recipe = "li", .dims = 2, .n = {256, 256}, .refine = 1,
     .frames = 2, .time = .4, .tolerance = .5, .step = .01},
    {.name = "ns_accuracy", .equation = "navier_stokes", .recipe = "li", .dims = 2, .n = {256, 256}, .refine = 1,
     .frames = 2, .time = 5, .tolerance = 1e-4},
    {.name = "ks", .equation = "kuramoto_sivashinsky", .recipe = "smooth", .dims = 1, .n = {256}, .refine = 1,
     .frames = 2, .time = 10},
    {.name = "darcy", .equation = "darcy", .recipe = "li", .dims = 2, .n = {421, 421}, .refine = 1}};
const int pno_n_pde_cases = sizeof pno_pde_cases / sizeof *pno_pde_cases;

const pno_pde_case *pno_pde_case_find(const char *name) {
  for (int i = 0; i < pno_n_pde_cases; i++)
    if (strcmp(name, pno_pde_cases[i].name) == 0) return &pno_pde_cases[i];
  return NULL;
}

pno_pde_case pno_pde_case_of(const pno_equation *e, const pno_pde_recipe *r) {
  static const struct {
    const char *equation, *recipe; /* NULL: all of them */
    int n[2];
  } published[] = {{"burgers", "li", {8192, 0}},
                   {"darcy", "li", {421, 421}},
                   {"kuramoto_sivashinsky", NULL, {256, 0}},
                   {"navier_stokes", NULL, {64, 64}}};
  pno_pde_case c = {.name = r->name, .equation = e->name, .recipe = r->name, .dims = e->dims_least, .n = {1024}};
  if (c.dims == 2) c.n[0] = c.n[1] = 128;
  for (size_t i = 0; i < sizeof published / sizeof *published; i++)
    if (strcmp(e->name, published[i].equation) == 0 &&
        (!published[i].recipe || strcmp(r->name, published[i].recipe) == 0))
      memcpy(c.n, published[i].n, sizeof published[i].n);
  return c;
}

static pno_status make(pno_pde_bench *b) {
  PNO_TRY(b->equation->create(&b->spec, &b->pde));
  b->values = malloc((size_t)pno_pde_values(b->equation, &b->spec) * sizeof *b->values);
  return b->values ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a sample of %s", b->equation->name);
}

pno_status pno_pde_bench_create(const pno_pde_case *c, pno_pde_bench *out) {
  pno_pde_bench b = {.points = 1};
  const pno_pde_request request = {.recipe = c->recipe, .dims = c->dims, .n = {c->n[0], c->n[1], c->n[2]},
                                   .frames = c->frames, .refine = c->refine, .time = c->time,
                                   .tolerance = c->tolerance, .step = c->step};
  PNO_TRY(pno_equation_find(c->equation, &b.equation));
  PNO_TRY(pno_pde_resolve(b.equation, &request, &b.spec));
  for (int d = 0; d < b.spec.dims; d++) b.points *= b.n[d] = b.spec.n[d] * b.spec.refine;
  const pno_status st = make(&b);
  if (st == PNO_OK) *out = b;
  else pno_pde_bench_destroy(&b);
  return st;
}

void pno_pde_bench_destroy(pno_pde_bench *b) {
  if (!b) return;
  if (b->equation) b->equation->destroy(&b->pde);
  free(b->values);
  b->values = NULL;
}

pno_status pno_pde_bench_solve(pno_pde_bench *b, uint64_t seed, uint32_t sample, const double *initial, double *last,
                               pno_pde_report *report, double *seconds) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  const pno_pde_task task = {.seed = seed, .sample = sample, .parameters = parameters, .caution = 1,
                             .initial = initial, .last = last, .values = b->values};
  pno_pde_draw(b->equation, &b->spec, seed, sample, parameters);
  const double start = pno_clock();
  PNO_TRY(b->equation->solve(b->pde, &task, report));
  *seconds = pno_clock() - start;
  if (report->failed) return pno_fail(PNO_E_DIVERGED, "%s: %s", b->equation->name, report->words);
  return PNO_OK;
}

pno_status pno_pde_bench_state(const pno_pde_bench *b, uint64_t seed, uint32_t sample, double *state) {
  pno_pde_bench one = *b;
  pno_pde_report report;
  double seconds;
  const bool steady = one.spec.time == 0;
  one.pde = NULL;
  one.values = NULL;
  one.spec.time *= 1e-12;
  one.spec.step = 0;
  pno_status st = make(&one);
  if (st == PNO_OK) st = pno_pde_bench_solve(&one, seed, sample, NULL, steady ? NULL : state, &report, &seconds);
  for (ptrdiff_t i = 0; st == PNO_OK && steady && i < one.points; i++) state[i] = (double)one.values[i]; /* the input */
  pno_pde_bench_destroy(&one);
  return st;
}

double pno_pde_bench_distance(int dims, const int *n, const double *a, const double *b, int step) {
  const ptrdiff_t rows = dims == 2 ? n[0] : 1, columns = n[dims - 1];
  double miss = 0, size = 0;
  for (ptrdiff_t i = 0; i < rows; i++)
    for (ptrdiff_t j = 0; j < columns; j++) {
      const double want = b[(i * columns * step + j) * step], d = a[i * columns + j] - want;
      miss += d * d;
      size += want * want;
    }
  return sqrt(miss / size);
}
