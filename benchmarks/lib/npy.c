#include "benchmarks/lib/npy.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PREFIX = 10, HEADER = 128 }; /* the format asks for a multiple of 64, filled with blanks, a line end last */

static void make_header(int dims, const int *n, char out[HEADER]) {
  char text[HEADER - PREFIX + 1], shape[48] = "";
  size_t used = 0;
  for (int d = 0; d < dims; d++) used += (size_t)snprintf(shape + used, sizeof shape - used, "%d, ", n[d]);
  snprintf(text, sizeof text, "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }", shape);
  memset(out, ' ', HEADER);
  memcpy(out, "\x93NUMPY\x01\x00", 8);
  out[8] = HEADER - PREFIX;
  out[9] = 0;
  memcpy(out + PREFIX, text, strlen(text));
  out[HEADER - 1] = '\n';
}

static pno_status failed(const char *path, const char *what) {
  return pno_fail(PNO_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

pno_status pno_npy_write(const char *path, int dims, const int *n, const double *values) {
  char header[HEADER];
  size_t count = 1;
  for (int d = 0; d < dims; d++) count *= (size_t)n[d];
  make_header(dims, n, header);
  FILE *f = fopen(path, "wb");
  if (!f) return failed(path, "cannot be made");
  const bool written = fwrite(header, 1, HEADER, f) == HEADER && fwrite(values, sizeof *values, count, f) == count;
  if (fclose(f) == 0 && written) return PNO_OK;
  const pno_status st = failed(path, "cannot be written");
  unlink(path);
  return st;
}
