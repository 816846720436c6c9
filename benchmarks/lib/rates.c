#include "benchmarks/lib/rates.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "kernels/burst.h"

enum { BURSTS = 5, COPY_BYTES = 64 << 20 };
static const double copy_bytes_a_s = 6.7e9; /* bursts below 10 ms copy less than COPY_BYTES, out of caches then */
typedef enum { FMA, GELU, GELU_SLOPE, CHAIN, COPY, KINDS } kind;

/* One thread's part of a burst. */
typedef struct {
  kind what;
  long rounds;
  const pno_kernels *table;
  unsigned char *from, *to; /* of a copy: [bytes] */
  size_t bytes;
  double work;              /* operations, values, cycles or bytes done */
  pthread_t thread;
} burst;

static void *run_burst(void *user) {
  burst *b = user;
  volatile float sink = 0;
  switch (b->what) {
    case FMA: sink = pno_burst_run(1000 * b->rounds, &b->work); break;
    case GELU: sink = pno_gelu_run(b->table, b->rounds, false, &b->work); break;
    case GELU_SLOPE: sink = pno_gelu_run(b->table, b->rounds, true, &b->work); break;
    case CHAIN: sink = (float)pno_chain_run(100 * b->rounds, &b->work); break;
    default:
      for (long i = 0; i < b->rounds; i += 10) memcpy(b->to, b->from, b->bytes);
      b->work = (double)b->bytes * (double)((b->rounds + 9) / 10);
  }
  (void)sink;
  return NULL;
}

typedef struct {
  double work, seconds;
} share;

/* All threads of this rank at once; the calling thread takes the first. */
static pno_status run_threads(burst *b, int threads, kind what, long rounds, share *own) {
  int started = 1;
  const double start = pno_clock();
  for (int i = 0; i < threads; i++) {
    b[i].what = what;
    b[i].rounds = rounds;
  }
  while (started < threads && pthread_create(&b[started].thread, NULL, run_burst, &b[started]) == 0) started++;
  run_burst(&b[0]);
  for (int i = 1; i < started; i++) pthread_join(b[i].thread, NULL);
  own->seconds = pno_clock() - start;
  own->work = 0;
  for (int i = 0; i < started; i++) own->work += b[i].work;
  return started == threads ? PNO_OK : pno_fail(PNO_E_NOMEM, "%d threads, more are not to be had", started);
}

/* Work of all ranks over the time of the slowest, so that threads which share a core count as what they are; the best of
 * some bursts. A burst is made longer until what starting its threads takes (0.05 ms) is lost in it. Collective. */
static pno_status rate_of(pno_comm *comm, burst *b, int threads, kind what, double burst_s, share *all, double *out) {
  long rounds = 10;
  *out = 0;
  for (int i = 0; i < BURSTS;) {
    share own = {0}, sum = {0};
    PNO_TRY(pno_barrier(comm));
    PNO_TRY(pno_agree(comm, run_threads(b, threads, what, rounds, &own)));
    PNO_TRY(pno_allgather(comm, &own, sizeof own, all));
    for (int r = 0; r < pno_comm_size(comm); r++) {
      sum.work += all[r].work;
      sum.seconds = all[r].seconds > sum.seconds ? all[r].seconds : sum.seconds;
    }
    if (sum.seconds < burst_s) { /* the same on all ranks */
      rounds *= 2;
      continue;
    }
    *out = sum.work / sum.seconds > *out ? sum.work / sum.seconds : *out;
    i++;
  }
  return PNO_OK;
}

typedef struct {
  burst *bursts; /* [threads] */
  share *all;    /* [ranks] */
  unsigned char *copies;
} room;

static pno_status take_room(const pno_comm *comm, const pno_kernels *table, size_t bytes, int threads, room *r) {
  const size_t n = (size_t)threads;
  r->bursts = calloc(n, sizeof *r->bursts);
  r->all = calloc((size_t)pno_comm_size(comm), sizeof *r->all);
  if (bytes) r->copies = malloc(2 * n * bytes);
  if (!r->bursts || !r->all || (bytes && !r->copies))
    return pno_fail(PNO_E_NOMEM, "no memory to measure %d threads", threads);
  for (size_t i = 0; i < n; i++) r->bursts[i].table = table;
  if (!bytes) return PNO_OK;
  memset(r->copies, 1, 2 * n * bytes);
  for (size_t i = 0; i < n; i++) {
    r->bursts[i].bytes = bytes;
    r->bursts[i].from = r->copies + 2 * i * bytes;
    r->bursts[i].to = r->bursts[i].from + bytes;
  }
  return PNO_OK;
}

/* rates [last - first]. Collective. */
static pno_status measure(pno_comm *comm, const pno_kernels *table, int threads, double burst_s, kind first, kind last,
                          double *rates) {
  const double wanted = burst_s * copy_bytes_a_s < COPY_BYTES ? burst_s * copy_bytes_a_s + 64 : COPY_BYTES;
  const size_t bytes = last == KINDS ? (size_t)wanted : 0;
  room r = {0};
  pno_status st = pno_agree(comm, take_room(comm, table, bytes, threads, &r));
  for (kind k = first; k < last && st == PNO_OK; k++)
    st = rate_of(comm, r.bursts, threads, k, burst_s, r.all, &rates[k - first]);
  free(r.bursts);
  free(r.all);
  free(r.copies);
  return st;
}

pno_status pno_bench_measure(pno_comm *comm, const pno_kernels *table, int threads, double burst_s,
                             pno_bench_rates *out) {
  double rates[CHAIN];
  PNO_TRY(measure(comm, table, threads, burst_s, FMA, CHAIN, rates));
  *out = (pno_bench_rates){.fma = rates[FMA], .gelu = rates[GELU], .gelu_slope = rates[GELU_SLOPE]};
  return PNO_OK;
}

pno_status pno_bench_clocks(pno_comm *comm, int threads, double burst_s, pno_bench_clock *out) {
  const double start = pno_clock();
  const uint64_t ticks = pno_ticks();
  double rate;
  PNO_TRY(measure(comm, NULL, threads, burst_s, CHAIN, COPY, &rate));
  *out = (pno_bench_clock){.core_hz = rate / ((double)pno_comm_size(comm) * threads),
                           .tick_hz = (double)(pno_ticks() - ticks) / (pno_clock() - start)};
  return PNO_OK;
}

pno_status pno_bench_copy(pno_comm *comm, int threads, double burst_s, double *out) {
  double rate;
  PNO_TRY(measure(comm, NULL, threads, burst_s, COPY, KINDS, &rate));
  *out = rate;
  return PNO_OK;
}

double pno_bench_floor(const pno_fno_cost *c, const pno_bench_rates *r, int samples, bool train) {
  const double each = train ? c->step / r->fma + c->gelu_step / r->gelu + c->gelu_slope / r->gelu_slope
                            : c->forward / r->fma + c->gelu_forward / r->gelu;
  return samples * each;
}
