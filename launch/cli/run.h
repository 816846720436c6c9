/* A run directory as the commands see it: its configuration and which checkpoint is meant. */
#ifndef PNO_LAUNCH_CLI_RUN_H
#define PNO_LAUNCH_CLI_RUN_H

#include "engine/train/operator.h"
#include "io/checkpoint.h"
#include "launch/cli/cli.h"

/* The argument RUN of this command, configured from RUN/config.yaml and the overrides; it must be a run.
 * Collective. Errors: PNO_E_USAGE, those of the configuration. */
pno_status pno_run_configure(pno_cli *cli, const char **path);

/* Makes the directories that path lies in, as mkdir -p. Local. Errors: PNO_E_IO. */
pno_status pno_run_make_parents(const char *path);

/* RUN/config.yaml: the resolved configuration with the origin of each value. Local. Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_run_write_config(const pno_cli *cli, const char *run);

/* The operator of the run: the checkpoint that --step names, else the best, else the newest.
 * Collective. Errors: PNO_E_USAGE, those of io/checkpoint. */
pno_status pno_run_operator(pno_cli *cli, const char *run, pno_operator *op, pno_checkpoint_meta *meta);

#endif
