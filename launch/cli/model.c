#include "launch/cli/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "io/fsutil.h"
#include "launch/cli/run.h"
#include "launch/cli/task.h"

const char *const pno_uq_names[] = {"none", "pno_d", "pno_r", "mcdropout", "laplace", "ensemble"};

pno_status pno_run_member(const char *run, int i, char *path) {
  char name[32];
  snprintf(name, sizeof name, "member-%02d", i);
  return pno_path_join(run, name, path);
}

static pno_status operator_path(const pno_run_model *m, const char *run, char *path) {
  if (m->uq.method == PNO_UQ_ENSEMBLE) return pno_run_member(run, m->n_ops, path);
  if (strlen(run) >= PNO_PATH_MAX) return pno_fail(PNO_E_USAGE, "%.60s...: too long a path", run);
  memcpy(path, run, strlen(run) + 1);
  return PNO_OK;
}

/* What is fitted to an ensemble belongs to one step of each of its members, not of the first alone. */
static void add_member(pno_checkpoint_meta *fitted, const pno_checkpoint_meta *member) {
  const struct {
    pno_digest before, config;
    int64_t step;
  } all = {fitted->config_digest, member->config_digest, member->step};
  fitted->config_digest = pno_digest_of(&all, sizeof all);
}

static pno_status load_operators(pno_cli *cli, const char *run, pno_run_model *m) {
  const int members = m->uq.method == PNO_UQ_ENSEMBLE ? m->uq.members : 1;
  char path[PNO_PATH_MAX];
  m->ops = calloc((size_t)members, sizeof *m->ops);
  PNO_TRY(pno_agree(cli->comm, m->ops ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d operators", members)));
  for (; m->n_ops < members; m->n_ops++) {
    pno_checkpoint_meta meta;
    PNO_TRY(pno_agree(cli->comm, operator_path(m, run, path)));
    PNO_TRY(pno_run_operator(cli, path, &m->ops[m->n_ops], &meta));
    if (m->n_ops == 0) m->meta = m->fitted = meta;
    if (m->n_ops > 0) add_member(&m->fitted, &meta);
  }
  return PNO_OK;
}

/* m holds the operators; the posterior is not looked for yet. */
static pno_status load(pno_cli *cli, const char *run, pno_run_model *m) {
  PNO_TRY(pno_agree(cli->comm, pno_task_uq(cli->config, &m->uq)));
  m->config = pno_config_digest(cli->config);
  PNO_TRY(load_operators(cli, run, m));
  m->predictive = (pno_predictive){.uq = &m->uq, .members = m->ops, .n_members = m->n_ops};
  return PNO_OK;
}

/* Bands are left out where predictions are made in another way than those that they were fitted to. */
static void use_bands(const pno_cli *cli, pno_run_model *m) {
  const pno_bands *b = &m->posterior.bands;
  if (!m->uq.conformal || m->uq.levels == 0) return;
  if (pno_bands_serve(b, &m->predictive, m->uq.samples))
    m->predictive.bands = b;
  else if (b->levels > 0)
    pno_cli_say(cli, "bands   left out: fitted with another uq.method, uq.samples, uq.levels, uq.dropout or uq.noise\n");
  else
    pno_cli_say(cli, "bands   none are there for step %lld: they are fitted to validation samples when a training ends\n",
                (long long)m->meta.step);
}

pno_status pno_run_model_load(pno_cli *cli, const char *run, pno_run_model *m) {
  char fitted[PNO_PATH_MAX];
  *m = (pno_run_model){.n_ops = 0};
  pno_status st = load(cli, run, m);
  if (st == PNO_OK) st = pno_path_join(run, PNO_FITTED, fitted);
  if (st == PNO_OK) st = pno_posterior_load(&m->posterior, cli->comm, fitted, &m->fitted);
  if (st == PNO_OK) {
    m->predictive.laplace = m->posterior.laplace;
    use_bands(cli, m);
    if (m->uq.method == PNO_UQ_LAPLACE && !m->posterior.laplace)
      st = pno_hint(pno_fail(PNO_E_INPUT, "%s: no posterior was fitted for step %lld", run, (long long)m->meta.step),
                    "train to the end, or choose the step that eval takes by itself");
  }
  if (st != PNO_OK) pno_run_model_destroy(m);
  return st;
}

void pno_run_model_destroy(pno_run_model *m) {
  for (int i = 0; i < m->n_ops; i++) pno_operator_destroy(&m->ops[i]);
  free(m->ops);
  pno_posterior_destroy(&m->posterior);
  *m = (pno_run_model){.n_ops = 0};
}

/* ---- after training ---- */

/* The file and the samples of it that validation is on; count 0: there are none. */
typedef struct {
  pno_dataset *data, *valid; /* valid may be data */
  const char *path; /* of valid */
  ptrdiff_t train, first, count;
} fit_data;

static pno_status open_valid(const pno_cli *cli, const pno_sample_view *view, fit_data *d) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  const ptrdiff_t held = pno_config_int(cli->config, PNO_KEY_DATA_VALID_SAMPLES);
  if (held > 0) {
    d->valid = d->data;
    d->path = pno_config_text(cli->config, PNO_KEY_DATA_PATH);
    d->first = pno_dataset_count(d->data) - held;
    d->count = held;
    return PNO_OK;
  }
  if (pno_config_count(cli->config, PNO_KEY_DATA_TEST) == 0) return PNO_OK;
  d->path = pno_config_text_at(cli->config, PNO_KEY_DATA_TEST, 0);
  PNO_TRY(pno_dataset_open(d->path, view, &limits, &d->valid));
  d->count = pno_dataset_count(d->valid);
  return PNO_OK;
}

static pno_status open_data(const pno_cli *cli, fit_data *d) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  pno_sample_view view;
  PNO_TRY(pno_task_view(cli->config, &view));
  PNO_TRY(pno_dataset_open(pno_config_text(cli->config, PNO_KEY_DATA_PATH), &view, &limits, &d->data));
  d->train = pno_config_int(cli->config, PNO_KEY_DATA_TRAIN_SAMPLES);
  if (d->train == 0) d->train = pno_dataset_count(d->data) - pno_config_int(cli->config, PNO_KEY_DATA_VALID_SAMPLES);
  return open_valid(cli, &view, d);
}

static void close_data(fit_data *d) {
  if (d->valid != d->data) pno_dataset_close(&d->valid);
  pno_dataset_close(&d->data);
}

static pno_status fit_bands(pno_cli *cli, pno_run_model *m, const fit_data *d) {
  const pno_evaluator_use use = {.draws = m->uq.samples, .depth = PNO_DEPTH_MOMENTS};
  pno_evaluator *e = NULL;
  for (int i = 0; i < m->n_ops; i++) PNO_TRY(pno_operator_choose(&m->ops[i], cli->comm, pno_dataset_info(d->valid)));
  pno_status st = pno_agree(cli->comm, pno_evaluator_create(&m->predictive, d->valid, d->first, d->count, &use, &e));
  if (st == PNO_OK) st = pno_evaluator_calibrate(e, cli->comm, d->path, &m->posterior.bands);
  pno_evaluator_destroy(&e);
  return st;
}

static void say_bands(const pno_cli *cli, const pno_bands *b) {
  for (int i = 0; i < b->levels; i++)
    pno_cli_say(cli, "bands   %g %%: mean +- %.4g (points) or %.4g (whole field) times %s%s\n", 100 * b->level[i],
                b->point[i], b->field[i], b->unscaled ? "1" : "the deviation",
                isfinite(b->field[i]) && isfinite(b->point[i]) ? "" : "  (too few validation samples for this level)");
}

static pno_status fit(pno_cli *cli, const char *run, pno_run_model *m, const fit_data *d) {
  char fitted[PNO_PATH_MAX];
  const double start = pno_clock();
  if (m->uq.method == PNO_UQ_LAPLACE) {
    PNO_TRY(pno_operator_choose(m->ops, cli->comm, pno_dataset_info(d->data)));
    PNO_TRY(pno_posterior_fit_laplace(m->ops, d->data, d->train, cli->comm, &m->posterior.laplace));
    m->predictive.laplace = m->posterior.laplace;
    pno_cli_say(cli, "laplace prior precision %.4g, noise deviation %.4g (normalised), log evidence %.6g\n",
                m->posterior.laplace->prior, sqrt(m->posterior.laplace->noise), m->posterior.laplace->log_evidence);
  }
  if (m->uq.conformal && m->uq.levels > 0 && d->count > 0) PNO_TRY(fit_bands(cli, m, d));
  if (!m->posterior.laplace && m->posterior.bands.levels == 0) return PNO_OK;
  PNO_TRY(pno_agree(cli->comm, pno_path_join(run, PNO_FITTED, fitted)));
  PNO_TRY(pno_posterior_save(&m->posterior, cli->comm, fitted, &m->fitted));
  say_bands(cli, &m->posterior.bands);
  pno_cli_say(cli, "fitted  step %lld in %.1f s -> %s\n", (long long)m->meta.step, pno_clock() - start, fitted);
  return PNO_OK;
}

pno_status pno_run_fit(pno_cli *cli, const char *run) {
  pno_run_model m = {.n_ops = 0};
  fit_data d = {.count = 0};
  pno_uq_spec uq;
  PNO_TRY(pno_agree(cli->comm, pno_task_uq(cli->config, &uq)));
  if (uq.method != PNO_UQ_LAPLACE && !uq.conformal) return PNO_OK;
  pno_status st = pno_agree(cli->comm, open_data(cli, &d));
  const bool nothing = st == PNO_OK && d.count == 0 && uq.method != PNO_UQ_LAPLACE;
  if (st == PNO_OK && !nothing) st = load(cli, run, &m);
  if (st == PNO_OK && !nothing) st = fit(cli, run, &m, &d);
  pno_run_model_destroy(&m);
  close_data(&d);
  return st;
}
