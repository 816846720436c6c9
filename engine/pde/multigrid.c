#include "engine/pde/multigrid.h"

#include <string.h>

/* Coarsest grids have at most 2 x 2 unknowns; Gauss-Seidel gains a factor 4 or better a sweep there. */
enum { COARSEST_SWEEPS = 16 };

static ptrdiff_t level_size(const pno_stencil *s) { return (ptrdiff_t)s->n[0] * s->n[1]; }

/* 3 intervals would leave no unknown behind. */
static bool can_halve(int n) { return n - 1 >= 4; }

static int halved(int n) { return (n - 1) / 2 + 1; }

static pno_status push_level(pno_multigrid_level *l, int level, const int n[2], pno_arena *arena) {
  const size_t nodes = (size_t)n[0] * (size_t)n[1];
  *l = (pno_multigrid_level){.op.n = {n[0], n[1]}};
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.centre));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.inverse));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.east));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.north));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->r));
  for (int d = 0; d < 2; d++) {
    PNO_TRY(PNO_PUSH(arena, n[d], &l->axis[d].at));
    PNO_TRY(PNO_PUSH(arena, n[d], &l->axis[d].lo));
    PNO_TRY(PNO_PUSH(arena, n[d], &l->axis[d].weight));
  }
  if (level == 0) return PNO_OK;
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.north_east));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->op.north_west));
  PNO_TRY(PNO_PUSH(arena, nodes, &l->x));
  return PNO_PUSH(arena, nodes, &l->b);
}

/* Hangs the nodes of a fine axis on those of the coarse one and places the latter. */
static void join_axis(pno_multigrid_axis *fine, int n, pno_multigrid_axis *coarse, int nc) {
  for (int c = 0; c < nc; c++) coarse->at[c] = fine->at[n == nc ? c : c == nc - 1 ? n - 1 : 2 * c];
  for (int i = 0; i < n; i++) {
    const int lo = n == nc ? i : i / 2;
    fine->lo[i] = lo < nc - 1 ? lo : nc - 2;
    const double left = coarse->at[fine->lo[i]], right = coarse->at[fine->lo[i] + 1];
    fine->weight[i] = (right - fine->at[i]) / (right - left);
  }
}

static void coarser(int n[2], double h[2]) {
  const bool halve[2] = {can_halve(n[0]) && (h[0] <= 1.5 * h[1] || !can_halve(n[1])),
                         can_halve(n[1]) && (h[1] <= 1.5 * h[0] || !can_halve(n[0]))};
  for (int d = 0; d < 2; d++) {
    if (!halve[d]) continue;
    n[d] = halved(n[d]);
    h[d] *= 2;
  }
}

pno_status pno_multigrid_create(int n0, int n1, pno_arena *arena, pno_multigrid *out) {
  int n[2] = {n0, n1};
  double h[2] = {1.0 / (n0 - 1), 1.0 / (n1 - 1)};
  out->levels = 0;
  for (;;) {
    pno_multigrid_level *l = &out->level[out->levels];
    PNO_TRY(push_level(l, out->levels++, n, arena));
    for (int d = 0; d < 2 && !arena->measuring; d++) {
      if (out->levels > 1) join_axis(&l[-1].axis[d], l[-1].op.n[d], &l->axis[d], n[d]);
      else
        for (int i = 0; i < n[d]; i++) l->axis[d].at[i] = (double)i / (n[d] - 1);
    }
    if (!can_halve(n[0]) && !can_halve(n[1])) return PNO_OK;
    coarser(n, h);
  }
}

/* The coarse nodes that node i hangs on and how much: 1 or 2. */
static int parents(const pno_multigrid_axis *a, int i, int at[2], double w[2]) {
  int count = 0;
  if (a->weight[i] > 0) at[count] = a->lo[i], w[count++] = a->weight[i];
  if (a->weight[i] < 1) at[count] = a->lo[i] + 1, w[count++] = 1 - a->weight[i];
  return count;
}

typedef struct {
  int n, at[4][2];
  double w[4];
} hold;

/* The interior coarse nodes that fine node (i,j) hangs on. */
static hold hold_of(const pno_multigrid_level *l, const int nc[2], int i, int j) {
  int p[2], q[2];
  double u[2], v[2];
  const int np = parents(&l->axis[0], i, p, u), nq = parents(&l->axis[1], j, q, v);
  hold h = {.n = 0};
  for (int a = 0; a < np; a++) {
    if (p[a] == 0 || p[a] == nc[0] - 1) continue;
    for (int b = 0; b < nq; b++) {
      if (q[b] == 0 || q[b] == nc[1] - 1) continue;
      h.at[h.n][0] = p[a];
      h.at[h.n][1] = q[b];
      h.w[h.n++] = u[a] * v[b];
    }
  }
  return h;
}

/* Adds the coupling of two coarse nodes to the half of the stencil that is kept. */
static void couple(pno_stencil *c, const int from[2], const int to[2], double value) {
  const int di = to[0] - from[0], dj = to[1] - from[1];
  const bool after = di > 0 || (di == 0 && dj > 0);
  const int *first = after ? from : to;
  const ptrdiff_t k = (ptrdiff_t)first[0] * c->n[1] + first[1];
  if (di == 0 && dj == 0) c->centre[k] += value;
  else if (di == 0) c->east[k] += value;
  else if (dj == 0) c->north[k] += value;
  else if (di * dj > 0) c->north_east[k] += value;
  else c->north_west[k] += value;
}

/* value = A(i,j) of two fine nodes (or of one). Off the diagonal A(j,i) stands for itself, so a coarse node that both
 * hang on gets it twice; on the diagonal each pair of coarse nodes comes twice, so a half does. */
static void add_products(pno_stencil *c, const hold *a, const hold *b, double value, bool diagonal) {
  for (int p = 0; p < a->n; p++) {
    for (int q = 0; q < b->n; q++) {
      const bool same = a->at[p][0] == b->at[q][0] && a->at[p][1] == b->at[q][1];
      const double times = diagonal ? (same ? 1.0 : 0.5) : (same ? 2.0 : 1.0);
      couple(c, a->at[p], b->at[q], times * value * a->w[p] * b->w[q]);
    }
  }
}

static void invert(pno_stencil *s) {
  const ptrdiff_t n = s->n[1];
  for (int i = 1; i < s->n[0] - 1; i++) {
    for (ptrdiff_t k = i * n + 1; k < (i + 1) * n - 1; k++) s->inverse[k] = 1.0 / s->centre[k];
  }
}

static void galerkin(const pno_multigrid_level *l, pno_stencil *c) {
  const pno_stencil *f = &l->op;
  double *const parts[] = {c->centre, c->east, c->north, c->north_east, c->north_west};
  for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
    memset(parts[p], 0, (size_t)level_size(c) * sizeof *parts[p]);
  for (int i = 1; i < f->n[0] - 1; i++) {
    for (int j = 1; j < f->n[1] - 1; j++) {
      const ptrdiff_t k = (ptrdiff_t)i * f->n[1] + j;
      const hold here = hold_of(l, c->n, i, j);
      const struct {
        int i, j;
        double value;
      } to[] = {{i, j + 1, f->east[k]},
                {i + 1, j, f->north[k]},
                {i + 1, j + 1, f->north_east ? f->north_east[k] : 0},
                {i + 1, j - 1, f->north_west ? f->north_west[k] : 0}};
      add_products(c, &here, &here, f->centre[k], true);
      for (int t = 0; t < (f->north_east ? 4 : 2); t++) {
        if (to[t].i == f->n[0] - 1 || to[t].j == f->n[1] - 1 || to[t].j == 0) continue;
        const hold there = hold_of(l, c->n, to[t].i, to[t].j);
        add_products(c, &here, &there, to[t].value, false);
      }
    }
  }
}

void pno_multigrid_setup(pno_multigrid *mg) {
  invert(&mg->level[0].op);
  for (int l = 1; l < mg->levels; l++) {
    galerkin(&mg->level[l - 1], &mg->level[l].op);
    invert(&mg->level[l].op);
  }
}

/* b of the coarse level = P^T r. */
static void restrict_to(const pno_multigrid_level *f, pno_multigrid_level *c) {
  const ptrdiff_t n = f->op.n[1], nc = c->op.n[1];
  memset(c->b, 0, (size_t)level_size(&c->op) * sizeof *c->b);
  for (int i = 1; i < f->op.n[0] - 1; i++) {
    const double u = f->axis[0].weight[i];
    double *const row = c->b + f->axis[0].lo[i] * nc, *const next = row + nc;
    for (int j = 1; j < n - 1; j++) {
      const int q = f->axis[1].lo[j];
      const double r = f->r[i * n + j], left = f->axis[1].weight[j] * r, right = r - left;
      row[q] += u * left;
      row[q + 1] += u * right;
      next[q] += (1 - u) * left;
      next[q + 1] += (1 - u) * right;
    }
  }
  memset(c->b, 0, (size_t)nc * sizeof *c->b);
  memset(c->b + (c->op.n[0] - 1) * nc, 0, (size_t)nc * sizeof *c->b);
  for (int i = 0; i < c->op.n[0]; i++) c->b[i * nc] = c->b[(i + 1) * nc - 1] = 0;
}

/* x += P (x of the coarse level). */
static void prolong(const pno_multigrid_level *f, const pno_multigrid_level *c, double *x) {
  const ptrdiff_t n = f->op.n[1], nc = c->op.n[1];
  for (int i = 1; i < f->op.n[0] - 1; i++) {
    const double u = f->axis[0].weight[i];
    const double *const row = c->x + f->axis[0].lo[i] * nc, *const next = row + nc;
    for (int j = 1; j < n - 1; j++) {
      const int q = f->axis[1].lo[j];
      const double v = f->axis[1].weight[j];
      x[i * n + j] += u * (v * row[q] + (1 - v) * row[q + 1]) + (1 - u) * (v * next[q] + (1 - v) * next[q + 1]);
    }
  }
}

static void cycle(pno_multigrid *mg, int level, const double *b, double *x) {
  pno_multigrid_level *const l = &mg->level[level];
  memset(x, 0, (size_t)level_size(&l->op) * sizeof *x);
  if (level == mg->levels - 1) {
    for (int s = 0; s < COARSEST_SWEEPS; s++) {
      pno_stencil_forward(&l->op, b, x);
      pno_stencil_backward(&l->op, b, x);
    }
    return;
  }
  pno_stencil_forward(&l->op, b, x);
  pno_stencil_residual(&l->op, b, x, l->r);
  restrict_to(l, &l[1]);
  cycle(mg, level + 1, l[1].b, l[1].x);
  prolong(l, &l[1], x);
  pno_stencil_backward(&l->op, b, x);
}

void pno_multigrid_cycle(pno_multigrid *mg, const double *r, double *z) { cycle(mg, 0, r, z); }
