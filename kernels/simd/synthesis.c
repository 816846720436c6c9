#include "kernels/simd/transform.h"

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
#pragma GCC unroll 4
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
