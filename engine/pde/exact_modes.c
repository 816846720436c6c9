#include "engine/pde/exact_modes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pno_status push_all(pno_exact_modes *s, pno_arena *arena, double length) {
  const pno_pde_spec *spec = &s->spec;
  const int n[2] = {spec->n[0] * spec->refine, spec->n[1] * spec->refine};
  PNO_TRY(pno_spectral_push(arena, spec->dims, n, length, &s->grid));
  for (int f = 0; f < s->kind->fields; f++) {
    PNO_TRY(PNO_PUSH(arena, 2 * s->grid.modes, &s->initial[f]));
    PNO_TRY(PNO_PUSH(arena, 2 * s->grid.modes, &s->now[f]));
  }
  return PNO_PUSH(arena, s->grid.points, &s->points);
}

void pno_exact_destroy(pno_pde **pde) {
  if (!pde || !*pde) return;
  pno_exact_modes *s = (pno_exact_modes *)*pde;
  pno_spectral_destroy(&s->grid);
  pno_arena_destroy(&s->arena);
  free(s);
  *pde = NULL;
}

/* With alpha <= d / 2 the variance of a point grows without limit with the resolution. */
static pno_status check_alpha(const char *name, const pno_distribution *alpha, int dims) {
  const bool normal = alpha->kind == PNO_DIST_NORMAL; /* goes down to what the parameter may be */
  for (int i = 0; i < (normal ? 1 : alpha->n); i++)
    if (!(alpha->v[i] > .5 * dims))
      return pno_fail(PNO_E_USAGE, "%s: alpha is %g and must be above %g in %d dimensions", name, alpha->v[i], .5 * dims,
                      dims);
  if (normal && dims > 1) return pno_fail(PNO_E_USAGE, "%s: alpha is normal and may fall below %g", name, .5 * dims);
  return PNO_OK;
}

pno_status pno_exact_create(const pno_exact_kind *kind, const char *name, const pno_pde_spec *spec, double length,
                            pno_pde **out) {
  pno_arena measure = pno_arena_measure("pde", PNO_SPACE_HOST);
  pno_status st = PNO_OK;
  PNO_TRY(check_alpha(name, &spec->parameters[kind->alpha], spec->dims));
  pno_exact_modes *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for a solver");
  pno_pde *made = (pno_pde *)s;
  s->kind = kind;
  s->spec = *spec;
  PNO_TRY_GOTO(st, push_all(s, &measure, length), done);
  PNO_TRY_GOTO(st, pno_arena_create("pde", PNO_SPACE_HOST, measure.peak, &s->arena), done);
  PNO_TRY_GOTO(st, push_all(s, &s->arena, length), done);
  *out = made;
  made = NULL;
done:
  pno_exact_destroy(&made);
  return st;
}

/* False: a state that is not finite. */
static bool load(pno_exact_modes *s, const pno_pde_task *task) {
  const pno_spectral *g = &s->grid;
  double size = 0;
  if (!task->initial) s->kind->start(s, task);
  for (int f = 0; f < s->kind->fields; f++) {
    if (task->initial) {
      memcpy(s->points, task->initial + f * g->points, (size_t)g->points * sizeof(double));
      pno_spectral_take(g, s->points, s->initial[f]);
    }
    for (ptrdiff_t i = 0; i < 2 * g->modes; i++) size += fabs(s->initial[f][i]);
  }
  return isfinite(size);
}

static void go(pno_exact_modes *s, const double *parameters, double t) {
  const pno_spectral *g = &s->grid;
  const int fields = s->kind->fields;
  for (ptrdiff_t i = 0; i < g->rows; i++)
    for (ptrdiff_t j = 0; j < g->columns; j++) {
      double m[PNO_EXACT_FIELDS_MAX][PNO_EXACT_FIELDS_MAX];
      s->kind->go(parameters, g->k[0][i] * g->k[0][i] + g->k[1][j] * g->k[1][j], t, m);
      for (ptrdiff_t c = 2 * (i * g->columns + j), end = c + 2; c < end; c++)
        for (int to = 0; to < fields; to++) {
          double sum = 0;
          for (int from = 0; from < fields; from++) sum += m[to][from] * s->initial[from][c];
          s->now[to][c] = sum;
        }
    }
}

pno_status pno_exact_solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report) {
  pno_exact_modes *s = (pno_exact_modes *)pde;
  const pno_spectral *g = &s->grid;
  const int frames = s->spec.frames;
  const ptrdiff_t r = s->spec.refine, written = g->points / (s->spec.dims == 2 ? r * r : r);
  *report = (pno_pde_report){.failed = !load(s, task)};
  if (report->failed) {
    snprintf(report->words, sizeof report->words, "the initial state is not finite");
    return PNO_OK;
  }
  for (int f = 0; f < frames; f++) {
    go(s, task->parameters, s->spec.time * f / (frames - 1));
    for (int v = 0; v < s->kind->fields; v++) {
      pno_spectral_to_points(g, s->now[v], s->points);
      pno_spectral_write(g, s->points, s->spec.refine, task->values + ((ptrdiff_t)v * frames + f) * written);
      if (task->last && f == frames - 1)
        memcpy(task->last + v * g->points, s->points, (size_t)g->points * sizeof(double));
    }
  }
  return PNO_OK;
}
