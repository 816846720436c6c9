/* How pno fails: a code that callers branch on, and words kept per thread for the human.
 *
 * A fallible function returns pno_status, leaves its outputs untouched on failure and starts the failure with
 * pno_fail. Nothing below launch/ prints, exits or aborts. All functions here are Local and thread-safe. */
#ifndef PNO_ENGINE_BASE_STATUS_H
#define PNO_ENGINE_BASE_STATUS_H

#include <stddef.h>

/* Marks what a shared library of pno would export; everything else is hidden. */
#define PNO_API __attribute__((visibility("default")))
#define PNO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The values are the exit codes of the program where one exists, so that launch/ needs no second table.
 * Order matters: of several failures pno_agree keeps the largest. */
typedef enum {
  PNO_OK = 0,
  PNO_E_INTERNAL = 1,    /* a bug of ours */
  PNO_E_USAGE = 2,       /* command line or configuration */
  PNO_E_INPUT = 3,       /* corrupt, untrusted or unfit input file */
  PNO_E_IO = 4,          /* disk full, permission, missing path */
  PNO_E_DIVERGED = 5,    /* numerics */
  PNO_E_NOMEM = 6,       /* host or device memory */
  PNO_E_COMM = 7,        /* communication, time-out, lost rank */
  PNO_E_THRESHOLD = 8,   /* a required figure was missed */
  PNO_E_SHAPE = 9,       /* sizes do not fit together; exits as 3 */
  PNO_E_INTERRUPTED = 75 /* stopped on request, checkpoint on disk, run again */
} pno_status;

/* Records the words of a failure and returns code. The text is cut at 1,023 bytes. */
pno_status pno_fail(pno_status code, const char *fmt, ...) PNO_PRINTF(2, 3);

/* Puts context in front of the recorded words ("path: words") and returns code unchanged; PNO_OK passes untouched. */
pno_status pno_fail_in(pno_status code, const char *fmt, ...) PNO_PRINTF(2, 3);

/* Adds a second line that says what to do; returns code unchanged; PNO_OK passes untouched. */
pno_status pno_hint(pno_status code, const char *fmt, ...) PNO_PRINTF(2, 3);

/* The words of the last failure of this thread, "" before the first. Valid until the next failure of this thread. */
const char *pno_fail_words(void);
const char *pno_fail_hint(void);

/* Replaces the words, as pno_agree does with those of another rank. */
void pno_fail_set_words(const char *words, const char *hint);

/* The process exit code of a status. */
int pno_exit_code(pno_status st);

#define PNO_TRY(call)                     \
  do {                                    \
    const pno_status st_try_ = (call);    \
    if (st_try_ != PNO_OK) return st_try_; \
  } while (0)

#define PNO_TRY_GOTO(st, call, label) \
  do {                                \
    (st) = (call);                    \
    if ((st) != PNO_OK) goto label;   \
  } while (0)

#endif
