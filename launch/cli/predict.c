#include "engine/train/predict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"
#include "launch/cli/model.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"
#include "launch/version.h"

typedef struct {
  char path[PNO_PATH_MAX], pictures[PNO_PATH_MAX];
  const char *data;
  pno_dataset *ds;
} target;

/* FILE.h5 gives pictures FILE-0000.png. */
static pno_status name_files(const pno_cli *cli, const char *run, target *t) {
  const char *output = pno_cli_option(cli, "output");
  char folder[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(run, "predictions", folder));
  if (output)
    snprintf(t->path, sizeof t->path, "%.*s", (int)sizeof t->path - 1, output);
  else
    PNO_TRY(pno_path_join(folder, "predictions.h5", t->path));
  memcpy(t->pictures, t->path, sizeof t->pictures);
  char *dot = strrchr(t->pictures, '.'), *slash = strrchr(t->pictures, '/');
  if (dot && (!slash || dot > slash)) *dot = '\0';
  return PNO_OK;
}

/* An option that counts; usual: where it is not given. */
static pno_status parse_count(const pno_cli *cli, const char *name, long least, long usual, long *out) {
  const char *text = pno_cli_option(cli, name);
  char *end;
  errno = 0;
  *out = text ? strtol(text, &end, 10) : usual;
  if (text && (errno || *end || end == text || *out < least || *out > INT32_MAX))
    return pno_fail(PNO_E_USAGE, "--%s: '%.40s' is no number of %s", name, text, name);
  return PNO_OK;
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
  if (held > 0) spec->first = pno_dataset_count(t->ds) - held;
  return PNO_OK;
}

static pno_status prepare(const pno_cli *cli, const char *run, target *t, pno_predict_spec *spec) {
  long samples, members;
  PNO_TRY(name_files(cli, run, t));
  PNO_TRY(parse_count(cli, "samples", 1, 4, &samples));
  PNO_TRY(parse_count(cli, "members", 0, 3, &members));
  spec->samples = samples;
  spec->members = (int)members;
  return open_data(cli, t, spec);
}

pno_status pno_cli_predict(pno_cli *cli) {
  const char *run = NULL;
  static target t;
  pno_run_model m = {.n_ops = 0};
  pno_predict_spec spec = {.path = t.path, .pictures = t.pictures, .program = "pno " PNO_VERSION};
  double rel_l2 = 0;
  PNO_TRY(pno_run_configure(cli, &run));
  pno_status st = pno_agree(cli->comm, prepare(cli, run, &t, &spec));
  if (st == PNO_OK) st = pno_run_model_load(cli, run, &m);
  if (st == PNO_OK) {
    spec.run_id = m.meta.run_id;
    spec.data = t.data;
    spec.config = m.meta.config_digest;
    spec.step = m.meta.step;
    const ptrdiff_t most = pno_dataset_count(t.ds) - spec.first;
    if (spec.samples > most && !pno_cli_option(cli, "samples")) spec.samples = most;
    st = pno_predict(&spec, &m.predictive, t.ds, cli->comm, &rel_l2);
    if (st == PNO_E_SHAPE) pno_fail_in(st, "%s", t.data);
  }
  if (st == PNO_OK)
    pno_cli_say(cli, "predict %s  step %lld  %td samples of %s  rel_l2 %.5f\ndone    %s and %s-*.png\n", run,
                (long long)m.meta.step, spec.samples, t.data, rel_l2, t.path, t.pictures);
  pno_run_model_destroy(&m);
  pno_dataset_close(&t.ds);
  return st;
}
