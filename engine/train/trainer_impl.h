/* What the files of the trainer share; not for others. */
#ifndef PNO_ENGINE_TRAIN_TRAINER_IMPL_H
#define PNO_ENGINE_TRAIN_TRAINER_IMPL_H

#include "engine/train/trainer.h"

/* What the plan of the model is made for on a rank of so many, but for the normalisers. Local. */
pno_status trainer_use(const pno_train_spec *s, const pno_sample_info *info, const pno_fno *f, int ranks,
                       pno_fno_use *out);

/* All buffers of a trainer whose spec, operator, tensors and chunk are there; the arena may be measuring. Local. */
pno_status trainer_push(pno_trainer *t, const pno_sample_info *info, pno_arena *arena);

#endif
