/* The transforms of a row, both ways, on awkward lengths, against their sums in double. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/phase_world.h"

static const int lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 22, 64, 85, 100, 128, 257, 1100};
enum { LENGTHS = sizeof lengths / sizeof *lengths, C = 5, CP = 16 };

/* All numbers of modes of a short row, some of a long one. */
static int next_modes(int n, int k) { return n <= 16 || k < 3 || k >= n / 2 ? k + 1 : (3 * k + n / 2) / 4 + 1; }

static void each(phase_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int j = 0; j < LENGTHS; j++) {
      const int n[2] = {3, lengths[j]}, lo[2] = {0, 0};
      for (int k = 1; k <= n[1] / 2 + 1; k = next_modes(n[1], k)) {
        world w = {0};
        const phase_shape s = phase_shape_of(pno_grid_make(2, n, lo, n), 1, C, k, 0, false);
        world_say("%s, %d points, %d modes", t[i]->name, n[1], k);
        check(t[i], &s, &w);
        world_end(&w);
      }
    }
  }
}

/* Channel 3 of the last row; skip and bias are zero for the synthesis alone. */
static void check_synthesis(const pno_kernels *t, const phase_shape *s, world *w) {
  pno_layer a = phase_layer(w, t, s);
  a.skip = world_zeros(w, C * CP);
  a.bias = world_zeros(w, CP);
  phase_layer_forward(t, &a, 1, true, world_scratch(w, t, &s->g, C));
  cr_assert(world_padding_is_zero(a.z, s->points, C));
  const float *f = a.spectrum + (ptrdiff_t)2 * s->k * 2 * CP + 3, *z = a.z + (ptrdiff_t)2 * s->g.len * CP + 3;
  const double size = sqrt(world_dot(a.spectrum, a.spectrum, s->modes * CP)) / s->g.len;
  for (int y = 0; y < s->g.len; y++) {
    double sum = 0;
    for (int k = 0; k < 2 * s->k; k++) sum += (double)f[(ptrdiff_t)k * CP] * a.modes.synthesis[k * s->g.len + y];
    world_equal(z[(ptrdiff_t)y * CP], sum, size, "a point of the row");
  }
}

Test(row, a_synthesis_is_the_sum_of_its_definition_at_every_point) { each(check_synthesis); }

static void check_analysis(const pno_kernels *t, const phase_shape *s, world *w) {
  const pno_layer a = phase_layer(w, t, s);
  phase_layer_forward(t, &a, 1, true, world_scratch(w, t, &s->g, C));
  cr_assert(world_padding_is_zero(a.rows, s->modes, C));
  const float *rows = a.rows + (ptrdiff_t)2 * s->k * 2 * CP + 3, *x = a.result + (ptrdiff_t)2 * s->g.len * CP + 3;
  const double size = sqrt(world_dot(a.result, a.result, s->points * CP));
  for (int k = 0; k < 2 * s->k; k++) {
    double sum = 0;
    for (int y = 0; y < s->g.len; y++) sum += (double)x[(ptrdiff_t)y * CP] * a.modes.analysis[k * s->g.len + y];
    world_equal(rows[(ptrdiff_t)k * CP], sum, size, k % 2 ? "an imaginary part" : "a real part");
  }
}

Test(row, an_analysis_is_the_sum_of_its_definition_for_every_mode) { each(check_analysis); }

/* With all modes a row that was analysed comes back. */
static void check_round(const pno_kernels *t, const phase_shape *s, world *w) {
  if (s->k != s->g.len / 2 + 1) return;
  float *scratch = world_scratch(w, t, &s->g, C);
  const pno_layer a = phase_layer(w, t, s);
  phase_layer_forward(t, &a, 1, true, scratch);
  pno_layer b = phase_layer_again(w, s, &a);
  b.spectrum = a.rows;
  b.skip = world_zeros(w, C * CP);
  b.bias = world_zeros(w, CP);
  phase_layer_forward(t, &b, 1, true, scratch);
  world_near(b.result, a.result, s->points * CP, 2e-6, "row");
}

Test(row, all_modes_give_the_row_back) { each(check_round); }
