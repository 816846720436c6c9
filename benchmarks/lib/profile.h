/* Where the time of the timed passes went on this rank, phase by phase, beside what each phase has to do at the least. */
#ifndef PNO_BENCHMARKS_LIB_PROFILE_H
#define PNO_BENCHMARKS_LIB_PROFILE_H

#include "benchmarks/lib/rates.h"
#include "benchmarks/lib/result.h"
#include "benchmarks/lib/stepper.h"

typedef struct {
  int passes, most;                             /* taken; room for */
  double *seconds, *ticks;                      /* owned: [rows of the profile][most] */
  pno_phase_time before[PNO_BENCH_PHASES];      /* the stepper's sums when the last pass was taken */
} pno_profile;

/* Local. Errors: PNO_E_NOMEM. */
pno_status pno_profile_create(int most, const pno_stepper *s, pno_profile *out);
void pno_profile_destroy(pno_profile *p); /* Local */

/* Takes the pass that the stepper has just made. Local. */
void pno_profile_take(pno_profile *p, const pno_stepper *s);

/* What the phases are set beside: rates of all ranks, bytes a second of memcpy, clocks. */
typedef struct {
  pno_bench_rates rates;
  pno_bench_clock clock;
  double copy;
} pno_profile_beside;

/* Into row: phases with any time in them, then the whole pass. Local. */
void pno_profile_fill(const pno_profile *p, const pno_stepper *s, const pno_profile_beside *beside, pno_bench_row *row);

#endif
