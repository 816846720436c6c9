#include "kernels/burst.h"

/* Sixteen sums hide the latency of four cycles on two ports; the factor keeps every value finite and normal. */
#define BURST_BODY(lanes)                                               \
  typedef float vector __attribute__((vector_size(4 * (lanes))));       \
  vector s[16], a, b;                                                   \
  for (int i = 0; i < (lanes); i++) {                                   \
    a[i] = 0.999f;                                                      \
    b[i] = 0.001f;                                                      \
  }                                                                     \
  for (int k = 0; k < 16; k++) s[k] = a + b * (float)k;                 \
  for (long r = 0; r < rounds; r++)                                     \
    for (int k = 0; k < 16; k++) s[k] = s[k] * a + b;                   \
  for (int k = 1; k < 16; k++) s[0] += s[k];                            \
  return s[0][0] + s[0][(lanes)-1];

__attribute__((target("avx512f"))) static float burst_avx512(long rounds) { BURST_BODY(16) }
__attribute__((target("avx2,fma"))) static float burst_avx2(long rounds) { BURST_BODY(8) }
static float burst_plain(long rounds) { BURST_BODY(4) }

static const struct {
  const char *isa;
  int lanes;
  float (*run)(long);
} bursts[] = {{"avx512", 16, burst_avx512}, {"avx2", 8, burst_avx2}, {"scalar", 4, burst_plain}};

static int widest(void) {
  if (__builtin_cpu_supports("avx512f")) return 0;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 1 : 2;
}

const char *pno_burst_isa(void) { return bursts[widest()].isa; }

/* 24 KiB with all three vectors: the first cache of every x86-64 holds them. A third each of the arguments lies where GELU
 * is flat, curved and straight; a table may not branch on them, so that this is for rounding only. */
float pno_gelu_run(const pno_kernels *table, long rounds, bool both, double *elements) {
  enum { N = 2048 };
  _Alignas(64) float x[N], value[N], slope[N];
  for (int i = 0; i < N; i++) x[i] = 9.0f * ((float)i / N - 0.5f);
  for (long r = 0; r < rounds; r++) table->gelu(N, x, value, both ? slope : NULL);
  *elements = (double)N * (double)rounds;
  return rounds > 0 ? value[N - 1] + (both ? slope[N - 1] : 0.0f) : 0.0f;
}

/* The addends are read once from where the compiler cannot see them: additions of constants are joined, by the compiler and
 * by recent cores too. */
uint64_t pno_chain_run(long rounds, double *cycles) {
  enum { PAIRS = 16 };
  volatile uint64_t hidden[2] = {0x9e3779b97f4a7c15, 0x2545f4914f6cdd1d};
  const uint64_t a = hidden[0], b = hidden[1];
  uint64_t x = a;
  for (long r = 0; r < rounds; r++)
    for (int k = 0; k < PAIRS; k++) x = (x + a) ^ b;
  *cycles = 2.0 * PAIRS * (double)rounds;
  return x;
}

float pno_burst_run(long rounds, double *flops) {
  const int k = widest();
  *flops = 2.0 * 16 * bursts[k].lanes * (double)rounds;
  return bursts[k].run(rounds);
}
