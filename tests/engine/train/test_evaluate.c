#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/train/train_world.h"

enum { SAMPLES = 10 };

/* Everything the cases need; made on every rank. */
typedef struct {
  pno_comm *self;
  pno_trainer *trainer;
  pno_dataset *data;
} scene;

static scene enter(world *w) {
  scene s = {0};
  train_enter(w);
  train_data(w, "data.h5", SAMPLES, 9, 7);
  train_data(w, "other.h5", SAMPLES, 9, 7); /* HDF5 shares its cache between two opens of one file */
  const pno_train_spec spec = train_spec();
  cr_assert(pno_comm_self(&s.self) == PNO_OK);
  s.trainer = train_make(w, &spec, NULL, w->comm);
  cr_assert(pno_dataset_open(train_path("other.h5"), NULL, NULL, &s.data) == PNO_OK, "%s", pno_fail_words());
  return s;
}

static const pno_evaluator_use use = {.draws = 1, .depth = PNO_DEPTH_SPECTRA};

static void leave(world *w, scene *s) {
  pno_dataset_close(&s->data);
  pno_trainer_destroy(&s->trainer);
  pno_comm_destroy(&s->self);
  train_leave(w);
}

/* From one sample, fewer than there are ranks, to all. */
static int scores_have_the_same_bits_on_any_number_of_ranks(world *w) {
  scene s = enter(w);
  int wrong = 0;
  for (ptrdiff_t count = 1; count <= SAMPLES; count++) {
    pno_evaluator *e = NULL;
    pno_scores_all alone = {0}, together = {0};
    wrong += world_expect(w, pno_evaluator_create(&s.trainer->predictive, s.data, SAMPLES - count, count, &use, &e) == PNO_OK, "made");
    wrong += world_expect(w, pno_evaluate(e, s.self, &alone) == PNO_OK, "one rank evaluates");
    wrong += world_expect(w, pno_evaluate(e, w->comm, &together) == PNO_OK, "all evaluate");
    wrong += world_expect(w, memcmp(&alone, &together, sizeof alone) == 0, "the scores have the same bits");
    wrong += world_expect(w, together.samples == count && together.rel_l2 > 0, "all are scored");
    pno_evaluator_destroy(&e);
  }
  leave(w, &s);
  return wrong;
}

/* What predicts with draws of the scene's operator by dropout, or with its one field. */
static pno_uq_spec dropout_spec(bool draws) {
  pno_uq_spec uq = {.method = draws ? PNO_UQ_MCDROPOUT : PNO_UQ_NONE, .seed = 3, .levels = 3, .level = {0.5, 0.8, 0.95}};
  if (draws) uq.dropout = uq.fourier_dropout = 0.2;
  return uq;
}

static bool same_doubles(const double *a, const double *b, int n) { return memcmp(a, b, sizeof *a * (size_t)n) == 0; }

/* Bands from all counts of samples, and the scores with them on the samples that they are from. */
static int bands_have_the_same_bits_on_any_number_of_ranks(world *w) {
  scene s = enter(w);
  const pno_evaluator_use moments = {.draws = 4, .depth = PNO_DEPTH_MOMENTS}, scores = {.draws = 4, .depth = PNO_DEPTH_SCORES};
  int wrong = 0;
  for (int k = 0; k < 2 * SAMPLES; k++) {
    const ptrdiff_t count = k / 2 + 1;
    const pno_uq_spec uq = dropout_spec(k % 2);
    pno_predictive p = {.uq = &uq, .members = &s.trainer->op, .n_members = 1};
    pno_evaluator *e = NULL;
    pno_bands alone = {.levels = 0}, together = {.levels = 0};
    pno_scores_all one = {0}, all = {0};
    wrong += world_expect(w, pno_evaluator_create(&p, s.data, SAMPLES - count, count, &moments, &e) == PNO_OK, "made");
    wrong += world_expect(w, pno_evaluator_calibrate(e, s.self, "data", &alone) == PNO_OK, "one rank calibrates");
    wrong += world_expect(w, pno_evaluator_calibrate(e, w->comm, "data", &together) == PNO_OK, "all calibrate");
    pno_evaluator_destroy(&e);
    wrong += world_expect(w, same_doubles(alone.point, together.point, 3) && same_doubles(alone.field, together.field, 3), "bits");
    wrong += world_expect(w, together.levels == 3 && together.samples == count && together.unscaled == (k % 2 == 0), "facts");
    wrong += world_expect(w, isfinite(alone.point[0]) && isfinite(alone.field[1]) == (count >= 4) && isinf(alone.field[2]),
                          "finite from n = level / (1 - level) on");
    p.bands = &together;
    wrong += world_expect(w, pno_evaluator_create(&p, s.data, SAMPLES - count, count, &scores, &e) == PNO_OK, "made with bands");
    wrong += world_expect(w, pno_evaluate(e, s.self, &one) == PNO_OK && pno_evaluate(e, w->comm, &all) == PNO_OK, "scored");
    wrong += world_expect(w, memcmp(&one, &all, sizeof one) == 0, "the scores of draws have the same bits");
    for (int l = 0; l < 3; l++)
      wrong += world_expect(w, all.band_coverage[l] >= uq.level[l] && all.field_coverage[l] >= uq.level[l], "they cover");
    pno_evaluator_destroy(&e);
  }
  leave(w, &s);
  return wrong;
}

static int samples_that_do_not_exist_are_refused(world *w) {
  scene s = enter(w);
  pno_evaluator *e = NULL;
  int wrong = world_expect(w, pno_evaluator_create(&s.trainer->predictive, s.data, 1, SAMPLES, &use, &e) == PNO_E_INPUT, "too many");
  wrong += world_expect(w, pno_evaluator_create(&s.trainer->predictive, s.data, 0, 0, &use, &e) == PNO_E_INPUT, "none");
  wrong += world_expect(w, e == NULL, "nothing is handed out");
  leave(w, &s);
  return wrong;
}

/* HDF5 reads zeros behind the end of a file that was cut after it was opened, so the samples are overwritten. */
static bool spoil(const char *path) {
  FILE *f = fopen(path, "r+b");
  if (!f || fseek(f, 0, SEEK_END) != 0) return false;
  const long end = ftell(f);
  bool ok = fseek(f, 2048, SEEK_SET) == 0;
  for (long at = 2048; ok && at < end; at++) ok = fputc(0x5a, f) != EOF;
  return fclose(f) == 0 && ok && end > 2048;
}

static int a_sample_that_cannot_be_read_fails_on_all_ranks(world *w) {
  scene s = enter(w);
  pno_evaluator *e = NULL;
  pno_scores_all scores = {.samples = -7};
  int wrong = world_expect(w, pno_evaluator_create(&s.trainer->predictive, s.data, 0, SAMPLES, &use, &e) == PNO_OK, "made");
  wrong += world_expect(w, pno_barrier(w->comm) == PNO_OK, "all have opened it");
  if (w->rank == 0) wrong += world_expect(w, spoil(train_path("other.h5")), "the file is spoiled");
  wrong += world_expect(w, pno_barrier(w->comm) == PNO_OK, "all know");
  const pno_status st = pno_evaluate(e, w->comm, &scores);
  wrong += world_expect(w, st == PNO_E_INPUT || st == PNO_E_IO, "the damage is found");
  wrong += world_expect(w, scores.samples == -7, "the scores are left alone");
  pno_evaluator_destroy(&e);
  leave(w, &s);
  return wrong;
}

Test(evaluate, scores_do_not_depend_on_the_ranks, .timeout = 90) {
  const world_case cases[] = {
      {"scores_have_the_same_bits_on_any_number_of_ranks", scores_have_the_same_bits_on_any_number_of_ranks},
      {"bands_have_the_same_bits_on_any_number_of_ranks", bands_have_the_same_bits_on_any_number_of_ranks},
      {"samples_that_do_not_exist_are_refused", samples_that_do_not_exist_are_refused},
      {"a_sample_that_cannot_be_read_fails_on_all_ranks", a_sample_that_cannot_be_read_fails_on_all_ranks},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
