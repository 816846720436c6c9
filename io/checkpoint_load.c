#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/checkpoint_impl.h"
#include "io/fsutil.h"
#include "io/layout.h"

/* Rank 0 reads and broadcasts: one reader sees one state of the disk and gives one verdict, and the file system is
 * asked once however many ranks there are. Every rank needs all bytes anyway (arrays are replicated). */
pno_status pno_checkpoint_load(pno_comm *comm, const char *dir, const pno_checkpoint_choice *choice,
                               pno_checkpoint_meta *meta, const pno_array *arrays, int n, pno_checkpoint_info *out) {
  checkpoint_staging staging = {.n = 0};
  pno_checkpoint_meta got = {.step = 0};
  pno_checkpoint_info info = {.step = 0};
  pno_status local = staging_create(arrays, n, &staging);
  if (local == PNO_OK && pno_comm_rank(comm) == 0) local = store_choose(dir, choice, &staging, &got, &info);
  pno_status st = pno_agree(comm, local);
  if (st == PNO_OK) st = pno_bcast(comm, &got, sizeof got, 0);
  if (st == PNO_OK) st = pno_bcast(comm, &info, sizeof info, 0);
  if (st == PNO_OK) st = pno_bcast(comm, staging.base, staging.bytes, 0);
  st = pno_agree(comm, st); /* all have the bytes before one of them writes an array */
  for (int i = 0; st == PNO_OK && i < n; i++) st = pno_layout_import(&arrays[i], staging.base + staging.at[i]);
  if (st == PNO_OK) {
    *meta = got;
    if (out) *out = info;
  }
  staging_free(&staging);
  return st;
}

pno_status pno_checkpoint_peek(const char *dir, const pno_checkpoint_choice *choice, pno_checkpoint_meta *meta,
                               pno_checkpoint_info *out) {
  pno_checkpoint_meta got = {.step = 0};
  pno_checkpoint_info info = {.step = 0};
  PNO_TRY(store_choose(dir, choice, NULL, &got, &info));
  *meta = got;
  if (out) *out = info;
  return PNO_OK;
}

pno_status pno_checkpoint_rewind(const char *dir, int64_t step) {
  int dirfd = -1;
  PNO_TRY(pno_dir_open(dir, &dirfd));
  const pno_status st = store_rewind(dirfd, dir, step);
  close(dirfd);
  return st;
}

pno_status pno_checkpoint_steps(const char *dir, int64_t **steps, int *n) {
  int dirfd = -1;
  if (access(dir, F_OK) != 0 && errno == ENOENT) {
    *steps = NULL;
    *n = 0;
    return PNO_OK;
  }
  PNO_TRY(pno_dir_open(dir, &dirfd));
  const pno_status st = store_steps(dirfd, dir, steps, n);
  close(dirfd);
  return st;
}
