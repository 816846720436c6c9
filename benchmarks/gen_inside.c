#include "benchmarks/gen_inside.h"

#include <fftw3.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/clock.h"

/* Made by the linker from --wrap=NAME: __real_NAME is FFTW's, __wrap_NAME is what our objects call. */
void __real_fftw_execute(const fftw_plan p);
void __real_fftw_execute_dft(const fftw_plan p, fftw_complex *in, fftw_complex *out);
void __real_fftw_execute_dft_r2c(const fftw_plan p, double *in, fftw_complex *out);
void __real_fftw_execute_dft_c2r(const fftw_plan p, fftw_complex *in, double *out);
void __wrap_fftw_execute(const fftw_plan p);
void __wrap_fftw_execute_dft(const fftw_plan p, fftw_complex *in, fftw_complex *out);
void __wrap_fftw_execute_dft_r2c(const fftw_plan p, double *in, fftw_complex *out);
void __wrap_fftw_execute_dft_c2r(const fftw_plan p, fftw_complex *in, double *out);

static bool counting; /* else the calls pass through unmeasured */
static uint64_t began, spent, calls;

static uint64_t enter(void) { return counting ? pno_ticks() : 0; }

static void leave(uint64_t entered) {
  if (!counting) return;
  spent += pno_ticks() - entered;
  calls++;
}

void __wrap_fftw_execute(const fftw_plan p) {
  const uint64_t t = enter();
  __real_fftw_execute(p);
  leave(t);
}

void __wrap_fftw_execute_dft(const fftw_plan p, fftw_complex *in, fftw_complex *out) {
  const uint64_t t = enter();
  __real_fftw_execute_dft(p, in, out);
  leave(t);
}

void __wrap_fftw_execute_dft_r2c(const fftw_plan p, double *in, fftw_complex *out) {
  const uint64_t t = enter();
  __real_fftw_execute_dft_r2c(p, in, out);
  leave(t);
}

void __wrap_fftw_execute_dft_c2r(const fftw_plan p, fftw_complex *in, double *out) {
  const uint64_t t = enter();
  __real_fftw_execute_dft_c2r(p, in, out);
  leave(t);
}

/* Ticks from one reading of the counter to the next. */
static double reading(void) {
  enum { ROUNDS = 10000 };
  uint64_t sum = 0;
  for (int i = 0; i < ROUNDS; i++) {
    const uint64_t t = pno_ticks();
    sum += pno_ticks() - t;
  }
  return (double)sum / ROUNDS;
}

void gen_inside_begin(void) {
  spent = calls = 0;
  counting = true;
  began = pno_ticks();
}

double gen_inside_end(void) {
  const double all = (double)(pno_ticks() - began);
  counting = false;
  const double one = reading() * (double)calls;
  return ((double)spent - one) / (all - 2 * one);
}
