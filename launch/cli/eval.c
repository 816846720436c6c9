#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "io/fsutil.h"
#include "io/json_text.h"
#include "launch/cli/require.h"
#include "launch/cli/run.h"
#include "launch/cli/scores.h"
#include "launch/cli/task.h"

static pno_status choose_transforms(pno_cli *cli, pno_run_model *m, pno_dataset *ds) {
  for (int i = 0; i < m->n_ops; i++) PNO_TRY(pno_operator_choose(&m->ops[i], cli->comm, pno_dataset_info(ds)));
  return PNO_OK;
}

/* Scores of file i. Collective. */
static pno_status score_file(pno_cli *cli, pno_run_model *m, const pno_sample_view *view, int i, pno_set_scores *out) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  const pno_evaluator_use use = {.draws = m->uq.samples, .depth = PNO_DEPTH_SPECTRA};
  const double start = pno_clock();
  ptrdiff_t held;
  out->path = pno_task_scored(cli->config, i, &held);
  pno_dataset *ds = NULL;
  pno_evaluator *e = NULL;
  pno_status st = pno_agree(cli->comm, pno_dataset_open(out->path, view, &limits, &ds));
  if (st == PNO_OK) st = choose_transforms(cli, m, ds); /* the same on all ranks */
  const ptrdiff_t first = st == PNO_OK && held > 0 ? pno_dataset_count(ds) - held : 0;
  if (st == PNO_OK)
    st = pno_fail_in(pno_evaluator_create(&m->predictive, ds, first, pno_dataset_count(ds) - first, &use, &e), "%s",
                     out->path);
  st = pno_agree(cli->comm, st);
  if (st == PNO_OK) st = pno_evaluate(e, cli->comm, &out->scores);
  if (st == PNO_OK) {
    const pno_sample_info *info = pno_dataset_info(ds);
    const pno_bands *b = m->predictive.bands;
    out->fitted_to = b && pno_digest_equal(b->data, pno_evaluator_data(e, out->path));
    for (int j = 0; b && j < info->dims; j++) out->other_grid |= b->n[j] != info->n[j];
    for (int j = 0, used = 0; j < info->dims; j++)
      used += snprintf(out->grid + used, sizeof out->grid - (size_t)used, "%s%d", j ? "x" : "", info->n[j]);
    out->seconds = pno_clock() - start;
  }
  pno_evaluator_destroy(&e);
  pno_dataset_close(&ds);
  return st;
}

/* {"format":"pno-scores","step":..,"method":..,"sets":[..]}. */
static pno_status write_json(const char *path, const pno_run_model *m, const pno_set_scores *sets, int n) {
  json_t *list = json_array();
  int bad = list ? 0 : -1;
  for (int i = 0; i < n && !bad; i++) bad = json_array_append_new(list, pno_scores_json(&sets[i]));
  json_t *root = bad ? NULL : json_pack("{s:s, s:s, s:I, s:s, s:O}", "format", "pno-scores", "version", "1.1", "step",
                                        (json_int_t)m->meta.step, "method", pno_uq_names[m->uq.method], "sets", list);
  char *text = NULL;
  size_t length = 0;
  pno_status st = pno_fail_in(pno_json_text(root, 0, &text, &length), "scores");
  if (st == PNO_OK) st = pno_file_replace_path(path, text, length);
  free(text);
  json_decref(root);
  json_decref(list);
  return st;
}

/* scores-step-N.json, eval.h5 and reliability.svg (of the first set) in RUN/eval. */
static pno_status write_all(const char *run, const pno_run_model *m, const pno_set_scores *sets, int n) {
  char name[64], eval[PNO_PATH_MAX], path[PNO_PATH_MAX];
  snprintf(name, sizeof name, "scores-step-%08lld.json", (long long)m->meta.step);
  PNO_TRY(pno_path_join(run, "eval", eval));
  PNO_TRY(pno_path_join(eval, name, path));
  PNO_TRY(write_json(path, m, sets, n));
  PNO_TRY(pno_path_join(eval, "eval.h5", path));
  PNO_TRY(pno_scores_hdf5(path, m, sets, n));
  PNO_TRY(pno_path_join(eval, "reliability.svg", path));
  unlink(path); /* that of an evaluation with draws, if this one has none */
  return pno_scores_picture(path, &sets[0]);
}

static pno_status evaluate(pno_cli *cli, const char *run, pno_run_model *m, pno_set_scores *sets) {
  pno_sample_view view;
  const int n = pno_task_scored_files(cli->config);
  pno_status st = pno_task_view(cli->config, &view);
  if (st == PNO_OK && n > PNO_TESTS_MAX) st = pno_fail(PNO_E_USAGE, "data.test: %d files, at most %d", n, PNO_TESTS_MAX);
  PNO_TRY(pno_agree(cli->comm, st));
  PNO_TRY(pno_run_model_load(cli, run, m));
  PNO_TRY(pno_agree(cli->comm, pno_require_names(pno_cli_option(cli, "require"), m->uq.levels, m->uq.level)));
  for (int i = 0; i < n; i++) PNO_TRY(score_file(cli, m, &view, i, &sets[i]));
  pno_cli_say(cli, "eval    %s  step %lld, %d draw%s of each input\n", run, (long long)m->meta.step, sets[0].scores.draws,
              sets[0].scores.draws > 1 ? "s" : "");
  if (pno_cli_rank0(cli)) pno_scores_say(cli, m, sets, n);
  PNO_TRY(pno_agree(cli->comm, pno_cli_rank0(cli) ? write_all(run, m, sets, n) : PNO_OK));
  pno_cli_say(cli, "done    %s/eval: scores-step-%08lld.json, eval.h5%s\n", run, (long long)m->meta.step,
              sets[0].scores.draws > 1 ? ", reliability.svg" : "");
  return pno_require(pno_cli_option(cli, "require"), &sets[0].scores); /* the same on all ranks */
}

pno_status pno_cli_eval(pno_cli *cli) {
  static pno_set_scores sets[PNO_TESTS_MAX];
  const char *run = NULL;
  pno_run_model m = {.n_ops = 0};
  PNO_TRY(pno_run_configure(cli, &run));
  const pno_status st = evaluate(cli, run, &m, sets);
  pno_run_model_destroy(&m);
  return st;
}
