#include "engine/optim/schedule.h"

#include <criterion/criterion.h>
#include <math.h>

static pno_schedule of_kind(pno_schedule_kind kind) {
  return (pno_schedule){.kind = kind, .lr = 0.1, .step_size = 10, .gamma = 0.5, .t_max = 30, .patience = 2};
}

Test(schedule, cosine_starts_at_the_rate_halves_midway_and_ends_at_zero) {
  const pno_schedule s = of_kind(PNO_SCHEDULE_COSINE);
  const pno_schedule_state state = pno_schedule_start();
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 0, 0), 0.1, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 0, 15), 0.05, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 0, 30), 0.0, 1e-15);
}

Test(schedule, step_halves_the_rate_every_ten_epochs) {
  const pno_schedule s = of_kind(PNO_SCHEDULE_STEP);
  const pno_schedule_state state = pno_schedule_start();
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 500, 9), 0.1, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 500, 10), 0.05, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 500, 29), 0.025, 1e-15);
}

Test(schedule, warm_up_rises_linearly_and_then_stays_out_of_the_way) {
  pno_schedule s = of_kind(PNO_SCHEDULE_NONE);
  s.warmup = 4;
  const pno_schedule_state state = pno_schedule_start();
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 0, 0), 0.025, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 3, 0), 0.1, 1e-15);
  cr_assert_float_eq(pno_schedule_rate(&s, &state, 400, 0), 0.1, 1e-15);
}

Test(schedule, plateau_lowers_the_rate_after_patience_and_counts_again) {
  const pno_schedule s = of_kind(PNO_SCHEDULE_PLATEAU);
  pno_schedule_state state = pno_schedule_start();
  cr_assert(pno_schedule_note(&s, &state, 1.0));
  for (int i = 0; i < 2; i++) cr_assert_not(pno_schedule_note(&s, &state, 2.0));
  cr_assert_float_eq(state.factor, 1.0, 0);
  cr_assert_not(pno_schedule_note(&s, &state, 2.0));
  cr_assert_float_eq(state.factor, 0.5, 0);
  cr_assert_not(pno_schedule_note(&s, &state, 2.0));
  cr_assert_float_eq(state.factor, 0.5, 0);
}

Test(schedule, a_nan_is_no_improvement_and_early_stopping_counts_it) {
  pno_schedule s = of_kind(PNO_SCHEDULE_NONE);
  s.early_stop = 2;
  pno_schedule_state state = pno_schedule_start();
  pno_schedule_note(&s, &state, 1.0);
  cr_assert_not(pno_schedule_note(&s, &state, NAN));
  cr_assert_not(pno_schedule_over(&s, &state));
  pno_schedule_note(&s, &state, NAN);
  cr_assert(pno_schedule_over(&s, &state));
  cr_assert_float_eq(state.best, 1.0, 0);
}
