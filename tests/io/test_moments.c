#include "io/moments.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1001 };

static float data[N];

static void fill(double offset) {
  unsigned state = 7;
  for (int i = 0; i < N; i++) {
    state = state * 1664525u + 1013904223u;
    data[i] = (float)(offset + (double)(state >> 8) / (double)(1u << 24));
  }
}

/* In two passes of long double: the oracle. */
static void direct(const double *v, int n, double *mean, double *std, double *rms) {
  long double sum = 0, m2 = 0, square = 0;
  for (int i = 0; i < n; i++) sum += v[i];
  for (int i = 0; i < n; i++) {
    const long double d = v[i] - sum / n;
    m2 += d * d;
    square += (long double)v[i] * v[i];
  }
  *mean = (double)(sum / n);
  *std = (double)sqrtl(m2 / n);
  *rms = (double)sqrtl(square / n);
}

static void expect(const pno_moments *m, const double *v, int n) {
  double mean, std, rms, least = v[0], most = v[0];
  direct(v, n, &mean, &std, &rms);
  for (int i = 0; i < n; i++) {
    least = fmin(least, v[i]);
    most = fmax(most, v[i]);
  }
  cr_assert(m->count == n && m->least == least && m->most == most);
  cr_assert(fabs(m->mean - mean) <= 1e-13 * fabs(mean) + 1e-15, "%.17g %.17g", m->mean, mean);
  cr_assert(fabs(pno_moments_std(m) - std) <= 1e-12 * std, "%.17g %.17g", pno_moments_std(m), std);
  cr_assert(fabs(pno_moments_rms(m) - rms) <= 1e-13 * rms, "%.17g %.17g", pno_moments_rms(m), rms);
}

/* In lots of every length, of every stride; a large mean costs no digits. */
Test(moments, are_those_of_all_values_together) {
  static const double offsets[] = {0, -3, 4096};
  double v[N];
  for (int k = 0; k < 3; k++)
    for (int stride = 1; stride <= 3; stride++)
      for (int lot = 1; lot <= 97; lot += 12) {
        pno_moments m = {0};
        int n = 0;
        fill(offsets[k]);
        for (int first = 0; first + (lot - 1) * stride < N; first += lot * stride) {
          pno_moments_add(&m, data + first, lot, stride);
          for (int i = 0; i < lot; i++) v[n++] = (double)data[first + i * stride];
        }
        expect(&m, v, n);
      }
}

Test(moments, of_differences_are_taken_in_double) {
  enum { APART = 10 };
  double v[N];
  pno_moments m = {0};
  fill(4096);
  pno_moments_add_delta(&m, data, APART, N - APART, 1);
  for (int i = 0; i + APART < N; i++) v[i] = (double)data[i + APART] - (double)data[i];
  expect(&m, v, N - APART);
}

Test(moments, of_nothing_are_zero_and_of_one_value_itself) {
  pno_moments m = {0};
  const float one = -2.5f;
  pno_moments_add(&m, &one, 0, 1);
  cr_assert(m.count == 0 && pno_moments_std(&m) == 0 && pno_moments_rms(&m) == 0);
  pno_moments_add(&m, &one, 1, 1);
  cr_assert(m.mean == -2.5 && m.least == -2.5 && m.most == -2.5 && pno_moments_std(&m) == 0 &&
            pno_moments_rms(&m) == 2.5);
}

Test(moments, have_the_same_bits_for_the_same_order) {
  pno_moments a = {0}, b = {0};
  fill(1);
  for (int i = 0; i < 10; i++) pno_moments_add(&a, data + 100 * i, 100, 1);
  for (int i = 0; i < 10; i++) pno_moments_add(&b, data + 100 * i, 100, 1);
  cr_assert(memcmp(&a, &b, sizeof a) == 0);
}
