#include "engine/pde/stencil.h"

#include <stdbool.h>

static inline double neighbours(const pno_stencil *s, const double *x, ptrdiff_t k, ptrdiff_t n, bool nine) {
  double sum = s->east[k] * x[k + 1] + s->north[k] * x[k + n] + s->north[k - n] * x[k - n] + s->east[k - 1] * x[k - 1];
  if (nine)
    sum += s->north_east[k] * x[k + n + 1] + s->north_east[k - n - 1] * x[k - n - 1] +
           s->north_west[k] * x[k + n - 1] + s->north_west[k - n + 1] * x[k - n + 1];
  return sum;
}

static inline void apply(const pno_stencil *s, const double *x, double *y, bool nine) {
  const ptrdiff_t n = s->n[1];
  for (int i = 1; i < s->n[0] - 1; i++) {
    for (ptrdiff_t k = i * n + 1; k < (i + 1) * n - 1; k++) y[k] = s->centre[k] * x[k] + neighbours(s, x, k, n, nine);
  }
}

void pno_stencil_apply(const pno_stencil *s, const double *x, double *y) {
  if (s->north_east) apply(s, x, y, true);
  else apply(s, x, y, false);
}

void pno_stencil_residual(const pno_stencil *s, const double *b, const double *x, double *r) {
  const ptrdiff_t n = s->n[1];
  pno_stencil_apply(s, x, r);
  for (int i = 1; i < s->n[0] - 1; i++) {
    for (ptrdiff_t k = i * n + 1; k < (i + 1) * n - 1; k++) r[k] = b[k] - r[k];
  }
}

static inline void relax(const pno_stencil *s, const double *b, double *x, ptrdiff_t k, ptrdiff_t n, bool nine) {
  x[k] = (b[k] - neighbours(s, x, k, n, nine)) * s->inverse[k];
}

static inline void forward(const pno_stencil *s, const double *b, double *x, bool nine) {
  const ptrdiff_t n = s->n[1];
  for (int i = 1; i < s->n[0] - 1; i++) {
    for (ptrdiff_t k = i * n + 1; k < (i + 1) * n - 1; k++) relax(s, b, x, k, n, nine);
  }
}

static inline void backward(const pno_stencil *s, const double *b, double *x, bool nine) {
  const ptrdiff_t n = s->n[1];
  for (int i = s->n[0] - 2; i >= 1; i--) {
    for (ptrdiff_t k = (i + 1) * n - 2; k > i * n; k--) relax(s, b, x, k, n, nine);
  }
}

void pno_stencil_forward(const pno_stencil *s, const double *b, double *x) {
  if (s->north_east) forward(s, b, x, true);
  else forward(s, b, x, false);
}

void pno_stencil_backward(const pno_stencil *s, const double *b, double *x) {
  if (s->north_east) backward(s, b, x, true);
  else backward(s, b, x, false);
}
