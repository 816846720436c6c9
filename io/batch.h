/* The next samples: which ones form step s of epoch e, and their values, read ahead by a thread.
 *
 * The global batch of step s is the positions [s B, (s+1) B) of the epoch's order (io/order.h), the last one shorter;
 * it is cut into micro-batches of data.micro samples with fixed contents, the last one shorter. Nothing here depends
 * on rank: the caller names the micro-batches it owns, and may name others the next time. All functions are Local. */
#ifndef PNO_IO_BATCH_H
#define PNO_IO_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "io/dataset.h"

typedef struct {
  int batch; /* samples of the global batch, 1 or more; more than are used: one batch of all */
  int micro; /* samples of a micro-batch, 1..batch */
  ptrdiff_t samples; /* first samples of the data set that are used; 0: all */
  uint64_t seed;
  bool shuffle;
  size_t memory;   /* bytes: a data set up to this size stays in memory after the first read; 0 means 1 GiB */
  size_t prefetch; /* bytes for reading ahead where it does not; 0 means 256 MiB */
  bool no_thread;  /* read only when asked, for tests and for one-off passes */
} pno_batch_plan;

typedef struct pno_batch pno_batch;

/* ds: borrowed until destroy. Allocates everything and starts the thread.
 * Errors: PNO_E_INPUT an empty data set, PNO_E_USAGE sizes that do not fit together or more samples than there are,
 * PNO_E_NOMEM. */
pno_status pno_batch_create(pno_dataset *ds, const pno_batch_plan *plan, pno_batch **out);
void pno_batch_destroy(pno_batch **b); /* stops the thread; takes NULL */

ptrdiff_t pno_batch_steps(const pno_batch *b);                       /* steps of an epoch */
int pno_batch_samples(const pno_batch *b, ptrdiff_t step);           /* samples in the global batch of a step */
int pno_batch_micros(const pno_batch *b, ptrdiff_t step);            /* micro-batches in it */
int pno_batch_micro_samples(const pno_batch *b, ptrdiff_t step, int micro);

/* The sample at place k of a micro-batch. */
ptrdiff_t pno_batch_sample(const pno_batch *b, uint32_t epoch, ptrdiff_t step, int micro, int k);

/* Raw values of the named micro-batches, one behind the other in the order given: x [samples][x_count],
 * y [samples][y_count] (io/dataset.h). Then reads ahead for the same micro-batches of the next step, across the end of
 * the epoch too. A wrong guess costs time, never a wrong value. Calls no malloc of ours. One caller at a time.
 * Errors: those of pno_dataset_read; PNO_E_USAGE a step or micro-batch that does not exist. */
pno_status pno_batch_load(pno_batch *b, uint32_t epoch, ptrdiff_t step, const int *micro, int n_micro, float *x,
                          float *y);

/* Counted since create: samples found read ahead or in memory, and samples that the caller had to wait for. */
void pno_batch_counts(const pno_batch *b, int64_t *ready, int64_t *late);

#endif
