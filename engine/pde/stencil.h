/* Symmetric 5- and 9-point operators on a grid of nodes with zero Dirichlet boundary: the pieces of multigrid.
 *
 * Arrays are [n0][n1] with the boundary ring in place, so that no loop branches: vectors are 0 there and stay so.
 * All functions are Local, allocate nothing and sum in one fixed order. */
#ifndef PNO_ENGINE_PDE_STENCIL_H
#define PNO_ENGINE_PDE_STENCIL_H

#include <stddef.h>

/* Row (i,j) couples with itself by centre and with the nodes that come after it by east (i,j+1), north (i+1,j),
 * north_east (i+1,j+1), north_west (i+1,j-1); symmetry gives the other four. */
typedef struct {
  int n[2];
  double *centre, *inverse; /* inverse = 1 / centre in the interior */
  double *east, *north;
  double *north_east, *north_west; /* NULL: 5 points */
} pno_stencil;

/* y = A x in the interior; y's boundary is not touched. */
void pno_stencil_apply(const pno_stencil *s, const double *x, double *y);

/* r = b - A x in the interior. */
void pno_stencil_residual(const pno_stencil *s, const double *b, const double *x, double *r);

/* One Gauss-Seidel sweep on A x = b. backward is the transpose of forward in the sense that makes a cycle with one
 * before and one after the coarse correction symmetric. */
void pno_stencil_forward(const pno_stencil *s, const double *b, double *x);
void pno_stencil_backward(const pno_stencil *s, const double *b, double *x);

#endif
