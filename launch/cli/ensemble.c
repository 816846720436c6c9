#include "launch/cli/ensemble.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/sync/placement.h"
#include "io/fsutil.h"
#include "io/rundir.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"
#include "launch/version.h"

enum { WORDS = 4 };

/* What the command line of a member refers to. */
typedef struct {
  char path[PNO_PATH_MAX], config[PNO_PATH_MAX], words[WORDS][64], limit[32];
} member_text;

/* What all members share; borrowed. */
typedef struct {
  const char *run;
  const pno_uq_spec *uq;
  int threads;
  double end; /* pno_clock by which all members have stopped, 0: no limit */
} ensemble;

static void set_option(pno_cli *cli, const char *name, const char *value) {
  for (int i = 0; i < CLI_OPTIONS && cli->command->options[i].name; i++)
    if (strcmp(cli->command->options[i].name, name) == 0) cli->option[i] = value;
}

/* --max-time is that of the whole: a member gets what its predecessors have left. */
static pno_status limit_time(const ensemble *e, member_text *t, pno_cli *out) {
  enum { LONGEST_S = 10000000 };
  if (e->end <= 0) return PNO_OK;
  const double left = e->end - pno_clock();
  if (left < 1) return pno_hint(pno_fail(PNO_E_INTERRUPTED, "no time left for %s", t->path), "run again with --resume to go on");
  snprintf(t->limit, sizeof t->limit, "%ld", left < LONGEST_S ? (long)left : (long)LONGEST_S);
  set_option(out, "max-time", t->limit);
  return PNO_OK;
}

/* A request to stop also holds for members that have not begun: they have no directory yet to find it in. */
static pno_status check_request(const ensemble *e) {
  char asked[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(e->run, "control/stop", asked));
  if (access(asked, F_OK) != 0) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_INTERRUPTED, "stopped on request between two members"), "run again with --resume to go on");
}

/* The command line of one member: that of the ensemble with what makes it this member behind it. Members that were not
 * begun when the ensemble was stopped begin from its configuration. */
static pno_status member_cli(const pno_cli *cli, const ensemble *e, long seed, member_text *t, pno_cli *out) {
  char(*words)[64] = t->words;
  *out = *cli;
  out->config = NULL;
  PNO_TRY(limit_time(e, t, out));
  PNO_TRY(check_request(e));
  PNO_TRY(pno_path_join(e->run, "config.yaml", t->config));
  if (out->n_args == 0) out->args[out->n_args++] = t->config;
  snprintf(words[0], sizeof words[0], "run.seed=%ld", seed);
  snprintf(words[1], sizeof words[1], "uq.method=none");
  snprintf(words[2], sizeof words[2], "uq.calibrate=none");
  snprintf(words[3], sizeof words[3], "parallel.threads=%d", e->threads);
  if (out->n_overrides + WORDS > CLI_OVERRIDES) return pno_fail(PNO_E_USAGE, "too many section.key=value for an ensemble");
  for (int i = 0; i < WORDS; i++) out->overrides[out->n_overrides++] = words[i];
  set_option(out, "run", t->path);
  return pno_config_create(&out->config);
}

/* Collective over the group. */
static pno_status train_member(const pno_cli *cli, pno_comm *group, const ensemble *e, int i) {
  static member_text t; /* too large for a stack that MPI shares */
  pno_cli member = {.config = NULL};
  const long seed = pno_config_int(cli->config, PNO_KEY_RUN_SEED) + i;
  pno_status st = pno_run_member(e->run, i, t.path);
  if (st == PNO_OK) st = member_cli(cli, e, seed, &t, &member);
  st = pno_agree(group, st);
  if (st == PNO_OK) {
    member.comm = group;
    member.quiet = cli->quiet || !pno_cli_rank0(cli);
    pno_cli_say(cli, "member  %d of %d, seed %ld, on %d rank%s -> %s\n", i, e->uq->members, seed, pno_comm_size(group),
                pno_comm_size(group) > 1 ? "s" : "", t.path);
    st = pno_cli_train(&member);
  }
  pno_config_destroy(&member.config);
  return st;
}

enum { WEEK_S = 7 * 24 * 3600 }; /* the deadline of waiting for other groups, which train as long as they train */

/* Group g of n trains members g, g + n, ..; the first failure ends the group. */
static pno_status train_group(const pno_cli *cli, pno_comm *group, const ensemble *e, int g, int n) {
  for (int i = g; i < e->uq->members; i += n) PNO_TRY(train_member(cli, group, e, i));
  return PNO_OK;
}

static pno_status open_run(const pno_cli *cli, const char *run, bool resume, pno_rundir **dir) {
  char ranks[32], digest[PNO_DIGEST_TEXT];
  PNO_TRY(pno_run_make_parents(run));
  PNO_TRY(pno_rundir_open(run, resume, NULL, dir));
  snprintf(ranks, sizeof ranks, "%d", pno_comm_size(cli->comm));
  pno_digest_text(pno_config_digest(cli->config), digest);
  const char *const facts[][2] = {{"pno", PNO_VERSION}, {"compiler", PNO_COMPILER}, {"ranks", ranks},
                                  {"host", pno_comm_host(cli->comm)}, {"config_digest", digest}};
  PNO_TRY(pno_rundir_write_env(*dir, facts, sizeof facts / sizeof facts[0]));
  return pno_run_write_config(cli, run);
}

pno_status pno_ensemble_train(pno_cli *cli, const char *run, bool resume, const pno_uq_spec *uq, double max_time_s) {
  const double end = max_time_s > 0 ? pno_clock() + max_time_s : 0;
  const int ranks = pno_comm_size(cli->comm), groups = ranks < uq->members ? ranks : uq->members;
  const int g = (int)((long long)pno_comm_rank(cli->comm) * groups / ranks);
  const bool dry = pno_cli_option(cli, "dry-run") != NULL;
  pno_rundir *dir = NULL;
  pno_comm *group = NULL;
  pno_status st = pno_cli_rank0(cli) && !dry ? open_run(cli, run, resume, &dir) : PNO_OK;
  st = pno_agree(cli->comm, st);
  pno_placement placed = {0}; /* of all ranks: a group alone would take the cores of the others too */
  if (st == PNO_OK) st = pno_placement_make(cli->comm, (int)pno_config_int(cli->config, PNO_KEY_PARALLEL_THREADS), &placed);
  if (st == PNO_OK) st = pno_comm_split(cli->comm, g, &group);
  if (st == PNO_OK) {
    const double timeout = pno_config_float(cli->config, PNO_KEY_PARALLEL_TIMEOUT_S);
    const ensemble e = {.run = run, .uq = uq, .threads = placed.threads, .end = end};
    const pno_status trained = train_group(cli, group, &e, g, groups);
    pno_comm_set_timeout(cli->comm, WEEK_S); /* groups do not end together */
    st = pno_agree(cli->comm, trained);
    pno_comm_set_timeout(cli->comm, timeout);
  }
  if (st == PNO_OK && !dry) st = pno_run_fit(cli, run);
  if (st == PNO_OK && !dry) pno_cli_say(cli, " done  %s   next: pno eval %s\n", run, run);
  pno_comm_destroy(&group);
  pno_rundir_close(&dir);
  return st;
}
