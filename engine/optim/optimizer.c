#include "engine/optim/optimizer.h"

#include <math.h>

pno_status pno_optimizer_create(const pno_optim_spec *spec, const pno_kernels *kernels, const pno_optim_tensor *tensors,
                                int n, ptrdiff_t floats, ptrdiff_t v_floats, pno_arena *arena, pno_optimizer *out) {
  pno_optimizer o = {.spec = *spec, .kernels = kernels, .tensors = tensors, .n = n, .floats = floats,
                     .v_floats = v_floats};
  PNO_TRY(PNO_PUSH(arena, floats, &o.m));
  PNO_TRY(PNO_PUSH(arena, v_floats, &o.v));
  PNO_TRY(PNO_PUSH(arena, floats / PNO_BLOCK, &o.squares));
  PNO_TRY(PNO_PUSH(arena, 1, &o.args));
  *out = o;
  return PNO_OK;
}

/* Euclidean norm of the sum of gradients; not finite if an element is not. Block sums are added in block order. */
static double gradient_norm(pno_optimizer *o, const float *grad) {
  const ptrdiff_t blocks = o->floats / PNO_BLOCK;
  const int threads = o->threads > 1 ? o->threads : 1;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int t = 0; t < threads; t++) {
    const ptrdiff_t first = blocks * t / threads, end = blocks * (t + 1) / threads;
    o->kernels->squares(grad, first, end - first, o->squares);
  }
  double sum = 0;
  for (ptrdiff_t b = 0; b < blocks; b++) sum += o->squares[b];
  return sqrt(sum);
}

static void set_args(pno_optimizer *o, double lr, long samples, double norm) {
  const pno_optim_spec *s = &o->spec;
  const double clip = s->clip > 0 && norm > s->clip ? s->clip / norm : 1.0;
  *o->args = (pno_step_args){.lr = (float)lr,
                             .beta1 = (float)s->beta1,
                             .beta2 = (float)s->beta2,
                             .rest1 = (float)(1.0 - s->beta1),
                             .rest2 = (float)(1.0 - s->beta2),
                             .eps = (float)s->eps,
                             .weight_decay = (float)s->weight_decay,
                             .correct1 = (float)(1.0 - pow(s->beta1, (double)o->steps)),
                             .correct2 = (float)(1.0 - pow(s->beta2, (double)o->steps)),
                             .grad_scale = (float)(clip / (double)samples),
                             .decoupled = s->kind == PNO_OPTIM_ADAMW ? 1.0f : 0.0f};
}

/* Share k of n of every tensor, cut where blocks end. */
static void update_share(const pno_optimizer *o, const float *grad, float *params, int k, int n) {
  for (int i = 0; i < o->n; i++) {
    const pno_optim_tensor *t = &o->tensors[i];
    const ptrdiff_t blocks = (t->v_count + PNO_BLOCK - 1) / PNO_BLOCK;
    const ptrdiff_t first = blocks * k / n * PNO_BLOCK, last = blocks * (k + 1) / n * PNO_BLOCK;
    const ptrdiff_t end = last < t->v_count ? last : t->v_count;
    const pno_adam a = {.is_complex = t->is_complex, .half = t->half, .step = o->args, .grad = grad + t->at,
                        .param = params + t->at, .m = o->m + t->at, .v = o->v + t->v_at};
    if (end > first) o->kernels->adam(&a, first, end - first);
  }
}

bool pno_optimizer_step(pno_optimizer *o, double lr, long samples, const float *grad, float *params, double *norm) {
  *norm = samples > 0 ? gradient_norm(o, grad) / (double)samples : NAN;
  if (!isfinite(*norm)) return false;
  o->steps++;
  set_args(o, lr, samples, *norm);
  const int threads = o->threads > 1 ? o->threads : 1;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
  for (int k = 0; k < threads; k++) update_share(o, grad, params, k, threads);
  return true;
}

double pno_optimizer_traffic(const pno_optimizer *o) {
  return (double)sizeof(float) * (double)(2 * o->floats + 4 * o->floats + 2 * o->v_floats);
}
