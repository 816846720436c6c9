/* Leading axes and mixing of every table against the scalar ones. */
#include <stdio.h>

#include "tests/kernels/conform.h"

static const int widths[] = {1, 5, 16, 20, 24, 32, 48, 64, 72};
enum { WIDTHS = sizeof widths / sizeof *widths };

typedef struct {
  int n, k, first, inner, channels;
} axis_case;

static void run_axis(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  const axis_case *c = one_case;
  const int cp = pno_padded(c->channels), n[2] = {c->n, c->inner}, lo[2] = {0};
  const ptrdiff_t whole = 2 * (ptrdiff_t)c->n * c->inner, kept = 2 * (ptrdiff_t)c->k * c->inner;
  const pno_grid g = pno_grid_make(2, n, lo, n);
  pno_axis_call f = {.axis = world_axis(w, t, c->n, c->k, c->first), .inner = c->inner, .channels = cp,
                     .in = world_vectors(w, whole, c->channels, 1), .out = world_noise(w, kept * cp, 2)};
  pno_axis_call b = f;
  b.in = world_vectors(w, kept, c->channels, 3);
  b.out = world_noise(w, whole * cp, 4);
  float *scratch = world_scratch(w, t, &g, c->channels);
  t->axis_forward(&f, 0, c->inner, scratch);
  t->axis_inverse(&b, 0, c->inner, scratch);
  conform_add(o, "forward", f.out, kept * cp, 2e-6);
  conform_add(o, "inverse", b.out, whole * cp, 2e-6);
}

Test(conform_spectral, an_axis_is_that_of_the_scalar_table) {
  static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 64, 141};
  int turn = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int j = 0; j < 2 * WIDTHS; j++, turn++) {
      const int n = sizes[i], k = 1 + (turn * 5 + j * n / 18) % n, corner = k > 1 && k < n && turn % 2;
      const axis_case c = {.n = n, .k = k, .first = -(k / 2) + corner, .inner = 1 + turn % 5,
                           .channels = widths[j % WIDTHS]};
      char say[96];
      snprintf(say, sizeof say, "%d modes from %d of %d points, %d channels", k, c.first, n, c.channels);
      conform(run_axis, &c, say);
    }
  }
}

typedef struct {
  int samples, micro, channels;
  bool fresh;
} mix_case;

static void run_mix(const pno_kernels *t, const void *one_case, world *w, conform_outputs *o) {
  enum { MODES = 3, STORED = 5 };
  static const int stored[MODES] = {4, 0, 2};
  const mix_case *c = one_case;
  const int cp = pno_padded(c->channels), one = 1, lo = 0;
  const ptrdiff_t vectors = 2 * (ptrdiff_t)MODES * c->samples, weights = 2 * (ptrdiff_t)STORED * c->channels;
  const pno_grid g = pno_grid_make(1, &one, &lo, &one);
  pno_mix a = {.samples = c->samples, .micro = c->micro, .modes = MODES, .channels = c->channels,
               .stride = 2 * (ptrdiff_t)MODES * cp, .stored = stored,
               .weight = world_vectors(w, weights, c->channels, 1),
               .x = world_vectors(w, vectors, c->channels, 2), .y = world_noise(w, vectors * cp, 3),
               .scale = world_noise(w, c->samples, 4), .grad = world_vectors(w, weights, c->channels, 5),
               .fresh = c->fresh};
  pno_mix b = a;
  b.y = world_vectors(w, vectors, c->channels, 6);
  t->mix_forward(&a, 0, MODES);
  t->mix_backward(&b, 0, MODES, world_scratch(w, t, &g, c->channels));
  conform_add(o, "y", a.y, vectors * cp, 2e-6);
  conform_add(o, "gradient of x", b.y, vectors * cp, 2e-6);
  conform_add(o, "gradient of the weight", b.grad, weights * cp, 2e-6);
}

Test(conform_spectral, mixing_is_that_of_the_scalar_table) {
  static const int samples[] = {1, 2, 3, 4, 5, 6, 7, 11, 20, 33, 65};
  int turn = 0;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    for (int j = 0; j < WIDTHS; j++, turn++) {
      const mix_case c = {.samples = samples[i], .micro = 1 + turn % 4, .channels = widths[j], .fresh = turn % 2};
      char say[96];
      snprintf(say, sizeof say, "%d samples in micro-batches of %d, %d channels", c.samples, c.micro, c.channels);
      conform(run_mix, &c, say);
    }
  }
}
