/* Truncated real Fourier transforms along one direction, of all channels of a point at once.
 *
 * Points that lie symmetrically are folded by additions first, so that a dense table of a quarter (n even) or half
 * (n odd) of the points remains: with y = 1, 2, .. the slot y holds the points y, n - y, n/2 + y, n/2 - y (n even) or y,
 * n - y (n odd). Even and odd modes see different sums of a slot. The points left over, 0 and n/2 and, if 4 divides n,
 * n/4 and 3n/4, are special. An analysis, its adjoint, a synthesis and its adjoint are these two functions with tables
 * of other weights: table[k][re|im][y] = weight_k (cos, -sin)(2 pi k y / n). */
#ifndef PNO_KERNELS_SIMD_TRANSFORM_H
#define PNO_KERNELS_SIMD_TRANSFORM_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/simd/vector.h"

enum { MODES_AT_ONCE = LANES == 16 ? 13 : 5 }; /* their sums, the folded points and an operand fill the registers */

typedef struct {
  int n, k;             /* points, modes 0 .. k - 1 */
  int fold, slots;      /* points a slot: 4 or 2 */
  int specials;         /* 1, 2 or 4 */
  int block;            /* modes that are summed at once, even if there are more; the rest come last */
  const float *forward; /* [k][2] of the specials, then for each block of modes [slot][re|im of each mode] */
  const float *inverse; /* [k][2] of the specials, then for each group of slots [k][re|im of each slot] */
} transform;

INLINED int transform_fold(int n) { return n % 2 ? 2 : 4; }
INLINED int transform_slots(int n) { return n % 2 ? (n - 1) / 2 : (n / 2 - 1) / 2; }
INLINED int transform_specials(int n) { return n % 2 ? 1 : n % 4 ? 2 : 4; }
INLINED ptrdiff_t transform_floats(int n, int k) { /* of the forward or the inverse table */
  return (2 * (ptrdiff_t)k * (1 + transform_slots(n)) + 15) / 16 * 16;
}
INLINED int transform_group(int fold) { return fold == 4 ? 3 : 6; } /* slots whose points fill the registers */

INLINED int transform_block(int k) {
  const int blocks = (k + MODES_AT_ONCE - 1) / MODES_AT_ONCE, even = (k / (blocks > 0 ? blocks : 1) + 1) / 2 * 2;
  return k <= MODES_AT_ONCE ? k : even < MODES_AT_ONCE ? even : MODES_AT_ONCE / 2 * 2;
}

INLINED transform transform_of(int n, int k, const float *forward, const float *inverse) {
  return (transform){.n = n, .k = k, .fold = transform_fold(n), .slots = transform_slots(n),
                     .specials = transform_specials(n), .block = transform_block(k), .forward = forward,
                     .inverse = inverse};
}

/* Tables of rows: the analysis and the synthesis of pno_row_modes. Nothing where an FFT serves, which has no tables. */
INLINED transform row_analysis(const pno_row_modes *m) {
  if (!m->packed) return (transform){.n = m->n};
  const ptrdiff_t each = transform_floats(m->n, m->k);
  return transform_of(m->n, m->k, m->packed, m->packed + each);
}
INLINED transform row_synthesis(const pno_row_modes *m) {
  if (!m->packed) return (transform){.n = m->n};
  const ptrdiff_t each = transform_floats(m->n, m->k);
  return transform_of(m->n, m->k, m->packed + 2 * each, m->packed + 3 * each);
}
/* Of an axis: unit weights, modes 0 .. the largest of |f_k|. */
INLINED int axis_modes(int k, int first) { return (-first > first + k - 1 ? -first : first + k - 1) + 1; }
INLINED transform axis_transform(const pno_axis *a) {
  const int k = axis_modes(a->k, a->first);
  return transform_of(a->n, k, a->packed, a->packed + transform_floats(a->n, k));
}

/* Where the points of a stretch of slots lie in an array: offsets in floats of the first slot's points and of the
 * specials; the next slot's are `step` further for y and n/2 + y, `step` back for n - y and n/2 - y. */
typedef struct {
  ptrdiff_t at[4], special[4], step;
} places;

/* A stretch of slots: first .. first + slots - 1 (counted from y = 1), and the specials with it. */
typedef struct {
  int first, slots;
  bool specials;
} stretch;

/* out[k * ks + (0 | is)] = sum over the points of the stretch; added to what is there unless `fresh`, which comes with
 * the specials. */
void simd_analyse(const transform *t, stretch s, bool fresh, int columns, const float *in, const places *p, float *out,
                  ptrdiff_t ks, ptrdiff_t is);

/* The same, fetching what lies `next` floats further on the way. */
void simd_analyse_fetch(const transform *t, stretch s, bool fresh, int columns, const float *in, const places *p,
                        ptrdiff_t next, float *out, ptrdiff_t ks, ptrdiff_t is);

/* What a synthesis adds beside the modes: bias [columns] and x times w, and what to fetch for later. NULL: nothing. */
typedef struct {
  const float *bias;
  const float *x; /* with its places */
  const places *x_at;
  int depth;      /* channels of x */
  const float *w; /* [depth][ws] */
  ptrdiff_t ws;
  const float *fetch; /* at fetch_at, `ahead` floats further */
  const places *fetch_at;
  ptrdiff_t ahead[4];
} synthesis_extra;

/* out at its places = synthesis alone; what lies `next` floats further is fetched to be written. */
void simd_synthesise_plain(const transform *t, stretch s, int columns, const float *spectrum, ptrdiff_t ks,
                           ptrdiff_t is, float *out, const places *p, ptrdiff_t next);

/* out at its places = bias + synthesis of spectrum[k * ks + (0 | is)] + x w */
void simd_synthesise(const transform *t, stretch s, int columns, const float *spectrum, ptrdiff_t ks, ptrdiff_t is,
                     const synthesis_extra *e, float *out, const places *p);

#endif
