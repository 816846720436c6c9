/* What the core could do if memory, loads and shuffles cost nothing: bursts of independent fused multiply-adds, and the
 * table's own GELU on a vector that stays in the first cache. The benchmarks set every time beside the least that these
 * two rates allow; and a chain that tells cycles. Local, pure. */
#ifndef PNO_KERNELS_BURST_H
#define PNO_KERNELS_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* The widest instruction set this core has: "avx512", "avx2" or "scalar". */
const char *pno_burst_isa(void);

/* Runs `rounds` rounds on it and returns a value that depends on all of them; flops: operations done (FMA = 2). */
float pno_burst_run(long rounds, double *flops);

/* A chain of additions and exclusive ors, each of which waits for the one before: on every processor a cycle each, so that
 * its time tells the clock of the core. Returns its end; cycles: its length. */
uint64_t pno_chain_run(long rounds, double *cycles);

/* GELU of the table on 2,048 values over and over, without its slope or with it (both). Returns a value that depends on
 * the last round; elements: how many values were made. */
float pno_gelu_run(const pno_kernels *table, long rounds, bool both, double *elements);

#endif
