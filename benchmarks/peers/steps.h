/* What the C peers share: sizes on the command line, and the protocol of run.py (README.md). */
#ifndef PNO_BENCHMARKS_PEERS_STEPS_H
#define PNO_BENCHMARKS_PEERS_STEPS_H

#include <stdbool.h>

typedef struct {
  int dims, n[3], modes, width, batch, threads, ranks;
  bool train, neuralop, burst;
  bool pno;            /* the PNO paper's network, by one of its methods */
  int draws, heads;    /* of the method: 0 or 3; 1 or 2 */
  double dropout;
  const char *from;             /* prefix of FIFOs, one a rank, instead of standard input */
  const char *weights, *result; /* one step from these parameters, written for check.py; NULL: serve steps */
} steps_case;

/* false: the usage is on standard error. */
bool steps_read(int argc, char **argv, steps_case *out);

/* Commands come to rank r from FIFO from.r; without one from standard input, as before. */
bool steps_listen(const steps_case *c, int rank);

/* Waits without using a core; false: quit, or nobody is there any more. */
bool steps_next(void);

void steps_ready(const char *what);
void steps_answer(double seconds, double loss);
double steps_clock(void);

#endif
