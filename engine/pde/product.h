/* Products of real fields on a periodic grid without aliases: fields of which only the modes of the 2/3 rule are kept,
 * |integer| < n / 3 on each axis, go to points, and the same modes of what is made there come back. n / 3 itself has an
 * alias: twice it looks like -n / 3.
 *
 * Of a line it is one field u; of a plane two, as one complex u + i v, since a complex transform takes less time than
 * two real ones. Columns that are not kept are not transformed, and what happens at points is done row by row between
 * the transforms of the row, in the first cache. Plans are ESTIMATE: the same bits in every process. All functions are
 * Local. */
#ifndef PNO_ENGINE_PDE_PRODUCT_H
#define PNO_ENGINE_PDE_PRODUCT_H

#include "engine/pde/spectral.h"

typedef struct {
  int rows, columns; /* kept of a real field: k0 = 0 .. m, -m .. -1 and k1 = 0 .. m; a line is one row */
  ptrdiff_t modes;   /* rows * columns */
  double *k[2];      /* [rows], [columns]: wave numbers */
  int outer;         /* m of k0 */
  /* Its own; arrays are lent by the arena. */
  int n[2], stride;  /* points, n[0] 1 of a line; complex numbers from row to row of half */
  double *spread;    /* [n0][2 columns][2] of a plane, all rows; [n1 / 2 + 1][2] of a line */
  double *half;      /* [n0][stride][2]: points along axis 0, modes along axis 1; of a plane */
  double *line;      /* [n1][2] or [n1]: points of a row */
  void *down, *up, *row_down, *row_up; /* owned FFTW plans, down to points; NULL while measuring */
} pno_product;

/* What is done with n points, [n] of a line and [n][u|v] of a plane; the results take their places. */
typedef void pno_pointwise(ptrdiff_t n, double *points);

/* For the grid of s. Pushes its storage on the arena, which may be measuring. Errors: PNO_E_NOMEM. */
pno_status pno_product_push(pno_arena *arena, const pno_spectral *s, pno_product *out);
void pno_product_destroy(pno_product *p); /* takes NULL and zeroed ones */

/* Modes, written before apply and read after it: of u on a line, [columns][2]; of u + i v in row r of a plane, at
 * k1 >= 0 [columns][2] and behind them at k1 < 0: that of -j lies at 2 columns - j. */
double *pno_product_row(const pno_product *p, int r);

/* The modes become those of what f makes, times the number of points. */
void pno_product_apply(const pno_product *p, pno_pointwise *f);

/* Is the mode at row i and column j of s among the kept ones? */
bool pno_product_keeps(const pno_product *p, int i, int j);

/* kept [modes][2] from and into all modes of s; what is not kept stays. */
void pno_product_gather(const pno_product *p, const double *all, double *kept);
void pno_product_scatter(const pno_product *p, const double *kept, double *all);

#endif
