/* Draws of the predicted field of one input after the other, for every method. All functions are Local. */
#ifndef PNO_ENGINE_TRAIN_SAMPLER_H
#define PNO_ENGINE_TRAIN_SAMPLER_H

#include "engine/train/uq.h"
#include "io/sample.h"

typedef struct pno_sampler pno_sampler;

/* draws: of each input. p and what it borrows stay until destroy.
 * Errors: PNO_E_SHAPE the data do not fit an operator; PNO_E_NOMEM; those of the plan. */
pno_status pno_sampler_create(const pno_predictive *p, const pno_sample_info *info, int draws, pno_sampler **out);
void pno_sampler_destroy(pno_sampler **s); /* takes NULL */

/* Takes `count` fields [count][n..][channels] in the units of the data. */
typedef void pno_sampler_take(void *user, const float *fields, int count);

/* All draws of one input, in order, a few at a time: as many as a call of the model computes together. sample: its
 * number in the data set, which the random numbers depend on. */
void pno_sampler_run(pno_sampler *s, const float *x, uint32_t sample, pno_sampler_take *take, void *user);

/* Draw number draw of x alone, for rollouts, in which every draw goes its own way: field [n..][channels], valid until
 * the next call. step: how often x was predicted before. A draw of the operator's weights (MC dropout, Laplace,
 * members) is one operator at all steps; what is drawn of the field itself (PNO_D, PNO_R, noise) is drawn anew at each.
 * In step 0 the same bits as pno_sampler_run. One call computes a whole chunk: create the sampler with draws = 1, where
 * draw may be any. */
const float *pno_sampler_one(pno_sampler *s, const float *x, uint32_t sample, int draw, int step);

/* Mean variances over the field of the newest input; NaN where the method does not tell. aleatoric: the noise that two heads
 * have learned, or that of Laplace. in_draws: how much of the variance of the draws is not epistemic; the spread of members,
 * of MC dropout and of Laplace's weights is epistemic. */
void pno_sampler_parts(const pno_sampler *s, double *aleatoric, double *in_draws);

#endif
