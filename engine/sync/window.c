#include "engine/sync/window_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* Node and lane of every rank: the n-th rank of a host is lane n % most of its node n / most. */
typedef struct {
  int node, lane;
} place;

static int find_places(const pno_comm *c, int most, place *at) {
  int nodes = 0;
  for (int r = 0; r < c->size; r++) {
    at[r] = (place){.node = -1};
    for (int p = r - 1; p >= 0 && at[r].node < 0; p--)
      if (strcmp(sync_host_of(c, p), sync_host_of(c, r)) == 0 && (most == 0 || at[p].lane + 1 < most))
        at[r] = (place){.node = at[p].node, .lane = at[p].lane + 1};
      else if (strcmp(sync_host_of(c, p), sync_host_of(c, r)) == 0)
        break; /* the newest node of this host is full */
    if (at[r].node < 0) at[r].node = nodes++;
  }
  return nodes;
}

void sync_grid_alone(sync_grid *g, const pno_comm *c) {
  g->lanes = 1;
  g->nodes = c->size;
  g->lane = 0;
  g->node = c->rank;
  for (int r = 0; r < c->size; r++) g->rank[r] = r;
}

pno_status sync_grid_make(const pno_comm *c, int most_lanes, sync_grid *out) {
  place *at = calloc((size_t)c->size, sizeof *at);
  sync_grid g = {.rank = calloc((size_t)c->size, sizeof *g.rank)};
  if (!at || !g.rank) {
    free(at);
    free(g.rank);
    return pno_fail(PNO_E_NOMEM, "no memory to place %d ranks", c->size);
  }
  g.nodes = find_places(c, most_lanes, at);
  g.lanes = c->size / g.nodes;
  bool even = c->size % g.nodes == 0;
  for (int r = 0; r < c->size; r++) even = even && at[r].lane < g.lanes;
  if (even) {
    for (int r = 0; r < c->size; r++) g.rank[at[r].node * g.lanes + at[r].lane] = r;
    g.lane = at[c->rank].lane;
    g.node = at[c->rank].node;
  } else {
    sync_grid_alone(&g, c);
  }
  free(at);
  *out = g;
  return PNO_OK;
}

/* What lane 0 tells: where its memory is found, and what the bytes behind it must be. */
typedef struct {
  int64_t pid, fd;
  uint64_t token;
} offer;

static const char memory_name[] = "pno-window";

static pno_status no_window(const char *what) {
  return pno_fail(PNO_E_NOMEM, "no memory shared by the ranks of a node: %s: %s", what, strerror(errno));
}

/* ftruncate past the limit would be a signal. */
static pno_status within_limit(size_t bytes) {
  struct rlimit most;
  errno = EFBIG;
  if (getrlimit(RLIMIT_FSIZE, &most) == 0 && most.rlim_cur != RLIM_INFINITY && most.rlim_cur < bytes + sizeof(offer))
    return no_window("limit on file sizes");
  return PNO_OK;
}

/* Memory is reserved page by page, so asking for too much would not be refused: the kernel would kill somebody. */
static pno_status within_memory(size_t bytes) {
  char line[128];
  unsigned long long kib = 0;
  FILE *f = fopen("/proc/meminfo", "r");
  if (!f) return no_window("/proc/meminfo");
  while (fgets(line, sizeof line, f) && sscanf(line, "MemAvailable: %llu kB", &kib) != 1) continue;
  fclose(f);
  if (bytes >> 10 < kib) return PNO_OK;
  return pno_fail(PNO_E_NOMEM, "no memory shared by the ranks of a node: %zu KiB wanted, %llu available", bytes >> 10,
                  kib);
}

/* A file in memory without a name: nothing is left behind by a killed rank, and no /dev/shm of 64 MB limits it. */
static pno_status make_memory(size_t bytes, offer *o) {
  PNO_TRY(within_limit(bytes));
  PNO_TRY(within_memory(bytes));
  const int fd = memfd_create(memory_name, MFD_CLOEXEC);
  if (fd < 0) return no_window("memfd_create");
  *o = (offer){.pid = getpid(), .fd = fd};
  if (getrandom(&o->token, sizeof o->token, 0) != (ssize_t)sizeof o->token) return no_window("getrandom");
  if (ftruncate(fd, (off_t)bytes) != 0) return no_window("ftruncate");
  if (pwrite(fd, &o->token, sizeof o->token, (off_t)bytes) != (ssize_t)sizeof o->token) return no_window("pwrite");
  return PNO_OK;
}

/* Hosts may have the same name and yet be two: the process and its file must be what was offered. */
static pno_status open_memory(const offer *o, size_t bytes, int *fd) {
  char path[64], target[64] = "";
  uint64_t token = 0;
  snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)o->pid, (long long)o->fd);
  if (readlink(path, target, sizeof target - 1) < 0) return no_window(path);
  errno = ENOENT;
  if (strncmp(target, "/memfd:", 7) != 0 || strncmp(target + 7, memory_name, sizeof memory_name - 1) != 0)
    return no_window(path);
  *fd = open(path, O_RDWR | O_CLOEXEC);
  if (*fd < 0) return no_window(path);
  if (pread(*fd, &token, sizeof token, (off_t)bytes) == (ssize_t)sizeof token && token == o->token) return PNO_OK;
  errno = ENOENT;
  return no_window(path);
}

static pno_status map(int fd, size_t bytes, const sync_span *own, int n_own, unsigned char **base) {
  PNO_TRY(within_limit(bytes));
  for (int i = 0; i < n_own; i++) {
    if (own[i].bytes == 0) continue;
    errno = posix_fallocate(fd, (off_t)own[i].at, (off_t)own[i].bytes);
    if (errno) return no_window("posix_fallocate");
  }
  void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return no_window("mmap");
  *base = at;
  return PNO_OK;
}

/* MPI_Win_allocate_shared is the road not taken: where /dev/shm is too small (64 MB in pods) lane 0 gets an error from
 * Open MPI 4.1.4 and the others wait in it for ever (2 ranks, 100 MB each, 2026-11-26); its MPI_Win_free is a barrier
 * without a deadline, which a lost rank turns into a hang. */
pno_status sync_window_map(pno_comm *c, const sync_grid *g, size_t bytes, const sync_span *own, int n_own,
                           unsigned char **base) {
  int fd = -1;
  unsigned char *at = NULL;
  offer mine = {.fd = -1}, *all = calloc((size_t)c->size, sizeof *all);
  pno_status st = all ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for offers of %d ranks", c->size);
  if (st == PNO_OK && g->lane == 0) st = make_memory(bytes, &mine);
  fd = (int)mine.fd;
  st = pno_agree(c, st);
  if (st == PNO_OK) st = pno_allgather(c, &mine, sizeof mine, all);
  if (st == PNO_OK) {
    if (g->lane > 0) st = open_memory(&all[g->rank[(ptrdiff_t)g->node * g->lanes]], bytes, &fd);
    if (st == PNO_OK) st = map(fd, bytes, own, n_own, &at);
    st = pno_agree(c, st); /* lane 0 keeps its file until all have it */
  }
  if (fd >= 0) close(fd);
  if (!c->late) free(all);
  if (st == PNO_OK)
    *base = at;
  else
    sync_window_unmap(&at, bytes);
  return st;
}

void sync_window_unmap(unsigned char **base, size_t bytes) {
  if (*base) munmap(*base, bytes);
  *base = NULL;
}
