#include "engine/pde/march.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* A state that is the time gone; each step asks for the next one to be shrink times as long. */
typedef struct {
  pno_march march;
  double t, shrink, error, longest;
  int asked;
} clockwork;

static double limit(void *stepper) {
  const clockwork *c = stepper;
  return c->longest;
}

static double attempt(void *stepper, double *h) {
  clockwork *c = stepper;
  (void)h;
  c->asked++;
  return c->error;
}

static double choose(void *stepper, double h, double error, bool accepted) {
  const clockwork *c = stepper;
  (void)error;
  return h * (accepted ? c->shrink : .5);
}

static void accept(void *stepper, double h) {
  clockwork *c = stepper;
  c->t += h;
}

static const pno_march_method method = {
    .floor = 1e-9, .limit = limit, .attempt = attempt, .choose = choose, .accept = accept};

static clockwork make(double tolerance, double most, double step) {
  clockwork c = {.march = {.tolerance = tolerance, .most = most}, .shrink = 1, .longest = INFINITY};
  pno_march_start(&c.march);
  cr_assert(c.march.tolerance == tolerance && c.march.most == most);
  c.march.step = step;
  return c;
}

Test(march, steps_are_equal_and_end_where_they_shall) {
  clockwork c = make(0, .03, .03);
  pno_pde_report r;
  pno_march_advance(&c.march, &method, &c, .1);
  cr_assert(c.march.steps == 4 && !c.march.failed);
  cr_assert_float_eq(c.t, .1, 1e-16);
  cr_assert_float_eq(c.march.least, .025, 1e-15);
  c.longest = .01;
  pno_march_advance(&c.march, &method, &c, .1);
  cr_assert_eq(c.march.steps, 14);
  pno_march_report(&c.march, .1, .2, &r);
  cr_assert(!r.failed && r.steps == 14 && r.least_step == c.march.least && r.words[0] == '\0');
}

Test(march, accepted_steps_that_shrink_forever_end) {
  clockwork c = make(1e-6, 0, .1);
  pno_pde_report r;
  c.shrink = .5;
  pno_march_advance(&c.march, &method, &c, 1);
  pno_march_report(&c.march, 0, 1, &r);
  cr_assert(r.failed && r.steps == PNO_MARCH_STEPS_MAX && strstr(r.words, "1000000 steps"), "%s", r.words);
  cr_assert(c.t < 1);
  pno_march_advance(&c.march, &method, &c, 1);
  cr_assert_eq(c.asked, PNO_MARCH_STEPS_MAX, "it went on");
}

Test(march, steps_too_short_to_be_seen_end) {
  clockwork c = make(0, 1e-300, 1e-300);
  pno_march_advance(&c.march, &method, &c, 1);
  cr_assert(c.march.failed && c.march.spent);
}

Test(march, a_budget_is_that_of_one_interval) {
  clockwork c = make(0, 1, 1);
  c.longest = 1.7 / PNO_MARCH_STEPS_MAX;
  for (int i = 0; i < 3; i++) pno_march_advance(&c.march, &method, &c, 1);
  cr_assert(!c.march.failed && c.march.steps > 1.5 * PNO_MARCH_STEPS_MAX);
}

Test(march, a_failure_without_a_step_has_a_least_step_of_0) {
  for (int fixed = 0; fixed < 2; fixed++) {
    clockwork c = make(fixed ? 0 : 1e-6, fixed ? .1 : 0, .1);
    pno_pde_report r;
    c.error = NAN;
    pno_march_advance(&c.march, &method, &c, 1);
    pno_march_report(&c.march, 2, 3, &r);
    cr_assert(r.failed && r.steps == 0 && r.least_step == 0 && strstr(r.words, "between t = 2 and 3"), "%s", r.words);
    cr_assert(fixed ? r.rejected == 1 : r.rejected > 20 && r.rejected < 30, "%td", r.rejected);
  }
}
