/* Which cores this rank runs on and how many threads it should use there. */
#ifndef PNO_ENGINE_SYNC_PLACEMENT_H
#define PNO_ENGINE_SYNC_PLACEMENT_H

#include <stdbool.h>

#include "engine/sync/comm.h"

typedef struct {
  int threads; /* that this rank should use, at least 1 */
  int cores;   /* that it has for itself, at least 1: shared ones are divided */
  bool bound;  /* it was not bound to them before */
} pno_placement;

/* Ranks of a host that mpirun left on the same cores get equal shares of them, and are bound to these where the cores have
 * several memories or last caches; other bindings are left alone, as are more ranks than cores. threads: wanted for each
 * rank, 0: one a core, no more than a quota of the control group allows. One warning from rank 0
 * when ranks share cores or leave most of a host idle. What the system does not tell is no failure: it gives one thread.
 * Collective. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_placement_make(pno_comm *c, int threads, pno_placement *out);

#endif
