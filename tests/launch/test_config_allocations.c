/* Every allocation of the configuration fails once, and all from the n-th on: it says so, nothing leaks, nothing is half
 * taken. libyaml keeps its own allocator. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config_files.h"
#include "launch/config_impl.h"
#include "tests/support/alloc_sweep.h"

static const char *path;
static pno_config *c;

static void prepare(void) {
  static const char text[] = "model: {width: 24, modes: [8, 8]}\ntrain: {lr: 0.5}\n";
  path = config_file("a.yaml", text, sizeof text - 1);
}

TestSuite(config_allocations, .init = prepare, .timeout = 60);

static alloc_sweep_result sweep(pno_status (*call)(void *), bool (*after)(void *, pno_status)) {
  const alloc_sweep_result r = alloc_sweep_run(&(alloc_sweep){.call = call, .after = after});
  cr_expect(alloc_sweep_clean(&r), "%d allocations: %d refused, %d other, %d leaks from %p, %d wrong, first n = %d",
            r.allocations, r.refused, r.other, r.leaks, r.leak_from, r.wrong, r.first_bad);
  return r;
}

static pno_status create(void *user) {
  pno_config *made = NULL;
  (void)user;
  const pno_status st = pno_config_create(&made);
  cr_expect((made != NULL) == (st == PNO_OK));
  pno_config_destroy(&made);
  return st;
}

Test(config_allocations, a_configuration_is_made_or_refused) { cr_expect_eq(sweep(create, NULL).allocations, 1); }

static pno_status load(void *user) {
  (void)user;
  return pno_config_load(c, path);
}

static bool all_or_nothing(void *user, pno_status st) {
  (void)user;
  const bool good = pno_config_int(c, PNO_KEY_MODEL_WIDTH) == (st == PNO_OK ? 24 : 32) &&
                    pno_config_float(c, PNO_KEY_TRAIN_LR) == (st == PNO_OK ? 0.5 : 1e-3);
  return good && pno_config_set(c, "model.width=32", "cli") == PNO_OK &&
         pno_config_set(c, "train.lr=1e-3", "cli") == PNO_OK;
}

Test(config_allocations, a_file_is_taken_whole_or_not_at_all) {
  c = config_new();
  cr_expect(sweep(load, all_or_nothing).refused > 0);
  pno_config_destroy(&c);
}

Test(config_allocations, setting_a_key_and_the_digest_allocate_nothing) {
  c = config_new();
  cr_assert(pno_config_set(c, "train.lr=0.1", "cli") == PNO_OK); /* the C locale is made once */
  alloc_count_begin();
  const bool set = pno_config_set(c, "model.modes=1,2,3", "cli") == PNO_OK &&
                   pno_config_set(c, "data.test=a,b", "cli") == PNO_OK && pno_config_differs(c, c) == PNO_KEYS;
  pno_config_digest(c);
  cr_expect_eq(alloc_count_end(), 0);
  cr_expect(set);
  pno_config_destroy(&c);
}
