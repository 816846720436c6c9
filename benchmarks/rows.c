/* Where FFTW wins over the tables of modes: a forward layer on one row both ways, in microseconds, on one core.
 *   bench_rows [--device NAME]
 * Backward has the same transforms. A figure is the least of up to 25 calls of the same milliseconds. */
#include <stdio.h>
#include <string.h>

#include "engine/model/row_fft.h"
#include "kernels/dispatch.h"

static const int lengths[] = {256, 512, 1000, 1024, 2048, 4096, 8192}, widths[] = {16, 32, 64};
static const int parts[] = {16, 8, 6, 4, 3, 2}; /* k = n / part */
enum {
  LENGTHS = sizeof lengths / sizeof *lengths,
  WIDTHS = sizeof widths / sizeof *widths,
  PARTS = sizeof parts / sizeof *parts
};

int main(int argc, char **argv) {
  const pno_kernels *kernels = pno_kernels_find(argc == 3 && strcmp(argv[1], "--device") == 0 ? argv[2] : "auto");
  const pno_grid probe = {.len = 1};
  if (!kernels || kernels->fft_floats(&probe, 1) == 0) {
    fprintf(stderr, "bench_rows: no such table here, or none with an FFT\n");
    return 1;
  }
  printf("%s beside %s: tables / FFTW, us a row, and how many times faster FFTW is\n", kernels->name,
         pno_row_fft_library());
  printf("    n     k %18d channels %18d channels %18d channels\n", widths[0], widths[1], widths[2]);
  for (int i = 0; i < LENGTHS; i++) {
    pno_row_fft *fft = NULL;
    if (pno_row_fft_create(lengths[i], false, &fft) != PNO_OK) return fprintf(stderr, "%s\n", pno_fail_words()), 1;
    for (int j = 0; j < PARTS; j++) {
      pno_row_shape s = {.n = lengths[i], .k = lengths[i] / parts[j] + (parts[j] == 2)};
      printf("%5d %5d", s.n, s.k);
      for (int w = 0; w < WIDTHS; w++) {
        pno_row_times t = {0};
        s.channels = widths[w];
        if (pno_row_fft_measure(kernels, &s, fft, &t) != PNO_OK) return fprintf(stderr, "%s\n", pno_fail_words()), 1;
        printf("   %9.1f /%8.1f %5.2f", 1e6 * t.tables, 1e6 * t.fft, t.tables / t.fft);
      }
      printf("\n");
      fflush(stdout);
    }
    pno_row_fft_destroy(&fft);
  }
  return 0;
}
