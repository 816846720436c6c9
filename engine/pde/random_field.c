#include "engine/pde/random_field.h"

#include <fftw3.h>
#include <math.h>

#include "engine/base/rng.h"

static const double pi = 3.14159265358979323846;

pno_status pno_random_field_create(int n0, int n1, pno_arena *arena, pno_random_field *out) {
  pno_random_field f = {.n = {n0, n1}};
  const size_t longest = (size_t)(n0 > n1 ? n0 : n1);
  PNO_TRY(PNO_PUSH(arena, (size_t)n0 * (size_t)n1, &f.values));
  PNO_TRY(PNO_PUSH(arena, 2 * longest - 1, &f.shell));
  if (!arena->measuring) {
    /* ESTIMATE: a measured plan may sum in another order in the next process, and then samples differ in their bits. */
    f.plan = fftw_plan_r2r_2d(n0, n1, f.values, f.values, FFTW_REDFT01, FFTW_REDFT01, FFTW_ESTIMATE);
    if (!f.plan) return pno_fail(PNO_E_NOMEM, "random field: no FFTW plan of %d x %d", n0, n1);
  }
  *out = f;
  return PNO_OK;
}

void pno_random_field_destroy(pno_random_field *f) {
  if (!f) return;
  if (f->plan) fftw_destroy_plan(f->plan);
  *f = (pno_random_field){0};
}

double pno_random_field_coef(const pno_random_field *f, int k0, int k1) {
  if (k0 == 0 && k1 == 0) return 0;
  const double k2 = (double)k0 * k0 + (double)k1 * k1;
  return pow(f->tau, f->alpha - 1) * pow(pi * pi * k2 + f->tau * f->tau, -0.5 * f->alpha);
}

/* Shell m: (m,0) ... (m,m), then (0,m) ... (m-1,m). */
uint64_t pno_random_field_element(int k0, int k1) {
  const uint64_t m = (uint64_t)(k0 > k1 ? k0 : k1);
  return m * m + (k0 >= k1 ? (uint64_t)k1 : m + 1 + (uint64_t)k0);
}

static void put(pno_random_field *f, int k0, int k1, double xi) {
  if (k0 >= f->n[0] || k1 >= f->n[1]) return;
  /* Orthonormal against REDFT01, X_0 + 2 sum X_k cos: sqrt(1/n) for k = 0 and sqrt(2/n)/2 for the others; the
   * 1/sqrt(n0 n1) cancels with the factor of L. */
  const double scale = (k0 ? sqrt(0.5) : 1.0) * (k1 ? sqrt(0.5) : 1.0);
  f->values[(ptrdiff_t)k0 * f->n[1] + k1] = scale * pno_random_field_coef(f, k0, k1) * xi;
}

void pno_random_field_draw(pno_random_field *f, uint64_t seed, uint32_t sample) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample};
  const int longest = f->n[0] > f->n[1] ? f->n[0] : f->n[1];
  for (int m = 0; m < longest; m++) {
    pno_rng_normals(&rng, pno_random_field_element(m, 0), 2 * (ptrdiff_t)m + 1, f->shell);
    for (int k = 0; k <= m; k++) put(f, m, k, f->shell[k]);
    for (int k = 0; k < m; k++) put(f, k, m, f->shell[m + 1 + k]);
  }
  fftw_execute(f->plan);
}
