/* Whether something became slower or worse: two lists of named quantities, less is better. All Local. */
#ifndef PNO_BENCHMARKS_LIB_COMPARE_H
#define PNO_BENCHMARKS_LIB_COMPARE_H

#include "benchmarks/lib/result.h"

enum { PNO_QUANTITY_NAME = 384 };

typedef struct {
  char name[PNO_QUANTITY_NAME];
  double value; /* above zero */
} pno_quantity;

typedef enum { PNO_COMPARED_IMPROVED, PNO_COMPARED_SAME, PNO_COMPARED_REGRESSED } pno_verdict;
extern const char *const pno_verdict_names[3];

typedef struct {
  const pno_quantity *a, *b; /* of the same name */
  double ratio;              /* b / a */
  pno_verdict verdict;       /* the same: within 1 / (1 + tol) to 1 + tol */
} pno_compared;

/* Pairs of equal names in the order of a: out [the shorter of both]. Returns how many there are. */
int pno_compare(const pno_quantity *a, int n_a, const pno_quantity *b, int n_b, double tol, pno_compared *out);

/* The median times of a result's rows: out [r->n]. Errors: PNO_E_INPUT a result that is not valid. */
pno_status pno_compare_bench(const pno_bench_result *r, pno_quantity *out);

/* The median step and the best validation of a run's journal: out [PNO_RUN_QUANTITIES], *n of them.
 * Errors: PNO_E_INPUT a journal without a step, above 256 MiB, or a line that is no object; PNO_E_IO; PNO_E_NOMEM. */
enum { PNO_RUN_QUANTITIES = 2 };
pno_status pno_compare_run(const char *run, pno_quantity *out, int *n);

/* "5%" as 0.05. Errors: PNO_E_USAGE. */
pno_status pno_compare_tolerance(const char *text, double *out);

#endif
