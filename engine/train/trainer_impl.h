/* What the files of the trainer share; not for others. */
#ifndef PNO_ENGINE_TRAIN_TRAINER_IMPL_H
#define PNO_ENGINE_TRAIN_TRAINER_IMPL_H

#include "engine/train/trainer.h"

/* Samples of one call of the model. Local. */
int trainer_chunk(const pno_train_spec *s, ptrdiff_t points);

/* All buffers of a trainer whose spec, operator and tensors are there; the arena may be measuring. Local. */
pno_status trainer_push(pno_trainer *t, const pno_sample_info *info, pno_arena *arena);

#endif
