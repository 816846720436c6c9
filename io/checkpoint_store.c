#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/checkpoint_impl.h"
#include "io/fsutil.h"

void store_step_name(int64_t step, char out[CHECKPOINT_NAME]) {
  snprintf(out, CHECKPOINT_NAME, "step-%08" PRId64, step);
}

bool store_step_parse(const char *name, int64_t *step) {
  char again[CHECKPOINT_NAME];
  if (strncmp(name, "step-", 5) != 0 || strlen(name) >= sizeof again) return false;
  int64_t value = 0;
  for (const char *p = name + 5; *p; p++) {
    if (*p < '0' || *p > '9' || value > (INT64_MAX - 9) / 10) return false;
    value = value * 10 + (*p - '0');
  }
  store_step_name(value, again);
  if (strcmp(again, name) != 0) return false;
  *step = value;
  return true;
}

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

pno_status store_steps(int dirfd, const char *dir, int64_t **steps, int *n) {
  char **names = NULL;
  int count = 0;
  PNO_TRY(pno_dir_list(dirfd, dir, &names, &count));
  int64_t *list = malloc(((size_t)count + 1) * sizeof *list);
  *n = 0;
  for (int i = 0; list && i < count; i++)
    if (store_step_parse(names[i], &list[*n])) ++*n;
  free(names);
  if (!list) return pno_fail(PNO_E_NOMEM, "no memory for %d names in %s", count, dir);
  qsort(list, (size_t)*n, sizeof *list, ascending);
  *steps = list;
  return PNO_OK;
}

bool store_has(int dirfd, int64_t step) {
  char name[CHECKPOINT_NAME];
  struct stat s;
  store_step_name(step, name);
  return fstatat(dirfd, name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(s.st_mode);
}

pno_status store_pointer(int dirfd, const char *dir, const char *which, int64_t *step) {
  void *text = NULL;
  size_t n = 0;
  PNO_TRY(pno_file_read(dirfd, dir, which, 128, &text, &n));
  char name[CHECKPOINT_NAME] = "";
  if (n > 1 && n <= sizeof name && ((char *)text)[n - 1] == '\n') memcpy(name, text, n - 1);
  free(text);
  if (strlen(name) + 1 == n && store_step_parse(name, step)) return PNO_OK;
  return pno_fail(PNO_E_INPUT, "%s/%s does not hold the name of a checkpoint", dir, which);
}

static bool is_temporary(const char *name) {
  const size_t n = strlen(name);
  return n > 4 && strcmp(name + n - 4, ".tmp") == 0 &&
         (strncmp(name, "step-", 5) == 0 || strcmp(name, "LATEST.tmp") == 0 || strcmp(name, "BEST.tmp") == 0);
}

void store_clean(int dirfd, const char *dir) {
  char **names = NULL;
  int n = 0;
  if (pno_dir_list(dirfd, dir, &names, &n) != PNO_OK) return;
  for (int i = 0; i < n; i++)
    if (is_temporary(names[i])) pno_dir_remove(dirfd, names[i]);
  free(names);
}

pno_status store_room(int dirfd, const char *dir, uint64_t bytes) {
  struct statvfs s;
  if (fstatvfs(dirfd, &s) != 0 || s.f_blocks == 0) return PNO_OK; /* not every file system tells: the writes will */
  const uint64_t unit = s.f_frsize ? s.f_frsize : s.f_bsize, free_units = geteuid() == 0 ? s.f_bfree : s.f_bavail;
  if (bytes / (unit ? unit : 1) < free_units) return PNO_OK;
  pno_fail(PNO_E_IO, "%s: a checkpoint needs %" PRIu64 " bytes, %" PRIu64 " are free", dir, bytes, free_units * unit);
  return pno_hint(PNO_E_IO, "make room on this file system, or lower checkpoint.keep");
}

static pno_status rename_fail(const char *dir, const char *from, const char *to) {
  const char *words = strerror(errno);
  return pno_fail(PNO_E_IO, "%s/%s cannot be renamed to %s: %s", dir, from, to, words);
}

/* The committed name must never be a half-removed directory: away under another name first, then delete. */
static void prune(int dirfd, const char *dir, int64_t step) {
  char name[CHECKPOINT_NAME], gone[CHECKPOINT_NAME + 16];
  store_step_name(step, name);
  snprintf(gone, sizeof gone, "%s.old.tmp", name);
  pno_dir_remove(dirfd, gone);
  if (renameat(dirfd, name, dirfd, gone) != 0) {
    pno_log(PNO_LOG_WARN, "checkpoint", "%s/%s cannot be pruned: %s", dir, name, strerror(errno));
    return;
  }
  pno_dir_remove(dirfd, gone);
}

static void prune_all(int dirfd, const char *dir, int64_t latest, int keep) {
  int64_t *steps = NULL, best = -1;
  int n = 0;
  if (store_steps(dirfd, dir, &steps, &n) != PNO_OK) return;
  if (store_pointer(dirfd, dir, "BEST", &best) != PNO_OK) best = -1;
  int kept = 0;
  for (int i = n - 1; i >= 0; i--) {
    const bool abandoned = steps[i] > latest;
    if (!abandoned) kept++;
    if (steps[i] == latest || steps[i] == best) continue;
    if (abandoned) pno_log(PNO_LOG_INFO, "checkpoint", "step %" PRId64 " is of an abandoned branch: removed", steps[i]);
    if (abandoned || (keep > 0 && kept > keep)) prune(dirfd, dir, steps[i]);
  }
  free(steps);
}

/* temp takes the place of name. Where name exists (a run that resumed here saves here again) the two are exchanged, so
 * that a crash finds one of them; file systems without exchange leave the old one under .old.tmp for an instant. */
static pno_status into_place(int dirfd, const char *dir, const char *temp, const char *name) {
  char old[CHECKPOINT_NAME + 16];
  struct stat s;
  if (fstatat(dirfd, name, &s, AT_SYMLINK_NOFOLLOW) != 0)
    return renameat(dirfd, temp, dirfd, name) == 0 ? PNO_OK : rename_fail(dir, temp, name);
  if (renameat2(dirfd, temp, dirfd, name, RENAME_EXCHANGE) == 0) {
    PNO_TRY(pno_dir_sync(dirfd, dir));
    pno_dir_remove(dirfd, temp);
    return PNO_OK;
  }
  snprintf(old, sizeof old, "%s.old.tmp", name);
  pno_dir_remove(dirfd, old);
  if (renameat(dirfd, name, dirfd, old) != 0) return rename_fail(dir, name, old);
  if (renameat(dirfd, temp, dirfd, name) != 0) {
    const pno_status st = rename_fail(dir, temp, name);
    if (renameat(dirfd, old, dirfd, name) != 0) rename_fail(dir, old, name);
    return st;
  }
  pno_dir_remove(dirfd, old);
  return PNO_OK;
}

pno_status store_rewind(int dirfd, const char *dir, int64_t step) {
  char name[CHECKPOINT_NAME], line[CHECKPOINT_NAME + 2];
  int64_t latest = -1, best = -1;
  store_step_name(step, name);
  snprintf(line, sizeof line, "%s\n", name);
  if (store_pointer(dirfd, dir, "LATEST", &latest) != PNO_OK || latest != step)
    PNO_TRY(pno_file_replace(dirfd, dir, "LATEST", line, strlen(line)));
  if (store_pointer(dirfd, dir, "BEST", &best) != PNO_OK || best <= step) return PNO_OK;
  if (unlinkat(dirfd, "BEST", 0) != 0)
    return pno_fail(PNO_E_IO, "%s/BEST cannot be removed: %s", dir, strerror(errno));
  return pno_dir_sync(dirfd, dir);
}

pno_status store_commit(int dirfd, const char *dir, int64_t step, const pno_checkpoint_options *options) {
  char name[CHECKPOINT_NAME], temp[CHECKPOINT_NAME + 8], line[CHECKPOINT_NAME + 2];
  store_step_name(step, name);
  snprintf(temp, sizeof temp, "%s.tmp", name);
  snprintf(line, sizeof line, "%s\n", name);
  PNO_TRY(into_place(dirfd, dir, temp, name));
  PNO_TRY(pno_dir_sync(dirfd, dir));
  PNO_TRY(pno_file_replace(dirfd, dir, "LATEST", line, strlen(line)));
  if (options->best) PNO_TRY(pno_file_replace(dirfd, dir, "BEST", line, strlen(line)));
  prune_all(dirfd, dir, step, options->keep);
  return PNO_OK;
}
