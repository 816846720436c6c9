/* Gaussian random fields on [0,1]^2 with zero normal derivative: N(0, tau^(2 alpha - 2) (-Laplace + tau^2)^-alpha)
 * without its mean, in the discrete form of Li et al. (GRF.m of their data generation):
 *   coef(k0,k1) = tau^(alpha-1) (pi^2 (k0^2 + k1^2) + tau^2)^(-alpha/2)
 *   L = sqrt(n0 n1) coef xi,   L(0,0) = 0,   field = orthonormal inverse DCT-II of L.
 * Value (i,j) is the cosine series at ((i + 1/2) / n0, (j + 1/2) / n1).
 *
 * All functions are Local. */
#ifndef PNO_ENGINE_PDE_RANDOM_FIELD_H
#define PNO_ENGINE_PDE_RANDOM_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

typedef struct {
  int n[2];
  double alpha, tau; /* set by the caller before it draws */
  double *values; /* [n0][n1]: the last field drawn; lent by the arena */
  double *shell;  /* [2 max(n0,n1) - 1] */
  void *plan;     /* owned FFTW plan, in place on values; NULL while measuring */
} pno_random_field;

/* Pushes its storage on the arena, which may be measuring and must outlive the field. FFTW plans are made by one
 * thread at a time. Errors: PNO_E_NOMEM. */
pno_status pno_random_field_create(int n0, int n1, pno_arena *arena, pno_random_field *out);
void pno_random_field_destroy(pno_random_field *f); /* takes NULL and zeroed ones */

/* Standard deviation of the coefficient of cosine mode (k0,k1), before the factor sqrt(n0 n1); 0 for the mean. */
double pno_random_field_coef(const pno_random_field *f, int k0, int k1);

/* Place of xi(k0,k1) in the sequence of the random numbers: shells max(k0,k1) = m one after the other, so that a mode
 * has the same number on every grid and a sample is the same function at every resolution. < 2^34 for k < 2^17. */
uint64_t pno_random_field_element(int k0, int k1);

/* Draws the field of (seed, sample) into f->values. Allocates nothing. */
void pno_random_field_draw(pno_random_field *f, uint64_t seed, uint32_t sample);

#endif
