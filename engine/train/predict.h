/* Predicted fields beside inputs and truth, as an HDF5 file (io/fields_file.h) and one picture a sample. */
#ifndef PNO_ENGINE_TRAIN_PREDICT_H
#define PNO_ENGINE_TRAIN_PREDICT_H

#include "engine/sync/comm.h"
#include "engine/train/operator.h"
#include "io/dataset.h"

typedef struct {
  const char *path;     /* the HDF5 file */
  const char *pictures; /* prefix of the pictures: PREFIX-0000.png; NULL: none */
  ptrdiff_t samples;    /* the first ones of the data */
  const char *program, *run_id, *data; /* go into the file's attributes */
  pno_digest config;
  int64_t step;
} pno_predict_spec;

/* Ranks share the samples; rank 0 writes. rel_l2: mean over the samples. Collective.
 * Errors: PNO_E_SHAPE the data do not fit the operator; PNO_E_USAGE more samples than there are; those of io. */
pno_status pno_predict(const pno_predict_spec *spec, pno_operator *o, pno_dataset *ds, pno_comm *comm,
                       double *rel_l2);

#endif
