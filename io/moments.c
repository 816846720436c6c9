#include "io/moments.h"

#include <math.h>

/* Four sums that do not wait for each other, joined in one order. */
enum { LANES = 4 };

typedef struct {
  double sum[LANES], least[LANES], most[LANES];
} lanes;

/* Value number at, less another if there is one. */
static inline double value(const float *a, const float *less, ptrdiff_t at) {
  return less ? (double)a[at] - (double)less[at] : (double)a[at];
}

static inline void sum_one(lanes *l, int k, double v) {
  l->sum[k] += v;
  l->least[k] = v < l->least[k] ? v : l->least[k];
  l->most[k] = v > l->most[k] ? v : l->most[k];
}

static inline lanes sums(const float *a, const float *less, ptrdiff_t n, ptrdiff_t stride) {
  lanes l = {.least = {INFINITY, INFINITY, INFINITY, INFINITY}, .most = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}};
  ptrdiff_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) sum_one(&l, k, value(a, less, (i + k) * stride));
  for (; i < n; i++) sum_one(&l, 0, value(a, less, i * stride));
  return l;
}

static inline double squares(const float *a, const float *less, ptrdiff_t n, ptrdiff_t stride, double mean) {
  double sum[LANES] = {0};
  ptrdiff_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = value(a, less, (i + k) * stride) - mean;
      sum[k] += d * d;
    }
  for (; i < n; i++) {
    const double d = value(a, less, i * stride) - mean;
    sum[0] += d * d;
  }
  return sum[0] + sum[1] + (sum[2] + sum[3]);
}

static void join(pno_moments *m, const lanes *l, double count, double mean, double m2) {
  const double all = m->count + count, apart = mean - m->mean;
  for (int k = 0; k < LANES; k++) {
    m->least = m->count > 0 || k > 0 ? fmin(m->least, l->least[k]) : l->least[k];
    m->most = m->count > 0 || k > 0 ? fmax(m->most, l->most[k]) : l->most[k];
  }
  m->mean += apart * (count / all);
  m->m2 += m2 + apart * apart * (m->count * count / all);
  m->count = all;
}

static inline void add(pno_moments *m, const float *a, const float *less, ptrdiff_t n, ptrdiff_t stride) {
  if (n < 1) return;
  const lanes l = sums(a, less, n, stride);
  const double mean = (l.sum[0] + l.sum[1] + (l.sum[2] + l.sum[3])) / (double)n;
  join(m, &l, (double)n, mean, squares(a, less, n, stride, mean));
}

void pno_moments_add(pno_moments *m, const float *values, ptrdiff_t n, ptrdiff_t stride) {
  add(m, values, NULL, n, stride);
}

void pno_moments_add_delta(pno_moments *m, const float *values, ptrdiff_t apart, ptrdiff_t n, ptrdiff_t stride) {
  add(m, values + apart, values, n, stride);
}

double pno_moments_std(const pno_moments *m) { return m->count > 0 ? sqrt(m->m2 / m->count) : 0; }

double pno_moments_rms(const pno_moments *m) { return m->count > 0 ? sqrt(m->mean * m->mean + m->m2 / m->count) : 0; }
