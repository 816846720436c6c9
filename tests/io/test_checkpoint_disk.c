#include <criterion/criterion.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/io/checkpoint_world.h"

/* Children here end through exit(), so the folder is removed by the process that made it alone. */
static char folder[256];
static pid_t owner;
static pno_comm *comm;
static const pno_checkpoint_choice newest = {.step = -1};

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *f) {
  (void)s, (void)kind, (void)f;
  return remove(path);
}

static void remove_folder(void) {
  if (getpid() == owner) nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void start(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/pno-disk-XXXXXX", base && base[0] ? base : "/tmp");
  cr_assert_not_null(mkdtemp(folder));
  owner = getpid();
  atexit(remove_folder);
  cr_assert_eq(pno_comm_self(&comm), PNO_OK);
}

static void stop(void) { pno_comm_destroy(&comm); }

TestSuite(checkpoint_disk, .init = start, .fini = stop, .timeout = 120);

static const char *place(const char *name) {
  static char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static bool exists(const char *dir, const char *name) {
  char path[800];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return access(path, F_OK) == 0;
}

static void note(void *user, const char *what, pno_status st, const char *words) {
  if (st != PNO_OK) snprintf(user, 256, "%s: %.200s", what, words);
}


Test(checkpoint_disk, a_full_disk_leaves_the_old_one_and_names_path_and_bytes) {
  const char *dir = place("full");
  cr_assert_eq(world_save(comm, dir, 1, 0, NULL), PNO_OK);
  int refused = 0, saved = 0;
  for (rlim_t limit = 0; limit < 24576; limit += 384) { /* 64 points */
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGXFSZ, SIG_IGN);
      const struct rlimit r = {limit, limit};
      setrlimit(RLIMIT_FSIZE, &r);
      const pno_status st = world_save(comm, dir, 2, 0, NULL);
      const bool says = strstr(pno_fail_words(), dir) && strstr(pno_fail_words(), "bytes needed");
      exit(st == PNO_OK ? 0 : st == PNO_E_IO && says ? 4 : 1); /* exit, not _exit: HDF5 must not crash in it */
    }
    int status = 0, step = -1;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4), "limit %d: status %d",
              (int)limit, status);
    refused += WEXITSTATUS(status) == 4;
    saved += WEXITSTATUS(status) == 0;
    cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(step, WEXITSTATUS(status) == 0 || saved ? 2 : 1);
    cr_assert_not(exists(dir, "step-00000002.tmp"));
  }
  cr_assert_gt(refused, 10);
  cr_assert_gt(saved, 0);
}

Test(checkpoint_disk, a_file_in_the_way_or_a_missing_parent_is_an_io_error) {
  const char *file = place("file");
  FILE *f = fopen(file, "w");
  cr_assert_not_null(f);
  fclose(f);
  cr_assert_eq(world_save(comm, file, 1, 0, NULL), PNO_E_IO);
  cr_assert_not_null(strstr(pno_fail_words(), file));
  cr_assert_eq(world_save(comm, place("a/b/c"), 1, 0, NULL), PNO_E_IO);
  cr_assert_eq(world_save(comm, "/proc/pno", 1, 0, NULL), PNO_E_IO); /* a file system that takes no writes */
}

Test(checkpoint_disk, kill_minus_nine_while_saving_tears_nothing) {
  const char *dir = place("kill");
  for (int trial = 0; trial < 5; trial++) {
    int acknowledged[2];
    cr_assert_eq(pipe(acknowledged), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(acknowledged[0]);
      for (int s = 100 * trial + 1;; s++) {
        if (world_save(comm, dir, s, 2, NULL) != PNO_OK) _exit(1);
        if (write(acknowledged[1], &s, sizeof s) != (ssize_t)sizeof s) _exit(1);
      }
    }
    close(acknowledged[1]);
    usleep((useconds_t)(120000 + 37000 * trial));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int last = 0, s, step = -1;
    while (read(acknowledged[0], &s, sizeof s) == (ssize_t)sizeof s) last = s;
    close(acknowledged[0]);
    cr_assert_gt(last, 0, "no save was finished in trial %d", trial);
    char bad[256] = "";
    cr_assert_eq(pno_checkpoint_verify(dir, NULL, true, note, bad), PNO_OK, "%s", bad); /* 0 torn */
    cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = -1, .strict = true}, &step), PNO_OK);
    cr_assert(step >= last && step <= last + 1, "step %d came back, %d was acknowledged", step, last); /* 0 lost */
  }
}
