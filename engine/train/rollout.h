/* Autoregressive prediction: what is predicted becomes part of the next input, for as many steps as are asked for,
 * beside the truth as far as the data have it. Each draw of a probabilistic operator goes its own way. */
#ifndef PNO_ENGINE_TRAIN_ROLLOUT_H
#define PNO_ENGINE_TRAIN_ROLLOUT_H

#include "engine/train/predict.h"

enum { PNO_ROLLOUT_FRAMES = 65536 }; /* at most, as in a file of data */

/* Means over the trajectories, frame by frame. */
typedef struct {
  int frames;  /* predicted ones: steps times the frames of a prediction */
  int known;   /* so many of them have a truth */
  double *time, *rel_l2, *crps, *spread; /* [frames], owned; scores are NaN without a truth, the spread is not */
} pno_rollout_report;

/* spec: samples are trajectories, from the first on, each from its first window; members of the draws go into the file.
 * ds: with a stride of 1. The file holds for each frame, over (sample, channel, time, x..): prediction (mean of the
 * draws), std, draw, truth (NaN where there is none), and over (sample, time): rel_l2, crps, spread; the first input as
 * input. Ranks share the trajectories, rank 0 writes. Collective. Errors: PNO_E_USAGE data that have no windows, an input
 * that changes with time and is not predicted, or too many frames; those of pno_predict. */
pno_status pno_rollout(const pno_predict_spec *spec, int steps, const pno_predictive *p, pno_dataset *ds,
                       pno_comm *comm, pno_rollout_report *out);
void pno_rollout_report_free(pno_rollout_report *r);

#endif
