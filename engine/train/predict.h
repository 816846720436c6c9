/* Predicted fields beside inputs and truth, as an HDF5 file (io/fields_file.h) and one picture a sample: the mean over the
 * draws as "prediction", "std", the bounds of each level's interval ("lower_90", "upper_90") and conformal band
 * ("band_lower_90", ..), and the first draws as "draw"; what the method does not give is left out. */
#ifndef PNO_ENGINE_TRAIN_PREDICT_H
#define PNO_ENGINE_TRAIN_PREDICT_H

#include "engine/sync/comm.h"
#include "engine/train/uq.h"
#include "io/dataset.h"

typedef struct {
  const char *path;     /* the HDF5 file */
  const char *pictures; /* prefix of the pictures: PREFIX-0000.png; NULL: none */
  ptrdiff_t first, samples; /* of the data */
  int members;          /* draws to write, at most those that are made */
  const char *program, *run_id, *data; /* go into the file's attributes */
  pno_digest config;
  int64_t step;
} pno_predict_spec;

/* Ranks share the samples; rank 0 writes. rel_l2: mean over the samples. The transforms of the operators are chosen.
 * Collective.
 * Errors: PNO_E_SHAPE the data do not fit the operator; PNO_E_USAGE more samples than there are; those of io. */
pno_status pno_predict(const pno_predict_spec *spec, const pno_predictive *p, pno_dataset *ds, pno_comm *comm,
                       double *rel_l2);

#endif
