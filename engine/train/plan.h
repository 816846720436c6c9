/* What a training takes, before any data are read or memory is taken. All Local. */
#ifndef PNO_ENGINE_TRAIN_PLAN_H
#define PNO_ENGINE_TRAIN_PLAN_H

#include "engine/model/fno_cost.h"
#include "engine/train/trainer.h"

enum { PNO_PLAN_LINES = 3 * PNO_PURPOSES + 2 };

typedef struct {
  const char *purpose;
  size_t bytes;
} pno_plan_line;

/* Of a rank that computes the whole global batch. */
typedef struct {
  pno_plan_line line[PNO_PLAN_LINES]; /* each purpose once */
  int lines;
  size_t bytes;         /* their sum */
  ptrdiff_t parameters; /* real numbers */
  ptrdiff_t points;     /* of the padded grid */
  size_t layer_bytes;   /* one activation of all samples of a call */
  int chunk;            /* samples of a call of the model */
  pno_row_shape row;    /* of the padded grid */
  bool fft;             /* rows by FFTW, else by tables */
  pno_row_times times;  /* what was measured for a row, zeros if nothing */
  pno_fno_cost cost;    /* of one sample */
  double activations, spectra, fields, weights, optimizer; /* bytes that a step reads and writes */
} pno_train_plan;

/* info: the shape of the training samples. The transform of rows is chosen as a run alone would, measured if it must be.
 * What further ranks add to the reduction (sync) and data kept by the batch reader (io) are not in it. Errors: PNO_E_USAGE, PNO_E_SHAPE what the model refuses; PNO_E_NOMEM. */
pno_status pno_train_plan_make(const pno_train_spec *s, const pno_sample_info *info, pno_train_plan *out);

#endif
