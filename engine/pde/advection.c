/* Advection on a periodic line of length 1: u_t + beta u_x = 0. A drawn sample is its initial function, moved: exact at
 * kinks and edges too. The state of a task is u on the solver's grid, which is moved as the trigonometric polynomial
 * through its points. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/equation.h"
#include "engine/pde/initial.h"
#include "engine/pde/spectral.h"

enum { BETA };

/* The table knows a pno_pde; this equation's is this. */
typedef struct {
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_spectral grid;
  double *initial, *now; /* [modes][2]: of own states */
  double *points;        /* [points] */
} advection;

static pno_status push_all(advection *a, pno_arena *arena) {
  const int n = a->spec.n[0] * a->spec.refine;
  PNO_TRY(pno_spectral_push(arena, 1, &n, 1, &a->grid));
  PNO_TRY(PNO_PUSH(arena, 2 * a->grid.modes, &a->initial));
  PNO_TRY(PNO_PUSH(arena, 2 * a->grid.modes, &a->now));
  return PNO_PUSH(arena, a->grid.points, &a->points);
}

static void destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  advection *a = (advection *)*pde;
  pno_spectral_destroy(&a->grid);
  pno_arena_destroy(&a->arena);
  free(a);
  *pde = NULL;
}

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  advection *a = calloc(1, sizeof *a);
  if (!a) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)a;
  a->spec = *spec;
  PNO_TRY_GOTO(st, push_all(a, &measure), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &a->arena), done);
  PNO_TRY_GOTO(st, push_all(a, &a->arena), done);
  *out = made;
  made = NULL;
done:
  destroy(&made);
  return st;
}

/* The mode n/2 of an even grid is a cosine at the points; its sine is not seen there. */
static void move_modes(advection *a, double way) {
  const pno_spectral *g = &a->grid;
  for (int k = 0; k < g->rows; k++) {
    const double *from = a->initial + 2 * (ptrdiff_t)k, c = cos(g->k[0][k] * way), s = sin(g->k[0][k] * way);
    double *to = a->now + 2 * (ptrdiff_t)k;
    to[0] = c * from[0] + s * from[1];
    to[1] = 2 * k == g->n[0] ? 0 : c * from[1] - s * from[0];
  }
  pno_spectral_to_points(g, a->now, a->points);
}

static bool take(advection *a, const double *initial) {
  double size = 0;
  memcpy(a->points, initial, (size_t)a->grid.points * sizeof(double));
  for (ptrdiff_t i = 0; i < a->grid.points; i++) size += fabs(a->points[i]);
  pno_spectral_take(&a->grid, a->points, a->initial);
  return isfinite(size);
}

static pno_status solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  advection *a = (advection *)pde;
  const ptrdiff_t n = a->grid.points;
  pno_waves waves;
  *report = (pno_pde_report){.failed = task->initial && !take(a, task->initial)};
  if (report->failed) {
    snprintf(report->words, sizeof report->words, "the initial state is not finite");
    return PNO_OK;
  }
  pno_waves_draw(task->seed, task->sample, &waves);
  for (ptrdiff_t f = 0; f < a->spec.frames; f++) {
    const double way = task->parameters[BETA] * a->spec.time * (double)f / (a->spec.frames - 1);
    if (task->initial) move_modes(a, way);
    else
      for (ptrdiff_t i = 0; i < n; i++) a->points[i] = pno_waves_at(&waves, (double)i / (double)n - way);
    pno_spectral_write(&a->grid, a->points, a->spec.refine, task->values + f * a->spec.n[0]);
  }
  if (task->last) memcpy(task->last, a->points, (size_t)n * sizeof(double));
  return PNO_OK;
}

const pno_equation pno_advection_equation = {
    .name = "advection",
    .solver = "the initial function, moved",
    .help = "u_t + beta u_x = 0 on [0, 1), periodic",
    .dims_least = 1,
    .dims_most = 1,
    .hi = 1,
    .boundary = PNO_PDE_PERIODIC,
    .points = PNO_PDE_LEFT,
    .exact = true,
    .n_fields = 1,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 1,
    .parameters = {{"beta", "", "velocity", -1000, 1000}},
    .recipes = {{.name = "pdebench", .help = "PDEBench: waves, some cut or windowed, beta = .1, t to 2",
                 .time = 2, .frames = 201, .refine = 1,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1, .parameters = {".1"}},
                {.name = "pdebench_all", .help = "the same, each sample with one of PDEBench's eight beta",
                 .time = 2, .frames = 201, .refine = 1,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {"choice:.1:.2:.4:.7:1:2:4:7"}}},
    .create = create,
    .solve = solve,
    .destroy = destroy};
