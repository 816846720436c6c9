/* A trained or trainable operator: model, parameters and normalisers together, as training, evaluation and prediction
 * use them. */
#ifndef PNO_ENGINE_TRAIN_OPERATOR_H
#define PNO_ENGINE_TRAIN_OPERATOR_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/model/fno.h"
#include "engine/sync/comm.h"
#include "engine/train/transform.h"
#include "io/checkpoint.h"
#include "io/normaliser.h"
#include "io/sample.h"
#include "kernels/kernels.h"

typedef struct {
  pno_fno *fno;                   /* owned */
  pno_arena memory;               /* owned */
  float *params;                  /* [registry floats], lent by memory */
  pno_normaliser *in, *out;       /* owned, on the raw fields */
  const pno_kernels *kernels;     /* borrowed */
  int threads;                    /* of this rank, 0: one */
  pno_transforms *transforms;     /* borrowed; NULL: rows by tables */
  int n[PNO_DIMS_MAX];            /* grid of the training data: normalisers by point are bound to it */
} pno_operator;

/* spec: in and out are taken from info, dims must be the data's. Parameters are drawn from seed, normalisers are not fitted yet.
 * Local. Errors: PNO_E_USAGE, PNO_E_NOMEM. */
pno_status pno_operator_create(const pno_fno_spec *spec, const pno_sample_info *info, pno_normalise in,
                               pno_normalise out, uint64_t seed, const pno_kernels *kernels, pno_operator *o);
void pno_operator_destroy(pno_operator *o);

/* The parts of it that a plan needs: the model for samples of this shape, and the buffer of a model's parameters on an
 * arena that may be measuring. Local. Errors: PNO_E_USAGE; PNO_E_NOMEM. */
pno_status pno_operator_spec(const pno_fno_spec *spec, const pno_sample_info *info, pno_fno_spec *out);
pno_status pno_operator_push(pno_operator *o, pno_arena *arena);

/* Puts its shape into the scalars of a checkpoint, and makes an operator from a checkpoint in dir: spec and the kinds of
 * normaliser as it was trained with; in and out come from the checkpoint. meta: what the checkpoint says.
 * Collective. Errors: those of io/checkpoint; PNO_E_INPUT scalars that make no sense; PNO_E_SHAPE. */
pno_status pno_operator_describe(const pno_operator *o, pno_checkpoint_meta *meta); /* Local */
pno_status pno_operator_load(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice,
                             const pno_fno_spec *spec, pno_normalise in, pno_normalise out,
                             const pno_kernels *kernels, pno_operator *o, pno_checkpoint_meta *meta);

/* Identity where the field is not normalised; borrowed from the operator. */
pno_affine pno_operator_in(const pno_operator *o);
pno_affine pno_operator_out(const pno_operator *o);

/* Chooses the transform of its rows on data of this shape, before plans for them are made; data that do not fit are left
 * for the plan to refuse. Collective. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_operator_choose(const pno_operator *o, pno_comm *comm, const pno_sample_info *info);

/* Whether data of this shape can be fed to it. Errors: PNO_E_SHAPE with both shapes. */
pno_status pno_operator_fits(const pno_operator *o, const pno_sample_info *info);

#endif
