/* Phases of a benchmark on the screen. Local. */
#ifndef PNO_LAUNCH_CLI_PHASES_H
#define PNO_LAUNCH_CLI_PHASES_H

#include "benchmarks/lib/result.h"
#include "launch/cli/cli.h"

void pno_phases_print(const pno_cli *cli, const pno_bench_row *row);

#endif
