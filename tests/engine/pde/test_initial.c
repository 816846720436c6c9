#include "engine/pde/initial.h"

#include <criterion/criterion.h>
#include <math.h>

enum { SAMPLES = 20000 };

static double share(int count) { return (double)count / SAMPLES; }

/* 4 standard errors of a share p. */
static double bound(double p) { return 4 * sqrt(p * (1 - p) / SAMPLES); }

Test(initial, waves_have_the_shares_and_ranges_of_pdebench) {
  int absolute = 0, window = 0, negative = 0, single = 0, numbers[9] = {0};
  double amplitude = 0, square = 0, mean = 0, variance = 0;
  for (uint32_t s = 0; s < SAMPLES; s++) {
    pno_waves w;
    pno_waves_draw(17, s, &w);
    const int n = w.amplitude[1] > 0 ? 2 : 1;
    absolute += w.absolute, window += w.window, negative += w.sign < 0, single += n == 1;
    cr_assert(fabs(w.sign) == 1 && w.left > .1 && w.left < .45 && w.right > .55 && w.right < .9);
    for (int i = 0; i < n; i++) {
      cr_assert(w.k[i] >= 1 && w.k[i] <= (n == 1 ? 8 : 4) && w.k[i] % (n == 1 ? 2 : 1) == 0);
      cr_assert(w.amplitude[i] > 0 && w.amplitude[i] < 1 && w.phase[i] > 0 && w.phase[i] < 6.2832);
      numbers[w.k[i]]++;
    }
    amplitude += w.amplitude[0];
    square += w.amplitude[0] * w.amplitude[0];
    mean += w.mean;
    variance += w.mean * w.mean;
  }
  cr_assert_float_eq(share(absolute), .1, bound(.1));
  cr_assert_float_eq(share(window), .1, bound(.1));
  cr_assert_float_eq(share(negative), .5, bound(.5));
  cr_assert_float_eq(share(single), .25, bound(.25));
  /* 1 .. 4 once: 2 * 1/4 * 3/4; 2, 4, 6, 8 as a number chosen twice: 1/16 */
  for (int k = 1; k <= 8; k++) {
    const double p = (k <= 4 ? .375 : 0) + (k % 2 == 0 ? .0625 : 0);
    cr_assert_float_eq(share(numbers[k]), p, bound(p), "wave number %d: share %g, want %g", k, share(numbers[k]), p);
  }
  cr_assert_float_eq(amplitude / SAMPLES, .5, 4 * sqrt(1. / 12 / SAMPLES));
  cr_assert_float_eq(square / SAMPLES, 1. / 3, 4 * sqrt(4. / 45 / SAMPLES));
  /* a constant is amplitude times sine: variance 1/6; two of them, or three where one number was chosen twice */
  cr_assert_float_eq(mean / SAMPLES, 0, 4 * sqrt(.375 / SAMPLES));
  cr_assert_float_eq(variance / SAMPLES, .375, 4 * .6 / sqrt(SAMPLES));
}

Test(initial, waves_are_periodic_and_of_one_sample_alone) {
  for (uint32_t s = 0; s < 200; s++) {
    pno_waves w, v, other;
    pno_waves_draw(5, s, &w);
    pno_waves_draw(5, s, &v);
    pno_waves_draw(5, s + 1, &other);
    cr_assert(w.phase[0] == v.phase[0] && w.phase[0] != other.phase[0]);
    for (int i = 0; i < 40; i++) {
      const double x = i / 41.;
      cr_assert_eq(pno_waves_at(&w, x), pno_waves_at(&v, x));
      cr_assert_float_eq(pno_waves_at(&w, x + 1), pno_waves_at(&w, x), 1e-11);
      cr_assert_float_eq(pno_waves_at(&w, x - 3), pno_waves_at(&w, x), 1e-11);
    }
  }
}

Test(initial, a_window_leaves_the_middle_and_nothing_outside) {
  pno_waves w = {.k = {2}, .amplitude = {.8}, .phase = {1}, .mean = .3, .window = true, .sign = -1,
                 .left = .3, .right = .7};
  cr_assert_float_eq(pno_waves_at(&w, .5), -(.3 + .8 * sin(4 * acos(-1) * .5 + 1)), 1e-12);
  cr_assert_float_eq(pno_waves_at(&w, .3), -.5 * (.3 + .8 * sin(4 * acos(-1) * .3 + 1)), 1e-12);
  cr_assert_float_eq(pno_waves_at(&w, .1), 0, 1e-12);
  cr_assert_float_eq(pno_waves_at(&w, .9), 0, 1e-12);
  w.absolute = true;
  for (int i = 0; i < 20; i++) cr_assert_leq(pno_waves_at(&w, i / 20.), 0);
}
