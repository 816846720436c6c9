#include "kernels/simd/transform.h"

#include "kernels/simd/dense.h"
#include "kernels/simd/table.h"

INLINED int block_size(const transform *t, int k0) { return t->k - k0 < t->block ? t->k - k0 : t->block; }

/* ---- packing ---- */

static void pack_forward(const transform *t, const float *table, float *out) {
  for (int k = 0; k < t->k; k++) {
    *out++ = table[2 * (ptrdiff_t)k * t->n];
    *out++ = t->specials == 4 ? table[(2 * (ptrdiff_t)k + 1) * t->n + t->n / 4] : 0.0f;
  }
  for (int k0 = 0; k0 < t->k; k0 += t->block) {
    const int n = block_size(t, k0);
    for (int y = 1; y <= t->slots; y++)
      for (int part = 0; part < 2; part++)
        for (int j = 0; j < n; j++) *out++ = table[(2 * (ptrdiff_t)(k0 + j) + part) * t->n + y];
  }
}

static void pack_inverse(const transform *t, const float *table, float *out) {
  const int group = transform_group(t->fold);
  for (int k = 0; k < t->k; k++) {
    *out++ = table[2 * (ptrdiff_t)k * t->n];
    *out++ = t->specials == 4 ? table[(2 * (ptrdiff_t)k + 1) * t->n + t->n / 4] : 0.0f;
  }
  for (int y = 1; y <= t->slots; y += group) {
    const int n = t->slots - y + 1 < group ? t->slots - y + 1 : group;
    for (int k = 0; k < t->k; k++)
      for (int part = 0; part < 2; part++)
        for (int q = 0; q < n; q++) *out++ = table[(2 * (ptrdiff_t)k + part) * t->n + y + q];
  }
}

ptrdiff_t simd_pack_row_floats(int n, int k) { return 4 * transform_floats(n, k); }

void simd_pack_row(const pno_row_modes *m, float *packed) {
  const ptrdiff_t each = transform_floats(m->n, m->k);
  const transform t = transform_of(m->n, m->k, NULL, NULL);
  pack_forward(&t, m->analysis, packed);
  pack_inverse(&t, m->analysis, packed + each);
  pack_forward(&t, m->synthesis, packed + 2 * each);
  pack_inverse(&t, m->synthesis, packed + 3 * each);
}

/* The dense table of mode f >= 0 follows from the kept mode f or -f. */
static void axis_table(const pno_axis *a, int k, float *table) {
  for (int f = 0; f < k; f++) {
    const bool negative = f < a->first || f >= a->first + a->k;
    const ptrdiff_t row = (ptrdiff_t)((negative ? -f : f) - a->first) * a->n;
    for (int y = 0; y < a->n; y++) {
      table[2 * (ptrdiff_t)f * a->n + y] = a->cosine[row + y];
      table[(2 * (ptrdiff_t)f + 1) * a->n + y] = negative ? a->sine[row + y] : -a->sine[row + y];
    }
  }
}

/* Behind the two packed tables lies the dense one that they are made from. */
ptrdiff_t simd_pack_axis_floats(int n, int k, int first) {
  const int modes = axis_modes(k, first);
  return 2 * transform_floats(n, modes) + 2 * (ptrdiff_t)modes * n;
}

void simd_pack_axis(const pno_axis *a, float *packed) {
  const int k = axis_modes(a->k, a->first);
  const ptrdiff_t each = transform_floats(a->n, k);
  const transform t = transform_of(a->n, k, NULL, NULL);
  axis_table(a, k, packed + 2 * each);
  pack_forward(&t, packed + 2 * each, packed);
  pack_inverse(&t, packed + 2 * each, packed + each);
}

/* ---- analysis ---- */

/* The sums of a slot that its modes see: even re, even im, odd re, odd im of even n; re and im of odd n. */
INLINED void fold_slot(const int fold, const float *const at[4], vec sum[4]) {
  const vec a = v_load(at[0]), b = v_load(at[1]);
  sum[0] = a + b;
  sum[1] = a - b;
  if (fold == 2) return;
  const vec c = v_load(at[2]), d = v_load(at[3]);
  const vec s = c + d, q = c - d;
  sum[2] = sum[0] - s;
  sum[3] = sum[1] - q;
  sum[0] += s;
  sum[1] += q;
}

/* Of the specials: modes 0 mod 4, 2 mod 4, odd re, odd im. */
INLINED void fold_specials(const transform *t, const float *in, const places *p, vec sum[4]) {
  const vec a = v_load(in + p->special[0]), b = t->specials > 1 ? v_load(in + p->special[1]) : v_zero();
  const vec c = t->specials > 2 ? v_load(in + p->special[2]) : v_zero();
  const vec d = t->specials > 2 ? v_load(in + p->special[3]) : v_zero();
  const vec s = a + b, q = c + d;
  sum[0] = s + q;
  sum[1] = s - q;
  sum[2] = a - b;
  sum[3] = c - d;
}

/* Modes k0 .. k0 + n - 1, k0 even, of one register of channels: the points are folded on the way. */
INLINED void analyse_block(const int fold, const int n, const bool fetch, const transform *t, int k0, stretch s,
                           bool fresh, const float *table, const float *in, const places *p, ptrdiff_t next,
                           float *out, ptrdiff_t ks, ptrdiff_t is) {
  vec re[MODES_AT_ONCE], im[MODES_AT_ONCE];
  out += k0 * ks;
  if (fresh) {
    const float *weight = t->forward + 2 * (ptrdiff_t)k0;
    const bool turned = k0 % 4 == 2; /* even modes take the sum and the difference of the specials by turns */
    vec f[4];
    fold_specials(t, in, p, f);
#pragma GCC unroll 13
    for (int j = 0; j < n; j++) {
      const bool odd = fold == 4 && j % 2;
      const vec even = fold == 2 || (j % 4 == 2) == turned ? f[0] : f[1];
      re[j] = v_all(weight[2 * j]) * (odd ? f[2] : even);
      im[j] = v_zero();
      if (odd) im[j] = v_all(weight[2 * j + 1]) * f[3];
    }
  } else {
#pragma GCC unroll 13
    for (int j = 0; j < n; j++) {
      re[j] = v_load(out + j * ks);
      im[j] = v_load(out + j * ks + is);
    }
  }
  const float *at[4] = {in + p->at[0], in + p->at[1], in + p->at[2], in + p->at[3]};
  const ptrdiff_t step = p->step;
  for (int y = 0; y < s.slots; y++) {
    vec f[4];
    fold_slot(fold, at, f);
#pragma GCC unroll 4
    for (int j = 0; j < fold; j++) {
      if (fetch) v_fetch_near(at[j] + next);
      at[j] += j % 2 ? -step : step;
    }
#pragma GCC unroll 13
    for (int j = 0; j < n; j++) {
      const int c = fold == 4 ? j % 2 * 2 : 0;
      re[j] = v_fma(v_all(table[j]), f[c], re[j]);
      im[j] = v_fma(v_all(table[n + j]), f[c + 1], im[j]);
    }
    table += 2 * n;
  }
#pragma GCC unroll 13
  for (int j = 0; j < n; j++) {
    v_store(out + j * ks, re[j]);
    v_store(out + j * ks + is, im[j]);
  }
}

#define MODES(n) \
  case n: analyse_block(fold, n, fetch, t, k0, s, fresh, table, in, p, next, out, ks, is); break
INLINED void analyse_modes(const int fold, int n, const bool fetch, const transform *t, int k0, stretch s, bool fresh,
                           const float *table, const float *in, const places *p, ptrdiff_t next, float *out,
                           ptrdiff_t ks, ptrdiff_t is) {
  switch (n) {
    MODES(1);
    MODES(2);
    MODES(3);
    MODES(4);
    MODES(5);
    default: break;
  }
  if (MODES_AT_ONCE == 5) return;
  switch (n) {
    MODES(6);
    MODES(7);
    MODES(8);
    MODES(9);
    MODES(10);
    MODES(11);
    MODES(12);
    MODES(13);
    default: break;
  }
}
#undef MODES

INLINED void analyse(const int fold, const bool fetch, const transform *t, stretch s, bool fresh, int columns,
                     const float *in, const places *p, ptrdiff_t next, float *out, ptrdiff_t ks, ptrdiff_t is) {
  for (int v = 0; v < columns; v += LANES) {
    const float *table = t->forward + 2 * (ptrdiff_t)t->k;
    for (int k0 = 0; k0 < t->k; k0 += t->block) {
      const int n = block_size(t, k0);
      analyse_modes(fold, n, fetch, t, k0, s, fresh, table + 2 * (ptrdiff_t)n * s.first, in + v, p, next, out + v, ks, is);
      table += 2 * (ptrdiff_t)n * t->slots;
    }
  }
}

void simd_analyse(const transform *t, stretch s, bool fresh, int columns, const float *in, const places *p, float *out,
                  ptrdiff_t ks, ptrdiff_t is) {
  if (t->fold == 4)
    analyse(4, false, t, s, fresh, columns, in, p, 0, out, ks, is);
  else
    analyse(2, false, t, s, fresh, columns, in, p, 0, out, ks, is);
}

void simd_analyse_fetch(const transform *t, stretch s, bool fresh, int columns, const float *in, const places *p,
                        ptrdiff_t next, float *out, ptrdiff_t ks, ptrdiff_t is) {
  if (t->fold == 4)
    analyse(4, true, t, s, fresh, columns, in, p, next, out, ks, is);
  else
    analyse(2, true, t, s, fresh, columns, in, p, next, out, ks, is);
}
