/* Scores of predictions on a data set, the same on any number of ranks: ranks share the samples, the scores are gathered per
 * sample and summed in sample order in double. */
#ifndef PNO_ENGINE_TRAIN_EVALUATE_H
#define PNO_ENGINE_TRAIN_EVALUATE_H

#include "engine/score/scores.h"
#include "engine/sync/comm.h"
#include "engine/train/uq.h"
#include "io/dataset.h"

typedef struct pno_evaluator pno_evaluator;

/* How much is asked of each sample: moments take memory for one draw, scores for all draws of a sample, spectra too. */
typedef enum { PNO_DEPTH_MOMENTS, PNO_DEPTH_SCORES, PNO_DEPTH_SPECTRA } pno_depth;
typedef struct {
  int draws; /* of each input, where the method draws */
  pno_depth depth;
  int members; /* draws that pno_evaluator_predict hands out */
} pno_evaluator_use;

/* Samples first .. first + count - 1 of ds (borrowed, as is what p borrows), by the transform that pno_operator_choose chose.
 * Local. Errors: PNO_E_SHAPE the data do not fit the operator; PNO_E_NOMEM; those of the plan. */
pno_status pno_evaluator_create(const pno_predictive *p, pno_dataset *ds, ptrdiff_t first, ptrdiff_t count,
                                const pno_evaluator_use *use, pno_evaluator **out);
void pno_evaluator_destroy(pno_evaluator **e);
int pno_evaluator_draws(const pno_evaluator *e); /* of each input */

/* On the fields as they are in the file. Collective over comm. Every rank gets the scores. */
pno_status pno_evaluate(pno_evaluator *e, pno_comm *comm, pno_scores_all *out);

/* One prediction; the pointers are valid until the next call. Local. */
typedef struct {
  const float *x, *y;     /* of the data */
  const float *mean, *sd; /* over the draws */
  const float *members;   /* [use.members, or fewer draws][n..][channels] */
  double rel_l2;          /* of the mean */
} pno_prediction;
pno_status pno_evaluator_predict(pno_evaluator *e, ptrdiff_t sample, pno_prediction *out);
void pno_evaluator_interval(const pno_evaluator *e, int level, float *lo, float *hi); /* of the newest; not of moments. Local */

void pno_evaluator_band(const pno_evaluator *e, int level, float *lo, float *hi);     /* of the newest, with bands. Local */
int pno_evaluator_levels(const pno_evaluator *e, const double **level, bool *bands); /* of both. Local */

/* What tells these samples from others: content of the data, or its path where it has no digest, and which of them. Local. */
pno_digest pno_evaluator_data(const pno_evaluator *e, const char *path);

/* Bands that hold at the levels of uq for new samples, fitted to all samples of e; path: of the data. Collective over comm. */
pno_status pno_evaluator_calibrate(pno_evaluator *e, pno_comm *comm, const char *path, pno_bands *out);

#endif
