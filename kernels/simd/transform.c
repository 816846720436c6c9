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
