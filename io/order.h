/* The order of samples in an epoch as a keyed permutation: nothing is stored, and both directions cost O(1).
 *
 * A balanced Feistel network over the smallest even number of bits that hold n, its round function one Philox word,
 * with cycle walking (a value >= n is sent through again; at most 4 times on average). Depends on (seed, epoch) only.
 * All functions are Local and pure. */
#ifndef PNO_IO_ORDER_H
#define PNO_IO_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t seed;
  uint32_t epoch; /* < 2^24 */
  ptrdiff_t n;    /* samples, 1 .. 2^40 */
  bool shuffle;   /* false: position p is sample p */
} pno_order;

ptrdiff_t pno_order_sample(const pno_order *o, ptrdiff_t position); /* 0 <= position < n */
ptrdiff_t pno_order_position(const pno_order *o, ptrdiff_t sample); /* the inverse */

#endif
