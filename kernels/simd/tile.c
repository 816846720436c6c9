#include "kernels/simd/tile.h"

/* Specials of a row as points: 0, n/2, n/4, 3n/4. */
INLINED int special_point(int n, int j) { return j == 0 ? 0 : j == 1 ? n / 2 : j == 2 ? n / 4 : n / 4 * 3; }

static places row_places(const transform *t, int first, int cp) {
  const ptrdiff_t n = t->n, y = first + 1;
  places p = {.at = {y * cp, (n - y) * cp, (n / 2 + y) * cp, (n / 2 - y) * cp}, .step = cp};
  for (int j = 0; j < t->specials; j++) p.special[j] = (ptrdiff_t)special_point(t->n, j) * cp;
  return p;
}

static void whole_rows(const pno_grid *g, const transform *t, int first, int rows, int cp, tile_visit *visit,
                       void *user) {
  const int most = tile_points(cp) / g->len;
  tile k = {.whole = true, .first = true, .last = true, .s = {.slots = t->slots, .specials = true},
            .memory = row_places(t, 0, cp), .packed = row_places(t, 0, cp), .row_floats = (ptrdiff_t)g->len * cp,
            .runs = 1};
  for (int r = 0; r < rows; r += most) {
    k.row = first + r;
    k.rows = rows - r < most ? rows - r : most;
    k.points = k.rows * g->len;
    for (int j = 0; j < 4; j++) k.ahead[j] = k.rows * k.row_floats;
    k.run[0] = (tile_run){.n = k.points, .ahead = k.ahead[0]};
    visit(user, &k);
  }
}

static void add_run(tile *k, int point, int n, ptrdiff_t ahead, int cp) {
  k->run[k->runs++] = (tile_run){.memory = (ptrdiff_t)point * cp, .packed = (ptrdiff_t)k->points * cp, .point = point,
                                 .n = n, .ahead = ahead};
  k->points += n;
}

static void stretch_of_row(const transform *t, int row, int first, int slots, int cp, tile *k) {
  const int n = t->n, y = first + 1, low[4] = {y, n - y - slots + 1, n / 2 + y, n / 2 - y - slots + 1};
  *k = (tile){.row = row, .rows = 1, .first = first == 0, .last = first + slots == t->slots,
              .s = {.first = first, .slots = slots, .specials = first == 0}, .memory = row_places(t, first, cp),
              .row_floats = (ptrdiff_t)n * cp};
  k->packed.step = cp;
  for (int j = 0; k->s.specials && j < t->specials; j++) {
    k->packed.special[j] = (ptrdiff_t)k->points * cp;
    add_run(k, special_point(n, j), 1, 0, cp);
  }
  for (int j = 0; j < t->fold; j++) {
    k->packed.at[j] = (ptrdiff_t)(k->points + (j % 2 ? slots - 1 : 0)) * cp;
    k->ahead[j] = (ptrdiff_t)(j % 2 ? -slots : slots) * cp;
    add_run(k, low[j], slots, k->ahead[j], cp);
  }
}

void simd_tiles(const pno_grid *g, int block, int cp, tile_visit *visit, void *user) {
  const transform t = transform_of(g->len, 1, NULL, NULL);
  const int most = tile_points(cp), group = transform_group(t.fold);
  int first;
  const int rows = pno_grid_block(g, block, &first);
  if (g->len <= most) {
    whole_rows(g, &t, first, rows, cp, visit, user);
    return;
  }
  const int fit = (most - 4) / t.fold / group * group, slots = fit > group ? fit : group;
  for (int r = first; r < first + rows; r++) {
    for (int s = 0; s < t.slots; s += slots) {
      tile k;
      stretch_of_row(&t, r, s, t.slots - s < slots ? t.slots - s : slots, cp, &k);
      visit(user, &k);
    }
  }
}
