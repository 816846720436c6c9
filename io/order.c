#include "io/order.h"

#include "engine/base/rng.h"

/* Eight rounds, not the four that suffice for large domains: with few bits a side the extra ones are what mixes. */
enum { ROUNDS = 8 };

static int half_bits(ptrdiff_t n) {
  int bits = 1;
  while (((ptrdiff_t)1 << (2 * bits)) < n) bits++;
  return bits;
}

static uint32_t round_word(const pno_order *o, int round, uint32_t half, int bits) {
  const pno_rng r = {
      .seed = o->seed, .stream = PNO_STREAM_ORDER, .epoch = o->epoch, .sample = half, .site = (uint16_t)round};
  uint32_t words[4];
  pno_rng_words(&r, 0, words);
  return words[0] & ((UINT32_C(1) << bits) - 1);
}

static uint64_t forward(const pno_order *o, uint64_t value, int bits) {
  uint32_t left = (uint32_t)(value >> bits), right = (uint32_t)(value & ((UINT64_C(1) << bits) - 1));
  for (int i = 0; i < ROUNDS; i++) {
    const uint32_t next = left ^ round_word(o, i, right, bits);
    left = right;
    right = next;
  }
  return (uint64_t)left << bits | right;
}

static uint64_t backward(const pno_order *o, uint64_t value, int bits) {
  uint32_t left = (uint32_t)(value >> bits), right = (uint32_t)(value & ((UINT64_C(1) << bits) - 1));
  for (int i = ROUNDS - 1; i >= 0; i--) {
    const uint32_t before = right ^ round_word(o, i, left, bits);
    right = left;
    left = before;
  }
  return (uint64_t)left << bits | right;
}

ptrdiff_t pno_order_sample(const pno_order *o, ptrdiff_t position) {
  if (!o->shuffle || o->n < 2) return position;
  const int bits = half_bits(o->n);
  uint64_t v = (uint64_t)position;
  do v = forward(o, v, bits);
  while (v >= (uint64_t)o->n);
  return (ptrdiff_t)v;
}

ptrdiff_t pno_order_position(const pno_order *o, ptrdiff_t sample) {
  if (!o->shuffle || o->n < 2) return sample;
  const int bits = half_bits(o->n);
  uint64_t v = (uint64_t)sample;
  do v = backward(o, v, bits);
  while (v >= (uint64_t)o->n);
  return (ptrdiff_t)v;
}
