/* What a benchmark found: on which machine, whether it may be believed, one row a configuration and mode; as JSON, which
 * comes back, and as CSV. All Local. */
#ifndef PNO_BENCHMARKS_LIB_RESULT_H
#define PNO_BENCHMARKS_LIB_RESULT_H

#include <stddef.h>

#include "engine/base/status.h"

enum { PNO_BENCH_ROWS = 256, PNO_BENCH_NAME = 32, PNO_BENCH_TEXT = 256, PNO_BENCH_PHASES = 12 };

/* One phase of a pass on rank 0; medians over the timed passes, each phase's own. A floor of zero: nothing but element-wise
 * work, which is not counted. */
typedef struct {
  char phase[PNO_BENCH_NAME];
  double ms, share;                     /* share: of the pass */
  double mcycles, mticks;               /* 10^6 core cycles of all threads; ticks of the constant-rate counter */
  double gflop, flop_a_cycle, fma_part; /* fma_part, copy_part: of what was measured right before */
  double gelu_m;                        /* 10^6 GELU values, with and without slope */
  double mbytes, gbytes, copy_part;     /* read and written by the plan; a second; of twice the rate of memcpy */
  double floor_ms, fraction;            /* as of a row */
} pno_bench_phase;

typedef struct {
  char config[PNO_BENCH_NAME], mode[PNO_BENCH_NAME], device[PNO_BENCH_TEXT];
  double ranks, threads, batch, repeats;
  double parameters;                             /* real numbers */
  double median_ms, best_ms, lower_ms, upper_ms; /* of the slowest rank; quartiles */
  double samples_per_s, points_per_s;
  double gflop, gflops;                   /* of one pass on all ranks; a second */
  double fma_gflops, gelu_g, gelu_slope_g; /* rates right before: GFLOP/s, 10^9 values a second */
  double floor_ms, fraction;              /* least time at those rates; floor / median */
  double padded_floor_ms, padded_fraction; /* the same with channels as they are stored */
  double memory_bytes, traffic_bytes;     /* of rank 0: what it holds, what a pass moves by the plan */
  double loss;                            /* train: mean of the last step */
  int n_phases;                           /* 0: not asked for */
  pno_bench_phase phase[PNO_BENCH_PHASES];
} pno_bench_row;

typedef struct {
  char program[PNO_BENCH_TEXT], date[PNO_BENCH_TEXT], cpu[PNO_BENCH_TEXT], isa[PNO_BENCH_TEXT], device[PNO_BENCH_TEXT];
  char validity[PNO_BENCH_TEXT]; /* VALID, or INVALID: and why */
  double cores, ranks, threads;
  double fma_gflops, gelu_g, gelu_slope_g, copy_gbytes; /* all ranks and threads at once */
  int n;
  pno_bench_row row[PNO_BENCH_ROWS];
} pno_bench_result;

/* Both write a whole file or none. Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_bench_write_json(const pno_bench_result *r, const char *path);
pno_status pno_bench_write_csv(const pno_bench_result *r, const char *path);

/* A file of any origin: at most 4 MiB, numbers finite and not below zero, texts short and printable, no row twice;
 * phases may be absent.
 * Errors: PNO_E_INPUT with path, row and what is wrong; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_bench_read(const char *path, pno_bench_result *out);

#endif
