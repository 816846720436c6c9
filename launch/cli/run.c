#include "launch/cli/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/sync/placement.h"
#include "io/fsutil.h"
#include "io/rundir.h"
#include "launch/cli/device.h"
#include "launch/cli/task.h"

pno_status pno_run_make_parents(const char *path) {
  char folder[PNO_PATH_MAX];
  const size_t n = strlen(path);
  if (n >= sizeof folder) return pno_fail(PNO_E_USAGE, "a path of %zu bytes", n);
  memcpy(folder, path, n + 1);
  for (char *at = strchr(folder + 1, '/'); n > 0 && at; at = strchr(at + 1, '/')) {
    *at = '\0';
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return pno_fail(PNO_E_IO, "%s: %s", folder, strerror(errno));
    *at = '/';
  }
  return PNO_OK;
}

static pno_status configure(pno_cli *cli, const char **path) {
  char file[PNO_PATH_MAX];
  if (cli->n_args != 1)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s needs one RUN", cli->command->name), "usage: pno %s %s",
                    cli->command->name, cli->command->synopsis);
  if (!pno_rundir_is_run(cli->args[0]))
    return pno_hint(pno_fail(PNO_E_USAGE, "%s: not a run of pno", cli->args[0]), "give the directory that train wrote");
  PNO_TRY(pno_path_join(cli->args[0], "config.yaml", file));
  PNO_TRY(pno_cli_configure(cli, file));
  *path = cli->args[0];
  return PNO_OK;
}

pno_status pno_run_configure(pno_cli *cli, const char **path) { return pno_agree(cli->comm, configure(cli, path)); }

pno_status pno_run_write_config(const pno_cli *cli, const char *run) {
  char path[PNO_PATH_MAX], *text = NULL;
  size_t n = 0;
  PNO_TRY(pno_path_join(run, "config.yaml", path));
  FILE *memory = open_memstream(&text, &n);
  if (!memory) return pno_fail(PNO_E_NOMEM, "no memory to write %s", path);
  const bool good = pno_config_write(cli->config, memory);
  const pno_status st = fclose(memory) == 0 && good ? pno_file_replace_path(path, text, n)
                                                    : pno_fail(PNO_E_NOMEM, "no memory to write %s", path);
  free(text);
  return st;
}

/* step: NULL when the option is not given. */
static pno_status choose(const char *checkpoints, const char *step, pno_checkpoint_choice *out) {
  char best[PNO_PATH_MAX];
  struct stat info;
  *out = (pno_checkpoint_choice){.step = -1};
  if (!step) {
    PNO_TRY(pno_path_join(checkpoints, "BEST", best));
    out->best = lstat(best, &info) == 0;
  } else if (strcmp(step, "best") == 0) {
    out->best = true;
  } else if (strcmp(step, "latest") != 0) {
    char *end;
    errno = 0;
    out->step = strtoll(step, &end, 10);
    if (errno || *end || end == step || out->step < 0)
      return pno_fail(PNO_E_USAGE, "--step: '%.60s' is no step: give a number, best or latest", step);
  }
  return PNO_OK;
}

pno_status pno_run_operator(pno_cli *cli, const char *run, pno_operator *op, pno_checkpoint_meta *meta) {
  char checkpoints[PNO_PATH_MAX];
  pno_checkpoint_choice choice;
  pno_fno_spec spec;
  const pno_kernels *table = NULL;
  pno_transforms *transforms = NULL;
  pno_status st = pno_path_join(run, "checkpoints", checkpoints);
  if (st == PNO_OK) st = choose(checkpoints, pno_cli_option(cli, "step"), &choice);
  if (st == PNO_OK) st = pno_task_model(cli->config, &spec);
  if (st == PNO_OK) st = pno_device_choose(cli->config, &table);
  if (st == PNO_OK) st = pno_device_transforms(cli, &transforms);
  PNO_TRY(pno_agree(cli->comm, st));
  const pno_normalise in = (pno_normalise)pno_config_choice(cli->config, PNO_KEY_DATA_NORMALIZE_INPUT);
  const pno_normalise out = (pno_normalise)pno_config_choice(cli->config, PNO_KEY_DATA_NORMALIZE);
  pno_placement placed;
  PNO_TRY(pno_placement_make(cli->comm, (int)pno_config_int(cli->config, PNO_KEY_PARALLEL_THREADS), &placed));
  PNO_TRY(pno_operator_load(cli->comm, checkpoints, &choice, &spec, in, out, table, op, meta));
  op->threads = placed.threads;
  op->transforms = transforms;
  return PNO_OK;
}
