/* Masks of dropout, as plain loops: their meaning, and what tables use where few elements are masked. Local. */
#ifndef PNO_KERNELS_DROPOUT_H
#define PNO_KERNELS_DROPOUT_H

#include "engine/base/rng.h"
#include "kernels/kernels.h"

static inline int pno_dropout_blocks(int channels) { return (channels + 7) / 8; }

static inline pno_rng pno_dropout_rng(const pno_dropout *d, int sample) {
  return (pno_rng){.seed = d->seed, .stream = PNO_STREAM_DROPOUT, .epoch = d->epoch, .sample = d->sample[sample / d->draws],
                   .site = d->site, .draw = (uint16_t)(d->first_draw + sample % d->draws)};
}

/* Bit i: element i of the block is kept. */
static inline unsigned pno_dropout_bits(const pno_rng *r, uint32_t threshold, uint32_t block) {
  uint32_t word[4];
  unsigned bits = 0;
  pno_rng_words(r, block, word);
  for (int i = 0; i < 8; i++) bits |= (unsigned)((word[i / 2] >> 16 * (i % 2) & 0xffffu) >= threshold) << i;
  return bits;
}

/* v [count places][parts][padded channels]: masked in place, all parts of a place alike; first: number of the first place. */
static inline void pno_dropout_apply(const pno_dropout *d, int sample, ptrdiff_t first, ptrdiff_t count, int parts,
                                     int channels, float *v) {
  const pno_rng r = pno_dropout_rng(d, sample);
  const int blocks = pno_dropout_blocks(channels), cp = pno_padded(channels);
  for (ptrdiff_t p = 0; p < count; p++) {
    for (int b = 0; b < blocks; b++) {
      const unsigned bits = pno_dropout_bits(&r, d->threshold, (uint32_t)((first + p) * blocks + b));
      for (int part = 0; part < parts; part++) {
        float *at = v + (p * parts + part) * cp + 8 * b;
        for (int i = 0; i < 8; i++) at[i] = bits >> i & 1u ? at[i] * d->factor : 0.0f;
      }
    }
  }
}

/* Bits of `count` places of a sample, where the masks of its layer are left. */
static inline uint8_t *pno_dropout_place(const pno_dropout *d, int sample, ptrdiff_t first, int channels) {
  return d->bits + (sample * d->places + first) * pno_dropout_blocks(channels);
}

static inline void pno_dropout_keep(const pno_dropout *d, int sample, ptrdiff_t first, ptrdiff_t count, int channels) {
  const pno_rng r = pno_dropout_rng(d, sample);
  const ptrdiff_t blocks = pno_dropout_blocks(channels);
  uint8_t *bits = pno_dropout_place(d, sample, first, channels);
  for (ptrdiff_t b = 0; b < count * blocks; b++)
    bits[b] = (uint8_t)pno_dropout_bits(&r, d->threshold, (uint32_t)(first * blocks + b));
}

#endif
