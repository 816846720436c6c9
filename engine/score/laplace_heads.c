#include "engine/score/laplace_heads.h"

#include <math.h>
#include <stdlib.h>

#include "engine/base/rng.h"

struct pno_laplace_heads {
  const pno_laplace *l;
  pno_mlp own;
  pno_affine norm; /* of the outputs */
  ptrdiff_t points;
  int chunk, first; /* first: number of the first draw that is there, -1: none */
  uint64_t seed;
  float *w2, *b2, *ones, *zeros; /* owned: of the drawn head */
  double *draw;                  /* owned: [out][f] */
};

static pno_status allocate(pno_laplace_heads *h) {
  const size_t columns = (size_t)(h->chunk * h->own.out), cp = (size_t)pno_padded((int)columns);
  h->w2 = calloc((size_t)h->own.hidden * cp, sizeof *h->w2);
  h->b2 = calloc(cp, sizeof *h->b2);
  h->ones = calloc(columns, sizeof *h->ones);
  h->zeros = calloc(columns, sizeof *h->zeros);
  h->draw = calloc((size_t)h->l->features * (size_t)h->l->outputs, sizeof *h->draw);
  if (!h->w2 || !h->b2 || !h->ones || !h->zeros || !h->draw)
    return pno_fail(PNO_E_NOMEM, "no memory for %d heads of %d channels", h->chunk, h->own.hidden);
  for (size_t i = 0; i < columns; i++) h->ones[i] = 1.0f;
  return PNO_OK;
}

pno_status pno_laplace_heads_create(const pno_laplace *l, const pno_mlp *head, const pno_affine *norm, ptrdiff_t points,
                                    int chunk, pno_laplace_heads **out) {
  if (l->features != head->hidden + 1 || l->outputs != head->out)
    return pno_fail(PNO_E_SHAPE, "a posterior of %d features and %d outputs, the head has %d and %d", l->features, l->outputs,
                    head->hidden + 1, head->out);
  pno_laplace_heads *h = calloc(1, sizeof *h);
  if (!h) return pno_fail(PNO_E_NOMEM, "no memory for drawn heads");
  *h = (pno_laplace_heads){.l = l, .own = *head, .norm = *norm, .points = points, .chunk = chunk, .first = -1};
  const pno_status st = allocate(h);
  if (st == PNO_OK)
    *out = h;
  else
    pno_laplace_heads_destroy(&h);
  return st;
}

void pno_laplace_heads_destroy(pno_laplace_heads **h) {
  if (!h || !*h) return;
  free((*h)->w2);
  free((*h)->b2);
  free((*h)->ones);
  free((*h)->zeros);
  free((*h)->draw);
  free(*h);
  *h = NULL;
}

static void take_draw(pno_laplace_heads *h, int m) {
  const int out = h->own.out, f = h->l->features, cp = pno_padded(h->chunk * out);
  pno_laplace_draw(h->l, h->seed, h->first + m, h->draw);
  for (int o = 0; o < out; o++) {
    const double *w = h->draw + (ptrdiff_t)o * f;
    for (int j = 0; j < f - 1; j++) h->w2[(ptrdiff_t)j * cp + m * out + o] = (float)w[j];
    h->b2[m * out + o] = (float)w[f - 1];
  }
}

pno_mlp pno_laplace_heads_draw(pno_laplace_heads *h, uint64_t seed, int first, pno_affine *norm) {
  if (h->first != first || h->seed != seed) {
    h->first = first;
    h->seed = seed;
    for (int m = 0; m < h->chunk; m++) take_draw(h, m);
  }
  *norm = (pno_affine){.scale = h->ones, .shift = h->zeros};
  return (pno_mlp){.in = h->own.in, .hidden = h->own.hidden, .out = h->chunk * h->own.out, .w1 = h->own.w1,
                   .b1 = h->own.b1, .w2 = h->w2, .b2 = h->b2};
}

void pno_laplace_heads_fields(const pno_laplace_heads *h, const float *columns, bool noise, uint32_t sample, int step,
                              float *fields) {
  const int out = h->own.out, width = h->chunk * out;
  const double sd = noise ? sqrt(h->l->noise) : 0.0;
  enum { LOT = 64 };
  for (int m = 0; m < h->chunk; m++) {
    /* from epoch 1 on: the weights are drawn in epoch 0 */
    const pno_rng rng = {.seed = h->seed, .stream = PNO_STREAM_DRAW, .sample = sample, .epoch = 1 + (uint32_t)step,
                         .draw = (uint16_t)(h->first + m)};
    double z[LOT] = {0};
    for (ptrdiff_t i = 0; i < h->points * out; i++) {
      const ptrdiff_t p = i / out, at = h->norm.per_point ? p * out : 0;
      const int o = (int)(i % out);
      if (noise && i % LOT == 0) pno_rng_normals(&rng, (uint64_t)i, LOT, z);
      const double y = (double)columns[p * width + m * out + o] + sd * z[i % LOT];
      fields[m * h->points * out + i] = (float)(y * (double)h->norm.scale[at + o] + (double)h->norm.shift[at + o]);
    }
  }
}

double pno_laplace_heads_noise(const pno_laplace_heads *h) {
  const ptrdiff_t n = (h->norm.per_point ? h->points : 1) * h->own.out;
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) sum += (double)h->norm.scale[i] * (double)h->norm.scale[i];
  return h->l->noise * sum / (double)n;
}
