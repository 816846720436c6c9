#include "kernels/simd/transform.h"

#include "kernels/simd/dense.h"
#include "kernels/simd/table.h"

/* From one mode of a class to the next: of even n they are of one parity. */
INLINED int class_step(const transform *t) { return t->fold / 2; }

/* ---- packing ---- */

static void pack_forward(const transform *t, const float *table, float *out) {
  for (int k = 0; k < t->k; k++) {
    *out++ = table[2 * (ptrdiff_t)k * t->n];
    *out++ = t->specials == 4 ? table[(2 * (ptrdiff_t)k + 1) * t->n + t->n / 4] : 0.0f;
  }
  for (int c = 0; c < t->fold / 2; c++) {
    const mode_blocks *m = &t->blocks[c];
    for (int b = 0, first = 0, n; b < m->blocks; b++, first += n) {
      n = m->size + (b < m->larger);
      const int step = class_step(t);
      for (int y = 1; y <= t->slots; y++)
        for (int part = 0; part < 2; part++)
          for (int j = 0; j < n; j++) *out++ = table[(2 * (ptrdiff_t)(c + (first + j) * step) + part) * t->n + y];
    }
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

/* ---- folding ---- */

static void fold_specials(int n, int columns, int width, const float *in, const places *p, float *out) {
  for (int v = 0; v < columns; v += LANES) {
    const vec zero = v_zero(), a = v_load(in + p->special[0] + v);
    const vec b = n > 1 ? v_load(in + p->special[1] + v) : zero;
    const vec c = n > 2 ? v_load(in + p->special[2] + v) : zero, d = n > 2 ? v_load(in + p->special[3] + v) : zero;
    const vec s = a + b, q = c + d;
    v_store(out + v, s + q);
    v_store(out + width + v, s - q);
    v_store(out + 2 * width + v, a - b);
    v_store(out + 3 * width + v, c - d);
  }
}

INLINED void fold_slots(const int fold, const bool fetch, int slots, int columns, int width, const float *in,
                        const places *p, ptrdiff_t next, float *out) {
  const float *a = in + p->at[0], *b = in + p->at[1], *c = in + p->at[2], *d = in + p->at[3];
  const ptrdiff_t step = p->step;
  for (int i = 0; i < slots; i++) {
    for (int v = 0; v < columns; v += LANES) {
      const vec va = v_load(a + v), vb = v_load(b + v);
      if (fetch) v_fetch_near(a + next + v), v_fetch_near(b + next + v);
      if (fold == 2) {
        v_store(out + v, va + vb);
        v_store(out + width + v, va - vb);
        continue;
      }
      const vec vc = v_load(c + v), vd = v_load(d + v);
      if (fetch) v_fetch_near(c + next + v), v_fetch_near(d + next + v);
      const vec s1 = va + vb, d1 = va - vb, s2 = vc + vd, d2 = vc - vd;
      v_store(out + v, s1 + s2);
      v_store(out + width + v, d1 + d2);
      v_store(out + 2 * width + v, s1 - s2);
      v_store(out + 3 * width + v, d1 - d2);
    }
    a += step, b -= step, c += step, d -= step;
    out += (ptrdiff_t)fold * width;
  }
}

void simd_fold(const transform *t, stretch s, int columns, int width, const float *in, const places *p, float *folded) {
  if (s.specials) fold_specials(t->specials, columns, width, in, p, folded);
  if (t->fold == 4)
    fold_slots(4, false, s.slots, columns, width, in, p, 0, folded + 4 * (ptrdiff_t)width);
  else
    fold_slots(2, false, s.slots, columns, width, in, p, 0, folded + 4 * (ptrdiff_t)width);
}

void simd_fold_fetch(const transform *t, stretch s, int columns, int width, const float *in, const places *p,
                     ptrdiff_t next, float *folded) {
  if (s.specials) fold_specials(t->specials, columns, width, in, p, folded);
  if (t->fold == 4)
    fold_slots(4, true, s.slots, columns, width, in, p, next, folded + 4 * (ptrdiff_t)width);
  else
    fold_slots(2, true, s.slots, columns, width, in, p, next, folded + 4 * (ptrdiff_t)width);
}

/* ---- analysis ---- */

/* n modes of one class from mode k0 on, `step` apart, on wide registers of channels. */
INLINED void analyse_block(const int n, const int wide, const transform *t, int c, int k0, stretch s, bool fresh,
                           int columns, const float *table, const float *folded, float *out, ptrdiff_t ks,
                           ptrdiff_t is) {
  vec re[MODES_AT_ONCE][WIDE], im[MODES_AT_ONCE][WIDE];
  const int step = class_step(t);
  const float *special = t->forward + 2 * k0, *in = folded + (4 + 2 * (ptrdiff_t)c) * columns;
  const ptrdiff_t slot = (ptrdiff_t)t->fold * columns;
#pragma GCC unroll 6
  for (int j = 0; j < n; j++) {
    const float *o = out + (k0 + j * step) * ks;
    /* even modes take the specials' sum or difference by turns, odd modes two of their own; odd n has one special */
    const float *f = folded + (t->fold == 2 ? 0 : c ? 2 : (k0 / 2 + j) % 2) * (ptrdiff_t)columns;
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      if (fresh) {
        re[j][v] = v_all(special[2 * j * step]) * v_load(f + v * LANES);
        im[j][v] = v_zero();
        if (c) im[j][v] = v_all(special[2 * j * step + 1]) * v_load(f + columns + v * LANES);
      } else {
        re[j][v] = v_load(o + v * LANES);
        im[j][v] = v_load(o + is + v * LANES);
      }
    }
  }
  for (int y = 0; y < s.slots; y++) {
    vec p[WIDE], q[WIDE];
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      p[v] = v_load(in + v * LANES);
      q[v] = v_load(in + columns + v * LANES);
    }
#pragma GCC unroll 6
    for (int j = 0; j < n; j++) {
      const vec cosine = v_all(table[j]), sine = v_all(table[n + j]);
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        re[j][v] = v_fma(cosine, p[v], re[j][v]);
        im[j][v] = v_fma(sine, q[v], im[j][v]);
      }
    }
    table += 2 * n;
    in += slot;
  }
#pragma GCC unroll 6
  for (int j = 0; j < n; j++) {
    float *o = out + (k0 + j * step) * ks;
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      v_store(o + v * LANES, re[j][v]);
      v_store(o + is + v * LANES, im[j][v]);
    }
  }
}

#define MODES(n) \
  case n: analyse_block(n, wide, t, c, k0, s, fresh, columns, table, folded, out, ks, is); break
INLINED void analyse_modes(int n, const int wide, const transform *t, int c, int k0, stretch s, bool fresh, int columns,
                           const float *table, const float *folded, float *out, ptrdiff_t ks, ptrdiff_t is) {
  switch (n) {
    MODES(1);
    MODES(2);
    MODES(3);
    MODES(4);
    MODES(5);
    MODES(6);
    default: break;
  }
}
#undef MODES

void simd_analyse(const transform *t, stretch s, bool fresh, int columns, const float *folded, float *out, ptrdiff_t ks,
                  ptrdiff_t is) {
  const float *table = t->forward + 2 * (ptrdiff_t)t->k;
  for (int c = 0; c < t->fold / 2; c++) {
    const mode_blocks *m = &t->blocks[c];
    for (int b = 0, first = 0, n; b < m->blocks; b++, first += n) {
      n = m->size + (b < m->larger);
      const int k0 = c + first * class_step(t);
      const float *at = table + 2 * (ptrdiff_t)n * s.first;
      int v = 0;
      for (; v + WIDE * LANES <= columns; v += WIDE * LANES)
        analyse_modes(n, WIDE, t, c, k0, s, fresh, columns, at, folded + v, out + v, ks, is);
      for (; v < columns; v += LANES)
        analyse_modes(n, 1, t, c, k0, s, fresh, columns, at, folded + v, out + v, ks, is);
      table += 2 * (ptrdiff_t)n * t->slots;
    }
  }
}

/* ---- synthesis ---- */

/* Points of n slots: the class sums of the modes, unfolded, plus x w. The bias rides on the even cosines, which enter
 * every point once. */
INLINED void synthesise_group(const int fold, const int n, const int wide, const bool mapped, int k,
                              const float *spectrum, ptrdiff_t ks, ptrdiff_t is, const float *table, const float *bias,
                              const float *const x[4], ptrdiff_t xs, int depth, const float *w, ptrdiff_t ws,
                              const float *const fetch[4], float *const out[4],
                              ptrdiff_t os, ptrdiff_t next) {
  vec sum[6][4][WIDE];
#pragma GCC unroll 6
  for (int q = 0; q < n; q++)
#pragma GCC unroll 4
    for (int j = 0; j < fold; j++)
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) sum[q][j][v] = j == 0 && bias ? v_load(bias + v * LANES) : v_zero();
  for (int i = 0; i < k; i += fold / 2) { /* of even n, an even and an odd mode a turn */
#pragma GCC unroll 2
    for (int c = 0; c < fold / 2; c++) {
      if (c && i + c >= k) break;
      vec re[WIDE], im[WIDE];
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        re[v] = v_load(spectrum + v * LANES);
        im[v] = v_load(spectrum + is + v * LANES);
      }
#pragma GCC unroll 6
      for (int q = 0; q < n; q++) {
        const vec cosine = v_all(table[q]), sine = v_all(table[n + q]);
#pragma GCC unroll 2
        for (int v = 0; v < wide; v++) {
          sum[q][2 * c][v] = v_fma(cosine, re[v], sum[q][2 * c][v]);
          sum[q][2 * c + 1][v] = v_fma(sine, im[v], sum[q][2 * c + 1][v]);
        }
      }
      spectrum += ks;
      table += 2 * n;
    }
  }
#pragma GCC unroll 6
  for (int q = 0; q < n; q++) {
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      vec *s0 = &sum[q][0][v], *s1 = &sum[q][1][v];
      if (fold == 2) {
        const vec even = *s0, odd = *s1;
        *s0 = even + odd;
        *s1 = even - odd;
      } else {
        vec *s2 = &sum[q][2][v], *s3 = &sum[q][3][v];
        const vec ep = *s0 + *s2, em = *s0 - *s2, op = *s1 + *s3, om = *s1 - *s3;
        *s0 = ep + op;
        *s1 = ep - op;
        *s2 = em + om;
        *s3 = em - om;
      }
    }
  }
  if (mapped) {
    const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    for (int c = 0; c < depth; c++) {
      v_fetch(fetch[c % 4] + 4 * c); /* a line of each run in four turns */
      vec m[WIDE];
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) m[v] = v_load(w + v * LANES);
#pragma GCC unroll 6
      for (int q = 0; q < n; q++) {
#pragma GCC unroll 4
        for (int j = 0; j < fold; j++) {
          const vec value = v_all(*(j == 0 ? x0 + q * xs : j == 1 ? x1 - q * xs : j == 2 ? x2 + q * xs : x3 - q * xs));
#pragma GCC unroll 2
          for (int v = 0; v < wide; v++) sum[q][j][v] = v_fma(value, m[v], sum[q][j][v]);
        }
      }
      x0++, x1++;
      if (fold == 4) x2++, x3++;
      w += ws;
    }
  }
#pragma GCC unroll 6
  for (int q = 0; q < n; q++)
#pragma GCC unroll 4
    for (int j = 0; j < fold; j++)
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        float *to = out[j] + (j % 2 ? -q : q) * os + v * LANES;
        v_store(to, sum[q][j][v]);
        if (!mapped) v_fetch_write(to + next);
      }
}

/* The specials of some registers of channels: sums over the modes of each kind first, then x w. */
INLINED void do_specials(const int wide, const transform *t, const float *spectrum, ptrdiff_t ks, ptrdiff_t is,
                         const synthesis_extra *e, int v0, float *out, const places *p) {
  vec s[4][WIDE]; /* modes 0 mod 4, 2 mod 4, odd re, odd im */
#pragma GCC unroll 2
  for (int v = 0; v < wide; v++) {
    s[0][v] = e && e->bias ? v_load(e->bias + v0 + v * LANES) : v_zero();
    s[1][v] = s[2][v] = s[3][v] = v_zero();
  }
  const float *c = spectrum, *weight = t->inverse;
  int k = 0;
  for (; t->fold == 4 && k + 4 <= t->k; k += 4, c += 4 * ks, weight += 8) {
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      const float *at = c + v * LANES;
      s[0][v] = v_fma(v_all(weight[0]), v_load(at), s[0][v]);
      s[2][v] = v_fma(v_all(weight[2]), v_load(at + ks), s[2][v]);
      s[3][v] = v_fma(v_all(weight[3]), v_load(at + ks + is), s[3][v]);
      s[1][v] = v_fma(v_all(weight[4]), v_load(at + 2 * ks), s[1][v]);
      s[2][v] = v_fma(v_all(weight[6]), v_load(at + 3 * ks), s[2][v]);
      s[3][v] = v_fma(v_all(weight[7]), v_load(at + 3 * ks + is), s[3][v]);
    }
  }
  for (; k < t->k; k++, c += ks, weight += 2) {
    const bool odd = t->fold == 4 && k % 2;
#pragma GCC unroll 2
    for (int v = 0; v < wide; v++) {
      const vec re = v_all(weight[0]) * v_load(c + v * LANES);
      if (odd) {
        s[2][v] += re;
        s[3][v] = v_fma(v_all(weight[1]), v_load(c + is + v * LANES), s[3][v]);
      } else if (k % 4 == 2) {
        s[1][v] += re;
      } else {
        s[0][v] += re;
      }
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < wide; v++) {
    const vec plus = s[0][v] + s[1][v], minus = s[0][v] - s[1][v], odd = s[2][v], turned = s[3][v];
    s[0][v] = plus + odd;
    s[1][v] = plus - odd;
    s[2][v] = minus + turned;
    s[3][v] = minus - turned;
  }
  if (e && e->x) {
    const int last = t->specials - 1; /* where there are fewer than four, the last one again: not stored */
    const float *x0 = e->x + e->x_at->special[0], *x1 = e->x + e->x_at->special[last < 1 ? last : 1];
    const float *x2 = e->x + e->x_at->special[last < 2 ? last : 2], *x3 = e->x + e->x_at->special[last];
    const float *w = e->w + v0;
    for (int i = 0; i < e->depth; i++, w += e->ws) {
      const vec a = v_all(x0[i]), b = v_all(x1[i]), d = v_all(x2[i]), f = v_all(x3[i]);
#pragma GCC unroll 2
      for (int v = 0; v < wide; v++) {
        const vec m = v_load(w + v * LANES);
        s[0][v] = v_fma(a, m, s[0][v]);
        s[1][v] = v_fma(b, m, s[1][v]);
        s[2][v] = v_fma(d, m, s[2][v]);
        s[3][v] = v_fma(f, m, s[3][v]);
      }
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < wide; v++) {
    float *at = out + v0 + v * LANES;
    v_store(at + p->special[0], s[0][v]);
    if (t->specials > 1) v_store(at + p->special[1], s[1][v]);
    if (t->specials > 2) v_store(at + p->special[2], s[2][v]);
    if (t->specials > 2) v_store(at + p->special[3], s[3][v]);
  }
}

static void all_specials(const transform *t, int columns, const float *spectrum, ptrdiff_t ks, ptrdiff_t is,
                         const synthesis_extra *e, float *out, const places *p) {
  int v = 0;
  for (; v + WIDE * LANES <= columns; v += WIDE * LANES) do_specials(WIDE, t, spectrum + v, ks, is, e, v, out, p);
  for (; v < columns; v += LANES) do_specials(1, t, spectrum + v, ks, is, e, v, out, p);
}

#define SLOTS(n)                                                                                               \
  case n:                                                                                                      \
    synthesise_group(fold, n, wide, mapped, k, spectrum, ks, is, table, bias, x, xs, depth, w, ws, fetch, out, \
                     os, next);                                                                    \
    break
INLINED void synthesise_slots(const int fold, int n, const int wide, const bool mapped, int k, const float *spectrum,
                              ptrdiff_t ks, ptrdiff_t is, const float *table, const float *bias,
                              const float *const x[4], ptrdiff_t xs, int depth, const float *w, ptrdiff_t ws,
                              const float *const fetch[4], float *const out[4],
                              ptrdiff_t os, ptrdiff_t next) {
  switch (n) {
    SLOTS(1);
    SLOTS(2);
    SLOTS(3);
    default: break;
  }
  if (fold == 4) return;
  switch (n) {
    SLOTS(4);
    SLOTS(5);
    SLOTS(6);
    default: break;
  }
}
#undef SLOTS

/* One group of slots from slot s0 of the stretch on, all channels. step: between points, a constant where it can be. */
INLINED void group_columns(const int fold, const bool mapped, const ptrdiff_t step, const transform *t, int s0, int n, int columns,
                           const float *spectrum, ptrdiff_t ks, ptrdiff_t is, const float *table,
                           const synthesis_extra *e, float *out, const places *p, ptrdiff_t next) {
  const float *x[4] = {0}, *fetch[4] = {0};
  float *to[4] = {0};
  const ptrdiff_t xs = step, ws = step;
  for (int j = 0; j < fold; j++) {
    const ptrdiff_t slot = j % 2 ? -s0 : s0, low = j % 2 ? -(s0 + n - 1) : s0; /* the lowest point of the group */
    to[j] = out + p->at[j] + slot * step;
    if (!mapped) continue;
    x[j] = e->x + e->x_at->at[j] + slot * xs;
    fetch[j] = e->fetch + e->fetch_at->at[j] + low * step + e->ahead[j];
    if (fold == 2) fetch[j + 2] = fetch[j];
  }
  int v = 0;
  for (; v < columns; v += v + WIDE * LANES <= columns ? WIDE * LANES : LANES) {
    float *at[4] = {to[0] + v, to[1] + v, to[2], to[3]};
    if (fold == 4) at[2] += v, at[3] += v;
    const float *bias = e && e->bias ? e->bias + v : NULL, *w = mapped ? e->w + v : NULL;
    if (v + WIDE * LANES <= columns)
      synthesise_slots(fold, n, WIDE, mapped, t->k, spectrum + v, ks, is, table, bias, x, xs, mapped ? e->depth : 0, w,
                       ws, fetch, at, step, next);
    else
      synthesise_slots(fold, n, 1, mapped, t->k, spectrum + v, ks, is, table, bias, x, xs, mapped ? e->depth : 0, w,
                       ws, fetch, at, step, next);
  }
}

INLINED void groups(const int fold, const bool mapped, const ptrdiff_t step, const transform *t, stretch s, int columns,
                    const float *spectrum, ptrdiff_t ks, ptrdiff_t is, const synthesis_extra *e, float *out,
                    const places *p, ptrdiff_t next) {
  const int group = transform_group(fold);
  const float *table = t->inverse + 2 * (ptrdiff_t)t->k * (1 + s.first);
  for (int s0 = 0; s0 < s.slots; s0 += group) {
    const int n = s.slots - s0 < group ? s.slots - s0 : group;
    group_columns(fold, mapped, step, t, s0, n, columns, spectrum, ks, is, table, e, out, p, next);
    table += 2 * (ptrdiff_t)t->k * n;
  }
}

#define CHANNELS(cp) \
  case cp: groups(4, true, cp, t, s, cp, spectrum, ks, is, e, out, p, 0); return
void simd_synthesise(const transform *t, stretch s, int columns, const float *spectrum, ptrdiff_t ks, ptrdiff_t is,
                     const synthesis_extra *e, float *out, const places *p) {
  if (s.specials) all_specials(t, columns, spectrum, ks, is, e, out, p);
  if (t->fold == 2) {
    groups(2, true, columns, t, s, columns, spectrum, ks, is, e, out, p, 0);
    return;
  }
  switch (columns) { /* constant distances between points keep all addresses in registers */
    CHANNELS(16);
    CHANNELS(32);
    CHANNELS(48);
    CHANNELS(64);
    default: groups(4, true, columns, t, s, columns, spectrum, ks, is, e, out, p, 0);
  }
}
#undef CHANNELS

void simd_synthesise_plain(const transform *t, stretch s, int columns, const float *spectrum, ptrdiff_t ks,
                           ptrdiff_t is, float *out, const places *p, ptrdiff_t next) {
  if (s.specials) all_specials(t, columns, spectrum, ks, is, NULL, out, p);
  if (t->fold == 4)
    groups(4, false, p->step, t, s, columns, spectrum, ks, is, NULL, out, p, next);
  else
    groups(2, false, p->step, t, s, columns, spectrum, ks, is, NULL, out, p, next);
}
