#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/train/generate.h"
#include "tests/engine/train/train_world.h"

enum { SAMPLES = 9 };

static pno_generate_spec spec_of(const char *path) {
  static const char config[] = "pde:\n  kind: darcy\n";
  return (pno_generate_spec){.path = path, .name = "darcy", .generator = "test", .config = config,
                             .key = pno_digest_of(config, sizeof config - 1), .seed = 3, .samples = SAMPLES,
                             .equation = "darcy", .timeout_s = 30,
                             .pde = {.recipe = PNO_RECIPE_LI, .dims = 2, .n = {9, 9}, .alpha = 2, .tau = 3, .beta = 1,
                                     .tolerance = 1e-10}};
}

static bool exists(const char *path) {
  struct stat s;
  return stat(path, &s) == 0;
}

/* Asks to stop after so many own samples; -1: never. */
static int ask_after(void *user) {
  int *left = user;
  return *left >= 0 && (*left)-- == 0 ? PNO_ASK_STOP : 0;
}

static int the_content_is_that_of_one_rank(world *w) {
  train_enter(w);
  pno_comm *self = NULL;
  pno_generate_hooks none = {0};
  pno_generate_report all = {0}, one = {0};
  char name[32];
  cr_assert(pno_comm_self(&self) == PNO_OK);
  snprintf(name, sizeof name, "one-%d.h5", w->rank);
  const pno_generate_spec together = spec_of(train_path("all.h5")), alone = spec_of(train_path(name));
  int wrong = world_expect(w, pno_generate(&together, &none, w->comm, &all) == PNO_OK, "all ranks make it");
  wrong += world_expect(w, pno_generate(&alone, &none, self, &one) == PNO_OK, "one rank makes it");
  wrong += world_expect(w, memcmp(&all.digest, &one.digest, sizeof all.digest) == 0, "the content is the same");
  wrong += world_expect(w, all.made == SAMPLES && all.found == 0 && all.worst_residual <= 1e-10, "the report is right");
  wrong += world_expect(w, !exists(train_path("all.h5.spool")), "the spools are gone");
  pno_comm_destroy(&self);
  train_leave(w);
  return wrong;
}

/* The last rank asks after its first sample; then the same command goes on. */
static int an_interrupted_generation_goes_on(world *w) {
  train_enter(w);
  const pno_generate_spec spec = spec_of(train_path("d.h5")), whole = spec_of(train_path("whole.h5"));
  int left = w->rank == w->size - 1 ? 0 : -1;
  pno_generate_hooks hooks = {.user = &left, .ask = ask_after}, none = {0};
  pno_generate_report first = {0}, second = {0}, third = {0};
  int wrong = world_expect(w, pno_generate(&spec, &hooks, w->comm, &first) == PNO_E_INTERRUPTED, "all ranks stop");
  wrong += world_expect(w, strstr(pno_fail_words(), "stopped on request") != NULL, "the words say so");
  wrong += world_expect(w, first.made >= 1 && first.made < SAMPLES, "some were made");
  wrong += world_expect(w, !exists(spec.path), "there is no file yet");
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &second) == PNO_OK, "the next run ends well");
  wrong += world_expect(w, second.found == first.made && second.found + second.made == SAMPLES, "nothing is made twice");
  wrong += world_expect(w, pno_generate(&whole, &none, w->comm, &third) == PNO_OK, "and one without interruption");
  wrong += world_expect(w, memcmp(&second.digest, &third.digest, sizeof second.digest) == 0, "the content is the same");
  train_leave(w);
  return wrong;
}

/* No solution is that good: every rank fails in its first sample. */
static int an_equation_without_solution_fails_on_all_ranks(world *w) {
  train_enter(w);
  pno_generate_spec spec = spec_of(train_path("d.h5"));
  spec.pde.tolerance = 1e-300;
  pno_generate_hooks none = {0};
  pno_generate_report report = {.made = -7};
  int wrong = world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_DIVERGED, "it diverges");
  wrong += world_expect(w, strstr(pno_fail_words(), "darcy: sample 0") != NULL, "the words name the sample");
  wrong += world_expect(w, report.made == -7, "the report is left alone");
  spec.equation = "nothing";
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_USAGE, "no such equation");
  spec = spec_of(train_path("d.h5"));
  spec.pde.n[0] = 1;
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_USAGE, "no such grid");
  wrong += world_expect(w, !exists(train_path("d.h5")), "no file is left");
  train_leave(w);
  return wrong;
}

/* A foreign file in place of the last rank's spool. */
static int a_rank_that_cannot_spool_fails_for_all(world *w) {
  train_enter(w);
  const pno_generate_spec spec = spec_of(train_path("d.h5"));
  pno_generate_hooks none = {0};
  pno_generate_report report;
  char name[64], words[32];
  snprintf(name, sizeof name, "d.h5.spool/rank-%d.spool", w->size - 1);
  snprintf(words, sizeof words, "rank %d: ", w->size - 1);
  if (w->rank == w->size - 1) {
    mkdir(train_path("d.h5.spool"), 0700);
    FILE *f = fopen(train_path(name), "w");
    cr_assert(f != NULL);
    for (int i = 0; i < 100; i++) fputs("this is not a spool of ours ", f);
    fclose(f);
  }
  int wrong = world_expect(w, pno_barrier(w->comm) == PNO_OK, "it lies there");
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_INPUT, "it is refused on all ranks");
  if (w->size > 1) wrong += world_expect(w, strncmp(pno_fail_words(), words, strlen(words)) == 0, words);
  wrong += world_expect(w, exists(train_path(name)), "it is not deleted");
  train_leave(w);
  return wrong;
}

Test(generate, all_ranks_make_one_file_or_none, .timeout = 90) {
  const world_case cases[] = {
      {"the_content_is_that_of_one_rank", the_content_is_that_of_one_rank},
      {"an_interrupted_generation_goes_on", an_interrupted_generation_goes_on},
      {"an_equation_without_solution_fails_on_all_ranks", an_equation_without_solution_fails_on_all_ranks},
      {"a_rank_that_cannot_spool_fails_for_all", a_rank_that_cannot_spool_fails_for_all},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
