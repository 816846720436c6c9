/* What the files of sync share; not for others. */
#ifndef PNO_ENGINE_SYNC_COMM_IMPL_H
#define PNO_ENGINE_SYNC_COMM_IMPL_H

#include <mpi.h>
#include <stdbool.h>

#include "engine/sync/comm.h"

enum { SYNC_WORDS = 1024, SYNC_HOST_TEXT = 256, SYNC_MESSAGE_MAX = 1 << 30 }; /* bytes of one MPI message: counts are int */

struct pno_comm {
  MPI_Comm mpi; /* MPI_COMM_NULL: this process alone */
  int rank, size, host_ranks;
  double timeout_s;
  double rested; /* pno_clock of its last sleep in a wait */
  char host[SYNC_HOST_TEXT];
  char (*hosts)[SYNC_HOST_TEXT]; /* owned: [size], NULL alone */
  bool late; /* a wait was given up: MPI may still write where it was told to, so nothing is freed any more */
  /* Of the agreement; not on the stack, which would be gone when a late rank answers. */
  long long vote[2], votes[2];
  char words[2][SYNC_WORDS];
};

const char *sync_host_of(const pno_comm *c, int rank);

/* PNO_OK, or PNO_E_COMM with the words of MPI. */
pno_status sync_check(int mpi_error, const char *operation);

/* Between two polls: spins first, then yields and rests, so that who shares the core gets on. Errors: PNO_E_COMM past the
 * deadline (pno_clock seconds), and c is marked late; limit_s is for the message. */
pno_status sync_pause(long turn, double deadline, pno_comm *c, double limit_s, const char *operation);

/* Polls until all n requests are done or the deadline has passed. */
pno_status sync_wait(pno_comm *c, int n, MPI_Request *requests, double deadline, const char *operation);

#endif
