#include "engine/sync/reduce_impl.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { PIECE = 16 }; /* floats: a cache line */

/* All parts side by side: one behind the other through a buffer in the first cache took 1.2 to 2 times as long (2 parts
 * of 0.5 to 32 MB, 2026-11-26). */
static void add_piece(float *out, const float *const *parts, int n, ptrdiff_t at) {
  float acc[PIECE];
  for (int i = 0; i < PIECE; i++) acc[i] = parts[0][at + i];
  for (int p = 1; p < n; p++)
    for (int i = 0; i < PIECE; i++) acc[i] += parts[p][at + i];
  for (int i = 0; i < PIECE; i++) out[at + i] = acc[i];
}

#if defined(__SSE2__)
/* Stores past the caches, for sums that would not stay in them: 2 ranks took 0.20 instead of 0.28 ms for 4 MB, 1.4
 * instead of 2.1 for 16 MB and 5.9 instead of 8.5 for 64 MB, but 0.057 instead of 0.050 for 1 MB when they read the sum
 * at once (2026-11-26). */
enum { STREAM_FROM = 1 << 18, AHEAD = 512 }; /* floats: of a span; of the prefetch */

static ptrdiff_t add_streaming(float *out, const float *const *parts, int n, ptrdiff_t count) {
  ptrdiff_t at = 0;
  for (; at + PIECE <= count; at += PIECE) {
    __m128 acc[PIECE / 4];
    _mm_prefetch((const char *)(parts[0] + at + AHEAD), _MM_HINT_T0); /* past the end it does nothing */
    for (int i = 0; i < PIECE / 4; i++) acc[i] = _mm_loadu_ps(parts[0] + at + 4 * i);
    for (int p = 1; p < n; p++) {
      _mm_prefetch((const char *)(parts[p] + at + AHEAD), _MM_HINT_T0);
      for (int i = 0; i < PIECE / 4; i++) acc[i] = _mm_add_ps(acc[i], _mm_loadu_ps(parts[p] + at + 4 * i));
    }
    for (int i = 0; i < PIECE / 4; i++) _mm_stream_ps(out + at + 4 * i, acc[i]);
  }
  _mm_sfence(); /* the flag that follows must not overtake them */
  return at;
}
#endif

void sync_add_up(float *out, const float *const *parts, int n, ptrdiff_t count) {
  ptrdiff_t at = 0;
#if defined(__SSE2__)
  if (count >= STREAM_FROM) at = add_streaming(out, parts, n, count);
#endif
  for (; at + PIECE <= count; at += PIECE) add_piece(out, parts, n, at);
  for (; at < count; at++) {
    float acc = parts[0][at];
    for (int p = 1; p < n; p++) acc += parts[p][at];
    out[at] = acc;
  }
}
