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

typedef struct {
  const char *path;      /* the file to write; its spools lie in path.spool until it is whole */
  const char *name;      /* of the data set */
  const char *generator; /* program, version and build */
  const char *config;    /* what of the resolved configuration decides the content */
  pno_digest key;        /* of config: spools of another key are refused */
  uint64_t seed;
  ptrdiff_t samples;
  const char *equation;
  pno_pde_spec pde;
  bool compress;
  double timeout_s;
} pno_generate_spec;

typedef struct {
  void *user;
  int (*ask)(void *user);                                         /* bits of PNO_ASK_*; stop leaves the spools */
  void (*on_sample)(void *user, ptrdiff_t done, ptrdiff_t total); /* of this rank */
} pno_generate_hooks;

typedef struct {
  ptrdiff_t made, found; /* by this run on all ranks; in the spools before */
  double worst_residual; /* of the samples made by this run */
  pno_digest digest;     /* of the logical content */
} pno_generate_report;

/* Goes on from spools of any former number of ranks. Collective.
 * Errors: PNO_E_USAGE, PNO_E_DIVERGED a sample without a solution (the others are kept), PNO_E_INTERRUPTED on request,
 * those of io. */
pno_status pno_generate(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                        pno_generate_report *out);

#endif
