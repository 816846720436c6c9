/* Making a data set: samples are solved by all ranks, each into its own spool, and assembled by rank 0. */
#ifndef PNO_ENGINE_TRAIN_GENERATE_H
#define PNO_ENGINE_TRAIN_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "engine/pde/equation.h"
#include "engine/sync/comm.h"

/* Samples of different splits have different numbers, so files of the same seed never share one. */
typedef enum { PNO_SPLIT_TRAIN = 0, PNO_SPLIT_VALID, PNO_SPLIT_TEST } pno_split;

typedef struct {
  const char *path;      /* the file to write; its spools lie in path.spool until it is whole */
  const char *name;      /* of the data set */
  const char *generator; /* program, version and build */
  const char *config;    /* what of the configuration decides the content: YAML */
  uint64_t seed;
  pno_split split;
  ptrdiff_t samples; /* less than 2^30 */
  const char *equation;
  pno_pde_request pde;
  bool compress;
  bool sidecars; /* io/beside.h */
  double timeout_s;
} pno_generate_spec;

typedef struct {
  void *user;
  int (*ask)(void *user); /* bits of PNO_ASK_*; stop leaves the spools */
  /* Of all ranks, as far as this one knows; eta_s: seconds left, below 0 while nobody knows. */
  void (*on_sample)(void *user, ptrdiff_t done, ptrdiff_t total, double eta_s);
  void (*on_failure)(void *user, const char *words); /* on rank 0: a sample that the file will not hold */
} pno_generate_hooks;

typedef struct {
  ptrdiff_t made, found, failed; /* by this run on all ranks; in the spools before; without a solution */
  double worst_error;            /* of the samples made by this run, see pno_pde_report */
  pno_digest digest;             /* of the logical content */
} pno_generate_report;

/* Whether the files can be made: names that the file system takes, and nothing that has them. Local, for rank 0. Errors:
 * PNO_E_USAGE. */
pno_status pno_generate_check(const pno_generate_spec *spec);

/* Goes on from spools of any former number of ranks, if they are of the same config, program and resolved numbers. A
 * sample that has no solution is tried again with smaller steps, if its equation has any, and then left out of the file.
 * Collective.
 * Errors: PNO_E_USAGE, PNO_E_DIVERGED no sample has a solution, PNO_E_INTERRUPTED on request, those of io. */
pno_status pno_generate(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                        pno_generate_report *out);

enum { PNO_FAILURE_TEXT = 256 };

typedef struct {
  double bytes;   /* of the fields, without compression */
  double seconds; /* on as many ranks */
  int probes;     /* samples that were solved to know */
  double probe_s; /* which took so long on one */
  int failed;     /* of them, and what is said of the first */
  char first_failure[PNO_FAILURE_TEXT];
} pno_generate_forecast;

/* Solves a few samples and says what all would take. Writes nothing. Of the hooks only ask is called, between
 * samples. Collective. Errors: as pno_generate; PNO_E_DIVERGED: none of the few has a solution. */
pno_status pno_generate_ask(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                            pno_generate_forecast *out);

#endif
