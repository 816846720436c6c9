#include "tests/engine/pde/fourier.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static const double pi = 3.14159265358979323846;

int fourier_integer(int i, int n) { return i < (n + 1) / 2 ? i : i - n; }

/* Along one axis of n places a stride apart: out[k] = sum in[x] exp(sign 2 pi i k x / n). */
static void line(int n, ptrdiff_t stride, double sign, const double *in, double *out) {
  for (int k = 0; k < n; k++) {
    double re = 0, im = 0;
    for (int x = 0; x < n; x++) {
      const double angle = sign * 2 * pi * (double)((long)k * x % n) / n, c = cos(angle), s = sin(angle);
      const double *z = in + 2 * stride * x;
      re += c * z[0] - s * z[1];
      im += c * z[1] + s * z[0];
    }
    out[2 * stride * k] = re;
    out[2 * stride * k + 1] = im;
  }
}

/* z: [n0][n1][re|im], transformed where it is. */
static void transform(const int *n, double sign, double *z) {
  double *t = calloc((size_t)n[0] * n[1] * 2, sizeof *t);
  cr_assert_not_null(t);
  for (int j = 0; j < n[1]; j++) line(n[0], n[1], sign, z + 2 * j, t + 2 * j);
  for (int i = 0; i < n[0]; i++) line(n[1], 1, sign, t + 2 * (ptrdiff_t)i * n[1], z + 2 * (ptrdiff_t)i * n[1]);
  free(t);
}

void fourier_modes(const int *n, const double *field, double *out) {
  const ptrdiff_t points = (ptrdiff_t)n[0] * n[1];
  for (ptrdiff_t i = 0; i < points; i++) {
    out[2 * i] = field[i] / (double)points;
    out[2 * i + 1] = 0;
  }
  transform(n, -1, out);
}

void fourier_points(const int *n, const double *modes, double *field) {
  const ptrdiff_t points = (ptrdiff_t)n[0] * n[1];
  double *z = calloc((size_t)points * 2, sizeof *z);
  cr_assert_not_null(z);
  for (ptrdiff_t i = 0; i < 2 * points; i++) z[i] = modes[i];
  transform(n, 1, z);
  for (ptrdiff_t i = 0; i < points; i++) field[i] = z[2 * i];
  free(z);
}

double fourier_sum(const int *n, const double *modes, double length, int power) {
  double sum = 0;
  for (int i = 0; i < n[0]; i++)
    for (int j = 0; j < n[1]; j++) {
      const double k0 = fourier_integer(i, n[0]), k1 = fourier_integer(j, n[1]);
      const double k = 2 * pi / length * sqrt(k0 * k0 + k1 * k1);
      const double *c = modes + 2 * ((ptrdiff_t)i * n[1] + j);
      if (k > 0 || power == 0) sum += pow(k, power) * (c[0] * c[0] + c[1] * c[1]);
    }
  return sum;
}
