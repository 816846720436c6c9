#include "engine/sync/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/sync/comm_impl.h"
#include "engine/sync/placement_impl.h"

/* ---- one host ---- */

static int units_type(hwloc_topology_t t) {
  return hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
}

/* Cores that a set touches; two hardware threads of a core are one. share: NULL, or gets those from first to last. */
static int walk_cores(hwloc_topology_t t, hwloc_const_bitmap_t set, int first, int last, hwloc_bitmap_t share) {
  const hwloc_obj_type_t type = (hwloc_obj_type_t)units_type(t);
  int n = 0;
  for (hwloc_obj_t o = hwloc_get_next_obj_by_type(t, type, NULL); o; o = hwloc_get_next_obj_by_type(t, type, o)) {
    if (!hwloc_bitmap_intersects(o->cpuset, set)) continue;
    if (share && n >= first && n < last) hwloc_bitmap_or(share, share, o->cpuset);
    n++;
  }
  if (share) hwloc_bitmap_and(share, share, set);
  return n;
}

static int count_touched(hwloc_topology_t t, hwloc_obj_type_t type, hwloc_const_bitmap_t set) {
  int n = 0;
  for (hwloc_obj_t o = hwloc_get_next_obj_by_type(t, type, NULL); o; o = hwloc_get_next_obj_by_type(t, type, o))
    n += hwloc_bitmap_intersects(o->cpuset, set);
  return n;
}

/* Whether a thread that wanders over the set leaves its memory or its last cache behind. Where it does not, binding only
 * keeps the kernel from going round other people's work: 2 ranks on 2 cores beside a busy process took 3.8 to 4.4 s for
 * 400 steps bound, 3.4 to 3.8 s unbound (in turns, 3 of each, 2026-11-26). */
static bool is_wide(hwloc_topology_t t, hwloc_const_bitmap_t set) {
  return count_touched(t, HWLOC_OBJ_NUMANODE, set) > 1 || count_touched(t, HWLOC_OBJ_L3CACHE, set) > 1;
}

static int count_cores(hwloc_topology_t t, hwloc_const_bitmap_t set) { return walk_cores(t, set, 0, 0, NULL); }

/* Of the ranks whose cores touch those of rank i: how many, its place among them, and whether all have the same. */
typedef struct {
  int n, place, cores;
  bool same;
} sharing;

static sharing find_sharing(const sync_host *h, int i) {
  sharing s = {.same = true, .cores = count_cores(h->topology, h->set[i])};
  for (int p = 0; p < h->n; p++) {
    if (!hwloc_bitmap_intersects(h->set[p], h->set[i])) continue;
    s.place += p < i;
    s.n++;
    s.same = s.same && hwloc_bitmap_isequal(h->set[p], h->set[i]);
  }
  return s;
}

/* Nobody can have a core for itself. */
static bool is_crowded(const sharing *s) { return s->n > 1 && (!s->same || s->cores < s->n); }

sync_place sync_place_decide(const sync_host *h, int i, int threads, hwloc_bitmap_t share) {
  const sharing s = find_sharing(h, i);
  sync_place p = {.cores = s.n > 0 && s.cores > s.n ? s.cores / s.n : 1};
  if (s.n > 1 && !is_crowded(&s)) {
    const int first = s.cores * s.place / s.n, last = s.cores * (s.place + 1) / s.n;
    hwloc_bitmap_zero(share);
    walk_cores(h->topology, h->set[i], first, last, share);
    p.cores = last - first;
    p.bind = threads <= p.cores && is_wide(h->topology, h->set[i]);
  }
  const int allowed = (int)(h->quota / h->n);
  p.threads = threads > 0 ? threads : p.cores;
  if (threads == 0 && h->quota > 0 && allowed < p.threads) p.threads = allowed > 1 ? allowed : 1;
  return p;
}

/* "0-3, 6" of the ranks that share cores with rank i. */
static void name_ranks(const sync_host *h, int i, char *out, size_t cap) {
  size_t used = 0;
  int from = -1, to = -1;
  out[0] = '\0';
  for (int p = 0; p <= h->n && used < cap; p++) {
    if (p < h->n && !hwloc_bitmap_intersects(h->set[p], h->set[i])) continue;
    if (p < h->n && from >= 0 && h->rank[p] == to + 1) {
      to++;
      continue;
    }
    if (from >= 0)
      used += (size_t)snprintf(out + used, cap - used, to > from ? "%s%d-%d" : "%s%d", used ? ", " : "", from, to);
    if (p < h->n) from = to = h->rank[p];
  }
}

/* Cores that none of the ranks may use; mpirun binds to one core each unless told otherwise. */
static int idle_cores(const sync_host *h) {
  hwloc_bitmap_t all = hwloc_bitmap_alloc();
  if (!all) return 0;
  for (int p = 0; p < h->n; p++) hwloc_bitmap_or(all, all, h->set[p]);
  const int used = count_cores(h->topology, all);
  hwloc_bitmap_free(all);
  return count_cores(h->topology, hwloc_topology_get_allowed_cpuset(h->topology)) - used;
}

void sync_place_warning(const sync_host *h, int threads, char *out, size_t cap) {
  char ranks[128];
  out[0] = '\0';
  for (int i = 0; i < h->n; i++) {
    const sharing s = find_sharing(h, i);
    name_ranks(h, i, ranks, sizeof ranks);
    if (is_crowded(&s)) {
      snprintf(out, cap, "ranks %s of host %s share %d core%s: %s", ranks, h->name, s.cores, s.cores == 1 ? "" : "s",
               s.cores < s.n ? "start no more ranks than cores there"
                             : "give each its own with mpirun --map-by core --bind-to core");
      return;
    }
    if (s.n > 0 && threads * s.n > s.cores) {
      snprintf(out, cap, "rank%s %s of host %s, %d threads each, on %d core%s: set parallel.threads=%d or 0",
               s.n > 1 ? "s" : "", ranks, h->name, threads, s.cores, s.cores == 1 ? "" : "s", s.cores / s.n);
      return;
    }
  }
  const int idle = idle_cores(h), all = count_cores(h->topology, hwloc_topology_get_allowed_cpuset(h->topology));
  if (threads == 0 && idle > 0 && 2 * idle >= all)
    snprintf(out, cap,
             "%d of %d cores of host %s are left idle, its %d rank%s bound to the others: try mpirun --bind-to none", idle,
             all, h->name, h->n, h->n == 1 ? " is" : "s are");
}

double sync_place_quota(const char *text) {
  double time = 0, period = 0;
  return sscanf(text, "%lf %lf", &time, &period) == 2 && time > 0 && period > 0 ? time / period : 0;
}

/* ---- this one ---- */

enum { SET_TEXT = 768, WARNING_TEXT = 384 };

static double read_quota(void) {
  char line[128] = "";
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
  if (!f) return 0;
  const double quota = fgets(line, sizeof line, f) ? sync_place_quota(line) : 0;
  fclose(f);
  return quota;
}

/* Where this process may run, as hwloc writes sets; "" if it cannot be told. */
static void read_own_set(hwloc_topology_t t, char out[SET_TEXT]) {
  hwloc_bitmap_t set = t ? hwloc_bitmap_alloc() : NULL;
  out[0] = '\0';
  if (!set) return;
  if (hwloc_get_cpubind(t, set, HWLOC_CPUBIND_PROCESS) == 0) {
    hwloc_bitmap_and(set, set, hwloc_topology_get_allowed_cpuset(t));
    if (hwloc_bitmap_snprintf(out, SET_TEXT, set) >= SET_TEXT) out[0] = '\0';
  }
  hwloc_bitmap_free(set);
}

/* Everything that placing allocates, so that it is freed in one place. */
typedef struct {
  hwloc_topology_t topology;
  hwloc_bitmap_t share, *set;
  int *rank;
  char (*text)[SET_TEXT];
  char (*warning)[WARNING_TEXT];
} room;

static pno_status room_create(const pno_comm *c, room *r) {
  const size_t n = (size_t)c->size;
  r->text = calloc(n, sizeof *r->text);
  r->warning = calloc(n, sizeof *r->warning);
  r->rank = calloc(n, sizeof *r->rank);
  r->set = calloc(n, sizeof(hwloc_bitmap_t));
  r->share = hwloc_bitmap_alloc();
  bool have = r->text && r->warning && r->rank && r->set && r->share;
  for (int i = 0; have && i < c->size; i++) have = (r->set[i] = hwloc_bitmap_alloc()) != NULL;
  if (hwloc_topology_init(&r->topology) != 0) r->topology = NULL;
  if (r->topology && hwloc_topology_load(r->topology) != 0) {
    hwloc_topology_destroy(r->topology);
    r->topology = NULL;
  }
  return have ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to place %d ranks", c->size);
}

static void room_destroy(const pno_comm *c, room *r) {
  for (int i = 0; r->set && i < c->size; i++) hwloc_bitmap_free(r->set[i]);
  if (r->topology) hwloc_topology_destroy(r->topology);
  hwloc_bitmap_free(r->share);
  free(r->set);
  free(r->rank);
  if (c->late) return; /* an answer may still come */
  free(r->text);
  free(r->warning);
}

/* Decides for this rank, binds it, and says what is wrong with its host if it is the first one there. */
static sync_place place(const pno_comm *c, room *r, int threads, char warning[WARNING_TEXT]) {
  sync_host h = {.topology = r->topology, .name = c->host, .rank = r->rank, .set = r->set, .quota = read_quota()};
  int own = 0;
  for (int p = 0; p < c->size; p++) {
    if (strcmp(sync_host_of(c, p), c->host) != 0) continue;
    if (p == c->rank) own = h.n;
    if (r->text[p][0]) hwloc_bitmap_sscanf(r->set[h.n], r->text[p]);
    r->rank[h.n++] = p;
  }
  if (!r->topology || r->text[c->rank][0] == '\0')
    return (sync_place){.threads = threads > 0 ? threads : 1, .cores = 1};
  sync_place p = sync_place_decide(&h, own, threads, r->share);
  if (p.bind) p.bind = hwloc_set_cpubind(r->topology, r->share, HWLOC_CPUBIND_PROCESS) == 0;
  if (own == 0) sync_place_warning(&h, threads, warning, WARNING_TEXT);
  return p;
}

static void warn(const pno_comm *c, room *r) {
  int hosts = 0;
  const char *first = "";
  for (int p = c->size - 1; p >= 0; p--) {
    if (r->warning[p][0] == '\0') continue;
    first = r->warning[p];
    hosts++;
  }
  if (hosts > 1)
    pno_log(PNO_LOG_WARN, "placement", "%s (and %d more hosts like it)", first, hosts - 1);
  else if (hosts == 1)
    pno_log(PNO_LOG_WARN, "placement", "%s", first);
}

pno_status pno_placement_make(pno_comm *c, int threads, pno_placement *out) {
  char set[SET_TEXT] = "", warning[WARNING_TEXT] = "";
  room r = {0};
  sync_place p = {0};
  pno_status st = pno_agree(c, room_create(c, &r));
  if (st == PNO_OK) {
    read_own_set(r.topology, set);
    st = pno_allgather(c, set, sizeof set, r.text);
  }
  if (st == PNO_OK) {
    p = place(c, &r, threads, warning);
    st = pno_gather(c, warning, sizeof warning, r.warning, 0);
  }
  if (st == PNO_OK) {
    if (c->rank == 0) warn(c, &r);
    pno_log(PNO_LOG_INFO, "placement", "%d threads on %d cores%s", p.threads, p.cores, p.bind ? ", bound to them" : "");
    *out = (pno_placement){.threads = p.threads, .cores = p.cores, .bound = p.bind};
  }
  room_destroy(c, &r);
  return st;
}
