/* The operators that are timed: the public set, and a tiny one for tests. All Local. */
#ifndef PNO_BENCHMARKS_LIB_CASES_H
#define PNO_BENCHMARKS_LIB_CASES_H

#include <stdbool.h>

#include "engine/model/fno.h"

/* 4 layers, one channel in and out, relative L2: of flavour li with a head of 128, and Adam; or neuraloperator's own FNO,
 * which is larger, and AdamW (of benchmarks/peers only); or the PNO paper's, with hidden layers of 256, deterministic, PNO_D
 * (dropout .2) or PNO_R (two heads), which train on the energy score of 3 draws and infer 100 draws of a few inputs with
 * all their scores. */
typedef struct {
  const char *name;
  int dims, n[PNO_DIMS_MAX], modes, width, batch;
  bool on_request; /* runs only when it is named */
  bool neuralop;
  bool pno;
  int draws, heads; /* in training; 0: one */
  int inputs;       /* whose draws are inferred, where there are draws */
  double dropout;
} pno_bench_case;

enum { PNO_BENCH_DRAWS = 100 }; /* of an input, in an inference of draws */

extern const pno_bench_case pno_bench_cases[];
extern const int pno_n_bench_cases;

/* list: names separated by commas, NULL: all that are not on request. */
bool pno_bench_wants(const char *list, const pno_bench_case *c);

/* Errors: PNO_E_USAGE a name in the list that no case has. */
pno_status pno_bench_check(const char *list);

pno_fno_spec pno_bench_spec(const pno_bench_case *c);

#endif
