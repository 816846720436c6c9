/* Times the gradient reduction beside MPI_Allreduce, in turns: mpirun -n 2 bench_collectives [REPEATS]
 *
 * A turn: the gradient is written, as a step does, a barrier, then one of them, from the call to the sum in the hands of
 * this rank ("reduce"), or until this rank has also read it once ("and read"); the slowest rank counts. Calls MPI, as
 * else only engine/sync and launch/main.c do: what is compared is MPI itself. */
#include <math.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/order.h"
#include "engine/base/clock.h"
#include "engine/sync/reduce.h"

enum { SIZES = 4, MOST = 1000 };
static const int megabytes[SIZES] = {1, 4, 16, 64};

typedef struct {
  pno_comm *comm;
  pno_reduce *reduce;
  ptrdiff_t floats;
  float *local, *sum; /* of MPI_Allreduce */
  double ours[MOST], theirs[MOST];
  bool reads;
} contest;

static void fill(float *x, ptrdiff_t n, int rank, int turn) {
  for (ptrdiff_t i = 0; i < n; i++) x[i] = (float)(i % 1021) * 0.001f + (float)(rank + turn % 7);
}

/* What an optimiser does first. */
static void read_all(const float *x, ptrdiff_t n) {
  enum { LANES = 16 };
  static volatile float sink;
  float acc[LANES] = {0};
  for (ptrdiff_t i = 0; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) acc[j] += x[i + j];
  sink = acc[0];
  (void)sink;
}

static double slowest(double seconds) {
  double most = 0;
  MPI_Allreduce(&seconds, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return most;
}

static pno_status ours(contest *c, int turn, const float **sum, double *seconds) {
  const float *const *sums = NULL;
  const pno_vote *votes = NULL;
  float *local = pno_reduce_local(c->reduce, 0);
  fill(local, c->floats, pno_comm_rank(c->comm), turn);
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = pno_clock();
  PNO_TRY(pno_reduce_begin(c->reduce, 0, local));
  PNO_TRY(pno_reduce_finish(c->reduce, 60.0, &sums, &votes));
  if (c->reads) read_all(sums[0], c->floats);
  *seconds = slowest(pno_clock() - start);
  *sum = sums[0];
  return PNO_OK;
}

static void theirs(contest *c, int turn, double *seconds) {
  fill(c->local, c->floats, pno_comm_rank(c->comm), turn);
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = pno_clock();
  MPI_Allreduce(c->local, c->sum, (int)c->floats, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
  if (c->reads) read_all(c->sum, c->floats);
  *seconds = slowest(pno_clock() - start);
}

/* The same sums, but for their order, which may differ where there are more than two ranks. */
static pno_status compare(const contest *c, const float *sum) {
  for (ptrdiff_t i = 0; i < c->floats; i++)
    if (fabsf(sum[i] - c->sum[i]) > 1e-5f * fabsf(c->sum[i]))
      return pno_fail(PNO_E_INTERNAL, "float %td: %g and %g", i, (double)sum[i], (double)c->sum[i]);
  return PNO_OK;
}

static pno_status compete(contest *c, int repeats) {
  enum { WARM_UP = 3 };
  for (int i = 0; i < WARM_UP + repeats; i++) {
    double a = 0, b = 0;
    const float *sum = NULL;
    theirs(c, i, &b);
    PNO_TRY(ours(c, i, &sum, &a));
    if (i < WARM_UP) {
      PNO_TRY(pno_agree(c->comm, compare(c, sum)));
    } else {
      c->ours[i - WARM_UP] = a;
      c->theirs[i - WARM_UP] = b;
    }
  }
  pno_sort(c->ours, (size_t)repeats);
  pno_sort(c->theirs, (size_t)repeats);
  return PNO_OK;
}

static pno_status run_size(contest *c, int mb, int repeats) {
  c->floats = ((ptrdiff_t)mb << 20) / (ptrdiff_t)sizeof(float);
  c->local = malloc(sizeof(float) * (size_t)c->floats);
  c->sum = malloc(sizeof(float) * (size_t)c->floats);
  pno_status st = c->local && c->sum ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d MB", mb);
  st = pno_agree(c->comm, st);
  if (st == PNO_OK) st = pno_reduce_create(c->comm, &c->floats, 1, &c->reduce);
  for (int reads = 0; st == PNO_OK && reads < 2; reads++) {
    c->reads = reads;
    st = compete(c, repeats);
    if (st != PNO_OK || pno_comm_rank(c->comm) != 0) continue;
    const double a = 1e3 * c->ours[repeats / 2], b = 1e3 * c->theirs[repeats / 2];
    printf("| %2d | %-8s | %8.3f | %8.3f | %8.3f | %8.3f | %5.1f |\n", mb, reads ? "and read" : "reduce", a,
           1e3 * c->ours[0], b, 1e3 * c->theirs[0], b / a);
    fflush(stdout);
  }
  pno_reduce_destroy(&c->reduce);
  free(c->local);
  free(c->sum);
  return st;
}

int main(int argc, char **argv) {
  static contest c;
  const long asked = argc > 1 ? strtol(argv[1], NULL, 10) : 21;
  const int repeats = asked < 1 ? 1 : asked > MOST ? MOST : (int)asked;
  int provided;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  pno_status st = pno_comm_world(60.0, &c.comm);
  if (st == PNO_OK && pno_comm_rank(c.comm) == 0)
    printf("%d ranks, medians of %d\n| MB | what | pno ms | fastest | MPI_Allreduce ms | fastest | ratio |\n"
           "|---|---|---|---|---|---|---|\n",
           pno_comm_size(c.comm), repeats);
  for (int i = 0; st == PNO_OK && i < SIZES; i++) st = run_size(&c, megabytes[i], repeats);
  if (st != PNO_OK) {
    fprintf(stderr, "bench_collectives: %s\n", pno_fail_words());
    MPI_Abort(MPI_COMM_WORLD, pno_exit_code(st));
  }
  pno_comm_destroy(&c.comm);
  MPI_Finalize();
  return 0;
}
