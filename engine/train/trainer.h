/* Training of an operator on the ranks of a communicator: what to do (spec), where it stands (trainer), one step, the
 * loop. A result never depends on how many ranks computed it, nor on who computed what. */
#ifndef PNO_ENGINE_TRAIN_TRAINER_H
#define PNO_ENGINE_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/balance/balance.h"
#include "engine/base/arena.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "engine/sync/comm.h"
#include "engine/sync/reduce.h"
#include "engine/train/evaluate.h"
#include "engine/train/operator.h"
#include "engine/train/uq.h"
#include "io/batch.h"
#include "io/checkpoint.h"
#include "io/metrics.h"

enum { PNO_TESTS_MAX = 8 };

/* What to train, on what, and how. Text is borrowed for the life of the trainer. */
typedef struct {
  const char *data;                 /* training file */
  const char *tests[PNO_TESTS_MAX]; /* further files to validate on */
  int n_tests;
  pno_sample_view view;
  uint64_t max_bytes;                      /* of a data file, 0: default of io */
  ptrdiff_t train_samples, valid_samples;  /* first and last samples of the file; 0: all the rest, none */
  int batch, micro;
  bool shuffle;
  uint64_t seed;
  pno_normalise normalise_in, normalise_out;
  pno_fno_spec model; /* in and out come from the data */
  pno_uq_spec uq;
  pno_loss_kind loss;
  bool physical; /* loss on the fields as they are in the file, else on normalised ones */
  pno_optim_spec optim;
  pno_schedule schedule;
  int epochs;
  long steps; /* 0: epochs decide */
  int max_bad_steps;
  pno_balance_mode balance;
  const pno_kernels *kernels; /* borrowed */
  int threads;                /* of this rank, 0: one */
  pno_transforms *transforms; /* borrowed; NULL: rows by tables */
  double timeout_s;
  int eval_every; /* epochs, 0: only at the end */
  const char *checkpoints;   /* directory, NULL: none are written */
  pno_digest config_digest;  /* of the resolved configuration, recorded in checkpoints */
  const char *run_id;
  long checkpoint_every;     /* steps, 0: by time and at the end only */
  double checkpoint_every_s; /* 0: by steps only */
  int keep;
  bool keep_best, at_start;
  double max_time_s; /* stop with a checkpoint before this much time has passed; 0: no limit */
  bool strict_resume;
} pno_train_spec;

/* Requests from outside, taken by ask(): or-ed over the ranks in the verdict of a step. */
enum { PNO_ASK_STOP = 1, PNO_ASK_CHECKPOINT = 2 };

typedef struct {
  long step; /* steps done, this one included */
  int epoch;
  double loss, grad_norm, lr; /* mean loss a sample; norm of the mean gradient; not finite if skipped */
  long samples;
  bool skipped;
  int asked;
  double seconds; /* of this step on this rank */
} pno_step_report;

/* Where the time went on this rank: sections of a run. */
typedef enum {
  PNO_SECTION_DATA, PNO_SECTION_GRADIENT, PNO_SECTION_REDUCE, PNO_SECTION_UPDATE, PNO_SECTION_EVAL,
  PNO_SECTION_CHECKPOINT, PNO_SECTIONS
} pno_section;
extern const char *const pno_section_names[PNO_SECTIONS];

/* How launch/ hears and asks; any may be NULL. Called on every rank. A failure is local: it rides in the next verdict,
 * or in the agreement at the end, and ends the run on all ranks. */
typedef struct {
  void *user;
  int (*ask)(void *user); /* bits of PNO_ASK_*, taken */
  pno_status (*on_step)(void *user, const pno_step_report *report);
  pno_status (*on_valid)(void *user, long step, int epoch, int set, const pno_scores_all *scores); /* set: of valid[] */
  pno_status (*on_checkpoint)(void *user, long step, double seconds, bool best);
} pno_train_hooks;

typedef struct {
  pno_train_spec spec;
  pno_train_hooks hooks;
  pno_comm *comm; /* borrowed */
  pno_operator op;
  pno_dataset *data;
  pno_batch *batch;
  pno_fno_plan *plan;
  int chunk; /* samples of one call of the model */
  pno_dataset *test_data[PNO_TESTS_MAX];
  pno_uq_spec valid_uq;      /* how predictions are made for validation */
  pno_predictive predictive; /* the same with the operator */
  pno_evaluator *valid[PNO_TESTS_MAX + 1]; /* validation samples first, if any, then the test files */
  int n_valid;
  pno_arena memory;
  float *grad; /* [registry floats], lent by reduce */
  float *x, *y, *output;
  uint32_t *samples; /* numbers of the samples in x */
  float *ones, *zeros; /* identity in place of the output's normaliser */
  double *loss;
  int *own; /* micro-batches of this rank in this step */
  pno_optim_tensor tensors[PNO_TENSORS_MAX];
  pno_optimizer optim;
  pno_balance *balance;
  pno_reduce *reduce;
  double micro_seconds; /* of a micro-batch in this step on this rank, 0 without work */
  pno_status deferred;  /* first failure of a hook of this rank that the others do not know of yet */
  char deferred_words[PNO_VOTE_WORDS], deferred_hint[PNO_VOTE_WORDS];
  /* progress, all of it in checkpoints */
  long step;
  int epoch;
  ptrdiff_t epoch_step;
  int bad_steps, skipped;
  pno_schedule_state schedule;
  /* measuring */
  double started, checkpointed, seconds[PNO_SECTIONS];
  double step_s, valid_s, checkpoint_s; /* longest step; last validation and checkpoint: what a stop in time must allow for */
  long calls[PNO_SECTIONS];
  pno_metrics *metrics; /* borrowed on rank 0, else NULL: journal whose place goes into checkpoints */
  long saved;           /* step of the newest checkpoint of this process, -1: none */
  int64_t journal_bytes;     /* place of the journal in the checkpoint that was loaded */
  pno_digest journal_digest;
} pno_trainer;

/* Opens the data, fits the normalisers, draws the parameters, sizes all memory. spec and hooks are copied.
 * Collective over comm; all ranks fail or none. */
pno_status pno_trainer_create(const pno_train_spec *spec, const pno_train_hooks *hooks, pno_comm *comm,
                              pno_trainer **out);
void pno_trainer_destroy(pno_trainer **t); /* Local */

/* One step: batch, gradients, one reduction, verdict, update. Collective.
 * Errors: PNO_E_DIVERGED after spec.max_bad_steps skipped steps in a row; those of io and sync. */
pno_status pno_train_step(pno_trainer *t, pno_step_report *out);

/* From where the trainer stands to the end. Collective.
 * Errors: PNO_E_INTERRUPTED after a request to stop, with the checkpoint on disk. */
pno_status pno_train(pno_trainer *t);

/* The whole state to disk and back; nothing is written twice for a step. step < 0: the newest that verifies.
 * Resuming gives the same bits on the same number of ranks. Collective. Errors: those of io/checkpoint. */
pno_status pno_trainer_save(pno_trainer *t, bool best);
pno_status pno_trainer_load(pno_trainer *t, long step);

/* Scores on every validation set; scores [n_valid]. Collective. */
pno_status pno_trainer_validate(pno_trainer *t, pno_scores_all *scores);

/* The score that decides what is best: the energy score where training is on draws, else the relative L2. Local. */
double pno_trainer_criterion(const pno_trainer *t, const pno_scores_all *scores);

/* Keeps the first failure of a hook, with its words, for the next agreement; that takes it by deferred, which puts the
 * words back: those of the thread may be a later hook's by then. Local. */
void pno_trainer_defer(pno_trainer *t, pno_status st);
pno_status pno_trainer_deferred(const pno_trainer *t);

/* Steps from the start to the end if nothing stops it early. Local. */
long pno_trainer_total_steps(const pno_trainer *t);

/* Adds the time since `since` to a section. Local. */
void pno_trainer_clock(pno_trainer *t, pno_section s, double since);

#endif
