#include "benchmarks/lib/gates.h"

#include <math.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/model/fno.h"

enum { SAMPLES = 2 };

/* One small operator with everything a pass needs. */
typedef struct {
  pno_fno_spec spec;
  pno_fno *fno;
  pno_fno_plan *plan;
  pno_arena memory;
  ptrdiff_t points;
  float *params, *moved, *grad, *input, *target, *output; /* lent by memory */
} problem;

static pno_status push(problem *p, pno_arena *a) {
  const ptrdiff_t floats = pno_fno_registry(p->fno)->floats, values = SAMPLES * p->points;
  PNO_TRY(PNO_PUSH(a, floats, &p->params));
  PNO_TRY(PNO_PUSH(a, floats, &p->moved));
  PNO_TRY(PNO_PUSH(a, floats, &p->grad));
  PNO_TRY(PNO_PUSH(a, values, &p->input));
  PNO_TRY(PNO_PUSH(a, values, &p->target));
  return PNO_PUSH(a, values, &p->output);
}

static pno_status begin(problem *p, const pno_kernels *table, int threads, const int *n) {
  static const float one = 1.0f, zero = 0.0f;
  const pno_affine same = {.scale = &one, .shift = &zero};
  pno_fno_use use = {.kernels = table, .samples = SAMPLES, .micro = 1, .threads = threads, .train = true,
                     .norm_in = same, .norm_out = same, .loss = PNO_LOSS_REL_L2};
  p->points = 1;
  for (int j = 0; j < p->spec.dims; j++) p->points *= use.n[j] = n[j];
  PNO_TRY(pno_fno_create(&p->spec, &p->fno));
  PNO_TRY(pno_fno_plan_create(p->fno, &use, &p->plan));
  pno_arena measure = pno_arena_measure("gates", PNO_SPACE_HOST);
  PNO_TRY(push(p, &measure));
  PNO_TRY(pno_arena_create("gates", PNO_SPACE_HOST, measure.peak, &p->memory));
  return push(p, &p->memory);
}

static void end(problem *p) {
  pno_fno_plan_destroy(&p->plan);
  pno_arena_destroy(&p->memory);
  pno_fno_destroy(&p->fno);
}

/* ---- gradients ---- */

/* Sum of the samples' losses at the moved parameters, of outputs in single precision. */
static double loss_at(problem *p) {
  double loss[SAMPLES];
  pno_fno_forward(p->plan, p->moved, p->input, SAMPLES, p->output);
  pno_fno_losses(p->plan, PNO_LOSS_REL_L2, p->output, p->target, SAMPLES, loss);
  return loss[0] + loss[1];
}

static float scatter(uint64_t i) {
  const pno_rng rng = {.seed = 11, .stream = PNO_STREAM_FIELD};
  return (float)pno_rng_uniform(&rng, i);
}

/* The direction g_i (1/2 + u_i), u uniform in (0, 1): every element takes part with a weight of its own, and nothing
 * cancels. A step of 0.3 percent of the loss, but of no more than 3 percent of the tensor, lies between what single
 * precision can tell (noise of 1e-7 of the loss) and where the loss bends: right gradients are within 0.2 percent. */
static pno_status check_tensor(problem *p, const pno_tensor *t, double loss) {
  const float *g = p->grad + t->at, *at = p->params + t->at;
  double slope = 0, size = 0, length = 0;
  for (ptrdiff_t i = 0; i < t->count; i++) {
    const double v = g[i] * (0.5 + (double)scatter((uint64_t)(t->at + i)));
    slope += g[i] * v;
    length += v * v;
    size += (double)at[i] * at[i];
  }
  if (!(slope > 0)) return pno_fail(PNO_E_DIVERGED, "the gradient of %s is %g", t->name, slope);
  const double most = 0.03 * sqrt(size / length), wanted = 0.003 * loss / slope, h = wanted < most ? wanted : most;
  double ends[2];
  for (int side = 0; side < 2; side++) {
    memcpy(p->moved, p->params, sizeof *p->params * (size_t)pno_fno_registry(p->fno)->floats);
    for (ptrdiff_t i = 0; i < t->count; i++)
      p->moved[t->at + i] += (float)((side ? h : -h) * g[i] * (0.5 + (double)scatter((uint64_t)(t->at + i))));
    ends[side] = loss_at(p);
  }
  const double found = (ends[1] - ends[0]) / (2.0 * h), noise = 3e-7 * loss / h;
  if (fabs(found - slope) <= 0.005 * slope + noise) return PNO_OK;
  return pno_fail(PNO_E_DIVERGED, "%s: the gradient says %.5g, differences of the loss %.5g", t->name, slope, found);
}

static pno_status check_gradients(problem *p) {
  const pno_registry *r = pno_fno_registry(p->fno);
  double loss[SAMPLES];
  pno_registry_init(r, 3, p->params);
  for (int k = 0; k < r->n; k++) /* those of flavour li start at 1 / width^2: too small to be felt */
    for (ptrdiff_t i = 0; r->tensor[k].init == PNO_INIT_UNIT_INTERVAL && i < r->tensor[k].count; i++)
      p->params[r->tensor[k].at + i] *= (float)p->spec.width;
  for (ptrdiff_t i = 0; i < SAMPLES * p->points; i++) {
    p->input[i] = 2.0f * scatter((uint64_t)i) - 1.0f;
    p->target[i] = 1.0f + scatter((uint64_t)(i + (1 << 20)));
  }
  pno_fno_gradient(p->plan, p->params, p->input, p->target, SAMPLES, true, p->output, p->grad, loss);
  for (int k = 0; k < r->n; k++) PNO_TRY(check_tensor(p, &r->tensor[k], loss[0] + loss[1]));
  return PNO_OK;
}

pno_status pno_bench_gate_gradients(const pno_kernels *table, int threads) {
  static const struct {
    pno_flavour flavour;
    int dims, n[PNO_DIMS_MAX], modes, lift, mlp;
  } small[] = {{PNO_FLAVOUR_LI, 1, {33}, 5, 0, 0},
               {PNO_FLAVOUR_LI, 2, {40, 33}, 3, 0, 0}, /* two blocks of rows */
               {PNO_FLAVOUR_LI, 3, {6, 5, 8}, 2, 0, 0},
               {PNO_FLAVOUR_NEURALOP, 2, {10, 11}, 6, 10, 7}};
  for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
    problem p = {.spec = {.flavour = small[i].flavour, .dims = small[i].dims, .in = 1, .out = 1, .width = 20, .layers = 2,
                          .lift_hidden = small[i].lift, .head_hidden = 24, .mlp_hidden = small[i].mlp, .embed = true}};
    for (int j = 0; j < p.spec.dims; j++) p.spec.modes[j] = small[i].modes;
    pno_status st = begin(&p, table, threads, small[i].n);
    if (st == PNO_OK) st = pno_fail_in(check_gradients(&p), "%d-D", p.spec.dims);
    end(&p);
    PNO_TRY(st);
  }
  return PNO_OK;
}

/* ---- transforms ---- */

/* One layer that passes two channels through unchanged: lift x to (x, x/2), every mode times 1, no skip, and a head of
 * gelu(a/2 + b + 8) - 8, which adds them up again: GELU is the identity there. */
static void pass_through(problem *p) {
  const pno_registry *r = pno_fno_registry(p->fno);
  memset(p->params, 0, sizeof *p->params * (size_t)r->floats);
  for (int k = 0; k < r->n; k++) {
    const pno_tensor *t = &r->tensor[k];
    float *w = p->params + t->at;
    const ptrdiff_t op = pno_padded(t->out);
    if (strcmp(t->name, "fc0.weight") == 0) { /* [in][out] */
      w[0] = 1.0f;
      w[1] = 0.5f;
    } else if (strcmp(t->name, "fc1.weight") == 0) {
      w[0] = 0.5f;
      w[op] = 1.0f;
    } else if (strcmp(t->name, "fc1.bias") == 0) {
      w[0] = 8.0f;
    } else if (strcmp(t->name, "fc2.weight") == 0) {
      w[0] = 1.0f;
    } else if (strcmp(t->name, "fc2.bias") == 0) {
      w[0] = -8.0f;
    } else if (t->kind == PNO_TENSOR_SPECTRAL) { /* [mode][in][re|im][out] */
      const ptrdiff_t modes = t->count / (4 * op);
      for (ptrdiff_t m = 0; m < modes; m++)
        for (int c = 0; c < 2; c++) w[(m * 2 + c) * 2 * op + c] = 1.0f;
    }
  }
}

/* Waves of at most modes - 1 turns along each axis, of both signs, and a mean. */
static void fill_waves(problem *p, const int *n, int modes) {
  const double two_pi = 6.283185307179586;
  for (ptrdiff_t i = 0; i < SAMPLES * p->points; i++) {
    ptrdiff_t rest = i % p->points;
    double forth = 0.3 + (double)(i / p->points), back = 0.7;
    for (int j = p->spec.dims - 1; j >= 0; j--) {
      const double turns = (double)(rest % n[j]) / n[j];
      forth += two_pi * (modes - 1) * turns;
      back += two_pi * (j % 2 ? -1 : 1) * turns;
      rest /= n[j];
    }
    p->input[i] = (float)(0.2 + 0.5 * cos(forth) - 0.3 * sin(back));
  }
}

pno_status pno_bench_gate_transforms(const pno_kernels *table, int threads) {
  static const int grids[][1 + PNO_DIMS_MAX] = {{1, 45}, {1, 48}, {2, 15, 13}, {2, 16, 18}, {3, 9, 11, 13}, {3, 10, 12, 16}};
  enum { MODES = 4 };
  for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++) {
    const int *n = grids[i] + 1;
    problem p = {.spec = {.flavour = PNO_FLAVOUR_LI, .dims = grids[i][0], .in = 1, .out = 1, .width = 2, .layers = 1,
                          .head_hidden = 1}};
    for (int j = 0; j < p.spec.dims; j++) p.spec.modes[j] = MODES;
    pno_status st = begin(&p, table, threads, n);
    if (st == PNO_OK) {
      double worst = 0;
      pass_through(&p);
      fill_waves(&p, n, MODES);
      pno_fno_forward(p.plan, p.params, p.input, SAMPLES, p.output);
      for (ptrdiff_t k = 0; k < SAMPLES * p.points; k++) {
        const double error = fabs((double)p.output[k] - p.input[k]);
        if (!isnan(worst) && !(error <= worst)) worst = error; /* not a number is the worst */
      }
      if (!(worst <= 1e-5))
        st = pno_fail(PNO_E_DIVERGED, "%d-D, %d points on the first axis: a field returns %.3g off", p.spec.dims, n[0], worst);
    }
    end(&p);
    PNO_TRY(st);
  }
  return PNO_OK;
}
