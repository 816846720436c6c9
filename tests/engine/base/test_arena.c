#include "engine/base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static pno_arena created(size_t cap) {
  pno_arena a = {0};
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, cap, &a), PNO_OK);
  return a;
}

Test(arena, a_size_that_overflows_is_refused) {
  pno_arena a = created(1024);
  void *p = &a;
  cr_assert_eq(pno_arena_push(&a, SIZE_MAX / 2, 3, &p), PNO_E_NOMEM);
  cr_assert_eq(pno_arena_push(&a, SIZE_MAX, 1, &p), PNO_E_NOMEM);
  cr_assert_eq(p, (void *)&a, "untouched");
  cr_assert_eq(a.used, 0);
  pno_arena_destroy(&a);
}

Test(arena, a_capacity_that_overflows_is_refused) {
  pno_arena a = {.name = "kept"};
  cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, SIZE_MAX, &a), PNO_E_NOMEM);
  cr_assert_str_eq(a.name, "kept");
}

Test(arena, pushes_are_aligned_zeroed_and_do_not_overlap) {
  pno_arena a = created(4096);
  unsigned char *end = NULL;
  for (size_t n = 1; n <= 130; n += 43) {
    unsigned char *p = NULL;
    cr_assert_eq(PNO_PUSH(&a, n, &p), PNO_OK);
    cr_assert_eq((uintptr_t)p % PNO_ALIGN, 0);
    cr_assert(!end || p >= end);
    for (size_t i = 0; i < n; i++) cr_assert_eq(p[i], 0);
    memset(p, 0xff, n);
    end = p + n;
  }
  pno_arena_destroy(&a);
}

static pno_status push_a_few(pno_arena *a) {
  float *x;
  double *y;
  const size_t mark = pno_arena_mark(a);
  PNO_TRY(PNO_PUSH(a, 1000, &x));
  pno_arena_release(a, mark);
  PNO_TRY(PNO_PUSH(a, 17, &x));
  PNO_TRY(PNO_PUSH(a, 0, &y));
  return PNO_PUSH(a, 3, &y);
}

Test(arena, what_the_measuring_pass_counts_is_exactly_enough) {
  pno_arena measure = pno_arena_measure("measure", PNO_SPACE_HOST);
  cr_assert_eq(push_a_few(&measure), PNO_OK);
  pno_arena enough = created(measure.peak), short_by_one = created(measure.peak - PNO_ALIGN);
  cr_assert_eq(push_a_few(&enough), PNO_OK);
  cr_assert_eq(enough.used, measure.used);
  cr_assert_eq(enough.peak, measure.peak);
  cr_assert_eq(push_a_few(&short_by_one), PNO_E_NOMEM);
  pno_arena_destroy(&enough);
  pno_arena_destroy(&short_by_one);
}

Test(arena, a_release_gives_the_same_bytes_again) {
  pno_arena a = created(256);
  char *first, *second;
  const size_t mark = pno_arena_mark(&a);
  cr_assert_eq(PNO_PUSH(&a, 256, &first), PNO_OK);
  cr_assert_eq(PNO_PUSH(&a, 1, &second), PNO_E_NOMEM);
  pno_arena_release(&a, mark);
  cr_assert_eq(PNO_PUSH(&a, 256, &second), PNO_OK);
  cr_assert_eq(first, second);
  pno_arena_destroy(&a);
  pno_arena_destroy(&a);
  pno_arena_destroy(NULL);
  cr_assert_null(a.base);
}
