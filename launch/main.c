/* The program: the only MPI_Init, the only exit code, the only error message. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "launch/cli/cli.h"
#include "launch/signals.h"
#include "launch/version.h"

/* Place, what, hint, consequence: one message from rank 0 however many ranks saw it. */
static int report(pno_status st, bool speak) {
  const int code = pno_exit_code(st);
  if (st == PNO_OK || !speak) return code;
  fflush(stdout);
  fprintf(stderr, "pno: %s: %s\n", st == PNO_E_INTERRUPTED ? "stopped" : "error", pno_fail_words());
  if (st == PNO_E_INTERNAL) fprintf(stderr, "     this is a bug of pno: please report it with the command line\n");
  fprintf(stderr, "     %s%s[exit %d]\n", pno_fail_hint(), pno_fail_hint()[0] ? "      " : "", code);
  return code;
}

typedef struct {
  bool verbose;
  int rank;
} log_choice;

/* Other ranks speak only to warn. */
static void print_log(void *user, pno_log_level level, const char *module, const char *text) {
  const log_choice *choice = user;
  char now[PNO_CLOCK_TEXT];
  if (level < PNO_LOG_WARN && (!choice->verbose || choice->rank != 0)) return;
  pno_clock_text(now);
  fprintf(stderr, "%s %c r%d %s: %s\n", now, "DIW"[level], choice->rank, module, text);
}

/* MPI's own variable tells the rank before MPI starts, so that a usage error is printed once. */
static bool first_of_job(void) {
  const char *names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *rank = getenv(names[i]);
    if (rank) return strcmp(rank, "0") == 0;
  }
  return true;
}

static int run_alone(pno_cli *cli) {
  log_choice choice = {.verbose = cli->verbose};
  pno_log_to(print_log, &choice);
  pno_status st = pno_comm_self(&cli->comm);
  if (st == PNO_OK) st = cli->command->run(cli);
  const int code = report(st, true);
  pno_comm_destroy(&cli->comm);
  return code;
}

/* A status that was not agreed on (a rank is lost or late) must not wait in MPI_Finalize. */
static int run_with_ranks(pno_cli *cli) {
  int provided, rank = 0;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  log_choice choice = {.verbose = cli->verbose, .rank = rank};
  pno_log_to(print_log, &choice);
  pno_signals_install();
  pno_status st = pno_comm_world(pno_config_float(cli->config, PNO_KEY_PARALLEL_TIMEOUT_S), &cli->comm);
  if (st == PNO_OK) st = cli->command->run(cli);
  const int code = report(st, rank == 0 || st == PNO_E_COMM);
  fflush(stdout);
  if (st == PNO_E_COMM) MPI_Abort(MPI_COMM_WORLD, code);
  pno_comm_destroy(&cli->comm);
  MPI_Finalize();
  return code;
}

int main(int argc, char **argv) {
  pno_cli cli = {0};
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    printf("pno %s\n", PNO_VERSION);
    return 0;
  }
  const pno_status st = pno_cli_parse(argc, argv, &cli);
  int code = 0;
  if (st != PNO_OK)
    code = report(st, first_of_job());
  else if (cli.help)
    pno_cli_print_help(cli.command, stdout);
  else
    code = cli.command->needs_mpi ? run_with_ranks(&cli) : run_alone(&cli);
  pno_config_destroy(&cli.config);
  return code;
}
