/* Decisions on machines that are not there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/sync/placement_impl.h"

enum { MOST = 8, TEXT = 384 };

typedef struct {
  sync_host host;
  hwloc_bitmap_t set[MOST], share;
  int rank[MOST];
} machine;

/* sets: one list of processors a rank; ranks are counted from first_rank. */
static machine *make(const char *topology, int n, const char *const *sets, int first_rank) {
  static machine m;
  m = (machine){.host = {.name = "big", .n = n, .rank = m.rank, .set = m.set}, .share = hwloc_bitmap_alloc()};
  cr_assert(hwloc_topology_init(&m.host.topology) == 0);
  cr_assert(hwloc_topology_set_synthetic(m.host.topology, topology) == 0);
  cr_assert(hwloc_topology_load(m.host.topology) == 0);
  for (int i = 0; i < n; i++) {
    m.rank[i] = first_rank + i;
    m.set[i] = hwloc_bitmap_alloc();
    cr_assert(hwloc_bitmap_list_sscanf(m.set[i], sets[i]) == 0);
  }
  return &m;
}

static void unmake(machine *m) {
  for (int i = 0; i < m->host.n; i++) hwloc_bitmap_free(m->set[i]);
  hwloc_bitmap_free(m->share);
  hwloc_topology_destroy(m->host.topology);
}

/* bound: list of processors, NULL: it is left where it is. */
static void expect_place(machine *m, int i, int threads, int expected, const char *bound) {
  char list[64] = "";
  const sync_place p = sync_place_decide(&m->host, i, threads, m->share);
  cr_expect_eq(p.threads, expected, "rank %d: %d threads", i, p.threads);
  cr_expect_eq(p.bind, bound != NULL, "rank %d: bind %d", i, p.bind);
  if (!p.bind || !bound) return;
  hwloc_bitmap_list_snprintf(list, sizeof list, m->share);
  cr_expect_str_eq(list, bound, "rank %d: %s", i, list);
}

static void expect_warning(const machine *m, int threads, const char *expected) {
  char text[TEXT];
  sync_place_warning(&m->host, threads, text, sizeof text);
  if (expected)
    cr_expect(strstr(text, expected) != NULL, "'%s' lacks '%s'", text, expected);
  else
    cr_expect_str_eq(text, "");
}

Test(place, one_rank_alone_has_all_cores_and_stays_where_it_is) {
  const char *const sets[] = {"0-7"};
  machine *m = make("pack:2 core:2 pu:2", 1, sets, 0);
  expect_place(m, 0, 0, 4, NULL); /* hardware threads do not count */
  expect_place(m, 0, 3, 3, NULL);
  expect_warning(m, 0, NULL);
  expect_warning(m, 5, "rank 0 of host big, 5 threads each, on 4 cores: set parallel.threads=4");
  unmake(m);
}

Test(place, ranks_that_nobody_bound_get_consecutive_shares) {
  const char *const sets[] = {"0-7", "0-7", "0-7"};
  machine *m = make("numa:2 core:4 pu:1", 3, sets, 0);
  expect_place(m, 0, 0, 2, "0-1");
  expect_place(m, 1, 0, 3, "2-4");
  expect_place(m, 2, 0, 3, "5-7");
  expect_place(m, 2, 1, 1, "5-7");
  expect_place(m, 0, 3, 3, NULL); /* more threads than its share */
  expect_warning(m, 0, NULL);
  expect_warning(m, 2, NULL);
  expect_warning(m, 3, "ranks 0-2 of host big, 3 threads each, on 8 cores: set parallel.threads=2");
  unmake(m);
}

Test(place, ranks_on_one_memory_get_shares_and_are_not_bound) {
  const char *const sets[] = {"0-7", "0-7"};
  machine *m = make("l3:1 core:8 pu:1", 2, sets, 0);
  expect_place(m, 0, 0, 4, NULL);
  expect_place(m, 1, 0, 4, NULL);
  expect_warning(m, 0, NULL);
  unmake(m);
}

Test(place, ranks_bound_to_a_socket_share_that_socket) {
  const char *const sets[] = {"0-3", "4-7", "0-3", "4-7"};
  machine *m = make("pack:2 l3:2 core:2 pu:1", 4, sets, 4);
  expect_place(m, 0, 0, 2, "0-1");
  expect_place(m, 2, 0, 2, "2-3");
  expect_place(m, 1, 0, 2, "4-5");
  expect_place(m, 3, 0, 2, "6-7");
  expect_warning(m, 3, "ranks 4, 6 of host big, 3 threads each, on 4 cores");
  unmake(m);
}

Test(place, ranks_that_are_bound_are_left_alone) {
  const char *const sets[] = {"0-2", "3,4"};
  machine *m = make("core:8 pu:1", 2, sets, 0);
  expect_place(m, 0, 0, 3, NULL);
  expect_place(m, 1, 0, 2, NULL);
  expect_warning(m, 0, NULL); /* three cores idle are less than half */
  unmake(m);
}

Test(place, cores_that_mpirun_left_idle_are_told) {
  const char *const sets[] = {"0", "1"};
  machine *m = make("core:8 pu:1", 2, sets, 0);
  expect_place(m, 1, 0, 1, NULL);
  expect_warning(m, 0, "6 of 8 cores of host big are left idle, its 2 ranks are bound to the others: try mpirun");
  expect_warning(m, 1, NULL); /* somebody wanted it so */
  unmake(m);
}

Test(place, more_ranks_than_cores_share_them_and_are_not_bound) {
  const char *const sets[] = {"0-1", "0-1", "0-1", "0-1"};
  machine *m = make("core:2 pu:1", 4, sets, 0);
  for (int i = 0; i < 4; i++) expect_place(m, i, 0, 1, NULL);
  expect_warning(m, 0, "ranks 0-3 of host big share 2 cores: start no more ranks");
  unmake(m);
}

Test(place, sets_that_overlap_in_part_are_left_alone_and_told) {
  const char *const sets[] = {"0-5", "4-7", "6-7"};
  machine *m = make("core:8 pu:1", 3, sets, 0);
  expect_place(m, 0, 0, 3, NULL);
  expect_place(m, 1, 0, 1, NULL);
  expect_place(m, 2, 0, 1, NULL);
  expect_warning(m, 0, "ranks 0-1 of host big share 6 cores: give each its own with mpirun --map-by core");
  unmake(m);
}

Test(place, a_quota_bounds_the_threads_that_nobody_asked_for) {
  const char *const sets[] = {"0-7", "0-7"};
  machine *m = make("numa:2 core:4 pu:1", 2, sets, 0);
  m->host.quota = 5;
  expect_place(m, 0, 0, 2, "0-3");
  expect_place(m, 0, 3, 3, "0-3");
  m->host.quota = 0.5;
  expect_place(m, 1, 0, 1, "4-7");
  unmake(m);
}

Test(place, a_quota_is_understood_or_there_is_none) {
  cr_expect_float_eq(sync_place_quota("250000 100000\n"), 2.5, 1e-12);
  cr_expect_float_eq(sync_place_quota("max 100000\n"), 0, 0);
  cr_expect_float_eq(sync_place_quota("100000\n"), 0, 0);
  cr_expect_float_eq(sync_place_quota("100000 0\n"), 0, 0);
  cr_expect_float_eq(sync_place_quota("-5 100\n"), 0, 0);
  cr_expect_float_eq(sync_place_quota(""), 0, 0);
}
