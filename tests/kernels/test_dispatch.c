#include "kernels/dispatch.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

Test(dispatch, auto_and_cpu_are_the_first_table_that_runs_here) {
  int n, first = 0;
  const pno_kernels *const *t = pno_kernels_all(&n);
  while (first < n && !pno_kernels_run(t[first])) first++;
  cr_assert_lt(first, n);
  cr_assert_eq(pno_kernels_find("auto"), t[first]);
  cr_assert_eq(pno_kernels_find("cpu"), t[first]);
}

Test(dispatch, each_table_is_found_by_its_name_where_it_runs_and_only_there) {
  int n;
  const pno_kernels *const *t = pno_kernels_all(&n);
  for (int i = 0; i < n; i++) cr_assert_eq(pno_kernels_find(t[i]->name), pno_kernels_run(t[i]) ? t[i] : NULL);
}

Test(dispatch, names_are_those_of_the_device_option_fastest_first) {
  static const char *const names[] = {"cpu/avx512", "cpu/avx2", "cpu/scalar"};
  int n;
  const pno_kernels *const *t = pno_kernels_all(&n);
  cr_assert_eq(n, (int)(sizeof names / sizeof *names));
  for (int i = 0; i < n; i++) cr_assert_str_eq(t[i]->name, names[i]);
}

Test(dispatch, an_unknown_name_is_no_table) {
  static const char *const none[] = {"", "gpu", "cpu/", "cpu/avx", "cpu/avx5120", "scalar", "CPU", "auto "};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) cr_assert_null(pno_kernels_find(none[i]), "'%s'", none[i]);
}

Test(dispatch, the_scalar_table_runs_everywhere) {
  cr_assert(pno_kernels_run(pno_kernels_scalar()));
  cr_assert_eq(pno_kernels_find("cpu/scalar"), pno_kernels_scalar());
}

Test(dispatch, a_table_that_is_none_of_ours_does_not_run) {
  const pno_kernels stranger = *pno_kernels_scalar();
  cr_assert_not(pno_kernels_run(&stranger));
}

/* kernels.h: no slot may be NULL. The slots behind the name are pointers to functions all. */
Test(dispatch, no_table_has_an_empty_slot) {
  int n;
  const pno_kernels *const *t = pno_kernels_all(&n);
  for (int i = 0; i < n; i++) {
    void *slot[sizeof(pno_kernels) / sizeof(void *)];
    memcpy(slot, t[i], sizeof *t[i]);
    for (size_t k = 0; k < sizeof slot / sizeof *slot; k++) cr_assert_not_null(slot[k], "%s, slot %zu", t[i]->name, k);
  }
}

Test(dispatch, denormal_numbers_are_zero_until_the_state_is_restored) {
  volatile float tiny = FLT_MIN, half = 0.5f;
  const unsigned state = pno_denormals_flush();
  const float flushed = tiny * half;
  pno_denormals_restore(state);
  cr_assert_eq(fpclassify(flushed), FP_ZERO);
  cr_assert_eq(fpclassify(tiny * half), FP_SUBNORMAL);
}
