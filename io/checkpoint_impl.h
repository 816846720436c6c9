/* What the files of checkpoint share; not for others. All functions are Local. */
#ifndef PNO_IO_CHECKPOINT_IMPL_H
#define PNO_IO_CHECKPOINT_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/checkpoint.h"

enum { CHECKPOINT_NAME = 32, SHARD_NAME = 48, SHARDS_MAX = 4096 };

/* ---- manifest: checkpoint_manifest.c ---- */

typedef struct {
  char name[SHARD_NAME];
  uint64_t bytes;
  pno_digest digest;
} checkpoint_file;

typedef struct {
  pno_checkpoint_meta meta; /* without scalars */
  int ranks;                /* that wrote it */
  pno_digest tensors;
  int n_files;
  checkpoint_file *files; /* [n_files], owned */
} checkpoint_manifest;

/* text: new block (free it), n bytes. Errors: PNO_E_NOMEM. */
pno_status manifest_write(const checkpoint_manifest *m, char **text, size_t *n);
/* Checks the text's own digest before it parses. Errors: PNO_E_INPUT, PNO_E_NOMEM. */
pno_status manifest_parse(const char *text, size_t n, checkpoint_manifest *out);
void manifest_free(checkpoint_manifest *m);
uint64_t manifest_bytes(const checkpoint_manifest *m); /* of all shards */

/* Digest over (name, type, shape, digest of the values) of n arrays in the order of their names; order: [n] scratch. */
pno_status manifest_tensors_digest(const pno_array *arrays, const pno_digest *values, int n, pno_digest *out);

/* ---- shards: checkpoint_shard.c, checkpoint_shard_read.c ---- */

/* The HDF5 image of the arrays with shard_of[i] == shard, with the scalars of meta in shard 0, and the digests of those
 * arrays' outside bytes. Errors: PNO_E_NOMEM, PNO_E_IO. */
pno_status shard_build(const pno_checkpoint_meta *meta, const pno_array *arrays, int n, const int *shard_of, int shard,
                       pno_digest *values, void **image, size_t *bytes);

/* Wanted arrays in outside order, side by side: array i at base + at[i]. */
typedef struct {
  const pno_array *arrays;
  int n;
  unsigned char *base; /* owned */
  size_t bytes;
  size_t *at;  /* [n] owned */
  bool *found; /* [n] owned */
} checkpoint_staging;

/* In checkpoint_read.c. */
pno_status staging_create(const pno_array *arrays, int n, checkpoint_staging *out); /* Errors: PNO_E_NOMEM, _SHAPE */
void staging_free(checkpoint_staging *s);

/* Fills what the image holds of the wanted arrays, and adds its scalars to meta.
 * Errors: PNO_E_INPUT not a shard of ours; PNO_E_SHAPE another shape or type; PNO_E_NOMEM. */
pno_status shard_read(const void *image, size_t bytes, checkpoint_staging *s, pno_checkpoint_meta *meta);

/* Names, types, shapes (data NULL) and value digests of all arrays in the image, appended to lists that grow. */
typedef struct {
  pno_array *arrays; /* owned */
  pno_digest *values; /* owned */
  int n, cap;
} shard_census;
pno_status shard_count(const void *image, size_t bytes, shard_census *c);
void census_free(shard_census *c);

/* ---- directory: checkpoint_store.c ---- */

void store_step_name(int64_t step, char out[CHECKPOINT_NAME]);
bool store_step_parse(const char *name, int64_t *step); /* exactly step- and 8 or more digits */

/* Steps present under a committed name, ascending, in a new block (free it; NULL when none). */
pno_status store_steps(int dirfd, const char *dir, int64_t **steps, int *n);
/* The step LATEST or BEST names. Errors: PNO_E_IO absent; PNO_E_INPUT not the name of a checkpoint. */
pno_status store_pointer(int dirfd, const char *dir, const char *which, int64_t *step);
bool store_has(int dirfd, int64_t step);

void store_clean(int dirfd, const char *dir); /* removes what is unfinished or pruned */
pno_status store_room(int dirfd, const char *dir, uint64_t bytes); /* Errors: PNO_E_IO with the bytes needed */
/* temp -> step name, LATEST, BEST, prune. */
pno_status store_rewind(int dirfd, const char *dir, int64_t step);
pno_status store_commit(int dirfd, const char *dir, int64_t step, const pno_checkpoint_options *options);

/* ---- checkpoint_read.c ---- */

/* Reads and verifies step: manifest, then every shard before it is parsed. s NULL: no arrays wanted; census NULL: none.
 * fatal: whether an older checkpoint would not help (memory, shapes). */
pno_status store_read(int dirfd, const char *dir, int64_t step, checkpoint_staging *s, shard_census *census,
                      pno_checkpoint_meta *meta, pno_checkpoint_info *info, bool *fatal);
/* store_read of the one chosen, falling back as the choice allows. */
pno_status store_choose(const char *dir, const pno_checkpoint_choice *choice, checkpoint_staging *s,
                        pno_checkpoint_meta *meta, pno_checkpoint_info *info);

#endif
