#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "launch/cli/console.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"
#include "launch/signals.h"

typedef struct {
  const pno_cli *cli;
  double started, shown;
} progress;

static int ask(void *user) {
  (void)user;
  return pno_signals_stop() > 0 ? PNO_ASK_STOP : 0;
}

/* Ranks get equal shares, so rank 0's own share tells how far all are. */
static void on_sample(void *user, ptrdiff_t done, ptrdiff_t total) {
  progress *p = user;
  const double now = pno_clock();
  if (now - p->shown < pno_config_float(p->cli->config, PNO_KEY_LOG_EVERY_S)) return;
  char eta[32];
  pno_console_duration((now - p->started) / (double)done * (double)(total - done), eta, sizeof eta);
  pno_cli_say(p->cli, "gen    %td/%td samples of this rank | ETA %s\n", done, total, eta);
  p->shown = now;
}

static pno_status prepare(pno_cli *cli, char *content, size_t cap, pno_generate_spec *spec) {
  struct stat info;
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "gen takes one CONFIG, got %d", cli->n_args);
  PNO_TRY(pno_cli_configure(cli, cli->n_args ? cli->args[0] : NULL));
  PNO_TRY(pno_task_generate(cli->config, content, cap, spec));
  if (pno_cli_rank0(cli) && lstat(spec->path, &info) == 0)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s: exists already", spec->path),
                    "remove it, or give another data.path; pno info shows what it holds");
  return pno_cli_rank0(cli) ? pno_run_make_parents(spec->path) : PNO_OK;
}

pno_status pno_cli_gen(pno_cli *cli) {
  char content[8192], digest[PNO_DIGEST_TEXT];
  pno_generate_spec spec;
  pno_generate_report report = {0};
  progress p = {.cli = cli, .started = pno_clock(), .shown = pno_clock()};
  const pno_generate_hooks hooks = {.user = &p, .ask = ask, .on_sample = on_sample};
  PNO_TRY(pno_agree(cli->comm, prepare(cli, content, sizeof content, &spec)));
  pno_comm_set_timeout(cli->comm, spec.timeout_s);
  pno_cli_say(cli, "gen     %s  %td samples on %d ranks -> %s\n", spec.equation, spec.samples, pno_comm_size(cli->comm),
              spec.path);
  PNO_TRY(pno_generate(&spec, &hooks, cli->comm, &report));
  pno_digest_text(report.digest, digest);
  pno_cli_say(cli, "done    %td made, %td found in spools, %.1f s, worst residual %.1e, content xxh3-128:%s\n", report.made,
              report.found, pno_clock() - p.started, report.worst_residual, digest);
  return PNO_OK;
}
