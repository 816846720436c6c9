/* Who does how much: micro-batches to ranks. The result of a step never depends on the answer, only its time does.
 *
 * Decisions come from numbers that all ranks have (the votes of the last step), so all ranks decide alike without a
 * message. All functions are Local. Scheme: measured time of a micro-batch, smoothed; contiguous ranges by min-max
 * apportionment (D'Hondt), which is optimal for identical tasks and monotone in their number. */
#ifndef PNO_ENGINE_BALANCE_BALANCE_H
#define PNO_ENGINE_BALANCE_BALANCE_H

#include <stddef.h>

#include "engine/base/status.h"
#include "engine/sync/reduce.h"

typedef enum { PNO_BALANCE_EQUAL, PNO_BALANCE_ROUND_ROBIN, PNO_BALANCE_SPEED } pno_balance_mode;

typedef struct pno_balance pno_balance;

/* Errors: PNO_E_NOMEM. */
pno_status pno_balance_create(pno_balance_mode mode, int ranks, pno_balance **out);
void pno_balance_destroy(pno_balance **b);

/* The micro-batches of rank among n_micro, ascending; list has room for n_micro. */
void pno_balance_list(const pno_balance *b, int n_micro, int rank, int *list, int *n);
int pno_balance_owner(const pno_balance *b, int n_micro, int micro);

/* Takes in the votes of a step (PNO_VOTE_MICRO_S) and re-partitions when that promises a gain. */
void pno_balance_note(pno_balance *b, const pno_vote *votes, int ranks);

/* Seconds of a micro-batch as now believed, 0 while unknown; how often the partition changed. */
double pno_balance_seconds(const pno_balance *b, int rank);
long pno_balance_changes(const pno_balance *b);

/* State for a checkpoint: [pno_balance_state_count] doubles. restore ignores a state of another number
 * of ranks or with values that cannot be. */
ptrdiff_t pno_balance_state_count(const pno_balance *b);
void pno_balance_state(const pno_balance *b, double *out);
void pno_balance_restore(pno_balance *b, const double *state, ptrdiff_t n);

/* counts [ranks]: tasks of each, sum = tasks, such that max counts / speed is least; each next task goes to the rank
 * with the smallest (count + 1) / speed, the lower rank on a tie. caps: [ranks] or NULL; speed > 0.
 * Errors: PNO_E_USAGE when the caps are too tight or no speed is positive. */
pno_status pno_apportion(const double *speed, int ranks, int tasks, const int *caps, int *counts);

#endif
