#include "engine/pde/gas_initial.h"

#include <math.h>

#include "engine/base/rng.h"
#include "engine/pde/initial.h"

/* A function of x: a step, or waves. */
typedef struct {
  double step, left, right; /* step 0: waves */
  pno_waves waves;
  double offset, scale;
} profile;

static double value(const profile *f, double x) {
  if (f->step > 0) return x < f->step ? f->left : f->right;
  return f->offset + f->scale * pno_waves_at(&f->waves, x);
}

enum { SITE_RHO = 8, SITE_V, SITE_P, SITE_SHOCK };
enum { REFERENCE = 1024 }; /* points that a range is taken from, so that a sample is one function on every grid */

static double log_uniform(double lo, double hi, double u) { return lo * pow(hi / lo, u); }

/* PDEBench's init_multi_HD: two sines with wave numbers 1 to 3 and a constant; one in ten its absolute value, half of
 * all with the other sign, half cut to a window; lo > 0: brought to b .. b + m, b and m in lo .. hi. */
static profile draw_waves(uint64_t seed, uint32_t sample, uint16_t site, double lo, double hi) {
  enum { K_MOST = 3, NUMBERS = 15 };
  static const double turn = 6.28318530717958647693;
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample, .site = site};
  double d[NUMBERS], least = INFINITY, most = -INFINITY;
  pno_rng_uniforms(&rng, 0, NUMBERS, d);
  profile f = {.scale = 1};
  f.waves = (pno_waves){.mean = d[6] * sin(turn * d[7]), .absolute = d[8] < .1, .window = d[9] < .5,
                        .sign = d[10] < .5 ? 1 : -1, .left = .1 + .35 * d[11], .right = .55 + .35 * d[12]};
  for (int i = 0; i < 2; i++) {
    f.waves.k[i] = 1 + (int)(d[i] * K_MOST);
    f.waves.amplitude[i] = d[2 + i];
    f.waves.phase[i] = turn * d[4 + i];
  }
  if (!(lo > 0)) return f;
  for (int i = 0; i < REFERENCE; i++) {
    const double u = pno_waves_at(&f.waves, (i + .5) / REFERENCE);
    least = fmin(least, u);
    most = fmax(most, u);
  }
  f.scale = log_uniform(lo, hi, d[13]) / fmax(most - least, 1e-6);
  f.offset = log_uniform(lo, hi, d[14]) - f.scale * least;
  return f;
}

/* Two states with one step between them. PDEBench has a step of its own for each variable, and only positive v. */
static void draw_shock(uint64_t seed, uint32_t sample, profile *rho, profile *v, profile *p) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_FIELD, .sample = sample, .site = SITE_SHOCK};
  double d[7];
  pno_rng_uniforms(&rng, 0, 7, d);
  const double step = .25 + .5 * d[0];
  *rho = (profile){.step = step, .left = log_uniform(1, 10, d[1]), .right = log_uniform(1, 10, d[2])};
  *p = (profile){.step = step, .left = log_uniform(10, 100, d[3]), .right = log_uniform(10, 100, d[4])};
  *v = (profile){.step = step, .left = d[5] - .5, .right = d[6] - .5};
}

void pno_gas_draw(bool shock, double gamma, double mach, uint64_t seed, uint32_t sample, ptrdiff_t n, double *rho,
                  double *v, double *p) {
  profile fr, fv, fp;
  double fastest = 0, sound = 0;
  if (shock) {
    draw_shock(seed, sample, &fr, &fv, &fp);
  } else {
    fr = draw_waves(seed, sample, SITE_RHO, 1, 10);
    fv = draw_waves(seed, sample, SITE_V, 0, 0);
    fp = draw_waves(seed, sample, SITE_P, 10, 100);
  }
  for (int i = 0; i < REFERENCE; i++) {
    const double x = (i + .5) / REFERENCE;
    fastest = fmax(fastest, fabs(value(&fv, x)));
    sound = fmax(sound, sqrt(gamma * value(&fp, x) / value(&fr, x)));
  }
  const double scale = mach > 0 ? mach * sound / fmax(fastest, 1e-6) : 1;
  for (ptrdiff_t j = 0; j < n; j++) {
    const double x = ((double)j + .5) / (double)n;
    rho[j] = value(&fr, x);
    v[j] = scale * value(&fv, x);
    p[j] = value(&fp, x);
  }
}
