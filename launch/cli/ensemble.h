/* A deep ensemble: members that are runs of their own, several at once on groups of the ranks. */
#ifndef PNO_LAUNCH_CLI_ENSEMBLE_H
#define PNO_LAUNCH_CLI_ENSEMBLE_H

#include <stdbool.h>

#include "engine/train/uq.h"
#include "launch/cli/cli.h"

/* Trains RUN/member-00, member-01, .. with the seeds run.seed, run.seed + 1, ..: on R ranks as many at once as there are
 * members, at most R, each on its own ranks alone, so that a member is what `pno train` with its seed makes. Then fits bands
 * for all together. max_time_s: for all members together, 0: no limit. Collective. Errors: the worst of the
 * first failures of the groups; members behind one are not begun, the others are on disk. */
pno_status pno_ensemble_train(pno_cli *cli, const char *run, bool resume, const pno_uq_spec *uq, double max_time_s);

#endif
