/* From the configuration to what the engine wants: one function a spec, no decision of its own. */
#ifndef PNO_LAUNCH_CLI_TASK_H
#define PNO_LAUNCH_CLI_TASK_H

#include "engine/base/status.h"
#include "engine/train/generate.h"
#include "engine/train/trainer.h"
#include "launch/config.h"

/* Text in the specs is borrowed from cfg. Local. Errors: PNO_E_USAGE with the key. */
pno_status pno_task_model(const pno_config *cfg, pno_fno_spec *out);
pno_status pno_task_uq(const pno_config *cfg, pno_uq_spec *out);
pno_dataset_limits pno_task_limits(const pno_config *cfg);
pno_status pno_task_view(const pno_config *cfg, pno_sample_view *out);
/* What a trained operator is looked at on: the files of data.test, else the samples that data.path holds out (all of them if it
 * holds out none). i: which; *held: the last samples of that file, 0: all. */
int pno_task_scored_files(const pno_config *cfg);
const char *pno_task_scored(const pno_config *cfg, int i, ptrdiff_t *held);
pno_status pno_task_train(const pno_config *cfg, pno_train_spec *out);
/* content [cap]: takes the text that spec->config points to. */
pno_status pno_task_generate(const pno_config *cfg, char *content, size_t cap, pno_generate_spec *out);

#endif
