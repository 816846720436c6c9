/* One Criterion test = one MPI world: a table of cases, and after each one all ranks agree whether it passed.
 *
 * A rank slot of mpirun serves one MPI_Init only, so a binary holds one Test. A case returns the number of things that
 * were wrong on this rank; it must make the same collective calls whatever it found. */
#ifndef PNO_TESTS_ENGINE_SYNC_WORLD_H
#define PNO_TESTS_ENGINE_SYNC_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/sync/comm.h"

typedef struct {
  pno_comm *comm;
  int rank, size;
} world;

typedef struct {
  const char *name; /* a true sentence */
  int (*run)(world *w);
} world_case;

/* MPI_Init, all cases, MPI_Finalize; a failed case fails the running test on every rank. Collective. */
void world_run(const world_case *cases, size_t n, double timeout_s);

/* 0 if ok, else 1 after a line that names the rank and what was expected. Local. */
int world_expect(const world *w, bool ok, const char *expected);

/* A token that travels outside pno: ranks that gave up let a late rank go. Both block. */
void world_release(const world *w, int late);
void world_wait_for_release(const world *w);
void world_wait_for_release_of(const world *w, int rank); /* of that rank alone */

#endif
