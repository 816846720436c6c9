/* A group of ranks that agree, share and add up. MPI stays behind this header and launch/main.c.
 *
 * Nothing waits without a deadline: calls are non-blocking underneath and polled until the communicator's time-out, then
 * PNO_E_COMM names the operation, the rank and the seconds. Group, rank and size may change between steps (a lost rank),
 * so nobody caches them. Every Collective function must be called by all ranks in the same order. */
#ifndef PNO_ENGINE_SYNC_COMM_H
#define PNO_ENGINE_SYNC_COMM_H

#include <stddef.h>

#include "engine/base/status.h"

typedef struct pno_comm pno_comm;

/* All ranks of the job, after MPI_Init. timeout_s: longest wait for any other rank.
 * Collective over the world. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_comm_world(double timeout_s, pno_comm **out);

/* This process alone; works where MPI was never initialised. Local. Errors: PNO_E_NOMEM. */
pno_status pno_comm_self(pno_comm **out);

/* Ranks that say the same color >= 0 become a communicator of their own, in the order of their ranks and with the
 * time-out of c; color < 0: this rank is in none, *out is NULL. Groups know nothing of each other: each may wait, fail
 * and be destroyed alone, before or after c, and c stays usable between their calls.
 * Collective over c. Errors, with *out untouched: PNO_E_COMM a rank did not come; PNO_E_NOMEM on all ranks. */
pno_status pno_comm_split(pno_comm *c, int color, pno_comm **out);

/* Collective over the ranks of a world or a group, Local for others and after PNO_E_COMM; takes NULL and destroyed ones. */
void pno_comm_destroy(pno_comm **c);

int pno_comm_rank(const pno_comm *c);        /* Local */
int pno_comm_size(const pno_comm *c);        /* Local */
double pno_comm_timeout(const pno_comm *c);  /* Local: seconds */
void pno_comm_set_timeout(pno_comm *c, double timeout_s); /* Local */
const char *pno_comm_host(const pno_comm *c);             /* Local: name of this host */
int pno_comm_host_ranks(const pno_comm *c);               /* Local: ranks on this host */

/* All ranks return the largest status among them, with the words and the hint of the lowest rank that has it; "rank N: "
 * stands in front when other ranks did not fail. Collective. Errors: PNO_E_COMM. */
pno_status pno_agree(pno_comm *c, pno_status local);

/* data [bytes] of root to all. Collective. Errors: PNO_E_COMM. */
pno_status pno_bcast(pno_comm *c, void *data, size_t bytes, int root);

/* send [bytes] of every rank to recv [size][bytes] at root (elsewhere recv is not touched). Collective. */
pno_status pno_gather(pno_comm *c, const void *send, size_t bytes, void *recv, int root);

/* The same to every rank. Collective. Errors: PNO_E_COMM. */
pno_status pno_allgather(pno_comm *c, const void *send, size_t bytes, void *recv);

/* Pieces of different lengths: at root *recv is a new block (free it) with rank r's piece at offset[r] .. offset[r+1],
 * offset [size + 1]; elsewhere *recv is NULL. Collective. Errors: PNO_E_COMM, PNO_E_NOMEM on all ranks. */
pno_status pno_gather_var(pno_comm *c, const void *send, size_t bytes, void **recv, size_t *offset, int root);

pno_status pno_barrier(pno_comm *c); /* Collective */

#endif
