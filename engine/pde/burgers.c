/* Burgers on a periodic line: u_t + (u^2 / 2)_x = nu u_xx. */
#include "engine/pde/initial.h"
#include "engine/pde/semilinear.h"

enum { NU, SIGMA, TAU, ALPHA };

static double linear(const double *parameters, double k2) { return -parameters[NU] * k2; }

static void nonlinear(void *user, const double *u, double *out) { pno_semilinear_square_x(user, -.5, u, out); }

/* sigma 0 asks for PDEBench's waves, else a Gaussian random field. */
static void start(pno_semilinear *s, const pno_pde_task *task) {
  const double *p = task->parameters;
  const int n = s->grid.n[0];
  pno_waves waves;
  if (p[SIGMA] > 0) {
    pno_spectral_random(&s->grid, p[SIGMA], p[TAU], p[ALPHA], task->seed, task->sample, s->initial);
    return;
  }
  pno_waves_draw(task->seed, task->sample, &waves);
  for (int i = 0; i < n; i++) s->points[i] = pno_waves_at(&waves, (double)i / n);
  pno_semilinear_take_points(s);
}

static const pno_semilinear_kind kind = {.linear = linear, .start = start, .nonlinear = nonlinear};

static pno_status create(const pno_pde_spec *spec, pno_pde **out) { return pno_semilinear_create(&kind, spec, 1, out); }

/* The width of a shock is about nu: smaller nu, more and shorter steps. */
static double cost(const pno_pde_spec *spec, const double *parameters) {
  (void)spec;
  return 1 + .01 / parameters[NU];
}

const pno_equation pno_burgers_equation = {
    .name = "burgers",
    .solver = "pseudo-spectral, 2/3 rule, ETDRK4 with error control",
    .help = "u_t + (u^2/2)_x = nu u_xx on [0, 1), periodic",
    .dims_least = 1,
    .dims_most = 1,
    .hi = 1,
    .boundary = PNO_PDE_PERIODIC,
    .points = PNO_PDE_LEFT,
    .n_fields = 1,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 4,
    .parameters = {{"nu", "", "viscosity", 1e-6, 100},
                   {"sigma", "", "size of the random field; 0: PDEBench's waves", 0, 1e4},
                   {"tau", "", "inverse length of the random field", 0.01, 1000},
                   {"alpha", "", "smoothness of the random field", .501, 10}},
    .recipes = {{.name = "li", .help = "Li et al.'s paper: N(0, 625 (-Laplace + 25)^-2), nu = .1, u(0) to u(1)",
                 .time = 1, .frames = 2, .refine = 1, .tolerance = 1e-8,
                 .mode = PNO_PDE_STEADY, .parameters = {".1", "25", "5", "2"}},
                {.name = "li_script", .help = "Li et al.'s script: N(0, 49^2 (-Laplace + 49)^-2.5), nu = .001",
                 .time = 1, .frames = 2, .refine = 4, .tolerance = 1e-8,
                 .mode = PNO_PDE_STEADY, .parameters = {".001", "49", "7", "2.5"}},
                {.name = "pdebench", .help = "PDEBench: two waves, some cut or windowed, nu = .01 / pi, t to 2",
                 .time = 2, .frames = 201, .refine = 2, .tolerance = 1e-6,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 10, .frames_out = 1, .stride = 1,
                 .parameters = {".0031830988618379067", "0", "5", "2"}}},
    .cost = cost,
    .create = create,
    .solve = pno_semilinear_solve,
    .destroy = pno_semilinear_destroy};
