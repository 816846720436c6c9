#include "kernels/simd/mask.h"

#include <string.h>

/* Philox4x32-10 (Salmon et al., SC'11) on several blocks at once. A word lies in the low half of a lane of 64 bits, where
 * one multiplication gives both halves of its product; what the high half holds never matters. Halves are moved by shuffles:
 * shifts of 512 bits share their one port with the multiplications (13 cycles a register of mask, 9 with shuffles). */
#if defined(__AVX512F__)

typedef __m512i words;
enum { BLOCKS = 8 }; /* a register */
INLINED words w_all(uint32_t x) { return _mm512_set1_epi64(x); }
INLINED words w_mul(words a, words b) { return _mm512_mul_epu32(a, b); }
INLINED words w_high(words a) { return _mm512_shuffle_epi32(a, _MM_PERM_DDBB); }
INLINED words w_xor3(words a, words b, words c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }
/* Numbered so that the bits below come in order. */
INLINED words w_blocks(uint32_t first) {
  return _mm512_add_epi64(w_all(first), _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0));
}
INLINED words w_join(words low, words high) { return _mm512_mask_shuffle_epi32(low, 0xaaaa, high, _MM_PERM_CCAA); }
INLINED void w_bits(words w0, words w1, words w2, words w3, uint32_t threshold, uint8_t *out) {
  const words a = w_join(w0, w1), b = w_join(w2, w3), t = _mm512_set1_epi16((short)threshold);
  const uint32_t half[2] = {_mm512_cmpge_epu16_mask(_mm512_unpacklo_epi64(a, b), t),
                            _mm512_cmpge_epu16_mask(_mm512_unpackhi_epi64(a, b), t)};
  memcpy(out, half, sizeof half);
}

#else

typedef __m256i words;
enum { BLOCKS = 4 };
INLINED words w_all(uint32_t x) { return _mm256_set1_epi64x(x); }
INLINED words w_mul(words a, words b) { return _mm256_mul_epu32(a, b); }
INLINED words w_high(words a) { return _mm256_shuffle_epi32(a, 0xf5); }
INLINED words w_xor3(words a, words b, words c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
INLINED words w_blocks(uint32_t first) { return _mm256_add_epi64(w_all(first), _mm256_set_epi64x(3, 2, 1, 0)); }
INLINED words w_join(words low, words high) { return _mm256_blend_epi32(low, _mm256_shuffle_epi32(high, 0xa0), 0xaa); }
INLINED words w_least(words a, words t) { return _mm256_cmpeq_epi16(_mm256_max_epu16(a, t), a); }
INLINED void w_bits(words w0, words w1, words w2, words w3, uint32_t threshold, uint8_t *out) {
  const words a = w_join(w0, w1), b = w_join(w2, w3), t = _mm256_set1_epi16((short)threshold);
  const words even = w_least(_mm256_unpacklo_epi64(a, b), t), odd = w_least(_mm256_unpackhi_epi64(a, b), t);
  const int all = _mm256_movemask_epi8(_mm256_packs_epi16(even, odd));
  memcpy(out, &all, sizeof all);
}

#endif

enum { AT_ONCE = 4 }; /* registers, as one chain of ten rounds waits for its multiplications */

static void draw(const pno_dropout *d, int sample, ptrdiff_t first, int points, int channels, uint8_t *bits) {
  const pno_rng r = pno_dropout_rng(d, sample);
  const ptrdiff_t each = pno_dropout_blocks(channels), blocks = points * each;
  const words m0 = w_all(0xD2511F53u), m1 = w_all(0xCD9E8D57u);
  for (ptrdiff_t b = 0; b < blocks; b += AT_ONCE * BLOCKS) {
    words c0[AT_ONCE], c1[AT_ONCE], c2[AT_ONCE], c3[AT_ONCE];
    uint32_t k0 = (uint32_t)r.seed, k1 = (uint32_t)(r.seed >> 32);
#pragma GCC unroll 4
    for (int i = 0; i < AT_ONCE; i++) {
      c0[i] = w_blocks((uint32_t)(first * each + b + i * BLOCKS));
      c1[i] = w_all((uint32_t)r.site << 16 | r.draw);
      c2[i] = w_all(r.sample);
      c3[i] = w_all((uint32_t)r.stream << 24 | (r.epoch & 0xffffffu));
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      const words key0 = w_all(k0), key1 = w_all(k1);
#pragma GCC unroll 4
      for (int i = 0; i < AT_ONCE; i++) {
        const words p0 = w_mul(m0, c0[i]), p1 = w_mul(m1, c2[i]);
        c0[i] = w_xor3(w_high(p1), c1[i], key0);
        c2[i] = w_xor3(w_high(p0), c3[i], key1);
        c1[i] = p1;
        c3[i] = p0;
      }
    }
    const ptrdiff_t rest = blocks - b; /* what lies behind may be another thread's */
#pragma GCC unroll 4
    for (int i = 0; i < AT_ONCE; i++)
      if (i * BLOCKS < rest) {
        uint8_t out[BLOCKS];
        w_bits(c0[i], c1[i], c2[i], c3[i], d->threshold, out);
        memcpy(bits + b + i * BLOCKS, out, (size_t)(rest - i * BLOCKS < BLOCKS ? rest - i * BLOCKS : BLOCKS));
      }
  }
}

const uint8_t *simd_mask_bits(pno_mask mask, bool again, int points, int channels, uint8_t *scratch) {
  const pno_dropout *d = mask.dropout;
  uint8_t *bits = d->bits ? pno_dropout_place(d, mask.sample, mask.first, channels) : scratch;
  if (!d->bits || !again) draw(d, mask.sample, mask.first, points, channels, bits);
  return bits;
}
