#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/evaluate.h"
#include "io/fsutil.h"
#include "io/json_text.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"

/* Scores of the last `held` samples of a file, 0: of all. Collective. */
static pno_status score_file(pno_cli *cli, pno_operator *op, const char *path, const pno_sample_view *view,
                             ptrdiff_t held, pno_scores *out) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  pno_dataset *ds = NULL;
  pno_evaluator *e = NULL;
  pno_status st = pno_dataset_open(path, view, &limits, &ds);
  st = pno_agree(cli->comm, st);
  if (st == PNO_OK) st = pno_operator_choose(op, cli->comm, pno_dataset_info(ds)); /* the same on all ranks */
  const ptrdiff_t first = st == PNO_OK && held > 0 ? pno_dataset_count(ds) - held : 0;
  if (st == PNO_OK)
    st = pno_fail_in(pno_evaluator_create(op, ds, first, pno_dataset_count(ds) - first, &e), "%s", path);
  st = pno_agree(cli->comm, st);
  if (st == PNO_OK) st = pno_evaluate(e, cli->comm, out, NULL);
  if (st == PNO_OK) {
    char grid[64] = "";
    const pno_sample_info *info = pno_dataset_info(ds);
    for (int j = 0, used = 0; j < info->dims; j++)
      used += snprintf(grid + used, sizeof grid - (size_t)used, "%s%d", j ? "x" : "", info->n[j]);
    pno_cli_say(cli, " %-14s %7td  %10.5f  %11.4e  %10.5f  %s\n", grid, out->samples, out->mean[PNO_LOSS_REL_L2],
                out->mean[PNO_LOSS_L2], out->mean[PNO_LOSS_H1], path);
  }
  pno_evaluator_destroy(&e);
  pno_dataset_close(&ds);
  return st;
}

/* A score of an operator that overflows is null: JSON has no word for it. */
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

/* {"format":"pno-scores","step":..,"sets":[{"data":..,"samples":..,"l2":..,"rel_l2":..,"h1":..}]} into RUN/eval. */
static pno_status write_scores(const char *run, int64_t step, int n, const char *const *paths,
                               const pno_scores *scores) {
  char name[64], eval[PNO_PATH_MAX], path[PNO_PATH_MAX];
  json_t *sets = json_array();
  int bad = sets ? 0 : -1;
  for (int i = 0; i < n && !bad; i++)
    bad = json_array_append_new(sets, json_pack("{s:s, s:I, s:o, s:o, s:o}", "data", paths[i], "samples",
                                                (json_int_t)scores[i].samples, "l2", number(scores[i].mean[PNO_LOSS_L2]),
                                                "rel_l2", number(scores[i].mean[PNO_LOSS_REL_L2]), "h1",
                                                number(scores[i].mean[PNO_LOSS_H1])));
  json_t *root = bad ? NULL : json_pack("{s:s, s:s, s:I, s:O}", "format", "pno-scores", "version", "1.0", "step",
                                        (json_int_t)step, "sets", sets);
  char *text = NULL;
  size_t length = 0;
  snprintf(name, sizeof name, "scores-step-%08lld.json", (long long)step);
  pno_status st = pno_fail_in(pno_json_text(root, 0, &text, &length), "scores");
  if (st == PNO_OK) st = pno_path_join(run, "eval", eval);
  if (st == PNO_OK) st = pno_path_join(eval, name, path);
  if (st == PNO_OK) st = pno_file_replace_path(path, text, length);
  free(text);
  json_decref(root);
  json_decref(sets);
  return st;
}

pno_status pno_cli_eval(pno_cli *cli) {
  const char *run = NULL, *paths[PNO_TESTS_MAX + 1];
  pno_operator op = {0};
  pno_checkpoint_meta meta;
  pno_sample_view view;
  pno_scores scores[PNO_TESTS_MAX + 1];
  PNO_TRY(pno_run_configure(cli, &run));
  int n = pno_config_count(cli->config, PNO_KEY_DATA_TEST);
  pno_status st = pno_task_view(cli->config, &view);
  if (st == PNO_OK && n > PNO_TESTS_MAX) st = pno_fail(PNO_E_USAGE, "data.test: %d files, at most %d", n, PNO_TESTS_MAX);
  PNO_TRY(pno_agree(cli->comm, st));
  for (int i = 0; i < n; i++) paths[i] = pno_config_text_at(cli->config, PNO_KEY_DATA_TEST, i);
  const ptrdiff_t held = n == 0 ? pno_config_int(cli->config, PNO_KEY_DATA_VALID_SAMPLES) : 0;
  if (n == 0) paths[n++] = pno_config_text(cli->config, PNO_KEY_DATA_PATH); /* what was held out of it, if anything */
  st = pno_run_operator(cli, run, &op, &meta); /* the same on all ranks */
  if (st == PNO_OK)
    pno_cli_say(cli, "eval    %s  step %lld\n grid           samples      rel_l2           l2          h1  data\n", run,
                (long long)meta.step);
  for (int i = 0; i < n && st == PNO_OK; i++) st = score_file(cli, &op, paths[i], &view, held, &scores[i]);
  if (st == PNO_OK)
    st = pno_agree(cli->comm, pno_cli_rank0(cli) ? write_scores(run, meta.step, n, paths, scores) : PNO_OK);
  if (st == PNO_OK) pno_cli_say(cli, "done    %s/eval/scores-step-%08lld.json\n", run, (long long)meta.step);
  pno_operator_destroy(&op);
  return st;
}
