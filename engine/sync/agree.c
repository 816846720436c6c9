#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/sync/comm_impl.h"

/* Packed so that one MAX gives status and lowest rank: status above, inverted rank below. */
static pno_status worst_of(pno_comm *c, pno_status local, int *status, int *rank, int *failed) {
  long long *mine = c->vote, *all = c->votes;
  mine[0] = (long long)local * 0x100000000LL + (0x7fffffff - c->rank);
  mine[1] = local != PNO_OK;
  MPI_Request q[2];
  PNO_TRY(sync_check(MPI_Iallreduce(&mine[0], &all[0], 1, MPI_LONG_LONG, MPI_MAX, c->mpi, &q[0]), "agreement"));
  PNO_TRY(sync_check(MPI_Iallreduce(&mine[1], &all[1], 1, MPI_LONG_LONG, MPI_SUM, c->mpi, &q[1]), "agreement"));
  PNO_TRY(sync_wait(c, 2, q, pno_clock() + c->timeout_s, "agreement"));
  *status = (int)(all[0] >> 32);
  *rank = 0x7fffffff - (int)(all[0] & 0xffffffffLL);
  *failed = (int)all[1];
  return PNO_OK;
}

pno_status pno_agree(pno_comm *c, pno_status local) {
  if (c->size == 1) return local;
  int worst, rank, failed;
  PNO_TRY(worst_of(c, local, &worst, &rank, &failed));
  if (worst == PNO_OK) return PNO_OK;
  char(*text)[SYNC_WORDS] = c->words;
  if (rank == c->rank) {
    snprintf(text[0], SYNC_WORDS, "%s", pno_fail_words());
    snprintf(text[1], SYNC_WORDS, "%s", pno_fail_hint());
  }
  PNO_TRY(pno_bcast(c, text, sizeof c->words, rank));
  pno_fail_set_words(text[0], text[1]);
  if (failed < c->size) {
    pno_fail_in((pno_status)worst, "rank %d", rank);
    pno_hint((pno_status)worst, "%s", text[1]);
  }
  return (pno_status)worst;
}
