#include "engine/pde/product.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tests/engine/pde/fourier.h"

typedef struct {
  pno_arena arena;
  pno_spectral s;
  pno_product p;
} grid;

static grid make(int n0, int n1) {
  const int n[2] = {n0, n1}, dims = n1 == 1 ? 1 : 2;
  grid g;
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, (size_t)1 << 20, &g.arena), PNO_OK);
  cr_assert_eq(pno_spectral_push(&g.arena, dims, n, 2.5, &g.s), PNO_OK);
  cr_assert_eq(pno_product_push(&g.arena, &g.s, &g.p), PNO_OK);
  return g;
}

static void drop(grid *g) {
  pno_product_destroy(&g->p);
  pno_product_destroy(&g->p);
  pno_spectral_destroy(&g->s);
  pno_arena_destroy(&g->arena);
}

/* Integers of kept mode (r, j) along both axes; those of a line are along axis 0. */
static void integers(const grid *g, int r, int j, int *k) {
  k[0] = g->s.dims == 1 ? j : fourier_integer(r, g->p.rows);
  k[1] = g->s.dims == 1 ? 0 : j;
}

/* Kept numbers are -m .. m; the sum of two of them is seen on the grid as itself or as a number beyond m; one more
 * would not do. */
Test(product, what_is_kept_is_the_most_that_a_product_leaves_without_aliases) {
  for (int n = 3; n <= 40; n++)
    for (int dims = 1; dims <= 2; dims++) {
      grid g = make(n, dims == 1 ? 1 : n + 4);
      const int m[2] = {dims == 1 ? g.p.columns - 1 : (g.p.rows - 1) / 2, dims == 1 ? 0 : g.p.columns - 1};
      cr_assert_eq(g.p.modes, (ptrdiff_t)g.p.rows * g.p.columns);
      for (int d = 0; d < dims; d++) {
        const int points = g.s.n[d];
        cr_assert_gt(points - 2 * m[d], m[d], "%d points: twice %d looks like %d", points, m[d], 2 * m[d] - points);
        cr_assert_leq(points - 2 * (m[d] + 1), m[d] + 1, "%d points: %d could be kept too", points, m[d] + 1);
      }
      for (int i = 0; i < g.s.rows; i++)
        for (int j = 0; j < g.s.columns; j++) {
          const int k0 = dims == 1 ? i : fourier_integer(i, n);
          cr_assert_eq(pno_product_keeps(&g.p, i, j), abs(k0) <= m[0] && j <= m[1], "%d: %d %d", n, i, j);
        }
      drop(&g);
    }
}

Test(product, kept_modes_go_to_their_places_and_back_with_their_wave_numbers) {
  static const int sizes[][2] = {{16, 1}, {9, 1}, {12, 9}, {7, 16}};
  for (int t = 0; t < 4; t++) {
    grid g = make(sizes[t][0], sizes[t][1]);
    double *all = calloc((size_t)g.s.modes, 2 * sizeof *all), *kept = calloc((size_t)g.p.modes, 2 * sizeof *kept);
    cr_assert(all && kept);
    for (ptrdiff_t i = 0; i < g.s.modes; i++) all[2 * i] = (double)i, all[2 * i + 1] = -1 - (double)i;
    pno_product_gather(&g.p, all, kept);
    for (int r = 0; r < g.p.rows; r++)
      for (int j = 0; j < g.p.columns; j++) {
        int k[2];
        integers(&g, r, j, k);
        const ptrdiff_t at = (ptrdiff_t)((k[0] + g.s.n[0]) % g.s.n[0]) * g.s.columns + k[1];
        const double *c = kept + 2 * ((ptrdiff_t)r * g.p.columns + j);
        cr_assert(c[0] == (double)at && c[1] == -1 - (double)at, "mode %d %d is %g", k[0], k[1], c[0]);
        cr_assert_eq(g.s.dims == 1 ? g.p.k[1][j] : g.p.k[0][r], g.s.k[0][(k[0] + g.s.n[0]) % g.s.n[0]]);
        cr_assert_eq(g.s.dims == 1 ? g.p.k[0][r] : g.p.k[1][j], g.s.k[1][k[1]]);
      }
    for (ptrdiff_t i = 0; i < 2 * g.p.modes; i++) kept[i] = 7;
    pno_product_scatter(&g.p, kept, all);
    for (int i = 0; i < g.s.rows; i++)
      for (int j = 0; j < g.s.columns; j++) {
        const ptrdiff_t at = (ptrdiff_t)i * g.s.columns + j;
        const bool keeps = pno_product_keeps(&g.p, i, j);
        cr_assert_eq(all[2 * at], keeps ? 7 : (double)at);
        cr_assert_eq(all[2 * at + 1], keeps ? 7 : -1 - (double)at);
      }
    free(all), free(kept);
    drop(&g);
  }
}

/* (u, v) -> (u v, 2 u), or u -> u u. */
static void pairs(ptrdiff_t n, double *z) {
  for (ptrdiff_t i = 0; i < n; i++) {
    const double u = z[2 * i];
    z[2 * i] *= z[2 * i + 1];
    z[2 * i + 1] = 2 * u;
  }
}

static void squares(ptrdiff_t n, double *x) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] *= x[i];
}

/* Mode k of the product of two fields, by the sum over p + q = k of kept ones. */
static void convolve(const grid *g, const double *a, const double *b, const int *k, double *out) {
  const int n0 = g->s.n[0], n1 = g->s.n[1];
  out[0] = out[1] = 0;
  for (int i = 0; i < n0; i++)
    for (int j = 0; j < n1; j++) {
      const int p0 = fourier_integer(i, n0), p1 = fourier_integer(j, n1), q0 = k[0] - p0, q1 = k[1] - p1;
      if (3 * abs(p0) >= n0 || 3 * abs(p1) >= n1 || 3 * abs(q0) >= n0 || 3 * abs(q1) >= n1) continue;
      const double *x = a + 2 * (i * n1 + j), *y = b + 2 * ((q0 + n0) % n0 * n1 + (q1 + n1) % n1);
      out[0] += x[0] * y[0] - x[1] * y[1];
      out[1] += x[0] * y[1] + x[1] * y[0];
    }
}

/* Modes of fields without a pattern: [2][n0][n1][re|im]. */
static double *some_modes(const grid *g) {
  const ptrdiff_t points = g->s.points;
  double *field = calloc((size_t)points, sizeof *field), *modes = calloc((size_t)points, 4 * sizeof *modes);
  cr_assert(field && modes);
  for (int v = 0; v < 2; v++) {
    for (ptrdiff_t i = 0; i < points; i++) field[i] = sin(1 + (12.9898 + v) * (double)i) + .3 * v;
    fourier_modes(g->s.n, field, modes + 2 * v * points);
  }
  free(field);
  return modes;
}

static const double *mode(const grid *g, const double *modes, const int *k) {
  return modes + 2 * ((k[0] + g->s.n[0]) % g->s.n[0] * g->s.n[1] + (k[1] + g->s.n[1]) % g->s.n[1]);
}

/* Twice, since what the first time leaves behind must not show. */
Test(product, modes_of_a_square_on_a_line_are_the_sum_of_products_of_modes) {
  for (int n = 3; n < 20; n++) {
    grid g = make(n, 1);
    double *modes = some_modes(&g), *row = pno_product_row(&g.p, 0);
    for (int again = 0; again < 2; again++) {
      for (int j = 0; j < 2 * g.p.columns; j++) row[j] = modes[j];
      pno_product_apply(&g.p, squares);
      for (int j = 0; j < g.p.columns; j++) {
        double want[2];
        const int k[2] = {j, 0};
        convolve(&g, modes, modes, k, want);
        for (int i = 0; i < 2; i++) cr_assert_float_eq(row[2 * j + i] / n, want[i], 1e-14, "%d points: mode %d", n, j);
      }
    }
    free(modes);
    drop(&g);
  }
}

Test(product, modes_of_a_pair_on_a_plane_are_the_sum_of_products_of_modes) {
  static const int sizes[][2] = {{12, 12}, {9, 14}, {14, 10}, {15, 7}, {4, 5}, {5, 4}, {3, 6}, {6, 3}, {16, 16}};
  for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
    grid g = make(sizes[t][0], sizes[t][1]);
    double *modes = some_modes(&g), *other = modes + 2 * g.s.points;
    const int columns = g.p.columns;
    for (int again = 0; again < 2; again++)
      for (int after = 0; after < 2; after++) {
        if (after) pno_product_apply(&g.p, pairs);
        for (int r = 0; r < g.p.rows; r++)
          for (int j = 1 - columns; j < columns; j++) {
            const int k[2] = {fourier_integer(r, g.p.rows), j};
            double *z = pno_product_row(&g.p, r) + 2 * (j < 0 ? 2 * columns + j : j);
            const double *u = mode(&g, modes, k), *v = mode(&g, other, k);
            double c[2];
            convolve(&g, modes, other, k, c);
            if (after) {
              cr_assert_float_eq(z[0] / (double)g.s.points, c[0] - 2 * u[1], 1e-14, "mode %d %d", k[0], k[1]);
              cr_assert_float_eq(z[1] / (double)g.s.points, c[1] + 2 * u[0], 1e-14, "mode %d %d", k[0], k[1]);
            } else {
              z[0] = u[0] - v[1];
              z[1] = u[1] + v[0];
            }
          }
      }
    free(modes);
    drop(&g);
  }
}

Test(product, too_small_an_arena_is_refused) {
  grid g = make(64, 64);
  pno_arena arena;
  pno_product p;
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, 4096, &arena), PNO_OK);
  cr_assert_eq(pno_product_push(&arena, &g.s, &p), PNO_E_NOMEM);
  pno_arena_destroy(&arena);
  pno_product_destroy(NULL);
  drop(&g);
}
