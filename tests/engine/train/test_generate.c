#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/train/generate.h"
#include "io/fsutil.h"
#include "tests/engine/train/train_world.h"

enum { SAMPLES = 9 };

static pno_generate_spec spec_of(const char *path) {
  static const char config[] = "pde:\n  kind: darcy\n";
  return (pno_generate_spec){.path = path, .name = "darcy", .generator = "test", .config = config,
                             .seed = 3, .samples = SAMPLES, .equation = "darcy", .timeout_s = 30,
                             .pde = {.dims = 2, .n = {9, 9}}};
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
  wrong += world_expect(w, all.made == SAMPLES && all.found == 0 && all.worst_error <= 1e-10, "the report is right");
  wrong += world_expect(w, !exists(train_path("all.h5.spool")), "the spools are gone");
  pno_comm_destroy(&self);
  train_leave(w);
  return wrong;
}

/* Numbers that the text of the configuration does not show: the recipe's, as if another program had others. */
static int spools_of_another_program_are_refused(world *w) {
  train_enter(w);
  const pno_generate_spec spec = spec_of(train_path("d.h5"));
  pno_generate_spec other = spec, resolved = spec;
  other.generator = "test 2";
  resolved.pde.tolerance = 1e-9;
  int left = w->rank == 0 ? 0 : -1;
  pno_generate_hooks hooks = {.user = &left, .ask = ask_after}, none = {0};
  pno_generate_report report = {0};
  int wrong = world_expect(w, pno_generate(&spec, &hooks, w->comm, &report) == PNO_E_INTERRUPTED, "it stops");
  wrong += world_expect(w, pno_generate(&other, &none, w->comm, &report) == PNO_E_INPUT, "another program is refused");
  wrong += world_expect(w, pno_generate(&resolved, &none, w->comm, &report) == PNO_E_INPUT, "so are other numbers");
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_OK && report.found > 0, "it goes on");
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

/* No solution is that good: no sample has one. */
static int an_equation_without_solution_fails_on_all_ranks(world *w) {
  train_enter(w);
  pno_generate_spec spec = spec_of(train_path("d.h5"));
  spec.pde.tolerance = 1e-300;
  pno_generate_hooks none = {0};
  pno_generate_report report = {.made = -7};
  int wrong = world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_DIVERGED, "it diverges");
  wrong += world_expect(w, strstr(pno_fail_words(), "darcy: no sample has a solution; sample ") != NULL, "the words name a sample");
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

/* A file that appears while the samples are made: in the last hook that any rank hears. */
static void appear(void *user, ptrdiff_t done, ptrdiff_t total, double eta_s) {
  (void)eta_s;
  FILE *f = done == total ? fopen(user, "w") : NULL;
  if (!f) return;
  fputs("another's", f);
  fclose(f);
}

static int a_file_that_appears_meanwhile_is_not_replaced(world *w) {
  train_enter(w);
  pno_generate_spec spec = spec_of(train_path("d.h5"));
  spec.sidecars = true;
  spec.samples = 1;
  char path[PNO_PATH_MAX], xdmf[PNO_PATH_MAX];
  snprintf(path, sizeof path, "%s", spec.path);
  snprintf(xdmf, sizeof xdmf, "%s", train_path("d.h5.xdmf"));
  spec.path = path;
  pno_generate_hooks hooks = {.user = path, .on_sample = appear}, none = {0};
  pno_generate_report report = {0};
  struct stat s = {.st_size = 0};
  int wrong = world_expect(w, pno_generate(&spec, &hooks, w->comm, &report) == PNO_E_IO, "it is refused");
  wrong += world_expect(w, strstr(pno_fail_words(), "appeared meanwhile") != NULL, "the words say so");
  wrong += world_expect(w, stat(path, &s) == 0 && s.st_size == 9, "the other's file is whole");
  wrong += world_expect(w, exists(train_path("d.h5.spool")) && !exists(xdmf), "spools stay, and nothing lies beside it");
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_E_USAGE, "now it is known in time");
  wrong += world_expect(w, strstr(pno_fail_hint(), "d.h5.spool is a rest") != NULL, "the hint names the spools");
  wrong += world_expect(w, pno_barrier(w->comm) == PNO_OK, "all have looked");
  if (w->rank == 0) wrong += world_expect(w, remove(path) == 0, "it goes away");
  wrong += world_expect(w, pno_barrier(w->comm) == PNO_OK, "on all ranks");
  wrong += world_expect(w, pno_generate(&spec, &none, w->comm, &report) == PNO_OK && report.found == 1, "all is there");
  wrong += world_expect(w, exists(xdmf) && !exists(train_path("d.h5.spool")), "also what lies beside it");
  train_leave(w);
  return wrong;
}

/* One process a rank: the second one is refused as long as the first holds the lock, and finds the file then. */
static int a_second_process_makes_nothing(world *w) {
  train_enter(w);
  pno_comm *self = NULL;
  pno_generate_hooks none = {0};
  pno_generate_report report = {0};
  const pno_generate_spec spec = spec_of(train_path("d.h5"));
  cr_assert(pno_comm_self(&self) == PNO_OK);
  const int made = pno_generate(&spec, &none, self, &report) == PNO_OK;
  int each[8] = {0}, all = 0;
  cr_assert(pno_allgather(w->comm, &made, sizeof made, each) == PNO_OK);
  for (int r = 0; r < w->size; r++) all += each[r];
  int wrong = world_expect(w, all == 1, "one of them makes it");
  wrong += world_expect(w, !exists(train_path("d.h5.spool")), "the spools are gone");
  pno_comm_destroy(&self);
  train_leave(w);
  return wrong;
}

/* Samples that differ in their viscosity and so in their price. */
static pno_generate_spec burgers(const char *path) {
  pno_generate_spec s = spec_of(path);
  s.equation = "burgers";
  s.samples = 23;
  s.pde = (pno_pde_request){.dims = 1, .n = {32}, .frames = 4, .n_parameters = 1, .parameters = {"nu=loguniform:.01:1"}};
  return s;
}

static int samples_of_different_prices_are_shared_out(world *w) {
  train_enter(w);
  pno_comm *self = NULL;
  pno_generate_hooks none = {0};
  pno_generate_report all = {0}, one = {0}, other = {0};
  char name[32];
  cr_assert(pno_comm_self(&self) == PNO_OK);
  snprintf(name, sizeof name, "one-%d.h5", w->rank);
  const pno_generate_spec together = burgers(train_path("all.h5")), alone = burgers(train_path(name));
  pno_generate_spec test = burgers(train_path("test.h5"));
  test.split = PNO_SPLIT_TEST;
  int wrong = world_expect(w, pno_generate(&together, &none, w->comm, &all) == PNO_OK, "all ranks make it");
  wrong += world_expect(w, pno_generate(&alone, &none, self, &one) == PNO_OK, "one rank makes it");
  wrong += world_expect(w, memcmp(&all.digest, &one.digest, sizeof all.digest) == 0, "the content is the same");
  wrong += world_expect(w, all.made == 23 && all.failed == 0, "the report is right");
  wrong += world_expect(w, pno_generate(&test, &none, w->comm, &other) == PNO_OK, "another split is made");
  wrong += world_expect(w, memcmp(&all.digest, &other.digest, sizeof all.digest) != 0, "it has other samples");
  pno_comm_destroy(&self);
  train_leave(w);
  return wrong;
}

static void count_failure(void *user, const char *words) {
  int *named = user;
  *named += strstr(words, "(beta=1, alpha=2, tau=3): ") != NULL;
}

/* Rounding decides which samples have a residual as small as that, so the test looks for a limit between them. */
static int a_sample_without_solution_is_named_and_left_out(world *w) {
  train_enter(w);
  pno_generate_report report = {0};
  int named = 0, wrong = 0, found = 0;
  pno_generate_hooks hooks = {.user = &named, .on_failure = count_failure};
  for (double tolerance = 4e-16; tolerance > 2e-17 && !found; tolerance *= .9) {
    pno_generate_spec spec = spec_of(train_path("d.h5"));
    spec.pde.tolerance = tolerance;
    named = 0;
    const pno_status st = pno_generate(&spec, &hooks, w->comm, &report);
    wrong += world_expect(w, st == PNO_OK || st == PNO_E_DIVERGED, "it ends well, or no sample is left");
    found = st == PNO_OK && report.failed > 0;
    if (w->rank == 0) remove(spec.path);
    if (pno_barrier(w->comm) != PNO_OK || st != PNO_OK) break;
  }
  wrong += world_expect(w, found, "some samples fail and others do not");
  wrong += world_expect(w, report.made + report.failed == SAMPLES, "each is made or has failed");
  wrong += world_expect(w, named == (w->rank == 0 ? report.failed : 0), "rank 0 hears of each by its parameters");
  train_leave(w);
  return wrong;
}

static int a_forecast_writes_nothing(world *w) {
  train_enter(w);
  const pno_generate_spec spec = burgers(train_path("d.h5"));
  pno_generate_forecast f = {0};
  pno_generate_hooks none = {0};
  int wrong = world_expect(w, pno_generate_ask(&spec, &none, w->comm, &f) == PNO_OK, "it is made");
  wrong += world_expect(w, f.bytes == 23. * 4 * 32 * 4, "bytes of 23 samples of 4 frames of 32 floats");
  wrong += world_expect(w, f.probes >= 1 && f.seconds > 0, "it takes time");
  wrong += world_expect(w, !exists(spec.path) && !exists(train_path("d.h5.spool")), "nothing is there");
  int left = w->rank == w->size - 1 ? 0 : -1;
  const pno_generate_hooks hooks = {.user = &left, .ask = ask_after};
  const double usual = pno_comm_timeout(w->comm);
  wrong += world_expect(w, pno_generate_ask(&spec, &hooks, w->comm, &f) == PNO_E_INTERRUPTED, "any rank may stop it");
  pno_generate_spec none_has = spec_of(train_path("d.h5"));
  none_has.pde.tolerance = 1e-300;
  wrong += world_expect(w, pno_generate_ask(&none_has, &none, w->comm, &f) == PNO_E_DIVERGED, "no probe has a solution");
  wrong += world_expect(w, strstr(pno_fail_words(), "none of 4 samples") != NULL, "the words say so");
  wrong += world_expect(w, pno_comm_timeout(w->comm) == usual, "the time-out is what it was");
  train_leave(w);
  return wrong;
}

Test(generate, all_ranks_make_one_file_or_none, .timeout = 90) {
  const world_case cases[] = {
      {"the_content_is_that_of_one_rank", the_content_is_that_of_one_rank},
      {"an_interrupted_generation_goes_on", an_interrupted_generation_goes_on},
      {"spools_of_another_program_are_refused", spools_of_another_program_are_refused},
      {"samples_of_different_prices_are_shared_out", samples_of_different_prices_are_shared_out},
      {"a_sample_without_solution_is_named_and_left_out", a_sample_without_solution_is_named_and_left_out},
      {"a_file_that_appears_meanwhile_is_not_replaced", a_file_that_appears_meanwhile_is_not_replaced},
      {"a_second_process_makes_nothing", a_second_process_makes_nothing},
      {"a_forecast_writes_nothing", a_forecast_writes_nothing},
      {"an_equation_without_solution_fails_on_all_ranks", an_equation_without_solution_fails_on_all_ranks},
      {"a_rank_that_cannot_spool_fails_for_all", a_rank_that_cannot_spool_fails_for_all},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
