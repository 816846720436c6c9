#include "engine/pde/spectral.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/engine/pde/fourier.h"

static const double pi = 3.14159265358979323846;

/* A grid with room for a field and its modes. */
typedef struct {
  pno_arena arena;
  pno_spectral s;
  double *points, *modes;
} grid;

static grid make(int n0, int n1, double length) {
  const int n[2] = {n0, n1}, dims = n1 == 1 ? 1 : 2;
  grid g = {.points = NULL};
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, (size_t)1 << 20, &g.arena), PNO_OK);
  cr_assert_eq(pno_spectral_push(&g.arena, dims, n, length, &g.s), PNO_OK);
  cr_assert_eq(PNO_PUSH(&g.arena, g.s.points, &g.points), PNO_OK);
  cr_assert_eq(PNO_PUSH(&g.arena, 2 * g.s.modes, &g.modes), PNO_OK);
  return g;
}

static void drop(grid *g) {
  pno_spectral_destroy(&g->s);
  pno_spectral_destroy(&g->s);
  pno_arena_destroy(&g->arena);
}

/* Mode (k0, k1) of a real field from the half that is kept; k1 = 0 of a line. */
static void mode_of(const grid *g, int k0, int k1, double *out) {
  const int last = g->s.dims == 2 ? k1 : k0, n0 = g->s.n[0], n1 = g->s.n[1];
  const int sign = last < 0 ? -1 : 1, i = g->s.dims == 2 ? ((sign * k0) % n0 + n0) % n0 : sign * k0;
  const double *c = g->modes + 2 * ((ptrdiff_t)i * g->s.columns + (n1 > 1 ? sign * k1 : 0));
  out[0] = c[0];
  out[1] = sign * c[1];
}

static const int sizes[][2] = {{16, 1}, {15, 1}, {3, 1}, {27, 1}, {12, 12}, {9, 14}, {14, 9}, {15, 7}, {3, 4}};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Numbers without a pattern. */
static void fill(double *x, ptrdiff_t n) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] = sin(1 + 12.9898 * (double)i) + .3 * cos(78.233 * (double)(i * i));
}

Test(spectral, modes_are_those_of_the_sum_and_go_back_to_the_points) {
  for (int t = 0; t < SIZES; t++) {
    grid g = make(sizes[t][0], sizes[t][1], 1);
    double *want = calloc((size_t)g.s.points, 2 * sizeof *want), *field = calloc((size_t)g.s.points, sizeof *field);
    cr_assert(want && field);
    fill(field, g.s.points);
    fourier_modes(g.s.n, field, want);
    for (ptrdiff_t i = 0; i < g.s.points; i++) g.points[i] = field[i];
    pno_spectral_take(&g.s, g.points, g.modes);
    for (int i = 0; i < g.s.n[0]; i++)
      for (int j = 0; j < g.s.n[1]; j++) {
        double c[2];
        mode_of(&g, fourier_integer(i, g.s.n[0]), fourier_integer(j, g.s.n[1]), c);
        const double *w = want + 2 * ((ptrdiff_t)i * g.s.n[1] + j);
        cr_assert(fabs(c[0] - w[0]) + fabs(c[1] - w[1]) < 1e-14, "%d x %d: mode %d %d is %g %g, want %g %g", g.s.n[0],
                  g.s.n[1], i, j, c[0], c[1], w[0], w[1]);
      }
    pno_spectral_to_points(&g.s, g.modes, g.points);
    for (ptrdiff_t i = 0; i < g.s.points; i++) cr_assert_float_eq(g.points[i], field[i], 1e-14);
    free(want), free(field);
    drop(&g);
  }
}

Test(spectral, i_k_times_the_modes_is_the_derivative_along_each_axis) {
  static const double length = 2.5;
  for (int t = 4; t < 8; t++)
    for (int axis = 0; axis < 2; axis++) {
      grid g = make(sizes[t][0], sizes[t][1], length);
      const double a = 2 * pi / length * 2, b = 2 * pi / length * -3;
      for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < g.s.n[0]; i++)
          for (int j = 0; j < g.s.n[1]; j++) {
            const double x = length * i / g.s.n[0], y = length * j / g.s.n[1];
            const double f = sin(a * x + b * y + .4), d = (axis ? b : a) * cos(a * x + b * y + .4);
            double *p = &g.points[(ptrdiff_t)i * g.s.n[1] + j];
            if (pass) cr_assert_float_eq(*p, d, 1e-13);
            else *p = f;
          }
        if (pass) continue;
        pno_spectral_take(&g.s, g.points, g.modes);
        for (int i = 0; i < g.s.rows; i++)
          for (int j = 0; j < g.s.columns; j++) {
            double *c = g.modes + 2 * ((ptrdiff_t)i * g.s.columns + j);
            const double k = axis ? g.s.k[1][j] : g.s.k[0][i], re = c[0];
            c[0] = -k * c[1];
            c[1] = k * re;
          }
        pno_spectral_to_points(&g.s, g.modes, g.points);
      }
      drop(&g);
    }
}

Test(spectral, places_of_modes_are_shells_without_gaps) {
  enum { M = 12, SIDE = 2 * M + 1 };
  char seen[SIDE * SIDE] = {0};
  for (int k0 = -M; k0 <= M; k0++)
    for (int k1 = -M; k1 <= M; k1++) {
      const uint64_t e = pno_spectral_element(k0, k1);
      const int m = abs(k0) > abs(k1) ? abs(k0) : abs(k1), inner = 2 * m - 1, outer = 2 * m + 1;
      cr_assert(e >= (uint64_t)(m ? inner * inner : 0) && e < (uint64_t)(outer * outer), "mode %d %d", k0, k1);
      cr_assert_eq(seen[e], 0, "place %d twice", (int)e);
      seen[e] = 1;
    }
}

Test(spectral, too_small_an_arena_is_refused) {
  pno_arena arena;
  pno_spectral s;
  const int n[2] = {64, 64};
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, 1024, &arena), PNO_OK);
  cr_assert_eq(pno_spectral_push(&arena, 2, n, 1, &s), PNO_E_NOMEM);
  pno_arena_destroy(&arena);
  pno_spectral_destroy(NULL);
}

Test(spectral, written_points_are_every_nth_of_both_axes) {
  for (int t = 0; t < 2; t++) {
    grid g = make(t ? 12 : 20, t ? 8 : 1, 1);
    float out[24];
    for (ptrdiff_t i = 0; i < g.s.points; i++) g.points[i] = (double)i;
    pno_spectral_write(&g.s, g.points, 4, out);
    for (int i = 0; i < (t ? 3 : 5); i++)
      for (int j = 0; j < (t ? 2 : 1); j++)
        cr_assert_eq(out[t ? 2 * i + j : i], (float)(t ? 32 * i + 4 * j : 4 * i));
    drop(&g);
  }
}

/* Two grids: modes below both halves are the same numbers. */
static void compare(const int *small, const int *large) {
  grid a = make(small[0], small[1], 1), b = make(large[0], large[1], 1);
  pno_spectral_random(&a.s, 3, 5, 2.5, 77, 9, a.modes);
  pno_spectral_random(&b.s, 3, 5, 2.5, 77, 9, b.modes);
  for (int k0 = -(small[0] - 1) / 2; k0 <= (small[0] - 1) / 2; k0++)
    for (int k1 = -(small[1] - 1) / 2; k1 <= (small[1] - 1) / 2; k1++) {
      double x[2], y[2];
      mode_of(&a, k0, k1, x);
      mode_of(&b, k0, k1, y);
      cr_assert(x[0] == y[0] && x[1] == y[1], "mode %d %d", k0, k1);
      cr_assert((k0 == 0 && k1 == 0) == (x[0] == 0 && x[1] == 0));
    }
  drop(&a), drop(&b);
}

Test(spectral, a_seed_gives_the_same_function_on_every_grid) {
  static const int lines[3][2] = {{16, 1}, {27, 1}, {64, 1}}, planes[3][2] = {{12, 9}, {16, 21}, {32, 32}};
  for (int i = 0; i < 3; i++)
    for (int j = i + 1; j < 3; j++) {
      compare(lines[i], lines[j]);
      compare(planes[i], planes[j]);
    }
}

/* The two formulas written down again, with the numbers of the sample: k in units of 2 pi / length. */
static double formula(const grid *g, double sigma, double tau, double alpha, const pno_rng *rng, double x, double y) {
  const int n0 = g->s.n[0], n1 = g->s.n[1];
  double sum = 0;
  for (int k = 1; n1 == 1 && k <= n0 / 2; k++) {
    const double w = 2 * pi * k, size = sqrt(2) * sigma * pow(w * w + tau * tau, -alpha / 2);
    sum += size * pno_rng_normal(rng, 2 * (uint64_t)k) * cos(w * (x - .5));
    sum += size * pno_rng_normal(rng, 2 * (uint64_t)k + 1) * sin(w * (x - .5));
  }
  for (int i = 0; n1 > 1 && i < n0; i++)
    for (int j = 0; j < n1; j++) {
      const int k0 = fourier_integer(i, n0), k1 = fourier_integer(j, n1);
      const double w = 4 * pi * pi * ((double)k0 * k0 + (double)k1 * k1), turn = 2 * pi * (k0 * x + k1 * y);
      const uint64_t at = 2 * pno_spectral_element(k0, k1);
      if (k0 == 0 && k1 == 0) continue;
      sum += sqrt(2) * sigma * pow(w + tau * tau, -alpha / 2) *
             (pno_rng_normal(rng, at) * cos(turn) - pno_rng_normal(rng, at + 1) * sin(turn));
    }
  return sum;
}

Test(spectral, a_field_is_its_formula_with_the_numbers_of_its_sample) {
  static const int shapes[][2] = {{16, 1}, {9, 1}, {10, 8}, {7, 9}};
  for (int t = 0; t < 4; t++) {
    grid g = make(shapes[t][0], shapes[t][1], 1.7);
    const pno_rng rng = {.seed = 31, .stream = PNO_STREAM_FIELD, .sample = 4};
    pno_spectral_random(&g.s, 2, 3, 1.5, 31, 4, g.modes);
    pno_spectral_to_points(&g.s, g.modes, g.points);
    for (int i = 0; i < g.s.n[0]; i++)
      for (int j = 0; j < g.s.n[1]; j++) {
        const double want = formula(&g, 2, 3, 1.5, &rng, (double)i / g.s.n[0], (double)j / g.s.n[1]);
        cr_assert_float_eq(g.points[i * g.s.n[1] + j], want, 1e-13, "%d x %d: %d %d", g.s.n[0], g.s.n[1], i, j);
      }
    drop(&g);
  }
}

Test(spectral, another_place_gives_other_numbers) {
  grid g = make(16, 1, 1), h = make(16, 1, 1);
  pno_rng rng = {.seed = 5, .stream = PNO_STREAM_FIELD, .sample = 2};
  pno_spectral_random(&g.s, 1, 1, 1, 5, 2, g.modes);
  pno_spectral_random_of(&h.s, 1, 1, 1, &rng, h.modes);
  for (int i = 0; i < 2 * g.s.rows; i++) cr_assert_eq(g.modes[i], h.modes[i]);
  rng.site = 3;
  pno_spectral_random_of(&h.s, 1, 1, 1, &rng, h.modes);
  for (int i = 2; i < 2 * g.s.rows - 1; i++) cr_assert_neq(g.modes[i], h.modes[i]);
  drop(&g), drop(&h);
}

/* What section 5.1 of the definitions (GaussianRF and GRF1.m of Li et al.) gives for the variance of mode k and -k of a
 * field: sum over the modes of a grid is the variance of a point. */
typedef struct {
  double sigma, tau, alpha;
} law;

static double size_of(const law *l, const grid *g, int k0, int k1) {
  if (k0 == 0 && k1 == 0) return 0;
  const double eigenvalue = 4 * pi * pi * ((double)k0 * k0 + (double)k1 * k1) + l->tau * l->tau;
  const double s = sqrt(2) * l->sigma * pow(eigenvalue, -l->alpha / 2);
  if (g->s.dims == 2) return s * s;   /* real part of s (xi + i eta), from k and -k */
  return 2 * k0 == -g->s.n[0] ? s * s /* its cosine alone */
                              : s * s / 2;
}

/* Is mode -k, on the grid, the same one? */
static bool alone(const grid *g, int k0, int k1) {
  return (k0 == 0 || 2 * k0 == -g->s.n[0]) && (k1 == 0 || 2 * k1 == -g->s.n[1]);
}

/* Sums over samples: of the field at each point; of |c|^2 and of c(k) c(l), l the next mode; of u(x) u(x + r) averaged
 * over x. */
typedef struct {
  int samples;
  double *field, *square, *cross, *covariance;
} statistics;

static void collect(grid *g, const law *l, statistics *out) {
  const int n0 = g->s.n[0], n1 = g->s.n[1];
  double *c = calloc((size_t)g->s.points, 2 * sizeof *c);
  cr_assert_not_null(c);
  for (int s = 0; s < out->samples; s++) {
    pno_spectral_random(&g->s, l->sigma, l->tau, l->alpha, 4711, (uint32_t)s, g->modes);
    pno_spectral_to_points(&g->s, g->modes, g->points);
    fourier_modes(g->s.n, g->points, c);
    for (ptrdiff_t i = 0; i < g->s.points; i++) {
      out->field[i] += g->points[i];
      const ptrdiff_t next = (i + 1) % g->s.points;
      out->cross[i] += c[2 * i] * c[2 * next] + c[2 * i + 1] * c[2 * next + 1];
      c[2 * i] = c[2 * i] * c[2 * i] + c[2 * i + 1] * c[2 * i + 1];
      out->square[i] += c[2 * i];
    }
    for (ptrdiff_t i = 0; i < g->s.points; i++) {
      const int a = (int)(i / n1), b = (int)(i % n1);
      double sum = 0;
      for (int x = 0; x < n0; x++)
        for (int y = 0; y < n1; y++)
          sum += g->points[x * n1 + y] * g->points[(x + a) % n0 * n1 + (y + b) % n1];
      out->covariance[i] += sum / (double)g->s.points;
    }
  }
  free(c);
}

/* All within 4 standard errors, which follow from the law too. */
static void check(grid *g, const law *l, const statistics *t) {
  const int n0 = g->s.n[0], n1 = g->s.n[1], samples = t->samples;
  double worst[3] = {0}, variance = 0;
  for (int i = 0; i < n0 * n1; i++) variance += size_of(l, g, fourier_integer(i / n1, n0), fourier_integer(i % n1, n1));
  for (int i = 0; i < n0 * n1; i++) {
    double want = 0, spread = 0;
    for (int m = 0; m < n0 * n1; m++) {
      const int k0 = fourier_integer(m / n1, n0), k1 = fourier_integer(m % n1, n1);
      const double v = size_of(l, g, k0, k1);
      const double c = cos(2 * pi * ((double)k0 * (i / n1) / n0 + (double)k1 * (i % n1) / n1));
      want += v * c;
      spread += 2 * v * v * c * c; /* of k and -k, which are one number; of a mode that is real */
    }
    const int k0 = fourier_integer(i / n1, n0), k1 = fourier_integer(i % n1, n1), next = (i + 1) % (n0 * n1);
    const double v = size_of(l, g, k0, k1), both = alone(g, k0, k1) ? 2 : 1;
    const double w = size_of(l, g, fourier_integer(next / n1, n0), fourier_integer(next % n1, n1));
    const double z[3] = {fabs(t->field[i]) / sqrt(variance * samples),
                         fabs(t->covariance[i] / samples - want) / sqrt(spread / samples),
                         v > 0 ? fabs(t->square[i] / samples - v) / (v * sqrt(both / samples)) : t->square[i] * 1e20};
    for (int q = 0; q < 3; q++) worst[q] = fmax(worst[q], z[q]);
    cr_assert_lt(z[0], 4, "mean at point %d is %g", i, t->field[i] / samples);
    cr_assert_lt(z[1], 4, "covariance at %d %d is %g, want %g", i / n1, i % n1, t->covariance[i] / samples, want);
    cr_assert_lt(z[2], 4, "variance of mode %d %d is %g, want %g", k0, k1, t->square[i] / samples, v);
    cr_assert_leq(fabs(t->cross[i]), 4 * sqrt(v * w * samples) + 1e-12 * variance * samples, "modes %d and %d are not independent", i, next);
  }
  printf("%d x %d, %d fields: worst of mean, covariance and spectrum %.2f %.2f %.2f standard errors\n", n0, n1, samples,
         worst[0], worst[1], worst[2]);
}

static void fields_follow_the_law(int n0, int n1, law l, int samples) {
  grid g = make(n0, n1, 3); /* whatever the length: k is in units of it */
  double *room = calloc((size_t)g.s.points, 4 * sizeof *room);
  cr_assert_not_null(room);
  statistics t = {.samples = samples, .field = room, .square = room + g.s.points, .cross = room + 2 * g.s.points,
                  .covariance = room + 3 * g.s.points};
  collect(&g, &l, &t);
  check(&g, &l, &t);
  free(room);
  drop(&g);
}

Test(spectral, fields_on_a_line_have_mean_covariance_and_spectrum_of_grf1) {
  fields_follow_the_law(16, 1, (law){25, 5, 2}, 4000);
  fields_follow_the_law(15, 1, (law){49, 7, 2.5}, 4000);
}

Test(spectral, fields_on_a_plane_have_mean_covariance_and_spectrum_of_gaussianrf) {
  fields_follow_the_law(8, 8, (law){pow(7, 1.5), 7, 2.5}, 2000);
  fields_follow_the_law(7, 6, (law){2, 3, 1.5}, 2000);
}
