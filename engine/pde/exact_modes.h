/* Linear equations with constant coefficients of one or two real fields on a periodic grid: each Fourier mode goes its
 * way by itself and in closed form, so every frame comes from the initial state at once and is exact but for rounding.
 * What heat and wave share. The state of a task is the fields in the order of the equation, on the solver's grid. All
 * functions are Local. */
#ifndef PNO_ENGINE_PDE_EXACT_MODES_H
#define PNO_ENGINE_PDE_EXACT_MODES_H

#include "engine/pde/equation.h"
#include "engine/pde/spectral.h"

enum { PNO_EXACT_FIELDS_MAX = 2 };

typedef struct pno_exact_modes pno_exact_modes;

/* What an equation says about itself. */
typedef struct {
  int fields, alpha; /* alpha: number of the parameter that is the smoothness of the initial fields */
  /* The state at time 0, as modes into s->initial[field]. */
  void (*start)(pno_exact_modes *s, const pno_pde_task *task);
  /* out[to][from]: fields at time t from those at time 0, of modes with |k|^2 = k2. */
  void (*go)(const double *parameters, double k2, double t, double out[PNO_EXACT_FIELDS_MAX][PNO_EXACT_FIELDS_MAX]);
} pno_exact_kind;

struct pno_exact_modes {
  const pno_exact_kind *kind;
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_spectral grid;
  double *initial[PNO_EXACT_FIELDS_MAX]; /* [modes][2] each */
  double *now[PNO_EXACT_FIELDS_MAX];     /* the same at the time of a frame */
  double *points;                        /* [points] */
};

/* name: of the equation, for words. length: of every axis. Errors: PNO_E_USAGE a field without variance,
 * PNO_E_NOMEM. */
pno_status pno_exact_create(const pno_exact_kind *kind, const char *name, const pno_pde_spec *spec, double length,
                            pno_pde **out);
void pno_exact_destroy(pno_pde **pde); /* takes NULL */
pno_status pno_exact_solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report);

#endif
