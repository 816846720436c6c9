/* Losses: of one field, of draws, of a normal distribution. Not for others than engine/model. Local. */
#ifndef PNO_ENGINE_MODEL_FNO_LOSS_H
#define PNO_ENGINE_MODEL_FNO_LOSS_H

#include "engine/model/fno_phase.h"

/* Draws that the loss reads: 0 where it reads the two heads themselves. */
int fno_loss_draws(const pno_fno_use *use, int heads);

/* Doubles that a sample's sums and factors take; 0 for losses of one field. */
ptrdiff_t fno_loss_terms(const pno_fno_use *use, int heads, ptrdiff_t points, int out);

/* From the sums of the blocks, in block order: loss of each pass and the factor of its gradient. */
void fno_finish_losses(pno_fno_plan *p, pno_loss_kind kind, int passes, double *loss);

/* Of two heads: the draws in c->output of the fields in p->heads. */
void fno_draw(const fno_pass *c);

/* The loss of a pass that is complete but for its head's backward: loss [inputs], and p->dy (of two heads p->dheads). */
void fno_field_loss(const fno_pass *c, double *loss);

#endif
