/* pno info --plan: memory by purpose, work and traffic of a training, before there are data or memory. */
#ifndef PNO_LAUNCH_CLI_PLAN_H
#define PNO_LAUNCH_CLI_PLAN_H

#include "launch/cli/cli.h"

/* Of the CONFIG or RUN that the command names, with its overrides. Collective, though info has one rank. */
pno_status pno_cli_plan(pno_cli *cli);

#endif
