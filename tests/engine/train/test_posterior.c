/* What is fitted after training: the same on any number of ranks, to disk and back, for its checkpoint alone. */
#include "engine/train/posterior.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/engine/train/train_world.h"

enum { SAMPLES = 20, STEP = 12 };

typedef struct {
  pno_comm *self;
  pno_trainer *trainer;
  pno_dataset *data;
  char dir[TRAIN_PATH];
} scene;

static scene enter(world *w, int heads) {
  scene s = {0};
  train_enter(w);
  train_data(w, "data.h5", SAMPLES, 9, 7);
  train_data(w, "other.h5", SAMPLES, 9, 7); /* HDF5 shares its cache between two opens of one file */
  pno_train_spec spec = train_spec();
  spec.model.heads = heads;
  if (heads == 2) spec.loss = PNO_LOSS_NLL;
  snprintf(s.dir, sizeof s.dir, "%s", train_path("uq"));
  cr_assert(pno_comm_self(&s.self) == PNO_OK);
  s.trainer = train_make(w, &spec, NULL, w->comm);
  cr_assert(pno_dataset_open(train_path("other.h5"), NULL, NULL, &s.data) == PNO_OK, "%s", pno_fail_words());
  return s;
}

static void leave(world *w, scene *s) {
  pno_dataset_close(&s->data);
  pno_trainer_destroy(&s->trainer);
  pno_comm_destroy(&s->self);
  train_leave(w);
}

static bool same_doubles(const double *a, const double *b, ptrdiff_t n) {
  return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static bool same_laplace(const pno_laplace *a, const pno_laplace *b) {
  if (!a || !b || a->features != b->features || a->outputs != b->outputs) return false;
  const ptrdiff_t f = a->features;
  return same_doubles(&a->prior, &b->prior, 1) && same_doubles(&a->noise, &b->noise, 1) &&
         same_doubles(&a->log_evidence, &b->log_evidence, 1) && same_doubles(a->values, b->values, f) &&
         same_doubles(a->vectors, b->vectors, f * f) && same_doubles(a->weights, b->weights, f * a->outputs) &&
         same_doubles(a->root, b->root, f * f);
}

static bool same_bands(const pno_bands *a, const pno_bands *b) {
  return a->levels == b->levels && a->unscaled == b->unscaled && a->samples == b->samples &&
         same_doubles(a->level, b->level, a->levels) && same_doubles(a->point, b->point, a->levels) &&
         same_doubles(a->field, b->field, a->levels) && pno_digest_equal(a->way, b->way);
}

/* Fewer groups than ranks, a last group that is not full, more groups than ranks. */
static int a_posterior_has_the_same_bits_on_any_number_of_ranks(world *w) {
  static const ptrdiff_t counts[] = {1, 8, 9, SAMPLES};
  scene s = enter(w, 1);
  int wrong = 0;
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    pno_laplace *alone = NULL, *together = NULL;
    const pno_operator *o = &s.trainer->op;
    wrong += world_expect(w, pno_posterior_fit_laplace(o, s.data, counts[i], s.self, &alone) == PNO_OK, "one rank fits");
    wrong += world_expect(w, pno_posterior_fit_laplace(o, s.data, counts[i], w->comm, &together) == PNO_OK, "all fit");
    wrong += world_expect(w, same_laplace(alone, together), "the posteriors have the same bits");
    wrong += world_expect(w, alone && alone->features == 11 && alone->outputs == 1, "ten features and the bias");
    pno_laplace_destroy(&alone);
    pno_laplace_destroy(&together);
  }
  leave(w, &s);
  return wrong;
}

static int an_operator_of_two_heads_has_no_posterior(world *w) {
  scene s = enter(w, 2);
  pno_laplace *l = NULL;
  const pno_status st = pno_posterior_fit_laplace(&s.trainer->op, s.data, SAMPLES, w->comm, &l);
  const int wrong = world_expect(w, st == PNO_E_USAGE && l == NULL, "it is refused on all ranks");
  leave(w, &s);
  return wrong;
}

static pno_checkpoint_meta meta_of(int64_t step) {
  return (pno_checkpoint_meta){.step = step, .epoch = 3, .run_id = "test", .config_digest = pno_digest_of("a", 1),
                               .journal = "metrics.jsonl", .journal_bytes = 77};
}

/* Bands with a factor that no sample bounds. */
static pno_bands bands_of(void) {
  return (pno_bands){.levels = 2, .level = {0.5, 0.95}, .point = {1.25, INFINITY}, .field = {3.5, INFINITY}, .samples = 9,
                     .way = pno_digest_of("way", 3)};
}

static int what_was_saved_comes_back_with_its_bits(world *w) {
  scene s = enter(w, 1);
  pno_laplace *l = NULL;
  int wrong = world_expect(w, pno_posterior_fit_laplace(&s.trainer->op, s.data, SAMPLES, w->comm, &l) == PNO_OK, "fitted");
  for (int k = 1; k < 4; k++) { /* bands, Laplace, both; each behind the last */
    const pno_checkpoint_meta meta = meta_of(STEP + k);
    const pno_posterior p = {.laplace = k & 2 ? l : NULL, .bands = k & 1 ? bands_of() : (pno_bands){.levels = 0}};
    pno_posterior q = {0};
    wrong += world_expect(w, pno_posterior_save(&p, w->comm, s.dir, &meta) == PNO_OK, "saved");
    wrong += world_expect(w, pno_posterior_save(&p, w->comm, s.dir, &meta) == PNO_OK, "saved again in its place");
    wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_OK, "loaded");
    wrong += world_expect(w, p.laplace ? same_laplace(p.laplace, q.laplace) : !q.laplace, "the posterior has the bits");
    wrong += world_expect(w, same_bands(&p.bands, &q.bands), "so have the bands");
    pno_posterior_destroy(&q);
  }
  pno_laplace_destroy(&l);
  leave(w, &s);
  return wrong;
}

static bool is_empty(const pno_posterior *p) { return !p->laplace && p->bands.levels == 0; }

static int another_step_or_configuration_has_none(world *w) {
  scene s = enter(w, 1);
  pno_checkpoint_meta meta = meta_of(STEP);
  const pno_posterior p = {.bands = bands_of()};
  pno_posterior q = {0};
  int wrong = world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_OK && is_empty(&q), "no folder, none");
  wrong += world_expect(w, pno_posterior_save(&p, w->comm, s.dir, &meta) == PNO_OK, "saved");
  meta.step = STEP - 1;
  wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_OK && is_empty(&q), "another step, none");
  meta = meta_of(STEP);
  meta.config_digest = pno_digest_of("b", 1);
  wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_OK && is_empty(&q), "another configuration");
  meta = meta_of(STEP);
  wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_OK && q.bands.levels == 2, "its own is there");
  leave(w, &s);
  return wrong;
}

/* Flips a bit in the middle of the first file like DIR/step-*\/pattern. */
static bool damage(const char *dir, const char *pattern) {
  char path[TRAIN_PATH + 32];
  glob_t found;
  snprintf(path, sizeof path, "%s/step-*/%s", dir, pattern);
  if (glob(path, 0, NULL, &found) != 0) return false;
  FILE *f = fopen(found.gl_pathv[0], "r+b");
  globfree(&found);
  if (!f || fseek(f, 0, SEEK_END) != 0) return false;
  const long middle = ftell(f) / 2;
  bool ok = fseek(f, middle, SEEK_SET) == 0;
  const int c = fgetc(f);
  ok = ok && c != EOF && fseek(f, middle, SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF;
  return fclose(f) == 0 && ok;
}

static int damage_is_found_on_all_ranks(world *w) {
  static const char *const files[] = {"shard-*.h5", "MANIFEST.json"};
  scene s = enter(w, 1);
  const pno_checkpoint_meta meta = meta_of(STEP);
  pno_posterior p = {.bands = bands_of()}, q = {0};
  int wrong = world_expect(w, pno_posterior_fit_laplace(&s.trainer->op, s.data, 8, w->comm, &p.laplace) == PNO_OK, "fitted");
  for (int i = 0; i < 2; i++) {
    wrong += world_expect(w, pno_posterior_save(&p, w->comm, s.dir, &meta) == PNO_OK, "saved");
    if (w->rank == 0) wrong += world_expect(w, damage(s.dir, files[i]), "damaged");
    wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &meta) == PNO_E_INPUT, files[i]);
    wrong += world_expect(w, is_empty(&q), "nothing is handed out");
  }
  pno_posterior_destroy(&p);
  leave(w, &s);
  return wrong;
}

/* Saves p as it is, which need not make sense, and loads it. */
static int refused(const world *w, const scene *s, const pno_posterior *p, pno_status want, const char *why) {
  const pno_checkpoint_meta meta = meta_of(STEP);
  pno_posterior q = {0};
  int wrong = world_expect(w, pno_posterior_save(p, w->comm, s->dir, &meta) == PNO_OK, "saved");
  wrong += world_expect(w, pno_posterior_load(&q, w->comm, s->dir, &meta) == want, why);
  return wrong + world_expect(w, is_empty(&q), "nothing is handed out");
}

static int files_that_make_no_sense_are_refused(world *w) {
  scene s = enter(w, 1);
  const pno_checkpoint_options options = {.keep = 0};
  pno_checkpoint_meta foreign = meta_of(STEP);
  pno_posterior p = {.bands = bands_of()}, q = {0};
  foreign.journal[0] = '\0';
  int wrong = world_expect(w, pno_checkpoint_save(w->comm, s.dir, &foreign, NULL, 0, &options, NULL) == PNO_OK, "foreign");
  wrong += world_expect(w, pno_posterior_load(&q, w->comm, s.dir, &foreign) == PNO_E_INPUT, "a checkpoint of something else");
  p.bands.point[0] = -1;
  wrong += refused(w, &s, &p, PNO_E_INPUT, "a band that is narrower than nothing");
  p.bands = bands_of();
  p.bands.field[1] = NAN;
  wrong += refused(w, &s, &p, PNO_E_INPUT, "a factor that is no number");
  p.bands = bands_of();
  p.bands.level[0] = 1;
  wrong += refused(w, &s, &p, PNO_E_INPUT, "a certain band");
  p.bands = bands_of();
  wrong += world_expect(w, pno_posterior_fit_laplace(&s.trainer->op, s.data, 8, w->comm, &p.laplace) == PNO_OK, "fitted");
  p.laplace->vectors[1] += 0.5;
  wrong += refused(w, &s, &p, PNO_E_INPUT, "vectors that are not orthonormal");
  p.laplace->vectors[1] -= 0.5;
  p.laplace->noise = 0;
  wrong += refused(w, &s, &p, PNO_E_INPUT, "no noise");
  pno_posterior_destroy(&p);
  leave(w, &s);
  return wrong;
}

Test(posterior, it_is_one_on_all_ranks_and_comes_back, .timeout = 90) {
  const world_case cases[] = {
      {"a_posterior_has_the_same_bits_on_any_number_of_ranks", a_posterior_has_the_same_bits_on_any_number_of_ranks},
      {"an_operator_of_two_heads_has_no_posterior", an_operator_of_two_heads_has_no_posterior},
      {"what_was_saved_comes_back_with_its_bits", what_was_saved_comes_back_with_its_bits},
      {"another_step_or_configuration_has_none", another_step_or_configuration_has_none},
      {"damage_is_found_on_all_ranks", damage_is_found_on_all_ranks},
      {"files_that_make_no_sense_are_refused", files_that_make_no_sense_are_refused},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
