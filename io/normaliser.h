/* Shift and scale of inputs and targets, fitted so that the result never depends on the number of ranks: every sample
 * yields partial sums in double, and they are added in sample order. All functions are Local; whoever fits on several
 * ranks gathers the partials and adds them in order on each. */
#ifndef PNO_IO_NORMALISER_H
#define PNO_IO_NORMALISER_H

#include <stddef.h>

#include "engine/base/status.h"

typedef enum {
  PNO_NORMALISE_NONE = 0, /* mean 0, std 1: values pass unchanged */
  PNO_NORMALISE_CHANNEL,  /* one mean and std a channel, over all samples and points */
  PNO_NORMALISE_POINT     /* one a point and channel, over all samples; bound to this grid */
} pno_normalise;

typedef struct pno_normaliser pno_normaliser;

/* For samples of [points][channels] floats. Errors: PNO_E_USAGE sizes below 1, PNO_E_NOMEM. */
pno_status pno_normaliser_create(pno_normalise kind, ptrdiff_t points, int channels, pno_normaliser **out);
void pno_normaliser_destroy(pno_normaliser **z); /* takes NULL and destroyed ones */

/* Doubles that one sample yields: 2 channels (mean, sum of squared differences from it) for channel, points x channels
 * (the values) for point, 0 for none. */
ptrdiff_t pno_normaliser_partial(const pno_normaliser *z);

/* Partial sums of one sample [points][channels] into partial [pno_normaliser_partial]. Touches nothing else. */
void pno_normaliser_sums(const pno_normaliser *z, const float *sample, double *partial);

/* Adds the partial sums of the next sample; call in sample order (Chan et al.'s pairwise update). */
void pno_normaliser_add(pno_normaliser *z, const double *partial);

/* Turns the sums into mean and std (unbiased, as torch.std). Errors: PNO_E_INPUT fewer than two values for a std. */
pno_status pno_normaliser_finish(pno_normaliser *z);

/* Takes mean and std from elsewhere (a checkpoint): [rows][channels] each, copied. Errors: PNO_E_SHAPE if n is not
 * rows x channels, PNO_E_INPUT values that are not finite or a negative std. */
pno_status pno_normaliser_set(pno_normaliser *z, ptrdiff_t n, const float *mean, const float *std);

/* After finish or set; borrowed until destroy; [rows][channels].
 *   normalised = (value - mean) * scale,  value = normalised * spread + mean
 * scale = 1 / (std + 1e-7) and spread = std + 1e-7 as neuraloperator's UnitGaussianNormalizer; 1 and 1 for none. */
pno_normalise pno_normaliser_kind(const pno_normaliser *z);
ptrdiff_t pno_normaliser_rows(const pno_normaliser *z); /* points for point, else 1 */
int pno_normaliser_channels(const pno_normaliser *z);
const float *pno_normaliser_mean(const pno_normaliser *z);
const float *pno_normaliser_std(const pno_normaliser *z);
const float *pno_normaliser_scale(const pno_normaliser *z);
const float *pno_normaliser_spread(const pno_normaliser *z);

/* The spread, but 1 where std is 0: what inputs are divided by. A channel that never changes (a parameter of the
 * equation) becomes 0 either way, and one that has another value elsewhere does not become 1e7 times as large. */
const float *pno_normaliser_divisor(const pno_normaliser *z);

#endif
