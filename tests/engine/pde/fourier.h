/* Fourier series by their sums, in double and without a library: what the tests of this folder compare with. */
#ifndef PNO_TESTS_ENGINE_PDE_FOURIER_H
#define PNO_TESTS_ENGINE_PDE_FOURIER_H

#include <stddef.h>

/* Integer of place i on an axis of n: 0, 1 .. then the negative ones; n/2 of an even n is -n/2. */
int fourier_integer(int i, int n);

/* c of field(x) = sum c(k) exp(2 pi i k x) at x = (i0 / n0, i1 / n1). n: [2], n[1] = 1 of a line.
 * field: [n0][n1]; out: [n0][n1][re|im], all k. */
void fourier_modes(const int *n, const double *field, double *out);
void fourier_points(const int *n, const double *modes, double *field);

/* sum |2 pi k / length|^power |c|^2: the mean square of the field (0), of its gradient (2), of its Laplacian (4). k = 0
 * counts only where power is 0. */
double fourier_sum(const int *n, const double *modes, double length, int power);

#endif
