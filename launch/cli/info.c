#include <stdlib.h>
#include <unistd.h>

#include "io/dataset.h"
#include "kernels/burst.h"
#include "launch/cli/cli.h"
#include "launch/cli/device.h"
#include "launch/cli/plan.h"
#include "launch/cli/task.h"
#include "launch/version.h"

static void print_names(const pno_cli *cli, const char *label, int n, const char names[][PNO_FIELD_NAME]) {
  pno_cli_say(cli, "%-11s", label);
  for (int i = 0; i < n; i++) pno_cli_say(cli, "%s%s", i ? ", " : "", names[i]);
  pno_cli_say(cli, "\n");
}

static pno_status describe(const pno_cli *cli, const char *path) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  pno_dataset *ds = NULL;
  pno_digest value;
  char digest[PNO_DIGEST_TEXT] = "";
  PNO_TRY(pno_dataset_open(path, NULL, &limits, &ds));
  const pno_sample_info *info = pno_dataset_info(ds);
  const pno_sample_view *view = pno_dataset_view(ds);
  if (pno_dataset_digest(ds, &value)) pno_digest_text(value, digest);
  pno_cli_say(cli, "file       %s\nformat     %s\nsamples    %td (%s)\n", path, pno_dataset_format(ds),
              pno_dataset_count(ds), pno_sample_mode_name(view->mode));
  for (int j = 0; j < info->dims; j++)
    pno_cli_say(cli, "axis %d     %d points, %g to %g\n", j, info->n[j], info->lo[j], info->hi[j]);
  print_names(cli, "input", view->n_input, view->input);
  print_names(cli, "target", view->n_target, view->target);
  pno_cli_say(cli, "channels   %d -> %d\ndigest     %s%s\n", info->in_channels, info->out_channels,
              digest[0] ? "xxh3-128:" : "none in the file", digest);
  pno_dataset_close(&ds);
  return PNO_OK;
}

pno_status pno_cli_info(pno_cli *cli) {
  if (pno_cli_option(cli, "plan")) return pno_cli_plan(cli);
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "info takes one FILE, got %d", cli->n_args);
  PNO_TRY(pno_cli_configure(cli, NULL));
  if (cli->n_args == 1) return describe(cli, cli->args[0]);
  char devices[PNO_DEVICE_TEXT];
  pno_device_list(devices);
  pno_cli_say(cli, "pno        " PNO_VERSION "\ncompiler   " PNO_COMPILER "\ndevices    %s (FMA burst: %s)\n"
                   "cores      %ld\n", devices, pno_burst_isa(), sysconf(_SC_NPROCESSORS_ONLN));
  return PNO_OK;
}
