/* The way of computing that parallel.device (--device) names, on every rank. */
#ifndef PNO_LAUNCH_CLI_DEVICE_H
#define PNO_LAUNCH_CLI_DEVICE_H

#include "kernels/kernels.h"
#include "launch/cli/cli.h"

enum { PNO_DEVICE_TEXT = 128 };

/* Names of the tables that this processor can run, fastest first, separated by commas. Local. */
void pno_device_list(char out[PNO_DEVICE_TEXT]);

/* The table of the configured device. Local. Errors: PNO_E_USAGE with what there is. */
pno_status pno_device_choose(const pno_config *cfg, const pno_kernels **out);

/* "model name" of the first core, or "unknown". Local. */
void pno_device_processor(char out[PNO_DEVICE_TEXT]);

/* How rows choose between tables and FFTW: parallel.transform and parallel.wisdom. Made once a command. Local.
 * Errors: PNO_E_NOMEM, PNO_E_USAGE a path that is too long. */
pno_status pno_device_transforms(pno_cli *cli, pno_transforms **out);

/* The table's name; where ranks chose other ones (auto on different processors), that is said too: their results differ
 * in rounding. Collective. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_device_name(const pno_cli *cli, const pno_kernels *table, char out[PNO_DEVICE_TEXT]);

#endif
