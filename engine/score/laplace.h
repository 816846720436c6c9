/* Laplace approximation of the last linear map: how sure its weights are, from one pass over the training data.
 *
 * Features phi in R^f (the last hidden layer, and a constant 1 for the bias), outputs o with weights w_o, Gaussian noise
 * of one variance s2, prior N(0, 1/delta) on every weight. The generalised Gauss-Newton matrix of the map is the same
 * for each output, G = sum_i phi_i phi_i^T, so the posterior is N(w_o, Sigma) with Sigma = (G/s2 + delta I)^-1. The mean
 * stays the trained weights. s2 and delta maximise the marginal likelihood (MacKay, Neural Computation 4, 1992;
 * Daxberger et al., Laplace Redux, NeurIPS 2021; the value is that of laplace-torch's log_marginal_likelihood). */
#ifndef PNO_ENGINE_SCORE_LAPLACE_H
#define PNO_ENGINE_SCORE_LAPLACE_H

#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_LAPLACE_FEATURES_MAX = 16384, PNO_LAPLACE_OUTPUTS_MAX = 65536 };

/* All arrays are owned. */
typedef struct {
  int features, outputs;
  double prior, noise; /* delta: a precision; s2: a variance */
  double log_evidence;
  double *values;  /* [f] of G, rising, none below 0 */
  double *vectors; /* [f][f]: row j belongs to values[j] */
  double *weights; /* [outputs][f] */
  double *root;    /* [f][f]: Sigma^1/2, the symmetric one */
} pno_laplace;

/* gram: G [f][f], of which the lower triangle is read. squares: of the residuals, summed over points and outputs.
 * Local. Errors: PNO_E_USAGE sizes; PNO_E_INPUT something is not finite, G has a negative eigenvalue, or the marginal
 * likelihood has no maximum: no points, features, weights or residuals that differ from zero; PNO_E_NOMEM. */
pno_status pno_laplace_fit(int features, int outputs, const double *gram, const double *weights, double squares,
                           double points, pno_laplace **out);

/* The same again from what was saved of one; all arrays are copied.
 * Local. Errors: PNO_E_USAGE, PNO_E_NOMEM; PNO_E_INPUT not finite, not positive, or vectors that are not orthonormal. */
pno_status pno_laplace_restore(const pno_laplace *saved, pno_laplace **out);

/* Draw number `draw` (0..65535) of all weights [outputs][f]: w_o + Sigma^1/2 eps with element i of eps from the place
 * (seed, PNO_STREAM_DRAW, site = output, draw). Local, thread-safe. */
void pno_laplace_draw(const pno_laplace *l, uint64_t seed, int draw, double *weights);

/* phi^T Sigma phi: variance of an output from not knowing the weights; the noise comes on top. Local, thread-safe. */
double pno_laplace_variance(const pno_laplace *l, const double *phi);

void pno_laplace_destroy(pno_laplace **l); /* Local; takes NULL and destroyed ones */

#endif
