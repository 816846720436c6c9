#include <stdlib.h>
#include <string.h>

#include "engine/score/laplace_heads.h"

struct pno_laplace_gram {
  pno_mlp own, identity; /* weights of identity are owned */
  ptrdiff_t points;
  float *w2, *b2, *field;   /* owned */
  float *ones, *zeros;      /* owned: [hidden] */
  double *tile;             /* owned: [POINTS][features] */
};

enum { POINTS = 8 };

static int features_of(const pno_laplace_gram *g) { return g->own.hidden + 1; }

static pno_status allocate(pno_laplace_gram *g) {
  const size_t h = (size_t)g->own.hidden, hp = (size_t)pno_padded(g->own.hidden);
  g->w2 = calloc(h * hp, sizeof *g->w2);
  g->b2 = calloc(hp, sizeof *g->b2);
  g->field = calloc((size_t)g->points * h, sizeof *g->field);
  g->ones = calloc(h, sizeof *g->ones);
  g->zeros = calloc(h, sizeof *g->zeros);
  g->tile = calloc(POINTS * (h + 1), sizeof *g->tile);
  if (!g->w2 || !g->b2 || !g->field || !g->ones || !g->zeros || !g->tile)
    return pno_fail(PNO_E_NOMEM, "no memory for %d features of %td points", g->own.hidden, g->points);
  for (size_t j = 0; j < h; j++) {
    g->ones[j] = 1.0f;
    g->w2[j * hp + j] = 1.0f;
  }
  g->identity = g->own;
  g->identity.out = g->own.hidden;
  g->identity.w2 = g->w2;
  g->identity.b2 = g->b2;
  return PNO_OK;
}

pno_status pno_laplace_gram_create(const pno_mlp *head, ptrdiff_t points, pno_laplace_gram **out) {
  if (!head->hidden) return pno_fail(PNO_E_USAGE, "Laplace needs a head with a hidden layer");
  pno_laplace_gram *g = calloc(1, sizeof *g);
  if (!g) return pno_fail(PNO_E_NOMEM, "no memory for the features of a head");
  g->own = *head;
  g->points = points;
  const pno_status st = allocate(g);
  if (st == PNO_OK)
    *out = g;
  else
    pno_laplace_gram_destroy(&g);
  return st;
}

void pno_laplace_gram_destroy(pno_laplace_gram **g) {
  if (!g || !*g) return;
  free((*g)->w2);
  free((*g)->b2);
  free((*g)->field);
  free((*g)->ones);
  free((*g)->zeros);
  free((*g)->tile);
  free(*g);
  *g = NULL;
}

const pno_mlp *pno_laplace_gram_head(const pno_laplace_gram *g, pno_affine *norm, float **field) {
  *norm = (pno_affine){.scale = g->ones, .shift = g->zeros};
  *field = g->field;
  return &g->identity;
}

ptrdiff_t pno_laplace_gram_doubles(const pno_laplace_gram *g) {
  return (ptrdiff_t)features_of(g) * features_of(g) + 1;
}

/* Adds the lower triangle of tile^T tile. A few points first: an eighth of the traffic, and the same bits anywhere, which a
 * BLAS with threads would not promise. In double: rounded to float, 63 points of a smooth field gave an eigenvalue of -1e-9
 * of the largest, which is no sum of squares. */
static void add_tile(int f, const double *restrict tile, double *restrict sum) {
  for (int i = 0; i < f; i++) {
    double *row = sum + (ptrdiff_t)i * f;
    for (int j = 0; j <= i; j++) {
      double s = 0;
      for (int p = 0; p < POINTS; p++) s += tile[p * f + i] * tile[p * f + j];
      row[j] += s;
    }
  }
}

/* Squared residuals of some points in normalised units. */
static double residuals(const pno_laplace_gram *g, const float *phi, ptrdiff_t point, const float *target,
                        const pno_affine *norm) {
  const int out = g->own.out, op = pno_padded(out);
  const ptrdiff_t at = norm->per_point ? point * out : 0;
  double sum = 0;
  for (int o = 0; o < out; o++) {
    double y = (double)g->own.b2[o];
    for (int j = 0; j < g->own.hidden; j++) y += (double)phi[j] * (double)g->own.w2[(ptrdiff_t)j * op + o];
    const double u = ((double)target[point * out + o] - (double)norm->shift[at + o]) / (double)norm->scale[at + o];
    sum += (y - u) * (y - u);
  }
  return sum;
}

void pno_laplace_gram_add(const pno_laplace_gram *g, const float *target, const pno_affine *norm, double *sum) {
  const int f = features_of(g), h = g->own.hidden;
  for (ptrdiff_t p = 0; p < g->points; p += POINTS) {
    memset(g->tile, 0, sizeof *g->tile * POINTS * (size_t)f);
    for (ptrdiff_t q = p; q < p + POINTS && q < g->points; q++) {
      const float *phi = g->field + q * h;
      for (int j = 0; j < h; j++) g->tile[(q - p) * f + j] = (double)phi[j];
      g->tile[(q - p) * f + h] = 1.0;
      sum[(ptrdiff_t)f * f] += residuals(g, phi, q, target, norm);
    }
    add_tile(f, g->tile, sum);
  }
}

void pno_laplace_gram_sum(const pno_laplace_gram *g, const double *other, double *sum) {
  for (ptrdiff_t i = 0; i < pno_laplace_gram_doubles(g); i++) sum[i] += other[i];
}

pno_status pno_laplace_gram_fit(const pno_laplace_gram *g, const double *sum, double points, pno_laplace **out) {
  const int f = features_of(g), outputs = g->own.out, op = pno_padded(outputs);
  double *weights = calloc((size_t)f * (size_t)outputs, sizeof *weights);
  if (!weights) return pno_fail(PNO_E_NOMEM, "no memory for the weights of a head");
  for (int o = 0; o < outputs; o++) {
    for (int j = 0; j < f - 1; j++) weights[(ptrdiff_t)o * f + j] = (double)g->own.w2[(ptrdiff_t)j * op + o];
    weights[(ptrdiff_t)o * f + f - 1] = (double)g->own.b2[o];
  }
  const pno_status st = pno_laplace_fit(f, outputs, sum, weights, sum[(ptrdiff_t)f * f], points, out);
  free(weights);
  return st;
}
