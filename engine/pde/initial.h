/* Initial states that several equations share. All functions are Local. */
#ifndef PNO_ENGINE_PDE_INITIAL_H
#define PNO_ENGINE_PDE_INITIAL_H

#include <stdbool.h>
#include <stdint.h>

/* PDEBench's waves on [0, 1): sines with wave numbers 1 to 4, amplitudes in (0, 1) and any phases; one in ten its
 * absolute value, half of all with the other sign, one in ten cut to a window. The same function on every grid.
 *
 * Takamoto et al. 2022, section D.1, has two sines. The program that made their files (init_multi of
 * data_gen_NLE/utils.py) multiplies wave numbers by how often they were chosen, and so it is here: chosen twice is one
 * wave of twice the number, and never is a constant. The mean of a sample has a deviation of .6, which on Burgers is a
 * velocity. Not taken over: its draws of sign, window and edges from one random number. */
typedef struct {
  int k[2];
  double amplitude[2], phase[2], mean; /* a second amplitude of 0: one wave */
  bool absolute, window;
  double sign, left, right;
} pno_waves;

void pno_waves_draw(uint64_t seed, uint32_t sample, pno_waves *out);
double pno_waves_at(const pno_waves *w, double x);

#endif
