/* What a run predicts with, as eval and predict load it: operators, and what was fitted after training. */
#ifndef PNO_LAUNCH_CLI_MODEL_H
#define PNO_LAUNCH_CLI_MODEL_H

#include "engine/train/evaluate.h"
#include "engine/train/posterior.h"
#include "launch/cli/cli.h"

/* What was fitted lies in this folder of a run, as checkpoints of their own. */
#define PNO_FITTED "uq"

typedef struct {
  pno_uq_spec uq;
  pno_operator *ops; /* owned: [n_ops], members of an ensemble or one */
  int n_ops;
  pno_digest config; /* as it is now: keys that decide results may differ from those of the training */
  pno_checkpoint_meta meta;   /* of the first */
  pno_checkpoint_meta fitted; /* the same, its digest that of all: what a posterior belongs to */
  pno_posterior posterior;
  pno_predictive predictive; /* of all of it */
} pno_run_model;

extern const char *const pno_uq_names[]; /* of the methods, by pno_uq_method */

/* Where member i of an ensemble lies: RUN/member-00. Local. Errors: PNO_E_USAGE. */
enum { PNO_MEMBERS_MAX = 1000 }; /* largest uq.ensemble */
pno_status pno_run_member(const char *run, int i, char *path);

/* The checkpoint that --step names of each operator, else the best, else the newest, and what was fitted for it.
 * Collective. Errors: PNO_E_USAGE, those of io/checkpoint. */
pno_status pno_run_model_load(pno_cli *cli, const char *run, pno_run_model *out);
void pno_run_model_destroy(pno_run_model *m); /* Local; takes an empty one */

/* Fits what the method needs behind training, and bands to the validation samples, for the checkpoint that eval would use,
 * and keeps it beside the run. Nothing to fit is no error. Collective. Errors: those of io and of the fits. */
pno_status pno_run_fit(pno_cli *cli, const char *run);

#endif
