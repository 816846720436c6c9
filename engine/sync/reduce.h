/* The one reduction of a step: gradients in buckets, and what the ranks have to say to each other.
 *
 * The ranks of a node share memory, where each of them adds up its slice of all gradients, in rank order. Between nodes
 * each sends its slice to the ranks of the same place on the others, and one of them adds up the nodes in their order.
 * So every rank sees the same bits, and the order of the sum is fixed for ranks and nodes given. Nothing waits without a
 * deadline, and everything can be given up after a rank is lost. Where memory cannot be shared, or nodes have different
 * numbers of ranks, each rank counts as a node. Results lie in buffers that the reduction owns and may replace.
 * The votes travel with the last bucket and reach every rank one by one. */
#ifndef PNO_ENGINE_SYNC_REDUCE_H
#define PNO_ENGINE_SYNC_REDUCE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/sync/comm.h"

typedef enum {
  PNO_VOTE_SAMPLES,    /* samples whose gradients are in the sum */
  PNO_VOTE_MICROS,     /* micro-batches */
  PNO_VOTE_STOP,       /* 1: wants to stop after this step */
  PNO_VOTE_CHECKPOINT, /* 1: wants a checkpoint after this step */
  PNO_VOTE_FAILED,     /* pno_status of the local part, see pno_vote_fail */
  PNO_VOTE_COUNTS = 8
} pno_vote_count;

typedef enum {
  PNO_VOTE_LOSS,    /* sum of the losses of the samples */
  PNO_VOTE_BUSY_S,  /* seconds of own work in this step */
  PNO_VOTE_MICRO_S, /* seconds of a micro-batch, 0 without work */
  PNO_VOTE_VALUES = 8
} pno_vote_value;

enum { PNO_VOTE_WORDS = 256 };

typedef struct {
  int64_t counts[PNO_VOTE_COUNTS];
  double values[PNO_VOTE_VALUES];
  char words[PNO_VOTE_WORDS], hint[PNO_VOTE_WORDS]; /* of a failure */
} pno_vote;

/* Records a local failure with its words; PNO_OK records none. Local. */
void pno_vote_fail(pno_vote *v, pno_status st);

/* Over the votes of all ranks, in rank order, the same on every rank. Local. */
int64_t pno_votes_count(const pno_vote *votes, int ranks, pno_vote_count which);
double pno_votes_value(const pno_vote *votes, int ranks, pno_vote_value which);
/* The largest failure with the words of the lowest rank that has it. */
pno_status pno_votes_status(const pno_vote *votes, int ranks);

typedef struct pno_reduce pno_reduce;

/* bucket_floats: [n_buckets], the same on all ranks; comm is borrowed. All memory is taken here.
 * Collective. Errors: PNO_E_NOMEM, PNO_E_USAGE (not 1 to 100 buckets), on all ranks. */
pno_status pno_reduce_create(pno_comm *comm, const ptrdiff_t *bucket_floats, int n_buckets, pno_reduce **out);
void pno_reduce_destroy(pno_reduce **r); /* Local; after a missed deadline the memory is abandoned to MPI */

/* What this rank says in this step; before the begin of the last bucket. Local. */
void pno_reduce_vote(pno_reduce *r, const pno_vote *vote);

/* Where this rank best writes its gradient, [bucket_floats], zeros at first: the others read it there.
 * Lent to the caller from finish to begin. Local. */
float *pno_reduce_local(pno_reduce *r, int bucket);

int pno_reduce_sharing(const pno_reduce *r);  /* Local: ranks in the shared memory of this one, 1: there is none */
size_t pno_reduce_bytes(const pno_reduce *r); /* Local: this rank's part of the memory */

/* Bytes of such a reduction on one rank, before there is one. Local. */
size_t pno_reduce_bytes_alone(const ptrdiff_t *bucket_floats, int n_buckets);

/* Starts a bucket; local [bucket_floats] is borrowed until finish, and copied if it is not the lent one and there are
 * several ranks. Buckets begin in the order of their numbers. Collective. Errors: PNO_E_COMM. */
pno_status pno_reduce_begin(pno_reduce *r, int bucket, const float *local);

/* Moves messages on; cheap, to be called between kernels. Collective in effect, never waits. Errors: PNO_E_COMM. */
pno_status pno_reduce_progress(pno_reduce *r);

/* Waits for all buckets, deadline_s seconds at the most. sums: [n_buckets], valid until the next begin, read only:
 * the ranks of a node share them, and on one rank they are the local arrays themselves. votes: [size], valid as long.
 * Collective. Errors: PNO_E_COMM. */
pno_status pno_reduce_finish(pno_reduce *r, double deadline_s, const float *const **sums, const pno_vote **votes);

#endif
