/* The tables that a plan makes, against the definition of the transforms. */
#include <criterion/criterion.h>
#include <math.h>

#include "engine/model/fno_impl.h"

typedef struct {
  pno_fno *f;
  pno_fno_plan *p;
} made;

static made make(pno_flavour flavour, int dims, int n, int modes) {
  static const float one = 1, zero = 0;
  pno_fno_spec spec = {.flavour = flavour, .dims = dims, .in = 1, .out = 1, .width = 5, .layers = 1, .head_hidden = 4};
  pno_fno_use use = {.kernels = pno_kernels_scalar(), .samples = 1, .micro = 1, .norm_in = {false, &one, &zero},
                     .norm_out = {false, &one, &zero}};
  for (int j = 0; j < dims; j++) {
    spec.modes[j] = modes;
    use.n[j] = n;
  }
  made m;
  cr_assert_eq(pno_fno_create(&spec, &m.f), PNO_OK);
  cr_assert_eq(pno_fno_plan_create(m.f, &use, &m.p), PNO_OK, "%s", pno_fail_words());
  return m;
}

static void unmake(made *m) {
  pno_fno_plan_destroy(&m->p);
  pno_fno_destroy(&m->f);
}

static double value(int y) { return sin(1.7 * y) + 0.3 * y; } /* a row without any symmetry */

Test(fno_plan, all_modes_of_a_row_give_the_row_back) {
  for (int n = 1; n <= 12; n++) {
    made m = make(PNO_FLAVOUR_NEURALOP, 1, n, 2 * n);
    const pno_row_modes *r = &m.p->row;
    cr_assert_eq(r->k, n / 2 + 1);
    for (int x = 0; x < n; x++) {
      double back = 0;
      for (int k = 0; k < 2 * r->k; k++) {
        double mode = 0;
        for (int y = 0; y < n; y++) mode += (double)r->analysis[k * n + y] * value(y);
        back += mode * r->synthesis[k * n + x];
      }
      cr_assert_float_eq(back, value(x), 2e-6, "%d points: %g, not %g", n, back, value(x));
    }
    unmake(&m);
  }
}

Test(fno_plan, imaginary_parts_of_the_mean_and_of_the_nyquist_mode_reach_nothing) {
  for (int n = 4; n <= 9; n++) {
    made m = make(PNO_FLAVOUR_NEURALOP, 1, n, 2 * n);
    const pno_row_modes *r = &m.p->row;
    for (int k = 0; k < r->k; k++) {
      double size = 0;
      for (int y = 0; y < n; y++)
        size += fabs((double)r->synthesis[(2 * k + 1) * n + y]) + fabs((double)r->analysis[(2 * k + 1) * n + y]);
      cr_assert_eq(size == 0, k == 0 || 2 * k == n, "mode %d of %d points", k, n);
    }
    unmake(&m);
  }
}

Test(fno_plan, neuralop_divides_by_the_points_on_the_way_in_and_li_on_the_way_out) {
  made a = make(PNO_FLAVOUR_NEURALOP, 2, 8, 4), b = make(PNO_FLAVOUR_LI, 2, 8, 4);
  cr_assert_float_eq(a.p->row.analysis[0], 1.0f / 64, 1e-9);
  cr_assert_float_eq(a.p->row.synthesis[0], 1.0f, 1e-9);
  cr_assert_float_eq(b.p->row.analysis[0], 1.0f, 1e-9);
  cr_assert_float_eq(b.p->row.synthesis[0], 1.0f / 64, 1e-9);
  unmake(&a);
  unmake(&b);
}

Test(fno_plan, a_leading_axis_keeps_the_frequencies_around_zero) {
  static const struct {
    int n, modes, kept, first;
  } cases[] = {{8, 4, 4, -2}, {8, 5, 5, -2}, {9, 4, 4, -2}, {9, 20, 9, -4}, {8, 20, 8, -4}, {1, 3, 1, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int n = cases[i].n;
    made m = make(PNO_FLAVOUR_NEURALOP, 2, n, cases[i].modes);
    const pno_axis *a = &m.p->axis[0];
    cr_assert_eq(a->k, cases[i].kept);
    for (int k = 0; k < a->k; k++) {
      for (int y = 0; y < n; y++) {
        const double angle = 2.0 * M_PI * (cases[i].first + k) * y / n;
        cr_assert_float_eq(a->cosine[k * n + y], cos(angle), 1e-6);
        cr_assert_float_eq(a->sine[k * n + y], sin(angle), 1e-6);
      }
    }
    unmake(&m);
  }
}

Test(fno_plan, a_grid_too_small_for_the_modes_uses_the_middle_of_the_stored_ones) {
  made m = make(PNO_FLAVOUR_NEURALOP, 2, 6, 11); /* stored 11 x 6, kept 6 x 4: rows 2..7, columns 0..3 */
  cr_assert_eq(m.p->modes, 24);
  for (int k = 0; k < 24; k++) cr_assert_eq(m.p->stored[k], (2 + k / 4) * 6 + k % 4, "mode %d", k);
  unmake(&m);
}

Test(fno_plan, coordinates_leave_the_end_out_in_neuralop_and_take_it_in_li) {
  made a = make(PNO_FLAVOUR_NEURALOP, 1, 8, 4), b = make(PNO_FLAVOUR_LI, 1, 8, 4);
  cr_assert_float_eq(a.p->coordinate[0][0], 0.0f, 0.0);
  cr_assert_float_eq(a.p->coordinate[0][7], 7.0f / 8, 1e-7);
  cr_assert_float_eq(b.p->coordinate[0][0], 0.0f, 0.0);
  cr_assert_float_eq(b.p->coordinate[0][7], 1.0f, 0.0);
  unmake(&a);
  unmake(&b);
}

/* Samples of a call of `most` on n x n points, and the bytes of its plan. */
static int call_samples(int n, int modes, int micro, int most, size_t *bytes) {
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI, .dims = 2, .in = 1, .out = 1, .width = 32, .modes = {modes, modes},
                             .layers = 4, .head_hidden = 8};
  pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {n, n}, .micro = micro, .train = true};
  made m;
  cr_assert_eq(pno_fno_create(&spec, &m.f), PNO_OK);
  cr_assert_eq(pno_fno_call_samples(m.f, &use, most, &use.samples), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(pno_fno_plan_measure(m.f, &use, &m.p), PNO_OK);
  *bytes = pno_fno_plan_bytes(m.p);
  unmake(&m);
  return use.samples;
}

/* All calls of a rank that has `most` samples, when `fit` is the most of a call. */
static void check_calls(int n, int modes, int most, int fit) {
  size_t bytes;
  const int samples = call_samples(n, modes, 1, most, &bytes), calls = (most + samples - 1) / samples;
  cr_assert_eq(calls, (most + fit - 1) / fit, "%d samples in %d calls", most, calls);
  cr_assert(most - (calls - 1) * samples > samples - calls, "%d samples, %d a call", most, samples);
}

Test(fno_plan, a_call_of_heavy_weights_takes_what_its_memory_allows) {
  enum { HEAVY = 120, LESS = 60 }; /* modes whose weights outweigh the activations of a sample */
  size_t bytes;
  cr_assert_eq(call_samples(16, 4, 1, 20, &bytes), 20);
  cr_assert_eq(call_samples(16, 4, 3, 20, &bytes), 21, "whole micro-batches");
  cr_assert_eq(call_samples(16, 4, 3, 0, &bytes), 3, "at least one");
  const int fit = call_samples(256, HEAVY, 1, 1000000, &bytes);
  cr_assert(fit > 1 && bytes <= PNO_CALL_BYTES && bytes > PNO_CALL_BYTES / 10 * 9, "%d samples take %zu bytes", fit, bytes);
  const int less = call_samples(256, LESS, 1, 1000000, &bytes);
  cr_assert(less > 1 && less < fit && bytes > PNO_CACHE_BYTES, "as many as outweigh the weights: %d, %zu bytes", less, bytes);
  for (int most = fit + 1; most <= 3 * fit + 1; most++) check_calls(256, HEAVY, most, fit);
  cr_assert_eq(call_samples(256, HEAVY, fit + 1, 1000, &bytes), fit + 1, "a micro-batch is not cut");
  cr_assert_eq(call_samples(16384, 4, 1, 1000, &bytes), 1);
}

Test(fno_plan, a_call_stays_in_the_cache_where_the_weights_are_light) {
  size_t bytes;
  const int fit = call_samples(64, 4, 1, 1000000, &bytes);
  cr_assert(fit > 1 && bytes <= PNO_CACHE_BYTES && bytes > PNO_CACHE_BYTES / 2, "%d samples take %zu bytes", fit, bytes);
  for (int most = fit + 1; most <= 3 * fit + 1; most++) check_calls(64, 4, most, fit);
}

Test(fno_plan, what_cannot_be_planned_has_no_calls) {
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI, .dims = 1, .in = 1, .out = 1, .width = 4, .modes = {5},
                             .layers = 1, .head_hidden = 4};
  const pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {8}, .micro = 1};
  pno_fno *f = NULL;
  int samples = -7;
  cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK);
  cr_assert_eq(pno_fno_call_samples(f, &use, 4, &samples), PNO_E_SHAPE);
  cr_assert_eq(samples, -7);
  pno_fno_destroy(&f);
}
