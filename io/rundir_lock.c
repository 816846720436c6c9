#include "io/rundir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/fsutil.h"

enum { RECORD = 512, HOST = 256, JOB = 64 };

typedef struct {
  char host[HOST], job[JOB];
  long pid;
  unsigned long long start; /* of the process, clock ticks since boot: tells a reused pid */
} owner;

/* State and start time from /proc; start 0 where there is no such process (or it is a zombie) or no /proc. */
static unsigned long long process_start(long pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = '\0';
  char *p = strrchr(text, ')'); /* the name before it may hold anything */
  if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X') return 0;
  for (int field = 2; field < 22 && p; field++) p = strchr(p + 1, ' ');
  return p ? strtoull(p + 1, NULL, 10) : 0;
}

static bool process_lives(const owner *o) {
  if (kill((pid_t)o->pid, 0) != 0 && errno == ESRCH) return false;
  if (access("/proc/self/stat", R_OK) != 0) return true;
  const unsigned long long now = process_start(o->pid);
  return now != 0 && (o->start == 0 || o->start == now);
}

static const char *job_id(void) {
  static const char *const names[] = {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *v = getenv(names[i]);
    if (v && pno_name_is_safe(v) && strlen(v) < JOB) return v;
  }
  return "-";
}

static void this_process(owner *o) {
  memset(o, 0, sizeof *o);
  if (gethostname(o->host, sizeof o->host - 1) != 0) snprintf(o->host, sizeof o->host, "localhost");
  snprintf(o->job, sizeof o->job, "%s", job_id());
  o->pid = (long)getpid();
  o->start = process_start(o->pid);
}

/* One write of fixed length: whoever reads sees nothing, or all. */
static bool record_write(int fd) {
  char text[RECORD];
  owner me;
  this_process(&me);
  memset(text, ' ', sizeof text);
  const int n = snprintf(text, sizeof text, "host %s pid %ld start %llu job %s", me.host, me.pid, me.start, me.job);
  text[n < RECORD ? n : RECORD - 1] = ' ';
  text[RECORD - 1] = '\n';
  return pwrite(fd, text, sizeof text, 0) == (ssize_t)sizeof text && fsync(fd) == 0;
}

static bool record_read(int fd, owner *o) {
  char text[RECORD + 1];
  const ssize_t n = pread(fd, text, RECORD, 0);
  memset(o, 0, sizeof *o);
  if (n != RECORD) return false;
  text[RECORD] = '\0';
  return sscanf(text, "host %255s pid %ld start %llu job %63s", o->host, &o->pid, &o->start, o->job) == 4;
}

/* A creator needs a moment between its open and its write. */
static bool record_wait(int fd, owner *o) {
  enum { TRIES = 50 };
  const struct timespec pause = {.tv_nsec = 10000000};
  for (int i = 0; i < TRIES; i++) {
    if (record_read(fd, o)) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

static bool is_free(const owner *o) {
  owner me;
  this_process(&me);
  return strcmp(o->host, me.host) == 0 && !process_lives(o);
}

static bool is_still_there(int dirfd, int fd) {
  struct stat here, there;
  return fstat(fd, &here) == 0 && fstatat(dirfd, ".lock", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

static void describe(const owner *o, char text[PNO_RUNDIR_HOLDER_TEXT]) {
  char host[128];
  snprintf(host, sizeof host, "%.127s", o->host);
  if (o->pid == 0)
    snprintf(text, PNO_RUNDIR_HOLDER_TEXT, "an unknown process");
  else
    snprintf(text, PNO_RUNDIR_HOLDER_TEXT, "pid %ld on host %s (job %s)", o->pid, host, o->job);
}

static pno_status held(const char *dir, const owner *o) {
  char who[PNO_RUNDIR_HOLDER_TEXT];
  describe(o, who);
  pno_fail(PNO_E_USAGE, "%s is in use by %s", dir, who);
  return pno_hint(PNO_E_USAGE, "stop it with pno ctl, or remove %s/.lock if that process is gone", dir);
}

/* Someone else's lock: taken over when its owner is dead. again: it vanished meanwhile, start over. */
static pno_status take_over(int dirfd, const char *dir, int *lockfd, bool *again) {
  owner o = {.pid = 0};
  const int fd = openat(dirfd, ".lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  *again = fd < 0 && errno == ENOENT;
  if (*again) return PNO_OK;
  if (fd < 0) return pno_fail(PNO_E_IO, "%s/.lock cannot be opened: %s", dir, strerror(errno));
  const bool known = record_wait(fd, &o);
  /* A file system without flock leaves what the record says. */
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  if (locked && known) record_read(fd, &o); /* another taker may have been faster */
  pno_status st = PNO_OK;
  if (!locked || (known && !is_free(&o)))
    st = held(dir, &o);
  else if (!is_still_there(dirfd, fd))
    *again = true;
  else if (!record_write(fd))
    st = pno_fail(PNO_E_IO, "%s/.lock cannot be written: %s", dir, strerror(errno));
  if (st == PNO_OK && !*again)
    *lockfd = fd;
  else
    close(fd);
  return st;
}

pno_status rundir_lock(int dirfd, const char *dir, int *lockfd) {
  enum { ROUNDS = 20 };
  for (int i = 0; i < ROUNDS; i++) {
    const int fd = openat(dirfd, ".lock", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, pno_fs_file_mode());
    if (fd >= 0) {
      /* Only a taker who saw the file empty for half a second can be before us here: then that one is the owner. */
      if ((flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) || !is_still_there(dirfd, fd)) {
        close(fd);
        continue;
      }
      if (record_write(fd)) {
        *lockfd = fd;
        return PNO_OK;
      }
      const pno_status st = pno_fail(PNO_E_IO, "%s/.lock cannot be written: %s", dir, strerror(errno));
      unlinkat(dirfd, ".lock", 0);
      close(fd);
      return st;
    }
    if (errno != EEXIST) return pno_fail(PNO_E_IO, "%s/.lock cannot be made: %s", dir, strerror(errno));
    bool again = false;
    const pno_status st = take_over(dirfd, dir, lockfd, &again);
    if (st != PNO_OK || !again) return st;
  }
  return pno_fail(PNO_E_USAGE, "%s/.lock changes hands too fast: other processes are starting in it", dir);
}

void rundir_unlock(int dirfd, int *lockfd) {
  if (*lockfd < 0) return;
  if (is_still_there(dirfd, *lockfd)) unlinkat(dirfd, ".lock", 0);
  close(*lockfd);
  *lockfd = -1;
}

void rundir_lock_holder(int dirfd, char text[PNO_RUNDIR_HOLDER_TEXT]) {
  owner o;
  text[0] = '\0';
  const int fd = openat(dirfd, ".lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  if (!record_wait(fd, &o) || !is_free(&o)) describe(&o, text);
  close(fd);
}
