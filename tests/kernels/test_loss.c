#include <criterion/criterion.h>
#include <math.h>

#include "tests/kernels/kernel_world.h"

enum { SAMPLES = 2, OUT = 3 };

typedef struct {
  pno_grid g;
  int blocks;
  ptrdiff_t fields;
} shape;

static void each(void (*check)(const pno_kernels *t, const shape *s, world *w)) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int g = 0; g < WORLD_GRIDS; g++) {
      world w = {0};
      shape s = {.g = world_grid(g)};
      s.blocks = SAMPLES * s.g.blocks;
      s.fields = SAMPLES * pno_grid_data_points(&s.g) * OUT;
      check(t[i], &s, &w);
      world_end(&w);
    }
  }
}

static pno_loss loss_of(world *w, const shape *s, pno_loss_kind kind, int site) {
  float *scale = world_zeros(w, SAMPLES);
  for (int i = 0; i < SAMPLES; i++) scale[i] = 1.0f;
  return (pno_loss){.grid = &s->g, .channels = OUT, .kind = kind, .output = world_noise(w, s->fields, site),
                    .target = world_noise(w, s->fields, site + 1), .error = world_noise(w, s->fields, site + 2),
                    .sums = world_doubles(w, 2 * s->blocks), .scale = scale, .dy = world_noise(w, s->fields, site + 3)};
}

static void run(const pno_kernels *t, const shape *s, const pno_loss *a) {
  t->loss_error(a, 0, s->blocks);
  t->loss_sums(a, 0, s->blocks);
  t->loss_gradient(a, 0, s->blocks);
}

static double total(const shape *s, const pno_loss *a, int which) {
  double sum = 0;
  for (int b = 0; b < s->blocks; b++) sum += a->sums[2 * b + which];
  return sum;
}

/* sums = <e, G e> with G symmetric, and the gradient of half of it is G e. */
static void check_form(const pno_kernels *t, const shape *s, world *w) {
  for (int kind = PNO_LOSS_L2; kind <= PNO_LOSS_H1; kind++) {
    const pno_loss a = loss_of(w, s, (pno_loss_kind)kind, 1), b = loss_of(w, s, (pno_loss_kind)kind, 5);
    run(t, s, &a);
    run(t, s, &b);
    const double size = total(s, &a, 0);
    world_equal(size, world_dot(a.error, a.dy, s->fields), size, "sums and gradient");
    world_equal(world_dot(a.error, b.dy, s->fields), world_dot(b.error, a.dy, s->fields), size, "symmetry");
    for (ptrdiff_t i = 0; i < s->fields; i++) cr_assert_eq(a.error[i], a.output[i] - a.target[i]);
    if (kind == PNO_LOSS_H1) continue;
    world_equal(size, world_dot(a.error, a.error, s->fields), size, "sum of e^2");
    world_equal(total(s, &a, 1), world_dot(a.target, a.target, s->fields), total(s, &a, 1), "sum of y^2");
  }
}

Test(loss, sums_are_the_quadratic_form_of_the_gradient) { each(check_form); }

static void check_target(const pno_kernels *t, const shape *s, world *w) {
  const pno_loss a = loss_of(w, s, PNO_LOSS_H1, 1);
  pno_loss b = a;
  b.output = a.target; /* whose error against zero is the target itself */
  b.target = world_zeros(w, s->fields);
  b.error = world_zeros(w, s->fields);
  b.sums = world_doubles(w, 2 * s->blocks);
  run(t, s, &a);
  run(t, s, &b);
  world_equal(total(s, &a, 1), total(s, &b, 0), total(s, &a, 1), "H1 norm of the target");
}

Test(loss, the_target_is_measured_as_the_error_is) { each(check_target); }

static void check_factor(const pno_kernels *t, const shape *s, world *w) {
  const pno_loss a = loss_of(w, s, PNO_LOSS_H1, 1);
  pno_loss b = a;
  float *scale = world_zeros(w, SAMPLES);
  scale[0] = 2.0f; /* powers of two: the bits agree */
  scale[1] = 0.25f;
  b.scale = scale;
  b.dy = world_noise(w, s->fields, 9);
  run(t, s, &a);
  run(t, s, &b);
  for (ptrdiff_t i = 0; i < s->fields; i++)
    cr_assert_eq(b.dy[i], a.dy[i] * scale[i / (s->fields / SAMPLES)], "value %td", i);
}

Test(loss, each_sample_has_its_own_factor) { each(check_factor); }

static void check_constant(const pno_kernels *t, const shape *s, world *w) {
  pno_loss a = loss_of(w, s, PNO_LOSS_H1, 1);
  float *one = world_zeros(w, s->fields);
  for (ptrdiff_t i = 0; i < s->fields; i++) one[i] = 1.5f;
  a.output = one;
  a.target = world_zeros(w, s->fields);
  run(t, s, &a);
  world_equal(total(s, &a, 0), 2.25 * (double)s->fields, 2.25 * (double)s->fields, "a constant has no slope");
}

Test(loss, the_slope_of_a_constant_is_zero) { each(check_constant); }

Test(loss, the_slope_of_a_sine_is_that_of_central_periodic_differences) {
  int tables;
  const pno_kernels *const *t = world_tables(&tables);
  for (int i = 0; i < tables; i++) {
    for (int axis = 0; axis < 2; axis++) {
      world w = {0};
      const int n[2] = {12, 15}, lo[2] = {0, 0};
      shape s = {.g = pno_grid_make(2, n, lo, n)};
      s.blocks = SAMPLES * s.g.blocks;
      s.fields = (ptrdiff_t)SAMPLES * n[0] * n[1] * OUT;
      pno_loss a = loss_of(&w, &s, PNO_LOSS_H1, 1);
      float *wave = world_zeros(&w, s.fields);
      for (ptrdiff_t k = 0; k < s.fields; k++) {
        const ptrdiff_t p = k / OUT % (n[0] * n[1]);
        wave[k] = (float)sin(2.0 * M_PI * (double)(axis ? p % n[1] : p / n[1]) / n[axis]);
      }
      a.output = wave;
      a.target = world_zeros(&w, s.fields);
      run(t[i], &s, &a);
      const double slope = n[axis] * sin(2.0 * M_PI / n[axis]), want = 0.5 * (double)s.fields * (1.0 + slope * slope);
      world_equal(total(&s, &a, 0), want, want, "slope of a sine");
      world_end(&w);
    }
  }
}
