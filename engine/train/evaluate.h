/* Scores of an operator on a data set, the same on any number of ranks: ranks share the samples, the scores are
 * gathered per sample and summed in sample order in double. */
#ifndef PNO_ENGINE_TRAIN_EVALUATE_H
#define PNO_ENGINE_TRAIN_EVALUATE_H

#include "engine/sync/comm.h"
#include "engine/train/operator.h"
#include "io/dataset.h"

/* Means over the samples, on the fields as they are in the file. Indexed by pno_loss_kind. */
enum { PNO_SCORES = 3 };
typedef struct {
  double mean[PNO_SCORES]; /* l2, rel_l2, h1 */
  ptrdiff_t samples;
} pno_scores;

/* Names of the scores: "l2", "rel_l2", "h1". */
extern const char *const pno_score_names[PNO_SCORES];

typedef struct pno_evaluator pno_evaluator;

/* Samples first .. first + count - 1 of ds (borrowed, as is o), by the transform that pno_operator_choose chose. Local.
 * Errors: PNO_E_SHAPE the data does not fit the operator; PNO_E_NOMEM; those of the plan. */
pno_status pno_evaluator_create(const pno_operator *o, pno_dataset *ds, ptrdiff_t first, ptrdiff_t count,
                                pno_evaluator **out);
void pno_evaluator_destroy(pno_evaluator **e);

/* Collective over comm. Every rank gets the scores. per_sample: [count][PNO_SCORES] or NULL. */
pno_status pno_evaluate(pno_evaluator *e, pno_comm *comm, pno_scores *out, double *per_sample);

/* One prediction: x, y and prediction of one sample; the pointers are valid until the next call. Local. */
pno_status pno_evaluator_predict(pno_evaluator *e, ptrdiff_t sample, const float **x, const float **y,
                                 const float **prediction);
void pno_evaluator_score(pno_evaluator *e, double scores[PNO_SCORES]); /* of the newest prediction. Local */

#endif
