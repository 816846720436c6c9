/* Waves on a periodic line or plane of length 1: u_tt = c^2 Laplace u. The state of a task is u, then u_t. */
#include <math.h>

#include "engine/pde/exact_modes.h"

enum { SPEED, SIGMA, TAU, ALPHA, VELOCITY };

static void start(pno_exact_modes *s, const pno_pde_task *task) {
  enum { SITE_VELOCITY = 3 };
  const double *p = task->parameters;
  const pno_rng rng = {.seed = task->seed, .stream = PNO_STREAM_FIELD, .sample = task->sample, .site = SITE_VELOCITY};
  pno_spectral_random(&s->grid, p[SIGMA], p[TAU], p[ALPHA], task->seed, task->sample, s->initial[0]);
  pno_spectral_random_of(&s->grid, p[VELOCITY] * p[SIGMA], p[TAU], p[ALPHA], &rng, s->initial[1]);
}

static void go(const double *parameters, double k2, double t, double out[PNO_EXACT_FIELDS_MAX][PNO_EXACT_FIELDS_MAX]) {
  const double w = parameters[SPEED] * sqrt(k2), sine = sin(w * t);
  out[0][0] = out[1][1] = cos(w * t);
  out[0][1] = w > 0 ? sine / w : t; /* the mean moves on as it began */
  out[1][0] = -w * sine;
}

static const pno_exact_kind kind = {.fields = 2, .alpha = ALPHA, .start = start, .go = go};

static pno_status create(const pno_pde_spec *spec, pno_pde **out) {
  return pno_exact_create(&kind, "wave", spec, 1, out);
}

/* The view is autoregressive from one frame: u and u_t together are the whole state, so each frame follows from the one
 * before, and since no energy is lost, what a network loses or adds shows. */
const pno_equation pno_wave_equation = {
    .name = "wave",
    .solver = "Fourier series, exact in time",
    .help = "u_tt = c^2 Laplace u on [0, 1)^d, periodic; fields u and u_t",
    .dims_least = 1,
    .dims_most = 2,
    .hi = 1,
    .boundary = PNO_PDE_PERIODIC,
    .points = PNO_PDE_LEFT,
    .exact = true,
    .n_fields = 2,
    .fields = {{.name = "u", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true},
               {.name = "u_t", .role = PNO_PDE_INPUT | PNO_PDE_TARGET, .time_varying = true}},
    .n_parameters = 5,
    .parameters = {{"c", "", "speed of the waves", 0, 100},
                   {"sigma", "", "size of the random initial u", 0, 1e4},
                   {"tau", "", "inverse length of it", 0.01, 1000},
                   {"alpha", "", "smoothness of it, above d / 2", .501, 10},
                   {"velocity", "", "size of the random initial u_t as a multiple of u's; 0: at rest", 0, 1e4}},
    /* On a line all waves are back after a time of 1: the frames divide it, and go on to show that. */
    .recipes = {{.name = "smooth", .help = "u from N(0, 625 (-Laplace + 25)^-2), in 2-D twice that, at rest, c = 1, t to 2",
                 .time = 2, .frames = 41, .refine = 1,
                 .mode = PNO_PDE_AUTOREGRESSIVE, .frames_in = 1, .frames_out = 1, .stride = 1,
                 .parameters = {"1", "25", "5", "2", "0"}}},
    .create = create,
    .solve = pno_exact_solve,
    .destroy = pno_exact_destroy};
