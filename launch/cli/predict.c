#include "engine/train/predict.h"

#include <stdio.h>
#include <string.h>

#include "engine/train/rollout.h"
#include "io/fsutil.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"
#include "launch/version.h"

typedef struct {
  char path[PNO_PATH_MAX], pictures[PNO_PATH_MAX];
  const char *data;
  pno_dataset *ds;
  long steps; /* of a rollout, 0: predictions of one step */
} target;

/* FILE.h5 gives pictures FILE-0000.png. */
static pno_status name_files(const pno_cli *cli, const char *run, target *t) {
  const char *output = pno_cli_option(cli, "output");
  char folder[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(run, "predictions", folder));
  if (output)
    snprintf(t->path, sizeof t->path, "%.*s", (int)sizeof t->path - 1, output);
  else
    PNO_TRY(pno_path_join(folder, t->steps ? "rollout.h5" : "predictions.h5", t->path));
  memcpy(t->pictures, t->path, sizeof t->pictures);
  char *dot = strrchr(t->pictures, '.'), *slash = strrchr(t->pictures, '/');
  if (dot && (!slash || dot > slash)) *dot = '\0';
  return PNO_OK;
}

static pno_status fail_mode(const target *t, pno_sample_mode mode) {
  const char *words = mode == PNO_MODE_SPACE_TIME
                          ? "an operator of space and time gives all its times in one prediction"
                          : "a steady operator has no next step";
  return pno_hint(
      pno_fail(PNO_E_USAGE, "--rollout: samples of %s are %s: %s", t->data, pno_sample_mode_name(mode), words),
      "leave --rollout out, or train with data.mode=autoregressive");
}

/* Trajectories in place of windows: the first one that is held out as a whole, and every window of each. */
static pno_status turn_to_trajectories(const pno_dataset_limits *limits, ptrdiff_t held, target *t,
                                       pno_predict_spec *spec) {
  pno_sample_view view = *pno_dataset_view(t->ds);
  const ptrdiff_t count = pno_dataset_count(t->ds), trajectories = pno_dataset_trajectories(t->ds);
  if (view.mode != PNO_MODE_AUTOREGRESSIVE) return fail_mode(t, view.mode);
  if (count == 0) return pno_fail(PNO_E_INPUT, "%s: no trajectories", t->data);
  const ptrdiff_t windows = count / trajectories;
  spec->first = held > 0 ? (count - held + windows - 1) / windows : 0;
  if (spec->first >= trajectories)
    return pno_hint(
        pno_fail(PNO_E_USAGE,
                 "%s: no trajectory is held out as a whole: %td of them have %td samples, data.valid_samples is %td",
                 t->data, trajectories, windows, held),
        "give data.test, or a larger data.valid_samples");
  view.stride = 1;
  pno_dataset_close(&t->ds);
  return pno_dataset_open(t->data, &view, limits, &t->ds);
}

/* The first samples that eval would score. */
static pno_status open_data(const pno_cli *cli, target *t, pno_predict_spec *spec) {
  ptrdiff_t held;
  pno_sample_view view;
  const pno_config *cfg = cli->config;
  const pno_dataset_limits limits = pno_task_limits(cfg);
  t->data = pno_task_scored(cfg, 0, &held);
  PNO_TRY(pno_task_view(cfg, &view));
  PNO_TRY(pno_dataset_open(t->data, &view, &limits, &t->ds));
  if (pno_file_same(t->path, t->data))
    return pno_fail(PNO_E_USAGE, "-o %s: these are the data, which predict reads and does not replace", t->path);
  if (held > pno_dataset_count(t->ds))
    return pno_fail(PNO_E_USAGE, "data.valid_samples is %td, %s has %td", held, t->data, pno_dataset_count(t->ds));
  if (t->steps > 0) return turn_to_trajectories(&limits, held, t, spec);
  if (held > 0) spec->first = pno_dataset_count(t->ds) - held;
  return PNO_OK;
}

static pno_status prepare(const pno_cli *cli, const char *run, target *t, pno_predict_spec *spec) {
  long samples, members;
  PNO_TRY(pno_cli_count(cli, "rollout", 1, 0, &t->steps));
  PNO_TRY(name_files(cli, run, t));
  PNO_TRY(pno_cli_count(cli, "samples", 1, 4, &samples));
  PNO_TRY(pno_cli_count(cli, "members", 0, 3, &members));
  spec->samples = samples;
  spec->members = (int)members;
  return open_data(cli, t, spec);
}

/* About 20 of the frames, the first and the last among them. */
static void say_rollout(const pno_cli *cli, const pno_rollout_report *r, bool drawn) {
  enum { LINES = 20 };
  const int by = (r->frames - 1) / LINES + 1;
  pno_cli_say(cli, "%7s %12s %10s%s\n", "frame", "time", "rel_l2", drawn ? "       crps     spread" : "");
  for (int f = 0; f < r->frames; f++) {
    if (f > 0 && (f + 1) % by != 0 && f != r->frames - 1) continue;
    char error[32] = "-", crps[32] = "-";
    if (f < r->known) snprintf(error, sizeof error, "%.5f", r->rel_l2[f]);
    if (f < r->known) snprintf(crps, sizeof crps, "%.4g", r->crps[f]);
    pno_cli_say(cli, "%7d %12.6g %10s", f + 1, r->time[f], error);
    if (drawn) pno_cli_say(cli, " %10s %10.4g", crps, r->spread[f]);
    pno_cli_say(cli, "\n");
  }
}

static pno_status roll_out(pno_cli *cli, const pno_predict_spec *spec, const target *t, const pno_run_model *m,
                           const char *run) {
  pno_rollout_report r = {.frames = 0};
  const bool drawn = pno_uq_draws(&m->predictive, m->uq.samples) > 1;
  PNO_TRY(pno_rollout(spec, (int)t->steps, &m->predictive, t->ds, cli->comm, &r));
  pno_cli_say(cli, "rollout %s  step %lld  %td trajectories of %s  %d frames, %d of them in the data\n", run,
              (long long)m->meta.step, spec->samples, t->data, r.frames, r.known);
  say_rollout(cli, &r, drawn);
  pno_rollout_report_free(&r);
  return PNO_OK;
}

static pno_status predict(pno_cli *cli, const pno_predict_spec *spec, const target *t, const pno_run_model *m,
                          const char *run) {
  double rel_l2 = 0;
  if (t->steps > 0) return roll_out(cli, spec, t, m, run);
  PNO_TRY(pno_predict(spec, &m->predictive, t->ds, cli->comm, &rel_l2));
  pno_cli_say(cli, "predict %s  step %lld  %td samples of %s  rel_l2 %.5f\n", run, (long long)m->meta.step,
              spec->samples, t->data, rel_l2);
  return PNO_OK;
}

/* Fewer than the usual number is no mistake, fewer than were asked for is. */
static void limit_samples(const pno_cli *cli, const target *t, pno_predict_spec *spec) {
  const ptrdiff_t most = (t->steps ? pno_dataset_trajectories(t->ds) : pno_dataset_count(t->ds)) - spec->first;
  if (spec->samples > most && !pno_cli_option(cli, "samples")) spec->samples = most;
}

pno_status pno_cli_predict(pno_cli *cli) {
  const char *run = NULL;
  static target t;
  pno_run_model m = {.n_ops = 0};
  pno_predict_spec spec = {.path = t.path, .pictures = t.pictures, .program = "pno " PNO_VERSION};
  PNO_TRY(pno_run_configure(cli, &run));
  pno_status st = pno_agree(cli->comm, prepare(cli, run, &t, &spec));
  if (st == PNO_OK) st = pno_run_model_load(cli, run, &m);
  if (st == PNO_OK) {
    spec.run_id = m.meta.run_id;
    spec.data = t.data;
    spec.config = m.meta.config_digest;
    spec.step = m.meta.step;
    limit_samples(cli, &t, &spec);
    st = predict(cli, &spec, &t, &m, run);
    if (st == PNO_E_SHAPE) pno_fail_in(st, "%s", t.data);
  }
  if (st == PNO_OK) pno_cli_say(cli, "done    %s and %s-*.png\n", t.path, t.pictures);
  pno_run_model_destroy(&m);
  pno_dataset_close(&t.ds);
  return st;
}
