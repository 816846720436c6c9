#include "tests/engine/sync/world.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <mpi.h>

enum { TAG_RELEASE = 9000 };

void world_run(const world_case *cases, size_t n, double timeout_s) {
  int provided;
  world w = {0};
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &w.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &w.size);
  cr_expect(pno_comm_world(timeout_s, &w.comm) == PNO_OK, "%s", pno_fail_words());
  for (size_t i = 0; w.comm && i < n; i++) {
    int local = cases[i].run(&w), global = 0;
    MPI_Allreduce(&local, &global, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    cr_expect(global == 0, "%s: %d wrong over %d ranks", cases[i].name, global, w.size);
  }
  pno_comm_destroy(&w.comm);
  MPI_Finalize(); /* here, never in .fini: a failing rank would sit in it */
}

int world_expect(const world *w, bool ok, const char *expected) {
  if (!ok) cr_log_error("rank %d of %d: expected that %s; last failure: %s", w->rank, w->size, expected, pno_fail_words());
  return !ok;
}

void world_release(const world *w, int late) {
  (void)w;
  MPI_Send(NULL, 0, MPI_BYTE, late, TAG_RELEASE, MPI_COMM_WORLD);
}

void world_wait_for_release_of(const world *w, int rank) {
  (void)w;
  MPI_Recv(NULL, 0, MPI_BYTE, rank, TAG_RELEASE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

void world_wait_for_release(const world *w) {
  for (int p = 0; p < w->size; p++)
    if (p != w->rank) world_wait_for_release_of(w, p);
}
