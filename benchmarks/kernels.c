/* The inner kernels of the AVX-512 table on data in the first-level cache, beside LIBXSMM's code made at run time for the
 * same products (where the library is there), in turns, against the FMA bursts of the same milliseconds.
 *   bench_kernels [rounds=301]
 * A figure is the median over the rounds of the fraction of the burst rate next to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/order.h"
#include "engine/base/clock.h"
#include "kernels/burst.h"
#include "kernels/dispatch.h"
#include "kernels/simd/dense.h"
#include "kernels/simd/transform.h"

#ifdef PNO_XSMM
#include <libxsmm.h>
#endif

enum { MOST = 2048, FLOATS = 1 << 18, REPEATS = 8 };

/* A product c[points][columns] = a[points][depth] b[depth][columns], or the outer product a^T b over the points. */
typedef struct {
  const char *what;
  int points, columns, depth;
  bool outer;
} shape;

static const shape shapes[] = {
    {"1x1, 32 channels", 48, 32, 32, false},       {"1x1, 64 channels", 36, 64, 64, false},
    {"1x1, 20 in 32", 48, 32, 20, false},          {"1x1, 24 in 32", 48, 32, 24, false},
    {"1x1, 48 channels", 36, 48, 48, false},       {"head in, 32 to 128", 36, 128, 32, false},
    {"head back, 128 to 32", 36, 32, 128, false},  {"head in, 64 to 128", 36, 128, 64, false},
    {"weights of a 1x1, 32", 60, 32, 32, true},    {"weights of a 1x1, 64", 36, 64, 64, true},
    {"weights of the head, 32", 36, 128, 32, true}};

static float *a, *b, *c;

static void ours(const shape *s) {
  if (!s->outer) {
    simd_gemm(s->points, s->columns, s->depth, a, pno_padded(s->depth), b, s->columns, NULL, c, s->columns);
    return;
  }
  const dense_run run = {a, b, s->points};
  simd_outer(s->depth, s->columns, &run, 1, pno_padded(s->depth), s->columns, c, NULL);
}

#ifdef PNO_XSMM
static libxsmm_smmfunction jit;

/* Column-major there: the transposed product, operands exchanged. */
static bool make_jit(const shape *s) {
  const int rows = s->outer ? s->depth : s->points, depth = s->outer ? s->points : s->depth;
  const int lda = s->columns, ldb = pno_padded(s->depth), ldc = s->columns;
  const float one = 1.0f, keep = s->outer ? 1.0f : 0.0f;
  const int flags = s->outer ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
  jit = libxsmm_smmdispatch(s->columns, rows, depth, &lda, &ldb, &ldc, &one, &keep, &flags, NULL);
  return jit != NULL;
}

static void theirs(const shape *s) {
  (void)s;
  jit(b, a, c);
}
#endif

static double burst_rate(void) {
  double flops = 0;
  const double start = pno_clock();
  volatile float sink = pno_burst_run(3000, &flops);
  (void)sink;
  return flops / (pno_clock() - start);
}

/* Rate of one call beside the mean of the bursts before and behind it. */
static double fraction(void (*call)(const shape *), const shape *s, double flops) {
  const double before = burst_rate(), start = pno_clock();
  for (int i = 0; i < REPEATS; i++) call(s);
  const double rate = REPEATS * flops / (pno_clock() - start);
  return rate / (0.5 * (before + burst_rate()));
}

static double median(double *v, int n) {
  pno_sort(v, (size_t)n);
  return v[n / 2];
}

static void measure(const shape *s, int rounds) {
  static double own[MOST], other[MOST];
  const double flops = 2.0 * s->points * s->columns * s->depth;
  bool both = false;
#ifdef PNO_XSMM
  both = make_jit(s);
#endif
  for (int i = 0; i < rounds; i++) {
    own[i] = fraction(ours, s, flops);
#ifdef PNO_XSMM
    if (both) other[i] = fraction(theirs, s, flops);
#endif
  }
  printf("%-26s %4d x %3d x %3d   %5.1f %%", s->what, s->points, s->columns, s->depth, 100 * median(own, rounds));
  if (both) printf("   %5.1f %%", 100 * median(other, rounds));
  printf("\n");
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 301;
  rounds = rounds < 1 ? 1 : rounds > MOST ? MOST : rounds;
  if (!pno_kernels_find("cpu/avx512")) {
    fprintf(stderr, "bench_kernels: this processor has no AVX-512\n");
    return 1;
  }
  a = aligned_alloc(64, FLOATS * sizeof *a);
  b = aligned_alloc(64, FLOATS * sizeof *b);
  c = aligned_alloc(64, FLOATS * sizeof *c);
  if (!a || !b || !c) return 1;
  for (int i = 0; i < FLOATS; i++) {
    a[i] = 0.01f * (float)(i % 13 - 6);
    b[i] = 0.01f * (float)(i % 7 - 3);
  }
  memset(c, 0, FLOATS * sizeof *c);
#ifdef PNO_XSMM
  printf("%-26s points columns depth  templates  LIBXSMM   (of the FMA burst rate)\n", "product");
#else
  printf("%-26s points columns depth  templates   (of the FMA burst rate)\n", "product");
#endif
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure(&shapes[i], rounds);
  free(a);
  free(b);
  free(c);
  return 0;
}
