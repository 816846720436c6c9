#include "io/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "io/fsutil.h"
#include "io/json_text.h"
#include "io/rundir_lock.h"

enum { ID_BYTES = 64, ENV_MAX = 1 << 20 };

struct pno_rundir {
  char path[PNO_PATH_MAX], id[ID_BYTES];
  int dirfd, controlfd, lockfd; /* -1: not open */
  bool warned;                  /* of a control file that is not ours */
};

extern char **environ;

/* ---- env.json: marks a directory as a run and says where it ran ---- */

/* Values that help to understand a run and hold no secrets by design; everything else of the environment stays out. */
static bool is_allowed(const char *entry) {
  static const char *const allowed[] = {"SLURM_", "OMP_", "OMPI_MCA_", "NCCL_", "CUDA_VISIBLE_DEVICES="};
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (strncmp(entry, allowed[i], strlen(allowed[i])) == 0) return true;
  return false;
}

static int put_environment(json_t *object) {
  int bad = object ? 0 : -1;
  for (char **e = environ; e && *e && bad == 0; e++) {
    char key[128];
    const size_t length = strcspn(*e, "=");
    if (!is_allowed(*e) || length >= sizeof key || (*e)[length] != '=') continue;
    snprintf(key, sizeof key, "%.*s", (int)length, *e);
    json_t *value = json_string(*e + length + 1); /* NULL when it is not UTF-8 */
    if (value) bad = json_object_set_new(object, key, value);
  }
  return bad;
}

pno_status pno_rundir_write_env(pno_rundir *r, const char *const (*facts)[2], int n) {
  json_t *list = json_object(), *environment = json_object();
  int bad = put_environment(environment);
  for (int i = 0; i < n && bad == 0; i++) bad = json_object_set_new(list, facts[i][0], json_string(facts[i][1]));
  json_t *root = bad ? NULL
                     : json_pack("{s:s, s:s, s:s, s:O, s:O}", "format", "pno-run", "version", "1.0", "run_id", r->id,
                                 "facts", list, "environment", environment);
  char *text = NULL;
  size_t length = 0;
  pno_status st = pno_fail_in(pno_json_text(root, 0, &text, &length), "%s/env.json", r->path);
  if (st == PNO_OK) st = pno_file_replace(r->dirfd, r->path, "env.json", text, length);
  free(text);
  json_decref(root);
  json_decref(list);
  json_decref(environment);
  return st;
}

/* Whether the directory is marked as a run, and its id [ID_BYTES]. Errors: PNO_E_NOMEM; what cannot be read is no mark. */
static pno_status read_mark(int dirfd, const char *path, char *id, bool *is_run) {
  void *text = NULL;
  size_t n = 0;
  *is_run = false;
  const pno_status st = pno_file_read(dirfd, path, "env.json", ENV_MAX, &text, &n);
  if (st != PNO_OK) return st == PNO_E_NOMEM ? st : PNO_OK;
  json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
  free(text);
  const char *format = json_string_value(json_object_get(root, "format"));
  const char *run_id = json_string_value(json_object_get(root, "run_id"));
  *is_run = format && run_id && strcmp(format, "pno-run") == 0 && pno_name_is_safe(run_id) &&
            strlen(run_id) < ID_BYTES;
  if (*is_run) snprintf(id, ID_BYTES, "%s", run_id);
  json_decref(root);
  return PNO_OK;
}

static pno_status examine(const char *path, bool *is_run) {
  char id[ID_BYTES];
  int dirfd = -1;
  *is_run = false;
  if (pno_dir_open(path, &dirfd) != PNO_OK) return PNO_OK;
  const pno_status st = read_mark(dirfd, path, id, is_run);
  close(dirfd);
  return st;
}

bool pno_rundir_is_run(const char *path) {
  bool is_run = false;
  return examine(path, &is_run) == PNO_OK && is_run;
}

void pno_rundir_holder(const char *path, char text[PNO_RUNDIR_HOLDER_TEXT]) {
  int dirfd = -1;
  text[0] = '\0';
  if (pno_dir_open(path, &dirfd) != PNO_OK) return;
  rundir_lock_holder(dirfd, text);
  close(dirfd);
}

/* ---- opening ---- */

/* A lock alone is what a run leaves that died before it began. */
static pno_status has_content(int dirfd, const char *path, bool *content) {
  char **names = NULL;
  int n = 0;
  *content = false;
  PNO_TRY(pno_dir_list(dirfd, path, &names, &n));
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], ".lock") != 0) *content = true;
  free(names);
  return PNO_OK;
}

static pno_status check_purpose(pno_rundir *r, bool resume) {
  bool content = false, is_run = false;
  PNO_TRY(read_mark(r->dirfd, r->path, r->id, &is_run));
  PNO_TRY(has_content(r->dirfd, r->path, &content));
  if (resume && !is_run)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s holds no run to resume", r->path), "start one without --resume");
  if (!resume && is_run)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s already holds run %s", r->path, r->id),
                    "continue it with --resume, or choose another directory with --run");
  if (!resume && content)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s is not empty and is no run of pno", r->path),
                    "choose another directory with --run");
  return PNO_OK;
}

static void make_id(char id[ID_BYTES]) {
  struct tm utc;
  const time_t now = time(NULL);
  char text[32] = "0";
  if (gmtime_r(&now, &utc)) strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  snprintf(id, ID_BYTES, "%s-%ld", text, (long)getpid());
}

static pno_status make_folders(const pno_rundir *r) {
  static const char *const folders[] = {"checkpoints", "eval", "predictions", "control"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    if (mkdirat(r->dirfd, folders[i], pno_fs_dir_mode()) != 0 && errno != EEXIST)
      return pno_fail(PNO_E_IO, "%s/%s cannot be made: %s", r->path, folders[i], strerror(errno));
  return PNO_OK;
}

static pno_status open_control(pno_rundir *r) {
  r->controlfd = openat(r->dirfd, "control", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (r->controlfd < 0) return pno_fail(PNO_E_IO, "%s/control cannot be opened: %s", r->path, strerror(errno));
  pno_rundir_poll(r); /* what was asked of an earlier process is void */
  return PNO_OK;
}

/* After a crash of the machine the name of the run itself must still be there. */
static pno_status sync_parent(const char *path) {
  char parent[PNO_PATH_MAX];
  int fd = -1;
  PNO_TRY(pno_path_join(path, "..", parent));
  PNO_TRY(pno_dir_open(parent, &fd));
  const pno_status st = pno_dir_sync(fd, parent);
  close(fd);
  return st;
}

static pno_status open_new_or_old(pno_rundir *r, bool resume, const char *run_id) {
  PNO_TRY(resume ? pno_dir_open(r->path, &r->dirfd) : pno_dir_make(r->path, &r->dirfd));
  PNO_TRY(check_purpose(r, resume)); /* before the lock: a foreign directory stays untouched */
  PNO_TRY(rundir_lock(r->dirfd, r->path, &r->lockfd));
  PNO_TRY(check_purpose(r, resume)); /* another process may have been faster */
  if (!resume) {
    if (run_id && (!pno_name_is_safe(run_id) || strlen(run_id) >= ID_BYTES))
      return pno_fail(PNO_E_USAGE, "run id %.80s: only letters, digits, . _ - and at most %d", run_id, ID_BYTES - 1);
    if (run_id)
      snprintf(r->id, sizeof r->id, "%s", run_id);
    else
      make_id(r->id);
    PNO_TRY(pno_rundir_write_env(r, NULL, 0));
    PNO_TRY(sync_parent(r->path));
  }
  PNO_TRY(make_folders(r));
  return open_control(r);
}

pno_status pno_rundir_open(const char *path, bool resume, const char *run_id, pno_rundir **out) {
  pno_rundir *r = calloc(1, sizeof *r);
  if (!r) return pno_fail(PNO_E_NOMEM, "no memory for run directory %s", path);
  r->dirfd = r->controlfd = r->lockfd = -1;
  pno_status st = strlen(path) < sizeof r->path ? PNO_OK : pno_fail(PNO_E_USAGE, "the name of the run is too long");
  if (st == PNO_OK) {
    snprintf(r->path, sizeof r->path, "%s", path);
    st = open_new_or_old(r, resume, run_id);
  }
  if (st == PNO_OK)
    *out = r;
  else
    pno_rundir_close(&r);
  return st;
}

void pno_rundir_close(pno_rundir **r) {
  if (!r || !*r) return;
  rundir_unlock((*r)->dirfd, &(*r)->lockfd);
  if ((*r)->controlfd >= 0) close((*r)->controlfd);
  if ((*r)->dirfd >= 0) close((*r)->dirfd);
  free(*r);
  *r = NULL;
}

const char *pno_rundir_path(const pno_rundir *r) { return r->path; }
const char *pno_rundir_id(const pno_rundir *r) { return r->id; }

/* ---- control/ ---- */

static const struct {
  int bit;
  const char *name;
} requests[] = {{PNO_CONTROL_STOP, "stop"}, {PNO_CONTROL_CHECKPOINT, "checkpoint"}};

int pno_rundir_poll(pno_rundir *r) {
  int asked = 0;
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    struct stat s;
    if (fstatat(r->controlfd, requests[i].name, &s, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(s.st_mode) && s.st_uid == geteuid()) {
      if (unlinkat(r->controlfd, requests[i].name, 0) == 0) asked |= requests[i].bit;
    } else if (!r->warned) {
      r->warned = true;
      pno_log(PNO_LOG_WARN, "rundir", "%s/control/%s is not a file of this user: ignored", r->path, requests[i].name);
    }
  }
  return asked;
}

pno_status pno_rundir_ask(const char *path, int request) {
  char control[PNO_PATH_MAX];
  int fd = -1;
  bool is_run = false;
  PNO_TRY(examine(path, &is_run));
  if (!is_run)
    return pno_hint(pno_fail(PNO_E_USAGE, "%s is no run of pno", path), "give the directory that --run named");
  PNO_TRY(pno_path_join(path, "control", control));
  PNO_TRY(pno_dir_open(control, &fd));
  pno_status st = PNO_OK;
  for (size_t i = 0; i < sizeof requests / sizeof *requests && st == PNO_OK; i++)
    if (request & requests[i].bit) st = pno_file_replace(fd, control, requests[i].name, "", 0);
  close(fd);
  return st;
}
