/* The equations that gen can solve: one row of a table each. A sample depends on (spec, seed, number of the sample)
 * alone, never on ranks or on the order of calls. All functions are Local. */
#ifndef PNO_ENGINE_PDE_EQUATION_H
#define PNO_ENGINE_PDE_EQUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/pde/parameter.h"

enum { PNO_PDE_FIELDS_MAX = 4, PNO_PDE_PARAMETERS_MAX = 12, PNO_PDE_RECIPES_MAX = 4 };

/* How a network is to see a trajectory; the words of @sample_mode in files. */
typedef enum { PNO_PDE_STEADY = 0, PNO_PDE_SPACE_TIME, PNO_PDE_AUTOREGRESSIVE } pno_pde_mode;

/* Published numbers under a name. */
typedef struct {
  const char *name, *help; /* name NULL: no more recipes */
  double time;             /* last time written; 0: steady */
  int frames;              /* times written, the initial state among them */
  int refine;              /* points of the solver for one written, on each axis */
  double tolerance;        /* relative residual (steady) or error of a step; 0: steps by Courant number, or exact */
  double step;             /* greatest time step; 0: any that the tolerance allows */
  pno_pde_mode mode;
  int frames_in, frames_out, stride;               /* of the view; 0: 1 */
  bool open; /* the boundaries, whatever those of the equation are */
  const char *parameters[PNO_PDE_PARAMETERS_MAX]; /* distributions in the order of the equation's parameters */
} pno_pde_recipe;

/* What is asked for. Zeros and NULLs stand for what the recipe says, until pno_pde_resolve has filled them. */
typedef struct {
  const char *recipe; /* NULL or "": the first */
  int dims, n[3];     /* points of each axis, as written; dims 0: a plane of 64 x 64, else a line of 256 */
  int frames, refine;
  double time, tolerance, step;
  int n_parameters;
  const char *parameters[PNO_PDE_PARAMETERS_MAX]; /* "NAME=DISTRIBUTION"; borrowed until resolved */
} pno_pde_request;

typedef struct {
  const pno_pde_recipe *recipe;
  int dims, n[3], frames, refine;
  double time, tolerance, step;
  pno_distribution parameters[PNO_PDE_PARAMETERS_MAX];
} pno_pde_spec;

typedef enum { PNO_PDE_INPUT = 1, PNO_PDE_TARGET = 2 } pno_pde_role; /* bits */

typedef struct {
  const char *name, *unit;
  int role;
  int order;         /* 0 scalar, 1 vector with a component an axis, last */
  bool time_varying; /* else one frame for all times */
} pno_pde_field;

typedef enum { PNO_PDE_WALL = 0, PNO_PDE_PERIODIC, PNO_PDE_OPEN } pno_pde_boundary;

/* Where the points of an axis lie: of lo .. hi both ends, all but hi (periodic), or the centres of n cells. */
typedef enum { PNO_PDE_NODES = 0, PNO_PDE_LEFT, PNO_PDE_CENTRES } pno_pde_points;

typedef struct {
  uint64_t seed;
  uint32_t sample;
  const double *parameters; /* [n_parameters] */
  double caution;           /* 1; more after a failure: divides the tolerance and the greatest step */
  /* For who brings own states, as tests and comparisons do: the state of the equation (its file says of what), variable
   * after variable, each on the solver's grid [n * refine ...]. NULL: drawn, and not wanted. */
  const double *initial;
  double *last;
  float *values; /* the fields one behind the other, each [frames or 1][n...][components] */
} pno_pde_task;

typedef struct {
  bool failed;              /* values are then of no use; words say why */
  double error;             /* greatest, of what tolerance bounds */
  ptrdiff_t steps, rejected;
  double least_step;
  char words[96];
} pno_pde_report;

typedef struct pno_pde pno_pde; /* one sample's work space */

typedef struct {
  const char *name, *solver, *help;
  int dims_least, dims_most;
  double lo, hi; /* of each axis */
  const char *extent; /* name of the parameter that is hi instead, one value for all samples; NULL: none */
  pno_pde_boundary boundary;
  pno_pde_points points;
  bool exact; /* in time: no tolerance and no step, and recipes have none */
  int n_fields, n_parameters;
  pno_pde_field fields[PNO_PDE_FIELDS_MAX];
  pno_parameter parameters[PNO_PDE_PARAMETERS_MAX];
  pno_pde_recipe recipes[PNO_PDE_RECIPES_MAX];
  /* Time that a sample takes, relative to others of the spec; NULL: all take the same. */
  double (*cost)(const pno_pde_spec *spec, const double *parameters);
  /* One thread at a time (FFTW plans). Errors: PNO_E_USAGE a spec the equation does not take; PNO_E_NOMEM. */
  pno_status (*create)(const pno_pde_spec *spec, pno_pde **out);
  /* A sample without a solution is a report and no error. */
  pno_status (*solve)(pno_pde *pde, const pno_pde_task *task, pno_pde_report *report);
  void (*destroy)(pno_pde **pde); /* takes NULL */
} pno_equation;

extern const pno_equation *const pno_equations[];
extern const int pno_n_equations;

/* Errors: PNO_E_USAGE with the names there are. */
pno_status pno_equation_find(const char *name, const pno_equation **out);

/* Fills in the recipe's numbers and reads the distributions. Errors: PNO_E_USAGE with the names and limits there are. */
pno_status pno_pde_resolve(const pno_equation *e, const pno_pde_request *request, pno_pde_spec *out);

/* Parameters of (seed, sample): out [n_parameters]. */
void pno_pde_draw(const pno_equation *e, const pno_pde_spec *spec, uint64_t seed, uint32_t sample, double *out);

/* The boundaries of the recipe. */
pno_pde_boundary pno_pde_edges(const pno_equation *e, const pno_pde_spec *spec);

/* Floats of one sample. */
ptrdiff_t pno_pde_values(const pno_equation *e, const pno_pde_spec *spec);

/* Coordinates of the first and last written point of an axis. */
void pno_pde_axis(const pno_equation *e, const pno_pde_spec *spec, int axis, double *first, double *last);

#endif
