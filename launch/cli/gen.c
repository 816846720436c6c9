#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/pde/equation.h"
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

static void on_sample(void *user, ptrdiff_t done, ptrdiff_t total, double eta_s) {
  progress *p = user;
  const double now = pno_clock();
  char eta[32] = "unknown";
  if (done == total || now - p->shown < pno_config_float(p->cli->config, PNO_KEY_LOG_EVERY_S)) return;
  if (eta_s >= 0) pno_console_duration(eta_s, eta, sizeof eta);
  pno_cli_say(p->cli, "gen     %td/%td samples | ETA %s\n", done, total, eta);
  p->shown = now;
}

static void on_failure(void *user, const char *words) {
  (void)user;
  pno_log(PNO_LOG_WARN, "gen", "%s; it is left out of the file", words);
}

static pno_status prepare(pno_cli *cli, char *content, size_t cap, pno_generate_spec *spec) {
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "gen takes one CONFIG, got %d", cli->n_args);
  PNO_TRY(pno_cli_configure(cli, cli->n_args ? cli->args[0] : NULL));
  PNO_TRY(pno_task_generate(cli->config, content, cap, spec));
  if (pno_cli_option(cli, "dry-run") || !pno_cli_rank0(cli)) return PNO_OK;
  PNO_TRY(pno_generate_check(spec));
  return pno_run_make_parents(spec->path);
}

static pno_status forecast(pno_cli *cli, const pno_generate_spec *spec, const pno_generate_hooks *hooks) {
  pno_generate_forecast f;
  char time[32];
  PNO_TRY(pno_generate_ask(spec, hooks, cli->comm, &f));
  pno_console_duration(f.seconds, time, sizeof time);
  pno_cli_say(cli,
              "would   write %.1f MiB of fields to %s in about %s of solving on %d ranks (%d samples took %.2f s on one)\n",
              f.bytes / 1048576, spec->path, time, pno_comm_size(cli->comm), f.probes, f.probe_s);
  if (f.failed > 0)
    pno_cli_say(cli, "would   leave out samples: %d of these %d have no solution; %s\n", f.failed, f.probes,
                f.first_failure);
  return PNO_OK;
}

static void say_done(const pno_cli *cli, const pno_generate_report *r, double seconds) {
  char digest[PNO_DIGEST_TEXT];
  pno_digest_text(r->digest, digest);
  pno_cli_say(cli, "done    %td made, %td found in spools, %td without a solution, %.1f s, worst error %.1e, content xxh3-128:%s\n",
              r->made, r->found, r->failed, seconds, r->worst_error, digest);
}

static void say_equation(const pno_cli *cli, const pno_equation *e) {
  pno_cli_say(cli, "%s\n  %s\n  solver: %s\n", e->name, e->help, e->solver);
  for (int i = 0; i < PNO_PDE_RECIPES_MAX && e->recipes[i].name; i++)
    pno_cli_say(cli, "  recipe %-17s %s\n", e->recipes[i].name, e->recipes[i].help);
  for (int i = 0; i < e->n_parameters; i++) {
    const pno_parameter *p = &e->parameters[i];
    pno_cli_say(cli, "  %-24s %s; %s, %g to %g\n", p->name, p->help, e->recipes[0].parameters[i], p->lo, p->hi);
  }
}

static pno_status list(const pno_cli *cli) {
  for (int i = 0; i < pno_n_equations; i++) say_equation(cli, pno_equations[i]);
  pno_cli_say(cli, "Of parameters: the first recipe's number and what is allowed; pde.parameters=NAME=uniform:LO:HI draws it.\n");
  return PNO_OK;
}

pno_status pno_cli_gen(pno_cli *cli) {
  char content[8192];
  pno_generate_spec spec;
  pno_generate_report report = {0};
  progress p = {.cli = cli, .started = pno_clock(), .shown = pno_clock()};
  const pno_generate_hooks hooks = {.user = &p, .ask = ask, .on_sample = on_sample, .on_failure = on_failure};
  if (pno_cli_option(cli, "list")) return list(cli);
  PNO_TRY(pno_agree(cli->comm, prepare(cli, content, sizeof content, &spec)));
  pno_comm_set_timeout(cli->comm, spec.timeout_s);
  pno_cli_say(cli, "gen     %s  %td samples on %d ranks -> %s\n", spec.equation, spec.samples, pno_comm_size(cli->comm),
              spec.path);
  if (pno_cli_option(cli, "dry-run")) return forecast(cli, &spec, &hooks);
  PNO_TRY(pno_generate(&spec, &hooks, cli->comm, &report));
  say_done(cli, &report, pno_clock() - p.started);
  return PNO_OK;
}
