#include "engine/model/fno_loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/normal.h"

static const double eps = 1e-8; /* beside the norm of a target, as in neuraloperator's LpLoss */

/* ---- one field ---- */

/* From the sums of the blocks, in block order: loss of each pass and the factor of its gradient (of e, or of e plus its
 * slope terms). A zero error has a zero gradient. */
void fno_finish_losses(pno_fno_plan *p, pno_loss_kind kind, int passes, double *loss) {
  for (int s = 0; s < passes; s++) {
    double error = 0, target = 0;
    for (int b = s * p->grid.blocks; b < (s + 1) * p->grid.blocks; b++) {
      error += p->sums[2 * (ptrdiff_t)b];
      target += p->sums[2 * (ptrdiff_t)b + 1];
    }
    const double norm = sqrt(error);
    const double factor = kind == PNO_LOSS_L2 ? 1.0 / sqrt((double)pno_grid_data_points(&p->grid))
                                              : 1.0 / (sqrt(target) + eps);
    loss[s] = norm * factor;
    p->scale[s] = norm > 0 ? (float)(factor / norm) : 0.0f;
    if (!isfinite(loss[s])) p->scale[s] = NAN; /* must not look like a sample without error */
  }
}

static pno_loss loss_of(const pno_fno_plan *p, pno_loss_kind kind, const float *output, const float *target) {
  return (pno_loss){.grid = &p->grid, .channels = p->fno->spec.out, .kind = kind, .output = output,
                    .target = target, .error = p->error, .sums = p->sums, .scale = p->scale, .dy = p->dy};
}

void pno_fno_losses(pno_fno_plan *p, pno_loss_kind kind, const float *output, const float *target, int samples,
                    double *loss) {
  assert(kind <= PNO_LOSS_H1);
  const pno_loss a = loss_of(p, kind, output, target);
  const int blocks = samples * p->grid.blocks;
  p->use.kernels->loss_error(&a, 0, blocks);
  p->use.kernels->loss_sums(&a, 0, blocks);
  fno_finish_losses(p, kind, samples, loss);
}

/* ---- draws ---- */

static bool is_normal(const pno_fno_use *use, int heads) { return heads == 2 && use->loss == PNO_LOSS_NLL; }

int fno_loss_draws(const pno_fno_use *use, int heads) { return is_normal(use, heads) ? 0 : use->draws > 1 ? use->draws : 1; }

static pno_draws_kind draws_kind(pno_loss_kind k) {
  return k == PNO_LOSS_CRPS ? PNO_DRAWS_CRPS : k == PNO_LOSS_NLL ? PNO_DRAWS_NLL : PNO_DRAWS_DISTANCES;
}

/* What the sums of a sample are cut into: points for the normal distribution, values for draws. */
static ptrdiff_t steps_of(const pno_fno_use *use, int heads, ptrdiff_t points, int out) {
  return ((is_normal(use, heads) ? points : points * out) + PNO_STEP - 1) / PNO_STEP;
}

static int terms_of(const pno_fno_use *use, int heads) {
  return is_normal(use, heads) ? 1 : pno_draws_terms(draws_kind(use->loss), fno_loss_draws(use, heads));
}

ptrdiff_t fno_loss_terms(const pno_fno_use *use, int heads, ptrdiff_t points, int out) {
  if (use->loss <= PNO_LOSS_H1) return 0;
  return (steps_of(use, heads, points, out) + 1) * terms_of(use, heads);
}

/* Of two draws and more; 0 for one, which has no pairs. */
static double spread_of(const pno_fno_use *use) {
  const double m = use->draws;
  return use->draws > 1 ? (m - 1.0 + use->draw_loss.fair) / (m * m * (m - 1.0)) : 0.0;
}

static int steps(const pno_fno_plan *p) {
  return (int)steps_of(&p->use, p->fno->spec.heads, pno_grid_data_points(&p->grid), p->fno->spec.out);
}

static double *sums_of(const pno_fno_plan *p, int sample) {
  return p->terms + (ptrdiff_t)sample * steps(p) * terms_of(&p->use, p->fno->spec.heads);
}

static double *factors_of(const pno_fno_plan *p, int sample) {
  return sums_of(p, p->use.samples) + (ptrdiff_t)sample * terms_of(&p->use, p->fno->spec.heads);
}

static pno_draws draws_of(const fno_pass *c, int sample) {
  const pno_fno_plan *p = c->p;
  const ptrdiff_t values = pno_grid_data_points(&p->grid) * p->fno->spec.out;
  const int draws = fno_loss_draws(&p->use, p->fno->spec.heads);
  return (pno_draws){.kind = draws_kind(p->use.loss), .draws = draws, .values = values, .spread = (float)spread_of(&p->use),
                     .output = c->output + sample * draws * values, .target = c->target + sample * values,
                     .sums = sums_of(p, sample), .factor = factors_of(p, sample), .dy = p->dy + sample * draws * values};
}

static pno_normal normal_of(const fno_pass *c, int sample) {
  const pno_fno_plan *p = c->p;
  const int out = p->fno->spec.out, draws = p->use.draws > 1 ? p->use.draws : 1;
  const ptrdiff_t points = pno_grid_data_points(&p->grid), values = points * out;
  pno_normal a = {.points = points, .out = out, .draws = draws,
                  .norm = {.per_point = p->use.norm_out.per_point, .scale = p->head_scale, .shift = p->head_shift},
                  .seed = p->noise.seed, .epoch = p->noise.epoch, .first_draw = p->noise.first_draw,
                  .heads = p->heads + 2 * sample * values};
  a.sample = p->noise.sample ? p->noise.sample[sample] : (uint32_t)sample;
  if (c->output) a.output = c->output + sample * draws * values;
  if (p->normals) a.z = p->normals + sample * draws * values;
  if (!c->grad) return a;
  a.target = c->target + sample * values;
  a.dheads = p->dheads + 2 * sample * values;
  if (p->dy) a.dy = p->dy + sample * draws * values;
  if (is_normal(&p->use, p->fno->spec.heads)) {
    a.sums = sums_of(p, sample);
    a.factor = *factors_of(p, sample);
  }
  return a;
}

/* ---- scores of distances: value, and factors of the gradient ---- */

/* d value / d K and k for one distance K. */
static double kernel(const pno_draw_loss *l, double distance, double *slope) {
  const double g2 = l->gamma * l->gamma;
  const double k = l->laplace ? exp(-distance / (2.0 * g2)) : exp(-distance * distance / (4.0 * g2));
  *slope = l->laplace ? -k / (2.0 * g2) : -k * distance / (2.0 * g2);
  return k;
}

static double distances_loss(const pno_fno_plan *p, const double *sums, double *factor) {
  const pno_fno_use *use = &p->use;
  const int draws = fno_loss_draws(use, p->fno->spec.heads), terms = pno_draws_terms(PNO_DRAWS_DISTANCES, draws);
  const double c = use->loss == PNO_LOSS_REL_ENERGY ? 1.0 / (sqrt(sums[0]) + eps)
                                                    : 1.0 / sqrt((double)pno_grid_data_points(&p->grid));
  const double near = 1.0 / draws;
  double total = use->loss == PNO_LOSS_KERNEL ? 1.0 : 0.0;
  factor[0] = 0;
  for (int t = 1; t < terms; t++) {
    const double norm = sqrt(sums[t]), distance = c * norm;
    const bool pair = t > draws;
    double weight = pair ? -spread_of(use) : near, slope = 1.0;
    if (use->loss == PNO_LOSS_KERNEL) {
      weight = pair ? 1.0 / ((double)draws * (draws - 1)) : -near;
      total += weight * kernel(&use->draw_loss, distance, &slope);
    } else {
      total += weight * distance;
    }
    factor[t] = norm > 0 ? weight * slope * c / norm : 0.0;
  }
  return total;
}

/* Adds up the steps of a sample in order, into the first one, and makes loss and factors of them. */
static double finish(const pno_fno_plan *p, int sample) {
  const int terms = terms_of(&p->use, p->fno->spec.heads), n = steps(p);
  double *sums = sums_of(p, sample), *factor = factors_of(p, sample);
  for (int s = 1; s < n; s++)
    for (int t = 0; t < terms; t++) sums[t] += sums[(ptrdiff_t)s * terms + t];
  double loss;
  if (p->use.loss == PNO_LOSS_CRPS || p->use.loss == PNO_LOSS_NLL) {
    factor[0] = 1.0 / (double)(pno_grid_data_points(&p->grid) * p->fno->spec.out);
    loss = sums[0] * factor[0];
  } else {
    loss = distances_loss(p, sums, factor);
  }
  for (int t = 0; !isfinite(loss) && t < terms; t++) factor[t] = NAN; /* must not look like a sample without error */
  return loss;
}

/* ---- on all threads: the steps of all samples ---- */

typedef void step_work(const fno_pass *c, int sample, ptrdiff_t step);

static void each_step(const fno_pass *c, const fno_crew *w, ptrdiff_t n, step_work *work) {
  int first;
  const int inputs = c->samples / c->p->draws, count = fno_share(w, inputs * (int)n, &first);
  for (int i = first; i < first + count; i++) work(c, i / (int)n, i % n);
}

static ptrdiff_t point_steps(const fno_pass *c) { return (pno_grid_data_points(&c->p->grid) + PNO_STEP - 1) / PNO_STEP; }

static void draw_step(const fno_pass *c, int sample, ptrdiff_t step) {
  const pno_normal a = normal_of(c, sample);
  c->p->use.kernels->normal_draw(&a, step, 1);
}
static void draw_work(const fno_pass *c, const fno_crew *w) { each_step(c, w, point_steps(c), draw_step); }

static void sums_step(const fno_pass *c, int sample, ptrdiff_t step) {
  const pno_kernels *k = c->p->use.kernels;
  if (is_normal(&c->p->use, c->p->fno->spec.heads)) {
    const pno_normal a = normal_of(c, sample);
    k->normal_nll(&a, step, 1);
  } else {
    const pno_draws a = draws_of(c, sample);
    k->draws_sums(&a, step, 1);
  }
}
static void sums_work(const fno_pass *c, const fno_crew *w) { each_step(c, w, steps(c->p), sums_step); }

static void gradient_step(const fno_pass *c, int sample, ptrdiff_t step) {
  const pno_draws a = draws_of(c, sample);
  c->p->use.kernels->draws_gradient(&a, step, 1);
}
static void gradient_work(const fno_pass *c, const fno_crew *w) { each_step(c, w, steps(c->p), gradient_step); }

static void heads_step(const fno_pass *c, int sample, ptrdiff_t step) {
  const pno_normal a = normal_of(c, sample);
  const pno_kernels *k = c->p->use.kernels;
  (is_normal(&c->p->use, c->p->fno->spec.heads) ? k->normal_nll_gradient : k->normal_gradient)(&a, step, 1);
}
static void heads_work(const fno_pass *c, const fno_crew *w) { each_step(c, w, point_steps(c), heads_step); }

void fno_draw(const fno_pass *c) { fno_run_modes(c, PNO_PHASE_TURN, draw_work); }

void pno_fno_draw_again(pno_fno_plan *p, int samples, float *output) {
  const fno_pass c = {.p = p, .output = output, .samples = samples};
  fno_draw(&c);
}

double pno_fno_heads_variance(const pno_fno_plan *p, int sample) {
  const int out = p->fno->spec.out;
  const ptrdiff_t points = pno_grid_data_points(&p->grid);
  const float *heads = p->heads + 2 * sample * points * out;
  double sum = 0;
  for (ptrdiff_t i = 0; i < points; i++) {
    for (int o = 0; o < out; o++) {
      const double scale = (double)p->head_scale[(p->use.norm_out.per_point ? 2 * i * out : 0) + o];
      double slope;
      const double sd = pno_normal_deviation((double)heads[2 * i * out + out + o], scale, &slope);
      sum += sd * sd;
    }
  }
  return sum / (double)(points * out);
}

static void draws_loss(const fno_pass *c, double *loss) {
  const pno_fno_plan *p = c->p;
  fno_run_modes(c, PNO_PHASE_TURN, sums_work);
  for (int s = 0; s < c->samples / p->draws; s++) loss[s] = finish(p, s);
  if (!is_normal(&p->use, p->fno->spec.heads)) fno_run_modes(c, PNO_PHASE_TURN, gradient_work);
  if (p->fno->spec.heads == 2) fno_run_modes(c, PNO_PHASE_TURN, heads_work);
}

void fno_field_loss(const fno_pass *c, double *loss) {
  pno_fno_plan *p = c->p;
  if (p->use.loss > PNO_LOSS_H1) {
    draws_loss(c, loss);
  } else {
    pno_fno_losses(p, p->use.loss, c->output, c->target, c->samples, loss);
    const pno_loss a = loss_of(p, p->use.loss, c->output, c->target);
    p->use.kernels->loss_gradient(&a, 0, c->samples * p->grid.blocks);
  }
  for (int s = 0; s < c->samples; s++) p->scale[s] = 1.0f; /* it is in the gradient of the field already */
}
