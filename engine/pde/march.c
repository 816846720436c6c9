#include "engine/pde/march.h"

#include <math.h>
#include <stdio.h>

void pno_march_start(pno_march *m) { *m = (pno_march){.tolerance = m->tolerance, .most = m->most}; }

static double attempt(const pno_march *m, const pno_march_method *method, void *stepper, double left, double *h) {
  const double want = method->limit ? fmin(m->step, method->limit(stepper)) : m->step;
  *h = left / ceil(left / want * (1 - 1e-12)); /* equal steps up to the end */
  return method->attempt(stepper, h);
}

static void note(pno_march *m, double h, double error) {
  m->least = m->steps > 0 ? fmin(m->least, h) : h;
  m->worst = fmax(m->worst, error);
  m->steps++;
}

void pno_march_advance(pno_march *m, const pno_march_method *method, void *stepper, double interval) {
  double left = interval, h = 0;
  for (int tries = 0; left > 0 && !m->failed; tries++) {
    if (tries == PNO_MARCH_STEPS_MAX) {
      m->failed = m->spent = true;
      return;
    }
    const double error = attempt(m, method, stepper, left, &h);
    const bool accepted = m->tolerance > 0 ? error <= m->tolerance : isfinite(error); /* false for NaN */
    if (m->tolerance > 0) {
      m->step = method->choose(stepper, h, error, accepted);
      if (m->most > 0) m->step = fmin(m->step, m->most);
    }
    if (!accepted) {
      m->rejected++;
      m->failed = m->tolerance == 0 || m->step < method->floor * interval;
      continue;
    }
    method->accept(stepper, h);
    note(m, h, error);
    left = left <= h * (1 + 1e-9) ? 0 : left - h;
  }
}

void pno_march_report(const pno_march *m, double from, double to, pno_pde_report *out) {
  *out = (pno_pde_report){.failed = m->failed, .error = m->worst, .steps = m->steps, .rejected = m->rejected,
                          .least_step = m->least};
  if (m->spent)
    snprintf(out->words, sizeof out->words, "%d steps are not enough between t = %g and %g", (int)PNO_MARCH_STEPS_MAX,
             from, to);
  else if (m->failed)
    snprintf(out->words, sizeof out->words, "no step is small enough between t = %g and %g", from, to);
}
