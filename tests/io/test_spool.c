#include "io/spool.h"

#include "io_files.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const pno_digest key = {1, 2}, other = {1, 3};
enum { HEADER = 48, RECORD = 32 };

static void append(const char *dir, int rank, int first, int n, int step) {
  pno_spool *s = NULL;
  cr_assert(pno_spool_open(dir, rank, key, &s) == PNO_OK, "%s", pno_fail_words());
  for (int i = 0; i < n; i++) {
    const int id = first + i * step;
    const float values[3] = {(float)id, (float)id * 2.0f, -1.0f};
    cr_assert(pno_spool_append(s, (uint64_t)id, values, sizeof values) == PNO_OK);
  }
  cr_assert(pno_spool_close(&s) == PNO_OK);
  cr_assert(s == NULL);
}

static pno_spool_set *scan(const char *dir, uint64_t n) {
  pno_spool_set *set = NULL;
  cr_assert(pno_spool_scan(dir, key, n, &set) == PNO_OK, "%s", pno_fail_words());
  return set;
}

static void check(const pno_spool_set *set, int id) {
  float values[3];
  cr_assert(pno_spool_sample((void *)(uintptr_t)set, id, values, 3) == PNO_OK, "%s", pno_fail_words());
  cr_assert(values[0] == (float)id && values[1] == (float)id * 2.0f);
}

Test(spool, records_of_any_number_of_former_ranks_are_found) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 4, 3);
  append(dir, 1, 1, 4, 3);
  append(dir, 7, 2, 3, 3);
  append(dir, 0, 50, 1, 1); /* goes on behind */
  pno_spool_set *set = scan(dir, 60);
  cr_assert(pno_spool_count(set) == 12);
  for (int i = 0; i < 11; i++) check(set, i);
  check(set, 50);
  cr_assert(!pno_spool_has(set, 11) && !pno_spool_has(set, 60) && pno_spool_has(set, 50));
  pno_spool_set_close(&set);
}

Test(spool, a_missing_directory_is_an_empty_set) {
  pno_spool_set *set = scan(io_temp("nothing"), 5);
  float v[3];
  cr_assert(pno_spool_count(set) == 0 && !pno_spool_has(set, 0));
  cr_assert(pno_spool_read(set, 0, v, sizeof v) == PNO_E_INPUT);
  pno_spool_set_close(&set);
}

/* The crash of a machine may cut the file anywhere: whole records before the cut count, and appending goes on. */
Test(spool, a_file_cut_at_any_byte_keeps_its_whole_records_and_can_be_continued) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 3, 1);
  char path[600];
  snprintf(path, sizeof path, "%s/rank-0.spool", dir);
  size_t bytes = 0;
  unsigned char *all = io_slurp(path, &bytes);
  cr_assert(bytes == HEADER + 3 * (RECORD + 12), "%zu", bytes);
  for (size_t cut = 0; cut <= bytes; cut++) {
    const uint64_t whole = cut < HEADER ? 0 : (cut - HEADER) / (RECORD + 12);
    io_spit(path, all, cut);
    pno_spool_set *set = scan(dir, 9);
    cr_assert(pno_spool_count(set) == whole, "cut at %zu: %llu", cut, (unsigned long long)pno_spool_count(set));
    pno_spool_set_close(&set);
    append(dir, 0, 8, 1, 1);
    set = scan(dir, 9);
    cr_assert(pno_spool_count(set) == whole + 1);
    check(set, 8);
    for (int i = 0; i < (int)whole; i++) check(set, i);
    pno_spool_set_close(&set);
  }
  free(all);
}

Test(spool, a_flipped_bit_never_gives_a_wrong_record) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 2, 1);
  char path[600];
  snprintf(path, sizeof path, "%s/rank-0.spool", dir);
  size_t bytes = 0;
  unsigned char *all = io_slurp(path, &bytes);
  for (size_t i = 0; i < bytes; i++) {
    all[i] ^= 0x10;
    io_spit(path, all, bytes);
    all[i] ^= 0x10;
    pno_spool_set *set = NULL;
    const pno_status st = pno_spool_scan(dir, key, 4, &set);
    if (i < HEADER) {
      cr_assert(st == PNO_E_INPUT, "flip at %zu", i);
      continue;
    }
    cr_assert(st == PNO_OK && pno_spool_count(set) == (i < HEADER + RECORD + 12 ? 0 : 1), "flip at %zu", i);
    if (pno_spool_has(set, 0)) check(set, 0);
    pno_spool_set_close(&set);
  }
  free(all);
}

Test(spool, a_foreign_key_is_refused_with_a_hint_and_nothing_is_deleted) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 2, 1);
  pno_spool *s = NULL;
  pno_spool_set *set = NULL;
  cr_assert(pno_spool_open(dir, 0, other, &s) == PNO_E_INPUT && s == NULL);
  cr_assert(strstr(pno_fail_words(), "another configuration"));
  cr_assert(strstr(pno_fail_hint(), "delete"));
  cr_assert(pno_spool_scan(dir, other, 4, &set) == PNO_E_INPUT && set == NULL);
  set = scan(dir, 4);
  cr_assert(pno_spool_count(set) == 2);
  pno_spool_set_close(&set);
}

/* As a kill behind the header leaves it. */
Test(spool, a_foreign_spool_without_records_is_free) {
  const char *dir = io_temp("s");
  char path[600];
  snprintf(path, sizeof path, "%s/rank-0.spool", dir);
  append(dir, 0, 0, 1, 1);
  cr_assert(truncate(path, HEADER) == 0);
  pno_spool_set *set = NULL;
  pno_spool *s = NULL;
  cr_assert(pno_spool_scan(dir, other, 4, &set) == PNO_OK && pno_spool_count(set) == 0, "%s", pno_fail_words());
  pno_spool_set_close(&set);
  cr_assert(pno_spool_open(dir, 0, other, &s) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_spool_append(s, 2, NULL, 0) == PNO_OK);
  cr_assert(pno_spool_close(&s) == PNO_OK);
  cr_assert(pno_spool_scan(dir, key, 4, &set) == PNO_E_INPUT);
  cr_assert(strstr(pno_fail_hint(), "delete the folder") && strstr(pno_fail_hint(), dir));
}

Test(spool, one_without_records_leaves_nothing_behind) {
  const char *dir = io_temp("s");
  pno_spool *a = NULL, *b = NULL;
  cr_assert(pno_spool_open(dir, 0, key, &a) == PNO_OK);
  cr_assert(pno_spool_open(dir, 1, key, &b) == PNO_OK);
  cr_assert(pno_spool_append(b, 2, NULL, 0) == PNO_OK);
  cr_assert(pno_spool_close(&a) == PNO_OK && access(dir, F_OK) == 0);
  cr_assert(pno_spool_open(dir, 0, key, &a) == PNO_OK);
  cr_assert(pno_spool_close(&b) == PNO_OK && pno_spool_bytes(dir) == 2 * HEADER + RECORD);
  cr_assert(pno_spool_remove(dir) == PNO_OK && access(dir, F_OK) != 0);
  append(dir, 0, 3, 1, 1); /* of another process, meanwhile */
  cr_assert(pno_spool_close(&a) == PNO_OK);
  pno_spool_set *set = scan(dir, 5);
  cr_assert(pno_spool_has(set, 3), "the other's file is left alone");
  pno_spool_set_close(&set);
  cr_assert(pno_spool_remove(dir) == PNO_OK);
  cr_assert(pno_spool_open(dir, 0, key, &a) == PNO_OK && pno_spool_close(&a) == PNO_OK);
  cr_assert(access(dir, F_OK) != 0 && pno_spool_bytes(dir) == 0);
}

Test(spool, a_file_that_is_no_spool_is_refused) {
  const char *dir = io_temp("s");
  char path[600];
  mkdir(dir, 0700);
  snprintf(path, sizeof path, "%s/rank-0.spool", dir);
  for (size_t n = 1; n < 100; n += 33) {
    static const char text[100] = "somebody's notes";
    pno_spool *s = NULL;
    io_spit(path, text, n);
    cr_assert(pno_spool_open(dir, 0, key, &s) == PNO_E_INPUT && s == NULL);
    size_t left = 0;
    free(io_slurp(path, &left));
    cr_assert(left == n);
  }
}

Test(spool, two_writers_of_one_file_are_refused) {
  const char *dir = io_temp("s");
  pno_spool *a = NULL, *b = NULL;
  cr_assert(pno_spool_open(dir, 0, key, &a) == PNO_OK);
  cr_assert(pno_spool_open(dir, 0, key, &b) == PNO_E_IO && b == NULL);
  cr_assert(pno_spool_close(&a) == PNO_OK);
  cr_assert(pno_spool_open(dir, 0, key, &b) == PNO_OK);
  cr_assert(pno_spool_close(&b) == PNO_OK);
}

Test(spool, a_full_disk_leaves_whole_records_only) {
  const char *dir = io_temp("s");
  static float big[1000];
  pno_spool *s = NULL;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert(pno_spool_open(dir, 0, key, &s) == PNO_OK);
  cr_assert(pno_spool_append(s, 0, big, sizeof big) == PNO_OK);
  const struct rlimit small = {6000, RLIM_INFINITY}, no = {RLIM_INFINITY, RLIM_INFINITY};
  cr_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const pno_status st = pno_spool_append(s, 1, big, sizeof big);
  setrlimit(RLIMIT_FSIZE, &no);
  cr_assert(st == PNO_E_IO);
  cr_assert(strstr(pno_fail_words(), "rank-0.spool"));
  cr_assert(pno_spool_append(s, 2, big, sizeof big) == PNO_OK);
  cr_assert(pno_spool_close(&s) == PNO_OK);
  pno_spool_set *set = scan(dir, 3);
  cr_assert(pno_spool_count(set) == 2 && !pno_spool_has(set, 1));
  pno_spool_set_close(&set);
}

Test(spool, a_record_of_another_length_or_number_is_refused) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 2, 1);
  pno_spool_set *set = scan(dir, 2);
  float v[4];
  cr_assert(pno_spool_read(set, 0, v, sizeof v) == PNO_E_INPUT);
  cr_assert(pno_spool_read(set, 2, v, 12) == PNO_E_INPUT);
  pno_spool_set_close(&set);
  cr_assert(pno_spool_scan(dir, key, 1, &set) == PNO_E_INPUT && set == NULL);
}

Test(spool, a_record_changed_after_the_scan_is_noticed) {
  const char *dir = io_temp("s");
  append(dir, 0, 0, 1, 1);
  pno_spool_set *set = scan(dir, 1);
  char path[600];
  snprintf(path, sizeof path, "%s/rank-0.spool", dir);
  FILE *f = fopen(path, "r+b");
  fseek(f, HEADER + RECORD, SEEK_SET);
  fputc(0x55, f);
  fclose(f);
  float v[3];
  cr_assert(pno_spool_read(set, 0, v, sizeof v) == PNO_E_INPUT);
  pno_spool_set_close(&set);
}

Test(spool, removing_takes_the_spools_and_leaves_other_files) {
  const char *dir = io_temp("s");
  char note[600];
  cr_assert(pno_spool_remove(dir) == PNO_OK);
  append(dir, 0, 0, 1, 1);
  append(dir, 1, 1, 1, 1);
  snprintf(note, sizeof note, "%s/notes", dir);
  io_spit(note, "x", 1);
  cr_assert(pno_spool_remove(dir) == PNO_OK);
  cr_assert(access(note, F_OK) == 0);
  pno_spool_set *set = scan(dir, 5);
  cr_assert(pno_spool_count(set) == 0);
  pno_spool_set_close(&set);
  unlink(note);
  cr_assert(pno_spool_remove(dir) == PNO_OK);
  cr_assert(access(dir, F_OK) != 0);
}

Test(spool, empty_payloads_are_records_too) {
  const char *dir = io_temp("s");
  pno_spool *s = NULL;
  cr_assert(pno_spool_open(dir, 0, key, &s) == PNO_OK);
  cr_assert(pno_spool_append(s, 3, NULL, 0) == PNO_OK);
  cr_assert(pno_spool_close(&s) == PNO_OK);
  pno_spool_set *set = scan(dir, 4);
  cr_assert(pno_spool_has(set, 3) && pno_spool_count(set) == 1);
  pno_spool_set_close(&set);
  pno_spool_set_close(NULL);
  cr_assert(pno_spool_close(NULL) == PNO_OK);
}

Test(spool, a_directory_that_cannot_be_made_is_an_io_error) {
  pno_spool *s = NULL;
  cr_assert(pno_spool_open(io_temp("a/b/c"), 0, key, &s) == PNO_E_IO && s == NULL);
}
