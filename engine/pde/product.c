#include "engine/pde/product.h"

#include <fftw3.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static fftw_complex *complexes(double *x) { return (fftw_complex *)x; }

static bool is_line(const pno_product *p) { return p->n[0] == 1; }

/* ESTIMATE: see spectral.c. Rows go from half to line and back, which takes 2/3 of the time of a row in its place: 256
 * rows of 256 take 99 us down and 110 us up, against 158 us in place, and 178 and 174 us for twice as many real rows. */
static pno_status make_plans(pno_product *p) {
  const int n0 = p->n[0], n1 = p->n[1], c = p->columns, s = p->stride;
  fftw_complex *spread = complexes(p->spread), *half = complexes(p->half), *line = complexes(p->line);
  if (is_line(p)) {
    p->row_down = fftw_plan_dft_c2r_1d(n1, spread, p->line, FFTW_ESTIMATE);
    p->row_up = fftw_plan_dft_r2c_1d(n1, p->line, spread, FFTW_ESTIMATE);
  } else {
    p->row_down = fftw_plan_dft_1d(n1, half, line, FFTW_BACKWARD, FFTW_ESTIMATE);
    p->row_up = fftw_plan_dft_1d(n1, line, half, FFTW_FORWARD, FFTW_ESTIMATE);
    p->down = fftw_plan_many_dft(1, &n0, c, spread, NULL, 2 * c, 1, half, NULL, s, 1, FFTW_BACKWARD, FFTW_ESTIMATE);
    p->up = fftw_plan_many_dft(1, &n0, c, half, NULL, s, 1, spread, NULL, 2 * c, 1, FFTW_FORWARD, FFTW_ESTIMATE);
  }
  if (p->row_down && p->row_up && (is_line(p) || (p->down && p->up))) return PNO_OK;
  pno_product_destroy(p);
  return pno_fail(PNO_E_NOMEM, "no FFTW plan of %d x %d", n0, n1);
}

void pno_product_destroy(pno_product *p) {
  if (!p) return;
  void **const plans[] = {&p->down, &p->up, &p->row_down, &p->row_up};
  for (int i = 0; i < 4; i++) {
    if (*plans[i]) fftw_destroy_plan(*plans[i]);
    *plans[i] = NULL;
  }
}

static int greatest_kept(int n) { return (n - 1) / 3; }

static void fill_wave_numbers(const pno_product *p, double length) {
  for (int r = 0; r < p->rows; r++) p->k[0][r] = 2 * pi / length * (r <= p->outer ? r : r - p->rows);
  for (int j = 0; j < p->columns; j++) p->k[1][j] = 2 * pi / length * j;
}

pno_status pno_product_push(pno_arena *arena, const pno_spectral *s, pno_product *out) {
  enum { PAD = 4 }; /* complex numbers: rows of 2^k would meet in the same places of a cache */
  const bool line = s->dims == 1;
  pno_product p = {.n = {line ? 1 : s->n[0], line ? s->n[0] : s->n[1]}};
  p.outer = line ? 0 : greatest_kept(p.n[0]);
  p.rows = 2 * p.outer + 1;
  p.columns = greatest_kept(p.n[1]) + 1;
  p.modes = (ptrdiff_t)p.rows * p.columns;
  p.stride = p.n[1] + PAD;
  PNO_TRY(PNO_PUSH(arena, p.rows, &p.k[0]));
  PNO_TRY(PNO_PUSH(arena, p.columns, &p.k[1]));
  PNO_TRY(PNO_PUSH(arena, line ? 2 * (p.n[1] / 2 + 1) : 4 * (ptrdiff_t)p.n[0] * p.columns, &p.spread));
  PNO_TRY(PNO_PUSH(arena, line ? 0 : 2 * (ptrdiff_t)p.n[0] * p.stride, &p.half));
  PNO_TRY(PNO_PUSH(arena, 2 * (ptrdiff_t)p.n[1], &p.line));
  if (!arena->measuring) {
    PNO_TRY(make_plans(&p));
    fill_wave_numbers(&p, s->length);
  }
  *out = p;
  return PNO_OK;
}

/* The place on axis 0 of row r: those behind the last k0 >= 0 stand at the end. */
static ptrdiff_t place(const pno_product *p, int r) { return r <= p->outer ? r : p->n[0] - p->rows + r; }

double *pno_product_row(const pno_product *p, int r) { return p->spread + 4 * place(p, r) * p->columns; }

/* Doubles set to zero from number first on. */
static void clear(double *x, ptrdiff_t first, ptrdiff_t n) { memset(x + first, 0, (size_t)n * sizeof *x); }

static void apply_line(const pno_product *p, pno_pointwise *f) {
  clear(p->spread, 2 * (ptrdiff_t)p->columns, 2 * (ptrdiff_t)(p->n[1] / 2 + 1 - p->columns));
  fftw_execute_dft_c2r(p->row_down, complexes(p->spread), p->line);
  f(p->n[1], p->line);
  fftw_execute_dft_r2c(p->row_up, p->line, complexes(p->spread));
}

/* What is not kept is 0: rows between the outermost ones, and k1 = -columns, the first of the second block. */
static void clear_gaps(const pno_product *p) {
  const ptrdiff_t width = 4 * (ptrdiff_t)p->columns;
  for (int r = 0; r < p->rows; r++) clear(pno_product_row(p, r), width / 2, 2);
  clear(p->spread, (p->outer + 1) * width, (p->n[0] - p->rows) * width);
}

/* Columns are two blocks, k1 = 0 .. m and -m - 1 .. -1, at both ends of a row. */
static void apply_plane(const pno_product *p, pno_pointwise *f) {
  const ptrdiff_t c = p->columns, n1 = p->n[1];
  double *blocks[2][2] = {{p->spread, p->half}, {p->spread + 2 * c, p->half + 2 * (n1 - c)}};
  clear_gaps(p);
  for (int b = 0; b < 2; b++) fftw_execute_dft(p->down, complexes(blocks[b][0]), complexes(blocks[b][1]));
  for (ptrdiff_t i = 0; i < p->n[0]; i++) {
    double *row = p->half + 2 * i * p->stride;
    clear(row, 2 * c, 2 * (n1 - 2 * c));
    fftw_execute_dft(p->row_down, complexes(row), complexes(p->line));
    f(n1, p->line);
    fftw_execute_dft(p->row_up, complexes(p->line), complexes(row));
  }
  for (int b = 0; b < 2; b++) fftw_execute_dft(p->up, complexes(blocks[b][1]), complexes(blocks[b][0]));
}

void pno_product_apply(const pno_product *p, pno_pointwise *f) {
  if (is_line(p)) apply_line(p, f);
  else apply_plane(p, f);
}

bool pno_product_keeps(const pno_product *p, int i, int j) {
  if (is_line(p)) return i < p->columns;
  return (i <= p->outer || i >= p->n[0] - p->outer) && j < p->columns;
}

/* Row r among all modes; those of a line are one row too. */
static ptrdiff_t place_of_all(const pno_product *p, int r) { return 2 * place(p, r) * (p->n[1] / 2 + 1); }

void pno_product_gather(const pno_product *p, const double *all, double *kept) {
  for (int r = 0; r < p->rows; r++)
    memcpy(kept + 2 * (ptrdiff_t)r * p->columns, all + place_of_all(p, r), 2 * (size_t)p->columns * sizeof *kept);
}

void pno_product_scatter(const pno_product *p, const double *kept, double *all) {
  for (int r = 0; r < p->rows; r++)
    memcpy(all + place_of_all(p, r), kept + 2 * (ptrdiff_t)r * p->columns, 2 * (size_t)p->columns * sizeof *all);
}
