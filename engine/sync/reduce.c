#include "engine/sync/reduce.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/sync/comm_impl.h"

/* A bucket goes through: idle, slices under way to their owners, own slice summed and under way to all, done. */
typedef enum { IDLE, SCATTER, GATHER, DONE } phase;

typedef struct {
  phase phase;
  ptrdiff_t floats;
  const float *local; /* borrowed while under way */
  float *sum;         /* [floats] */
  float *inbox;       /* [ranks][own slice]: the others' parts of this rank's slice */
  MPI_Request *requests; /* [4 * ranks] */
  int n_requests;
} bucket;

struct pno_reduce {
  pno_comm *comm;
  int n_buckets, ranks;
  bucket *buckets;
  const float **sums;
  pno_vote mine, *votes;
};

enum { BUCKETS_MAX = 100, TAG_SLICE = 100, TAG_SUM = 200, TAG_VOTE = 300 }; /* + bucket */

/* Slices differ by one float at the most. */
static ptrdiff_t slice_at(const bucket *b, int ranks, int j) {
  const ptrdiff_t rest = b->floats % ranks;
  return b->floats / ranks * j + (rest < j ? rest : j);
}

static ptrdiff_t slice_floats(const bucket *b, int ranks, int j) {
  return slice_at(b, ranks, j + 1) - slice_at(b, ranks, j);
}

static pno_status make_bucket(bucket *b, ptrdiff_t floats, int ranks, int rank) {
  b->floats = floats;
  if (ranks == 1) return PNO_OK; /* the local array is the sum */
  const size_t own = (size_t)slice_floats(b, ranks, rank);
  b->sum = malloc(sizeof *b->sum * (size_t)(floats ? floats : 1));
  b->inbox = malloc(sizeof *b->inbox * (own * (size_t)ranks + 1));
  b->requests = malloc(sizeof *b->requests * 6 * (size_t)ranks);
  if (b->sum && b->inbox && b->requests) return PNO_OK;
  return pno_fail(PNO_E_NOMEM, "no memory to reduce %td floats over %d ranks", floats, ranks);
}

static pno_status make_reduce(pno_reduce *r, const ptrdiff_t *bucket_floats) {
  if (r->n_buckets < 1 || r->n_buckets > BUCKETS_MAX)
    return pno_fail(PNO_E_USAGE, "%d buckets: 1 to %d can be reduced", r->n_buckets, BUCKETS_MAX);
  const size_t n = (size_t)r->n_buckets;
  r->buckets = calloc(n, sizeof *r->buckets);
  r->sums = calloc(n, sizeof *r->sums);
  r->votes = calloc((size_t)r->ranks, sizeof *r->votes);
  if (!r->buckets || !r->sums || !r->votes) return pno_fail(PNO_E_NOMEM, "no memory for %zu buckets", n);
  for (int i = 0; i < r->n_buckets; i++)
    PNO_TRY(make_bucket(&r->buckets[i], bucket_floats[i], r->ranks, pno_comm_rank(r->comm)));
  return PNO_OK;
}

pno_status pno_reduce_create(pno_comm *comm, const ptrdiff_t *bucket_floats, int n_buckets, pno_reduce **out) {
  pno_reduce *r = calloc(1, sizeof *r);
  pno_status st = r ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a reduction");
  if (r) {
    *r = (pno_reduce){.comm = comm, .n_buckets = n_buckets, .ranks = pno_comm_size(comm)};
    st = make_reduce(r, bucket_floats);
  }
  st = pno_agree(comm, st);
  if (st != PNO_OK)
    pno_reduce_destroy(&r);
  else
    *out = r;
  return st;
}

/* Messages under way still read and write the buffers. */
static bool is_under_way(const pno_reduce *r) {
  for (int i = 0; r->buckets && i < r->n_buckets; i++)
    if (r->buckets[i].phase == SCATTER || r->buckets[i].phase == GATHER) return true;
  return false;
}

void pno_reduce_destroy(pno_reduce **r) {
  if (!r || !*r) return;
  if (is_under_way(*r)) { /* given up after a deadline: abandoned, neither reused nor freed */
    *r = NULL;
    return;
  }
  for (int i = 0; (*r)->buckets && i < (*r)->n_buckets; i++) {
    free((*r)->buckets[i].sum);
    free((*r)->buckets[i].inbox);
    free((*r)->buckets[i].requests);
  }
  free((*r)->buckets);
  free((*r)->sums);
  free((*r)->votes);
  free(*r);
  *r = NULL;
}

void pno_reduce_vote(pno_reduce *r, const pno_vote *vote) { r->mine = *vote; }

/* One non-blocking message of floats, in pieces that an int can count. */
static pno_status post(pno_reduce *r, bucket *b, bool send, float *at, ptrdiff_t floats, int peer, int tag) {
  if (floats == 0) return PNO_OK;
  if (floats > SYNC_MESSAGE_MAX)
    return pno_fail(PNO_E_COMM, "a slice of %td floats: use more ranks or buckets", floats);
  MPI_Request *q = &b->requests[b->n_requests++];
  const MPI_Comm mpi = r->comm->mpi;
  return sync_check(send ? MPI_Isend(at, (int)floats, MPI_FLOAT, peer, tag, mpi, q)
                         : MPI_Irecv(at, (int)floats, MPI_FLOAT, peer, tag, mpi, q),
                    "gradient reduction");
}

static pno_status post_votes(pno_reduce *r, bucket *b) {
  const int rank = r->comm->rank, bytes = (int)sizeof r->mine;
  for (int p = 0; p < r->ranks; p++) {
    if (p == rank) continue;
    PNO_TRY(sync_check(MPI_Irecv(&r->votes[p], bytes, MPI_BYTE, p, TAG_VOTE, r->comm->mpi,
                                 &b->requests[b->n_requests++]), "votes"));
    PNO_TRY(sync_check(MPI_Isend(&r->mine, bytes, MPI_BYTE, p, TAG_VOTE, r->comm->mpi,
                                 &b->requests[b->n_requests++]), "votes"));
  }
  return PNO_OK;
}

pno_status pno_reduce_begin(pno_reduce *r, int number, const float *local) {
  bucket *b = &r->buckets[number];
  const int rank = pno_comm_rank(r->comm), ranks = r->ranks;
  b->local = local;
  b->n_requests = 0;
  if (number == r->n_buckets - 1) r->votes[rank] = r->mine;
  b->phase = ranks == 1 ? DONE : SCATTER;
  if (ranks == 1) return PNO_OK;
  const ptrdiff_t own = slice_floats(b, ranks, rank);
  for (int p = 0; p < ranks; p++) {
    if (p == rank) continue;
    PNO_TRY(post(r, b, false, b->inbox + p * own, own, p, TAG_SLICE + number));
    float *mine = (float *)(uintptr_t)(local + slice_at(b, ranks, p)); /* MPI only reads it */
    PNO_TRY(post(r, b, true, mine, slice_floats(b, ranks, p), p, TAG_SLICE + number));
  }
  return number == r->n_buckets - 1 ? post_votes(r, b) : PNO_OK;
}

/* Own slice: the parts of all ranks, in rank order. */
static void sum_slice(pno_reduce *r, bucket *b) {
  const int rank = r->comm->rank;
  const ptrdiff_t own = slice_floats(b, r->ranks, rank), at = slice_at(b, r->ranks, rank);
  float *sum = b->sum + at;
  for (int p = 0; p < r->ranks; p++) {
    const float *part = p == rank ? b->local + at : b->inbox + p * own;
    if (p == 0)
      memcpy(sum, part, sizeof *sum * (size_t)own);
    else
      for (ptrdiff_t i = 0; i < own; i++) sum[i] += part[i];
  }
}

static pno_status share_sum(pno_reduce *r, bucket *b, int number) {
  const int rank = r->comm->rank, ranks = r->ranks;
  b->n_requests = 0;
  for (int p = 0; p < ranks; p++) {
    if (p == rank) continue;
    PNO_TRY(post(r, b, false, b->sum + slice_at(b, ranks, p), slice_floats(b, ranks, p), p, TAG_SUM + number));
    PNO_TRY(post(r, b, true, b->sum + slice_at(b, ranks, rank), slice_floats(b, ranks, rank), p, TAG_SUM + number));
  }
  return PNO_OK;
}

pno_status pno_reduce_progress(pno_reduce *r) {
  for (int i = 0; i < r->n_buckets; i++) {
    bucket *b = &r->buckets[i];
    if (b->phase != SCATTER && b->phase != GATHER) continue;
    int done = 0;
    PNO_TRY(sync_check(MPI_Testall(b->n_requests, b->requests, &done, MPI_STATUSES_IGNORE), "gradient reduction"));
    if (!done) continue;
    if (b->phase == SCATTER) {
      sum_slice(r, b);
      PNO_TRY(share_sum(r, b, i));
      b->phase = GATHER;
    } else {
      b->phase = DONE;
    }
  }
  return PNO_OK;
}

static bool all_done(const pno_reduce *r) {
  for (int i = 0; i < r->n_buckets; i++)
    if (r->buckets[i].phase != DONE) return false;
  return true;
}

pno_status pno_reduce_finish(pno_reduce *r, double deadline_s, const float *const **sums, const pno_vote **votes) {
  const double deadline = pno_clock() + deadline_s;
  for (long turn = 0; !all_done(r); turn++) {
    PNO_TRY(pno_reduce_progress(r));
    PNO_TRY(sync_pause(turn, deadline, r->comm, deadline_s, "gradient reduction"));
  }
  for (int i = 0; i < r->n_buckets; i++) {
    r->sums[i] = r->ranks == 1 ? r->buckets[i].local : r->buckets[i].sum;
    r->buckets[i].phase = IDLE;
  }
  *sums = r->sums;
  *votes = r->votes;
  return PNO_OK;
}
