#include <math.h>

#include "kernels/scalar/gelu.h"
#include "kernels/scalar/table.h"

void pno_scalar_gelu(ptrdiff_t n, const float *x, float *value, float *slope) {
  for (ptrdiff_t i = 0; slope && i < n; i++) slope[i] = pno_gelu_slope(x[i]); /* first: value may be x */
  for (ptrdiff_t i = 0; i < n; i++) value[i] = pno_gelu(x[i]);
}

void pno_scalar_accumulate(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count) {
  for (ptrdiff_t i = first; i < first + count; i++) {
    float grad = a->grad[i];
    for (int m = 0; m < a->blocks; m += a->micro) {
      const int end = m + a->micro < a->blocks ? m + a->micro : a->blocks;
      float sum = 0;
      for (int b = m; b < end; b++) sum += a->scale[b / a->blocks_a_sample] * a->partial[b * a->stride + i];
      grad += sum;
    }
    a->grad[i] = grad;
  }
}

void pno_scalar_squares(const float *g, ptrdiff_t block, ptrdiff_t count, double *squares) {
  for (ptrdiff_t b = block; b < block + count; b++) {
    double lane[PNO_LANES] = {0}, sum = 0;
    for (int i = 0; i < PNO_BLOCK; i += PNO_LANES) {
      const float *p = g + b * PNO_BLOCK + i;
      for (int n = 0; n < PNO_LANES; n++) lane[n] += (double)p[n] * p[n];
    }
    for (int n = 0; n < PNO_LANES; n++) sum += lane[n];
    squares[b] = sum;
  }
}

/* One real number, or one part of a complex one, whose |g|^2 moment v is already updated. */
static inline void move(const pno_step_args *s, float g, float v, float *param, float *m) {
  *m = s->beta1 * *m + s->rest1 * g;
  const float mean = *m / s->correct1, deviation = sqrtf(v / s->correct2) + s->eps;
  const float decay = s->decoupled * s->lr * s->weight_decay * *param;
  *param -= s->lr * mean / deviation + decay;
}

static inline float gradient(const pno_adam *a, ptrdiff_t i) {
  const pno_step_args *s = a->step;
  return a->grad[i] * s->grad_scale + (1.0f - s->decoupled) * s->weight_decay * a->param[i];
}

void pno_scalar_adam(const pno_adam *a, ptrdiff_t first, ptrdiff_t count) {
  const pno_step_args *s = a->step;
  if (s->skip > 0.0f) return;
  for (ptrdiff_t p = first; p < first + count; p++) {
    const ptrdiff_t re = a->is_complex ? p / a->half * 2 * a->half + p % a->half : p, im = re + a->half;
    const float g = gradient(a, re), h = a->is_complex ? gradient(a, im) : 0.0f;
    a->v[p] = s->beta2 * a->v[p] + s->rest2 * (g * g + h * h);
    move(s, g, a->v[p], a->param + re, a->m + re);
    if (a->is_complex) move(s, h, a->v[p], a->param + im, a->m + im);
  }
}
