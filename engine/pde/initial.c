#include "engine/pde/initial.h"

#include <math.h>

#include "engine/base/rng.h"

static const double pi = 3.14159265358979323846;

void pno_waves_draw(uint64_t seed, uint32_t sample, pno_waves *out) {
  enum { WAVES_SITE = 2, K_MOST = 4, AMPLITUDES = 2, PHASES = AMPLITUDES + K_MOST, REST = PHASES + K_MOST };
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample, .site = WAVES_SITE};
  double d[REST + 5];
  pno_rng_uniforms(&rng, 0, REST + 5, d);
  const double *rest = d + REST;
  const int chosen[2] = {1 + (int)(d[0] * K_MOST), 1 + (int)(d[1] * K_MOST)};
  pno_waves w = {.absolute = rest[0] < .1, .window = rest[1] < .1, .sign = rest[2] < .5 ? 1 : -1,
                 .left = .1 + .35 * rest[3], .right = .55 + .35 * rest[4]};
  for (int k = 1, n = 0; k <= K_MOST; k++) {
    const int times = (chosen[0] == k) + (chosen[1] == k);
    const double amplitude = d[AMPLITUDES + k - 1], phase = 2 * pi * d[PHASES + k - 1];
    if (times == 0) {
      w.mean += amplitude * sin(phase);
      continue;
    }
    w.k[n] = k * times;
    w.amplitude[n] = amplitude;
    w.phase[n++] = phase;
  }
  *out = w;
}

double pno_waves_at(const pno_waves *w, double x) {
  static const double soft = .01; /* width of the edges of a window */
  double u = w->mean;
  x -= floor(x);
  for (int i = 0; i < 2; i++) u += w->amplitude[i] * sin(2 * pi * w->k[i] * x + w->phase[i]);
  if (w->absolute) u = fabs(u);
  u *= w->sign;
  return w->window ? u * .5 * (tanh((x - w->left) / soft) - tanh((x - w->right) / soft)) : u;
}
