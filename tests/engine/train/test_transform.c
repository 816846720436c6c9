/* Who takes an FFT for the rows: the same choice and the same bits on all ranks, from a file where there is one. */
#include "engine/train/transform.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "kernels/dispatch.h"
#include "tests/engine/train/train_world.h"

enum { N = 270 };
static const int grid[PNO_DIMS_MAX] = {N};
static int warnings;

static void count(void *user, pno_log_level level, const char *module, const char *text) {
  (void)user, (void)module, (void)text;
  warnings += level == PNO_LOG_WARN;
}

static pno_fno *model(int modes) {
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI,
                             .dims = 1,
                             .in = 1,
                             .out = 1,
                             .width = 20,
                             .modes = {modes},
                             .layers = 2,
                             .head_hidden = 8,
                             .embed = true};
  pno_fno *f = NULL;
  cr_assert(pno_fno_create(&spec, &f) == PNO_OK);
  return f;
}

/* NULL where no table of this processor has an FFT. */
static const pno_kernels *with_fft(void) {
  const pno_kernels *k = pno_kernels_find("auto");
  const pno_grid g = {.len = N};
  return k->fft_floats(&g, 1) > 0 ? k : NULL;
}

static pno_transforms *chooser(pno_transform_mode mode, const char *folder, const char *processor) {
  pno_transforms *t = NULL;
  cr_assert(pno_transforms_create(mode, folder, processor, &t) == PNO_OK);
  return t;
}

static void forward(const pno_fno *f, const pno_row_fft *fft, float *out) {
  static const float one = 1.0f, zero = 0.0f;
  const pno_affine same = {.scale = &one, .shift = &zero};
  const pno_fno_use use = {
      .kernels = with_fft(), .n = {N}, .samples = 1, .micro = 1, .fft = fft, .norm_in = same, .norm_out = same};
  pno_fno_plan *p = NULL;
  float x[N], *params = calloc((size_t)pno_fno_registry(f)->floats, sizeof *params);
  cr_assert(params && pno_fno_plan_create(f, &use, &p) == PNO_OK);
  for (int i = 0; i < N; i++) x[i] = (float)(i * i % 17) - 8.0f;
  pno_registry_init(pno_fno_registry(f), 1, params);
  pno_fno_forward(p, params, x, 1, out);
  pno_fno_plan_destroy(&p);
  free(params);
}

static int all_ranks_take_the_same_plan_and_get_the_same_bits(world *w) {
  pno_fno *f = model(130);
  pno_transforms *t = chooser(PNO_TRANSFORM_FFTW, NULL, "p");
  float own[N] = {0}, first[N];
  int wrong = world_expect(w, pno_transforms_choose(t, w->comm, with_fft(), f, grid) == PNO_OK, "a choice");
  const pno_row_fft *fft = pno_transforms_find(t, f, grid, NULL);
  wrong += world_expect(w, fft && fft->n == N, "an FFT on every rank");
  if (fft) forward(f, fft, own);
  memcpy(first, own, sizeof own);
  wrong += world_expect(w, pno_bcast(w->comm, first, sizeof first, 0) == PNO_OK, "what rank 0 computed");
  wrong += world_expect(w, memcmp(first, own, sizeof own) == 0, "the bits of rank 0");
  pno_transforms_destroy(&t);
  pno_fno_destroy(&f);
  return wrong;
}

static int ranks_without_an_fft_put_all_on_tables(world *w) {
  pno_fno *f = model(130);
  pno_transforms *t = chooser(PNO_TRANSFORM_FFTW, NULL, "p");
  const bool last = w->rank == w->size - 1;
  const int wrong =
      world_expect(w, pno_transforms_choose(t, w->comm, last ? pno_kernels_scalar() : with_fft(), f, grid) == PNO_OK,
                   "no failure") +
      world_expect(w, !pno_transforms_find(t, f, grid, NULL), "tables on every rank");
  pno_transforms_destroy(&t);
  pno_fno_destroy(&f);
  return wrong;
}

static int few_modes_and_tables_ask_nobody(world *w) {
  pno_fno *few = model(20), *many = model(130);
  pno_transforms *t = chooser(PNO_TRANSFORM_AUTO, train_path("unused"), "p"),
                 *tables = chooser(PNO_TRANSFORM_TABLES, NULL, "p");
  int wrong = 0;
  if (w->rank == w->size - 1) { /* alone: a message would wait for the others */
    wrong += world_expect(w, pno_transforms_choose(t, w->comm, with_fft(), few, grid) == PNO_OK, "a choice");
    wrong += world_expect(w, pno_transforms_choose(tables, w->comm, with_fft(), many, grid) == PNO_OK, "a choice");
    wrong += world_expect(w, pno_transforms_choose(NULL, w->comm, with_fft(), many, grid) == PNO_OK, "a choice");
  }
  wrong += world_expect(w,
                        !pno_transforms_find(t, few, grid, NULL) && !pno_transforms_find(tables, many, grid, NULL) &&
                            !pno_transforms_find(NULL, many, grid, NULL),
                        "tables");
  wrong += world_expect(w, access(train_path("unused"), F_OK) != 0, "no folder");
  pno_transforms_destroy(&t);
  pno_transforms_destroy(&tables);
  pno_fno_destroy(&few);
  pno_fno_destroy(&many);
  return wrong;
}

/* One choice by a new chooser; what it found, and how many warnings that took. */
static int choose_once(world *w, const pno_fno *f, const char *folder, const char *processor, pno_row_times *times) {
  pno_transforms *t = chooser(PNO_TRANSFORM_AUTO, folder, processor);
  warnings = 0;
  pno_log_to(count, NULL);
  pno_transforms_choose_alone(t, with_fft(), f, grid);
  pno_log_to(NULL, NULL);
  (void)pno_transforms_find(t, f, grid, times);
  pno_transforms_destroy(&t);
  return world_expect(w, times->fft > 0 && times->tables > 0, "both are timed");
}

static bool same_times(pno_row_times a, pno_row_times b) { /* the file has six digits */
  return a.fft < b.fft * 1.00001 && b.fft < a.fft * 1.00001 && a.tables < b.tables * 1.00001 &&
         b.tables < a.tables * 1.00001;
}

static void spoil(const char *path) {
  FILE *f = fopen(path, "r+");
  cr_assert(f && fseek(f, 60, SEEK_SET) == 0 && fputc('~', f) != EOF && fclose(f) == 0, "%s", path);
}

static int what_was_measured_is_kept_and_a_bad_file_is_one_warning(world *w) {
  char folder[TRAIN_PATH], path[2 * TRAIN_PATH], file[TRAIN_PATH];
  pno_fno *f = model(130);
  pno_row_times first, again, other;
  snprintf(folder, sizeof folder, "%s-%d", train_path("wisdom"), w->rank);
  snprintf(file, sizeof file, "%s-%d", train_path("file"), w->rank);
  int wrong = choose_once(w, f, folder, "Model X 1", &first) + world_expect(w, warnings == 0, "no warning");
  wrong += choose_once(w, f, folder, "Model X 1", &again) + world_expect(w, warnings == 0, "no warning");
  wrong += world_expect(w, same_times(first, again), "the second one reads what the first one measured");
  wrong += choose_once(w, f, folder, "Model X-1", &other) + world_expect(w, warnings == 1, "one warning: another make");
  char library[64] = "";
  snprintf(library, sizeof library, "%s", pno_row_fft_library());
  for (char *dot = library; (dot = strchr(dot, '.'));) *dot = '-';
  snprintf(path, sizeof path, "%s/transforms-Model-X-1-%s.txt", folder, library);
  spoil(path);
  wrong += choose_once(w, f, folder, "Model X-1", &again) + world_expect(w, warnings == 1, "one warning: damaged");
  wrong += choose_once(w, f, folder, "Model X-1", &other) + world_expect(w, warnings == 0, "the file is whole again");
  wrong += world_expect(w, same_times(again, other), "and read");
  FILE *plain = fopen(file, "w");
  cr_assert(plain && fclose(plain) == 0);
  wrong += choose_once(w, f, file, "Model X 1", &again) +
           world_expect(w, warnings == 1, "one warning: no folder can be made");
  pno_fno_destroy(&f);
  return wrong;
}

static int in_folder(world *w) {
  train_enter(w);
  int wrong = few_modes_and_tables_ask_nobody(w);
  wrong += what_was_measured_is_kept_and_a_bad_file_is_one_warning(w);
  train_leave(w);
  return wrong;
}

Test(transform, ranks_agree_on_the_transform_of_rows, .timeout = 110) {
  const world_case cases[] = {
      {"all_ranks_take_the_same_plan_and_get_the_same_bits", all_ranks_take_the_same_plan_and_get_the_same_bits},
      {"ranks_without_an_fft_put_all_on_tables", ranks_without_an_fft_put_all_on_tables},
      {"what_was_measured_is_kept_and_a_bad_file_is_one_warning", in_folder},
  };
  if (!with_fft()) cr_skip_test("no table of this processor has an FFT");
  train_run(cases, sizeof cases / sizeof cases[0]);
}
