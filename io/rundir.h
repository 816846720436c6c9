/* The directory of a run: who may write it, what is in it, how a running program is asked to stop.
 *
 * Used by rank 0 only; all functions are Local. */
#ifndef PNO_IO_RUNDIR_H
#define PNO_IO_RUNDIR_H

#include <stdbool.h>

#include "engine/base/status.h"

typedef struct pno_rundir pno_rundir;

/* Takes the directory for this process: makes it (and checkpoints/, eval/, predictions/, control/) and its .lock.
 *
 * resume false: path must be absent or empty. resume true: it must be a run of pno. A lock left by a dead process of
 * this host is taken over. run_id: letters, digits, . _ -, written into env.json of a new run; NULL: made from time and
 * pid. Errors: PNO_E_USAGE non-empty foreign directory, a run already there, no run there, or locked by another process
 * (which is named); PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_rundir_open(const char *path, bool resume, const char *run_id, pno_rundir **out);
void pno_rundir_close(pno_rundir **r); /* releases the lock; takes NULL and closed ones */

const char *pno_rundir_path(const pno_rundir *r);
const char *pno_rundir_id(const pno_rundir *r); /* run id, from env.json when resumed */

/* Writes env.json: run id, facts, and of the environment only SLURM_*, OMP_*, OMPI_MCA_*, NCCL_* and
 * CUDA_VISIBLE_DEVICES. facts: [n][2] key and value. Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_rundir_write_env(pno_rundir *r, const char *const (*facts)[2], int n);

/* Requests that pno ctl puts into control/. */
enum { PNO_CONTROL_STOP = 1, PNO_CONTROL_CHECKPOINT = 2 };

/* Takes what is asked: bits of PNO_CONTROL_*. Files of other owners and links are ignored. Two system calls when there
 * is nothing. */
int pno_rundir_poll(pno_rundir *r);

/* Asks the run in path. Errors: PNO_E_USAGE not a run; PNO_E_IO. */
pno_status pno_rundir_ask(const char *path, int request);

/* Whether path is a run of pno. */
bool pno_rundir_is_run(const char *path);

/* What .lock says about who holds the run: "pid 4711 on host n1 (job 17)" into text, "" when nobody does. A lock that a
 * dead process of this host left counts as nobody's. */
enum { PNO_RUNDIR_HOLDER_TEXT = 256 };
void pno_rundir_holder(const char *path, char text[PNO_RUNDIR_HOLDER_TEXT]);

#endif
