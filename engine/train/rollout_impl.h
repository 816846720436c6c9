/* What rollout.c and rollout_file.c share; nobody else includes this. */
#ifndef PNO_ENGINE_TRAIN_ROLLOUT_IMPL_H
#define PNO_ENGINE_TRAIN_ROLLOUT_IMPL_H

#include "engine/score/scores.h"
#include "engine/train/rollout.h"
#include "engine/train/sampler.h"
#include "io/fields_file.h"
#include "io/window.h"

enum { ROLLOUT_REL_L2, ROLLOUT_CRPS, ROLLOUT_SPREAD, ROLLOUT_SCORES };

/* Parts of the record of a trajectory, in this order; input [points][in], the others [frames][points][channels]. */
typedef enum { ROLLOUT_INPUT, ROLLOUT_TRUTH, ROLLOUT_MEAN, ROLLOUT_SD, ROLLOUT_MEMBER, ROLLOUT_PARTS } rollout_part;

typedef struct {
  const pno_predict_spec *spec;
  pno_dataset *ds; /* borrowed */
  int steps, frames, draws, members, channels; /* channels: of a frame */
  ptrdiff_t windows, nx, ny, values; /* windows: of a trajectory; values: of a frame */
  pno_window_spec window_spec;
  pno_score_spec score_spec; /* of a frame */
  pno_window *window;        /* owned, as all that follows */
  pno_sampler *sampler;
  pno_scorer **scorers;      /* [frames_out] */
  float *x, *y, *frame;      /* an input, a prediction, a frame */
  float *states;             /* [draws][nx] */
  double *row;               /* scores of a frame as the scorer gives them */
  ptrdiff_t at[ROLLOUT_PARTS + 1]; /* where a part begins */
  ptrdiff_t floats;
  float *own, *all;          /* records: of this rank; rank 0: of all */
  double *own_scores, *all_scores; /* [frames][ROLLOUT_SCORES] */
  pno_fields_file *file;     /* rank 0 */
} rollout;

/* All memory and the models. Local. Errors: as pno_rollout. */
pno_status rollout_create(rollout *r, const pno_predictive *p, int ranks, bool writes);
void rollout_destroy(rollout *r);

float *rollout_at(rollout *r, rollout_part part, int frame); /* in the own record; not of members */
void rollout_take(rollout *r, rollout_part part, int frame, const float *values);
void rollout_take_member(rollout *r, int member, int frame, const float *values);

/* Rank 0: the file, the record of a trajectory in it, and its picture. Local. Errors: those of io. */
pno_status rollout_file(rollout *r, const double *time);
pno_status rollout_write(rollout *r, ptrdiff_t sample, const float *record, const double *scores, const double *time);

#endif
