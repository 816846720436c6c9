#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/pde/initial.h"
#include "tests/engine/pde/solver.h"

static const double pi = 3.14159265358979323846;

static solver make(int n, double time, const char *beta) {
  return solver_make("advection", (pno_pde_request){.dims = 1, .n = {n}, .time = time, .frames = 2, .n_parameters = 1,
                                                    .parameters = {beta}});
}

/* Frame by frame, so that the sample is the solution and not only a solution: u is constant along x - beta t. */
Test(advection, a_drawn_sample_is_its_initial_function_moved) {
  enum { N = 60, FRAMES = 31 };
  int kinds[4] = {0};
  solver s = solver_make("advection", (pno_pde_request){.dims = 1, .n = {N}, .time = 3, .frames = FRAMES,
                                                        .n_parameters = 1, .parameters = {"beta=-.5"}});
  for (uint32_t sample = 0; sample < 100; sample++) {
    float *v = solver_sample(&s, 1, sample);
    pno_waves w;
    pno_waves_draw(1, sample, &w);
    kinds[2 * w.absolute + w.window]++;
    for (int i = 0; i < N; i++) cr_assert_float_eq(v[i], pno_waves_at(&w, (double)i / N), 1e-6);
    for (int f = 0; f < FRAMES; f++)
      for (int i = 0; i < N; i++) /* 3 points a frame */
        cr_assert_float_eq(v[f * N + i], v[(i + 3 * f) % N], 1e-6, "sample %u frame %d point %d", sample, f, i);
    free(v);
  }
  cr_assert(kinds[0] > 50 && kinds[1] > 0 && kinds[2] > 0);
  solver_free(&s);
}

static double smooth(double x) { return exp(sin(2 * pi * x)) * cos(2 * pi * x + 1); }

Test(advection, own_states_move_with_spectral_accuracy) {
  static const double sizes[] = {8, 11, 16, 23, 32};
  enum { N = sizeof sizes / sizeof *sizes };
  double h[N], error[N];
  for (int i = 0; i < N; i++) {
    const int n = (int)sizes[i];
    solver s = make(n, 1.23, "beta=.7");
    double u[32], last[32], want[32];
    for (int x = 0; x < n; x++) {
      u[x] = smooth((double)x / n);
      want[x] = smooth((double)x / n - .7 * 1.23);
    }
    cr_assert_eq(solver_run(&s, u, last).error, 0);
    h[i] = 1 / sizes[i];
    error[i] = solver_distance(last, want, n);
    solver_free(&s);
  }
  cr_assert_gt(solver_order("advection, 1/n", INFINITY, N, h, error), 10);
  cr_assert_lt(error[N - 1], 1e-12);
}

/* By whole points any state moves exactly, the wave of alternating signs too. */
Test(advection, a_state_that_moves_by_whole_points_is_the_same_numbers_and_keeps_its_mean_and_size) {
  enum { N = 24 };
  double u[N], last[N], sum[2] = {0}, square[2] = {0};
  for (int i = 0; i < N; i++) u[i] = sin(1 + 12.9898 * i) + (i % 2 ? -.5 : .5);
  solver whole = make(N, .25, "beta=7"), odd = make(N - 1, .3, "beta=1");
  solver_run(&whole, u, last);
  for (int i = 0; i < N; i++) cr_assert_float_eq(last[(i + 42) % N], u[i], 1e-14);
  solver_run(&odd, u, last); /* without a wave of alternating signs nothing is lost */
  for (int i = 0; i < N - 1; i++) {
    sum[0] += u[i], sum[1] += last[i];
    square[0] += u[i] * u[i], square[1] += last[i] * last[i];
  }
  cr_assert_float_eq(sum[0], sum[1], 1e-13);
  cr_assert_float_eq(square[0], square[1], 1e-13);
  solver_free(&whole), solver_free(&odd);
}

Test(advection, every_velocity_of_pdebench_is_drawn) {
  static const double betas[] = {.1, .2, .4, .7, 1, 2, 4, 7};
  int seen[8] = {0};
  solver s = solver_make("advection", (pno_pde_request){.recipe = "pdebench_all", .dims = 1, .n = {16}});
  for (uint32_t sample = 0; sample < 400; sample++) {
    double beta;
    pno_pde_draw(s.equation, &s.spec, 2, sample, &beta);
    for (int i = 0; i < 8; i++) seen[i] += beta == betas[i];
  }
  for (int i = 0; i < 8; i++) cr_assert(seen[i] > 20, "beta %g: %d times of 400", betas[i], seen[i]);
  solver_free(&s);
}

Test(advection, a_sample_is_one_function_on_every_grid) {
  solver s = make(20, 1.1, "beta=.37"), fine = make(60, 1.1, "beta=.37");
  for (uint32_t sample = 0; sample < 40; sample++) {
    float *v = solver_sample(&s, 6, sample), *w = solver_sample(&fine, 6, sample);
    for (int i = 0; i < 40; i++) cr_assert_float_eq(v[i], w[3 * i], 1e-6);
    free(v), free(w);
  }
  solver_free(&s), solver_free(&fine);
}

Test(advection, a_state_that_is_not_finite_is_a_failure_with_words) {
  solver s = make(8, 1, "beta=1");
  double u[8] = {0, 1, INFINITY}, beta = 1;
  float values[16];
  pno_pde_report r = {.failed = false};
  const pno_pde_task task = {.parameters = &beta, .caution = 1, .initial = u, .values = values};
  cr_assert_eq(s.equation->solve(s.pde, &task, &r), PNO_OK);
  cr_assert(r.failed && strstr(r.words, "finite"));
  solver_free(&s);
}
