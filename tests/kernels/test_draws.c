/* Sums over draws against plain loops in double, and their gradients against differences of those. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/kernels/kernel_world.h"

enum { MOST = 7, TERMS = 1 + MOST + MOST * (MOST - 1) / 2 };
static const ptrdiff_t sizes[] = {1, 7, 1023, 1024, 1025, 3000};
enum { SIZES = sizeof sizes / sizeof *sizes };

typedef void draws_check(const pno_kernels *t, pno_draws *a, world *w);

static ptrdiff_t steps_of(const pno_draws *a) { return (a->values + PNO_STEP - 1) / PNO_STEP; }

/* Every table, kind, number of draws and size; factors are random, and so are what outputs hold before. */
static void each(draws_check *check) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int kind = 0; kind < 3; kind++) {
      for (int draws = kind == PNO_DRAWS_NLL ? 2 : 1; draws <= MOST; draws++) {
        for (int n = 0; n < SIZES; n++) {
          world w = {0};
          const int terms = pno_draws_terms((pno_draws_kind)kind, draws);
          pno_draws a = {.kind = (pno_draws_kind)kind,
                         .draws = draws,
                         .values = sizes[n],
                         .spread = draws > 1 ? 1.0f / (float)(draws * draws + 3) : 0.0f,
                         .output = world_noise(&w, draws * sizes[n], 1),
                         .target = world_noise(&w, sizes[n], 2),
                         .dy = world_noise(&w, draws * sizes[n], 3)};
          double *factor = world_doubles(&w, terms);
          const float *random = world_noise(&w, terms, 4);
          for (int k = 0; k < terms; k++) factor[k] = 0.3 + (double)random[k];
          a.factor = factor;
          a.sums = world_doubles(&w, steps_of(&a) * terms);
          world_say("%s, kind %d, %d draws, %td values", t[i]->name, kind, draws, sizes[n]);
          check(t[i], &a, &w);
          world_end(&w);
        }
      }
    }
  }
}

static double square(double x) { return x * x; }

/* The terms of one value whose draws are y. */
static void terms_of(const pno_draws *a, const double *y, double u, double *term) {
  const int m = a->draws;
  double near = 0, apart = 0, mean = 0, variance = 0;
  for (int i = 0; i < m; i++) mean += y[i] / m;
  for (int i = 0; i < m; i++) variance += square(y[i] - mean) / (m - 1);
  const double sd = fmax(sqrt(variance), 1e-6);
  int at = 0;
  term[at++] = u * u;
  for (int i = 0; i < m; i++) near += fabs(y[i] - u) / m, term[at++] = square(y[i] - u);
  for (int i = 0; i < m; i++)
    for (int k = i + 1; k < m; k++) apart += fabs(y[i] - y[k]), term[at++] = square(y[i] - y[k]);
  if (a->kind == PNO_DRAWS_CRPS) term[0] = near - (double)a->spread * apart;
  if (a->kind == PNO_DRAWS_NLL) term[0] = 0.5 * log(2 * acos(-1.0)) + log(sd) + 0.5 * square((u - mean) / sd);
}

static void value_of(const pno_draws *a, ptrdiff_t i, double *y) {
  for (int m = 0; m < a->draws; m++) y[m] = (double)a->output[m * a->values + i];
}

static void check_sums(const pno_kernels *t, pno_draws *a, world *w) {
  const int terms = pno_draws_terms(a->kind, a->draws);
  (void)w;
  t->draws_sums(a, 0, steps_of(a));
  for (ptrdiff_t step = 0; step < steps_of(a); step++) {
    double want[TERMS] = {0}, size[TERMS] = {0}, term[TERMS], y[MOST];
    for (ptrdiff_t i = step * PNO_STEP; i < (step + 1) * PNO_STEP && i < a->values; i++) {
      value_of(a, i, y);
      terms_of(a, y, (double)a->target[i], term);
      for (int k = 0; k < terms; k++) want[k] += term[k], size[k] += fabs(term[k]);
    }
    for (int k = 0; k < terms; k++) {
      const double got = a->sums[step * terms + k];
      cr_assert(fabs(got - want[k]) <= 1e-11 * size[k],
                "%s, kind %d, %d draws, %td values, step %td, term %d: %.17g, not %.17g", t->name, a->kind, a->draws,
                a->values, step, k, got, want[k]);
    }
  }
}

Test(draws, sums_are_those_of_the_definition_step_by_step) { each(check_sums); }

/* What the gradient is of. */
static double functional(const pno_draws *a, const double *y, double u) {
  double term[TERMS], sum = 0;
  terms_of(a, y, u, term);
  for (int k = 0; k < pno_draws_terms(a->kind, a->draws); k++) sum += a->factor[k] * term[k];
  return a->kind == PNO_DRAWS_DISTANCES ? 0.5 * sum : sum;
}

/* A step that crosses no tie, small beside the deviation of the draws; 0 where there is none. */
static double step_at(const pno_draws *a, const double *y, double u) {
  double least = 1.0, mean = 0, variance = 0;
  for (int i = 0; i < a->draws; i++) {
    mean += y[i] / a->draws;
    least = fmin(least, fabs(y[i] - u));
    for (int k = 0; k < i; k++) least = fmin(least, fabs(y[i] - y[k]));
  }
  for (int i = 0; i < a->draws; i++) variance += square(y[i] - mean) / (a->draws - 1);
  if (a->kind == PNO_DRAWS_DISTANCES) return 1e-3;
  if (a->kind == PNO_DRAWS_CRPS) return least < 1e-3 ? 0 : 1e-5;
  return variance < 1e-4 ? 0 : 1e-4 * sqrt(variance);
}

static void check_gradient(const pno_kernels *t, pno_draws *a, world *w) {
  (void)w;
  ptrdiff_t seen = 0;
  t->draws_gradient(a, 0, steps_of(a));
  for (ptrdiff_t i = 0; i<a->values; i += a->values> 20 ? 7 : 1) {
    double y[MOST], want[MOST], size = 0;
    const double u = (double)a->target[i];
    value_of(a, i, y);
    const double h = step_at(a, y, u);
    if (h == 0) continue;
    for (int m = 0; m < a->draws; m++) {
      const double at = y[m];
      y[m] = at + h;
      want[m] = functional(a, y, u);
      y[m] = at - h;
      want[m] = (want[m] - functional(a, y, u)) / (2 * h);
      y[m] = at;
      size = fmax(size, fabs(want[m]));
    }
    for (int m = 0; m < a->draws; m++) {
      const double got = (double)a->dy[m * a->values + i];
      cr_assert(fabs(got - want[m]) <= 5e-6 * (size + 1), "%s, kind %d, %d draws, value %td of draw %d: %g, not %g",
                t->name, a->kind, a->draws, i, m, got, want[m]);
    }
    seen++;
  }
  cr_assert(seen > 0 || a->values < 20);
}

Test(draws, gradients_are_those_of_differences) { each(check_gradient); }

static void check_order(const pno_kernels *t, pno_draws *a, world *w) {
  const int terms = pno_draws_terms(a->kind, a->draws);
  const ptrdiff_t steps = steps_of(a);
  pno_draws b = *a;
  b.sums = world_doubles(w, steps * terms);
  b.dy = world_noise(w, a->draws * a->values, 5);
  t->draws_sums(a, 0, steps);
  t->draws_gradient(a, 0, steps);
  for (ptrdiff_t s = steps - 1; s >= 0; s--) t->draws_sums(&b, s, 1);
  for (ptrdiff_t s = steps - 1; s >= 0; s--) t->draws_gradient(&b, s, 1);
  cr_assert_eq(memcmp(a->sums, b.sums, sizeof *b.sums * (size_t)(steps * terms)), 0, "%s", t->name);
  world_same(b.dy, a->dy, a->draws * a->values, "gradient");
}

Test(draws, steps_in_any_order_give_the_same_bits) { each(check_order); }

/* All draws on the target: distances have no gradient there, nor have absolute values, and the deviation of the
 * likelihood is the least one. */
static void check_ties(const pno_kernels *t, pno_draws *a, world *w) {
  const int terms = pno_draws_terms(a->kind, a->draws);
  float *same = world_zeros(w, a->draws * a->values);
  for (ptrdiff_t i = 0; i < a->draws * a->values; i++) same[i] = a->target[i % a->values];
  a->output = same;
  t->draws_sums(a, 0, steps_of(a));
  t->draws_gradient(a, 0, steps_of(a));
  for (ptrdiff_t i = 0; i < a->draws * a->values; i++) {
    /* the mean in double is off by 1e-16 of the value, which weighs 1e12 */
    const double most = a->kind == PNO_DRAWS_NLL ? 2e-3 * fabs(a->factor[0]) : 0.0;
    cr_assert(fabs((double)a->dy[i]) <= most, "%s, kind %d: %g", t->name, a->kind, (double)a->dy[i]);
  }
  for (ptrdiff_t s = 0; s < steps_of(a); s++) {
    const ptrdiff_t n = a->values - s * PNO_STEP < PNO_STEP ? a->values - s * PNO_STEP : PNO_STEP;
    if (a->kind == PNO_DRAWS_NLL) cr_assert_float_eq(a->sums[s], (double)n * log(sqrt(2 * acos(-1.0)) * 1e-6), 1e-6);
    for (int k = a->kind == PNO_DRAWS_DISTANCES; k < terms && a->kind != PNO_DRAWS_NLL; k++)
      cr_assert_eq(a->sums[s * terms + k], 0.0);
  }
}

Test(draws, draws_on_the_target_have_no_distance_and_no_gradient) { each(check_ties); }

/* Draws that are equal but off the target: pairs add nothing; the least deviation stands and does not move. */
static void check_equal(const pno_kernels *t, pno_draws *a, world *w) {
  float *same = world_zeros(w, a->draws * a->values), *target = world_zeros(w, a->values);
  for (ptrdiff_t i = 0; i < a->draws * a->values; i++) same[i] = 0.25f;
  for (ptrdiff_t i = 0; i < a->values; i++) target[i] = i % 2 ? 0.25f + 0x1p-22f : 0.25f - 0x1p-21f;
  a->output = same;
  a->target = target;
  t->draws_sums(a, 0, steps_of(a));
  t->draws_gradient(a, 0, steps_of(a));
  double sum = 0, size = 0;
  for (ptrdiff_t s = 0; s < steps_of(a); s++) sum += a->sums[s * pno_draws_terms(a->kind, a->draws)];
  if (a->kind == PNO_DRAWS_NLL) {
    for (ptrdiff_t i = 0; i < a->values; i++)
      size += log(sqrt(2 * acos(-1.0)) * 1e-6) + 0.5 * square((double)(same[0] - target[i]) / 1e-6);
    cr_assert_float_eq(sum, size, 1e-9 * fabs(size), "%s: %.12g, not %.12g", t->name, sum, size);
  }
  for (ptrdiff_t i = 0; i < a->draws * a->values; i++) {
    const double e = (double)(same[i] - target[i % a->values]), f = a->factor[0];
    const double want = a->kind == PNO_DRAWS_NLL    ? f * e / 1e-12 / a->draws
                        : a->kind == PNO_DRAWS_CRPS ? f * (e > 0 ? 1.0 : -1.0) / a->draws
                                                    : a->factor[1 + i / a->values] * e;
    cr_assert(fabs((double)a->dy[i] - want) <= 1e-6 * fabs(want), "%s, kind %d: %g, not %g", t->name, a->kind,
              (double)a->dy[i], want);
  }
}

Test(draws, equal_draws_have_the_least_deviation_and_pull_towards_the_target_alone) { each(check_equal); }

/* A value that is no number in the last draw: in the sums of its step that hold it, in no others. */
static void check_not_a_number(const pno_kernels *t, pno_draws *a, world *w) {
  const int terms = pno_draws_terms(a->kind, a->draws), bad = a->draws - 1;
  const ptrdiff_t at = a->values / 2;
  float *output = world_copy(w, a->output, a->draws * a->values);
  output[bad * a->values + at] = NAN;
  a->output = output;
  t->draws_sums(a, 0, steps_of(a));
  for (ptrdiff_t s = 0; s < steps_of(a); s++) {
    int k = 0;
    const bool here = s == at / PNO_STEP;
    if (a->kind != PNO_DRAWS_DISTANCES) {
      cr_assert_eq(isnan(a->sums[s]) != 0, here, "%s, kind %d, step %td", t->name, a->kind, s);
      continue;
    }
    cr_assert(isfinite(a->sums[s * terms + k++]));
    for (int m = 0; m < a->draws; m++) cr_assert_eq(isnan(a->sums[s * terms + k++]) != 0, here && m == bad);
    for (int m = 0; m < a->draws; m++)
      for (int n = m + 1; n < a->draws; n++) cr_assert_eq(isnan(a->sums[s * terms + k++]) != 0, here && n == bad);
  }
}

Test(draws, what_is_no_number_shows_in_the_sums_that_hold_it) { each(check_not_a_number); }
