/* The program: the only MPI_Init, the only exit code, the only error message. */
#include <errno.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "launch/cli/cli.h"
#include "launch/signals.h"
#include "launch/version.h"

/* Place, what, hint, consequence: one message from rank 0 however many ranks saw it. */
static int report(pno_status st, bool speak, const pno_command *command) {
  const int code = pno_exit_code(st);
  if (st == PNO_E_USAGE && pno_fail_hint()[0] == '\0') pno_hint(st, "see: pno help %s", command ? command->name : "");
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

/* A command without MPI runs on the first process only, should somebody start several; the job gets its exit code. */
static int run_alone(pno_cli *cli, pno_status (*run)(pno_cli *cli)) {
  if (!first_of_job()) return 0;
  log_choice choice = {.verbose = cli->verbose};
  pno_log_to(print_log, &choice);
  pno_status st = pno_comm_self(&cli->comm);
  if (st == PNO_OK) st = run(cli);
  if (st == PNO_OK && (fflush(stdout) != 0 || ferror(stdout)))
    st = pno_fail(PNO_E_IO, "cannot write to the output: %s", strerror(errno));
  const int code = report(st, true, cli->command);
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
  static const struct timespec first_speaks = {.tv_sec = 1};
  if (st == PNO_E_COMM && rank != 0) nanosleep(&first_speaks, NULL); /* its abort ends this one, unless it is the lost one */
  const int code = report(st, rank == 0 || st == PNO_E_COMM, cli->command);
  fflush(stdout);
  if (st == PNO_E_COMM) MPI_Abort(MPI_COMM_WORLD, code);
  pno_comm_destroy(&cli->comm);
  MPI_Finalize();
  return code;
}

static pno_status print_version(pno_cli *cli) {
  (void)cli;
  printf("pno %s\n", PNO_VERSION);
  return PNO_OK;
}

static pno_status print_help(pno_cli *cli) {
  pno_cli_print_help(cli->command, stdout);
  return PNO_OK;
}

int main(int argc, char **argv) {
  pno_cli cli = {0};
  const pno_status st = pno_cli_parse(argc, argv, &cli);
  int code = 0;
  /* Every process parses the same words; were the others to fail too, mpirun might kill the first before it speaks. */
  if (st != PNO_OK)
    code = first_of_job() ? report(st, true, cli.command) : 0;
  else if (cli.version || cli.help)
    code = run_alone(&cli, cli.version ? print_version : print_help);
  else
    code = cli.command->needs_mpi ? run_with_ranks(&cli) : run_alone(&cli, cli.command->run);
  pno_transforms_destroy(&cli.transforms);
  pno_config_destroy(&cli.config);
  return code;
}
