#include "io/rundir.h"

#include "io_files.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[512];

static void name_run(void) { snprintf(dir, sizeof dir, "%s", io_temp("run")); }

TestSuite(rundir, .init = name_run, .timeout = 60);

static pno_rundir *must_open(bool resume, const char *id) {
  pno_rundir *r = NULL;
  cr_assert(pno_rundir_open(dir, resume, id, &r) == PNO_OK, "%s", pno_fail_words());
  return r;
}

static void refused(bool resume, const char *id, const char *words) {
  pno_rundir *r = NULL;
  cr_expect_eq(pno_rundir_open(dir, resume, id, &r), PNO_E_USAGE, "%s", pno_fail_words());
  cr_expect_null(r);
  cr_expect_not_null(strstr(pno_fail_words(), words), "expected '%s' in '%s'", words, pno_fail_words());
}

static void in_dir(char *path, const char *name) { snprintf(path, 600, "%s/%s", dir, name); }

static mode_t mode_of(const char *name) {
  char path[600];
  struct stat s;
  in_dir(path, name);
  cr_assert(lstat(path, &s) == 0, "%s is not there", name);
  return s.st_mode & 07777;
}

Test(rundir, a_new_run_has_its_folders_and_nobody_else_may_read_them) {
  static const char *const folders[] = {"", "checkpoints", "eval", "predictions", "control"};
  pno_rundir *r = must_open(false, NULL);
  cr_expect_str_eq(pno_rundir_path(r), dir);
  cr_expect(strlen(pno_rundir_id(r)) > 0);
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) cr_expect_eq(mode_of(folders[i]), 0700, "%s", folders[i]);
  cr_expect_eq(mode_of("env.json"), 0600);
  cr_expect_eq(mode_of(".lock"), 0600);
  pno_rundir_close(&r);
  cr_assert_null(r);
  pno_rundir_close(&r);
}

Test(rundir, a_resumed_run_keeps_its_name) {
  pno_rundir *r = must_open(false, "my-run.7");
  pno_rundir_close(&r);
  cr_assert(pno_rundir_is_run(dir));
  r = must_open(true, NULL);
  cr_expect_str_eq(pno_rundir_id(r), "my-run.7");
  pno_rundir_close(&r);
}

Test(rundir, a_second_start_and_a_resume_of_nothing_are_refused) {
  char path[600];
  cr_assert(mkdir(dir, 0700) == 0);
  refused(true, NULL, "holds no run to resume");
  in_dir(path, "thesis.tex");
  io_spit(path, "text", 4);
  refused(false, NULL, "is not empty");
  cr_expect(access(path, F_OK) == 0 && !pno_rundir_is_run(dir));
  in_dir(path, ".lock");
  cr_expect(access(path, F_OK) != 0, "a foreign directory was touched");
  in_dir(path, "thesis.tex");
  unlink(path);
  pno_rundir *r = must_open(false, "first");
  pno_rundir_close(&r);
  refused(false, NULL, "already holds run first");
}

Test(rundir, names_that_are_no_names_are_refused) {
  static const char *const bad[] = {"a/b", "", "..", "a b",
                                    "0123456789012345678901234567890123456789012345678901234567890123"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(false, bad[i], "run id");
}

/* A child that holds the run until it is killed. Returns its pid when the run is open. */
static pid_t hold(bool resume) {
  int ready[2];
  char byte;
  cr_assert(pipe(ready) == 0);
  const pid_t pid = fork();
  cr_assert(pid >= 0);
  if (pid == 0) {
    pno_rundir *r = NULL;
    if (pno_rundir_open(dir, resume, NULL, &r) != PNO_OK || write(ready[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  cr_assert(read(ready[0], &byte, 1) == 1, "the child could not open the run");
  close(ready[0]);
  return pid;
}

static void end(pid_t pid) {
  kill(pid, SIGKILL);
  cr_assert(waitpid(pid, NULL, 0) == pid);
}

Test(rundir, a_second_process_is_told_who_holds_the_run) {
  char who[32], text[PNO_RUNDIR_HOLDER_TEXT];
  const pid_t pid = hold(false);
  snprintf(who, sizeof who, "pid %ld on host", (long)pid);
  refused(true, NULL, who);
  pno_rundir_holder(dir, text);
  cr_expect_not_null(strstr(text, who), "%s", text);
  end(pid);
  pno_rundir_holder(dir, text);
  cr_expect_str_empty(text);
}

Test(rundir, a_lock_that_a_killed_process_left_is_taken_over) {
  char path[600], text[PNO_RUNDIR_HOLDER_TEXT];
  end(hold(false));
  in_dir(path, ".lock");
  cr_assert(access(path, F_OK) == 0);
  end(hold(true));
  pno_rundir *r = must_open(true, NULL);
  pno_rundir_holder(dir, text);
  cr_expect_not_null(strstr(text, "pid "), "%s", text);
  pno_rundir_close(&r);
  cr_expect(access(path, F_OK) != 0, "the lock stayed behind");
  pno_rundir_holder(dir, text);
  cr_expect_str_empty(text);
}

/* A pid is used again by a stranger: its start time differs. Another host cannot be asked, so its lock holds. */
Test(rundir, a_reused_pid_frees_the_lock_and_another_host_does_not) {
  char path[600], host[256] = "", record[513], text[300];
  pno_rundir *r = must_open(false, "first");
  pno_rundir_close(&r);
  in_dir(path, ".lock");
  cr_assert(gethostname(host, sizeof host - 1) == 0);
  for (int foreign = 0; foreign < 2; foreign++) {
    memset(record, ' ', sizeof record);
    const int n = snprintf(text, sizeof text, "host %.200s pid %ld start 1 job 17", foreign ? "elsewhere" : host,
                           (long)getppid());
    memcpy(record, text, (size_t)n);
    record[511] = '\n';
    io_spit(path, record, 512);
    if (foreign) {
      refused(true, NULL, "on host elsewhere (job 17)");
    } else {
      r = must_open(true, NULL);
      pno_rundir_close(&r);
    }
  }
}

Test(rundir, of_many_takers_of_a_dead_lock_exactly_one_wins) {
  enum { TAKERS = 8 };
  pid_t pid[TAKERS];
  int go[2], won = 0;
  char byte;
  end(hold(false));
  cr_assert(pipe(go) == 0);
  for (int i = 0; i < TAKERS; i++) {
    pid[i] = fork();
    cr_assert(pid[i] >= 0);
    if (pid[i] == 0) {
      pno_rundir *r = NULL;
      close(go[1]);
      if (read(go[0], &byte, 1) != 0) _exit(9); /* end of file is the start signal */
      const pno_status st = pno_rundir_open(dir, true, NULL, &r);
      if (st != PNO_OK) _exit(st == PNO_E_USAGE ? 2 : 9);
      for (;;) pause(); /* the winner keeps it */
    }
  }
  close(go[0]);
  close(go[1]);
  for (int ended = 0; ended < TAKERS - 1; ended++) {
    int status = 0;
    const pid_t p = wait(&status);
    cr_assert(p > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 2, "status %d", status);
    for (int i = 0; i < TAKERS; i++)
      if (pid[i] == p) pid[i] = 0;
  }
  for (int i = 0; i < TAKERS; i++)
    if (pid[i] > 0) {
      won++;
      end(pid[i]);
    }
  cr_assert_eq(won, 1);
}

Test(rundir, what_is_asked_is_seen_once) {
  pno_rundir *r = must_open(false, NULL);
  cr_expect_eq(pno_rundir_poll(r), 0);
  cr_assert(pno_rundir_ask(dir, PNO_CONTROL_STOP) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(pno_rundir_poll(r), PNO_CONTROL_STOP);
  cr_expect_eq(pno_rundir_poll(r), 0);
  cr_assert(pno_rundir_ask(dir, PNO_CONTROL_STOP | PNO_CONTROL_CHECKPOINT) == PNO_OK);
  cr_assert(pno_rundir_ask(dir, PNO_CONTROL_CHECKPOINT) == PNO_OK);
  cr_expect_eq(pno_rundir_poll(r), PNO_CONTROL_STOP | PNO_CONTROL_CHECKPOINT);
  cr_expect_eq(pno_rundir_poll(r), 0);
  pno_rundir_close(&r);
}

Test(rundir, what_was_asked_of_an_earlier_process_is_void) {
  pno_rundir *r = must_open(false, NULL);
  cr_assert(pno_rundir_ask(dir, PNO_CONTROL_STOP) == PNO_OK);
  pno_rundir_close(&r);
  r = must_open(true, NULL);
  cr_expect_eq(pno_rundir_poll(r), 0);
  pno_rundir_close(&r);
}

Test(rundir, links_and_folders_in_control_are_ignored) {
  char path[600];
  pno_rundir *r = must_open(false, NULL);
  in_dir(path, "control/stop");
  cr_assert(symlink("/dev/null", path) == 0);
  in_dir(path, "control/checkpoint");
  cr_assert(mkdir(path, 0700) == 0);
  cr_expect_eq(pno_rundir_poll(r), 0);
  pno_rundir_close(&r);
}

Test(rundir, asking_a_directory_that_is_no_run_is_refused) {
  cr_expect_eq(pno_rundir_ask(dir, PNO_CONTROL_STOP), PNO_E_USAGE);
  cr_assert(mkdir(dir, 0700) == 0);
  cr_expect_eq(pno_rundir_ask(dir, PNO_CONTROL_STOP), PNO_E_USAGE);
  cr_expect(!pno_rundir_is_run(dir));
}

Test(rundir, env_json_holds_facts_and_no_secret_of_the_environment) {
  static const char *const facts[][2] = {{"build", "abc"}, {"ranks", "2"}};
  char path[600];
  size_t n = 0;
  setenv("OMP_NUM_THREADS", "3", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "planted-secret", 1);
  pno_rundir *r = must_open(false, "with-facts");
  cr_assert(pno_rundir_write_env(r, facts, 2) == PNO_OK, "%s", pno_fail_words());
  pno_rundir_close(&r);
  in_dir(path, "env.json");
  char *text = (char *)io_slurp(path, &n);
  text[n] = '\0';
  cr_expect_not_null(strstr(text, "\"build\": \"abc\""), "%s", text);
  cr_expect_not_null(strstr(text, "\"OMP_NUM_THREADS\": \"3\""));
  cr_expect_not_null(strstr(text, "\"run_id\": \"with-facts\""));
  cr_expect_null(strstr(text, "planted-secret"));
  free(text);
}
