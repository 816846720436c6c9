#include "io/guard.h"

#include "io/h5.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static hid_t create(const char *path) {
  cr_assert(pno_h5_begin() == PNO_OK);
  const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert(f >= 0);
  return f;
}

static void put(hid_t where, const char *name, hid_t plist, int rank, const hsize_t *dims) {
  const hid_t space = H5Screate_simple(rank, dims, NULL);
  const hid_t d = H5Dcreate2(where, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  cr_assert(d >= 0, "%s", name);
  H5Dclose(d);
  H5Sclose(space);
}

/* The file is refused as input, with these words and with its path. */
static void refused(const char *path, uint64_t max_bytes, const char *words) {
  pno_guard_file *f = NULL;
  const pno_status st = pno_guard_open(path, max_bytes, &f);
  cr_assert(st == PNO_E_INPUT && f == NULL, "%s: status %d", words, (int)st);
  cr_assert(strstr(pno_fail_words(), words), "expected '%s' in '%s'", words, pno_fail_words());
  cr_assert(strstr(pno_fail_words(), path), "no path in '%s'", pno_fail_words());
}

static const hsize_t ten[1] = {10};

Test(guard, an_honest_file_opens_and_closes) {
  const char *path = io_temp("a.h5");
  pno_guard_file *g = NULL;
  io_put(path, "x", H5T_IEEE_F32LE, 1, ten, NULL);
  cr_assert(pno_guard_open(path, 0, &g) == PNO_OK, "%s", pno_fail_words());
  cr_assert(H5Lexists((hid_t)pno_guard_id(g), "x", H5P_DEFAULT) > 0);
  pno_guard_close(&g);
  cr_assert(g == NULL);
  pno_guard_close(&g);
  pno_guard_close(NULL);
}

Test(guard, missing_empty_and_foreign_files_are_told_apart) {
  pno_guard_file *g = NULL;
  cr_assert(pno_guard_open(io_temp("absent.h5"), 0, &g) == PNO_E_IO);
  cr_assert(strstr(pno_fail_words(), "absent.h5: cannot be opened: No such file"), "%s", pno_fail_words());
  const char *path = io_temp("a.h5");
  io_spit(path, "", 0);
  refused(path, 0, "not an HDF5 file (0 bytes)");
  io_spit(path, "x,y\n1,2\n", 8);
  refused(path, 0, "not an HDF5 file (8 bytes)");
  mkdir(io_temp("d"), 0700);
  refused(io_temp("d"), 0, "not a regular file");
  mkfifo(io_temp("fifo"), 0600);
  refused(io_temp("fifo"), 0, "not a regular file"); /* and does not wait for a writer */
}

Test(guard, a_truncated_file_is_refused_at_every_length) {
  const char *path = io_temp("a.h5"), *cut = io_temp("cut.h5");
  io_put(path, "x", H5T_IEEE_F32LE, 1, ten, NULL);
  size_t bytes = 0;
  unsigned char *all = io_slurp(path, &bytes);
  for (size_t n = 0; n < bytes; n += n < 600 ? 1 : 37) {
    pno_guard_file *g = NULL;
    io_spit(cut, all, n);
    cr_assert(pno_guard_open(cut, 0, &g) == PNO_E_INPUT, "%zu bytes of %zu", n, bytes);
  }
  free(all);
}

Test(guard, external_storage_is_refused) {
  const char *path = io_temp("a.h5");
  const hid_t f = create(path), p = H5Pcreate(H5P_DATASET_CREATE);
  cr_assert(H5Pset_external(p, "/etc/hostname", 0, 40) >= 0);
  put(f, "secret", p, 1, ten);
  H5Pclose(p);
  H5Fclose(f);
  refused(path, 0, "secret keeps its data in another file");
}

Test(guard, links_other_than_hard_ones_are_refused) {
  const char *path = io_temp("a.h5");
  hid_t f = create(path);
  H5Lcreate_external("other.h5", "/x", f, "away", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  refused(path, 0, "away is a link of kind external");
  f = create(path);
  put(f, "x", H5P_DEFAULT, 1, ten);
  H5Lcreate_soft("/x", f, "y", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  refused(path, 0, "y is a link of kind soft");
}

static void make_virtual(const char *path) {
  const hid_t f = create(path), p = H5Pcreate(H5P_DATASET_CREATE), s = H5Screate_simple(1, ten, NULL);
  cr_assert(H5Pset_virtual(p, s, "other.h5", "x", s) >= 0);
  put(f, "mirror", p, 1, ten);
  H5Sclose(s);
  H5Pclose(p);
  H5Fclose(f);
}

Test(guard, virtual_data_sets_are_refused) {
  const char *path = io_temp("a.h5");
  make_virtual(path);
  refused(path, 0, "mirror is a virtual data set");
}

Test(guard, filters_other_than_the_three_are_refused) {
  const char *path = io_temp("a.h5");
  hid_t f = create(path), p = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(p, 1, ten);
  H5Pset_shuffle(p);
  H5Pset_deflate(p, 1);
  H5Pset_fletcher32(p);
  put(f, "fine", p, 1, ten);
  H5Fclose(f);
  pno_guard_file *g = NULL;
  cr_assert(pno_guard_open(path, 0, &g) == PNO_OK, "%s", pno_fail_words());
  pno_guard_close(&g);
  f = create(path);
  H5Pset_nbit(p);
  put(f, "packed", p, 1, ten);
  H5Pclose(p);
  H5Fclose(f);
  refused(path, 0, "packed uses filter 5");
}

Test(guard, four_tebibytes_declared_by_a_small_file_are_refused) {
  const char *path = io_temp("a.h5");
  const hsize_t huge[1] = {(hsize_t)1 << 40}, chunk[1] = {1 << 16};
  const hid_t f = create(path), p = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(p, 1, chunk);
  put(f, "bomb", p, 1, huge);
  H5Pclose(p);
  H5Fclose(f);
  refused(path, 0, "bomb declares 4398046511104 bytes, with the rest more than the limit");
  refused(path, UINT64_MAX, "bomb declares 4398046511104 bytes, more than 1000 times");
}

Test(guard, sizes_are_summed_over_all_data_sets_and_may_not_overflow) {
  const char *path = io_temp("a.h5");
  const hsize_t half[1] = {250}, all[2] = {(hsize_t)1 << 40, (hsize_t)1 << 40}, chunk[2] = {1, 1 << 10};
  hid_t f = create(path), p = H5Pcreate(H5P_DATASET_CREATE);
  put(f, "one", H5P_DEFAULT, 1, half);
  put(f, "two", H5P_DEFAULT, 1, half);
  H5Fclose(f);
  refused(path, 1999, "declares 1000 bytes");
  cr_assert(strstr(pno_fail_hint(), "security.max_bytes"));
  pno_guard_file *g = NULL;
  cr_assert(pno_guard_open(path, 2000, &g) == PNO_OK);
  pno_guard_close(&g);
  f = create(path);
  H5Pset_chunk(p, 2, chunk);
  put(f, "bomb", p, 2, all);
  H5Pclose(p);
  H5Fclose(f);
  refused(path, UINT64_MAX, "bomb");
}

Test(guard, nine_axes_are_refused) {
  const char *path = io_temp("a.h5");
  const hsize_t ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const hid_t f = create(path);
  put(f, "eight", H5P_DEFAULT, 8, ones);
  put(f, "nine", H5P_DEFAULT, 9, ones);
  H5Fclose(f);
  refused(path, 0, "nine has 9 axes, at most 8");
}

Test(guard, deep_groups_and_loops_of_hard_links_are_refused) {
  const char *path = io_temp("a.h5");
  hid_t f = create(path), at = f;
  hid_t group[9];
  for (int i = 0; i < 9; i++) at = group[i] = H5Gcreate2(at, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  for (int i = 0; i < 9; i++) H5Gclose(group[i]);
  H5Fclose(f);
  refused(path, 0, "deeper than 8");
  f = create(path);
  H5Lcreate_hard(f, "/", f, "loop", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(f, "/", f, "again", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  refused(path, 0, "deeper than 8");
}

Test(guard, more_objects_than_allowed_are_refused) {
  const char *path = io_temp("a.h5");
  const hid_t f = create(path), t = H5Tcopy(H5T_NATIVE_INT);
  char name[32];
  H5Tcommit2(f, "t", t, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  for (int i = 0; i < PNO_GUARD_OBJECTS; i++) {
    snprintf(name, sizeof name, "%d", i);
    H5Lcreate_hard(f, "t", f, name, H5P_DEFAULT, H5P_DEFAULT);
  }
  H5Tclose(t);
  H5Fclose(f);
  refused(path, 0, "more than 100000 objects");
}

Test(guard, a_file_that_may_not_be_read_is_an_io_error) {
  pno_guard_file *g = NULL;
  cr_assert(pno_guard_open("", 0, &g) == PNO_E_IO && g == NULL);
}

/* Damage anywhere gives a status: an error or an open file, but no crash and no endless walk. */
Test(guard, flipped_bits_never_crash_the_walk, .timeout = 60) {
  const char *path = io_temp("a.h5"), *bad = io_temp("bad.h5");
  const hsize_t dims[3] = {3, 5, 7};
  io_put_xy(path, 3, dims, 3, dims);
  size_t bytes = 0;
  unsigned char *all = io_slurp(path, &bytes);
  for (size_t i = 0; i < bytes && i < 4000; i += 3) {
    pno_guard_file *g = NULL;
    all[i] ^= (unsigned char)(1u << (i % 8));
    io_spit(bad, all, bytes);
    all[i] ^= (unsigned char)(1u << (i % 8));
    (void)pno_guard_open(bad, 0, &g);
    pno_guard_close(&g);
  }
  free(all);
}
