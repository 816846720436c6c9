/* The decisions of placement.c on any topology; for it and its tests. */
#ifndef PNO_ENGINE_SYNC_PLACEMENT_IMPL_H
#define PNO_ENGINE_SYNC_PLACEMENT_IMPL_H

#include <hwloc.h>
#include <stdbool.h>
#include <stddef.h>

/* The ranks of one host, in rank order. */
typedef struct {
  hwloc_topology_t topology; /* borrowed */
  const char *name;          /* borrowed: of the host */
  int n;
  const int *rank;           /* borrowed: [n] */
  hwloc_bitmap_t *set;       /* borrowed: [n], where each may run; an empty one is not known */
  double quota;              /* cores' worth of time for all of them, 0: no limit */
} sync_host;

typedef struct {
  int threads, cores;
  bool bind; /* to the set that was filled */
} sync_place;

/* Of the i-th rank of the host, for so many threads a rank, 0: one a core. share: filled if it is to bind. Local. */
sync_place sync_place_decide(const sync_host *h, int i, int threads, hwloc_bitmap_t share);

/* What to say about the host, "" if all is well. Local. */
void sync_place_warning(const sync_host *h, int threads, char *out, size_t cap);

/* Cores' worth of time in the text of cpu.max: "max 100000", "150000 100000"; 0: no limit, or nothing understood. */
double sync_place_quota(const char *text);

#endif
