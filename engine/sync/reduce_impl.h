/* What the files of the reduction share, and its tests; not for others. */
#ifndef PNO_ENGINE_SYNC_REDUCE_IMPL_H
#define PNO_ENGINE_SYNC_REDUCE_IMPL_H

#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/sync/reduce.h"
#include "engine/sync/window_impl.h"

/* A bucket goes through these and back to idle; those of the window are skipped with one lane, those of messages with
 * one node:
 *   ARRIVE   window: until all lanes have begun; then this rank adds up its span of the bucket over the lanes
 *   SCATTER  messages: slices of the span under way to their owners on other nodes; then this rank adds up its slice
 *   GATHER   messages: the sums of the slices under way to all
 *   SHARE    window: until all lanes have their span summed */
typedef enum { IDLE, ARRIVE, SCATTER, GATHER, SHARE, DONE } sync_phase;

enum { SYNC_BUCKETS_MAX = 100 };
enum { SYNC_CUT = 1024 }; /* floats: a block of parameters, of which nobody gets a part */

/* How often a lane has begun a bucket, and how often it has summed its span. Written by that lane alone. */
typedef struct {
  _Alignas(PNO_ALIGN) atomic_ullong begun;
  atomic_ullong summed;
} sync_flags;

typedef struct {
  sync_phase phase;
  ptrdiff_t floats;
  unsigned long long turn; /* how often it has begun on this rank */
  float *local; /* [floats]: of this rank, lent to the caller; in the window if there is one */
  float *sum;   /* [floats]: in the window if there is one, the same for all lanes; NULL on one rank */
  const float *begun;    /* on one rank: what the caller gave */
  ptrdiff_t at, n;       /* span of this lane */
  float *inbox;          /* [nodes][own slice]: the other nodes' parts of this rank's slice; NULL on one node */
  MPI_Request *requests; /* [4 * nodes] */
  int n_requests;
} sync_bucket;

struct pno_reduce {
  pno_comm *comm;
  sync_grid grid;
  int n_buckets, ranks;
  sync_bucket *buckets;
  unsigned char *window; /* [flags][votes][sums][locals of each lane], NULL: all of it is in memory */
  pno_arena memory;      /* owned */
  size_t bytes, own_bytes;
  sync_flags *flags;   /* window: [n_buckets][lanes] */
  pno_vote *votes;     /* [2][ranks]: of even and odd turns, as a lane may begin while others still read */
  pno_vote mine;
  const float **sums, **parts; /* owned: [n_buckets]; [lanes or nodes] */
};

/* Cut j of `parts` nearly equal ones, at multiples of SYNC_CUT floats. */
ptrdiff_t sync_cut(ptrdiff_t floats, int parts, int j);

/* out = parts[0] + parts[1] + ..., in this order; parts [n][count]. out is aligned to PNO_ALIGN and may be a part. */
void sync_add_up(float *out, const float *const *parts, int n, ptrdiff_t count);

/* Floats of the window from the local arrays of one lane to those of the next. */
ptrdiff_t sync_lane_stride(const pno_reduce *r);

/* pno_reduce_create with at most so many ranks to a window; 0: all of a host, 1: messages only. */
pno_status sync_reduce_create(pno_comm *comm, const ptrdiff_t *bucket_floats, int n_buckets, int most_lanes,
                              pno_reduce **out);

#endif
