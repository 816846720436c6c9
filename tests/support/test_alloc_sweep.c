#include "tests/support/alloc_sweep.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

static void *lost[64]; /* so that leaks of the tests are not leaks of the program */
static int n_lost;

static void *volatile sink; /* what is stored here cannot be optimised away */

static pno_status careful(void *user) {
  (void)user;
  char *a = malloc(10), *b = a ? calloc(3, 4) : NULL, *c = b ? realloc(a, 1000) : NULL;
  if (c) a = c;
  void *d = c ? aligned_alloc(64, 128) : NULL, *e = NULL;
  const bool ok = d && posix_memalign(&e, 64, 128) == 0;
  sink = a;
  sink = b;
  sink = d;
  free(e);
  free(d);
  free(b);
  free(a);
  return ok ? PNO_OK : PNO_E_NOMEM;
}

Test(alloc_sweep, a_careful_function_is_clean_and_every_way_to_allocate_is_seen) {
  const alloc_sweep s = {.call = careful};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_assert(alloc_sweep_clean(&r));
  cr_expect_eq(r.allocations, 5);
  cr_expect_eq(r.refused, 10);
  cr_expect(r.passed == 0 && r.last == PNO_OK && r.first_bad == 0 && r.leak_from == NULL);
}

/* Leaks its first block when the second is refused. */
static pno_status leaky(void *user) {
  (void)user;
  void *a = malloc(10), *b = malloc(20);
  sink = a;
  sink = b;
  if (a && !b && n_lost < 64) {
    lost[n_lost++] = a;
    return PNO_E_NOMEM;
  }
  free(a);
  free(b);
  return a && b ? PNO_OK : PNO_E_NOMEM;
}

Test(alloc_sweep, a_leak_on_the_way_out_is_found) {
  const alloc_sweep s = {.call = leaky};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_assert(!alloc_sweep_clean(&r));
  cr_expect_eq(r.leaks, 2);
  cr_expect(r.first_bad == 2 && r.first_once && r.leak_from != NULL);
  for (int i = 0; i < n_lost; i++) free(lost[i]);
}

static pno_status forgetful(void *user) {
  (void)user;
  void *a = malloc(10);
  sink = a;
  free(a);
  return a ? PNO_OK : PNO_E_IO;
}

Test(alloc_sweep, another_failure_than_memory_is_counted_apart) {
  const alloc_sweep s = {.call = forgetful};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect(r.other == 2 && r.refused == 0 && !alloc_sweep_clean(&r));
}

static pno_status always(void *user) {
  (void)user;
  void *a = malloc(10);
  sink = a;
  free(a);
  return PNO_E_NOMEM;
}

Test(alloc_sweep, a_call_that_fails_without_a_reason_is_wrong) {
  const alloc_sweep s = {.call = always};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect(r.wrong == 2 && r.last == PNO_E_NOMEM && !alloc_sweep_clean(&r));
}

static void reset(void *user) {
  void *unseen = malloc(50); /* allocations of before are free */
  sink = unseen;
  free(unseen);
  *(int *)user = 0;
}

static pno_status tolerant(void *user) {
  void *a = malloc(10), *b = malloc(10);
  sink = a;
  sink = b;
  *(int *)user = a ? 1 : 2;
  free(b);
  free(a);
  return PNO_OK;
}

static bool is_one(void *user, pno_status st) { return st != PNO_OK || *(int *)user == 1; }

Test(alloc_sweep, what_the_call_leaves_is_looked_at_after_each_and_doing_without_is_allowed) {
  int world = 9;
  const alloc_sweep s = {.before = reset, .call = tolerant, .after = is_one, .user = &world};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect_eq(r.passed, 4);
  cr_expect_eq(r.wrong, 2); /* the first allocation, in both sweeps */
  cr_expect(r.first_bad == 1 && r.allocations == 2);
}

static void *allocate(void *user) {
  void *a = malloc(10);
  *(bool *)user = a != NULL;
  sink = a;
  free(a);
  return NULL;
}

static pno_status threaded(void *user) {
  (void)user;
  bool ok[2] = {false, false};
  pthread_t t[2];
  for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, allocate, &ok[i]);
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  return ok[0] && ok[1] ? PNO_OK : PNO_E_NOMEM;
}

Test(alloc_sweep, threads_are_counted_too) {
  const alloc_sweep s = {.call = threaded};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect(alloc_sweep_clean(&r) && r.allocations == 2 && r.refused == 4);
}

/* Frees in another order than it allocates, many at once: nothing may get lost in the table. */
static pno_status many(void *user) {
  enum { MANY = 20000 };
  static void *block[MANY];
  pno_status st = PNO_OK;
  (void)user;
  for (int i = 0; i < MANY; i++) block[i] = malloc((size_t)(i % 100 + 1));
  for (int i = 0; i < MANY; i++) {
    if (!block[i]) st = PNO_E_NOMEM;
    free(block[(int)((long long)i * 7919 % MANY)]);
  }
  return st;
}

Test(alloc_sweep, many_blocks_freed_in_any_order_are_no_leak) {
  alloc_count_begin();
  cr_assert_eq(many(NULL), PNO_OK);
  cr_expect_eq(alloc_count_end(), 20000);
  cr_expect_eq(alloc_sweep_live(), 0);
}
