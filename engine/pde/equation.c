#include "engine/pde/equation.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/pde/finite_volume.h"
#include "engine/pde/march.h"

#define PNO_EQUATION(name) extern const pno_equation pno_##name##_equation;
#include "engine/pde/equations.def"
#undef PNO_EQUATION

#define PNO_EQUATION(name) &pno_##name##_equation,
const pno_equation *const pno_equations[] = {
#include "engine/pde/equations.def"
};
#undef PNO_EQUATION
const int pno_n_equations = sizeof pno_equations / sizeof *pno_equations;

/* Names that there are, one behind the other. */
typedef struct {
  char text[512];
  size_t used;
} names;

static void add(names *n, const char *name) {
  const size_t room = sizeof n->text - n->used;
  const int k = snprintf(n->text + n->used, room, "%s%s", n->used ? ", " : "", name);
  if (k > 0) n->used += (size_t)k < room ? (size_t)k : room - 1;
}

pno_status pno_equation_find(const char *name, const pno_equation **out) {
  names known = {.used = 0};
  for (int i = 0; i < pno_n_equations; i++) {
    if (strcmp(name, pno_equations[i]->name) == 0) {
      *out = pno_equations[i];
      return PNO_OK;
    }
    add(&known, pno_equations[i]->name);
  }
  return pno_fail(PNO_E_USAGE, "no equation is called '%s'; there are: %s", name, known.text);
}

static pno_status find_recipe(const pno_equation *e, const char *name, const pno_pde_recipe **out) {
  names known = {.used = 0};
  for (int i = 0; i < PNO_PDE_RECIPES_MAX && e->recipes[i].name; i++) {
    if (!name || name[0] == '\0' || strcmp(name, e->recipes[i].name) == 0) {
      *out = &e->recipes[i];
      return PNO_OK;
    }
    add(&known, e->recipes[i].name);
  }
  return pno_fail(PNO_E_USAGE, "%s has no recipe '%s'; it has: %s", e->name, name, known.text);
}

/* Number of the parameter that text names, up to its "=". */
static pno_status find_parameter(const pno_equation *e, const char *text, int *out, const char **distribution) {
  names known = {.used = 0};
  const char *equals = strchr(text, '=');
  for (int i = 0; i < e->n_parameters; i++) {
    const size_t n = strlen(e->parameters[i].name);
    if (equals && (size_t)(equals - text) == n && strncmp(text, e->parameters[i].name, n) == 0) {
      *out = i;
      *distribution = equals + 1;
      return PNO_OK;
    }
    add(&known, e->parameters[i].name);
  }
  return pno_hint(pno_fail(PNO_E_USAGE, "pde.parameters: '%s' names no parameter of %s", text, e->name),
                  "give NAME=NUMBER or NAME=DISTRIBUTION with a NAME of: %s", known.text);
}

static pno_status resolve_parameters(const pno_equation *e, const pno_pde_request *r, pno_pde_spec *s) {
  for (int i = 0; i < e->n_parameters; i++)
    PNO_TRY(pno_distribution_parse(s->recipe->parameters[i], &e->parameters[i], &s->parameters[i]));
  bool given[PNO_PDE_PARAMETERS_MAX] = {false};
  for (int k = 0; k < r->n_parameters; k++) {
    const char *text = NULL;
    int i = 0;
    PNO_TRY(find_parameter(e, r->parameters[k], &i, &text));
    if (given[i]) return pno_fail(PNO_E_USAGE, "pde.parameters: %s is given twice", e->parameters[i].name);
    given[i] = true;
    PNO_TRY(pno_fail_in(pno_distribution_parse(text, &e->parameters[i], &s->parameters[i]), "pde.parameters"));
    const bool extent = e->extent && strcmp(e->extent, e->parameters[i].name) == 0;
    if (extent && s->parameters[i].kind != PNO_DIST_CONSTANT)
      return pno_fail(PNO_E_USAGE, "pde.parameters: %s is the same for all samples of a file: give a number", e->extent);
  }
  return PNO_OK;
}

static pno_status check_times(const pno_equation *e, const pno_pde_spec *s) {
  const bool steady = s->recipe->time == 0;
  if (steady && (s->time != 0 || s->frames != 1 || s->step != 0))
    return pno_fail(PNO_E_USAGE, "%s is steady: pde.time, pde.frames and pde.step have no meaning", e->name);
  if (!steady && s->frames < 2)
    return pno_fail(PNO_E_USAGE, "pde.frames is %d: the initial and the last state are 2", s->frames);
  if (!(s->time >= 0 && isfinite(s->time))) return pno_fail(PNO_E_USAGE, "pde.time is %g", s->time);
  if (!(s->step >= 0 && isfinite(s->step))) return pno_fail(PNO_E_USAGE, "pde.step is %g", s->step);
  const double interval = s->frames > 1 ? s->time / (s->frames - 1) : 0;
  const int most = s->recipe->tolerance > 0 ? PNO_MARCH_STEPS_MAX : PNO_FV_STEPS_MAX; /* what the steppers take */
  if (s->step > 0 && !(interval <= most * s->step))
    return pno_fail(PNO_E_USAGE, "pde.step is %g: times are %g apart, and there may be %d steps between them", s->step,
                    interval, most);
  return PNO_OK;
}

static pno_status check_tolerance(const pno_equation *e, const pno_pde_spec *s) {
  /* Rounding of a step is not below; a small steady system has smaller residuals. */
  const double least = s->recipe->time > 0 ? 1e-14 : DBL_MIN;
  if (e->exact && (s->tolerance != 0 || s->step != 0))
    return pno_fail(PNO_E_USAGE, "%s is exact in time: pde.tol and pde.step have no meaning", e->name);
  if (s->recipe->tolerance == 0 && s->tolerance != 0)
    return pno_fail(PNO_E_USAGE, "%s takes its steps by Courant number: pde.tol has no meaning", e->name);
  if (s->recipe->tolerance != 0 && !(s->tolerance >= least && s->tolerance < 1)) /* NaN too */
    return pno_fail(PNO_E_USAGE, "%s: the tolerance is %g and must lie in [%g, 1)", e->name, s->tolerance, least);
  return PNO_OK;
}

static pno_status check_grid(const pno_equation *e, const pno_pde_spec *s) {
  enum { POINTS_MAX = 1 << 17 };
  if (s->dims < e->dims_least || s->dims > e->dims_most)
    return pno_hint(pno_fail(PNO_E_USAGE, "pde.grid has %d axes, and %s %s%d", s->dims, e->name,
                             e->dims_least < e->dims_most ? "1 to " : "", e->dims_most),
                    "give pde.grid a number of points for each");
  if (s->refine < 1) return pno_fail(PNO_E_USAGE, "pde.refine is %d", s->refine);
  for (int d = 0; d < s->dims; d++)
    if (s->n[d] < 3 || (long)s->n[d] * s->refine > POINTS_MAX)
      return pno_fail(PNO_E_USAGE, "%s: axis %d has %d points, the solver %d times as many; 3 to %d are possible",
                      e->name, d, s->n[d], s->refine, (int)POINTS_MAX);
  return PNO_OK;
}

pno_status pno_pde_resolve(const pno_equation *e, const pno_pde_request *r, pno_pde_spec *out) {
  pno_pde_spec s = {.dims = r->dims, .n = {r->n[0], r->n[1], r->n[2]}};
  if (s.dims == 0) s = e->dims_most > 1 ? (pno_pde_spec){.dims = 2, .n = {64, 64}} : (pno_pde_spec){.dims = 1, .n = {256}};
  PNO_TRY(find_recipe(e, r->recipe, &s.recipe));
  s.frames = r->frames ? r->frames : s.recipe->frames;
  s.refine = r->refine ? r->refine : s.recipe->refine;
  s.time = r->time != 0 ? r->time : s.recipe->time;
  s.tolerance = r->tolerance != 0 ? r->tolerance : s.recipe->tolerance;
  s.step = r->step != 0 ? r->step : s.recipe->step;
  PNO_TRY(resolve_parameters(e, r, &s));
  PNO_TRY(check_tolerance(e, &s));
  PNO_TRY(check_times(e, &s));
  PNO_TRY(check_grid(e, &s));
  *out = s;
  return PNO_OK;
}

void pno_pde_draw(const pno_equation *e, const pno_pde_spec *spec, uint64_t seed, uint32_t sample, double *out) {
  for (int i = 0; i < e->n_parameters; i++)
    out[i] = pno_distribution_draw(&spec->parameters[i], &e->parameters[i], seed, sample, i);
}

pno_pde_boundary pno_pde_edges(const pno_equation *e, const pno_pde_spec *spec) {
  return spec->recipe->open ? PNO_PDE_OPEN : e->boundary;
}

ptrdiff_t pno_pde_values(const pno_equation *e, const pno_pde_spec *spec) {
  ptrdiff_t points = 1, frames = 0;
  for (int d = 0; d < spec->dims; d++) points *= spec->n[d];
  for (int f = 0; f < e->n_fields; f++) {
    const pno_pde_field *field = &e->fields[f];
    frames += (ptrdiff_t)(field->time_varying ? spec->frames : 1) * (field->order == 1 ? spec->dims : 1);
  }
  return points * frames;
}

void pno_pde_axis(const pno_equation *e, const pno_pde_spec *spec, int axis, double *first, double *last) {
  double hi = e->hi;
  for (int i = 0; i < e->n_parameters; i++)
    if (e->extent && strcmp(e->extent, e->parameters[i].name) == 0) hi = spec->parameters[i].v[0];
  const int n = spec->n[axis];
  const double span = hi - e->lo;
  *first = e->points == PNO_PDE_CENTRES ? e->lo + .5 * span / n : e->lo;
  *last = e->points == PNO_PDE_NODES ? hi : e->points == PNO_PDE_LEFT ? hi - span / n : hi - .5 * span / n;
}
