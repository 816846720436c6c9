/* Lets the n-th allocation of our objects fail, for n = 1, 2, .. until none is left to fail, and looks for leaks.
 *
 * Link with alloc_sweep_dep: it wraps malloc, calloc, realloc, aligned_alloc, posix_memalign and free in every object
 * that is linked statically (-Wl,--wrap); those inside shared libraries are not seen. A library that takes allocators
 * can be drawn in: json_set_alloc_funcs(malloc, free). Knows nothing of a test framework. */
#ifndef PNO_TESTS_SUPPORT_ALLOC_SWEEP_H
#define PNO_TESTS_SUPPORT_ALLOC_SWEEP_H

#include <stdbool.h>

#include "engine/base/status.h"

typedef struct {
  void (*before)(void *user);                       /* may be NULL; makes the world as it was, allocations are free */
  pno_status (*call)(void *user);                   /* what is tested; releases all that it took, also on success */
  bool (*after)(void *user, pno_status st);         /* may be NULL; whether the world is still right */
  void *user;
} alloc_sweep;

typedef struct {
  int allocations; /* of a call in which none failed */
  int refused;     /* calls that returned PNO_E_NOMEM */
  int other;       /* calls that returned another failure */
  int passed;      /* calls that returned PNO_OK although an allocation failed: they could do without */
  int leaks;       /* calls after which a block was left */
  int wrong;       /* calls after which after() said no, or that failed although no allocation did */
  int first_bad;   /* n of the first leak or wrong one, 0: none */
  bool first_once; /* whether in that one only the n-th failed, or all from it on */
  const void *leak_from; /* return address of the first leaked allocation, for addr2line; NULL: none */
  pno_status last; /* status of the call in which none failed */
} alloc_sweep_result;

/* Two sweeps: only the n-th fails; the n-th and all later ones fail. At most 100,000 calls each, then wrong counts.
 * One sweep at a time; threads that call() starts are counted too. */
alloc_sweep_result alloc_sweep_run(const alloc_sweep *s);

/* Whether nothing leaked, nothing went wrong, and every call in which something failed was refused or could do
 * without. */
bool alloc_sweep_clean(const alloc_sweep_result *r);

/* Counts the allocations of our objects between begin and end without failing any: a steady step must give 0. */
void alloc_count_begin(void);
int alloc_count_end(void);
int alloc_sweep_live(void); /* blocks allocated since the last begin and not freed */

#endif
