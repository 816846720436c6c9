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

Test(arena, large_storage_is_aligned_to_large_pages_zeroed_and_as_long_as_asked) {
  const size_t caps[] = {PNO_ARENA_HUGE - PNO_ALIGN, PNO_ARENA_HUGE, PNO_ARENA_HUGE + 1, 3 * (size_t)PNO_ARENA_HUGE - 7};
  for (int i = 0; i < 4; i++) {
    pno_arena a = created(caps[i]);
    unsigned char *p = NULL, *q = NULL;
    cr_assert(a.cap >= caps[i] && a.cap < caps[i] + PNO_ALIGN);
    cr_assert_eq(a.mapped > 0, caps[i] >= PNO_ARENA_HUGE);
    if (a.mapped) cr_assert_eq((uintptr_t)a.base % PNO_PAGE_HUGE, 0);
    cr_assert_eq(PNO_PUSH(&a, caps[i], &p), PNO_OK);
    cr_assert_eq(PNO_PUSH(&a, PNO_ALIGN, &q), PNO_E_NOMEM);
    for (size_t at = 0; at < caps[i]; at += 511) cr_assert_eq(p[at], 0);
    p[0] = p[caps[i] - 1] = 1;
    pno_arena_destroy(&a);
    pno_arena_destroy(&a);
  }
}

Test(arena, more_than_there_is_is_refused_and_leaves_the_outcome_alone) {
  pno_arena a = {.name = "kept"};
  for (size_t cap = SIZE_MAX / 2; cap < SIZE_MAX - 2 * PNO_ALIGN; cap += (SIZE_MAX - cap) / 2)
    cr_assert_eq(pno_arena_create("test", PNO_SPACE_HOST, cap, &a), PNO_E_NOMEM, "%zu", cap);
  cr_assert_str_eq(a.name, "kept");
}

Test(arena, bytes_are_counted_by_purpose_and_add_up) {
  pno_arena measure = pno_arena_measure("measure", PNO_SPACE_HOST), real = created(1024);
  pno_arena *const both[] = {&measure, &real};
  for (int i = 0; i < 2; i++) {
    pno_arena *a = both[i];
    char *p, second[] = "weights"; /* the same words at another place are the same purpose */
    cr_assert_eq(PNO_PUSH(a, 1, &p), PNO_OK);
    pno_arena_purpose(a, "weights");
    cr_assert_eq(PNO_PUSH(a, 65, &p), PNO_OK);
    pno_arena_purpose(a, "spectra");
    cr_assert_eq(PNO_PUSH(a, 1, &p), PNO_OK);
    pno_arena_purpose(a, second);
    cr_assert_eq(PNO_PUSH(a, 64, &p), PNO_OK);
    cr_assert_eq(PNO_PUSH(a, SIZE_MAX / 2, &p), i == 0 ? PNO_OK : PNO_E_NOMEM);
    cr_assert_eq(a->purposes, 2);
    cr_assert_eq(a->purpose[0].bytes, 64);
    cr_assert_str_eq(a->purpose[1].name, "weights");
    if (i == 1) cr_assert_eq(a->purpose[1].bytes, 192, "what is refused is not counted");
    cr_assert_eq(a->purpose[2].bytes, 64);
    cr_assert_eq(a->purpose[0].bytes + a->purpose[1].bytes + a->purpose[2].bytes, a->used);
  }
  pno_arena_destroy(&real);
}

Test(arena, purposes_beyond_the_table_are_counted_together) {
  static const char names[][4] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"};
  pno_arena a = pno_arena_measure("measure", PNO_SPACE_HOST);
  for (int i = 0; i < 17; i++) {
    char *p;
    pno_arena_purpose(&a, names[i]);
    cr_assert_eq(PNO_PUSH(&a, 1, &p), PNO_OK);
  }
  cr_assert_eq(a.purposes, PNO_PURPOSES - 1);
  cr_assert_eq(a.purpose[0].bytes, 2 * PNO_ALIGN);
  cr_assert_eq(a.purpose[PNO_PURPOSES - 1].bytes, PNO_ALIGN);
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
