#include "engine/train/predict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"
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

static pno_status parse_samples(const char *text, ptrdiff_t *out) {
  char *end;
  errno = 0;
  const long n = text ? strtol(text, &end, 10) : 4;
  if (text && (errno || *end || end == text || n < 1))
    return pno_fail(PNO_E_USAGE, "--samples: '%.40s' is no number of samples", text);
  *out = n;
  return PNO_OK;
}

/* The first test file, or the training file where there is none. */
static pno_status open_data(const pno_cli *cli, target *t) {
  pno_sample_view view;
  const pno_config *cfg = cli->config;
  const pno_dataset_limits limits = pno_task_limits(cfg);
  t->data = pno_config_count(cfg, PNO_KEY_DATA_TEST) > 0 ? pno_config_text_at(cfg, PNO_KEY_DATA_TEST, 0)
                                                         : pno_config_text(cfg, PNO_KEY_DATA_PATH);
  PNO_TRY(pno_task_view(cfg, &view));
  return pno_dataset_open(t->data, &view, &limits, &t->ds);
}

static pno_status prepare(const pno_cli *cli, const char *run, target *t, ptrdiff_t *samples) {
  PNO_TRY(name_files(cli, run, t));
  PNO_TRY(parse_samples(pno_cli_option(cli, "samples"), samples));
  return open_data(cli, t);
}

pno_status pno_cli_predict(pno_cli *cli) {
  const char *run = NULL;
  static target t;
  pno_operator op = {0};
  pno_checkpoint_meta meta;
  pno_predict_spec spec = {.path = t.path, .pictures = t.pictures, .program = "pno " PNO_VERSION};
  double rel_l2 = 0;
  PNO_TRY(pno_run_configure(cli, &run));
  pno_status st = pno_agree(cli->comm, prepare(cli, run, &t, &spec.samples));
  if (st == PNO_OK) st = pno_run_operator(cli, run, &op, &meta);
  if (st == PNO_OK) {
    spec.run_id = meta.run_id;
    spec.data = t.data;
    spec.config = meta.config_digest;
    spec.step = meta.step;
    if (spec.samples > pno_dataset_count(t.ds) && !pno_cli_option(cli, "samples")) spec.samples = pno_dataset_count(t.ds);
    st = pno_predict(&spec, &op, t.ds, cli->comm, &rel_l2);
    if (st == PNO_E_SHAPE) pno_fail_in(st, "%s", t.data);
  }
  if (st == PNO_OK)
    pno_cli_say(cli, "predict %s  step %lld  %td samples of %s  rel_l2 %.5f\ndone    %s and %s-*.png\n", run,
                (long long)meta.step, spec.samples, t.data, rel_l2, t.path, t.pictures);
  pno_operator_destroy(&op);
  pno_dataset_close(&t.ds);
  return st;
}
