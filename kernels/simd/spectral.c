#include <string.h>

#include "kernels/scalar/rows.h"
#include "kernels/scalar/table.h"
#include "kernels/simd/dense.h"
#include "kernels/simd/table.h"
#include "kernels/simd/transform.h"

/* ---- leading axes ---- */

/* Points of a column, `step` floats apart. */
static places column_places(const transform *t, ptrdiff_t step) {
  const ptrdiff_t n = t->n, y = 1;
  const ptrdiff_t special[4] = {0, n / 2, n / 4, n / 4 * 3};
  places p = {.at = {y * step, (n - y) * step, (n / 2 + y) * step, (n / 2 - y) * step}, .step = step};
  for (int j = 0; j < t->specials; j++) p.special[j] = special[j] * step;
  return p;
}

/* Frequencies 1 .. both are kept with either sign, up to `plus` or `minus` with that one alone. */
typedef struct {
  int plus, minus, both;
} mode_range;

INLINED mode_range kept_range(const pno_axis *a) {
  const int plus = a->first + a->k - 1, minus = -a->first;
  return (mode_range){.plus = plus, .minus = minus, .both = plus < minus ? plus : minus};
}

/* r [f][re|im][of the real parts | of the imaginary parts][cp] holds two real transforms R and I, which give
 * X(f) = (R.re - I.im) + i (R.im + I.re) and X(-f) = (R.re + I.im) + i (I.re - R.im). */
INLINED void join_mode(const bool plus, const bool minus, ptrdiff_t cp, const float *r, float *p, float *m) {
  for (ptrdiff_t v = 0; v < cp; v += LANES) {
    const vec rr = v_load(r + v), ir = v_load(r + cp + v);
    const vec ri = v_load(r + 2 * cp + v), ii = v_load(r + 3 * cp + v);
    if (plus) {
      v_store(p + v, rr - ii);
      v_store(p + cp + v, ri + ir);
      v_fetch_write(p + 2 * cp + v); /* the next column's */
      v_fetch_write(p + 3 * cp + v);
    }
    if (minus) {
      v_store(m + v, rr + ii);
      v_store(m + cp + v, ir - ri);
      v_fetch_write(m + 2 * cp + v);
      v_fetch_write(m + 3 * cp + v);
    }
  }
}

static void join(const pno_axis_call *a, const float *r, float *out) {
  const ptrdiff_t step = pno_mode_step(a), cp = a->channels, next = 4 * cp;
  const mode_range k = kept_range(&a->axis);
  float *p = out - a->axis.first * step, *m = p;
  join_mode(true, false, cp, r, p, m);
  int f = 1;
  for (; f <= k.both; f++) join_mode(true, true, cp, r += next, p += step, m -= step);
  for (; f <= k.plus; f++) join_mode(true, false, cp, r += next, p += step, m);
  for (; f <= k.minus; f++) join_mode(false, true, cp, r += next, p, m -= step);
}

INLINED void split_mode(const bool plus, const bool minus, ptrdiff_t cp, const float *p, const float *m, float *r) {
  for (ptrdiff_t v = 0; v < cp; v += LANES) {
    vec pr = v_zero(), pi = v_zero(), mr = v_zero(), mi = v_zero();
    if (plus) {
      pr = v_load(p + v);
      pi = v_load(p + cp + v);
    }
    if (minus) {
      mr = v_load(m + v);
      mi = v_load(m + cp + v);
    }
    v_store(r + v, pr + mr);
    v_store(r + cp + v, pi + mi);
    v_store(r + 2 * cp + v, pi - mi);
    v_store(r + 3 * cp + v, mr - pr);
  }
}

/* The adjoint of join: real streams whose synthesis is the real and the imaginary part of the column. */
static void split(const pno_axis_call *a, const float *in, float *r) {
  const ptrdiff_t step = pno_mode_step(a), cp = a->channels, next = 4 * cp;
  const mode_range k = kept_range(&a->axis);
  const float *p = in - a->axis.first * step, *m = p;
  split_mode(true, false, cp, p, m, r);
  int f = 1;
  for (; f <= k.both; f++) split_mode(true, true, cp, p += step, m -= step, r += next);
  for (; f <= k.plus; f++) split_mode(true, false, cp, p += step, m, r += next);
  for (; f <= k.minus; f++) split_mode(false, true, cp, p, m -= step, r += next);
}

/* The points of a column lie far apart: the next line of each is fetched while this one is read or written. */
void simd_axis_forward(const pno_axis_call *a, int column, int count, float *scratch) {
  const transform t = axis_transform(&a->axis);
  const stretch all = {.slots = t.slots, .specials = true};
  const places p = column_places(&t, pno_point_step(a));
  const ptrdiff_t width = 2 * (ptrdiff_t)a->channels;
  for (ptrdiff_t at = column * width; at < (column + count) * width; at += width) {
    simd_analyse_fetch(&t, all, true, (int)width, a->in + at, &p, width, scratch, 2 * width, width);
    join(a, scratch, a->out + at);
  }
}

void simd_axis_inverse(const pno_axis_call *a, int column, int count, float *scratch) {
  const transform t = axis_transform(&a->axis);
  const stretch all = {.slots = t.slots, .specials = true};
  const places p = column_places(&t, pno_point_step(a));
  const ptrdiff_t width = 2 * (ptrdiff_t)a->channels;
  for (ptrdiff_t at = column * width; at < (column + count) * width; at += width) {
    split(a, a->in + at, scratch);
    simd_synthesise_plain(&t, all, (int)width, scratch, 2 * width, width, a->out + at, &p, width);
  }
}

/* ---- mixing of channels, mode by mode ---- */

enum { MIX_ROWS = 6 }; /* 6 x (re, im) x WIDE sums */

typedef enum { PLAIN, CONJUGATE_B } mix_kind;

/* A complex matrix: element (i, k) has its real part at p[i * row + k * col], the imaginary one im floats behind. */
typedef struct {
  const float *p;
  ptrdiff_t row, col, im;
} complex_a;

/* c = a b with b [k][bs], c [i][cs], imaginary parts bi and ci floats behind. */
INLINED void mix_block(const int rows, const int wide, const mix_kind kind, int depth, complex_a a,
                       const float *soon, const float *b, ptrdiff_t bs, ptrdiff_t bi, float *c, ptrdiff_t cs, ptrdiff_t ci) {
  vec re[MIX_ROWS][WIDE], im[MIX_ROWS][WIDE];
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      re[i][v] = v_zero();
      im[i][v] = v_zero();
    }
  const float *a0 = a.p, *a4 = a.p + 4 * a.row;
  const ptrdiff_t row3 = 3 * a.row;
  for (int k = 0; k < depth; k++) {
    vec br[WIDE], bim[WIDE];
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      br[v] = v_load(b + v * LANES);
      bim[v] = v_load(b + bi + v * LANES);
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
      const float *at = i == 0 ? a0 : i == 1 ? a0 + a.row : i == 2 ? a0 + 2 * a.row : i == 3 ? a0 + row3 : i == 4 ? a4 : a4 + a.row;
      const vec ar = v_all(at[0]), ai = v_all(at[a.im]);
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        re[i][v] = v_fma(ar, br[v], re[i][v]);
        re[i][v] = kind == PLAIN ? v_fnma(ai, bim[v], re[i][v]) : v_fma(ai, bim[v], re[i][v]);
        im[i][v] = kind == CONJUGATE_B ? v_fnma(ar, bim[v], im[i][v]) : v_fma(ar, bim[v], im[i][v]);
        im[i][v] = v_fma(ai, br[v], im[i][v]);
      }
    }
    v_fetch(soon + 16 * (ptrdiff_t)k);
    b += bs;
    a0 += a.col, a4 += a.col;
  }
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      v_store(c + i * cs + v * LANES, re[i][v]);
      v_store(c + i * cs + ci + v * LANES, im[i][v]);
    }
}

#define ROWS(n) \
  case n: mix_block(n, wide, kind, depth, a, soon, b, bs, bi, c, cs, ci); break
INLINED void mix_rows(int rows, const int wide, const mix_kind kind, int depth, complex_a a,
                      const float *soon, const float *b, ptrdiff_t bs, ptrdiff_t bi, float *c, ptrdiff_t cs, ptrdiff_t ci) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    ROWS(5);
    ROWS(6);
    default: break;
  }
}
#undef ROWS

/* soon: what is needed next, fetched a line a turn of the inner loops. */
INLINED void mix_matrix(const mix_kind kind, int rows, int columns, int depth, complex_a a,
                        const float *soon, const float *b, ptrdiff_t bs, ptrdiff_t bi, float *c, ptrdiff_t cs,
                        ptrdiff_t ci) {
  const int parts = (rows + MIX_ROWS - 1) / MIX_ROWS;
  for (int i = 0, first; i < parts; i++) {
    const int n = even_share(rows, MIX_ROWS, i, &first);
    complex_a at = a;
    at.p += first * a.row;
    int v = 0;
    for (; v + WIDE * LANES <= columns; v += WIDE * LANES, soon += 16 * (ptrdiff_t)depth)
      mix_rows(n, WIDE, kind, depth, at, soon, b + v, bs, bi, c + first * cs + v, cs, ci);
    for (; v < columns; v += LANES, soon += 16 * (ptrdiff_t)depth)
      mix_rows(n, 1, kind, depth, at, soon, b + v, bs, bi, c + first * cs + v, cs, ci);
  }
}

/* The weights of the mode after k. */
static const float *next_weight(const pno_mix *a, int k) {
  return a->weight + 2 * (ptrdiff_t)pno_padded(a->channels) * a->channels * a->stored[k + 1 < a->modes ? k + 1 : k];
}

void simd_mix_forward(const pno_mix *a, int mode, int count) {
  const int c = a->channels, cp = pno_padded(c);
  for (int k = mode; k < mode + count; k++) {
    const ptrdiff_t at = 2 * (ptrdiff_t)cp * k;
    const complex_a x = {a->x + at, a->stride, 1, cp};
    const float *weight = a->weight + 2 * (ptrdiff_t)cp * c * a->stored[k];
    mix_matrix(PLAIN, a->samples, cp, c, x, next_weight(a, k), weight, 2 * (ptrdiff_t)cp, cp, a->y + at, a->stride,
               cp);
    pno_scalar_mix_mask(a, k);
  }
}

enum { GRADIENT_ROWS = 4 };

/* Rows i0 .. of the gradient of one mode: each micro-batch's sum of conj(x) scale dy apart, then added to what is there,
 * micro-batch after micro-batch. single: a micro-batch is one sample. */
INLINED void gradient_block(const int rows, const int wide, const bool single, const pno_mix *a, const float *x,
                            const float *dy, const float *soon, ptrdiff_t cp, float *grad) {
  vec re[GRADIENT_ROWS][WIDE], im[GRADIENT_ROWS][WIDE], pr[GRADIENT_ROWS][WIDE], pi[GRADIENT_ROWS][WIDE];
  const ptrdiff_t vector = 2 * cp;
#pragma GCC unroll 4
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      re[i][v] = a->fresh ? v_zero() : v_load(grad + i * vector + v * LANES);
      im[i][v] = a->fresh ? v_zero() : v_load(grad + i * vector + cp + v * LANES);
    }
  for (int s = 0; s < a->samples;) {
    const int end = single || a->samples - s < a->micro ? (single ? s + 1 : a->samples) : s + a->micro;
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) pr[i][v] = pi[i][v] = v_zero();
    for (; s < end; s++) {
      const vec scale = v_all(a->scale[s]);
      vec br[WIDE], bi[WIDE];
      v_fetch(soon + 16 * (ptrdiff_t)s);
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        br[v] = scale * v_load(dy + v * LANES);
        bi[v] = scale * v_load(dy + cp + v * LANES);
      }
#pragma GCC unroll 4
      for (int i = 0; i < rows; i++) {
        const vec ar = v_all(x[i]), ai = v_all(x[cp + i]);
#pragma GCC unroll 2
        for (int v = 0; v < wide; v++) {
          vec r = ar * br[v], m = ar * bi[v];
          if (!single) r += pr[i][v], m += pi[i][v];
          pr[i][v] = v_fma(ai, bi[v], r);
          pi[i][v] = v_fnma(ai, br[v], m);
          if (!single) continue;
          re[i][v] += pr[i][v];
          im[i][v] += pi[i][v];
        }
      }
      x += a->stride;
      dy += a->stride;
    }
    if (single) continue;
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        re[i][v] += pr[i][v];
        im[i][v] += pi[i][v];
      }
  }
#pragma GCC unroll 4
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      v_store(grad + i * vector + v * LANES, re[i][v]);
      v_store(grad + i * vector + cp + v * LANES, im[i][v]);
    }
}

#define ROWS(n) \
  case n: gradient_block(n, wide, single, a, x, dy, soon, cp, grad); break
INLINED void gradient_rows(int rows, const int wide, const bool single, const pno_mix *a, const float *x,
                           const float *dy, const float *soon, ptrdiff_t cp, float *grad) {
  switch (rows) {
    ROWS(1);
    ROWS(2);
    ROWS(3);
    ROWS(4);
    default: break;
  }
}
#undef ROWS

INLINED void weight_gradient(const bool single, const pno_mix *a, int mode, float *grad) {
  const int c = a->channels;
  const ptrdiff_t cp = pno_padded(c), vector = 2 * cp, at = vector * mode;
  const float *x = a->x + at, *dy = a->y + at, *soon = next_weight(a, mode);
  for (int i = 0; i < c; i += GRADIENT_ROWS) {
    const int rows = c - i < GRADIENT_ROWS ? c - i : GRADIENT_ROWS;
    int v = 0;
    for (; v + WIDE * LANES <= cp; v += WIDE * LANES, soon += 16 * (ptrdiff_t)a->samples)
      gradient_rows(rows, WIDE, single, a, x + i, dy + v, soon, cp, grad + i * vector + v);
    for (; v < cp; v += LANES, soon += 16 * (ptrdiff_t)a->samples)
      gradient_rows(rows, 1, single, a, x + i, dy + v, soon, cp, grad + i * vector + v);
  }
}

/* dx = dy conj(w)^T in place of dy, a few samples at a time. */
static void input_gradient(const pno_mix *a, ptrdiff_t at, const float *weight, const float *soon, float *scratch) {
  const int c = a->channels, cp = pno_padded(c);
  const ptrdiff_t vector = 2 * (ptrdiff_t)cp;
  float *wt = scratch, *dx = scratch + c * vector; /* wt [out][re|im][in padded] */
  simd_transpose(c, c, weight, vector, wt, vector);
  simd_transpose(c, c, weight + cp, vector, wt + cp, vector);
  const int parts = (a->samples + MIX_ROWS - 1) / MIX_ROWS;
  for (int i = 0, first; i < parts; i++) {
    const int n = even_share(a->samples, MIX_ROWS, i, &first);
    float *dy = a->y + first * a->stride + at;
    const complex_a g = {dy, a->stride, 1, cp};
    mix_matrix(CONJUGATE_B, n, cp, c, g, soon, wt, vector, cp, dx, vector, cp);
    for (int s = 0; s < n; s++) memcpy(dy + s * a->stride, dx + s * vector, sizeof *dx * (size_t)vector);
  }
}

void simd_mix_backward(const pno_mix *a, int mode, int count, float *scratch) {
  const ptrdiff_t vector = 2 * (ptrdiff_t)pno_padded(a->channels), weight = vector * a->channels;
  for (int k = mode; k < mode + count; k++) {
    const ptrdiff_t at = vector * k;
    float *grad = a->grad + a->stored[k] * weight, *next = a->grad + (next_weight(a, k) - a->weight);
    pno_scalar_mix_mask(a, k);
    if (a->micro == 1)
      weight_gradient(true, a, k, grad);
    else
      weight_gradient(false, a, k, grad);
    input_gradient(a, at, a->weight + a->stored[k] * weight, next, scratch);
  }
}
