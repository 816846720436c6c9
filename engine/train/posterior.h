/* What is fitted after training and kept beside the checkpoint that it belongs to: the Laplace posterior of the last map and
 * conformal bands. A checkpoint of its own, in a folder of its own, under the same step. */
#ifndef PNO_ENGINE_TRAIN_POSTERIOR_H
#define PNO_ENGINE_TRAIN_POSTERIOR_H

#include "engine/sync/comm.h"
#include "engine/train/uq.h"
#include "io/checkpoint.h"
#include "io/dataset.h"

typedef struct {
  pno_laplace *laplace; /* owned; NULL: none */
  pno_bands bands;      /* levels 0: none */
} pno_posterior;

void pno_posterior_destroy(pno_posterior *p); /* Local; takes an empty one */

/* The Laplace posterior from the first n samples of ds, with o. Collective. Errors: those of io, of engine/score/laplace.h. */
pno_status pno_posterior_fit_laplace(const pno_operator *o, pno_dataset *ds, ptrdiff_t n, pno_comm *comm,
                                     pno_laplace **out);

/* Into and from dir, for the checkpoint that meta is of. load: an empty posterior where nothing was fitted for that
 * checkpoint. Collective. Errors: those of io/checkpoint. */
pno_status pno_posterior_save(const pno_posterior *p, pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta);
pno_status pno_posterior_load(pno_posterior *p, pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta);

#endif
