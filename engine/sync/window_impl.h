/* Memory that the ranks of one node map together; not for others.
 *
 * The ranks stand in a grid of nodes x lanes: what is done in a window joins the lanes of one node, what is sent joins
 * the ranks of one lane. Where nodes have different numbers of ranks everybody is a node of one lane. */
#ifndef PNO_ENGINE_SYNC_WINDOW_IMPL_H
#define PNO_ENGINE_SYNC_WINDOW_IMPL_H

#include "engine/sync/comm_impl.h"

typedef struct {
  int lanes, nodes; /* lanes * nodes = ranks */
  int lane, node;   /* of this rank */
  int *rank;        /* owned: [nodes][lanes], rising along the lanes and down the first lane */
} sync_grid;

/* most_lanes: 0 all ranks of a host; else a host with more ranks counts as several nodes.
 * Local, the same grid on all ranks. Errors: PNO_E_NOMEM. */
pno_status sync_grid_make(const pno_comm *c, int most_lanes, sync_grid *out);
void sync_grid_alone(sync_grid *g, const pno_comm *c); /* everybody a node of one lane. Local */

typedef struct {
  size_t at, bytes;
} sync_span;

/* Zeroed memory of `bytes`, a multiple of the page, at *base on all lanes of a node. own [n_own]: spans that this rank
 * reserves, so that nobody is killed by a bus error later and pages lie on the NUMA node of their writer; together the
 * lanes must cover everything.
 * Collective. Errors, the same on all ranks: PNO_E_NOMEM it cannot be had somewhere (no memory, no memfd, limit on file
 * sizes, a process that is not visible); PNO_E_COMM. */
pno_status sync_window_map(pno_comm *c, const sync_grid *g, size_t bytes, const sync_span *own, int n_own,
                           unsigned char **base);
void sync_window_unmap(unsigned char **base, size_t bytes); /* Local: the other lanes keep theirs */

#endif
