#include <string.h>
#include <sys/stat.h>

#include "io/checkpoint.h"
#include "io/fsutil.h"
#include "io/metrics.h"
#include "io/rundir.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"

/* The last whole line of the journal. */
static pno_status print_last_line(const pno_cli *cli, const char *run) {
  enum { TAIL = 8192 };
  char path[PNO_PATH_MAX], tail[TAIL + 1];
  PNO_TRY(pno_path_join(run, PNO_METRICS_NAME, path));
  FILE *f = fopen(path, "rb");
  if (!f) return PNO_OK;
  if (fseek(f, -TAIL, SEEK_END) != 0) rewind(f);
  const size_t n = fread(tail, 1, TAIL, f);
  fclose(f);
  tail[n] = '\0';
  char *end = strrchr(tail, '\n');
  if (!end) return PNO_OK;
  *end = '\0';
  const char *line = strrchr(tail, '\n');
  pno_cli_say(cli, "last        %s\n", line ? line + 1 : tail);
  return PNO_OK;
}

/* Who runs it, its newest checkpoint and the end of its journal. */
static pno_status print_run(const pno_cli *cli, const char *run) {
  char holder[PNO_RUNDIR_HOLDER_TEXT], checkpoints[PNO_PATH_MAX];
  pno_checkpoint_meta meta;
  pno_checkpoint_info info;
  const pno_checkpoint_choice newest = {.step = -1};
  pno_rundir_holder(run, holder);
  pno_cli_say(cli, "running     %s\n", holder[0] ? holder : "no");
  PNO_TRY(pno_path_join(run, "checkpoints", checkpoints));
  if (pno_checkpoint_peek(checkpoints, &newest, &meta, &info) == PNO_OK)
    pno_cli_say(cli, "checkpoint  %s, epoch %lld, %llu bytes\n", info.name, (long long)meta.epoch,
                (unsigned long long)info.bytes);
  else
    pno_cli_say(cli, "checkpoint  none\n");
  return print_last_line(cli, run);
}

/* An ensemble has its checkpoints in its members, of which those that have begun are shown. */
static pno_status print_status(const pno_cli *cli, const char *run) {
  char member[PNO_PATH_MAX];
  int shown = 0;
  for (int i = 0; i < PNO_MEMBERS_MAX; i++) {
    PNO_TRY(pno_run_member(run, i, member));
    if (!pno_rundir_is_run(member)) continue;
    pno_cli_say(cli, "member      %d\n", i);
    PNO_TRY(print_run(cli, member));
    shown++;
  }
  return shown ? PNO_OK : print_run(cli, run);
}

/* A run and, of an ensemble, the members that have begun: each one listens in its own directory. Those to come look into
 * that of the ensemble. */
static pno_status ask(const char *run, int request) {
  char member[PNO_PATH_MAX];
  PNO_TRY(pno_rundir_ask(run, request));
  for (int i = 0; i < PNO_MEMBERS_MAX; i++) {
    PNO_TRY(pno_run_member(run, i, member));
    if (pno_rundir_is_run(member)) PNO_TRY(pno_rundir_ask(member, request));
  }
  return PNO_OK;
}

pno_status pno_cli_ctl(pno_cli *cli) {
  if (cli->n_args != 2)
    return pno_hint(pno_fail(PNO_E_USAGE, "ctl needs a RUN and what to do"), "usage: pno ctl %s", cli->command->synopsis);
  const char *run = cli->args[0], *what = cli->args[1];
  if (strcmp(what, "stop") == 0) return ask(run, PNO_CONTROL_STOP);
  if (strcmp(what, "checkpoint") == 0) return ask(run, PNO_CONTROL_CHECKPOINT);
  if (strcmp(what, "status") != 0)
    return pno_hint(pno_fail(PNO_E_USAGE, "ctl: '%.40s' is unknown", what), "stop, checkpoint or status");
  if (!pno_rundir_is_run(run)) return pno_fail(PNO_E_USAGE, "%s: not a run of pno", run);
  return print_status(cli, run);
}
