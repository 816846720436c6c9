#include "engine/score/laplace.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

static const double two_pi = 6.283185307179586;
static const double orthonormal_to = 1e-8; /* of saved vectors: LAPACK's are to 1e-13 at 257 features */
static const double negative_to = 1e-10;   /* of the largest eigenvalue: what sums over many points may be wrong by */

void pno_laplace_destroy(pno_laplace **l) {
  if (!l || !*l) return;
  free((*l)->values);
  free((*l)->vectors);
  free((*l)->weights);
  free((*l)->root);
  free(*l);
  *l = NULL;
}

static pno_status make(int features, int outputs, pno_laplace **out) {
  if (features < 1 || features > PNO_LAPLACE_FEATURES_MAX || outputs < 1 || outputs > PNO_LAPLACE_OUTPUTS_MAX)
    return pno_fail(PNO_E_USAGE, "a Laplace approximation of %d features and %d outputs, 1..%d and 1..%d are possible",
                    features, outputs, PNO_LAPLACE_FEATURES_MAX, PNO_LAPLACE_OUTPUTS_MAX);
  pno_laplace *l = calloc(1, sizeof *l);
  const size_t f = (size_t)features;
  if (l) {
    *l = (pno_laplace){.features = features, .outputs = outputs};
    l->values = calloc(f, sizeof *l->values);
    l->vectors = calloc(f * f, sizeof *l->vectors);
    l->weights = calloc((size_t)outputs * f, sizeof *l->weights);
    l->root = calloc(f * f, sizeof *l->root);
  }
  if (!l || !l->values || !l->vectors || !l->weights || !l->root) {
    pno_laplace_destroy(&l);
    return pno_fail(PNO_E_NOMEM, "no memory for a Laplace approximation of %d features and %d outputs", features,
                    outputs);
  }
  *out = l;
  return PNO_OK;
}

static pno_status check_finite(const double *v, ptrdiff_t n, const char *what) {
  for (ptrdiff_t i = 0; i < n; i++)
    if (!isfinite(v[i])) return pno_fail(PNO_E_INPUT, "Laplace approximation: %s: value %td is %g", what, i, v[i]);
  return PNO_OK;
}

/* Eigenvalues within rounding of zero are zero, as numpy's matrix_rank decides it: features that say the same
 * (duplicates, channels that GELU switched off) must not count as knowledge, nor as an indefinite matrix. */
static pno_status decompose(pno_laplace *l, const double *gram) {
  const int f = l->features;
  memcpy(l->vectors, gram, (size_t)f * (size_t)f * sizeof *gram);
  /* A row-major lower triangle is a column-major upper one, and eigenvectors in columns are then our rows. */
  const lapack_int code = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', f, l->vectors, f, l->values);
  if (code == LAPACK_WORK_MEMORY_ERROR) return pno_fail(PNO_E_NOMEM, "no memory for the eigenvectors of %d features", f);
  if (code != 0) return pno_fail(PNO_E_DIVERGED, "LAPACK's dsyevd of %d features ended with %d", f, (int)code);
  const double most = fmax(fabs(l->values[0]), fabs(l->values[f - 1])), zero = most * f * DBL_EPSILON;
  if (l->values[0] < -negative_to * most)
    return pno_fail(PNO_E_INPUT, "the Gram matrix of %d features has the eigenvalue %g beside %g: it is no sum of squares",
                    f, l->values[0], most);
  for (int j = 0; j < f; j++) l->values[j] = l->values[j] > zero ? l->values[j] : 0;
  return PNO_OK;
}

/* What the marginal likelihood depends on beside the eigenvalues. */
typedef struct {
  double squares, points, norm; /* norm: sum of squared weights */
} evidence;

/* MacKay's number of well determined parameters of one output, sum_j l_j / (l_j + e^t) with t = log(delta s2), and the
 * others, so that neither is a difference of large numbers. */
static void count_determined(const pno_laplace *l, double t, double *determined, double *others) {
  *determined = *others = 0;
  for (int j = 0; j < l->features; j++) {
    const double part = l->values[j] > 0 ? 1 / (1 + exp(t - log(l->values[j]))) : 0;
    *determined += part;
    *others += l->values[j] > 0 ? 1 / (1 + exp(log(l->values[j]) - t)) : 1;
  }
}

/* The values that are right for a given t = log(delta s2): delta = gamma / |w|^2, s2 = squares / (n O - gamma). Returns
 * t - log(delta s2). */
static double excess(const pno_laplace *l, const evidence *e, double t, double *prior, double *noise) {
  double determined, others;
  count_determined(l, t, &determined, &others);
  const double left = e->points - l->features + others;
  *prior = l->outputs * determined / e->norm;
  *noise = left > 0 ? e->squares / (l->outputs * left) : INFINITY;
  return left > 0 ? t - (log(*prior) + log(*noise)) : -INFINITY;
}

/* In (log delta, log s2) the log marginal likelihood is strictly concave: with k = -d gamma / dt > 0 its second
 * derivative is -1/2 [k 11^T + diag(delta |w|^2, squares / s2)]. Its one maximum is where MacKay's equations hold, and as
 * gamma falls with t that is the one zero of `excess`, which rises at least as fast as t: a value v is at most |v| away
 * from the zero. So no step size, no start and no number of iterations is a matter of luck; bisection to the last bit
 * takes some 60 evaluations of f terms. */
static void maximise(pno_laplace *l, const evidence *e) {
  enum { ROUNDS = 200 };
  double prior, noise, lo = 0, hi = 0;
  for (double v = excess(l, e, lo, &prior, &noise), step = 1; v > 0; v = excess(l, e, lo, &prior, &noise), step *= 2)
    lo -= step;
  for (double v = excess(l, e, hi, &prior, &noise), step = 1; v < 0; v = excess(l, e, hi, &prior, &noise), step *= 2)
    hi += step;
  for (int i = 0; i < ROUNDS && lo < hi; i++) {
    const double mid = lo + (hi - lo) / 2;
    if (mid <= lo || mid >= hi) break;
    *(excess(l, e, mid, &prior, &noise) < 0 ? &lo : &hi) = mid;
  }
  excess(l, e, hi, &l->prior, &l->noise);
}

static double log_evidence(const pno_laplace *l, const evidence *e) {
  double log_ratio = 0; /* log det (G/s2 + delta I) - f log delta, of one output */
  for (int j = 0; j < l->features; j++) log_ratio += log1p(l->values[j] / l->noise / l->prior);
  const double fit = -0.5 * e->points * l->outputs * log(two_pi * l->noise) - e->squares / (2 * l->noise);
  return fit - 0.5 * (l->prior * e->norm + l->outputs * log_ratio);
}

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Of all roots the symmetric one: it alone is a continuous function of G. With V (..)^-1/2 a draw would depend on the
 * signs of eigenvectors and on the basis of those with (nearly) equal eigenvalues, which the order of a sum decides. */
static void make_root(pno_laplace *l) {
  const ptrdiff_t f = l->features;
  for (ptrdiff_t j = 0; j < f; j++) {
    const double *v = l->vectors + j * f, scale = 1 / sqrt(l->values[j] / l->noise + l->prior);
    for (ptrdiff_t i = 0; i < f; i++) {
      const double s = scale * v[i];
      for (ptrdiff_t k = 0; k < f; k++) l->root[i * f + k] += s * v[k];
    }
  }
}

static pno_status check_evidence(const pno_laplace *l, const evidence *e) {
  if (!isfinite(e->points) || !isfinite(e->squares) || !isfinite(e->norm) || e->points <= 0 || e->squares <= 0 ||
      e->norm <= 0 || l->values[l->features - 1] <= 0)
    return pno_fail(PNO_E_INPUT,
                    "the marginal likelihood has no maximum: %g points, squared residuals %g, squared weights %g, "
                    "largest eigenvalue %g; all must be positive",
                    e->points, e->squares, e->norm, l->values[l->features - 1]);
  return PNO_OK;
}

static pno_status fit(pno_laplace *l, const double *gram, const double *weights, double squares, double points) {
  const ptrdiff_t f = l->features, n = l->outputs * f;
  PNO_TRY(check_finite(gram, f * f, "Gram matrix"));
  PNO_TRY(check_finite(weights, n, "weights"));
  memcpy(l->weights, weights, (size_t)n * sizeof *weights);
  PNO_TRY(decompose(l, gram));
  evidence e = {.squares = squares, .points = points};
  for (ptrdiff_t i = 0; i < n; i++) e.norm += weights[i] * weights[i];
  PNO_TRY(check_evidence(l, &e));
  maximise(l, &e);
  l->log_evidence = log_evidence(l, &e);
  if (!isfinite(l->log_evidence) || !(l->prior > 0) || !(l->noise > 0))
    return pno_fail(PNO_E_DIVERGED, "Laplace approximation: prior %g, noise %g, evidence %g", l->prior, l->noise,
                    l->log_evidence);
  make_root(l);
  return PNO_OK;
}

pno_status pno_laplace_fit(int features, int outputs, const double *gram, const double *weights, double squares,
                           double points, pno_laplace **out) {
  pno_laplace *l = NULL;
  PNO_TRY(make(features, outputs, &l));
  const pno_status st = fit(l, gram, weights, squares, points);
  if (st == PNO_OK)
    *out = l;
  else
    pno_laplace_destroy(&l);
  return st;
}

static pno_status check_orthonormal(const pno_laplace *l) {
  const ptrdiff_t f = l->features;
  for (ptrdiff_t i = 0; i < f; i++) {
    for (ptrdiff_t j = 0; j <= i; j++) {
      const double have = dot(l->vectors + i * f, l->vectors + j * f, l->features), want = i == j;
      if (!(fabs(have - want) <= orthonormal_to))
        return pno_fail(PNO_E_INPUT, "saved eigenvectors %td and %td have the product %g", i, j, have);
    }
  }
  return PNO_OK;
}

static pno_status restore(pno_laplace *l, const pno_laplace *saved) {
  const ptrdiff_t f = l->features, n = l->outputs * f;
  l->prior = saved->prior;
  l->noise = saved->noise;
  l->log_evidence = saved->log_evidence;
  memcpy(l->values, saved->values, (size_t)f * sizeof *l->values);
  memcpy(l->vectors, saved->vectors, (size_t)(f * f) * sizeof *l->vectors);
  memcpy(l->weights, saved->weights, (size_t)n * sizeof *l->weights);
  PNO_TRY(check_finite(l->values, f, "saved eigenvalues"));
  PNO_TRY(check_finite(l->vectors, f * f, "saved eigenvectors"));
  PNO_TRY(check_finite(l->weights, n, "saved weights"));
  bool ok = isfinite(l->log_evidence) && isfinite(l->prior) && isfinite(l->noise) && l->prior > 0 && l->noise > 0;
  for (ptrdiff_t j = 0; j < f; j++) ok = ok && l->values[j] >= 0;
  if (!ok)
    return pno_fail(PNO_E_INPUT, "saved Laplace approximation: prior %g, noise %g, or a negative eigenvalue", l->prior,
                    l->noise);
  PNO_TRY(check_orthonormal(l));
  make_root(l);
  return PNO_OK;
}

pno_status pno_laplace_restore(const pno_laplace *saved, pno_laplace **out) {
  pno_laplace *l = NULL;
  PNO_TRY(make(saved->features, saved->outputs, &l));
  const pno_status st = restore(l, saved);
  if (st == PNO_OK)
    *out = l;
  else
    pno_laplace_destroy(&l);
  return st;
}

void pno_laplace_draw(const pno_laplace *l, uint64_t seed, int draw, double *weights) {
  enum { LOT = 64 }; /* normals at a time, so that a draw needs no memory */
  const ptrdiff_t f = l->features;
  memcpy(weights, l->weights, (size_t)(l->outputs * f) * sizeof *weights);
  for (int o = 0; o < l->outputs; o++) {
    const pno_rng place = {.seed = seed, .stream = PNO_STREAM_DRAW, .site = (uint16_t)o, .draw = (uint16_t)draw};
    double *w = weights + o * f, eps[LOT];
    for (ptrdiff_t i = 0; i < f; i++) {
      if (i % LOT == 0) pno_rng_normals(&place, (uint64_t)i, f - i < LOT ? f - i : LOT, eps);
      const double e = eps[i % LOT], *row = l->root + i * f;
      for (ptrdiff_t k = 0; k < f; k++) w[k] += e * row[k];
    }
  }
}

double pno_laplace_variance(const pno_laplace *l, const double *phi) {
  double sum = 0;
  for (ptrdiff_t j = 0; j < l->features; j++) {
    const double along = dot(l->vectors + j * l->features, phi, l->features);
    sum += along * along / (l->values[j] / l->noise + l->prior);
  }
  return sum;
}
