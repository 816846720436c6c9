#include "io_files.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *f) {
  (void)s;
  (void)kind;
  (void)f;
  return remove(path);
}

static void remove_folder(void) { nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

const char *io_temp(const char *name) {
  static char paths[4][512];
  static int next;
  if (!folder[0]) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/pno-io-XXXXXX", base && base[0] ? base : "/tmp");
    cr_assert(mkdtemp(folder) != NULL);
    atexit(remove_folder);
  }
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void io_put(const char *path, const char *name, hid_t file_type, int rank, const hsize_t *dims, const double *values) {
  size_t n = 1;
  for (int i = 0; i < rank; i++) n *= (size_t)dims[i];
  double *v = malloc((n + 1) * sizeof *v);
  for (size_t i = 0; i < n; i++) v[i] = values ? values[i] : (double)i;
  const hid_t file = access(path, F_OK) == 0 ? H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT)
                                             : H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(rank, dims, NULL);
  const hid_t dset = H5Dcreate2(file, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  cr_assert(dset >= 0);
  cr_assert(H5Dwrite(dset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0);
  H5Dclose(dset);
  H5Sclose(space);
  H5Fclose(file);
  free(v);
}

void io_put_xy(const char *path, int rank_x, const hsize_t *x, int rank_y, const hsize_t *y) {
  size_t n = 1;
  for (int i = 0; i < rank_y; i++) n *= (size_t)y[i];
  double *v = malloc((n + 1) * sizeof *v);
  for (size_t i = 0; i < n; i++) v[i] = -(double)i;
  io_put(path, "x", H5T_IEEE_F32LE, rank_x, x, NULL);
  io_put(path, "y", H5T_IEEE_F32LE, rank_y, y, v);
  free(v);
}

unsigned char *io_slurp(const char *path, size_t *bytes) {
  FILE *f = fopen(path, "rb");
  cr_assert(f != NULL);
  fseek(f, 0, SEEK_END);
  *bytes = (size_t)ftell(f);
  rewind(f);
  unsigned char *b = malloc(*bytes + 1);
  cr_assert(fread(b, 1, *bytes, f) == *bytes);
  fclose(f);
  return b;
}

void io_spit(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  cr_assert(f != NULL);
  cr_assert(fwrite(bytes, 1, n, f) == n);
  fclose(f);
}
