/* Draws of a mean and a scale head, and the likelihood of a target, against their definitions in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/base/rng.h"
#include "tests/kernels/kernel_world.h"

enum { DRAWS = 3 };

typedef void normal_check(const pno_kernels *t, pno_normal *a, world *w);

static ptrdiff_t steps_of(const pno_normal *a) { return (a->points + PNO_STEP - 1) / PNO_STEP; }

static void each(normal_check *check) {
  static const ptrdiff_t points[] = {1, 21, 1023, 1024, 1025, 3000};
  static const int outs[] = {1, 2, 5};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int n = 0; n < 6 * 3; n++) {
      world w = {0};
      const int out = outs[n % 3], per_point = n / 2 % 2;
      const ptrdiff_t values = points[n / 3] * out, norms = 2 * (per_point ? values : out);
      float *scale = world_noise(&w, norms, 1), *heads = world_noise(&w, 2 * values, 2);
      for (ptrdiff_t k = 0; k < norms; k++) scale[k] = fabsf(scale[k]) + 0.5f;
      for (ptrdiff_t k = 0; k < 2 * values; k++) heads[k] *= k % 7 == 0 ? 30.0f : 2.0f; /* s far out too */
      pno_normal a = {.points = points[n / 3],
                      .out = out,
                      .draws = DRAWS,
                      .norm = {.per_point = per_point, .scale = scale, .shift = world_noise(&w, norms, 3)},
                      .seed = 0x9876543210u,
                      .epoch = 77,
                      .sample = 12345,
                      .first_draw = 5,
                      .heads = heads,
                      .output = world_noise(&w, DRAWS * values, 4),
                      .target = world_noise(&w, values, 5),
                      .dy = world_noise(&w, DRAWS * values, 6),
                      .factor = -0.7,
                      .dheads = world_noise(&w, 2 * values, 7)};
      a.sums = world_doubles(&w, steps_of(&a));
      world_say("%s, %td points, %d channels, %s", t[i]->name, a.points, out, per_point ? "per point" : "per channel");
      check(t[i], &a, &w);
      world_end(&w);
    }
  }
}

/* Of value i = point * out + channel. */
static ptrdiff_t mean_at(const pno_normal *a, ptrdiff_t i) { return i / a->out * 2 * a->out + i % a->out; }
static ptrdiff_t s_at(const pno_normal *a, ptrdiff_t i) { return mean_at(a, i) + a->out; }

static double deviation(const pno_normal *a, ptrdiff_t i, double s) {
  const double soft = s > 30 ? s + exp(-s) : log1p(exp(s));
  return (double)a->norm.scale[a->norm.per_point ? mean_at(a, i) : i % a->out] * (soft + 1e-6);
}

static double z_of(const pno_normal *a, int draw, ptrdiff_t i) {
  const pno_rng r = {.seed = a->seed,
                     .stream = PNO_STREAM_DRAW,
                     .epoch = a->epoch,
                     .sample = a->sample,
                     .site = 0,
                     .draw = (uint16_t)(a->first_draw + draw)};
  return pno_rng_normal(&r, (uint64_t)i);
}

static void check_draw(const pno_kernels *t, pno_normal *a, world *w) {
  const ptrdiff_t values = a->points * a->out;
  (void)w;
  t->normal_draw(a, 0, steps_of(a));
  for (int m = 0; m < DRAWS; m++) {
    for (ptrdiff_t i = 0; i < values; i++) {
      const double mean = (double)a->heads[mean_at(a, i)], z = z_of(a, m, i);
      const double sd = deviation(a, i, (double)a->heads[s_at(a, i)]), got = (double)a->output[m * values + i];
      cr_assert(fabs(got - mean - sd * z) <= 1e-7 * (fabs(mean) + sd * fabs(z)), "%s: draw %d, value %td: %g, not %g",
                t->name, m, i, got, mean + sd * z);
    }
  }
}

Test(normal, a_draw_is_the_mean_plus_the_deviation_times_the_normal_of_its_place) { each(check_draw); }

/* Derivative of f(a, i, s) by s. */
static double by_s(const pno_normal *a, ptrdiff_t i, double (*f)(const pno_normal *, ptrdiff_t, double, double)) {
  const double mean = (double)a->heads[mean_at(a, i)], s = (double)a->heads[s_at(a, i)], h = 1e-4;
  return (f(a, i, mean, s + h) - f(a, i, mean, s - h)) / (2 * h);
}

static double by_mean(const pno_normal *a, ptrdiff_t i, double (*f)(const pno_normal *, ptrdiff_t, double, double)) {
  const double mean = (double)a->heads[mean_at(a, i)], s = (double)a->heads[s_at(a, i)];
  const double h = 1e-4 * deviation(a, i, s);
  return (f(a, i, mean + h, s) - f(a, i, mean - h, s)) / (2 * h);
}

/* <dy, draws> of one value */
static double linear(const pno_normal *a, ptrdiff_t i, double mean, double s) {
  double sum = 0;
  for (int m = 0; m < a->draws; m++)
    sum += (double)a->dy[m * a->points * a->out + i] * (mean + deviation(a, i, s) * z_of(a, m, i));
  return sum;
}

static void check_gradient(const pno_kernels *t, pno_normal *a, world *w) {
  (void)w;
  t->normal_gradient(a, 0, steps_of(a));
  for (ptrdiff_t i = 0; i < a->points * a->out; i++) {
    double sum = 0;
    for (int m = 0; m < DRAWS; m++) sum += (double)a->dy[m * a->points * a->out + i];
    const double mean = (double)a->dheads[mean_at(a, i)], s = (double)a->dheads[s_at(a, i)], want = by_s(a, i, linear);
    cr_assert_float_eq(mean, sum, 1e-6, "%s: mean of value %td: %g, not %g", t->name, i, mean, sum);
    cr_assert(fabs(s - want) <= 2e-6 * (1 + fabs(want)), "%s: s of value %td: %g, not %g", t->name, i, s, want);
  }
}

Test(normal, the_gradient_of_draws_is_that_of_differences) { each(check_gradient); }

static double surprise(const pno_normal *a, ptrdiff_t i, double mean, double s) {
  const double sd = deviation(a, i, s), e = ((double)a->target[i] - mean) / sd;
  return log(sd * sqrt(2 * acos(-1.0))) + 0.5 * e * e;
}

static void check_nll(const pno_kernels *t, pno_normal *a, world *w) {
  (void)w;
  t->normal_nll(a, 0, steps_of(a));
  for (ptrdiff_t step = 0; step < steps_of(a); step++) {
    double want = 0, size = 0;
    for (ptrdiff_t i = step * PNO_STEP * a->out; i < (step + 1) * PNO_STEP * a->out && i < a->points * a->out; i++) {
      const double one = surprise(a, i, (double)a->heads[mean_at(a, i)], (double)a->heads[s_at(a, i)]);
      want += one;
      size += fabs(one);
    }
    cr_assert(fabs(a->sums[step] - want) <= 1e-11 * size, "%s: step %td: %.17g, not %.17g", t->name, step,
              a->sums[step], want);
  }
}

Test(normal, the_likelihood_is_that_of_the_normal_density) { each(check_nll); }

/* In closed form; and by differences where the deviation is not so small that they cancel. */
static void check_nll_gradient(const pno_kernels *t, pno_normal *a, world *w) {
  (void)w;
  t->normal_nll_gradient(a, 0, steps_of(a));
  for (ptrdiff_t i = 0; i < a->points * a->out; i++) {
    const double s = (double)a->heads[s_at(a, i)], sd = deviation(a, i, s);
    const double unit = (double)a->norm.scale[a->norm.per_point ? mean_at(a, i) : i % a->out];
    const double e = ((double)a->target[i] - (double)a->heads[mean_at(a, i)]) / sd;
    const double closed[2] = {-a->factor * e / sd, a->factor * (1 - e * e) / sd * unit / (1 + exp(-s))};
    const double differences[2] = {a->factor * by_mean(a, i, surprise), a->factor * by_s(a, i, surprise)};
    const double got[2] = {(double)a->dheads[mean_at(a, i)], (double)a->dheads[s_at(a, i)]};
    for (int k = 0; k < 2; k++) {
      cr_assert(fabs(got[k] - closed[k]) <= 1e-6 * fabs(closed[k]) + 1e-9, "%s: value %td, head %d: %g, not %g",
                t->name, i, k, got[k], closed[k]);
      cr_assert(s < -6 || fabs(got[k] - differences[k]) <= 1e-5 * (1 + fabs(got[k])),
                "%s: value %td, head %d: %g, by differences %g", t->name, i, k, got[k], differences[k]);
    }
  }
}

Test(normal, the_gradient_of_the_likelihood_is_its_closed_form_and_that_of_differences) { each(check_nll_gradient); }

static void check_order(const pno_kernels *t, pno_normal *a, world *w) {
  const ptrdiff_t values = a->points * a->out, steps = steps_of(a);
  pno_normal b = *a;
  b.output = world_noise(w, DRAWS * values, 8);
  b.dheads = world_noise(w, 2 * values, 9);
  b.sums = world_doubles(w, steps);
  t->normal_draw(a, 0, steps);
  t->normal_nll(a, 0, steps);
  for (ptrdiff_t s = steps - 1; s >= 0; s--) t->normal_draw(&b, s, 1);
  for (ptrdiff_t s = steps - 1; s >= 0; s--) t->normal_nll(&b, s, 1);
  world_same(b.output, a->output, DRAWS * values, "draws");
  cr_assert_eq(memcmp(b.sums, a->sums, sizeof *b.sums * (size_t)steps), 0, "%s", t->name);
  for (int likelihood = 0; likelihood < 2; likelihood++) {
    void (*const op)(const pno_normal *, ptrdiff_t, ptrdiff_t) =
        likelihood ? t->normal_nll_gradient : t->normal_gradient;
    op(a, 0, steps);
    for (ptrdiff_t s = steps - 1; s >= 0; s--) op(&b, s, 1);
    world_same(b.dheads, a->dheads, 2 * values, "gradient of heads");
  }
}

Test(normal, steps_in_any_order_give_the_same_bits) { each(check_order); }

/* Three draws at once, and one by one with numbers of their own. */
static void check_numbers(const pno_kernels *t, pno_normal *a, world *w) {
  const ptrdiff_t values = a->points * a->out;
  t->normal_draw(a, 0, steps_of(a));
  pno_normal b = *a;
  b.draws = 1;
  b.output = world_noise(w, values, 8);
  for (int m = 0; m < DRAWS; m++, b.first_draw++) {
    t->normal_draw(&b, 0, steps_of(&b));
    world_same(b.output, a->output + m * values, values, "draw");
  }
}

Test(normal, a_draw_is_known_by_its_number_alone) { each(check_numbers); }

Test(normal, many_draws_have_the_mean_and_the_deviation_of_the_heads) {
  enum { POINTS = 2000, MANY = 40, N = POINTS * MANY };
  static const float scale[] = {1.5f, 1.0f}, shift[] = {100.0f, 0.0f};
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    world w = {0};
    float *heads = world_zeros(&w, 2 * POINTS), *output = world_zeros(&w, N);
    for (int p = 0; p < POINTS; p++) heads[2 * p] = 3.0f, heads[2 * p + 1] = 0.4f;
    const pno_normal a = {.points = POINTS,
                          .out = 1,
                          .draws = MANY,
                          .norm = {.scale = scale, .shift = shift},
                          .seed = 5,
                          .heads = heads,
                          .output = output};
    t[i]->normal_draw(&a, 0, steps_of(&a));
    double mean = 0, variance = 0;
    const double sd = 1.5 * (log(1 + exp(0.4)) + 1e-6);
    for (int k = 0; k < N; k++) mean += (double)output[k] / N;
    for (int k = 0; k < N; k++) variance += ((double)output[k] - mean) * ((double)output[k] - mean) / (N - 1);
    cr_assert(fabs(mean - 3) < 4.5 * sd / sqrt(N), "%s: mean %g", t[i]->name, mean);
    cr_assert(fabs(variance / (sd * sd) - 1) < 4.5 * sqrt(2.0 / N), "%s: variance %g", t[i]->name, variance);
    world_end(&w);
  }
}
