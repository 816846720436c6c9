/* Bursts of independent fused multiply-adds: what the core could do if memory, loads and shuffles cost nothing. The
 * benchmarks print every rate as a fraction of it. Local, pure. */
#ifndef PNO_KERNELS_BURST_H
#define PNO_KERNELS_BURST_H

/* The widest instruction set this core has: "avx512", "avx2" or "scalar". */
const char *pno_burst_isa(void);

/* Runs `rounds` rounds on it and returns a value that depends on all of them; flops: operations done (FMA = 2). */
float pno_burst_run(long rounds, double *flops);

#endif
