/* The command line: pno [global] COMMAND [options] [FILE or RUN ...] [section.key=value ...]
 *
 * One row of the table in commands.c and one file a command. Parsing is Local and gives the same on every rank, so its
 * errors need no agreement. */
#ifndef PNO_LAUNCH_CLI_CLI_H
#define PNO_LAUNCH_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/status.h"
#include "engine/sync/comm.h"
#include "engine/train/transform.h"
#include "launch/config.h"

enum { CLI_OPTIONS = 12, CLI_ARGS = 32, CLI_OVERRIDES = 64 };

typedef struct {
  const char *name, *argument, *help; /* argument NULL: a flag; "=X": optional, given as --name=X */
} pno_cli_option_row;

typedef struct pno_cli pno_cli;

typedef struct {
  const char *name, *synopsis, *help;
  bool needs_mpi;
  pno_cli_option_row options[CLI_OPTIONS];
  pno_status (*run)(pno_cli *cli);
} pno_command;

struct pno_cli {
  const pno_command *command;
  const char *option[CLI_OPTIONS];       /* values in the order of the row; "" for a flag that is set, NULL if absent */
  const char *args[CLI_ARGS];            /* positional */
  const char *overrides[CLI_OVERRIDES];  /* section.key=value */
  int n_args, n_overrides;
  bool quiet, verbose, help, version;
  const char *site, *device; /* --device: short for parallel.device */
  pno_config *config; /* owned; defaults at first, see pno_cli_configure */
  pno_transforms *transforms; /* owned by main; made by pno_device_transforms */
  pno_comm *comm;     /* owned by main; of one rank where the command needs no MPI */
};

extern const pno_command pno_commands[];
extern const int pno_n_commands;

/* Errors: PNO_E_USAGE with the nearest command or option. help and version are commands too. */
pno_status pno_cli_parse(int argc, char **argv, pno_cli *out);

/* Built-in < site file < file (NULL: none) < $PNO_OPTS < overrides. */
pno_status pno_cli_configure(pno_cli *cli, const char *file);

/* Value of an option of this command, NULL if absent. */
const char *pno_cli_option(const pno_cli *cli, const char *name);

/* An option that counts, usual where it is absent. Errors: PNO_E_USAGE no whole number, or below least. */
pno_status pno_cli_count(const pno_cli *cli, const char *name, long least, long usual, long *out);

bool pno_cli_rank0(const pno_cli *cli);

/* Prints on rank 0, unless -q. */
void pno_cli_say(const pno_cli *cli, const char *fmt, ...) PNO_PRINTF(2, 3);

void pno_cli_print_help(const pno_command *command, FILE *to); /* NULL: the program */

/* One function a command. */
pno_status pno_cli_gen(pno_cli *cli);
pno_status pno_cli_train(pno_cli *cli);
pno_status pno_cli_eval(pno_cli *cli);
pno_status pno_cli_predict(pno_cli *cli);
pno_status pno_cli_bench(pno_cli *cli);
pno_status pno_cli_check(pno_cli *cli);
pno_status pno_cli_compare(pno_cli *cli);
pno_status pno_cli_ctl(pno_cli *cli);
pno_status pno_cli_info(pno_cli *cli);
pno_status pno_cli_config(pno_cli *cli);
pno_status pno_cli_help(pno_cli *cli);

#endif
