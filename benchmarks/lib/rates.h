/* What this machine could do at best, measured beside what it did: all ranks and all their threads at once. */
#ifndef PNO_BENCHMARKS_LIB_RATES_H
#define PNO_BENCHMARKS_LIB_RATES_H

#include "engine/model/fno_cost.h"
#include "engine/sync/comm.h"

/* Of all ranks and threads together, the best of several bursts. */
typedef struct {
  double fma;        /* floating-point operations a second (FMA = 2) in the widest vectors of the processor */
  double gelu;       /* values a second by the table's own GELU */
  double gelu_slope; /* the same with slopes */
} pno_bench_rates;

/* burst_s: the least time of a burst; of each rate it takes some six. Collective.
 * Errors: PNO_E_COMM; PNO_E_NOMEM no thread to be had. */
pno_status pno_bench_measure(pno_comm *comm, const pno_kernels *table, int threads, double burst_s, pno_bench_rates *out);

/* The clock of the cores while all ranks and threads work, their mean (hz), from a chain of operations of one cycle each;
 * threads that share a core have half of it. And the rate of pno_ticks. Collective.
 * Errors: PNO_E_COMM, PNO_E_NOMEM. */
typedef struct {
  double core_hz, tick_hz;
} pno_bench_clock;
pno_status pno_bench_clocks(pno_comm *comm, int threads, double burst_s, pno_bench_clock *out);

/* Bytes a second that memcpy moves from one block to another (read once, written once, counted once): 64 MB for bursts
 * of 10 ms, for others in proportion. Collective. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_bench_copy(pno_comm *comm, int threads, double burst_s, double *out);

/* Seconds below which `samples` samples cannot be done at these rates, whatever the kernels. Local. */
double pno_bench_floor(const pno_fno_cost *cost, const pno_bench_rates *rates, int samples, bool train);

#endif
