/* Power over shells of wavenumbers: |DFT / points|^2, so that by Parseval the shells add up to the mean square. */
#include <math.h>

#include "engine/score/score_impl.h"

int score_shells(const pno_score_spec *p) {
  double square = 0;
  if (!p->spectra) return 0;
  for (int j = 0; j < p->dims; j++) square += (double)(p->n[j] / 2) * (p->n[j] / 2);
  const double shells = floor(sqrt(square) + 0.5) + 1;
  return shells < PNO_SHELLS_MAX ? (int)shells : PNO_SHELLS_MAX;
}

pno_status score_spectrum_lend(pno_scorer *s, pno_arena *a) {
  if (s->shells == 0) return PNO_OK;
  const int last = s->spec.n[s->spec.dims - 1];
  s->modes_n = s->points / last * (last / 2 + 1);
  PNO_TRY(PNO_PUSH(a, s->points, &s->wave));
  PNO_TRY(PNO_PUSH(a, s->modes_n, &s->modes));
  PNO_TRY(PNO_PUSH(a, s->modes_n, &s->shell));
  return PNO_PUSH(a, s->shells, &s->member_power);
}

/* The last shell takes all behind it. A mode strictly between 0 and n / 2 of the last axis has a mirror image that a real
 * transform leaves out. */
static int shell_of(const pno_scorer *s, ptrdiff_t mode) {
  const int dims = s->spec.dims, last = s->spec.n[dims - 1], half = last / 2 + 1;
  const int k_last = (int)(mode % half);
  double square = (double)k_last * k_last;
  ptrdiff_t rest = mode / half;
  for (int j = dims - 2; j >= 0; j--) {
    const int n = s->spec.n[j], i = (int)(rest % n), k = i <= n / 2 ? i : n - i;
    square += (double)k * k;
    rest /= n;
  }
  const double shell = floor(sqrt(square) + 0.5);
  const int at = shell < s->shells ? (int)shell : s->shells - 1;
  return k_last > 0 && 2 * k_last < last ? -1 - at : at;
}

pno_status score_spectrum_plan(pno_scorer *s) {
  if (s->shells == 0) return PNO_OK;
  for (ptrdiff_t i = 0; i < s->modes_n; i++) s->shell[i] = shell_of(s, i);
  s->plan = fftw_plan_dft_r2c(s->spec.dims, s->spec.n, s->wave, s->modes, FFTW_ESTIMATE);
  return s->plan ? PNO_OK : pno_fail(PNO_E_NOMEM, "FFTW has no plan for a field of %td points", s->points);
}

void score_spectrum(pno_scorer *s, const float *field, const double *more, double *power) {
  const int channels = s->spec.channels;
  const double scale = 1 / ((double)s->points * (double)s->points * channels);
  for (int c = 0; c < channels; c++) {
    for (ptrdiff_t i = 0; i < s->points; i++) {
      const ptrdiff_t at = i * channels + c;
      s->wave[i] = more ? field[at] + more[at] : field[at];
    }
    fftw_execute(s->plan);
    for (ptrdiff_t i = 0; i < s->modes_n; i++) {
      const double re = s->modes[i][0], im = s->modes[i][1], p = (re * re + im * im) * scale;
      if (s->shell[i] < 0)
        power[-1 - s->shell[i]] += 2 * p;
      else
        power[s->shell[i]] += p;
    }
  }
}
