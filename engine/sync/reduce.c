#include "engine/sync/reduce.h"

#include <string.h>

#include "engine/base/clock.h"
#include "engine/sync/reduce_impl.h"

enum { TAG_SLICE = 100, TAG_SUM = 200, TAG_VOTE = 300 }; /* + bucket */

static ptrdiff_t slice_at(const sync_bucket *b, int nodes, int k) { return sync_cut(b->n, nodes, k); }

static ptrdiff_t slice_floats(const sync_bucket *b, int nodes, int k) {
  return sync_cut(b->n, nodes, k + 1) - sync_cut(b->n, nodes, k);
}

/* ---- sums ---- */

/* Own span over the lanes. Their locals lie in the window at equal distances. */
static void add_lanes(pno_reduce *r, sync_bucket *b) {
  const sync_grid *g = &r->grid;
  const ptrdiff_t apart = sync_lane_stride(r);
  for (int p = 0; p < g->lanes; p++) r->parts[p] = b->local + apart * (p - g->lane) + b->at;
  sync_add_up(b->sum + b->at, r->parts, g->lanes, b->n);
}

/* This node's part of the own span: already summed over its lanes, if there are several. */
static float *node_part(const pno_reduce *r, const sync_bucket *b) {
  return (r->grid.lanes > 1 ? b->sum : b->local) + b->at;
}

/* Own slice of it over the nodes. */
static void add_nodes(pno_reduce *r, sync_bucket *b) {
  const int nodes = r->grid.nodes, node = r->grid.node;
  const ptrdiff_t own = slice_floats(b, nodes, node), at = slice_at(b, nodes, node);
  for (int k = 0; k < nodes; k++) r->parts[k] = k == node ? node_part(r, b) + at : b->inbox + k * own;
  sync_add_up(b->sum + b->at + at, r->parts, nodes, own);
}

/* ---- window ---- */

static sync_flags *flags_of(const pno_reduce *r, int number, int lane) {
  return &r->flags[(ptrdiff_t)number * r->grid.lanes + lane];
}

static bool all_begun(const pno_reduce *r, int number) {
  const unsigned long long turn = r->buckets[number].turn;
  for (int p = 0; p < r->grid.lanes; p++)
    if (atomic_load_explicit(&flags_of(r, number, p)->begun, memory_order_acquire) < turn) return false;
  return true;
}

static bool all_summed(const pno_reduce *r, int number) {
  const unsigned long long turn = r->buckets[number].turn;
  for (int p = 0; p < r->grid.lanes; p++)
    if (atomic_load_explicit(&flags_of(r, number, p)->summed, memory_order_acquire) < turn) return false;
  return true;
}

/* ---- messages ---- */

static int peer(const pno_reduce *r, int node) { return r->grid.rank[(ptrdiff_t)node * r->grid.lanes + r->grid.lane]; }

/* One non-blocking message of floats. */
static pno_status post(pno_reduce *r, sync_bucket *b, bool send, float *at, ptrdiff_t floats, int node, int tag) {
  if (floats == 0) return PNO_OK;
  if (floats > SYNC_MESSAGE_MAX)
    return pno_fail(PNO_E_COMM, "a slice of %td floats: use more ranks or buckets", floats);
  MPI_Request *q = &b->requests[b->n_requests++];
  const MPI_Comm mpi = r->comm->mpi;
  return sync_check(send ? MPI_Isend(at, (int)floats, MPI_FLOAT, peer(r, node), tag, mpi, q)
                         : MPI_Irecv(at, (int)floats, MPI_FLOAT, peer(r, node), tag, mpi, q),
                    "gradient reduction");
}

static pno_vote *votes_of(const pno_reduce *r, unsigned long long turn) {
  return r->votes + (turn & 1) * (size_t)r->ranks;
}

/* Along the lane; the window carries them to the other lanes. */
static pno_status post_votes(pno_reduce *r, sync_bucket *b) {
  enum { BYTES = sizeof(pno_vote) };
  pno_vote *votes = votes_of(r, b->turn);
  for (int k = 0; k < r->grid.nodes; k++) {
    if (k == r->grid.node) continue;
    const int p = peer(r, k);
    PNO_TRY(sync_check(MPI_Irecv(&votes[p], BYTES, MPI_BYTE, p, TAG_VOTE, r->comm->mpi, &b->requests[b->n_requests++]),
                       "votes"));
    PNO_TRY(sync_check(MPI_Isend(&votes[r->comm->rank], BYTES, MPI_BYTE, p, TAG_VOTE, r->comm->mpi,
                                 &b->requests[b->n_requests++]),
                       "votes"));
  }
  return PNO_OK;
}

static pno_status scatter(pno_reduce *r, int number) {
  sync_bucket *b = &r->buckets[number];
  const int nodes = r->grid.nodes;
  const ptrdiff_t own = slice_floats(b, nodes, r->grid.node);
  b->phase = SCATTER;
  b->n_requests = 0;
  for (int k = 0; k < nodes; k++) {
    if (k == r->grid.node) continue;
    PNO_TRY(post(r, b, false, b->inbox + k * own, own, k, TAG_SLICE + number));
    float *theirs = node_part(r, b) + slice_at(b, nodes, k);
    PNO_TRY(post(r, b, true, theirs, slice_floats(b, nodes, k), k, TAG_SLICE + number));
  }
  return number == r->n_buckets - 1 ? post_votes(r, b) : PNO_OK;
}

static pno_status gather(pno_reduce *r, int number) {
  sync_bucket *b = &r->buckets[number];
  const int nodes = r->grid.nodes, node = r->grid.node;
  float *sum = b->sum + b->at;
  b->phase = GATHER;
  b->n_requests = 0;
  for (int k = 0; k < nodes; k++) {
    if (k == node) continue;
    PNO_TRY(post(r, b, false, sum + slice_at(b, nodes, k), slice_floats(b, nodes, k), k, TAG_SUM + number));
    PNO_TRY(post(r, b, true, sum + slice_at(b, nodes, node), slice_floats(b, nodes, node), k, TAG_SUM + number));
  }
  return PNO_OK;
}

/* ---- a step ---- */

/* The own span is summed over all ranks: with several lanes the others are told and waited for. */
static void span_summed(pno_reduce *r, int number) {
  sync_bucket *b = &r->buckets[number];
  b->phase = DONE;
  if (r->grid.lanes == 1) return;
  atomic_store_explicit(&flags_of(r, number, r->grid.lane)->summed, b->turn, memory_order_release);
  b->phase = SHARE;
}

void pno_reduce_vote(pno_reduce *r, const pno_vote *vote) { r->mine = *vote; }

pno_status pno_reduce_begin(pno_reduce *r, int number, const float *local) {
  sync_bucket *b = &r->buckets[number];
  b->turn++;
  b->begun = local;
  if (number == r->n_buckets - 1) votes_of(r, b->turn)[r->comm->rank] = r->mine;
  b->phase = r->ranks == 1 ? DONE : ARRIVE;
  if (r->ranks == 1) return PNO_OK;
  if (local != b->local && b->floats > 0) memcpy(b->local, local, sizeof *local * (size_t)b->floats);
  if (r->grid.lanes == 1) return scatter(r, number);
  atomic_store_explicit(&flags_of(r, number, r->grid.lane)->begun, b->turn, memory_order_release);
  return PNO_OK;
}

/* One step of a bucket on its way; moved: whether there may be more to do at once. */
static pno_status advance(pno_reduce *r, int number, bool *moved) {
  sync_bucket *b = &r->buckets[number];
  int done = 0;
  *moved = false;
  if (b->phase == IDLE || b->phase == DONE) return PNO_OK;
  if (b->phase == ARRIVE)
    done = all_begun(r, number);
  else if (b->phase == SHARE)
    done = all_summed(r, number);
  else
    PNO_TRY(sync_check(MPI_Testall(b->n_requests, b->requests, &done, MPI_STATUSES_IGNORE), "gradient reduction"));
  if (!done) return PNO_OK;
  *moved = true;
  if (b->phase == SHARE) {
    b->phase = DONE;
  } else if (b->phase == ARRIVE) {
    add_lanes(r, b);
    if (r->grid.nodes > 1) return scatter(r, number);
    span_summed(r, number);
  } else if (b->phase == SCATTER) {
    add_nodes(r, b);
    return gather(r, number);
  } else {
    span_summed(r, number);
  }
  return PNO_OK;
}

pno_status pno_reduce_progress(pno_reduce *r) {
  for (int i = 0; i < r->n_buckets; i++)
    for (bool moved = true; moved;) PNO_TRY(advance(r, i, &moved));
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
    r->sums[i] = r->ranks == 1 ? r->buckets[i].begun : r->buckets[i].sum;
    r->buckets[i].phase = IDLE;
  }
  *sums = r->sums;
  *votes = votes_of(r, r->buckets[r->n_buckets - 1].turn);
  return PNO_OK;
}
