#include "engine/pde/parameter.h"

#include <criterion/criterion.h>
#include <math.h>

static const pno_parameter p = {"nu", "", "viscosity", .5, 4};

static pno_distribution parse(const char *text) {
  pno_distribution d;
  cr_assert_eq(pno_distribution_parse(text, &p, &d), PNO_OK, "%s", pno_fail_words());
  return d;
}

static double draw(const pno_distribution *d, uint32_t sample) { return pno_distribution_draw(d, &p, 7, sample, 2); }

Test(parameter, draws_have_the_mean_and_the_limits_of_their_distribution) {
  static const char *const texts[] = {"1.5", "uniform:1:3", "loguniform:.5:4", "normal:2:.2", "choice:1:2:4"};
  static const double means[] = {1.5, 2, 3.5 / 2.0794415416798357, 2, 7. / 3}; /* 3.5 / log(8) */
  static const double deviation[] = {0, .577, .97, .2, 1.25};
  enum { N = 20000 };
  for (int t = 0; t < 5; t++) {
    const pno_distribution d = parse(texts[t]);
    double sum = 0, square = 0;
    for (uint32_t s = 0; s < N; s++) {
      const double v = draw(&d, s);
      cr_assert(v >= p.lo && v <= p.hi);
      sum += v;
      square += v * v;
    }
    const double mean = sum / N, spread = sqrt(fmax(square / N - mean * mean, 0));
    cr_assert_float_eq(mean, means[t], 4 * (deviation[t] + 1e-12) / sqrt(N), "%s: mean %g", texts[t], mean);
    cr_assert_float_eq(spread, deviation[t], .02 * deviation[t] + 1e-6, "%s: deviation %g", texts[t], spread);
  }
}

Test(parameter, a_normal_number_is_cut_to_what_the_parameter_may_be) {
  const pno_distribution d = parse("normal:.6:10");
  for (uint32_t s = 0; s < 2000; s++) cr_assert(draw(&d, s) >= p.lo && draw(&d, s) <= p.hi);
}

Test(parameter, a_draw_depends_on_seed_sample_and_place_alone) {
  const pno_distribution d = parse("uniform:1:2");
  cr_assert_eq(draw(&d, 3), draw(&d, 3));
  cr_assert_neq(draw(&d, 3), draw(&d, 4));
  cr_assert_neq(draw(&d, 3), pno_distribution_draw(&d, &p, 8, 3, 2));
  cr_assert_neq(draw(&d, 3), pno_distribution_draw(&d, &p, 7, 3, 1));
}

Test(parameter, every_choice_is_drawn) {
  const pno_distribution d = parse("choice:1:2:4");
  int seen[5] = {0};
  for (uint32_t s = 0; s < 300; s++) seen[(int)draw(&d, s)]++;
  cr_assert(seen[1] > 60 && seen[2] > 60 && seen[4] > 60);
}
