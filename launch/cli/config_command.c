#include <string.h>

#include "launch/cli/cli.h"
#include "launch/cli/task.h"

static pno_status explain(const pno_cli *cli) {
  const char *key = cli->n_args > 1 ? cli->args[1] : "";
  if (pno_config_explain(key, stdout)) return PNO_OK;
  const char *names[PNO_KEYS];
  for (int k = 0; k < PNO_KEYS; k++) names[k] = pno_key_name((pno_key)k);
  const char *near = pno_nearest(key, names, PNO_KEYS);
  pno_fail(PNO_E_USAGE, "%.100s: no such key or section", key);
  return near ? pno_hint(PNO_E_USAGE, "did you mean %s?   see: pno config explain", near)
              : pno_hint(PNO_E_USAGE, "see: pno config explain");
}

pno_status pno_cli_config(pno_cli *cli) {
  const char *what = cli->n_args ? cli->args[0] : "";
  if (strcmp(what, "explain") == 0) return explain(cli);
  const bool dump = strcmp(what, "dump") == 0, validate = strcmp(what, "validate") == 0;
  if (!dump && !validate)
    return pno_hint(pno_fail(PNO_E_USAGE, "config: '%.40s' is unknown", what), "usage: pno config %s",
                    cli->command->synopsis);
  if (validate && cli->n_args != 2) return pno_fail(PNO_E_USAGE, "config validate needs one CONFIG");
  PNO_TRY(pno_cli_configure(cli, cli->n_args > 1 ? cli->args[1] : NULL));
  if (dump) return pno_config_write(cli->config, stdout) ? PNO_OK : pno_fail(PNO_E_IO, "cannot write to the output");
  pno_fno_spec model;
  PNO_TRY(pno_task_model(cli->config, &model));
  pno_cli_say(cli, "%s: ok\n", cli->args[1]);
  return PNO_OK;
}
