/* pno as a peer of run.py: the steps of benchmarks/lib/step_bench.c one at a time, when a line of input asks for one.
 * Under mpirun every rank reads its own FIFO (mpirun gives standard input to one rank; with `--stdin all` of Open MPI
 * 4.1.4 the ranks hung): a rank that polled MPI for the next command would take a core from the peer in turn. */
#include <mpi.h>
#include <stdio.h>

#include "benchmarks/lib/stepper.h"
#include "benchmarks/peers/steps.h"
#include "kernels/burst.h"
#include "kernels/dispatch.h"

static pno_status serve(pno_stepper *s, const steps_case *c) {
  const bool speak = pno_comm_rank(s->comm) == 0;
  char what[128];
  snprintf(what, sizeof what, "pno, %s kernels", s->table->name);
  if (!steps_listen(c, pno_comm_rank(s->comm))) return pno_fail(PNO_E_IO, "cannot read %s", c->from);
  if (speak) steps_ready(what);
  while (steps_next()) {
    double slowest = 0, loss = 0;
    PNO_TRY(pno_stepper_pass(s, &slowest, &loss));
    if (speak) steps_answer(slowest, loss);
  }
  return PNO_OK;
}

/* The mean, not the best: it is to show who else is on the core. */
static int burst(void) {
  enum { ROUNDS = 100000000 };
  double flops = 0;
  const double start = steps_clock();
  volatile float sink = pno_burst_run(ROUNDS, &flops);
  (void)sink;
  printf("{\"gflops\": %.1f, \"isa\": \"%s\"}\n", 1e-9 * flops / (steps_clock() - start), pno_burst_isa());
  return 0;
}

int main(int argc, char **argv) {
  enum { TIMEOUT_S = 600 };
  steps_case c;
  if (!steps_read(argc, argv, &c)) return 2;
  if (c.burst) return burst();
  const pno_bench_case operator = {.name = "peer", .dims = c.dims, .n = {c.n[0], c.n[1], c.n[2]}, .modes = c.pno ? c.modes / 2 : c.modes,
                                   .width = c.width, .batch = c.batch, .neuralop = c.neuralop, .pno = c.pno,
                                   .draws = c.draws, .heads = c.heads, .dropout = c.dropout, .inputs = c.batch};
  pno_stepper s = {.c = &operator};
  pno_comm *comm = NULL;
  int provided = 0;
  if (c.ranks > 1) MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  pno_status st = c.ranks > 1 ? pno_comm_world(TIMEOUT_S, &comm) : pno_comm_self(&comm);
  if (st == PNO_OK) st = pno_stepper_create(&operator, pno_kernels_find("auto"), c.threads, c.train, NULL, comm, &s);
  if (st == PNO_OK) st = serve(&s, &c);
  if (st != PNO_OK) fprintf(stderr, "pno_step: %s\n", pno_fail_words());
  pno_stepper_destroy(&s);
  pno_comm_destroy(&comm);
  if (c.ranks > 1) MPI_Finalize();
  return pno_exit_code(st);
}
