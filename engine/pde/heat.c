/* Heat on a periodic line or plane of length 1: u_t = kappa Laplace u. The state of a task is u. */
#include <math.h>

#include "engine/pde/exact_modes.h"

enum { KAPPA, SIGMA, TAU, ALPHA };

static void start(pno_exact_modes *s, const pno_pde_task *task) {
  const double *p = task->parameters;
  pno_spectral_random(&s->grid, p[SIGMA], p[TAU], p[ALPHA], task->seed, task->sample, s->initial[0]);
}

static void go(const double *parameters, double k2, double t, double out[PNO_EXACT_FIELDS_MAX][PNO_EXACT_FIELDS_MAX]) {
  out[0][0] = exp(-parameters[KAPPA] * k2 * t);
}

static const pno_exact_kind kind = {.fields = 1, .alpha = ALPHA, .start = start, .go = go};

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  return pno_exact_create(&kind, "heat", spec, 1, out);
}

/* The view is steady, u(0) to u(T): such a map is one multiplier a mode, which a Fourier layer can hold exactly, so
 * what a network misses here is its own. Steps in time would be that same map with a smaller T. */
const pno_equation pno_heat_equation = {
    .name = "heat",
    .solver = "Fourier series, exact in time",
    .help = "u_t = kappa Laplace u on [0, 1)^d, periodic",
    .dims_least = 1,
    .dims_most = 2,
    .hi = 1,
    .boundary = PNO_PDE_PERIODIC,
    .points = PNO_PDE_LEFT,
    .exact = true,
    .n_fields = 1,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 4,
    .parameters = {{"kappa", "", "conductivity", 0, 100},
                   {"sigma", "", "size of the random initial field", 0, 1e4},
                   {"tau", "", "inverse length of it", 0.01, 1000},
                   {"alpha", "", "smoothness of it, above d / 2", .501, 10}},
    /* The slowest wave keeps 2/3 of its size, the third 3/100. */
    .recipes = {{.name = "smooth", .help = "N(0, 625 (-Laplace + 25)^-2), in 2-D twice that, u(0) to u(1), kappa = .01",
                 .time = 1, .frames = 2, .refine = 1,
                 .mode = PNO_PDE_STEADY, .parameters = {".01", "25", "5", "2"}}},
    .create = create,
    .solve = pno_exact_solve,
    .destroy = pno_exact_destroy};
