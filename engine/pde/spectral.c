#include "engine/pde/spectral.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

/* Integer of row i on an axis of n points, in FFT order. */
static int integer_of(int i, int n) { return i < (n + 1) / 2 ? i : i - n; }

static pno_status make_plans(pno_spectral *s, double *points, double *storage) {
  fftw_complex *modes = (fftw_complex *)storage;
  /* ESTIMATE: a measured plan may sum in another order in the next process, and then samples differ in their bits. */
  s->forward = fftw_plan_dft_r2c(s->dims, s->n, points, modes, FFTW_ESTIMATE);
  s->backward = fftw_plan_dft_c2r(s->dims, s->n, modes, points, FFTW_ESTIMATE);
  if (s->forward && s->backward) return PNO_OK;
  pno_spectral_destroy(s);
  return pno_fail(PNO_E_NOMEM, "no FFTW plan of %d x %d", s->n[0], s->n[1]);
}

static void fill_wave_numbers(const pno_spectral *s, int axis, int count, bool halved) {
  const int n = s->n[axis];
  for (int i = 0; i < count; i++) {
    const int k = halved ? i : integer_of(i, n);
    s->k[axis][i] = 2 * pi / s->length * k;
  }
}

pno_status pno_spectral_push(pno_arena *arena, int dims, const int *n, double length, pno_spectral *out) {
  pno_spectral s = {.dims = dims, .n = {n[0], dims == 2 ? n[1] : 1}, .length = length};
  double *points = NULL, *modes = NULL;
  for (int d = 0; d < 2 && dims == 2; d++)
    if (n[d] > PNO_SPECTRAL_PLANE_MAX)
      return pno_fail(PNO_E_USAGE, "axis %d of a plane has %d points for the solver, and may have %d", d, n[d],
                      (int)PNO_SPECTRAL_PLANE_MAX);
  s.rows = dims == 2 ? n[0] : n[0] / 2 + 1;
  s.columns = dims == 2 ? n[1] / 2 + 1 : 1;
  s.points = (ptrdiff_t)s.n[0] * s.n[1];
  s.modes = (ptrdiff_t)s.rows * s.columns;
  PNO_TRY(PNO_PUSH(arena, s.rows, &s.k[0]));
  PNO_TRY(PNO_PUSH(arena, s.columns, &s.k[1]));
  const size_t mark = pno_arena_mark(arena); /* the plans are for any arrays of this alignment */
  PNO_TRY(PNO_PUSH(arena, s.points, &points));
  PNO_TRY(PNO_PUSH(arena, 2 * s.modes, &modes));
  if (!arena->measuring) {
    PNO_TRY(make_plans(&s, points, modes));
    fill_wave_numbers(&s, 0, s.rows, dims == 1);
    fill_wave_numbers(&s, 1, s.columns, dims == 2);
  }
  pno_arena_release(arena, mark);
  *out = s;
  return PNO_OK;
}

void pno_spectral_destroy(pno_spectral *s) {
  if (!s) return;
  if (s->forward) fftw_destroy_plan(s->forward);
  if (s->backward) fftw_destroy_plan(s->backward);
  s->forward = s->backward = NULL;
}

void pno_spectral_to_points(const pno_spectral *s, double *modes, double *points) {
  fftw_execute_dft_c2r(s->backward, (fftw_complex *)modes, points);
}

void pno_spectral_to_modes(const pno_spectral *s, double *points, double *modes) {
  fftw_execute_dft_r2c(s->forward, points, (fftw_complex *)modes);
}

void pno_spectral_take(const pno_spectral *s, double *points, double *modes) {
  pno_spectral_to_modes(s, points, modes);
  for (ptrdiff_t i = 0; i < 2 * s->modes; i++) modes[i] /= (double)s->points;
}

void pno_spectral_write(const pno_spectral *s, const double *points, int refine, float *out) {
  const int step1 = s->dims == 2 ? refine : 1;
  for (ptrdiff_t i = 0; i < s->n[0]; i += refine)
    for (ptrdiff_t j = 0; j < s->n[1]; j += step1) *out++ = (float)points[i * s->n[1] + j];
}

/* Ring m has 8 m places: k0 = m, k0 = -m, then k1 = m, k1 = -m without the corners. */
uint64_t pno_spectral_element(int k0, int k1) {
  const int m = abs(k0) > abs(k1) ? abs(k0) : abs(k1);
  if (m == 0) return 0;
  const uint64_t first = (uint64_t)(2 * m - 1) * (uint64_t)(2 * m - 1);
  if (k0 == m) return first + (uint64_t)(k1 + m);
  if (k0 == -m) return first + (uint64_t)(2 * m + 1 + k1 + m);
  return first + (uint64_t)(4 * m + 2 + (k1 == m ? 0 : 2 * m - 1) + k0 + m - 1);
}

static void draw_line(const pno_spectral *s, double sigma, double tau, double alpha, const pno_rng *rng,
                      double *modes) {
  for (int k = 1; k < s->rows; k++) {
    const double w = 2 * pi * k, size = sqrt(2) * sigma * pow(w * w + tau * tau, -.5 * alpha);
    double xi[2];
    pno_rng_normals(rng, 2 * (uint64_t)k, 2, xi);
    const double half = (k % 2 ? -.5 : .5) * size; /* exp(i k pi), and both of +-k */
    double *c = modes + 2 * k;
    const bool last = 2 * k == s->n[0]; /* alone: its sine is 0 on the grid */
    c[0] = (last ? 2 : 1) * half * xi[0];
    c[1] = last ? 0 : -half * xi[1];
  }
}

/* (c(k) z(k) + conj(c(-k) z(-k))) / 2 with c even; on a grid the Nyquist row is that of -n/2 alone. */
static void draw_plane(const pno_spectral *s, double sigma, double tau, double alpha, const pno_rng *rng,
                       double *modes) {
  for (int i = 0; i < s->rows; i++)
    for (int j = 0; j < s->columns; j++) {
      const int k0 = integer_of(i, s->n[0]), k1 = 2 * j == s->n[1] ? -j : j;
      const int m0 = 2 * k0 == -s->n[0] ? k0 : -k0, m1 = 2 * k1 == -s->n[1] ? k1 : -k1;
      const double w = 4 * pi * pi * ((double)k0 * k0 + (double)k1 * k1);
      const double half = .5 * sqrt(2) * sigma * pow(w + tau * tau, -.5 * alpha);
      double z[2], y[2];
      double *c = modes + 2 * ((ptrdiff_t)i * s->columns + j);
      if (k0 == 0 && k1 == 0) continue;
      pno_rng_normals(rng, 2 * pno_spectral_element(k0, k1), 2, z);
      pno_rng_normals(rng, 2 * pno_spectral_element(m0, m1), 2, y);
      c[0] = half * (z[0] + y[0]);
      c[1] = half * (z[1] - y[1]);
    }
}

void pno_spectral_random_of(const pno_spectral *s, double sigma, double tau, double alpha, const pno_rng *rng,
                            double *modes) {
  for (ptrdiff_t i = 0; i < 2 * s->modes; i++) modes[i] = 0;
  if (s->dims == 1) draw_line(s, sigma, tau, alpha, rng, modes);
  else draw_plane(s, sigma, tau, alpha, rng, modes);
}

void pno_spectral_random(const pno_spectral *s, double sigma, double tau, double alpha, uint64_t seed, uint32_t sample,
                         double *modes) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample};
  pno_spectral_random_of(s, sigma, tau, alpha, &rng, modes);
}
