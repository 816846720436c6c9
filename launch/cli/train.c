#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/sync/placement.h"
#include "engine/train/trainer.h"
#include "io/fsutil.h"
#include "io/metrics.h"
#include "io/rundir.h"
#include "launch/cli/console.h"
#include "launch/cli/device.h"
#include "launch/cli/ensemble.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"
#include "launch/signals.h"
#include "launch/version.h"

/* One training run as the command sees it; rundir and metrics exist on rank 0 only. */
typedef struct {
  pno_cli *cli;
  char path[PNO_PATH_MAX], checkpoints[PNO_PATH_MAX], id[64], device[PNO_DEVICE_TEXT];
  bool resume;
  long step; /* of --resume=STEP, -1: the newest */
  pno_train_spec spec;
  pno_trainer *trainer;
  pno_rundir *rundir;
  pno_metrics *metrics;
  pno_console console;
  double viewed, saved; /* pno_clock of the last metrics.h5, of the last checkpoint */
} session;

/* ---- what the loop asks and says ---- */

static int ask(void *user) {
  session *s = user;
  int asked = 0;
  if (pno_signals_stop() > 0) asked |= PNO_ASK_STOP;
  /* mpirun gives one signal to all ranks, some of which see it a step later: the checkpoint just made was for it. */
  if (pno_signals_checkpoint() && pno_clock() - s->saved > 1.0) asked |= PNO_ASK_CHECKPOINT;
  const int control = s->rundir ? pno_rundir_poll(s->rundir) : 0;
  if (control & PNO_CONTROL_STOP) asked |= PNO_ASK_STOP;
  if (control & PNO_CONTROL_CHECKPOINT) asked |= PNO_ASK_CHECKPOINT;
  return asked;
}

static pno_status on_step(void *user, const pno_step_report *r) {
  session *s = user;
  pno_console_step(&s->console, s->trainer, r);
  if (!s->metrics) return PNO_OK;
  const pno_metric line[] = {pno_metric_i64("step", r->step),
                             pno_metric_i64("epoch", r->epoch),
                             pno_metric_f64("loss", r->loss),
                             pno_metric_f64("grad_norm", r->grad_norm),
                             pno_metric_f64("lr", r->lr),
                             pno_metric_i64("samples", r->samples),
                             pno_metric_i64("skipped", r->skipped),
                             pno_metric_f64("step_ms", 1e3 * r->seconds),
                             pno_metric_f64("samples_per_s", (double)r->samples / r->seconds)};
  return pno_metrics_write(s->metrics, "train", line, sizeof line / sizeof line[0]);
}

static pno_status on_valid(void *user, long step, int epoch, int set, const pno_scores_all *scores) {
  session *s = user;
  pno_console_valid(&s->console, s->trainer, step, set, scores);
  if (!s->metrics) return PNO_OK;
  const pno_metric line[] = {pno_metric_i64("step", step),
                             pno_metric_i64("epoch", epoch),
                             pno_metric_i64("set", set),
                             pno_metric_f64("l2", scores->l2),
                             pno_metric_f64("rel_l2", scores->rel_l2),
                             pno_metric_f64("h1", scores->h1),
                             pno_metric_f64("energy", scores->energy),
                             pno_metric_f64("crps", scores->crps),
                             pno_metric_f64("ssr", scores->ssr)};
  const int draws = 3; /* columns that only draws have */
  return pno_metrics_write(s->metrics, "valid", line, (int)(sizeof line / sizeof line[0]) - (scores->draws > 1 ? 0 : draws));
}

static pno_status on_checkpoint(void *user, long step, double seconds, bool best) {
  session *s = user;
  pno_console_line(&s->console, "ckpt   step %ld -> %s/step-%08ld (%.0f ms)%s", step, s->checkpoints, step,
                   1e3 * seconds, best ? ", best" : "");
  s->saved = pno_clock();
  enum { VIEW_EVERY_S = 60 };
  if (!s->metrics || pno_clock() - s->viewed < VIEW_EVERY_S) return PNO_OK;
  s->viewed = pno_clock();
  return pno_metrics_view(s->path, s->id, s->spec.config_digest);
}

/* ---- before the loop ---- */

/* H:MM:SS, M:SS or S in seconds. */
static pno_status parse_time(const char *text, double *out) {
  double total = 0;
  const char *at = text;
  for (int parts = 0; parts < 3; parts++) {
    char *end;
    const long n = strtol(at, &end, 10);
    if (end == at || n < 0 || n > 10000000) break;
    total = 60 * total + (double)n;
    at = end + 1;
    if (*end == '\0' && total > 0) {
      *out = total;
      return PNO_OK;
    }
    if (*end != ':') break;
  }
  return pno_fail(PNO_E_USAGE, "--max-time: '%.40s' is no time like 3:55:00", text);
}

static pno_status parse_resume(session *s, const char *value) {
  s->step = -1;
  s->resume = value != NULL;
  if (!value || value[0] == '\0' || strcmp(value, "auto") == 0) return PNO_OK;
  char *end;
  errno = 0;
  s->step = strtol(value, &end, 10);
  if (errno || *end || s->step < 0)
    return pno_fail(PNO_E_USAGE, "--resume: '%.40s' is neither a step nor auto", value);
  return PNO_OK;
}

/* The configuration of a resumed run is its own; a new CONFIG or overrides may change resumable keys only. A run that was
 * killed before it wrote its configuration starts with the new one. */
static pno_status configure_resumed(session *s, const char *file) {
  char own[PNO_PATH_MAX];
  pno_config *saved = NULL;
  PNO_TRY(pno_path_join(s->path, "config.yaml", own));
  if (file && access(own, F_OK) != 0) return pno_cli_configure(s->cli, file);
  PNO_TRY(pno_cli_configure(s->cli, own));
  if (file) PNO_TRY(pno_cli_configure(s->cli, file)); /* on top of it */
  PNO_TRY(pno_config_create(&saved));
  pno_status st = pno_config_load(saved, own);
  const pno_key k = st == PNO_OK ? pno_config_differs(saved, s->cli->config) : PNO_KEYS;
  if (k != PNO_KEYS)
    st = pno_hint(pno_fail(PNO_E_USAGE, "%s may not change when a run is resumed", pno_key_name(k)),
                  "it is fixed in %s; start a new run with --run", own);
  pno_config_destroy(&saved);
  return st;
}

static pno_status configure(session *s) {
  pno_cli *cli = s->cli;
  const char *file = cli->n_args > 0 ? cli->args[0] : NULL, *run = pno_cli_option(cli, "run");
  const char *limit = pno_cli_option(cli, "max-time");
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "train takes one CONFIG, got %d", cli->n_args);
  PNO_TRY(parse_resume(s, pno_cli_option(cli, "resume")));
  if (run) {
    snprintf(s->path, sizeof s->path, "%.*s", (int)sizeof s->path - 1, run);
  } else {
    if (s->resume && !file) return pno_fail(PNO_E_USAGE, "--resume needs --run DIR or a CONFIG");
    PNO_TRY(pno_cli_configure(cli, file)); /* for the name; done again below */
    snprintf(s->path, sizeof s->path, "runs/%s", pno_config_text(cli->config, PNO_KEY_RUN_NAME));
  }
  if (s->resume && !pno_rundir_is_run(s->path)) {
    if (!file || s->step >= 0) return pno_fail(PNO_E_USAGE, "%s: no run to resume", s->path);
    s->resume = false; /* --resume=auto: the first start of a job that may be restarted */
  }
  PNO_TRY(s->resume ? configure_resumed(s, file) : pno_cli_configure(cli, file));
  PNO_TRY(pno_task_train(cli->config, &s->spec));
  PNO_TRY(pno_device_choose(cli->config, &s->spec.kernels));
  PNO_TRY(pno_device_transforms(cli, &s->spec.transforms));
  s->spec.strict_resume = pno_cli_option(cli, "strict-resume") != NULL;
  if (limit) PNO_TRY(parse_time(limit, &s->spec.max_time_s));
  PNO_TRY(pno_path_join(s->path, "checkpoints", s->checkpoints));
  s->spec.checkpoints = s->checkpoints;
  s->spec.run_id = s->id;
  return PNO_OK;
}

/* Rank 0: takes the directory and writes down what is run. */
static pno_status open_run(session *s) {
  char ranks[32], digest[PNO_DIGEST_TEXT];
  PNO_TRY(pno_run_make_parents(s->path));
  PNO_TRY(pno_rundir_open(s->path, s->resume, NULL, &s->rundir));
  snprintf(s->id, sizeof s->id, "%s", pno_rundir_id(s->rundir));
  snprintf(ranks, sizeof ranks, "%d", pno_comm_size(s->cli->comm));
  pno_digest_text(s->spec.config_digest, digest);
  const char *const facts[][2] = {{"pno", PNO_VERSION}, {"compiler", PNO_COMPILER}, {"ranks", ranks},
                                  {"host", pno_comm_host(s->cli->comm)}, {"device", s->device},
                                  {"config_digest", digest}};
  PNO_TRY(pno_rundir_write_env(s->rundir, facts, sizeof facts / sizeof facts[0]));
  return s->resume ? PNO_OK : pno_run_write_config(s->cli, s->path); /* of a resumed run: once its state is loaded */
}

static pno_status count_checkpoints(const session *s, int *n) {
  int64_t *steps = NULL;
  const pno_status st = pno_checkpoint_steps(s->checkpoints, &steps, n);
  free(steps);
  return st;
}

/* A run that was stopped before its first checkpoint starts again from step 0. Collective. */
static pno_status load_state(session *s) {
  int n = 0;
  const pno_status st = pno_cli_rank0(s->cli) ? count_checkpoints(s, &n) : PNO_OK;
  PNO_TRY(pno_agree(s->cli->comm, st));
  PNO_TRY(pno_bcast(s->cli->comm, &n, sizeof n, 0));
  if (n == 0 && s->step < 0) {
    s->trainer->journal_digest = pno_digest_of("", 0);
    pno_console_line(&s->console, "resume  %s has no checkpoint yet: starting at step 0", s->path);
    return PNO_OK;
  }
  PNO_TRY(pno_trainer_load(s->trainer, s->step));
  pno_console_line(&s->console, "resume  from step %ld", s->trainer->step);
  return PNO_OK;
}

static pno_status open_metrics(session *s) {
  if (!pno_cli_rank0(s->cli)) return PNO_OK;
  char journal[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(s->path, PNO_METRICS_NAME, journal));
  /* A run that was killed while it started has no journal yet. */
  const bool fresh = !s->resume || (s->trainer->journal_bytes == 0 && access(journal, F_OK) != 0);
  const int64_t bytes = fresh ? PNO_METRICS_NEW : s->trainer->journal_bytes;
  if (s->resume) PNO_TRY(pno_run_write_config(s->cli, s->path)); /* with what was changed for this resumption: the next one finds it there */
  PNO_TRY(pno_metrics_open(s->path, bytes, s->trainer->journal_digest, &s->metrics));
  s->trainer->metrics = s->metrics;
  return PNO_OK;
}

static pno_status start(session *s) {
  pno_comm *comm = s->cli->comm;
  const pno_train_hooks hooks = {.user = s, .ask = ask, .on_step = on_step, .on_valid = on_valid,
                                 .on_checkpoint = on_checkpoint};
  PNO_TRY(pno_device_name(s->cli, s->spec.kernels, s->device));
  pno_placement placed;
  PNO_TRY(pno_placement_make(comm, (int)pno_config_int(s->cli->config, PNO_KEY_PARALLEL_THREADS), &placed));
  s->spec.threads = placed.threads;
  PNO_TRY(pno_trainer_create(&s->spec, &hooks, comm, &s->trainer));
  pno_console_head(&s->console, s->trainer, s->device);
  if (pno_cli_option(s->cli, "dry-run")) return PNO_OK;
  PNO_TRY(pno_agree(comm, pno_cli_rank0(s->cli) ? open_run(s) : PNO_OK));
  PNO_TRY(pno_bcast(comm, s->id, sizeof s->id, 0));
  const pno_status st = s->resume ? load_state(s) : PNO_OK; /* the same on all ranks */
  return st == PNO_OK ? pno_agree(comm, open_metrics(s)) : st;
}

/* ---- after it ---- */

/* Rank 0: seconds of the sections into the journal, and the view that h5py opens. */
static pno_status close_metrics(session *s) {
  if (!s->metrics) return PNO_OK;
  pno_status st = PNO_OK;
  for (int i = 0; st == PNO_OK && i < PNO_SECTIONS; i++) {
    const pno_metric line[] = {pno_metric_text("section", pno_section_names[i]),
                               pno_metric_f64("seconds", s->trainer->seconds[i]),
                               pno_metric_i64("calls", s->trainer->calls[i])};
    st = pno_metrics_write(s->metrics, "perf", line, sizeof line / sizeof line[0]);
  }
  pno_metrics_close(&s->metrics);
  return st == PNO_OK ? pno_metrics_view(s->path, s->id, s->spec.config_digest) : st;
}

static pno_status run(session *s) {
  const pno_status st = pno_train(s->trainer);
  s->trainer->metrics = NULL;
  if (st == PNO_E_COMM) return st; /* nobody may wait for the others any more */
  char words[512], hint[256];
  snprintf(words, sizeof words, "%s", pno_fail_words());
  snprintf(hint, sizeof hint, "%s", pno_fail_hint());
  PNO_TRY(pno_console_table(&s->console, s->trainer));
  const pno_status closed = pno_agree(s->cli->comm, close_metrics(s));
  if (st == PNO_OK) {
    PNO_TRY(closed);
    if (isfinite(s->trainer->schedule.best))
      pno_console_line(&s->console, " best  valid %s %.5f", s->trainer->valid_uq.method == PNO_UQ_NONE ? "rel_l2" : "energy",
                       s->trainer->schedule.best);
    return PNO_OK;
  }
  pno_fail_set_words(words, hint);
  return st;
}

/* Each rank has read the files by itself: on another host they may be others, or late. Collective. */
static pno_status same_everywhere(session *s) {
  struct {
    int64_t resume;
    pno_digest config;
  } first = {.resume = s->resume, .config = s->spec.config_digest};
  PNO_TRY(pno_bcast(s->cli->comm, &first, sizeof first, 0));
  const bool same = first.resume == s->resume && pno_digest_equal(first.config, s->spec.config_digest);
  return pno_agree(s->cli->comm, same ? PNO_OK
                                      : pno_hint(pno_fail(PNO_E_IO, "host %s sees another configuration or run directory",
                                                          pno_comm_host(s->cli->comm)),
                                                 "give files that all hosts see alike"));
}

/* One operator. What is fitted afterwards is fitted under the run's lock, with the trainer's memory given back. */
static pno_status train_one(session *s) {
  s->console = pno_console_create(s->cli);
  pno_status st = start(s);
  if (st == PNO_OK && !pno_cli_option(s->cli, "dry-run")) {
    st = run(s);
    pno_trainer_destroy(&s->trainer);
    if (st == PNO_OK) st = pno_run_fit(s->cli, s->path);
    if (st == PNO_OK) pno_console_line(&s->console, " done  %s   next: pno eval %s", s->path, s->path);
  }
  pno_metrics_close(&s->metrics);
  pno_rundir_close(&s->rundir);
  pno_trainer_destroy(&s->trainer);
  return st;
}

pno_status pno_cli_train(pno_cli *cli) {
  session s = {.cli = cli};
  pno_status st = pno_agree(cli->comm, configure(&s));
  if (st == PNO_OK) st = same_everywhere(&s);
  if (st != PNO_OK) return st;
  pno_comm_set_timeout(cli->comm, s.spec.timeout_s);
  if (s.spec.uq.method == PNO_UQ_ENSEMBLE) return pno_ensemble_train(cli, s.path, s.resume, &s.spec.uq, s.spec.max_time_s);
  return train_one(&s);
}
