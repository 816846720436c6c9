/* Creation of a reduction, and where its memory lies. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/sync/reduce_impl.h"

enum { PAGE = 4096 };

ptrdiff_t sync_cut(ptrdiff_t floats, int parts, int j) {
  const ptrdiff_t blocks = (floats + SYNC_CUT - 1) / SYNC_CUT, at = blocks * j / parts * SYNC_CUT;
  return at < floats ? at : floats;
}

static size_t whole(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

static size_t bucket_bytes(const sync_bucket *b) { return whole(sizeof *b->sum * (size_t)b->floats, PAGE); }

static size_t head_bytes(const pno_reduce *r) {
  const size_t all_flags = sizeof(sync_flags) * (size_t)r->n_buckets * (size_t)r->grid.lanes;
  return whole(all_flags + 2 * sizeof *r->votes * (size_t)r->ranks, PAGE);
}

ptrdiff_t sync_lane_stride(const pno_reduce *r) {
  return (ptrdiff_t)((r->bytes - head_bytes(r)) / sizeof(float)) / (1 + r->grid.lanes);
}

/* Head, sums, and the locals of each lane: all of it in one window. PNO_E_NOMEM on all ranks if there is none. */
static pno_status take_window(pno_reduce *r) {
  size_t span = 0, at = head_bytes(r);
  sync_span own[SYNC_BUCKETS_MAX + 2] = {{0, r->grid.lane == 0 ? at : 0}};
  for (int i = 0; i < r->n_buckets; i++) {
    const sync_bucket *b = &r->buckets[i];
    own[1 + i] = (sync_span){at + span + sizeof *b->sum * (size_t)b->at, sizeof *b->sum * (size_t)b->n};
    span += bucket_bytes(b);
  }
  own[1 + r->n_buckets] = (sync_span){at + span * (size_t)(1 + r->grid.lane), span};
  r->bytes = at + span * (size_t)(1 + r->grid.lanes);
  r->own_bytes = span + span / (size_t)r->grid.lanes;
  PNO_TRY(sync_window_map(r->comm, &r->grid, r->bytes, own, r->n_buckets + 2, &r->window));
  r->flags = (sync_flags *)(void *)r->window;
  r->votes = (pno_vote *)(void *)(r->flags + (ptrdiff_t)r->n_buckets * r->grid.lanes);
  for (int i = 0; i < r->n_buckets; i++) {
    sync_bucket *b = &r->buckets[i];
    b->sum = (float *)(void *)(r->window + at);
    b->local = (float *)(void *)(r->window + at + span * (size_t)(1 + r->grid.lane));
    at += bucket_bytes(b);
  }
  return PNO_OK;
}

/* Memory of this rank alone: what a window does not hold. */
static pno_status push_own(pno_reduce *r, pno_arena *arena) {
  const size_t nodes = (size_t)r->grid.nodes;
  if (!r->window) PNO_TRY(PNO_PUSH(arena, 2 * (size_t)r->ranks, &r->votes));
  for (int i = 0; i < r->n_buckets; i++) {
    sync_bucket *b = &r->buckets[i];
    const ptrdiff_t own = sync_cut(b->n, r->grid.nodes, r->grid.node + 1) - sync_cut(b->n, r->grid.nodes, r->grid.node);
    if (!r->window) PNO_TRY(PNO_PUSH(arena, b->floats, &b->local));
    if (!r->window && nodes > 1) PNO_TRY(PNO_PUSH(arena, b->floats, &b->sum)); /* on one rank local is the sum */
    if (nodes == 1) continue;
    PNO_TRY(PNO_PUSH(arena, (size_t)own * nodes, &b->inbox));
    PNO_TRY(PNO_PUSH(arena, 4 * nodes, &b->requests));
  }
  return PNO_OK;
}

static pno_status take_own(pno_reduce *r) {
  pno_arena measure = pno_arena_measure("reduction", PNO_SPACE_HOST);
  PNO_TRY(push_own(r, &measure));
  PNO_TRY(pno_arena_create("reduction", PNO_SPACE_HOST, measure.peak, &r->memory));
  r->own_bytes += r->memory.cap;
  return push_own(r, &r->memory);
}

static void set_spans(pno_reduce *r) {
  for (int i = 0; i < r->n_buckets; i++) {
    sync_bucket *b = &r->buckets[i];
    b->at = sync_cut(b->floats, r->grid.lanes, r->grid.lane);
    b->n = sync_cut(b->floats, r->grid.lanes, r->grid.lane + 1) - b->at;
  }
}

/* What needs no other rank. */
static pno_status prepare(pno_reduce *r, const ptrdiff_t *bucket_floats, int most_lanes) {
  if (r->n_buckets < 1 || r->n_buckets > SYNC_BUCKETS_MAX)
    return pno_fail(PNO_E_USAGE, "%d buckets: 1 to %d can be reduced", r->n_buckets, SYNC_BUCKETS_MAX);
  const size_t n = (size_t)r->n_buckets;
  PNO_TRY(sync_grid_make(r->comm, most_lanes, &r->grid));
  r->buckets = calloc(n, sizeof *r->buckets);
  r->sums = calloc(n, sizeof *r->sums);
  r->parts = calloc((size_t)r->ranks, sizeof *r->parts);
  if (!r->buckets || !r->sums || !r->parts) return pno_fail(PNO_E_NOMEM, "no memory for %zu buckets", n);
  /* More would overflow the sizes below. */
  const ptrdiff_t most = PTRDIFF_MAX / (ptrdiff_t)sizeof(float) / SYNC_BUCKETS_MAX / (r->ranks + 2);
  for (int i = 0; i < r->n_buckets; i++) {
    if (bucket_floats[i] < 0 || bucket_floats[i] > most)
      return pno_fail(PNO_E_NOMEM, "no memory to reduce %td floats over %d ranks", bucket_floats[i], r->ranks);
    r->buckets[i].floats = bucket_floats[i];
  }
  set_spans(r);
  return PNO_OK;
}

/* A window where ranks share a node, or all ranks together do without. */
static pno_status take_memory(pno_reduce *r) {
  const pno_status st = r->grid.lanes > 1 ? take_window(r) : PNO_OK;
  if (st == PNO_E_COMM) return st;
  if (st != PNO_OK) {
    if (r->comm->rank == 0)
      pno_log(PNO_LOG_WARN, "sync", "%s: gradients go by messages, which is slower", pno_fail_words());
    sync_grid_alone(&r->grid, r->comm);
    set_spans(r);
    r->own_bytes = 0;
  }
  return pno_agree(r->comm, take_own(r));
}

pno_status sync_reduce_create(pno_comm *comm, const ptrdiff_t *bucket_floats, int n_buckets, int most_lanes,
                              pno_reduce **out) {
  pno_reduce *r = calloc(1, sizeof *r);
  pno_status st = r ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a reduction");
  if (r) {
    *r = (pno_reduce){.comm = comm, .n_buckets = n_buckets, .ranks = comm->size};
    st = prepare(r, bucket_floats, most_lanes);
  }
  st = pno_agree(comm, st);
  if (st == PNO_OK) st = take_memory(r);
  if (st != PNO_OK)
    pno_reduce_destroy(&r);
  else
    *out = r;
  return st;
}

pno_status pno_reduce_create(pno_comm *comm, const ptrdiff_t *bucket_floats, int n_buckets, pno_reduce **out) {
  return sync_reduce_create(comm, bucket_floats, n_buckets, 0, out);
}

/* Messages under way still read and write the buffers. */
static bool is_under_way(const pno_reduce *r) {
  for (int i = 0; r->buckets && i < r->n_buckets; i++)
    if (r->buckets[i].phase == SCATTER || r->buckets[i].phase == GATHER) return true;
  return false;
}

void pno_reduce_destroy(pno_reduce **r) {
  if (!r || !*r) return;
  pno_reduce *d = *r;
  *r = NULL;
  if (is_under_way(d)) return; /* given up after a deadline: abandoned, neither reused nor freed */
  sync_window_unmap(&d->window, d->bytes);
  pno_arena_destroy(&d->memory);
  free(d->grid.rank);
  free(d->buckets);
  free(d->sums);
  free(d->parts);
  free(d);
}

float *pno_reduce_local(pno_reduce *r, int number) { return r->buckets[number].local; }

int pno_reduce_sharing(const pno_reduce *r) { return r->grid.lanes; }

size_t pno_reduce_bytes(const pno_reduce *r) { return r->own_bytes; }

size_t pno_reduce_bytes_alone(const ptrdiff_t *bucket_floats, int n_buckets) {
  sync_bucket buckets[SYNC_BUCKETS_MAX] = {{.floats = 0}};
  pno_reduce alone = {.grid = {.lanes = 1, .nodes = 1}, .n_buckets = n_buckets, .ranks = 1, .buckets = buckets};
  pno_arena measure = pno_arena_measure("reduction", PNO_SPACE_HOST);
  if (n_buckets < 1 || n_buckets > SYNC_BUCKETS_MAX) return 0;
  for (int i = 0; i < n_buckets; i++) buckets[i].floats = bucket_floats[i];
  return push_own(&alone, &measure) == PNO_OK ? measure.peak : 0;
}
