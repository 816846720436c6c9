#include "engine/train/posterior.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/score/laplace_heads.h"

void pno_posterior_destroy(pno_posterior *p) { pno_laplace_destroy(&p->laplace); }

/* ---- Laplace ---- */

/* Sums are made of groups of samples, each by one rank, and added in the order of the groups: the same bits on any
 * number of ranks. */
enum { GROUP = 8 };

typedef struct {
  const pno_operator *o;
  pno_dataset *ds;
  ptrdiff_t n; /* samples */
  pno_laplace_gram *gram;
  pno_fno_plan *plan;
  float *x, *y;
  double *own, *one, *sum; /* of a group of this rank, of one of any rank, of all */
} laplace_fit;

static pno_status fit_create(laplace_fit *f) {
  const pno_operator *o = f->o;
  const pno_sample_info *info = pno_dataset_info(f->ds);
  const pno_mlp head = pno_fno_head(o->fno, o->params);
  PNO_TRY(pno_operator_fits(o, info));
  if (pno_fno_spec_of(o->fno)->heads == 2) return pno_fail(PNO_E_USAGE, "Laplace needs an operator of one head");
  pno_fno_use use = {.kernels = o->kernels, .samples = 1, .micro = 1, .threads = o->threads, .head_out = head.hidden,
                     .norm_in = pno_operator_in(o), .norm_out = pno_operator_out(o)};
  for (int j = 0; j < info->dims; j++) use.n[j] = info->n[j];
  use.fft = pno_transforms_find(o->transforms, o->fno, use.n, NULL);
  PNO_TRY(pno_fno_plan_create(o->fno, &use, &f->plan));
  PNO_TRY(pno_laplace_gram_create(&head, pno_dataset_points(f->ds), &f->gram));
  const size_t doubles = (size_t)pno_laplace_gram_doubles(f->gram);
  f->x = calloc((size_t)pno_dataset_x_count(f->ds), sizeof *f->x);
  f->y = calloc((size_t)pno_dataset_y_count(f->ds), sizeof *f->y);
  f->own = calloc(doubles, sizeof *f->own);
  f->one = calloc(doubles, sizeof *f->one);
  f->sum = calloc(doubles, sizeof *f->sum);
  if (!f->x || !f->y || !f->own || !f->one || !f->sum)
    return pno_fail(PNO_E_NOMEM, "no memory for a posterior of %zu numbers", doubles);
  return PNO_OK;
}

static void fit_destroy(laplace_fit *f) {
  pno_laplace_gram_destroy(&f->gram);
  pno_fno_plan_destroy(&f->plan);
  free(f->x);
  free(f->y);
  free(f->own);
  free(f->one);
  free(f->sum);
}

static pno_status add_group(laplace_fit *f, ptrdiff_t group) {
  pno_affine identity;
  const pno_affine norm = pno_operator_out(f->o);
  float *field;
  const pno_mlp *head = pno_laplace_gram_head(f->gram, &identity, &field);
  memset(f->own, 0, sizeof *f->own * (size_t)pno_laplace_gram_doubles(f->gram));
  for (ptrdiff_t s = group * GROUP; s < (group + 1) * GROUP && s < f->n; s++) {
    PNO_TRY(pno_dataset_read(f->ds, s, f->x, f->y));
    pno_fno_forward_with(f->plan, f->o->params, head, &identity, f->x, 1, field);
    pno_laplace_gram_add(f->gram, f->y, &norm, f->own);
  }
  return PNO_OK;
}

static pno_status fit_rounds(laplace_fit *f, pno_comm *comm) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const ptrdiff_t groups = (f->n + GROUP - 1) / GROUP, doubles = pno_laplace_gram_doubles(f->gram);
  for (ptrdiff_t first = 0; first < groups; first += ranks) {
    PNO_TRY(pno_agree(comm, first + rank < groups ? add_group(f, first + rank) : PNO_OK));
    for (int r = 0; r < ranks && first + r < groups; r++) {
      if (r == rank) memcpy(f->one, f->own, sizeof *f->one * (size_t)doubles);
      PNO_TRY(pno_bcast(comm, f->one, (size_t)doubles * sizeof *f->one, r));
      pno_laplace_gram_sum(f->gram, f->one, f->sum);
    }
  }
  return PNO_OK;
}

/* One rank's eigenvalues are everybody's: LAPACK may give other bits on another processor. Collective. */
static pno_status share_values(pno_comm *comm, pno_laplace *l) {
  const size_t n = (size_t)l->features, size = sizeof(double);
  double scalars[3] = {l->prior, l->noise, l->log_evidence};
  PNO_TRY(pno_bcast(comm, scalars, sizeof scalars, 0));
  PNO_TRY(pno_bcast(comm, l->values, n * size, 0));
  PNO_TRY(pno_bcast(comm, l->vectors, n * n * size, 0));
  PNO_TRY(pno_bcast(comm, l->weights, n * (size_t)l->outputs * size, 0));
  l->prior = scalars[0];
  l->noise = scalars[1];
  l->log_evidence = scalars[2];
  return PNO_OK;
}

/* The posterior of the sums, with rank 0's eigenvalues; its root is made again from them. Collective. */
static pno_status share_laplace(pno_comm *comm, laplace_fit *f, pno_laplace **out) {
  pno_laplace *l = NULL, *copy = NULL;
  const double points = (double)f->n * (double)pno_dataset_points(f->ds);
  pno_status st = pno_agree(comm, pno_laplace_gram_fit(f->gram, f->sum, points, &l));
  if (st == PNO_OK) st = share_values(comm, l);
  if (st == PNO_OK) st = pno_agree(comm, pno_laplace_restore(l, &copy));
  pno_laplace_destroy(&l);
  if (st == PNO_OK) {
    *out = copy;
    copy = NULL;
  }
  pno_laplace_destroy(&copy);
  return st;
}

pno_status pno_posterior_fit_laplace(const pno_operator *o, pno_dataset *ds, ptrdiff_t n, pno_comm *comm,
                                     pno_laplace **out) {
  laplace_fit f = {.o = o, .ds = ds, .n = n};
  pno_status st = pno_agree(comm, fit_create(&f));
  if (st == PNO_OK) st = fit_rounds(&f, comm);
  if (st == PNO_OK) st = share_laplace(comm, &f, out);
  fit_destroy(&f);
  return st;
}

/* ---- to disk and back ---- */

static pno_array doubles(const char *name, int rank, int64_t a, int64_t b, double *data) {
  pno_array v = {.dtype = PNO_DTYPE_F64, .rank = rank, .layout = PNO_LAYOUT_PLAIN, .shape = {a, b}, .data = data};
  snprintf(v.name, sizeof v.name, "%s", name);
  return v;
}

enum { LAPLACE_ARRAYS = 3 };

static void laplace_arrays(const pno_laplace *l, pno_array list[LAPLACE_ARRAYS]) {
  list[0] = doubles("laplace/values", 1, l->features, 0, l->values);
  list[1] = doubles("laplace/vectors", 2, l->features, l->features, l->vectors);
  list[2] = doubles("laplace/weights", 2, l->outputs, l->features, l->weights);
}

static const char *level_key(const char *what, int i, char key[PNO_CHECKPOINT_KEY]) {
  snprintf(key, PNO_CHECKPOINT_KEY, "bands/%s%d", what, i);
  return key;
}

static pno_status put_scalars(const pno_posterior *p, pno_checkpoint_meta *m) {
  const pno_laplace *l = p->laplace;
  const pno_bands *b = &p->bands;
  char key[PNO_CHECKPOINT_KEY], way[PNO_DIGEST_TEXT];
  m->n_scalars = 0;
  PNO_TRY(pno_checkpoint_put_i64(m, "laplace/features", l ? l->features : 0));
  PNO_TRY(pno_checkpoint_put_i64(m, "laplace/outputs", l ? l->outputs : 0));
  if (l) {
    PNO_TRY(pno_checkpoint_put_f64(m, "laplace/prior", l->prior));
    PNO_TRY(pno_checkpoint_put_f64(m, "laplace/noise", l->noise));
    PNO_TRY(pno_checkpoint_put_f64(m, "laplace/log_evidence", l->log_evidence));
  }
  PNO_TRY(pno_checkpoint_put_i64(m, "bands/levels", b->levels));
  PNO_TRY(pno_checkpoint_put_i64(m, "bands/samples", b->samples));
  PNO_TRY(pno_checkpoint_put_i64(m, "bands/unscaled", b->unscaled));
  pno_digest_text(b->way, way);
  PNO_TRY(pno_checkpoint_put_text(m, "bands/way", way));
  pno_digest_text(b->data, way);
  PNO_TRY(pno_checkpoint_put_text(m, "bands/data", way));
  for (int j = 0; j < PNO_DIMS_MAX; j++) PNO_TRY(pno_checkpoint_put_i64(m, level_key("n", j, key), b->n[j]));
  for (int i = 0; i < b->levels; i++) {
    PNO_TRY(pno_checkpoint_put_f64(m, level_key("level", i, key), b->level[i]));
    PNO_TRY(pno_checkpoint_put_f64(m, level_key("point", i, key), b->point[i]));
    PNO_TRY(pno_checkpoint_put_f64(m, level_key("field", i, key), b->field[i]));
  }
  return PNO_OK;
}

pno_status pno_posterior_save(const pno_posterior *p, pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta) {
  const pno_checkpoint_options options = {.keep = 3}; /* the newest fit is that of the step that eval takes */
  pno_checkpoint_meta m = *meta;
  pno_array list[LAPLACE_ARRAYS];
  m.journal[0] = '\0';
  if (p->laplace) laplace_arrays(p->laplace, list);
  PNO_TRY(pno_agree(comm, put_scalars(p, &m)));
  return pno_checkpoint_save(comm, dir, &m, list, p->laplace ? LAPLACE_ARRAYS : 0, &options, NULL);
}

static pno_status get_bands(const pno_checkpoint_meta *m, pno_bands *out) {
  pno_bands b = {.levels = 0};
  int64_t levels = 0, unscaled = 0;
  char key[PNO_CHECKPOINT_KEY], way[PNO_CHECKPOINT_TEXT];
  PNO_TRY(pno_checkpoint_get_i64(m, "bands/levels", &levels));
  PNO_TRY(pno_checkpoint_get_i64(m, "bands/samples", &b.samples));
  PNO_TRY(pno_checkpoint_get_i64(m, "bands/unscaled", &unscaled));
  PNO_TRY(pno_checkpoint_get_text(m, "bands/way", way));
  if (!pno_digest_parse(way, &b.way)) return pno_fail(PNO_E_INPUT, "bands of predictions '%.40s'", way);
  PNO_TRY(pno_checkpoint_get_text(m, "bands/data", way));
  if (!pno_digest_parse(way, &b.data)) return pno_fail(PNO_E_INPUT, "bands of data '%.40s'", way);
  for (int j = 0; j < PNO_DIMS_MAX; j++) {
    int64_t n = 0;
    PNO_TRY(pno_checkpoint_get_i64(m, level_key("n", j, key), &n));
    b.n[j] = (int)n;
  }
  if (levels < 0 || levels > PNO_LEVELS_MAX) return pno_fail(PNO_E_INPUT, "bands of %" PRId64 " levels", levels);
  b.levels = (int)levels;
  b.unscaled = unscaled != 0;
  for (int i = 0; i < b.levels; i++) {
    PNO_TRY(pno_checkpoint_get_f64(m, level_key("level", i, key), &b.level[i]));
    PNO_TRY(pno_checkpoint_get_f64(m, level_key("point", i, key), &b.point[i]));
    PNO_TRY(pno_checkpoint_get_f64(m, level_key("field", i, key), &b.field[i]));
    if (!(b.level[i] > 0 && b.level[i] < 1 && b.point[i] >= 0 && b.field[i] >= 0))
      return pno_fail(PNO_E_INPUT, "band %d makes no sense", i);
  }
  *out = b;
  return PNO_OK;
}

static pno_status get_shape(const pno_checkpoint_meta *m, pno_laplace *l) {
  int64_t features = 0, outputs = 0;
  PNO_TRY(pno_checkpoint_get_i64(m, "laplace/features", &features));
  PNO_TRY(pno_checkpoint_get_i64(m, "laplace/outputs", &outputs));
  if (features < 0 || features > PNO_LAPLACE_FEATURES_MAX || outputs < 0 || outputs > PNO_LAPLACE_OUTPUTS_MAX)
    return pno_fail(PNO_E_INPUT, "a posterior of %" PRId64 " features and %" PRId64 " outputs", features, outputs);
  l->features = (int)features;
  l->outputs = (int)outputs;
  if (features == 0) return PNO_OK;
  PNO_TRY(pno_checkpoint_get_f64(m, "laplace/prior", &l->prior));
  PNO_TRY(pno_checkpoint_get_f64(m, "laplace/noise", &l->noise));
  return pno_checkpoint_get_f64(m, "laplace/log_evidence", &l->log_evidence);
}

static pno_status staging(pno_laplace *l) {
  const size_t n = (size_t)l->features;
  l->values = calloc(n, sizeof(double));
  l->vectors = calloc(n * n, sizeof(double));
  l->weights = calloc(n * (size_t)l->outputs, sizeof(double));
  return l->values && l->vectors && l->weights ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a posterior of %zu features", n);
}

static pno_status load_laplace(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice,
                               pno_checkpoint_meta *m, pno_laplace *saved, pno_laplace **out) {
  pno_array list[LAPLACE_ARRAYS];
  PNO_TRY(pno_agree(comm, staging(saved)));
  laplace_arrays(saved, list);
  PNO_TRY(pno_checkpoint_load(comm, dir, choice, m, list, LAPLACE_ARRAYS, NULL));
  return pno_agree(comm, pno_laplace_restore(saved, out));
}

/* Rank 0: whether something was fitted for that step. */
static pno_status is_there(const char *dir, int64_t step, int *there) {
  int64_t *steps = NULL;
  int n = 0;
  PNO_TRY(pno_checkpoint_steps(dir, &steps, &n));
  for (int i = 0; i < n; i++) *there |= steps[i] == step;
  free(steps);
  return PNO_OK;
}

pno_status pno_posterior_load(pno_posterior *p, pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta) {
  const pno_checkpoint_choice choice = {.step = meta->step};
  pno_checkpoint_meta m;
  pno_laplace saved = {0};
  pno_posterior made = {0};
  int there = 0;
  PNO_TRY(pno_agree(comm, pno_comm_rank(comm) == 0 ? is_there(dir, meta->step, &there) : PNO_OK));
  PNO_TRY(pno_bcast(comm, &there, sizeof there, 0));
  if (!there) return PNO_OK;
  PNO_TRY(pno_checkpoint_load(comm, dir, &choice, &m, NULL, 0, NULL));
  /* Weights of another branch of the run, which had the same step: the configuration may have changed in between. */
  if (!pno_digest_equal(m.config_digest, meta->config_digest)) return PNO_OK;
  pno_status st = get_bands(&m, &made.bands); /* the same on all ranks */
  if (st == PNO_OK) st = get_shape(&m, &saved);
  if (st == PNO_OK && saved.features > 0) st = load_laplace(comm, dir, &choice, &m, &saved, &made.laplace);
  free(saved.values);
  free(saved.vectors);
  free(saved.weights);
  if (st == PNO_OK) *p = made;
  return st;
}
