#include <assert.h>
#include <math.h>

#include "engine/model/fno_phase.h"

/* Places of masks: one a layer whose elements are dropped. */
enum { SITE_LIFT = 0, SITE_HEAD = 1, SITE_MIX = 16 };

void pno_fno_plan_noise(pno_fno_plan *p, const pno_fno_noise *noise) { p->noise = *noise; }

static pno_dropout mask(const pno_fno_plan *p, double share, int site, uint8_t *bits) {
  assert(share == 0 || p->noise.sample);
  const uint32_t threshold = p->noise.sample ? (uint32_t)lrint(65536.0 * share) : 0;
  return (pno_dropout){.threshold = threshold, .factor = (float)(65536.0 / (65536.0 - threshold)), .seed = p->noise.seed,
                       .epoch = p->noise.epoch, .site = (uint16_t)site, .draws = p->draws,
                       .first_draw = p->noise.first_draw, .sample = p->noise.sample, .bits = bits,
                       .places = pno_grid_data_points(&p->grid)};
}

/* An s is left as it is, and a deviation has the scale of its mean. */
static void norm_of_heads(pno_fno_plan *p) {
  const int out = p->fno->spec.out;
  const ptrdiff_t rows = p->use.norm_out.per_point ? pno_grid_data_points(&p->grid) : 1;
  for (ptrdiff_t r = 0; r < rows; r++) {
    for (int o = 0; o < out; o++) {
      const ptrdiff_t at = 2 * r * out + o;
      p->head_scale[at] = p->use.norm_out.scale[r * out + o];
      p->head_shift[at] = p->use.norm_out.shift[r * out + o];
      p->head_scale[at + out] = 1.0f;
      p->head_shift[at + out] = 0.0f;
    }
  }
}

void fno_begin(pno_fno_plan *p) {
  const pno_fno_spec *s = &p->fno->spec;
  p->drop_lift = mask(p, s->lift_hidden ? p->use.dropout : 0.0, SITE_LIFT, p->lift_bits);
  for (int i = 0; i < 2; i++) p->drop_head[i] = mask(p, p->use.dropout, SITE_HEAD + i, p->head_bits[i]);
  for (int l = 0; l < s->layers; l++) p->drop_mix[l] = mask(p, p->use.fourier_dropout, SITE_MIX + l, NULL);
  if (s->heads == 2) norm_of_heads(p);
}

const float *pno_fno_heads(const pno_fno_plan *p) { return p->heads; }
