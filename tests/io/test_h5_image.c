#include "io/h5_image.h"

#include "io_files.h"

#include <criterion/criterion.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hid_t small_file(void) {
  hid_t file = -1, group = -1;
  const hsize_t dims[1] = {4};
  const double v[4] = {1, 2, 3, 4};
  cr_assert(pno_h5_image_create(&file) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_h5_group_path(file, "a/b/c", &group) == PNO_OK);
  cr_assert(pno_h5_put_data(group, "v", H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, 1, dims, v, NULL) == PNO_OK);
  pno_h5_close(&group);
  return file;
}

static void expect_values(hid_t file) {
  double v[4] = {0};
  cr_assert(H5LTread_dataset(file, "a/b/c/v", H5T_NATIVE_DOUBLE, v) >= 0);
  for (int i = 0; i < 4; i++) cr_assert(v[i] == i + 1);
}

Test(h5_image, the_image_is_a_file_that_opens_in_memory_and_on_disk) {
  void *bytes = NULL;
  size_t n = 0;
  const char *path = io_temp("image.h5");
  hid_t file = small_file(), back = -1;
  cr_assert(pno_h5_image_take(file, &bytes, &n) == PNO_OK, "%s", pno_fail_words());
  pno_h5_close(&file);
  cr_assert(pno_h5_image_open(bytes, n, &back) == PNO_OK, "%s", pno_fail_words());
  expect_values(back);
  pno_h5_close(&back);
  io_spit(path, bytes, n);
  back = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  cr_assert(back >= 0);
  expect_values(back);
  pno_h5_close(&back);
  free(bytes);
}

Test(h5_image, equal_content_gives_equal_bytes) {
  void *bytes[2];
  size_t n[2];
  for (int i = 0; i < 2; i++) {
    hid_t file = small_file();
    cr_assert(pno_h5_image_take(file, &bytes[i], &n[i]) == PNO_OK);
    pno_h5_close(&file);
  }
  cr_expect(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  free(bytes[0]);
  free(bytes[1]);
}

Test(h5_image, an_image_can_be_taken_while_the_file_grows_and_several_are_open_at_once) {
  void *early = NULL;
  size_t n = 0;
  hid_t file = small_file(), group = -1, one = -1, two = -1;
  cr_assert(pno_h5_image_take(file, &early, &n) == PNO_OK);
  cr_assert(pno_h5_group_path(file, "a/d", &group) == PNO_OK);
  pno_h5_close(&group);
  cr_assert(pno_h5_image_open(early, n, &one) == PNO_OK);
  cr_assert(pno_h5_image_open(early, n, &two) == PNO_OK);
  memset(early, 0, n); /* the open ones hold copies */
  free(early);
  expect_values(one);
  expect_values(two);
  expect_values(file);
  cr_expect(H5Lexists(one, "a/d", H5P_DEFAULT) == 0);
  cr_expect(H5Lexists(file, "a/d", H5P_DEFAULT) > 0);
  pno_h5_close(&one);
  pno_h5_close(&two);
  pno_h5_close(&file);
}

Test(h5_image, nothing_reaches_the_disk) {
  const char *folder = io_temp(".");
  cr_assert(chdir(folder) == 0);
  hid_t file = small_file();
  pno_h5_close(&file);
  cr_expect(access("pno-image-0", F_OK) != 0 && access("pno-image-1", F_OK) != 0);
}

Test(h5_image, bytes_that_are_no_hdf5_are_refused_with_hdf5s_words) {
  static const char text[2048] = "not an HDF5 file";
  hid_t file = -1;
  cr_expect_eq(pno_h5_image_open(text, sizeof text, &file), PNO_E_INPUT);
  cr_expect_eq(file, -1);
  cr_expect_not_null(strstr(pno_fail_words(), "HDF5: "), "%s", pno_fail_words());
}

Test(h5_image, a_path_of_groups_is_made_once_and_a_data_set_in_the_way_is_refused) {
  hid_t file = small_file(), one = -1, two = -1, root = -1;
  cr_assert(pno_h5_group_path(file, "a/b/c", &one) == PNO_OK);
  cr_expect(pno_h5_has_link(one, "v"));
  cr_expect_eq(pno_h5_group_path(file, "a/b/c/v/d", &two), PNO_E_IO);
  cr_assert(pno_h5_group_path(file, "", &root) == PNO_OK);
  cr_expect(pno_h5_has_link(root, "a"));
  pno_h5_close(&one);
  pno_h5_close(&root);
  pno_h5_close(&file);
}

Test(h5_image, the_complex_type_is_two_floats_called_r_and_i) {
  hid_t type = -1;
  cr_assert(pno_h5_begin() == PNO_OK && pno_h5_complex_type(&type) == PNO_OK);
  cr_expect_eq(H5Tget_size(type), 8);
  cr_expect_eq(H5Tget_nmembers(type), 2);
  cr_expect(H5Tget_member_index(type, "r") == 0 && H5Tget_member_offset(type, 1) == 4);
  pno_h5_close(&type);
}
