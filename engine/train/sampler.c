#include "engine/train/sampler.h"

#include <stdlib.h>

#include "engine/score/laplace_heads.h"

struct pno_sampler {
  pno_predictive p; /* what it borrows */
  int draws, chunk; /* chunk: fields of one call */
  int n[PNO_DIMS_MAX];
  ptrdiff_t points;
  int out;
  pno_fno_plan **plans; /* owned: [members] */
  float *fields;        /* owned: [chunk][points][out] */
  /* Laplace: the drawn heads of a chunk, and their fields before they lie draw by draw. Owned */
  pno_laplace_heads *heads;
  float *columns;
};

static bool drops(pno_uq_method m) { return m == PNO_UQ_PNO_D || m == PNO_UQ_MCDROPOUT; }

static bool is_laplace(const pno_sampler *s) { return s->p.uq->method == PNO_UQ_LAPLACE && s->p.laplace; }

static pno_fno_use use_of(const pno_sampler *s, const pno_operator *o) {
  const pno_uq_spec *uq = s->p.uq;
  pno_fno_use use = {.kernels = o->kernels, .samples = 1, .micro = 1, .threads = o->threads,
                     .norm_in = pno_operator_in(o), .norm_out = pno_operator_out(o)};
  for (int j = 0; j < PNO_DIMS_MAX; j++) use.n[j] = s->n[j];
  use.fft = pno_transforms_find(o->transforms, o->fno, use.n, NULL);
  if (drops(uq->method)) {
    use.dropout = uq->dropout;
    use.fourier_dropout = uq->fourier_dropout;
  }
  return use;
}

/* How many draws a call makes. Those of dropout take a pass each: as many as the model likes together. Laplace's are columns of
 * one head on one pass, always as many, since heads of few columns are summed in another order; the rest cost little. */
static pno_status choose_chunk(pno_sampler *s) {
  enum { CHEAP = 10, COLUMNS = 128 };
  const pno_uq_method m = s->p.uq->method;
  s->chunk = 1;
  if (drops(m)) {
    const pno_fno_use use = use_of(s, s->p.members);
    PNO_TRY(pno_fno_call_samples(s->p.members->fno, &use, s->draws, &s->chunk));
  } else if (is_laplace(s)) {
    s->chunk = s->out < COLUMNS ? COLUMNS / s->out : 1;
    return PNO_OK;
  } else if (m == PNO_UQ_PNO_R) {
    s->chunk = CHEAP;
  }
  if (s->chunk > s->draws) s->chunk = s->draws;
  return PNO_OK;
}

static pno_status make_plans(pno_sampler *s) {
  for (int i = 0; i < s->p.n_members; i++) {
    pno_fno_use use = use_of(s, &s->p.members[i]);
    use.draws = is_laplace(s) ? 1 : s->chunk;
    use.head_out = is_laplace(s) ? s->chunk * s->out : 0;
    PNO_TRY(pno_fno_plan_create(s->p.members[i].fno, &use, &s->plans[i]));
  }
  return PNO_OK;
}

static pno_status allocate(pno_sampler *s) {
  const size_t values = (size_t)s->points * (size_t)s->out * (size_t)s->chunk;
  s->plans = calloc((size_t)s->p.n_members, sizeof *s->plans);
  s->fields = calloc(values, sizeof *s->fields);
  if (is_laplace(s)) s->columns = calloc(values, sizeof *s->columns);
  if (!s->plans || !s->fields || (is_laplace(s) && !s->columns))
    return pno_fail(PNO_E_NOMEM, "no memory for %d fields of %td values", s->chunk, s->points * s->out);
  if (!is_laplace(s)) return PNO_OK;
  const pno_operator *o = s->p.members;
  const pno_mlp head = pno_fno_head(o->fno, o->params);
  const pno_affine norm = pno_operator_out(o);
  return pno_laplace_heads_create(s->p.laplace, &head, &norm, s->points, s->chunk, &s->heads);
}

pno_status pno_sampler_create(const pno_predictive *p, const pno_sample_info *info, int draws, pno_sampler **out) {
  for (int i = 0; i < p->n_members; i++) PNO_TRY(pno_operator_fits(&p->members[i], info));
  pno_sampler *s = calloc(1, sizeof *s);
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory to draw predictions");
  *s = (pno_sampler){.p = *p, .draws = draws, .points = 1, .out = info->out_channels};
  for (int j = 0; j < info->dims; j++) {
    s->n[j] = info->n[j];
    s->points *= info->n[j];
  }
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, choose_chunk(s), done);
  PNO_TRY_GOTO(st, allocate(s), done);
  PNO_TRY_GOTO(st, make_plans(s), done);
  *out = s;
  s = NULL;
done:
  pno_sampler_destroy(&s);
  return st;
}

void pno_sampler_destroy(pno_sampler **s) {
  if (!s || !*s) return;
  for (int i = 0; (*s)->plans && i < (*s)->p.n_members; i++) pno_fno_plan_destroy(&(*s)->plans[i]);
  pno_laplace_heads_destroy(&(*s)->heads);
  free((*s)->plans);
  free((*s)->fields);
  free((*s)->columns);
  free(*s);
  *s = NULL;
}

/* Epochs go down from that of an evaluation, so that the first step of a rollout sees what an evaluation does. */
static void set_noise(pno_sampler *s, const uint32_t *sample, int first, int step) {
  const pno_fno_noise noise = {.seed = s->p.uq->seed, .epoch = PNO_EPOCH_EVALUATION - (uint32_t)step, .sample = sample,
                               .first_draw = first};
  pno_fno_plan_noise(s->plans[0], &noise);
}

/* A last call that is not full makes draws that nobody takes. */
static int count_of(const pno_sampler *s, int first) { return s->draws - first < s->chunk ? s->draws - first : s->chunk; }

static void run_passes(pno_sampler *s, const float *x, uint32_t sample, pno_sampler_take *take, void *user) {
  for (int first = 0; first < s->draws; first += s->chunk) {
    set_noise(s, &sample, first, 0);
    if (first > 0 && s->p.uq->method == PNO_UQ_PNO_R)
      pno_fno_draw_again(s->plans[0], 1, s->fields);
    else
      pno_fno_forward(s->plans[0], s->p.members->params, x, 1, s->fields);
    take(user, s->fields, count_of(s, first));
  }
}

static void run_members(pno_sampler *s, const float *x, pno_sampler_take *take, void *user) {
  for (int i = 0; i < s->draws; i++) {
    pno_fno_forward(s->plans[i], s->p.members[i].params, x, 1, s->fields);
    take(user, s->fields, 1);
  }
}

static void run_laplace(pno_sampler *s, const float *x, uint32_t sample, pno_sampler_take *take, void *user) {
  for (int first = 0; first < s->draws; first += s->chunk) {
    pno_affine norm;
    const pno_mlp head = pno_laplace_heads_draw(s->heads, s->p.uq->seed, first, &norm);
    pno_fno_forward_with(s->plans[0], s->p.members->params, &head, &norm, x, 1, s->columns);
    pno_laplace_heads_fields(s->heads, s->columns, s->p.uq->noise, sample, 0, s->fields);
    take(user, s->fields, count_of(s, first));
  }
}

void pno_sampler_run(pno_sampler *s, const float *x, uint32_t sample, pno_sampler_take *take, void *user) {
  if (s->p.uq->method == PNO_UQ_ENSEMBLE)
    run_members(s, x, take, user);
  else if (is_laplace(s))
    run_laplace(s, x, sample, take, user);
  else
    run_passes(s, x, sample, take, user);
}

const float *pno_sampler_one(pno_sampler *s, const float *x, uint32_t sample, int draw, int step) {
  const int within = draw % s->chunk, first = draw - within;
  const float *params = s->p.members->params;
  if (s->p.uq->method == PNO_UQ_ENSEMBLE) {
    pno_fno_forward(s->plans[draw], s->p.members[draw].params, x, 1, s->fields);
    return s->fields;
  }
  if (is_laplace(s)) {
    pno_affine norm;
    const pno_mlp head = pno_laplace_heads_draw(s->heads, s->p.uq->seed, first, &norm);
    pno_fno_forward_with(s->plans[0], params, &head, &norm, x, 1, s->columns);
    pno_laplace_heads_fields(s->heads, s->columns, s->p.uq->noise, sample, step, s->fields);
  } else {
    set_noise(s, &sample, first, s->p.uq->method == PNO_UQ_MCDROPOUT ? 0 : step);
    pno_fno_forward(s->plans[0], params, x, 1, s->fields);
  }
  return s->fields + within * s->points * s->out;
}

void pno_sampler_parts(const pno_sampler *s, double *aleatoric, double *in_draws) {
  *aleatoric = *in_draws = NAN;
  switch (s->p.uq->method) {
    case PNO_UQ_PNO_R: *aleatoric = pno_fno_heads_variance(s->plans[0], 0); break;
    case PNO_UQ_MCDROPOUT:
    case PNO_UQ_ENSEMBLE: *in_draws = 0; break;
    case PNO_UQ_LAPLACE:
      if (!s->heads) break;
      *aleatoric = pno_laplace_heads_noise(s->heads);
      *in_draws = s->p.uq->noise ? *aleatoric : 0;
      break;
    default: break;
  }
}
