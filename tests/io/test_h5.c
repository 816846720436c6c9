#include "io/h5.h"

#include "io_files.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static hid_t fresh(void) {
  cr_assert(pno_h5_begin() == PNO_OK);
  const hid_t f = H5Fcreate(io_temp("h5.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert(f >= 0);
  return f;
}

Test(h5, attributes_come_back_as_they_were_put) {
  hid_t f = fresh();
  static const char *const names[] = {"a", "permeability", ""};
  const bool flags[3] = {true, false, true};
  char text[16], list[4][16];
  int n = 0;
  int64_t i = 0;
  cr_assert(pno_h5_put_text(f, "t", "gr\xc3\xbc\xc3\x9f") == PNO_OK);
  cr_assert(pno_h5_put_text(f, "empty", "") == PNO_OK);
  cr_assert(pno_h5_put_names(f, "names", 3, names) == PNO_OK);
  cr_assert(pno_h5_put_i64(f, "i", -7) == PNO_OK);
  cr_assert(pno_h5_put_u64(f, "u", UINT64_MAX) == PNO_OK);
  cr_assert(pno_h5_put_f64(f, "d", 0.5) == PNO_OK);
  cr_assert(pno_h5_put_bools(f, "b", 3, flags) == PNO_OK);
  cr_assert(pno_h5_put_wordlist(f, "none", 0, names) == PNO_OK);
  cr_assert(pno_h5_get_text(f, "t", text, sizeof text) == PNO_OK && strcmp(text, "gr\xc3\xbc\xc3\x9f") == 0);
  cr_assert(pno_h5_get_text(f, "empty", text, sizeof text) == PNO_OK && text[0] == '\0');
  cr_assert(pno_h5_get_names(f, "names", list[0], 16, 4, &n) == PNO_OK);
  cr_assert(n == 3 && strcmp(list[0], "a") == 0 && strcmp(list[1], names[1]) == 0 && list[2][0] == '\0');
  cr_assert(pno_h5_get_i64(f, "i", &i) == PNO_OK && i == -7);
  cr_assert(pno_h5_has_attr(f, "d") && !pno_h5_has_attr(f, "e"));
  pno_h5_close(&f);
  cr_assert(f == -1);
  pno_h5_close(&f);
}

Test(h5, attributes_of_another_kind_are_refused) {
  hid_t f = fresh();
  static const char *const names[] = {"one", "two"};
  char text[4] = "old";
  int n = -1;
  int64_t i = 5;
  cr_assert(pno_h5_put_words(f, "vlen", "variable") == PNO_OK);
  cr_assert(pno_h5_put_names(f, "two", 2, names) == PNO_OK);
  cr_assert(pno_h5_put_text(f, "long", "four") == PNO_OK);
  cr_assert(pno_h5_put_f64(f, "d", 0.5) == PNO_OK);
  cr_assert(pno_h5_get_text(f, "absent", text, sizeof text) == PNO_E_INPUT);
  cr_assert(pno_h5_get_text(f, "vlen", text, sizeof text) == PNO_E_INPUT);
  cr_assert(pno_h5_get_text(f, "two", text, sizeof text) == PNO_E_INPUT);
  cr_assert(pno_h5_get_text(f, "long", text, sizeof text) == PNO_E_INPUT);
  cr_assert(pno_h5_get_text(f, "d", text, sizeof text) == PNO_E_INPUT);
  cr_assert(pno_h5_get_names(f, "two", text, sizeof text, 1, &n) == PNO_E_INPUT);
  cr_assert(pno_h5_get_i64(f, "d", &i) == PNO_E_INPUT);
  cr_assert(pno_h5_get_i64(f, "absent", &i) == PNO_E_INPUT);
  cr_assert(strcmp(text, "old") == 0 && n == -1 && i == 5);
  pno_h5_close(&f);
}

Test(h5, failures_carry_the_words_of_hdf5_and_print_nothing) {
  cr_assert(pno_h5_begin() == PNO_OK);
  H5Fopen(io_temp("absent.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_assert(pno_h5_fail(PNO_E_IO, "ours %d", 7) == PNO_E_IO);
  cr_assert(strncmp(pno_fail_words(), "ours 7 (HDF5: ", 14) == 0, "%s", pno_fail_words());
  cr_assert(pno_h5_fail(PNO_E_IO, "alone") == PNO_E_IO);
  cr_assert(strcmp(pno_fail_words(), "alone") == 0, "%s", pno_fail_words());
}

Test(h5, plugins_are_never_loaded) {
  unsigned state = 9;
  cr_assert(pno_h5_begin() == PNO_OK);
  cr_assert(H5PLget_loading_state(&state) >= 0 && state == 0);
}

Test(h5, data_and_groups_are_put_and_a_second_of_a_name_is_refused) {
  hid_t f = fresh(), g = -1, d = -1;
  const hsize_t dims[2] = {2, 3};
  const double v[6] = {0, 1, 2, 3, 4, 5};
  cr_assert(pno_h5_group(f, "g", &g) == PNO_OK);
  cr_assert(pno_h5_put_data(g, "d", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, dims, v, &d) == PNO_OK);
  cr_assert(pno_h5_put_data(g, "s", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 0, dims, v, NULL) == PNO_OK);
  cr_assert(pno_h5_put_data(g, "d", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 2, dims, v, NULL) == PNO_E_IO);
  cr_assert(pno_h5_has_link(g, "d") && !pno_h5_has_link(g, "e"));
  hsize_t back[H5S_MAX_RANK];
  int rank = 0;
  cr_assert(pno_h5_extent(d, &rank, back) == PNO_OK && rank == 2 && back[1] == 3);
  pno_h5_close(&d);
  hid_t again = -1;
  cr_assert(pno_h5_group(f, "g", &again) == PNO_E_IO && again == -1);
  pno_h5_close(&g);
  pno_h5_close(&f);
}
