/* .lock of a run directory: at most one living process holds it. Not for others than rundir. Local. */
#ifndef PNO_IO_RUNDIR_LOCK_H
#define PNO_IO_RUNDIR_LOCK_H

#include <stdbool.h>

#include "engine/base/status.h"
#include "io/rundir.h"

/* Created with O_EXCL, holding host, pid, start of the process and job id. The holder also keeps flock on it, so that
 * two processes that find the same dead owner's lock cannot both take it over: the taker rewrites it under flock.
 * lockfd: stays open while held. Errors: PNO_E_USAGE held, by whom; PNO_E_IO. */
pno_status rundir_lock(int dirfd, const char *dir, int *lockfd);
void rundir_unlock(int dirfd, int *lockfd); /* takes -1 */

/* Words about a living (or unknown) holder, "" when free. */
void rundir_lock_holder(int dirfd, char text[PNO_RUNDIR_HOLDER_TEXT]);

#endif
