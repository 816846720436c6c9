#include "io/checkpoint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "tests/io/checkpoint_world.h"
#include "tests/io/io_files.h"

static pno_comm *comm;
static int warnings;

static void count_warnings(void *user, pno_log_level level, const char *module, const char *text) {
  (void)user, (void)module, (void)text;
  warnings += level == PNO_LOG_WARN;
}

static void alone(void) {
  cr_assert_eq(pno_comm_self(&comm), PNO_OK);
  pno_log_to(count_warnings, NULL);
}

static void apart(void) { pno_comm_destroy(&comm); }

TestSuite(checkpoint, .init = alone, .fini = apart, .timeout = 60);

static const pno_checkpoint_choice newest = {.step = -1};

static bool exists(const char *dir, const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return access(path, F_OK) == 0;
}

static void damage(const char *dir, const char *name) {
  char path[600];
  size_t n = 0;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  unsigned char *bytes = io_slurp(path, &n);
  bytes[n / 2] ^= 1;
  io_spit(path, bytes, n);
  free(bytes);
}

Test(checkpoint, arrays_and_scalars_come_back_bit_by_bit) {
  const char *dir = io_temp("round");
  int step = -1;
  pno_checkpoint_info info;
  cr_assert_eq(world_save(comm, dir, 12, 0, &info), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(info.step, 12);
  cr_assert_str_eq(info.name, "step-00000012");
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(step, 12);
  cr_assert_eq(warnings, 0);
}

Test(checkpoint, step_0_can_be_saved) {
  const char *dir = io_temp("zero");
  int step = -1;
  cr_assert_eq(world_save(comm, dir, 0, 0, NULL), PNO_OK);
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(step, 0);
}

Test(checkpoint, equal_content_gives_equal_bytes) {
  char path[2][600];
  size_t n[2] = {0};
  unsigned char *bytes[2];
  for (int i = 0; i < 2; i++) {
    const char *dir = io_temp(i ? "same1" : "same0");
    cr_assert_eq(world_save(comm, dir, 3, 0, NULL), PNO_OK);
    snprintf(path[i], sizeof path[i], "%s/step-00000003/MANIFEST.json", dir);
    bytes[i] = io_slurp(path[i], &n[i]);
  }
  cr_assert_eq(n[0], n[1]);
  cr_assert_arr_eq(bytes[0], bytes[1], n[0]);
  free(bytes[0]);
  free(bytes[1]);
}

Test(checkpoint, an_explicit_step_and_best_are_found) {
  const char *dir = io_temp("explicit");
  const pno_checkpoint_options best = {.best = true};
  static world w;
  int step = -1;
  for (int s = 1; s <= 4; s++) {
    world_make(&w, s);
    cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, WORLD_ARRAYS,
                                     s == 2 ? &best : &(pno_checkpoint_options){.keep = 2}, NULL), PNO_OK);
  }
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = 3}, &step), PNO_OK);
  cr_assert_eq(step, 3);
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.best = true}, &step), PNO_OK);
  cr_assert_eq(step, 2);
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = 1}, &step), PNO_E_INPUT);
}

Test(checkpoint, only_the_newest_and_the_best_stay) {
  const char *dir = io_temp("keep");
  static world w;
  for (int s = 1; s <= 6; s++) {
    world_make(&w, s);
    const pno_checkpoint_options o = {.keep = 2, .best = s == 3};
    cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, WORLD_ARRAYS, &o, NULL), PNO_OK);
  }
  int64_t *steps = NULL;
  int n = 0;
  cr_assert_eq(pno_checkpoint_steps(dir, &steps, &n), PNO_OK);
  cr_assert_eq(n, 3);
  cr_assert(steps[0] == 3 && steps[1] == 5 && steps[2] == 6);
  free(steps);
}

Test(checkpoint, the_same_step_is_replaced) {
  const char *dir = io_temp("again");
  int step = -1;
  cr_assert_eq(world_save(comm, dir, 7, 0, NULL), PNO_OK);
  cr_assert_eq(world_save(comm, dir, 7, 0, NULL), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK);
  cr_assert_not(exists(dir, "step-00000007.tmp"));
  cr_assert_not(exists(dir, "step-00000007.old.tmp"));
}

Test(checkpoint, a_step_saved_after_going_back_ends_the_abandoned_branch) {
  const char *dir = io_temp("branch");
  int step = -1;
  for (int s = 1; s <= 4; s++) cr_assert_eq(world_save(comm, dir, s, 0, NULL), PNO_OK);
  cr_assert_eq(world_save(comm, dir, 2, 0, NULL), PNO_OK); /* as a run that resumed at 1 does */
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK);
  cr_assert_eq(step, 2);
  cr_assert_not(exists(dir, "step-00000004"));
}

Test(checkpoint, a_damaged_newest_one_falls_back_with_a_warning_and_strict_stops) {
  const char *dir = io_temp("fallback");
  int step = -1;
  cr_assert_eq(world_save(comm, dir, 1, 0, NULL), PNO_OK);
  cr_assert_eq(world_save(comm, dir, 2, 0, NULL), PNO_OK);
  damage(dir, "step-00000002/shard-00000-of-00001.h5");
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = -1, .strict = true}, &step), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "digest mismatch"), "%s", pno_fail_words());
  cr_assert_eq(warnings, 0);
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK);
  cr_assert_eq(step, 1);
  cr_assert_eq(warnings, 1);
  damage(dir, "step-00000001/MANIFEST.json");
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "none of the 2"), "%s", pno_fail_words());
}

Test(checkpoint, a_missing_directory_or_an_empty_one_is_said) {
  const char *dir = io_temp("nothing");
  int step = -1;
  int64_t *steps = NULL;
  int n = -1;
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_E_IO);
  cr_assert_eq(pno_checkpoint_steps(dir, &steps, &n), PNO_OK);
  cr_assert_eq(n, 0);
  cr_assert_eq(mkdir(dir, 0700), 0);
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "no checkpoint"));
}

Test(checkpoint, another_model_is_a_shape_error_and_nothing_is_written) {
  const char *dir = io_temp("shape");
  static world w, before;
  cr_assert_eq(world_save(comm, dir, 1, 0, NULL), PNO_OK);
  world_make(&w, 9);
  w.arrays[7].shape[0] = 3; /* 3 x 3 instead of 2 x 3; its six values are not reached */
  before = w;
  cr_assert_eq(pno_checkpoint_load(comm, dir, &newest, &w.meta, w.arrays, WORLD_ARRAYS, NULL), PNO_E_SHAPE);
  cr_assert_not_null(strstr(pno_fail_words(), "norm/x_mean has shape (2,3)"), "%s", pno_fail_words());
  cr_assert_eq(memcmp(&before, &w, sizeof w), 0);
  snprintf(w.arrays[7].name, sizeof w.arrays[7].name, "norm/other");
  cr_assert_eq(pno_checkpoint_load(comm, dir, &newest, &w.meta, w.arrays, WORLD_ARRAYS, NULL), PNO_E_SHAPE);
}

Test(checkpoint, a_part_of_the_arrays_can_be_loaded) {
  const char *dir = io_temp("part");
  static world w, want;
  cr_assert_eq(world_save(comm, dir, 4, 0, NULL), PNO_OK);
  world_clear(&w);
  world_make(&want, 4);
  cr_assert_eq(pno_checkpoint_load(comm, dir, &newest, &w.meta, w.arrays, 3, NULL), PNO_OK);
  cr_assert_arr_eq(w.arrays[2].data, want.arrays[2].data, (size_t)4 * 3 * 3 * 2 * 16 * sizeof(float));
  pno_checkpoint_meta meta;
  pno_checkpoint_info info;
  cr_assert_eq(pno_checkpoint_peek(dir, &newest, &meta, &info), PNO_OK);
  cr_assert(meta.step == 4 && info.shards == 1 && meta.n_scalars == 4);
}

Test(checkpoint, a_small_limit_of_memory_splits_the_shard) {
  const char *dir = io_temp("split");
  static world w;
  pno_checkpoint_info one, many;
  int step = -1;
  world_make(&w, 5);
  cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, WORLD_ARRAYS, &(pno_checkpoint_options){0}, &one), PNO_OK);
  cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, WORLD_ARRAYS,
                                   &(pno_checkpoint_options){.inmem_limit = 1500}, &many), PNO_OK);
  cr_assert_eq(one.shards, 1);
  cr_assert_gt(many.shards, 1);
  cr_assert(pno_digest_equal(one.tensors, many.tensors));
  cr_assert_eq(world_load(comm, dir, newest, &step), PNO_OK, "%s", pno_fail_words());
}

Test(checkpoint, bad_names_are_refused_before_anything_is_written) {
  const char *dir = io_temp("names");
  static world w;
  world_make(&w, 1);
  snprintf(w.arrays[1].name, sizeof w.arrays[1].name, "%s", w.arrays[0].name);
  cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, 2, &(pno_checkpoint_options){0}, NULL), PNO_E_SHAPE);
  snprintf(w.arrays[1].name, sizeof w.arrays[1].name, "loose");
  cr_assert_eq(pno_checkpoint_save(comm, dir, &w.meta, w.arrays, 2, &(pno_checkpoint_options){0}, NULL), PNO_E_SHAPE);
  cr_assert_eq(pno_checkpoint_put_i64(&w.meta, "loose", 1), PNO_E_INTERNAL);
  cr_assert_eq(pno_checkpoint_put_i64(&w.meta, "a/../b", 1), PNO_E_INTERNAL);
  cr_assert_neq(access(dir, F_OK), 0);
}

/* ---- what pno check sees ---- */

typedef struct {
  int good, bad;
  char bad_what[256];
} findings;

static void note(void *user, const char *what, pno_status st, const char *words) {
  findings *f = user;
  if (st == PNO_OK) {
    f->good++;
    return;
  }
  f->bad++;
  snprintf(f->bad_what, sizeof f->bad_what, "%s: %.200s", what, words);
}

Test(checkpoint, a_verification_names_what_is_wrong) {
  const char *dir = io_temp("verify"), *journal = io_temp("journal");
  char path[600];
  cr_assert_eq(mkdir(journal, 0700), 0);
  snprintf(path, sizeof path, "%s/metrics.jsonl", journal);
  io_spit(path, "line and more", 13);
  cr_assert_eq(world_save(comm, dir, 1, 0, NULL), PNO_OK);
  cr_assert_eq(world_save(comm, dir, 2, 0, NULL), PNO_OK);
  findings f = {0};
  cr_assert_eq(pno_checkpoint_verify(dir, journal, true, note, &f), PNO_OK, "%s", f.bad_what);
  cr_assert_eq(f.good, 4); /* two checkpoints, LATEST, the journal */
  io_spit(path, "lime and more", 13);
  cr_assert_eq(pno_checkpoint_verify(dir, journal, true, note, &f), PNO_E_INPUT);
  cr_assert_not_null(strstr(f.bad_what, "metrics.jsonl"), "%s", f.bad_what);
  io_spit(path, "lin", 3);
  cr_assert_eq(pno_checkpoint_verify(dir, journal, true, note, &f), PNO_E_INPUT);
  snprintf(path, sizeof path, "%s/BEST", dir);
  io_spit(path, "step-00000009\n", 14);
  cr_assert_eq(pno_checkpoint_verify(dir, NULL, false, note, &f), PNO_E_INPUT);
  cr_assert_not_null(strstr(f.bad_what, "BEST"), "%s", f.bad_what);
  unlink(path);
  damage(dir, "step-00000001/shard-00000-of-00001.h5");
  cr_assert_eq(pno_checkpoint_verify(dir, NULL, false, note, &f), PNO_E_INPUT);
  cr_assert_not_null(strstr(f.bad_what, "step-00000001"), "%s", f.bad_what);
}
