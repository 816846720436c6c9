/* Every cut and every flipped bit in a manifest or a shard is seen before anything is parsed or written. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io/checkpoint_world.h"
#include "tests/io/io_files.h"

enum { CUTS = 200, FLIPS = 500 };

static pno_comm *comm;
static char dir[512], victim[2][600];
static const char *const names[2] = {"MANIFEST.json", "shard-00000-of-00001.h5"};

static void two_checkpoints(void) {
  cr_assert_eq(pno_comm_self(&comm), PNO_OK);
  snprintf(dir, sizeof dir, "%s", io_temp("damage"));
  cr_assert_eq(world_save(comm, dir, 1, 0, NULL), PNO_OK);
  cr_assert_eq(world_save(comm, dir, 2, 0, NULL), PNO_OK);
  for (int i = 0; i < 2; i++) snprintf(victim[i], sizeof victim[i], "%s/step-00000002/%s", dir, names[i]);
}

static void apart(void) { pno_comm_destroy(&comm); }

TestSuite(checkpoint_damage, .init = two_checkpoints, .fini = apart, .timeout = 120);

/* The damaged step is refused when asked for, and the newest is then the older one. */
static int seen(void) {
  int step = -1;
  if (world_load(comm, dir, (pno_checkpoint_choice){.step = 2}, &step) != PNO_E_INPUT) return 0;
  return world_load(comm, dir, (pno_checkpoint_choice){.step = -1}, &step) == PNO_OK && step == 1;
}

static int why_refused(const char *words) {
  int step = -1;
  return world_load(comm, dir, (pno_checkpoint_choice){.step = 2}, &step) == PNO_E_INPUT &&
         strstr(pno_fail_words(), words) != NULL;
}

Test(checkpoint_damage, a_cut_at_any_place_is_refused) {
  int caught = 0;
  for (int v = 0; v < 2; v++) {
    size_t n = 0;
    unsigned char *bytes = io_slurp(victim[v], &n);
    for (size_t k = 0; k < CUTS / 2; k++) {
      io_spit(victim[v], bytes, k == 0 ? 0 : k == 1 ? n - 1 : k * n / (CUTS / 2));
      caught += seen();
    }
    io_spit(victim[v], bytes, n);
    free(bytes);
  }
  cr_assert_eq(caught, CUTS);
  int step = -1;
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = 2}, &step), PNO_OK); /* put back, it is good */
}

Test(checkpoint_damage, a_flipped_bit_at_any_place_is_refused) {
  int caught = 0;
  for (int v = 0; v < 2; v++) {
    size_t n = 0;
    unsigned char *bytes = io_slurp(victim[v], &n);
    for (size_t k = 0; k < FLIPS / 2; k++) {
      const size_t bit = k * 2654435761u % (8 * n);
      bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
      io_spit(victim[v], bytes, n);
      caught += seen();
      bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    io_spit(victim[v], bytes, n);
    free(bytes);
  }
  cr_assert_eq(caught, FLIPS);
}

Test(checkpoint_damage, a_missing_file_or_a_link_is_refused) {
  size_t n = 0;
  for (int v = 0; v < 2; v++) {
    char other[700];
    unsigned char *bytes = io_slurp(victim[v], &n);
    snprintf(other, sizeof other, "%s/elsewhere", dir);
    cr_assert_eq(rename(victim[v], other), 0);
    cr_expect(seen());
    cr_expect_eq(why_refused("is missing"), 1, "%s", pno_fail_words());
    cr_assert_eq(symlink(other, victim[v]), 0); /* the right bytes behind a link */
    cr_expect(seen());
    cr_expect_eq(why_refused("is a link"), 1, "%s", pno_fail_words());
    unlink(victim[v]);
    cr_assert_eq(mkfifo(victim[v], 0600), 0);
    cr_expect(seen());
    cr_expect_eq(why_refused("not a regular file"), 1, "%s", pno_fail_words());
    unlink(victim[v]);
    cr_assert_eq(rename(other, victim[v]), 0);
    free(bytes);
  }
}

Test(checkpoint_damage, a_wrong_latest_is_passed_over) {
  static const char *const texts[] = {"", "step-00000002", "step-2\n", "../step-00000002\n", "step-00000009\n",
                                      "step-99999999999999999999\n", "x\n"};
  char path[600];
  snprintf(path, sizeof path, "%s/LATEST", dir);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    int step = -1;
    io_spit(path, texts[i], strlen(texts[i]));
    cr_expect_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = -1}, &step), PNO_OK);
    cr_expect_eq(step, 2);
  }
  unlink(path);
  int step = -1;
  cr_expect_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = -1}, &step), PNO_OK);
}

Test(checkpoint_damage, a_checkpoint_under_another_step_is_refused) {
  char from[600], to[600];
  int step = -1;
  snprintf(from, sizeof from, "%s/step-00000002", dir);
  snprintf(to, sizeof to, "%s/step-00000003", dir);
  cr_assert_eq(rename(from, to), 0);
  cr_assert_eq(world_load(comm, dir, (pno_checkpoint_choice){.step = 3}, &step), PNO_E_INPUT);
  cr_assert_not_null(strstr(pno_fail_words(), "it is of step 2"), "%s", pno_fail_words());
}
