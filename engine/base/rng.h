/* Random numbers that never depend on rank, thread or time: Philox4x32-10 (Salmon et al., SC'11, through Random123).
 *
 * key = the 64-bit seed, counter = {block, site << 16 | draw, sample, stream << 24 | epoch}. Whoever needs the numbers
 * of a place computes them from the place. All functions are Local and pure. */
#ifndef PNO_ENGINE_BASE_RNG_H
#define PNO_ENGINE_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* One stream a purpose, so that no two uses can meet. */
typedef enum {
  PNO_STREAM_INIT = 1,    /* initial weights: site = tensor number in the registry */
  PNO_STREAM_ORDER = 2,   /* order of the samples in an epoch */
  PNO_STREAM_FIELD = 3,   /* random fields of generated data */
  PNO_STREAM_DROPOUT = 4, /* masks */
  PNO_STREAM_DRAW = 5,    /* draws of a probabilistic head */
  PNO_STREAM_PARAMETER = 6 /* parameters of generated data */
} pno_stream;

typedef struct {
  uint64_t seed;
  pno_stream stream; /* < 256 */
  uint32_t epoch;    /* < 2^24 */
  uint32_t sample;
  uint16_t site;
  uint16_t draw;
} pno_rng;

/* The four 32-bit words of one block. */
void pno_rng_words(const pno_rng *r, uint32_t block, uint32_t out[4]);

/* Element i of the sequence of this place, element = block * 4 + lane. uniform is in (0, 1), normal by Box-Muller on
 * the lane pairs (0,1) and (2,3); both in double. */
double pno_rng_uniform(const pno_rng *r, uint64_t i);
double pno_rng_normal(const pno_rng *r, uint64_t i);

/* Elements first .. first + n - 1 of the same sequences. */
void pno_rng_uniforms(const pno_rng *r, uint64_t first, ptrdiff_t n, double *out);
void pno_rng_normals(const pno_rng *r, uint64_t first, ptrdiff_t n, double *out);

#endif
