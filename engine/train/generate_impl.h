/* What generate.c and generate_share.c share; nobody else includes this. */
#ifndef PNO_ENGINE_TRAIN_GENERATE_IMPL_H
#define PNO_ENGINE_TRAIN_GENERATE_IMPL_H

#include "engine/train/generate.h"
#include "io/spool.h"

enum { PNO_FAILURES_A_ROUND = 4, PNO_SPLIT_SAMPLES = 1 << 30 };

typedef struct {
  ptrdiff_t sample;
  char words[PNO_FAILURE_TEXT];
} pno_failed_sample;

/* What a rank says after a round of work. */
typedef struct {
  ptrdiff_t done; /* of its share, from the first on */
  int asked, failures;
  double worst, cost, seconds; /* cost: of the samples done */
  double slowest;              /* seconds a unit of cost, of its slowest sample */
  pno_failed_sample failed[PNO_FAILURES_A_ROUND];
} pno_round_report;

/* What is still to be done, dear samples first. The same on all ranks. */
typedef struct {
  struct pno_open_sample *open; /* owned: [n_open] */
  ptrdiff_t n_open;
  int ranks;
  double *rate, *load, *spent; /* owned: [ranks] cost a second, cost given in this round, seconds so far */
} pno_shares;

struct pno_open_sample {
  double cost;
  ptrdiff_t sample;
  int owner; /* in this round */
};

/* open: [n] with cost and sample; the shares own it from here on, also after a failure. Errors: PNO_E_NOMEM. */
pno_status pno_shares_create(struct pno_open_sample *open, ptrdiff_t n, int ranks, pno_shares *out);
void pno_shares_destroy(pno_shares *s); /* takes zeroed ones */

/* Gives each open sample to the rank that is done with it first, at the speeds seen so far. */
void pno_shares_assign(pno_shares *s);

/* Takes out what the ranks have done. all: [ranks]. */
void pno_shares_settle(pno_shares *s, const pno_round_report *all);

/* Seconds until all ranks together have done what is open; below 0 while no speed is known. */
double pno_shares_left(const pno_shares *s);

/* Number of a sample's draws: those of different splits differ. */
uint32_t pno_generate_number(const pno_generate_spec *spec, ptrdiff_t sample);

/* All borrowed. */
typedef struct {
  const pno_generate_spec *spec;
  const pno_equation *equation;
  const pno_pde_spec *pde;
  const unsigned char *failed; /* [samples]: left out */
  const char *spools, *config;
  pno_digest key;
} pno_generate_file;

pno_status pno_generate_spools(const char *path, char *out); /* their folder; out: [PNO_PATH_MAX]. Errors: PNO_E_USAGE */

/* Rank 0: the spools become the file and what belongs beside it, and go. The file comes last and replaces none. Local.
 * Errors: those of io; the spools stay. */
pno_status pno_generate_write(const pno_generate_file *g, pno_digest *digest);

#endif
