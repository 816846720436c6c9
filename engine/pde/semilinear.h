/* Equations u_t = L u + N(u) of one real field on a periodic grid, L a real function of |k|^2 (no odd derivatives): what
 * Burgers, Kuramoto-Sivashinsky and Navier-Stokes share. Pseudo-spectral in space, 2/3 rule; ETDRK4 in time. The state of a task
 * is u.
 *
 * N takes and gives the modes that the 2/3 rule keeps, so only they are stepped; the others, which a state may have, go
 * by L alone and exactly. All functions are Local. */
#ifndef PNO_ENGINE_PDE_SEMILINEAR_H
#define PNO_ENGINE_PDE_SEMILINEAR_H

#include "engine/base/rng.h"
#include "engine/pde/equation.h"
#include "engine/pde/etd.h"
#include "engine/pde/product.h"
#include "engine/pde/spectral.h"

typedef struct pno_semilinear pno_semilinear;

/* What an equation says about itself. */
typedef struct {
  double (*linear)(const double *parameters, double k2); /* of modes with |k|^2 = k2 */
  void (*start)(pno_semilinear *s, const pno_pde_task *task); /* time 0: sets all of s->initial */
  pno_etd_nonlinear *nonlinear;                               /* user is the pno_semilinear; kept modes */
} pno_semilinear_kind;

struct pno_semilinear {
  const pno_semilinear_kind *kind;
  pno_pde_spec spec;
  pno_arena arena; /* owned: everything below lies in it */
  pno_spectral grid;
  pno_product product;
  pno_etd etd;              /* of the kept modes */
  double *first;            /* [product.modes][2]: the kept modes at time 0 */
  double *initial, *modes;  /* [grid.modes][2]: at time 0; at the time of a frame */
  double *points;           /* [grid.points] */
  const double *parameters; /* of the present sample */
};

/* out = c i k times the modes of u^2, on a line and without aliases: c = -1/2 is the term of advection -u u_x. */
void pno_semilinear_square_x(pno_semilinear *s, double c, const double *u, double *out);

/* For start: the state from s->points, which are used up. */
void pno_semilinear_take_points(pno_semilinear *s);

/* length: of every axis. Errors: PNO_E_NOMEM. */
pno_status pno_semilinear_create(const pno_semilinear_kind *kind, const pno_pde_spec *spec, double length,
                                 pno_pde **out);
void pno_semilinear_destroy(pno_pde **pde); /* takes NULL */
pno_status pno_semilinear_solve(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report);

#endif
