/* Masks of dropout as the definition in kernels/kernels.h says them, for tests: nothing of kernels/dropout.h. */
#ifndef PNO_TESTS_KERNELS_DROP_WORLD_H
#define PNO_TESTS_KERNELS_DROP_WORLD_H

#include "engine/base/rng.h"
#include "kernels/kernels.h"

/* Numbers of inputs in their data set, as far as a test has them. */
static const uint32_t drop_samples[] = {7, 4000000000u, 0, 12, 3};

static inline pno_dropout drop_of(double share, int site, int draws) {
  const uint32_t threshold = (uint32_t)(65536.0 * share + 0.5);
  return (pno_dropout){.threshold = threshold,
                       .factor = (float)(65536.0 / (65536.0 - threshold)),
                       .seed = 0x123456789abcdefu,
                       .epoch = 0xabcde,
                       .site = (uint16_t)site,
                       .draws = draws,
                       .first_draw = 3,
                       .sample = drop_samples};
}

/* Whether channel c of a place is kept in sample s of the chunk. */
static inline bool drop_keeps(const pno_dropout *d, int s, ptrdiff_t place, int channels, int c) {
  const pno_rng r = {.seed = d->seed,
                     .stream = PNO_STREAM_DROPOUT,
                     .epoch = d->epoch,
                     .sample = d->sample[s / d->draws],
                     .site = d->site,
                     .draw = (uint16_t)(d->first_draw + s % d->draws)};
  uint32_t word[4];
  pno_rng_words(&r, (uint32_t)(place * ((channels + 7) / 8) + c / 8), word);
  const uint32_t lane = c % 2 ? word[c % 8 / 2] >> 16 : word[c % 8 / 2] & 0xffffu;
  return lane >= d->threshold;
}

#endif
