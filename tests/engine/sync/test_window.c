/* Who shares a window with whom, for hosts that are not there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sync/window_impl.h"

enum { MOST = 8 };

/* hosts: one letter a rank. expected: the ranks of the grid, a line a node. */
static void expect_grid(const char *hosts, int most_lanes, int lanes, int nodes, const char *expected) {
  char names[MOST][SYNC_HOST_TEXT];
  pno_comm c = {.size = (int)strlen(hosts), .hosts = names};
  for (int r = 0; r < c.size; r++) snprintf(names[r], sizeof names[r], "host-%c", hosts[r]);
  for (c.rank = 0; c.rank < c.size; c.rank++) {
    sync_grid g;
    char text[64];
    int used = 0;
    cr_assert(sync_grid_make(&c, most_lanes, &g) == PNO_OK);
    cr_assert(g.lanes == lanes && g.nodes == nodes, "%s: %d lanes, %d nodes", hosts, g.lanes, g.nodes);
    for (int i = 0; i < c.size; i++) used += snprintf(text + used, sizeof text - (size_t)used, "%d", g.rank[i]);
    cr_expect_str_eq(text, expected, "%s: %s", hosts, text);
    cr_expect(g.rank[g.node * g.lanes + g.lane] == c.rank, "%s: rank %d finds itself", hosts, c.rank);
    free(g.rank);
  }
}

Test(window, ranks_of_a_host_are_the_lanes_of_a_node) {
  expect_grid("a", 0, 1, 1, "0");
  expect_grid("aaa", 0, 3, 1, "012");
  expect_grid("aaabbb", 0, 3, 2, "012345");
}

Test(window, ranks_that_are_dealt_to_the_hosts_in_turn_are_found_too) {
  expect_grid("ababab", 0, 3, 2, "024135");
  expect_grid("abccab", 0, 2, 3, "041523");
}

Test(window, hosts_with_different_numbers_of_ranks_share_nothing) {
  expect_grid("aab", 0, 1, 3, "012");
  expect_grid("aaabbbcc", 0, 1, 8, "01234567");
  expect_grid("aabb" "abb" "b", 0, 1, 8, "01234567"); /* the number of ranks divides by that of hosts */
}

Test(window, a_host_may_count_as_several_nodes) {
  expect_grid("aaaa", 2, 2, 2, "0123");
  expect_grid("abababab", 2, 2, 4, "02134657");
  expect_grid("aaaa", 1, 1, 4, "0123");
  expect_grid("aaa", 2, 1, 3, "012");
}
