#include "engine/pde/multigrid.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/pde/darcy.h"

static const int sizes[][2] = {{3, 3}, {4, 4}, {5, 4}, {5, 9}, {17, 16}, {33, 64}, {3, 40}, {100, 7}, {38, 21}};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

typedef struct {
  pno_arena arena;
  pno_multigrid mg;
  ptrdiff_t n;
} grid;

/* A hierarchy for a coefficient that jumps between 0.1 and 12 from node to node. */
static grid *make(const int n[2], bool jumps) {
  grid *g = calloc(1, sizeof *g);
  pno_arena measure = pno_arena_measure("test", PNO_SPACE_HOST);
  cr_assert_eq(pno_multigrid_create(n[0], n[1], &measure, &g->mg), PNO_OK);
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, measure.peak, &g->arena), PNO_OK);
  cr_assert_eq(pno_multigrid_create(n[0], n[1], &g->arena, &g->mg), PNO_OK);
  cr_assert_eq(g->arena.used, measure.peak);
  g->n = (ptrdiff_t)n[0] * n[1];
  double *a = calloc((size_t)g->n, sizeof *a);
  const pno_rng rng = {.seed = 1, .stream = PNO_STREAM_FIELD};
  for (ptrdiff_t k = 0; k < g->n; k++) a[k] = !jumps ? 1 : pno_rng_uniform(&rng, (uint64_t)k) < 0.5 ? 0.1 : 12;
  pno_darcy_assemble(a, &g->mg.level[0].op);
  pno_multigrid_setup(&g->mg);
  free(a);
  return g;
}

static void drop(grid *g) {
  pno_arena_destroy(&g->arena);
  free(g);
}

/* Random inside, 0 on the boundary. */
static double *vector(const int n[2], uint64_t seed) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD};
  double *x = calloc((size_t)n[0] * (size_t)n[1], sizeof *x);
  for (int i = 1; i < n[0] - 1; i++) {
    for (int j = 1; j < n[1] - 1; j++) x[i * n[1] + j] = pno_rng_normal(&rng, (uint64_t)(i * n[1] + j));
  }
  return x;
}

static double dot(const double *x, const double *y, ptrdiff_t n) {
  double sum = 0;
  for (ptrdiff_t k = 0; k < n; k++) sum += x[k] * y[k];
  return sum;
}

typedef void (*linear)(grid *g, const double *x, double *y);

static void operator(grid *g, const double *x, double *y) { pno_stencil_apply(&g->mg.level[0].op, x, y); }

static void cycle(grid *g, const double *x, double *y) { pno_multigrid_cycle(&g->mg, x, y); }

static void check_symmetric_positive(linear map, const char *what) {
  for (int s = 0; s < N_SIZES; s++) {
    grid *g = make(sizes[s], true);
    double *x = vector(sizes[s], 2), *y = vector(sizes[s], 3), *bx = vector(sizes[s], 4), *by = vector(sizes[s], 5);
    map(g, x, bx);
    map(g, y, by);
    const double xx = dot(x, bx, g->n), yy = dot(y, by, g->n), xy = dot(y, bx, g->n), yx = dot(x, by, g->n);
    cr_assert(xx > 0 && yy > 0, "%s %d x %d is not positive: %g %g", what, sizes[s][0], sizes[s][1], xx, yy);
    cr_assert_leq(fabs(xy - yx), 1e-13 * sqrt(xx * yy), "%s %d x %d: %.17g is not %.17g", what, sizes[s][0],
                  sizes[s][1], xy, yx);
    free(x), free(y), free(bx), free(by);
    drop(g);
  }
}

Test(multigrid, the_operator_is_symmetric_and_positive) { check_symmetric_positive(operator, "operator"); }

Test(multigrid, the_cycle_is_symmetric_and_positive) { check_symmetric_positive(cycle, "cycle"); }

/* P of the header, by gathering. */
static double *prolonged(const pno_multigrid_level *f, const pno_multigrid_level *c, const double *xc) {
  double *x = calloc((size_t)f->op.n[0] * (size_t)f->op.n[1], sizeof *x);
  for (int i = 1; i < f->op.n[0] - 1; i++) {
    for (int j = 1; j < f->op.n[1] - 1; j++) {
      for (int a = 0; a < 2; a++) {
        for (int b = 0; b < 2; b++) {
          const double u = f->axis[0].weight[i], v = f->axis[1].weight[j];
          x[i * f->op.n[1] + j] += (a ? 1 - u : u) * (b ? 1 - v : v) *
                                   xc[(f->axis[0].lo[i] + a) * c->op.n[1] + f->axis[1].lo[j] + b];
        }
      }
    }
  }
  return x;
}

Test(multigrid, every_coarse_operator_is_the_fine_one_between_its_interpolations) {
  for (int s = 0; s < N_SIZES; s++) {
    grid *g = make(sizes[s], true);
    for (int l = 1; l < g->mg.levels; l++) {
      const pno_multigrid_level *f = &g->mg.level[l - 1], *c = &g->mg.level[l];
      const ptrdiff_t nf = (ptrdiff_t)f->op.n[0] * f->op.n[1], nc = (ptrdiff_t)c->op.n[0] * c->op.n[1];
      double *x = vector(c->op.n, 6), *y = vector(c->op.n, 7), *ax = vector(c->op.n, 8), *apx = vector(f->op.n, 8);
      double *px = prolonged(f, c, x), *py = prolonged(f, c, y);
      pno_stencil_apply(&c->op, x, ax);
      pno_stencil_apply(&f->op, px, apx);
      const double coarse = dot(y, ax, nc), fine = dot(py, apx, nf);
      cr_assert_float_eq(coarse, fine, 1e-12 * (fabs(fine) + dot(px, apx, nf)), "%d x %d level %d: %g, want %g",
                         sizes[s][0], sizes[s][1], l, coarse, fine);
      free(x), free(y), free(ax), free(apx), free(px), free(py);
    }
    drop(g);
  }
}

Test(multigrid, interpolation_keeps_linear_functions_and_coarse_spacings_stay_within_a_factor_two) {
  for (int s = 0; s < N_SIZES; s++) {
    grid *g = make(sizes[s], false);
    for (int l = 1; l < g->mg.levels; l++) {
      for (int d = 0; d < 2; d++) {
        const pno_multigrid_axis *f = &g->mg.level[l - 1].axis[d], *c = &g->mg.level[l].axis[d];
        const int n = g->mg.level[l - 1].op.n[d], nc = g->mg.level[l].op.n[d];
        for (int i = 0; i < n; i++) {
          const double at = f->weight[i] * c->at[f->lo[i]] + (1 - f->weight[i]) * c->at[f->lo[i] + 1];
          cr_assert_float_eq(at, f->at[i], 1e-15);
        }
        const double first = c->at[1] - c->at[0], last = c->at[nc - 1] - c->at[nc - 2];
        cr_assert(last > 0.999 * first && last < 2.001 * first, "%d nodes: %g then %g", nc, first, last);
      }
    }
    const pno_stencil *coarsest = &g->mg.level[g->mg.levels - 1].op;
    cr_assert(coarsest->n[0] <= 4 && coarsest->n[1] <= 4);
    drop(g);
  }
}

Test(multigrid, a_cycle_gains_a_factor_four_for_a_smooth_coefficient_at_every_size) {
  static const int square[][2] = {{16, 16}, {33, 33}, {64, 64}, {101, 100}, {200, 20}, {20, 200}};
  enum { CYCLES = 8 };
  for (size_t s = 0; s < sizeof square / sizeof *square; s++) {
    grid *g = make(square[s], false);
    double *x = vector(square[s], 9), *r = vector(square[s], 1), *z = vector(square[s], 1);
    double norm[CYCLES + 1];
    for (int c = 0; c <= CYCLES; c++) { /* A x = 0: x is the error */
      pno_stencil_apply(&g->mg.level[0].op, x, r);
      norm[c] = sqrt(dot(x, r, g->n));
      pno_multigrid_cycle(&g->mg, r, z);
      for (ptrdiff_t k = 0; k < g->n; k++) x[k] -= z[k];
    }
    const double rate = pow(norm[CYCLES] / norm[0], 1.0 / CYCLES);
    cr_assert_leq(rate, 0.25, "%d x %d: %.3f a cycle", square[s][0], square[s][1], rate);
    free(x), free(r), free(z);
    drop(g);
  }
}

Test(multigrid, too_small_an_arena_is_refused) {
  static pno_multigrid mg;
  pno_arena arena;
  for (size_t bytes = 64; bytes < 40000; bytes += 4096) {
    cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, bytes, &arena), PNO_OK);
    cr_assert_eq(pno_multigrid_create(40, 40, &arena, &mg), PNO_E_NOMEM);
    pno_arena_destroy(&arena);
  }
}
