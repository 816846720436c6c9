/* Draws of every method: which they are, and what they depend on. */
#include "engine/train/sampler.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/posterior.h"
#include "tests/engine/train/train_world.h"

enum { SAMPLES = 10, N0 = 9, N1 = 7, POINTS = N0 * N1, MANY = 23, MOST = 400 };

/* A trainer's operators with what the methods need; the data of its file. */
typedef struct {
  pno_trainer *one, *two, *heads; /* of one head: seeds 5 and 6; of two heads */
  pno_laplace *laplace;
  pno_dataset *data;
  float x[2][POINTS], y[POINTS]; /* samples 0 and 1 */
} scene;

static scene enter(world *w) {
  scene s = {0};
  train_enter(w);
  train_data(w, "data.h5", SAMPLES, N0, N1);
  train_data(w, "other.h5", SAMPLES, N0, N1);
  pno_train_spec spec = train_spec();
  s.one = train_make(w, &spec, NULL, w->comm);
  spec.seed = 6;
  s.two = train_make(w, &spec, NULL, w->comm);
  spec.model.heads = 2;
  spec.loss = PNO_LOSS_NLL;
  s.heads = train_make(w, &spec, NULL, w->comm);
  cr_assert(pno_dataset_open(train_path("other.h5"), NULL, NULL, &s.data) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_posterior_fit_laplace(&s.one->op, s.data, SAMPLES, w->comm, &s.laplace) == PNO_OK, "%s", pno_fail_words());
  for (int i = 0; i < 2; i++) cr_assert(pno_dataset_read(s.data, i, s.x[i], s.y) == PNO_OK, "%s", pno_fail_words());
  return s;
}

static void leave(world *w, scene *s) {
  pno_dataset_close(&s->data);
  pno_laplace_destroy(&s->laplace);
  pno_trainer_destroy(&s->one);
  pno_trainer_destroy(&s->two);
  pno_trainer_destroy(&s->heads);
  train_leave(w);
}

static pno_uq_spec uq_of(pno_uq_method m) {
  pno_uq_spec uq = {.method = m, .draws = 3, .samples = MANY, .members = 2, .seed = 7};
  if (m == PNO_UQ_PNO_D || m == PNO_UQ_MCDROPOUT) uq.dropout = uq.fourier_dropout = 0.2;
  return uq;
}

/* The fields of one input; max: the most that came together. */
typedef struct {
  float *fields; /* [draws][POINTS] */
  int n, max;
  double aleatoric, in_draws;
} drawn;

static void take(void *user, const float *fields, int count) {
  drawn *d = user;
  memcpy(d->fields + d->n * POINTS, fields, (size_t)count * POINTS * sizeof *fields);
  d->n += count;
  if (count > d->max) d->max = count;
}

static drawn draw(const scene *s, const pno_uq_spec *uq, int draws, const float *x, uint32_t sample) {
  const bool two_heads = uq->method == PNO_UQ_PNO_R, ensemble = uq->method == PNO_UQ_ENSEMBLE;
  const pno_operator members[] = {two_heads ? s->heads->op : s->one->op, s->two->op};
  const pno_predictive p = {.uq = uq, .members = members, .n_members = ensemble ? 2 : 1,
                            .laplace = uq->method == PNO_UQ_LAPLACE ? s->laplace : NULL};
  pno_sampler *sampler = NULL;
  drawn d = {.fields = calloc((size_t)draws * POINTS, sizeof(float))};
  cr_assert(d.fields && pno_sampler_create(&p, pno_dataset_info(s->data), draws, &sampler) == PNO_OK, "%s", pno_fail_words());
  pno_sampler_run(sampler, x, sample, take, &d);
  pno_sampler_parts(sampler, &d.aleatoric, &d.in_draws);
  pno_sampler_destroy(&sampler);
  return d;
}

static bool equal(const drawn *a, int i, const drawn *b, int j) {
  return memcmp(a->fields + i * POINTS, b->fields + j * POINTS, POINTS * sizeof(float)) == 0;
}

static const pno_uq_method drawing[] = {PNO_UQ_PNO_D, PNO_UQ_PNO_R, PNO_UQ_MCDROPOUT, PNO_UQ_LAPLACE};
enum { DRAWING = sizeof drawing / sizeof drawing[0] };

/* Of 1, 2, 7 and 23 draws other numbers are made together. */
static int draws_do_not_depend_on_how_many_are_made_together(world *w) {
  static const int fewer[] = {1, 2, 7};
  scene s = enter(w);
  int wrong = 0;
  for (int k = 0; k < 2 * DRAWING; k++) {
    pno_uq_spec uq = uq_of(drawing[k / 2]);
    uq.noise = k % 2 == 1; /* Laplace's alone */
    drawn all = draw(&s, &uq, MANY, s.x[0], 0);
    wrong += world_expect(w, all.n == MANY && all.max > 1, "all draws come, several at a time");
    for (int f = 0; f < 3; f++) {
      drawn few = draw(&s, &uq, fewer[f], s.x[0], 0);
      wrong += world_expect(w, few.n == fewer[f], "as many as asked for");
      for (int i = 0; i < few.n; i++) wrong += world_expect(w, equal(&few, i, &all, i), "a draw has the same bits");
      free(few.fields);
    }
    free(all.fields);
  }
  leave(w, &s);
  return wrong;
}

/* As a rollout takes them: one draw of one input, and whether the next step draws anew. */
static int a_draw_alone_is_that_of_all_and_a_step_draws_fields_anew_but_no_weights(world *w) {
  static const pno_uq_method methods[] = {PNO_UQ_NONE,      PNO_UQ_PNO_D,   PNO_UQ_PNO_R,
                                          PNO_UQ_MCDROPOUT, PNO_UQ_LAPLACE, PNO_UQ_ENSEMBLE};
  scene s = enter(w);
  int wrong = 0;
  for (int k = 0; k < 12; k++) {
    pno_uq_spec uq = uq_of(methods[k / 2]);
    uq.noise = k % 2 == 1; /* Laplace's alone */
    const bool anew =
        uq.method == PNO_UQ_PNO_D || uq.method == PNO_UQ_PNO_R || (uq.method == PNO_UQ_LAPLACE && uq.noise);
    const int draws = uq.method == PNO_UQ_ENSEMBLE ? 2 : uq.method == PNO_UQ_NONE ? 1 : MANY;
    const pno_operator members[] = {uq.method == PNO_UQ_PNO_R ? s.heads->op : s.one->op, s.two->op};
    const pno_predictive p = {.uq = &uq, .members = members, .n_members = uq.method == PNO_UQ_ENSEMBLE ? 2 : 1,
                              .laplace = uq.method == PNO_UQ_LAPLACE ? s.laplace : NULL};
    pno_sampler *sampler = NULL;
    drawn all = draw(&s, &uq, draws, s.x[0], 3);
    cr_assert(pno_sampler_create(&p, pno_dataset_info(s.data), 1, &sampler) == PNO_OK, "%s", pno_fail_words());
    for (int i = draws - 1; i >= 0; i--) {
      drawn one = {.fields = calloc(2 * POINTS, sizeof(float))};
      for (int step = 0; step < 2; step++)
        memcpy(one.fields + step * POINTS, pno_sampler_one(sampler, s.x[0], 3, i, step), POINTS * sizeof(float));
      wrong += world_expect(w, equal(&one, 0, &all, i), "alone it has the same bits");
      wrong += world_expect(w, equal(&one, 1, &all, i) != anew, "the next step draws anew what is no weight");
      free(one.fields);
    }
    pno_sampler_destroy(&sampler);
    free(all.fields);
  }
  leave(w, &s);
  return wrong;
}

static int draws_differ_between_draws_samples_and_seeds(world *w) {
  scene s = enter(w);
  int wrong = 0;
  for (int k = 0; k < DRAWING; k++) {
    pno_uq_spec uq = uq_of(drawing[k]), other = uq;
    const bool laplace = uq.method == PNO_UQ_LAPLACE;
    other.seed = 8;
    drawn a = draw(&s, &uq, 7, s.x[0], 3), again = draw(&s, &uq, 7, s.x[0], 3), b = draw(&s, &uq, 7, s.x[0], 4);
    drawn c = draw(&s, &other, 7, s.x[0], 3);
    for (int i = 0; i < 7; i++) {
      for (int j = 0; j < i; j++) wrong += world_expect(w, !equal(&a, i, &a, j), "two draws differ");
      wrong += world_expect(w, equal(&a, i, &again, i), "the same draw comes again");
      wrong += world_expect(w, equal(&a, i, &b, i) == laplace, "another sample, other draws, but for drawn weights");
      wrong += world_expect(w, !equal(&a, i, &c, i), "another seed, other draws");
    }
    uq.noise = true;
    drawn noisy = draw(&s, &uq, 7, s.x[0], 3), noisy4 = draw(&s, &uq, 7, s.x[0], 4);
    wrong += world_expect(w, !laplace || !equal(&noisy, 6, &noisy4, 6), "the noise is another one for another sample");
    drawn *const list[] = {&a, &again, &b, &c, &noisy, &noisy4};
    for (int i = 0; i < 6; i++) free(list[i]->fields);
  }
  leave(w, &s);
  return wrong;
}

/* The one field of a deterministic operator is what evaluation calls its mean, and what a member gives. */
static int members_are_draws_and_one_operator_gives_one_field(world *w) {
  scene s = enter(w);
  const pno_uq_spec none = uq_of(PNO_UQ_NONE), both = uq_of(PNO_UQ_ENSEMBLE);
  const pno_evaluator_use use = {.draws = 5, .depth = PNO_DEPTH_MOMENTS};
  pno_evaluator *e = NULL;
  pno_prediction p;
  int wrong = 0;
  drawn one = draw(&s, &none, 1, s.x[1], 1), members = draw(&s, &both, 2, s.x[1], 1);
  wrong += world_expect(w, members.n == 2 && equal(&one, 0, &members, 0), "the first draw is the first member");
  wrong += world_expect(w, !equal(&members, 0, &members, 1), "the second draw is another one");
  const pno_predictive alone = {.uq = &none, .members = &s.two->op, .n_members = 1};
  wrong += world_expect(w, pno_evaluator_create(&alone, s.data, 0, SAMPLES, &use, &e) == PNO_OK, "made");
  wrong += world_expect(w, pno_evaluator_draws(e) == 1, "there is nothing to draw");
  wrong += world_expect(w, pno_evaluator_predict(e, 1, &p) == PNO_OK, "predicted");
  wrong += world_expect(w, memcmp(p.mean, members.fields + POINTS, sizeof s.y) == 0, "which is the second member");
  pno_evaluator_destroy(&e);
  free(one.fields);
  free(members.fields);
  leave(w, &s);
  return wrong;
}

/* Mean over the field of the variance of the draws. */
static double variance(const drawn *d) {
  double sum = 0;
  for (int p = 0; p < POINTS; p++) {
    double mean = 0, squares = 0;
    for (int i = 0; i < d->n; i++) mean += d->fields[i * POINTS + p];
    mean /= d->n;
    for (int i = 0; i < d->n; i++) squares += pow(d->fields[i * POINTS + p] - mean, 2);
    sum += squares / (d->n - 1);
  }
  return sum / POINTS;
}

/* 400 draws of 63 points: 1 % of a variance is one standard error where points are independent. */
static int parts_add_up_to_the_variance_of_the_draws(world *w) {
  scene s = enter(w);
  pno_uq_spec uq = uq_of(PNO_UQ_PNO_R);
  drawn d = draw(&s, &uq, MOST, s.x[0], 0);
  int wrong = world_expect(w, fabs(variance(&d) / d.aleatoric - 1) < 0.05 && isnan(d.in_draws), "the scale head is the noise");
  free(d.fields);
  uq = uq_of(PNO_UQ_LAPLACE);
  d = draw(&s, &uq, MOST, s.x[0], 0);
  uq.noise = true;
  drawn noisy = draw(&s, &uq, MOST, s.x[0], 0);
  wrong += world_expect(w, d.in_draws == 0 && noisy.in_draws == noisy.aleatoric, "the noise is in the draws if it is asked for");
  wrong += world_expect(w, d.aleatoric == noisy.aleatoric && d.aleatoric > 0, "it is known in any case");
  wrong += world_expect(w, fabs((variance(&noisy) - variance(&d)) / d.aleatoric - 1) < 0.05, "and widens the draws so much");
  free(d.fields);
  free(noisy.fields);
  for (int m = PNO_UQ_NONE; m <= (int)PNO_UQ_ENSEMBLE; m++) {
    uq = uq_of((pno_uq_method)m);
    if (m == PNO_UQ_PNO_R || m == PNO_UQ_LAPLACE) continue;
    d = draw(&s, &uq, m == PNO_UQ_NONE ? 1 : 2, s.x[0], 0);
    wrong += world_expect(w, isnan(d.aleatoric), "no noise is told");
    const bool epistemic = m == PNO_UQ_MCDROPOUT || m == PNO_UQ_ENSEMBLE;
    wrong += world_expect(w, epistemic ? d.in_draws == 0 : isnan(d.in_draws), "models that differ are all of the spread");
    free(d.fields);
  }
  leave(w, &s);
  return wrong;
}

static int draws_are_counted_by_method(world *w) {
  static const int asked = 9, want[] = {1, 9, 9, 9, 9, 4}, unfitted[] = {1, 9, 9, 9, 1, 4};
  const pno_laplace l = {.features = 1};
  int wrong = 0;
  for (int m = PNO_UQ_NONE; m <= (int)PNO_UQ_ENSEMBLE; m++) {
    const pno_uq_spec uq = uq_of((pno_uq_method)m), training = pno_uq_in_training(&uq);
    pno_predictive p = {.uq = &uq, .n_members = m == PNO_UQ_ENSEMBLE ? 4 : 1, .laplace = &l};
    wrong += world_expect(w, pno_uq_draws(&p, asked) == want[m], pno_uq_draws(&p, asked) ? "draws" : "no draws");
    p.laplace = NULL;
    wrong += world_expect(w, pno_uq_draws(&p, asked) == unfitted[m], "draws before anything is fitted");
    const bool draws = m == PNO_UQ_PNO_D || m == PNO_UQ_PNO_R;
    wrong += world_expect(w, training.method == (draws ? uq.method : PNO_UQ_NONE), "training draws if it is on draws");
    wrong += world_expect(w, training.draws == uq.draws && training.seed == uq.seed, "the rest stays");
  }
  return wrong;
}

static int the_way_of_a_prediction_is_what_its_draws_depend_on(world *w) {
  const pno_uq_spec d = uq_of(PNO_UQ_PNO_D), l = uq_of(PNO_UQ_LAPLACE);
  pno_uq_spec o = d, n = l;
  const pno_digest way = pno_uq_way(&d, 9);
  o.seed++;
  o.noise = !o.noise; /* of Laplace alone */
  o.samples++;
  int wrong = world_expect(w, pno_digest_equal(way, pno_uq_way(&o, 9)), "other random numbers, the same way");
  wrong += world_expect(w, !pno_digest_equal(way, pno_uq_way(&d, 8)), "fewer draws are another way");
  o.dropout = 0.1;
  wrong += world_expect(w, !pno_digest_equal(way, pno_uq_way(&o, 9)), "so is other dropout");
  o = d;
  o.method = PNO_UQ_MCDROPOUT;
  wrong += world_expect(w, !pno_digest_equal(way, pno_uq_way(&o, 9)), "so is another method");
  n.noise = true;
  return wrong + world_expect(w, !pno_digest_equal(pno_uq_way(&l, 9), pno_uq_way(&n, 9)), "so is Laplace's noise");
}

static int data_that_do_not_fit_are_refused(world *w) {
  scene s = enter(w);
  const pno_uq_spec uq = uq_of(PNO_UQ_ENSEMBLE);
  const pno_operator members[] = {s.one->op, s.two->op};
  const pno_predictive p = {.uq = &uq, .members = members, .n_members = 2};
  pno_sampler *sampler = NULL;
  pno_sample_info info = *pno_dataset_info(s.data);
  info.in_channels = 2;
  int wrong = world_expect(w, pno_sampler_create(&p, &info, 2, &sampler) == PNO_E_SHAPE, "two channels for one");
  wrong += world_expect(w, sampler == NULL, "nothing is handed out");
  leave(w, &s);
  return wrong;
}

Test(sampler, draws_are_those_of_the_method, .timeout = 90) {
  const world_case cases[] = {
      {"draws_do_not_depend_on_how_many_are_made_together", draws_do_not_depend_on_how_many_are_made_together},
      {"draws_differ_between_draws_samples_and_seeds", draws_differ_between_draws_samples_and_seeds},
      {"a_draw_alone_is_that_of_all_and_a_step_draws_fields_anew_but_no_weights",
       a_draw_alone_is_that_of_all_and_a_step_draws_fields_anew_but_no_weights},
      {"members_are_draws_and_one_operator_gives_one_field", members_are_draws_and_one_operator_gives_one_field},
      {"parts_add_up_to_the_variance_of_the_draws", parts_add_up_to_the_variance_of_the_draws},
      {"draws_are_counted_by_method", draws_are_counted_by_method},
      {"the_way_of_a_prediction_is_what_its_draws_depend_on", the_way_of_a_prediction_is_what_its_draws_depend_on},
      {"data_that_do_not_fit_are_refused", data_that_do_not_fit_are_refused},
  };
  train_run(cases, sizeof cases / sizeof cases[0]);
}
