#include "benchmarks/lib/npy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/pno-npy-XXXXXX", path[64];

static void enter(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a.npy", folder);
}

static void leave(void) {
  unlink(path);
  rmdir(folder);
}

TestSuite(npy, .init = enter, .fini = leave, .timeout = 60);

/* The rules of the format (numpy.lib.format): magic, version, a little-endian length, a literal that ends a line, all
 * of it a multiple of 64 bytes, and the numbers row by row behind it. */
Test(npy, what_is_written_obeys_the_format) {
  static const char *const shapes[] = {"'shape': (5, )", "'shape': (2, 3, )", "'shape': (2, 1, 4, )"};
  const int n[3][3] = {{5}, {2, 3}, {2, 1, 4}};
  const double values[8] = {0, -1, 1e300, 3, .1, 5, 6, 7};
  for (int dims = 1; dims <= 3; dims++) {
    unsigned char bytes[512];
    size_t count = 1;
    for (int d = 0; d < dims; d++) count *= (size_t)n[dims - 1][d];
    cr_assert_eq(pno_npy_write(path, dims, n[dims - 1], values), PNO_OK, "%s", pno_fail_words());
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f);
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    cr_assert_eq(memcmp(bytes, "\x93NUMPY\x01\x00", 8), 0);
    const size_t header = 10 + bytes[8] + 256 * (size_t)bytes[9];
    cr_assert_eq(header % 64, 0);
    cr_assert_eq(size, header + count * sizeof(double));
    cr_assert_eq(bytes[header - 1], '\n');
    bytes[header - 1] = '\0';
    const char *text = (const char *)bytes + 10;
    cr_assert(strstr(text, "'descr': '<f8'") && strstr(text, "'fortran_order': False"), "%s", text);
    cr_assert(strstr(text, shapes[dims - 1]), "%s", text);
    cr_assert_eq(memcmp(bytes + header, values, count * sizeof(double)), 0);
  }
}

Test(npy, a_file_that_cannot_be_made_is_an_error_with_its_path) {
  const int n[1] = {1};
  const double value = 1;
  cr_assert_eq(pno_npy_write("/nowhere/a.npy", 1, n, &value), PNO_E_IO);
  cr_assert(strstr(pno_fail_words(), "/nowhere/a.npy"), "%s", pno_fail_words());
}
