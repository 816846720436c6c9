/* Predictions fed with themselves: which frames follow from which, and on any number of ranks the same. */
#include "engine/train/rollout.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/sampler.h"
#include "io/dataset_write.h"
#include "io/window.h"
#include "tests/engine/train/train_world.h"

enum {
  TRAJECTORIES = 4,
  TIMES = 8,
  N0 = 9,
  N1 = 7,
  POINTS = N0 * N1,
  FRAMES_IN = 2,
  FRAMES_OUT = 2,
  STEPS = 4,
  FRAMES = STEPS * FRAMES_OUT
};

/* A wave that moves with a speed of the sample. */
static pno_status waves(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  (void)user;
  for (ptrdiff_t i = 0; i < n; i++) {
    const double t = (double)(i / POINTS), x = (double)(i % POINTS / N1) / N0, y = (double)(i % N1) / N1;
    values[i] = (float)(2 + sin(6 * x + (0.2 + 0.1 * (double)sample) * t) * cos(3 * y));
  }
  return PNO_OK;
}

static void write_series(world *w, const char *name) {
  static const pno_field_spec fields[] = {{.name = "u", .time_varying = true}};
  static const double speed[] = {0.2, 0.3, 0.4, 0.5};
  static const pno_scalar_spec scalars[] = {{.name = "speed", .per_sample = speed}};
  static const pno_sample_view view = {.mode = PNO_MODE_AUTOREGRESSIVE,
                                       .n_input = 2,
                                       .n_target = 1,
                                       .input = {"u", "speed"},
                                       .target = {"u"},
                                       .frames_in = FRAMES_IN,
                                       .frames_out = FRAMES_OUT,
                                       .stride = 1};
  const pno_dataset_spec d = {.name = "waves",
                              .generator = "test",
                              .solver = "none",
                              .n_samples = TRAJECTORIES,
                              .n_spatial = 2,
                              .n = {N0, N1},
                              .hi = {1, 1},
                              .n_times = TIMES,
                              .n_fields = 1,
                              .fields = fields,
                              .n_scalars = 1,
                              .scalars = scalars,
                              .view = &view};
  const pno_status st = w->rank == 0 ? pno_dataset_write(train_path(name), &d, waves, NULL, NULL) : PNO_OK;
  cr_assert(pno_agree(w->comm, st) == PNO_OK, "%s", pno_fail_words());
}

typedef struct {
  pno_comm *self;
  pno_trainer *trainer;
  pno_dataset *data;
  char path[2][TRAIN_PATH];
} scene;

static scene enter(world *w) {
  scene s = {0};
  train_enter(w);
  write_series(w, "data.h5");
  write_series(w, "other.h5");
  const pno_train_spec spec = train_spec();
  cr_assert(pno_comm_self(&s.self) == PNO_OK);
  s.trainer = train_make(w, &spec, NULL, w->comm);
  cr_assert(pno_dataset_open(train_path("other.h5"), NULL, NULL, &s.data) == PNO_OK, "%s", pno_fail_words());
  snprintf(s.path[0], TRAIN_PATH, "%s", train_path("all.h5"));
  char name[32];
  snprintf(name, sizeof name, "self-%d.h5", w->rank);
  snprintf(s.path[1], TRAIN_PATH, "%s", train_path(name));
  return s;
}

static void leave(world *w, scene *s) {
  pno_dataset_close(&s->data);
  pno_trainer_destroy(&s->trainer);
  pno_comm_destroy(&s->self);
  train_leave(w);
}

static pno_predict_spec spec_of(const char *path) {
  return (pno_predict_spec){
      .path = path, .first = 1, .samples = 3, .members = 2, .program = "test", .run_id = "r", .data = "data"};
}

static pno_uq_spec uq_of(pno_uq_method m) {
  pno_uq_spec uq = {.method = m, .draws = 3, .samples = 3, .seed = 7};
  if (m != PNO_UQ_NONE) uq.dropout = uq.fourier_dropout = 0.2;
  return uq;
}

static bool same_files(const char *a, const char *b) {
  static char bytes[2][1 << 20];
  size_t n[2];
  const char *const paths[] = {a, b};
  for (int i = 0; i < 2; i++) {
    FILE *f = fopen(paths[i], "rb");
    if (!f) return false;
    n[i] = fread(bytes[i], 1, sizeof bytes[i], f);
    fclose(f);
  }
  return n[0] > 1000 && n[0] < sizeof bytes[0] && n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0;
}

static bool same_lines(const pno_rollout_report *a, const pno_rollout_report *b) {
  const size_t bytes = sizeof(double) * FRAMES;
  return a->frames == FRAMES && b->frames == FRAMES && memcmp(a->rel_l2, b->rel_l2, bytes) == 0 &&
         memcmp(a->crps, b->crps, bytes) == 0 && memcmp(a->spread, b->spread, bytes) == 0 &&
         memcmp(a->time, b->time, bytes) == 0;
}

/* Three trajectories, fewer than there are ranks or more. */
static int rollouts_have_the_same_bits_on_any_number_of_ranks(world *w) {
  static const pno_uq_method methods[] = {PNO_UQ_NONE, PNO_UQ_PNO_D};
  scene s = enter(w);
  int wrong = 0;
  for (int m = 0; m < 2; m++) {
    const pno_uq_spec uq = uq_of(methods[m]);
    const pno_predictive p = {.uq = &uq, .members = &s.trainer->op, .n_members = 1};
    const pno_predict_spec together = spec_of(s.path[0]), alone = spec_of(s.path[1]);
    pno_rollout_report all = {0}, one = {0};
    wrong += world_expect(w, pno_rollout(&together, STEPS, &p, s.data, w->comm, &all) == PNO_OK, "all roll out");
    wrong += world_expect(w, pno_rollout(&alone, STEPS, &p, s.data, s.self, &one) == PNO_OK, "one rolls out");
    wrong += world_expect(w, same_lines(&all, &one), "the scores have the same bits");
    wrong += world_expect(w, same_files(s.path[0], s.path[1]), "and so has the file");
    wrong +=
        world_expect(w, all.known == TIMES - FRAMES_IN && all.time[0] == 2 && all.time[FRAMES - 1] == 9, "times go on");
    wrong +=
        world_expect(w, isfinite(all.rel_l2[all.known - 1]) && isnan(all.rel_l2[all.known]), "known frames are scored");
    wrong += world_expect(w, (all.spread[FRAMES - 1] > 0) == (m == 1), "draws spread");
    pno_rollout_report_free(&all);
    pno_rollout_report_free(&one);
  }
  leave(w, &s);
  return wrong;
}

static void take_field(void *user, const float *fields, int count) {
  memcpy(user, fields, sizeof *fields * (size_t)count * POINTS * FRAMES_OUT);
}

static double relative(const float *a, const float *b) {
  double error = 0, norm = 0;
  for (int i = 0; i < POINTS; i++) {
    error += pow((double)a[i] - (double)b[i], 2);
    norm += pow((double)b[i], 2);
  }
  return sqrt(error) / (sqrt(norm) + 1e-8);
}

/* By hand: the operator on what it said before, with the speed beside it. */
static int a_step_follows_from_the_predictions_before_it(world *w) {
  scene s = enter(w);
  const pno_uq_spec uq = uq_of(PNO_UQ_NONE);
  const pno_predictive p = {.uq = &uq, .members = &s.trainer->op, .n_members = 1};
  pno_predict_spec spec = spec_of(s.path[1]);
  pno_rollout_report r = {0};
  pno_sampler *sampler = NULL;
  static float x[POINTS * 3], next[POINTS * 3], y[POINTS * FRAMES_OUT], truth[POINTS * FRAMES_OUT], frame[2][POINTS];
  spec.first = 2;
  spec.samples = 1;
  int wrong = world_expect(w, pno_rollout(&spec, STEPS, &p, s.data, s.self, &r) == PNO_OK, "rolled out");
  wrong += world_expect(w, pno_sampler_create(&p, pno_dataset_info(s.data), 1, &sampler) == PNO_OK, "made");
  const int windows = TIMES - FRAMES_IN - FRAMES_OUT + 1;
  cr_assert(pno_dataset_read(s.data, 2 * windows, x, truth) == PNO_OK);
  for (int step = 0; step * FRAMES_OUT < TIMES - FRAMES_IN; step++) {
    cr_assert(pno_dataset_read(s.data, 2 * windows + step * FRAMES_OUT, next, truth) == PNO_OK);
    pno_sampler_run(sampler, x, 0, take_field, y);
    for (int f = 0; f < FRAMES_OUT; f++) {
      for (int i = 0; i < POINTS; i++) {
        frame[0][i] = y[FRAMES_OUT * i + f];
        frame[1][i] = truth[FRAMES_OUT * i + f];
      }
      const double want = relative(frame[0], frame[1]), is = r.rel_l2[step * FRAMES_OUT + f];
      wrong += world_expect(w, fabs(is - want) <= 1e-9 * want, "the error is that of the frame");
    }
    for (int i = 0; i < POINTS; i++) { /* u of the first frame, speed, u of the second */
      x[3 * i] = y[FRAMES_OUT * i];
      x[3 * i + 2] = y[FRAMES_OUT * i + 1];
    }
  }
  pno_sampler_destroy(&sampler);
  pno_rollout_report_free(&r);
  leave(w, &s);
  return wrong;
}

static int data_without_windows_and_too_many_trajectories_are_refused(world *w) {
  scene s = enter(w);
  const pno_uq_spec uq = uq_of(PNO_UQ_NONE);
  const pno_predictive p = {.uq = &uq, .members = &s.trainer->op, .n_members = 1};
  pno_predict_spec spec = spec_of(s.path[0]);
  pno_rollout_report r = {.frames = -7};
  pno_dataset *steady = NULL;
  const pno_sample_view v = {.mode = PNO_MODE_STEADY};
  const int frames = PNO_ROLLOUT_FRAMES / FRAMES_OUT, overflow = (int)((INT64_C(1) << 32) / FRAMES_OUT / 2 + 1);
  for (int i = 0; i < 2; i++) {
    const pno_status st = pno_rollout(&spec, i ? overflow : frames + 1, &p, s.data, w->comm, &r);
    cr_assert(st == PNO_E_USAGE && strstr(pno_fail_words(), "at most 65536 frames"), "%s", pno_fail_words());
  }
  spec.samples = 4; /* of 3 behind the first */
  int wrong = world_expect(w, pno_rollout(&spec, 1, &p, s.data, w->comm, &r) == PNO_E_USAGE, "too many");
  cr_assert(pno_dataset_open(train_path("other.h5"), &v, NULL, &steady) == PNO_OK);
  spec.samples = 1;
  wrong += world_expect(w, pno_rollout(&spec, 1, &p, steady, w->comm, &r) == PNO_E_USAGE, "steady");
  wrong += world_expect(w, r.frames == -7, "nothing is handed out");
  pno_dataset_close(&steady);
  leave(w, &s);
  return wrong;
}

Test(rollout, goes_on_from_its_own_predictions, .timeout = 90) {
  const world_case cases[] = {
      {"rollouts_have_the_same_bits_on_any_number_of_ranks", rollouts_have_the_same_bits_on_any_number_of_ranks},
      {"a_step_follows_from_the_predictions_before_it", a_step_follows_from_the_predictions_before_it},
      {"data_without_windows_and_too_many_trajectories_are_refused",
       data_without_windows_and_too_many_trajectories_are_refused},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
