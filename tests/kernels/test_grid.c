#include <criterion/criterion.h>

#include "tests/kernels/kernel_world.h"

Test(grid, every_row_lies_in_exactly_one_block) {
  for (int i = 0; i < WORLD_GRIDS; i++) {
    const pno_grid g = world_grid(i);
    int next = 0;
    for (int b = 0; b < g.blocks; b++) {
      int first;
      const int rows = pno_grid_block(&g, b, &first);
      cr_assert_eq(first, next, "grid %d, block %d", i, b);
      cr_assert_gt(rows, 0);
      next += rows;
    }
    cr_assert_eq(next, g.rows);
  }
}

Test(grid, no_block_reaches_over_two_slabs_and_each_slab_is_cut_alike) {
  for (int i = 0; i < WORLD_GRIDS; i++) {
    const pno_grid g = world_grid(i);
    cr_assert_eq(g.slabs * g.slab_rows, g.rows);
    cr_assert_eq(g.slabs * g.slab_blocks, g.blocks);
    for (int b = 0; b < g.blocks; b++) {
      int first, of_slab;
      const int rows = pno_grid_block(&g, b, &first);
      cr_assert_eq(rows, pno_grid_block(&g, b % g.slab_blocks, &of_slab));
      cr_assert_eq(first, b / g.slab_blocks * g.slab_rows + of_slab);
      cr_assert_eq(first / g.slab_rows, (first + rows - 1) / g.slab_rows, "grid %d, block %d", i, b);
    }
  }
}

Test(grid, a_slab_is_what_the_last_leading_axis_runs_over) {
  const int n[3] = {4, 5, 6}, lo[3] = {0};
  const int slabs[3] = {1, 1, 4}, rows[3] = {1, 4, 5};
  for (int dims = 1; dims <= 3; dims++) {
    const pno_grid g = pno_grid_make(dims, n, lo, n);
    cr_assert_eq(g.slabs, slabs[dims - 1]);
    cr_assert_eq(g.slab_rows, rows[dims - 1]);
  }
}

Test(grid, blocks_of_the_second_sample_are_those_of_the_first) {
  for (int i = 0; i < WORLD_GRIDS; i++) {
    const pno_grid g = world_grid(i);
    for (int b = 0; b < g.blocks; b++) {
      int first, again;
      cr_assert_eq(pno_grid_block(&g, b, &first), pno_grid_block(&g, g.blocks + b, &again));
      cr_assert_eq(first, again);
    }
  }
}

Test(grid, data_rows_are_counted_in_row_major_order_and_all_are_found) {
  for (int i = 0; i < WORLD_GRIDS; i++) {
    const pno_grid g = world_grid(i);
    ptrdiff_t next = 0;
    for (int r = 0; r < g.rows; r++) {
      ptrdiff_t at;
      int index[PNO_DIMS_MAX] = {0};
      if (!pno_grid_data_row(&g, r, &at, index)) continue;
      cr_assert_eq(at, next++, "grid %d, row %d", i, r);
      int row = 0;
      for (int j = 0; j < g.dims - 1; j++) row = row * g.n[j] + index[j] + g.lo[j];
      cr_assert_eq(row, r);
    }
    cr_assert_eq(next * g.inner[g.dims - 1], pno_grid_data_points(&g));
  }
}

Test(grid, channels_are_padded_to_the_next_sixteen) {
  cr_assert_eq(pno_padded(1), 16);
  cr_assert_eq(pno_padded(16), 16);
  cr_assert_eq(pno_padded(17), 32);
}
