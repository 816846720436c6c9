#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/checkpoint_impl.h"
#include "io/fsutil.h"
#include "io/layout.h"

typedef struct {
  uint64_t bytes; /* 0: this slot has no shard */
  pno_digest digest;
} shard_record;

/* One save in flight on one rank. */
typedef struct {
  const char *dir;
  const pno_checkpoint_meta *meta;
  const pno_array *arrays;
  int n, rank, ranks;
  char temp[CHECKPOINT_NAME + 8]; /* "step-00001200.tmp" */
  int dirfd, tempfd;              /* -1: not open */
  int shards, slots;              /* shard s is written by rank s % ranks in its slot s / ranks */
  int *shard_of;                  /* [n] owned */
  shard_record *mine;             /* [slots] owned */
  shard_record *all;              /* [ranks][slots] owned, rank 0 only */
  pno_digest *values;             /* [n] owned: of the arrays this rank wrote */
  pno_digest *all_values;         /* [ranks][n] owned, rank 0 only */
} save;

/* Largest first, each to the lightest shard: the same split on every rank. Returns the heaviest shard's bytes. */
static uint64_t deal(const pno_array *arrays, int n, int shards, uint64_t *load, int *shard_of) {
  memset(load, 0, (size_t)shards * sizeof *load);
  for (int i = 0; i < n; i++) shard_of[i] = -1;
  for (int turn = 0; turn < n; turn++) {
    int big = -1, light = 0;
    for (int i = 0; i < n; i++)
      if (shard_of[i] < 0 && (big < 0 || pno_array_bytes(&arrays[i]) > pno_array_bytes(&arrays[big]))) big = i;
    for (int s = 1; s < shards; s++)
      if (load[s] < load[light]) light = s;
    shard_of[big] = light;
    load[light] += pno_array_bytes(&arrays[big]);
  }
  uint64_t most = 0;
  for (int s = 0; s < shards; s++)
    if (load[s] > most) most = load[s];
  return most;
}

/* As many shards as ranks, and more where one would be above the limit; never more than arrays. */
static pno_status split(save *s, size_t limit) {
  const int most = s->n < 1 ? 1 : s->n < SHARDS_MAX ? s->n : SHARDS_MAX;
  uint64_t *load = malloc((size_t)most * sizeof *load);
  s->shard_of = malloc(((size_t)s->n + 1) * sizeof *s->shard_of);
  if (!load || !s->shard_of) {
    free(load);
    return pno_fail(PNO_E_NOMEM, "no memory to split %d arrays", s->n);
  }
  uint64_t total = 0;
  for (int i = 0; i < s->n; i++) total += pno_array_bytes(&s->arrays[i]);
  const uint64_t least = limit > 0 && total / limit > (uint64_t)s->ranks ? total / limit : (uint64_t)s->ranks;
  s->shards = least < (uint64_t)most ? (int)least : most;
  while (deal(s->arrays, s->n, s->shards, load, s->shard_of) > limit && limit > 0 && s->shards < most)
    s->shards = s->shards + s->ranks < most ? s->shards + s->ranks : most;
  s->slots = (s->shards + s->ranks - 1) / s->ranks;
  free(load);
  return PNO_OK;
}

static pno_status check_arrays(const pno_array *arrays, int n) {
  for (int i = 0; i < n; i++) {
    PNO_TRY(pno_array_check(&arrays[i]));
    if (!strchr(arrays[i].name, '/') || arrays[i].name[0] == '/')
      return pno_fail(PNO_E_SHAPE, "array name %s is not group/name", arrays[i].name);
    for (int j = 0; j < i; j++)
      if (strcmp(arrays[i].name, arrays[j].name) == 0)
        return pno_fail(PNO_E_SHAPE, "two arrays are called %s", arrays[i].name);
  }
  return PNO_OK;
}

static uint64_t total_bytes(const save *s) {
  enum { HEADERS = 1024 }; /* bytes an array takes beside its values, and more than the manifest takes */
  uint64_t sum = (uint64_t)HEADERS * 16;
  for (int i = 0; i < s->n; i++) sum += pno_array_bytes(&s->arrays[i]) + HEADERS;
  return sum;
}

/* Rank 0 makes the directories before the others look for them. */
static pno_status make_temp(save *s) {
  PNO_TRY(pno_dir_make(s->dir, &s->dirfd));
  store_clean(s->dirfd, s->dir);
  PNO_TRY(store_room(s->dirfd, s->dir, total_bytes(s)));
  if (mkdirat(s->dirfd, s->temp, pno_fs_dir_mode()) == 0) return PNO_OK;
  const char *words = strerror(errno);
  return pno_fail(PNO_E_IO, "%s/%s cannot be made: %s", s->dir, s->temp, words);
}

static pno_status prepare(save *s, size_t limit) {
  if (s->meta->step < 0 || s->meta->epoch < 0) return pno_fail(PNO_E_INTERNAL, "a checkpoint of a negative step");
  PNO_TRY(check_arrays(s->arrays, s->n));
  PNO_TRY(split(s, limit));
  s->mine = calloc((size_t)s->slots, sizeof *s->mine);
  s->values = calloc((size_t)s->n + 1, sizeof *s->values);
  const size_t ranks = s->rank == 0 ? (size_t)s->ranks : 0;
  s->all = calloc(ranks * (size_t)s->slots + 1, sizeof *s->all);
  s->all_values = calloc(ranks * (size_t)s->n + 1, sizeof *s->all_values);
  if (!s->mine || !s->values || !s->all || !s->all_values)
    return pno_fail(PNO_E_NOMEM, "no memory for the lists of %d arrays and %d ranks", s->n, s->ranks);
  return s->rank == 0 ? make_temp(s) : PNO_OK;
}

static void shard_file_name(const save *s, int shard, char out[SHARD_NAME]) {
  snprintf(out, SHARD_NAME, "shard-%05d-of-%05d.h5", shard, s->shards);
}

static pno_status write_shard(save *s, int shard, shard_record *record) {
  char name[SHARD_NAME], where[PNO_PATH_MAX];
  void *image = NULL;
  size_t bytes = 0;
  shard_file_name(s, shard, name);
  PNO_TRY(pno_path_join(s->dir, s->temp, where));
  PNO_TRY(shard_build(s->meta, s->arrays, s->n, s->shard_of, shard, s->values, &image, &bytes));
  const pno_status st = pno_file_create(s->tempfd, where, name, image, bytes);
  if (st == PNO_OK) *record = (shard_record){.bytes = bytes, .digest = pno_digest_of(image, bytes)};
  free(image);
  return st;
}

static pno_status write_shards(save *s) {
  char where[PNO_PATH_MAX];
  PNO_TRY(pno_path_join(s->dir, s->temp, where));
  PNO_TRY(pno_dir_open(where, &s->tempfd));
  for (int slot = 0; slot < s->slots; slot++) {
    const int shard = slot * s->ranks + s->rank;
    if (shard < s->shards) PNO_TRY(write_shard(s, shard, &s->mine[slot]));
  }
  return PNO_OK;
}

/* Rank 0: what all ranks wrote becomes a manifest and then a checkpoint. */
static pno_status write_manifest(save *s, checkpoint_manifest *m) {
  char where[PNO_PATH_MAX], *text = NULL;
  size_t bytes = 0;
  for (int i = 0; i < s->n; i++) s->values[i] = s->all_values[(ptrdiff_t)(s->shard_of[i] % s->ranks) * s->n + i];
  PNO_TRY(manifest_tensors_digest(s->arrays, s->values, s->n, &m->tensors));
  for (int i = 0; i < s->shards; i++) {
    const shard_record *r = &s->all[(ptrdiff_t)(i % s->ranks) * s->slots + i / s->ranks];
    shard_file_name(s, i, m->files[i].name);
    m->files[i].bytes = r->bytes;
    m->files[i].digest = r->digest;
  }
  PNO_TRY(manifest_write(m, &text, &bytes));
  pno_status st = pno_path_join(s->dir, s->temp, where);
  if (st == PNO_OK) st = pno_file_create(s->tempfd, where, "MANIFEST.json", text, bytes);
  free(text);
  if (st == PNO_OK) st = pno_dir_sync(s->tempfd, where);
  return st;
}

static pno_status commit(save *s, const pno_checkpoint_options *options, pno_checkpoint_info *info) {
  if (s->rank != 0) return PNO_OK;
  checkpoint_manifest m = {.meta = *s->meta, .ranks = s->ranks, .n_files = s->shards};
  m.files = calloc((size_t)s->shards, sizeof *m.files);
  if (!m.files) return pno_fail(PNO_E_NOMEM, "no memory for a manifest of %d files", s->shards);
  pno_status st = write_manifest(s, &m);
  if (st == PNO_OK) st = store_commit(s->dirfd, s->dir, s->meta->step, options);
  if (st == PNO_OK) {
    *info = (pno_checkpoint_info){
        .step = s->meta->step, .bytes = manifest_bytes(&m), .shards = s->shards, .tensors = m.tensors};
    store_step_name(s->meta->step, info->name);
  }
  manifest_free(&m);
  return st;
}

static void finish(save *s, pno_status st) {
  if (s->tempfd >= 0) close(s->tempfd);
  if (s->dirfd >= 0) {
    if (st != PNO_OK) pno_dir_remove(s->dirfd, s->temp);
    close(s->dirfd);
  }
  free(s->shard_of);
  free(s->mine);
  free(s->all);
  free(s->values);
  free(s->all_values);
}

pno_status pno_checkpoint_save(pno_comm *comm, const char *dir, const pno_checkpoint_meta *meta,
                               const pno_array *arrays, int n, const pno_checkpoint_options *options,
                               pno_checkpoint_info *out) {
  save s = {.dir = dir, .meta = meta, .arrays = arrays, .n = n, .dirfd = -1, .tempfd = -1};
  s.rank = pno_comm_rank(comm);
  s.ranks = pno_comm_size(comm);
  store_step_name(meta->step, s.temp);
  snprintf(s.temp + strlen(s.temp), sizeof s.temp - strlen(s.temp), ".tmp");
  pno_checkpoint_info info = {.step = meta->step};
  pno_status st = pno_agree(comm, prepare(&s, options->inmem_limit));
  if (st == PNO_OK) st = pno_agree(comm, write_shards(&s));
  if (st == PNO_OK) st = pno_gather(comm, s.mine, (size_t)s.slots * sizeof *s.mine, s.all, 0);
  if (st == PNO_OK) st = pno_gather(comm, s.values, (size_t)n * sizeof *s.values, s.all_values, 0);
  if (st == PNO_OK) st = pno_agree(comm, commit(&s, options, &info));
  if (st == PNO_OK) st = pno_bcast(comm, &info, sizeof info, 0);
  finish(&s, st);
  if (st == PNO_OK && out) *out = info;
  return st;
}
