#include "engine/sync/comm.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/sync/comm_impl.h"

static const double forever_s = 3e7; /* alone there is nobody to wait for */

pno_status sync_check(int mpi_error, const char *operation) {
  if (mpi_error == MPI_SUCCESS) return PNO_OK;
  char words[MPI_MAX_ERROR_STRING] = "";
  int n = 0;
  MPI_Error_string(mpi_error, words, &n);
  return pno_fail(PNO_E_COMM, "%s: %s", operation, words);
}

/* Yields; now and then sleeps, because a rank that only yields can starve whoever shares its core (README). */
static void give_way(pno_comm *c) {
  static const double rest_every_s = .01;
  static const struct timespec shortest = {.tv_nsec = 1};
  double now = pno_clock();
  if (now - c->rested < rest_every_s) {
    sched_yield();
    return;
  }
  nanosleep(&shortest, NULL);
  c->rested = now;
}

pno_status sync_pause(long turn, double deadline, pno_comm *c, double limit_s, const char *operation) {
  enum { SPINS = 200, LOOK_EVERY = 16 };
  if (turn > SPINS) give_way(c);
  if (turn % LOOK_EVERY != 0 || pno_clock() <= deadline) return PNO_OK;
  c->late = true;
  return pno_hint(pno_fail(PNO_E_COMM, "rank %d waited %g s for another rank in %s", c->rank, limit_s, operation),
                  "see whether a rank died or hangs; parallel.timeout_s sets the limit");
}

pno_status sync_wait(pno_comm *c, int n, MPI_Request *requests, double deadline, const char *operation) {
  for (long turn = 0;; turn++) {
    int done = 0;
    PNO_TRY(sync_check(MPI_Testall(n, requests, &done, MPI_STATUSES_IGNORE), operation));
    if (done) return PNO_OK;
    PNO_TRY(sync_pause(turn, deadline, c, c->timeout_s, operation));
  }
}

static pno_status finish(pno_comm *c, MPI_Request *request, const char *operation) {
  return sync_wait(c, 1, request, pno_clock() + c->timeout_s, operation);
}

const char *sync_host_of(const pno_comm *c, int rank) { return c->hosts ? c->hosts[rank] : c->host; }

static pno_status gather_hosts(pno_comm *c) {
  c->hosts = calloc((size_t)c->size, sizeof *c->hosts);
  pno_status st = c->hosts ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d host names", c->size);
  st = pno_agree(c, st);
  if (st == PNO_OK) st = pno_allgather(c, c->host, sizeof c->host, c->hosts);
  c->host_ranks = 0;
  for (int r = 0; st == PNO_OK && r < c->size; r++) c->host_ranks += strcmp(c->hosts[r], c->host) == 0;
  return st;
}

pno_status pno_comm_self(pno_comm **out) {
  pno_comm *c = calloc(1, sizeof *c);
  if (!c) return pno_fail(PNO_E_NOMEM, "no memory for a communicator");
  *c = (pno_comm){.mpi = MPI_COMM_NULL, .size = 1, .host_ranks = 1, .timeout_s = forever_s};
  if (gethostname(c->host, sizeof c->host - 1) != 0) snprintf(c->host, sizeof c->host, "localhost");
  *out = c;
  return PNO_OK;
}

pno_status pno_comm_world(double timeout_s, pno_comm **out) {
  pno_comm *c = NULL;
  PNO_TRY(pno_comm_self(&c));
  c->timeout_s = timeout_s;
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, sync_check(MPI_Comm_dup(MPI_COMM_WORLD, &c->mpi), "MPI_Comm_dup"), done);
  PNO_TRY_GOTO(st, sync_check(MPI_Comm_set_errhandler(c->mpi, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"), done);
  MPI_Comm_rank(c->mpi, &c->rank);
  MPI_Comm_size(c->mpi, &c->size);
  PNO_TRY_GOTO(st, gather_hosts(c), done);
  *out = c;
  c = NULL;
done:
  pno_comm_destroy(&c);
  return st;
}

/* Open MPI 4.1 crashes in its progress of abandoned collectives once their communicator is freed. */
void pno_comm_destroy(pno_comm **c) {
  if (!c || !*c) return;
  if (!(*c)->late) {
    if ((*c)->mpi != MPI_COMM_NULL) MPI_Comm_free(&(*c)->mpi);
    free((*c)->hosts);
    free(*c);
  }
  *c = NULL;
}

int pno_comm_rank(const pno_comm *c) { return c->rank; }

int pno_comm_size(const pno_comm *c) { return c->size; }

double pno_comm_timeout(const pno_comm *c) { return c->timeout_s; }

void pno_comm_set_timeout(pno_comm *c, double timeout_s) { c->timeout_s = timeout_s; }

const char *pno_comm_host(const pno_comm *c) { return c->host; }

int pno_comm_host_ranks(const pno_comm *c) { return c->host_ranks; }

/* Walks [0, bytes) in pieces that an MPI count can hold. */
static int piece(size_t bytes, size_t at) {
  return bytes - at < SYNC_MESSAGE_MAX ? (int)(bytes - at) : (int)SYNC_MESSAGE_MAX;
}

pno_status pno_bcast(pno_comm *c, void *data, size_t bytes, int root) {
  if (c->size == 1) return PNO_OK;
  for (size_t at = 0; at < bytes; at += SYNC_MESSAGE_MAX) {
    MPI_Request q;
    PNO_TRY(sync_check(MPI_Ibcast((char *)data + at, piece(bytes, at), MPI_BYTE, root, c->mpi, &q), "broadcast"));
    PNO_TRY(finish(c, &q, "broadcast"));
  }
  return PNO_OK;
}

pno_status pno_gather(pno_comm *c, const void *send, size_t bytes, void *recv, int root) {
  if (c->size == 1) {
    memmove(recv, send, bytes);
    return PNO_OK;
  }
  if (bytes > SYNC_MESSAGE_MAX) return pno_fail(PNO_E_COMM, "gather of %zu bytes a rank: too many", bytes);
  MPI_Request q;
  PNO_TRY(sync_check(MPI_Igather(send, (int)bytes, MPI_BYTE, recv, (int)bytes, MPI_BYTE, root, c->mpi, &q), "gather"));
  return finish(c, &q, "gather");
}

pno_status pno_allgather(pno_comm *c, const void *send, size_t bytes, void *recv) {
  if (c->size == 1) {
    memmove(recv, send, bytes);
    return PNO_OK;
  }
  if (bytes > SYNC_MESSAGE_MAX) return pno_fail(PNO_E_COMM, "allgather of %zu bytes a rank: too many", bytes);
  MPI_Request q;
  PNO_TRY(sync_check(MPI_Iallgather(send, (int)bytes, MPI_BYTE, recv, (int)bytes, MPI_BYTE, c->mpi, &q), "allgather"));
  return finish(c, &q, "allgather");
}

pno_status pno_barrier(pno_comm *c) {
  if (c->size == 1) return PNO_OK;
  MPI_Request q;
  PNO_TRY(sync_check(MPI_Ibarrier(c->mpi, &q), "barrier"));
  return finish(c, &q, "barrier");
}

/* Root's side of gather_var: receives the pieces of all others one behind the other. */
static pno_status receive_pieces(pno_comm *c, const void *send, char *recv, const size_t *offset, int root) {
  for (int r = 0; r < c->size; r++) {
    const size_t bytes = offset[r + 1] - offset[r];
    if (r == root && bytes > 0) memcpy(recv + offset[r], send, bytes);
    for (size_t at = 0; r != root && at < bytes; at += SYNC_MESSAGE_MAX) {
      MPI_Request q;
      PNO_TRY(sync_check(MPI_Irecv(recv + offset[r] + at, piece(bytes, at), MPI_BYTE, r, 1, c->mpi, &q), "receive"));
      PNO_TRY(finish(c, &q, "gather of pieces"));
    }
  }
  return PNO_OK;
}

static pno_status send_piece(pno_comm *c, const void *send, size_t bytes, int root) {
  for (size_t at = 0; at < bytes; at += SYNC_MESSAGE_MAX) {
    MPI_Request q;
    PNO_TRY(sync_check(MPI_Isend((const char *)send + at, piece(bytes, at), MPI_BYTE, root, 1, c->mpi, &q), "send"));
    PNO_TRY(finish(c, &q, "gather of pieces"));
  }
  return PNO_OK;
}

pno_status pno_gather_var(pno_comm *c, const void *send, size_t bytes, void **recv, size_t *offset, int root) {
  char *all = NULL;
  PNO_TRY(pno_allgather(c, &bytes, sizeof bytes, offset)); /* lengths first, offset has size + 1 places */
  size_t at = 0;
  for (int r = 0; r < c->size; r++) {
    const size_t length = offset[r];
    offset[r] = at;
    at += length;
  }
  offset[c->size] = at;
  pno_status st = PNO_OK;
  if (c->rank == root) {
    all = malloc(at ? at : 1);
    if (!all) st = pno_fail(PNO_E_NOMEM, "no memory for %zu bytes from %d ranks", at, c->size);
  }
  PNO_TRY(pno_agree(c, st));
  st = c->rank == root ? receive_pieces(c, send, all, offset, root) : send_piece(c, send, bytes, root);
  if (st != PNO_OK) {
    if (!c->late) free(all);
    return st;
  }
  *recv = all;
  return PNO_OK;
}
