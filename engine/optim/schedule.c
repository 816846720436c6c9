#include "engine/optim/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

pno_schedule_state pno_schedule_start(void) { return (pno_schedule_state){.best = INFINITY, .factor = 1.0}; }

static double shape(const pno_schedule *s, const pno_schedule_state *state, int epoch) {
  switch (s->kind) {
    case PNO_SCHEDULE_STEP: return pow(s->gamma, epoch / s->step_size);
    case PNO_SCHEDULE_COSINE: return 0.5 * (1.0 + cos(pi * epoch / s->t_max));
    case PNO_SCHEDULE_PLATEAU: return state->factor;
    case PNO_SCHEDULE_NONE: break;
  }
  return 1.0;
}

double pno_schedule_rate(const pno_schedule *s, const pno_schedule_state *state, long step, int epoch) {
  const double warm = step < s->warmup ? (double)(step + 1) / s->warmup : 1.0;
  return s->lr * warm * shape(s, state, epoch);
}

bool pno_schedule_note(const pno_schedule *s, pno_schedule_state *state, double loss) {
  if (loss < state->best) {
    state->best = loss;
    state->since_best = state->since_factor = 0;
    return true;
  }
  state->since_best++;
  state->since_factor++;
  if (s->kind == PNO_SCHEDULE_PLATEAU && state->since_factor > s->patience) {
    state->factor *= s->gamma;
    state->since_factor = 0;
  }
  return false;
}

bool pno_schedule_over(const pno_schedule *s, const pno_schedule_state *state) {
  return s->early_stop > 0 && state->since_best >= s->early_stop;
}
