#include "kernels/scalar/table.h"
#include "kernels/simd/table.h"
#include "kernels/simd/gelu.h"

void simd_gelu(ptrdiff_t n, const float *x, float *value, float *slope) {
  ptrdiff_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    vec v, d;
    if (slope) {
      v_gelu(v_load(x + i), &v, &d);
      v_store(slope + i, d);
    } else {
      v_gelu(v_load(x + i), &v, NULL);
    }
    v_store(value + i, v);
  }
  float rest[2][LANES] = {{0}}; /* what does not fill a register goes through one all the same: the same function */
  for (ptrdiff_t j = i; j < n; j++) rest[0][j - i] = x[j];
  if (i == n) return;
  vec v, d;
  v_gelu(v_load(rest[0]), &v, &d);
  v_store(rest[0], v);
  v_store(rest[1], d);
  for (ptrdiff_t j = i; j < n; j++) value[j] = rest[0][j - i];
  for (ptrdiff_t j = i; slope && j < n; j++) slope[j] = rest[1][j - i];
}

void simd_accumulate(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count) {
  ptrdiff_t i = first;
  for (; i + LANES <= first + count; i += LANES) {
    vec grad = v_load(a->grad + i);
    for (int m = 0; m < a->blocks; m += a->micro) {
      const int end = m + a->micro < a->blocks ? m + a->micro : a->blocks;
      vec sum = v_zero();
      for (int b = m; b < end; b++)
        sum = v_fma(v_all(a->scale[b / a->blocks_a_sample]), v_load(a->partial + b * a->stride + i), sum);
      grad += sum;
    }
    v_store(a->grad + i, grad);
  }
  for (; i < first + count; i++) {
    float grad = a->grad[i];
    for (int m = 0; m < a->blocks; m += a->micro) {
      const int end = m + a->micro < a->blocks ? m + a->micro : a->blocks;
      float sum = 0;
      for (int b = m; b < end; b++)
        sum = __builtin_fmaf(a->scale[b / a->blocks_a_sample], a->partial[b * a->stride + i], sum);
      grad += sum;
    }
    a->grad[i] = grad;
  }
}

void simd_squares(const float *g, ptrdiff_t block, ptrdiff_t count, double *squares) {
  enum { LINES = 8 }; /* sums side by side, so that additions do not wait for each other */
  for (ptrdiff_t b = block; b < block + count; b++) {
    double lane[LINES * 8] = {0};
    for (int i = 0; i < PNO_BLOCK; i += LINES * 8) {
      const float *p = g + b * PNO_BLOCK + i;
      for (int n = 0; n < LINES * 8; n += PNO_LANES) v_fetch(p + n + 2 * PNO_BLOCK);
      for (int n = 0; n < LINES * 8; n++) lane[n] += (double)p[n] * p[n];
    }
    for (int width = LINES * 4; width > 0; width /= 2)
      for (int n = 0; n < width; n++) lane[n] += lane[n + width];
    squares[b] = lane[0];
  }
}

/* The constants of a step, spread out. lr / correct1 and decay are joined. */
typedef struct {
  vec rate, rest1, rest2, beta2, correct2, eps, grad_scale, l2, decay;
} adam_step;

INLINED vec gradient(const adam_step *s, const float *grad, vec param) {
  return v_fma(s->l2, param, s->grad_scale * v_load(grad));
}

/* 1 / (sqrt(v / correct2) + eps) */
INLINED vec inverse_deviation(const adam_step *s, vec v) {
  const vec u = v * s->correct2, tiny = v_all(1e-37f);
  const vec root = u * v_rsqrt(v_max(tiny, u));
  return v_reciprocal(root + s->eps);
}

INLINED void move(const adam_step *s, vec g, vec inverse, vec p, float *param, float *m) {
  const vec old = v_load(m), mean = v_fma(s->rest1, g - old, old);
  v_store(m, mean);
  v_store(param, v_fnma(s->rate * mean, inverse, v_fnma(s->decay, p, p)));
}

static adam_step spread(const pno_step_args *s) {
  return (adam_step){.rate = v_all(s->lr / s->correct1), .rest1 = v_all(s->rest1), .rest2 = v_all(s->rest2),
                     .beta2 = v_all(s->beta2), .correct2 = v_all(1.0f / s->correct2), .eps = v_all(s->eps),
                     .grad_scale = v_all(s->grad_scale), .l2 = v_all((1.0f - s->decoupled) * s->weight_decay),
                     .decay = v_all(s->decoupled * s->lr * s->weight_decay)};
}

/* The parts of LANES numbers: [re|im] of each array but v. */
typedef struct {
  const float *grad[2];
  float *param[2], *m[2], *v;
} adam_lanes;

INLINED void step_lanes(const adam_step *s, bool is_complex, const adam_lanes *a) {
  const vec pr = v_load(a->param[0]), g = gradient(s, a->grad[0], pr);
  vec square = g * g, pi = v_zero(), h = v_zero();
  if (is_complex) {
    pi = v_load(a->param[1]);
    h = gradient(s, a->grad[1], pi);
    square = v_fma(h, h, square);
  }
  const vec v = v_fma(s->rest2, square, s->beta2 * v_load(a->v)), inverse = inverse_deviation(s, v);
  v_store(a->v, v);
  move(s, g, inverse, pr, a->param[0], a->m[0]);
  if (is_complex) move(s, h, inverse, pi, a->param[1], a->m[1]);
}

INLINED ptrdiff_t real_part(const pno_adam *a, ptrdiff_t p) {
  return a->is_complex ? p / a->half * 2 * a->half + p % a->half : p;
}

/* Up to LANES numbers that do not lie as a vector: through one all the same, so that every range gives the same bits. */
static void step_some(const adam_step *s, const pno_adam *a, ptrdiff_t first, int n) {
  float grad[2][LANES] = {{0}}, param[2][LANES] = {{0}}, m[2][LANES] = {{0}}, v[LANES] = {0};
  const int parts = a->is_complex ? 2 : 1;
  for (int i = 0; i < n; i++) {
    v[i] = a->v[first + i];
    for (int j = 0; j < parts; j++) {
      const ptrdiff_t at = real_part(a, first + i) + j * a->half;
      grad[j][i] = a->grad[at], param[j][i] = a->param[at], m[j][i] = a->m[at];
    }
  }
  step_lanes(s, a->is_complex, &(adam_lanes){{grad[0], grad[1]}, {param[0], param[1]}, {m[0], m[1]}, v});
  for (int i = 0; i < n; i++) {
    a->v[first + i] = v[i];
    for (int j = 0; j < parts; j++) {
      const ptrdiff_t at = real_part(a, first + i) + j * a->half;
      a->param[at] = param[j][i], a->m[at] = m[j][i];
    }
  }
}

void simd_adam(const pno_adam *a, ptrdiff_t first, ptrdiff_t count) {
  if (a->step->skip > 0.0f) return;
  const adam_step s = spread(a->step);
  const bool aligned = !a->is_complex || (a->half % LANES == 0 && first % LANES == 0);
  const ptrdiff_t end = first + count;
  ptrdiff_t p = first;
  for (; aligned && p + LANES <= end; p += LANES) {
    const ptrdiff_t re = real_part(a, p), im = a->is_complex ? re + a->half : re;
    step_lanes(&s, a->is_complex, &(adam_lanes){{a->grad + re, a->grad + im}, {a->param + re, a->param + im},
                                                {a->m + re, a->m + im}, a->v + p});
  }
  for (; p < end; p += LANES) step_some(&s, a, p, (int)(end - p < LANES ? end - p : LANES));
}
