#include "tests/support/alloc_sweep.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 17, CALLS_MAX = 100000 };

/* Made by the linker from --wrap=NAME: __real_NAME is the C library's, __wrap_NAME is what our objects call. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **out, size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **out, size_t align, size_t n);
void __wrap_free(void *p);

static struct {
  bool armed, once;
  int count, fail_at; /* fail_at 0: never */
  int failed;
  int live;
  struct {
    void *block;
    const void *from;
  } slot[SLOTS]; /* open addressing; a free slot holds NULL */
} state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(const void *p) { return (size_t)((uintptr_t)p >> 4) * 2654435761u % SLOTS; }

/* Whether this allocation fails. */
static bool denied(void) {
  pthread_mutex_lock(&lock);
  bool no = false;
  if (state.armed) {
    state.count++;
    no = state.fail_at > 0 && (state.once ? state.count == state.fail_at : state.count >= state.fail_at);
    state.failed += no;
  }
  pthread_mutex_unlock(&lock);
  if (no) errno = ENOMEM;
  return no;
}

static void *keep(void *p, const void *from) {
  pthread_mutex_lock(&lock);
  if (state.armed && p && state.live < SLOTS / 2) {
    size_t i = place_of(p);
    while (state.slot[i].block) i = (i + 1) % SLOTS;
    state.slot[i].block = p;
    state.slot[i].from = from;
    state.live++;
  }
  pthread_mutex_unlock(&lock);
  return p;
}

/* Takes a block out and closes the gap that it leaves in its run. Returns who allocated it, NULL if nobody did. */
static const void *forget(const void *p) {
  const void *from = NULL;
  pthread_mutex_lock(&lock);
  size_t i = place_of(p);
  while (state.slot[i].block && state.slot[i].block != p) i = (i + 1) % SLOTS;
  if (p && state.slot[i].block) {
    from = state.slot[i].from;
    state.slot[i].block = NULL;
    state.live--;
    for (size_t j = (i + 1) % SLOTS; state.slot[j].block; j = (j + 1) % SLOTS) {
      const size_t home = place_of(state.slot[j].block);
      if ((j - home) % SLOTS < (j - i) % SLOTS) continue; /* it would move before its home */
      state.slot[i] = state.slot[j];
      state.slot[j].block = NULL;
      i = j;
    }
  }
  pthread_mutex_unlock(&lock);
  return from;
}

void *__wrap_malloc(size_t n) { return denied() ? NULL : keep(__real_malloc(n), __builtin_return_address(0)); }

void *__wrap_calloc(size_t n, size_t size) {
  return denied() ? NULL : keep(__real_calloc(n, size), __builtin_return_address(0));
}

void *__wrap_realloc(void *p, size_t n) {
  if (denied()) return NULL;
  const void *from = forget(p);
  void *q = __real_realloc(p, n);
  if (q || n == 0) return keep(q, __builtin_return_address(0));
  keep(p, from);
  return NULL;
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
  return denied() ? NULL : keep(__real_aligned_alloc(align, n), __builtin_return_address(0));
}

int __wrap_posix_memalign(void **out, size_t align, size_t n) {
  if (denied()) return ENOMEM;
  const int bad = __real_posix_memalign(out, align, n);
  if (!bad) keep(*out, __builtin_return_address(0));
  return bad;
}

void __wrap_free(void *p) {
  forget(p);
  __real_free(p);
}

static void arm(int fail_at, bool once) {
  pthread_mutex_lock(&lock);
  memset(state.slot, 0, sizeof state.slot);
  state.live = state.count = state.failed = 0;
  state.fail_at = fail_at;
  state.once = once;
  state.armed = true;
  pthread_mutex_unlock(&lock);
}

static const void *first_block(void) {
  for (int i = 0; i < SLOTS; i++)
    if (state.slot[i].block) return state.slot[i].from;
  return NULL;
}

/* One call with the n-th failing. Returns whether one failed at all. */
static bool try(const alloc_sweep *s, int n, bool once, alloc_sweep_result *r) {
  if (s->before) s->before(s->user);
  arm(n, once);
  const pno_status st = s->call(s->user);
  pthread_mutex_lock(&lock);
  state.armed = false;
  pthread_mutex_unlock(&lock);
  const bool failed = state.failed > 0, leaked = state.live > 0;
  const void *from = leaked ? first_block() : NULL;
  const bool wrong = (s->after && !s->after(s->user, st)) || (!failed && st != PNO_OK);
  r->refused += failed && st == PNO_E_NOMEM;
  r->other += failed && st != PNO_E_NOMEM && st != PNO_OK;
  r->passed += failed && st == PNO_OK;
  r->leaks += leaked;
  r->wrong += wrong;
  if (leaked && !r->leak_from) r->leak_from = from;
  if ((leaked || wrong) && r->first_bad == 0) {
    r->first_bad = n;
    r->first_once = once;
  }
  if (!failed) {
    r->allocations = state.count;
    r->last = st;
  }
  return failed;
}

alloc_sweep_result alloc_sweep_run(const alloc_sweep *s) {
  alloc_sweep_result r = {.allocations = 0};
  for (int once = 1; once >= 0; once--) {
    int n = 1;
    while (n < CALLS_MAX && try(s, n, once, &r)) n++;
    r.wrong += n == CALLS_MAX;
  }
  return r;
}

bool alloc_sweep_clean(const alloc_sweep_result *r) {
  return r->leaks == 0 && r->wrong == 0 && r->other == 0 && r->allocations > 0 && r->refused > 0;
}

void alloc_count_begin(void) { arm(0, false); }

int alloc_count_end(void) {
  pthread_mutex_lock(&lock);
  state.armed = false;
  const int n = state.count;
  pthread_mutex_unlock(&lock);
  return n;
}

int alloc_sweep_live(void) {
  pthread_mutex_lock(&lock);
  const int n = state.live;
  pthread_mutex_unlock(&lock);
  return n;
}
