/* How an operator knows what it does not know: the method, and what a run says of it. Plain data. */
#ifndef PNO_ENGINE_TRAIN_UQ_H
#define PNO_ENGINE_TRAIN_UQ_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/model/fno.h"
#include "engine/score/laplace.h"
#include "engine/score/scores.h"
#include "engine/train/operator.h"

typedef enum {
  PNO_UQ_NONE,      /* deterministic */
  PNO_UQ_PNO_D,     /* trained on a score of draws, which are passes with dropout */
  PNO_UQ_PNO_R,     /* trained on a score of draws of a mean and a scale head */
  PNO_UQ_MCDROPOUT, /* trained on one field, with dropout kept at evaluation (Gal & Ghahramani 2016) */
  PNO_UQ_LAPLACE,   /* trained on one field, then a Gaussian over the last linear map (engine/score/laplace.h) */
  PNO_UQ_ENSEMBLE   /* members trained alone from different seeds (Lakshminarayanan et al. 2017) */
} pno_uq_method;

typedef struct {
  pno_uq_method method;
  int draws;   /* of each input in training (PNO_D, PNO_R), and where training validates */
  int samples; /* of each input in evaluation and prediction */
  int members; /* of an ensemble */
  double dropout, fourier_dropout;
  pno_draw_loss loss;
  bool noise;    /* Laplace: draws with the observation noise */
  uint64_t seed; /* of masks and draws */
  int levels;    /* central intervals and bands */
  double level[PNO_LEVELS_MAX];
  bool conformal; /* bands are fitted to the validation samples after training */
} pno_uq_spec;

/* Conformal bands as they were fitted (engine/score/conformal.h). */
typedef struct {
  int levels; /* 0: not fitted */
  double level[PNO_LEVELS_MAX], point[PNO_LEVELS_MAX], field[PNO_LEVELS_MAX];
  bool unscaled; /* there is no spread: the deviation is taken as 1 */
  int64_t samples;
  pno_digest data;     /* of the samples that they were fitted to */
  int n[PNO_DIMS_MAX]; /* and their grid */
  pno_digest way; /* of the predictions that they were fitted to: they promise nothing for others */
} pno_bands;

/* Everything that makes predictions of one run; all borrowed. */
typedef struct {
  const pno_uq_spec *uq;
  const pno_operator *members; /* [n_members]: one but for an ensemble */
  int n_members;
  const pno_laplace *laplace; /* NULL before it is fitted: the trained weights alone */
  const pno_bands *bands;     /* NULL: none */
} pno_predictive;

/* Draws that an evaluation makes of each input when it asks for `samples`: 1 where there is nothing to draw. */
static inline int pno_uq_draws(const pno_predictive *p, int samples) {
  switch (p->uq->method) {
    case PNO_UQ_NONE: return 1;
    case PNO_UQ_ENSEMBLE: return p->n_members;
    case PNO_UQ_LAPLACE: return p->laplace ? samples : 1;
    default: return samples;
  }
}

/* What the distribution of a run's predictions depends on beside its weights: bands hold where this is the same. */
static inline pno_digest pno_uq_way(const pno_uq_spec *uq, int draws) {
  const double facts[] = {(double)uq->method, (double)draws, uq->dropout, uq->fourier_dropout,
                          uq->method == PNO_UQ_LAPLACE && uq->noise ? 1 : 0};
  return pno_digest_of(facts, sizeof facts);
}

/* Whether bands are for predictions made as p makes them with so many samples, and for its levels. */
static inline bool pno_bands_serve(const pno_bands *b, const pno_predictive *p, int samples) {
  bool same = b->levels > 0 && b->levels == p->uq->levels && pno_digest_equal(b->way, pno_uq_way(p->uq, pno_uq_draws(p, samples)));
  for (int i = 0; same && i < b->levels; i++) same = b->level[i] == p->uq->level[i];
  return same;
}

/* What training validates with: a method that is fitted afterwards, or needs several members, is its one operator then. */
static inline pno_uq_spec pno_uq_in_training(const pno_uq_spec *uq) {
  pno_uq_spec s = *uq;
  if (s.method != PNO_UQ_PNO_D && s.method != PNO_UQ_PNO_R) s.method = PNO_UQ_NONE;
  return s;
}

#endif
