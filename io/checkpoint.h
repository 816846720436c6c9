/* Named arrays and scalars out and in, so that a crash at any moment leaves the old checkpoint or the new one whole.
 *
 * DIR/step-00001200/ = MANIFEST.json + shards (HDF5, no variable-length types). A checkpoint is valid if its manifest's
 * own digest, and size and XXH3-128 of every shard, are right: checked before JSON or HDF5 parse a byte. LATEST and
 * BEST are text files with the name of a checkpoint; *.tmp is unfinished or pruned and is removed by the next save. */
#ifndef PNO_IO_CHECKPOINT_H
#define PNO_IO_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"
#include "engine/sync/comm.h"
#include "io/array.h"

enum { PNO_CHECKPOINT_KEY = 64, PNO_CHECKPOINT_TEXT = 64, PNO_CHECKPOINT_SCALARS_MAX = 128 };

typedef enum { PNO_SCALAR_I64, PNO_SCALAR_U64, PNO_SCALAR_F64, PNO_SCALAR_TEXT } pno_scalar_kind;

/* State beside the tensors; key "group/name" becomes attribute name of HDF5 group /group: "loader/cursor". */
typedef struct {
  char key[PNO_CHECKPOINT_KEY];
  pno_scalar_kind kind;
  union {
    int64_t i64;
    uint64_t u64;
    double f64;
    char text[PNO_CHECKPOINT_TEXT];
  } value;
} pno_scalar;

typedef struct {
  int64_t step, epoch;
  char run_id[PNO_CHECKPOINT_TEXT]; /* letters, digits, . _ - or empty */
  pno_digest config_digest;
  char journal[PNO_CHECKPOINT_TEXT]; /* name of the journal beside DIR's parent, "" for none */
  int64_t journal_bytes;
  pno_digest journal_digest; /* of its first journal_bytes */
  int n_scalars;
  pno_scalar scalar[PNO_CHECKPOINT_SCALARS_MAX];
} pno_checkpoint_meta;

/* Adds or replaces. Errors: PNO_E_INTERNAL when the table is full or key is not group/name. Local. */
pno_status pno_checkpoint_put_i64(pno_checkpoint_meta *m, const char *key, int64_t value);
pno_status pno_checkpoint_put_u64(pno_checkpoint_meta *m, const char *key, uint64_t value);
pno_status pno_checkpoint_put_f64(pno_checkpoint_meta *m, const char *key, double value);
pno_status pno_checkpoint_put_text(pno_checkpoint_meta *m, const char *key, const char *value);

/* Errors: PNO_E_INPUT when absent or of another kind. Local. */
pno_status pno_checkpoint_get_i64(const pno_checkpoint_meta *m, const char *key, int64_t *out);
pno_status pno_checkpoint_get_u64(const pno_checkpoint_meta *m, const char *key, uint64_t *out);
pno_status pno_checkpoint_get_f64(const pno_checkpoint_meta *m, const char *key, double *out);
pno_status pno_checkpoint_get_text(const pno_checkpoint_meta *m, const char *key, char out[PNO_CHECKPOINT_TEXT]);

typedef struct {
  int keep;           /* newest checkpoints that stay, LATEST and BEST always; <= 0: all */
  bool best;          /* BEST shall name this one */
  size_t inmem_limit; /* bytes of one shard image; 0: no limit. A larger tensor still gets a shard of its own */
} pno_checkpoint_options;

/* What is on disk now. */
typedef struct {
  int64_t step;
  char name[32];      /* "step-00001200" */
  uint64_t bytes;     /* of all shards */
  int shards;
  pno_digest tensors; /* depends on names, types, shapes and values alone, not on the number of ranks */
} pno_checkpoint_info;

/* Writes step meta->step into dir (created if its parent exists) and makes it LATEST.
 *
 * arrays: [n], the same on every rank, names unique; values borrowed for the call. Each rank writes the arrays that a
 * fixed split by size gives it. Steps above meta->step lie on an abandoned branch and are removed unless BEST.
 * out: may be NULL. Collective over comm, all ranks fail or none.
 * Errors: PNO_E_IO with path and bytes needed, PNO_E_NOMEM, PNO_E_SHAPE, PNO_E_COMM; older checkpoints stay valid.
 * Cost: one image of the shard in memory, two gathers, one parallel write, one rename by rank 0. */
pno_status pno_checkpoint_save(pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta,
                               const pno_array *arrays, int n, const pno_checkpoint_options *options,
                               pno_checkpoint_info *out);

typedef struct {
  int64_t step; /* < 0: the newest that verifies */
  bool best;    /* the one BEST names; step is then ignored */
  bool strict;  /* a damaged newest one is an error instead of a reason to fall back */
} pno_checkpoint_choice;

/* Reads a checkpoint written by any number of ranks.
 *
 * The newest is the one LATEST names; damaged ones are skipped with a warning. An explicit step or BEST never falls
 * back. arrays: [n], the ones wanted, the same on every rank; others in the file are ignored. meta and array data are
 * written on every rank only if the whole checkpoint verified. meta: scalars of all groups.
 * Collective over comm, all ranks fail or none.
 * Errors: PNO_E_INPUT none valid; PNO_E_SHAPE an array is absent or has another shape or type (no older checkpoint is
 * tried then); PNO_E_IO, PNO_E_NOMEM, PNO_E_COMM.
 * Cost: rank 0 reads, one broadcast of the wanted bytes. */
pno_status pno_checkpoint_load(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice,
                               pno_checkpoint_meta *meta, const pno_array *arrays, int n, pno_checkpoint_info *out);

/* Only the manifest and the scalars, without arrays; all bytes are verified and the choice is that of load. Local. */
pno_status pno_checkpoint_peek(const char *dir, const pno_checkpoint_choice *choice, pno_checkpoint_meta *meta,
                               pno_checkpoint_info *out);

/* A run goes on from `step` (it was loaded): LATEST names it from now on, and BEST goes if it names a later one. Without
 * this the journal, which is cut back to the loaded step, would contradict LATEST until the next save, and BEST could
 * name a step whose place another branch takes. Later checkpoints stay until that save. Local, rank 0 only.
 * Errors: PNO_E_IO. */
pno_status pno_checkpoint_rewind(const char *dir, int64_t step);

/* Steps present in dir, ascending, whether they verify or not, in a new block (free it). No directory: none. Local.
 * Errors: PNO_E_IO, PNO_E_NOMEM. */
pno_status pno_checkpoint_steps(const char *dir, int64_t **steps, int *n);

/* One finding. what: "step-00001200", "LATEST", "BEST", "metrics.jsonl", ..; st: PNO_OK or what is wrong; words: why,
 * or a few facts. All borrowed for the call. */
typedef void pno_checkpoint_report(void *user, const char *what, pno_status st, const char *words);

/* Verifies every checkpoint in dir, that LATEST and BEST name existing ones, and that the journal in journal_dir (NULL:
 * skipped) begins as the newest valid checkpoint recorded it. deep: also recomputes the tensors' digest.
 * Local, no MPI. Errors: the worst finding; PNO_E_IO when dir cannot be read; PNO_E_NOMEM. */
pno_status pno_checkpoint_verify(const char *dir, const char *journal_dir, bool deep, pno_checkpoint_report *report,
                                 void *user);

#endif
