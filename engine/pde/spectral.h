/* Fourier series of real fields on periodic grids: field(x) = sum c(k) exp(i k x).
 *
 * Modes [k0][k1 = 0 .. n1/2] or [k = 0 .. n/2], then [re|im]; points [x0][x1].
 * Plans are ESTIMATE: the same bits in every process. All functions are Local. */
#ifndef PNO_ENGINE_PDE_SPECTRAL_H
#define PNO_ENGINE_PDE_SPECTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/base/status.h"

/* Of an axis of a plane: the random numbers of a mode are a block of a sequence of 2^34, and |k| <= 46340 has them. */
enum { PNO_SPECTRAL_PLANE_MAX = 92680 };

typedef struct {
  int dims, n[2];        /* n[1] is 1 of one axis; the last axis of the grid is halved in the modes */
  int rows, columns;     /* of the modes */
  double length;         /* of every axis */
  ptrdiff_t points, modes;
  double *k[2];          /* [rows], [columns]: wave numbers 2 pi / length times integers */
  void *forward, *backward; /* owned FFTW plans; NULL while measuring */
} pno_spectral;

/* Pushes its storage on the arena, which may be measuring. n: [dims], dims 1 or 2.
 * Errors: PNO_E_USAGE more points than a plane may have, PNO_E_NOMEM. */
pno_status pno_spectral_push(pno_arena *arena, int dims, const int *n, double length, pno_spectral *out);
void pno_spectral_destroy(pno_spectral *s); /* takes NULL and zeroed ones */

/* points from modes, which are used up. */
void pno_spectral_to_points(const pno_spectral *s, double *modes, double *points);

/* modes from points, which are used up. The modes are those of the field times its number of points. */
void pno_spectral_to_modes(const pno_spectral *s, double *points, double *modes);

/* The same, of the field itself. */
void pno_spectral_take(const pno_spectral *s, double *points, double *modes);

/* Every refine-th point of each axis into out, [n / refine ...]. */
void pno_spectral_write(const pno_spectral *s, const double *points, int refine, float *out);

/* Gaussian random field of (seed, sample), in the discrete form of Li et al.
 *   2-D (GaussianRF): real part of sum sqrt(2) sigma (|k|^2 + tau^2)^(-alpha/2) (xi + i eta) exp(i k x), k != 0
 *   1-D (GRF1.m):     sum sqrt(2) sigma (k^2 + tau^2)^(-alpha/2) (xi cos k(x - l/2) + eta sin k(x - l/2)), k > 0
 * k in units of 2 pi / length. A mode has the same numbers on every grid. */
void pno_spectral_random(const pno_spectral *s, double sigma, double tau, double alpha, uint64_t seed, uint32_t sample,
                         double *modes);

/* The same with the numbers of another place: of a second field of a sample. */
void pno_spectral_random_of(const pno_spectral *s, double sigma, double tau, double alpha, const pno_rng *rng,
                            double *modes);

/* Place of the pair of numbers of mode (k0, k1) in the sequence: shells max(|k0|, |k1|) one after the other.
 * < 2^33 for |k| <= 46340, where two numbers each are all that a stream has. */
uint64_t pno_spectral_element(int k0, int k1);

#endif
