#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/sync/world.h"

/* Byte i of what rank r has to say. */
static unsigned char byte_of(int r, size_t i) { return (unsigned char)(31 * r + 7 * (int)(i % 251) + 1); }

static int bytes_wrong(const unsigned char *data, int r, size_t n) {
  int wrong = 0;
  for (size_t i = 0; i < n; i++) wrong += data[i] != byte_of(r, i);
  return wrong;
}

static void speak(unsigned char *data, int r, size_t n) {
  for (size_t i = 0; i < n; i++) data[i] = byte_of(r, i);
}

static int the_world_knows_its_ranks(world *w) {
  int wrong = world_expect(w, pno_comm_rank(w->comm) == w->rank, "the rank is MPI's");
  wrong += world_expect(w, pno_comm_size(w->comm) == w->size, "the size is MPI's");
  wrong += world_expect(w, pno_comm_host_ranks(w->comm) == w->size, "all ranks are on this host");
  return wrong + world_expect(w, pno_comm_host(w->comm)[0] != '\0', "the host has a name");
}

static int broadcast_gives_the_bytes_of_any_root(world *w) {
  enum { N = 100003 };
  unsigned char *data = malloc(N);
  int wrong = 0;
  for (int root = 0; root < w->size; root++) {
    for (size_t n = 0; n <= N; n = n * 317 + 1) {
      speak(data, w->rank, n);
      wrong += world_expect(w, pno_bcast(w->comm, data, n, root) == PNO_OK, "the broadcast ends well");
      wrong += world_expect(w, bytes_wrong(data, root, n) == 0, "all have the bytes of the root");
    }
  }
  free(data);
  return wrong;
}

static int gather_fills_the_root_only(world *w) {
  enum { N = 1000 };
  unsigned char mine[N];
  unsigned char *all = malloc((size_t)w->size * N);
  int wrong = 0;
  speak(mine, w->rank, N);
  for (int root = 0; root < w->size; root++) {
    memset(all, 0, (size_t)w->size * N);
    wrong += world_expect(w, pno_gather(w->comm, mine, N, all, root) == PNO_OK, "the gather ends well");
    for (int r = 0; w->rank == root && r < w->size; r++)
      wrong += world_expect(w, bytes_wrong(all + r * N, r, N) == 0, "the root has the bytes of every rank");
    for (int i = 0; w->rank != root && i < w->size * N; i++) wrong += all[i] != 0;
  }
  free(all);
  return wrong;
}

static int allgather_fills_everyone(world *w) {
  enum { N = 999 };
  unsigned char mine[N];
  unsigned char *all = calloc((size_t)w->size, N);
  speak(mine, w->rank, N);
  int wrong = world_expect(w, pno_allgather(w->comm, mine, N, all) == PNO_OK, "the allgather ends well");
  for (int r = 0; r < w->size; r++)
    wrong += world_expect(w, bytes_wrong(all + r * N, r, N) == 0, "everyone has the bytes of every rank");
  free(all);
  return wrong;
}

/* Rank r sends 1,000 r + r % 2 bytes: rank 0 none. */
static int pieces_of_different_lengths_lie_one_behind_the_other(world *w) {
  const size_t n = 1000 * (size_t)w->rank + (size_t)w->rank % 2;
  unsigned char *mine = malloc(n + 1);
  size_t *offset = calloc((size_t)w->size + 1, sizeof *offset);
  int wrong = 0;
  speak(mine, w->rank, n);
  for (int root = 0; root < w->size; root++) {
    void *recv = mine; /* something that is not NULL */
    wrong += world_expect(w, pno_gather_var(w->comm, mine, n, &recv, offset, root) == PNO_OK, "the pieces arrive");
    wrong += world_expect(w, (recv != NULL) == (w->rank == root), "only the root has a block");
    for (int r = 0; r < w->size && w->rank == root; r++) {
      const size_t length = 1000 * (size_t)r + (size_t)r % 2;
      wrong += world_expect(w, offset[r + 1] - offset[r] == length, "the offsets tell the lengths");
      wrong += world_expect(w, bytes_wrong((unsigned char *)recv + offset[r], r, length) == 0, "the piece is whole");
    }
    wrong += world_expect(w, offset[0] == 0, "the first piece is first");
    if (w->rank == root) free(recv);
  }
  free(offset);
  free(mine);
  return wrong;
}

static int nothing_from_anybody_is_an_empty_block(world *w) {
  size_t *offset = calloc((size_t)w->size + 1, sizeof *offset);
  void *recv = NULL;
  int wrong = world_expect(w, pno_gather_var(w->comm, NULL, 0, &recv, offset, 0) == PNO_OK, "nothing can be gathered");
  wrong += world_expect(w, offset[w->size] == 0, "there are no bytes");
  wrong += world_expect(w, (recv != NULL) == (w->rank == 0), "the root has a block to free");
  free(recv);
  free(offset);
  return wrong;
}

static int a_barrier_is_passed(world *w) {
  return world_expect(w, pno_barrier(w->comm) == PNO_OK, "the barrier is passed");
}

static int the_self_communicator_needs_nobody(world *w) {
  pno_comm *self = NULL;
  int mine = w->rank + 5, got = 0;
  int wrong = world_expect(w, pno_comm_self(&self) == PNO_OK, "a self communicator is made");
  wrong += world_expect(w, pno_comm_size(self) == 1 && pno_comm_rank(self) == 0, "it has one rank");
  wrong += world_expect(w, pno_barrier(self) == PNO_OK, "its barrier is passed");
  wrong += world_expect(w, pno_bcast(self, &mine, sizeof mine, 0) == PNO_OK && mine == w->rank + 5, "bcast keeps");
  wrong += world_expect(w, pno_allgather(self, &mine, sizeof mine, &got) == PNO_OK && got == mine, "allgather copies");
  pno_comm_destroy(&self);
  return wrong + world_expect(w, self == NULL, "destroy leaves NULL");
}

Test(comm, what_is_sent_arrives, .timeout = 60) {
  const world_case cases[] = {
      {"the_world_knows_its_ranks", the_world_knows_its_ranks},
      {"broadcast_gives_the_bytes_of_any_root", broadcast_gives_the_bytes_of_any_root},
      {"gather_fills_the_root_only", gather_fills_the_root_only},
      {"allgather_fills_everyone", allgather_fills_everyone},
      {"pieces_of_different_lengths_lie_one_behind_the_other", pieces_of_different_lengths_lie_one_behind_the_other},
      {"nothing_from_anybody_is_an_empty_block", nothing_from_anybody_is_an_empty_block},
      {"a_barrier_is_passed", a_barrier_is_passed},
      {"the_self_communicator_needs_nobody", the_self_communicator_needs_nobody},
  };
  world_run(cases, sizeof cases / sizeof cases[0], 30.0);
}
