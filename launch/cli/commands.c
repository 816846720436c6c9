#include <string.h>

#include "launch/cli/cli.h"

const pno_command pno_commands[] = {
    {"gen", "CONFIG [section.key=value ...]", "solve a PDE many times and write the data set data.path", true,
     {{"dry-run", NULL, "solve a few samples, say how long all would take and how large they are, write nothing"},
      {"list", NULL, "the equations, their recipes and parameters"}},
     pno_cli_gen},
    {"train", "[CONFIG] [--run DIR] [section.key=value ...]", "train an operator", true,
     {{"run", "DIR", "run directory, default runs/<run.name>"},
      {"resume", "=STEP", "go on from the newest good checkpoint (auto) or from STEP; the configuration is the run's"},
      {"strict-resume", NULL, "fail rather than fall back to an older checkpoint"},
      {"max-time", "H:MM:SS", "checkpoint and stop with exit code 75 before this much time has passed"},
      {"dry-run", NULL, "open the data, size the memory, print the plan, train nothing"}},
     pno_cli_train},
    {"eval", "RUN [--step N|best] [--require NAME=LO..HI,..] [section.key=value ...]",
     "scores and calibration of a trained operator on data.test", true,
     {{"step", "N", "checkpoint: a step, best or latest; default best, else latest"},
      {"require", "NAME=LO..HI", "exit code 8 if a score of the first file misses, as cov90=0.88..0.92,energy=..0.05"}},
     pno_cli_eval},
    {"predict", "RUN [--rollout STEPS] [-o FILE] [--samples N] [--members N] [section.key=value ...]",
     "predicted fields as HDF5 and PNG", true,
     {{"output", "FILE", "HDF5 file, default RUN/predictions/predictions.h5 or rollout.h5; pictures lie beside it"},
      {"samples", "N", "how many samples of the test data, of a rollout trajectories, default 4"},
      {"rollout", "STEPS", "feed predictions back so many times; data.mode must be autoregressive"},
      {"members", "N", "how many of the draws to write, default 3"},
      {"step", "N", "checkpoint: a step, best or latest; default best, else latest"}},
     pno_cli_predict},
    {"bench", "train|infer|all [--only NAME,..] [--phases] [--json FILE] [--csv FILE] [section.key=value ...]",
     "time steps beside the least time that the processor allows", true,
     {{"json", "FILE", "write the figures as JSON, which pno compare reads"},
      {"csv", "FILE", "write the figures as a table"},
      {"only", "NAME", "configurations, with commas: a1 a2 b1 b2 c1 c2 d1 d2; t1 is tiny"},
      {"phases", NULL, "where the time went: cycles, work and traffic of each phase, and its floor"}},
     pno_cli_bench},
    {"check", "PATH", "verify a run, a checkpoint, a data set or a configuration", false, {{0}}, pno_cli_check},
    {"compare", "A B [--tol PERCENT]", "two results of bench --json, or two runs: which is slower or worse?", false,
     {{"tol", "PERCENT", "how much more time or error is no regression, default 5%"}}, pno_cli_compare},
    {"ctl", "RUN stop|checkpoint|status", "ask a run to stop or to checkpoint, or show where it is", false, {{0}},
     pno_cli_ctl},
    {"info", "[FILE [--png OUT]] | --plan [CONFIG|RUN] [section.key=value ...]",
     "how this program was built, what a data set holds, or what a training takes", false,
     {{"plan", NULL, "memory by purpose, work and traffic of a training; nothing is allocated"},
      {"png", "OUT", "a picture of one trajectory: frames of a series, inputs and targets of a steady problem"},
      {"sample", "N", "which trajectory, default 0"},
      {"field", "NAME", "which field, default the first target of a series"}},
     pno_cli_info},
    {"config", "explain [KEY] | dump CONFIG | validate CONFIG", "keys and resolved configurations", false, {{0}},
     pno_cli_config},
    {"help", "[COMMAND]", "this text, or that of a command", false, {{0}}, pno_cli_help},
};

const int pno_n_commands = sizeof pno_commands / sizeof pno_commands[0];

static const char global_help[] =
    "global options: -q quiet, -v more log, --site FILE configuration of the site, --device NAME (parallel.device),\n"
    "--version, --help\n"
    "keys: pno config explain [KEY]      exit codes: 0 ok, 2 usage, 3 bad input, 4 I/O, 5 diverged, 6 memory,\n"
    "7 communication, 8 threshold missed, 75 interrupted with a checkpoint on disk: run again\n";

static void print_command(const pno_command *c, FILE *to) {
  fprintf(to, "pno %s %s\n  %s\n", c->name, c->synopsis, c->help);
  for (int i = 0; i < CLI_OPTIONS && c->options[i].name; i++) {
    const pno_cli_option_row *o = &c->options[i];
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument && o->argument[0] != '=' ? " " : "",
             o->argument ? (o->argument[0] == '=' ? "[=STEP]" : o->argument) : "");
    fprintf(to, "  %-22s %s\n", left, o->help);
  }
}

void pno_cli_print_help(const pno_command *command, FILE *to) {
  if (command) {
    print_command(command, to);
  } else {
    fprintf(to, "pno [global] COMMAND [options] [FILE ...] [section.key=value ...]\n");
    for (int i = 0; i < pno_n_commands; i++) fprintf(to, "  %-9s %s\n", pno_commands[i].name, pno_commands[i].help);
  }
  fputs(global_help, to);
}

pno_status pno_cli_help(pno_cli *cli) {
  if (cli->n_args == 0) {
    pno_cli_print_help(NULL, stdout);
    return PNO_OK;
  }
  for (int i = 0; i < pno_n_commands; i++) {
    if (strcmp(cli->args[0], pno_commands[i].name) != 0) continue;
    pno_cli_print_help(&pno_commands[i], stdout);
    return PNO_OK;
  }
  return pno_hint(pno_fail(PNO_E_USAGE, "help: no command %.60s", cli->args[0]), "see: pno help");
}
