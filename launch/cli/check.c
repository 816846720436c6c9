#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/checkpoint.h"
#include "io/dataset.h"
#include "io/fsutil.h"
#include "io/rundir.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"

static void tell(void *user, const char *what, pno_status st, const char *words) {
  const pno_cli *cli = user;
  pno_cli_say(cli, " %-4s %-20s %s\n", st == PNO_OK ? "ok" : "BAD", what, words);
}

static pno_status worst(pno_status a, pno_status b) { return a > b ? a : b; }

/* The run itself, and what was fitted after its training. */
static pno_status check_one(pno_cli *cli, const char *run) {
  char checkpoints[PNO_PATH_MAX], config[PNO_PATH_MAX], fitted[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(run, "checkpoints", checkpoints));
  PNO_TRY(pno_path_join(run, "config.yaml", config));
  pno_status st = pno_config_load(cli->config, config);
  tell(cli, "config.yaml", st, st == PNO_OK ? "loads" : pno_fail_words());
  st = worst(st, pno_checkpoint_verify(checkpoints, run, true, tell, cli));
  PNO_TRY(pno_path_join(run, PNO_FITTED, fitted));
  if (access(fitted, F_OK) != 0) return st;
  pno_cli_say(cli, "%s\n", fitted);
  return worst(st, pno_checkpoint_verify(fitted, NULL, true, tell, cli));
}

static pno_status check_run(pno_cli *cli, const char *run) {
  char member[PNO_PATH_MAX];
  pno_status st = check_one(cli, run);
  for (int i = 0; i < PNO_MEMBERS_MAX; i++) {
    PNO_TRY(pno_run_member(run, i, member));
    if (access(member, F_OK) != 0) continue;
    pno_cli_say(cli, "%s\n", member);
    st = worst(st, check_one(cli, member));
  }
  return st;
}

static pno_status check_data(pno_cli *cli, const char *path) {
  char digest[PNO_DIGEST_TEXT] = "";
  pno_dataset_limits limits = pno_task_limits(cli->config);
  limits.verify = true;
  pno_dataset *ds = NULL;
  pno_digest value;
  PNO_TRY(pno_dataset_open(path, NULL, &limits, &ds));
  if (pno_dataset_digest(ds, &value)) pno_digest_text(value, digest);
  pno_cli_say(cli, " ok   %s  %s  %td samples  digest %s%s\n", path, pno_dataset_format(ds), pno_dataset_count(ds),
              digest[0] ? "xxh3-128:" : "none in the file", digest);
  pno_dataset_close(&ds);
  return PNO_OK;
}

static bool ends_with(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

pno_status pno_cli_check(pno_cli *cli) {
  struct stat info;
  if (cli->n_args != 1)
    return pno_hint(pno_fail(PNO_E_USAGE, "check needs one PATH"), "usage: pno check %s", cli->command->synopsis);
  const char *path = cli->args[0];
  PNO_TRY(pno_cli_configure(cli, NULL));
  if (stat(path, &info) != 0) return pno_fail(PNO_E_IO, "%s: no such file or directory", path);
  if (!S_ISDIR(info.st_mode) && (ends_with(path, ".yaml") || ends_with(path, ".yml"))) {
    PNO_TRY(pno_config_load(cli->config, path));
    pno_cli_say(cli, " ok   %s\n", path);
    return PNO_OK;
  }
  if (!S_ISDIR(info.st_mode)) return check_data(cli, path);
  return pno_rundir_is_run(path) ? check_run(cli, path) : pno_checkpoint_verify(path, NULL, true, tell, cli);
}
