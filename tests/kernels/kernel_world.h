/* What the kernel tests share: buffers between guard zones, random vectors with zero padding, tables of modes in the
 * form that a table of operations reads. Every test runs over all tables that this processor can run. */
#ifndef PNO_TESTS_KERNELS_KERNEL_WORLD_H
#define PNO_TESTS_KERNELS_KERNEL_WORLD_H

#include "kernels/kernels.h"

/* The tables under test, those of kernels/dispatch.h that run here, the scalar one last; n: how many. */
const pno_kernels *const *world_tables(int *n);

/* Buffers of one test: 64-byte aligned, guarded by not-a-numbers on both sides, so that a write outside is found when
 * the world ends and a read outside spoils a result. */
enum { WORLD_BUFFERS = 128 };
typedef struct {
  int n;
  float *base[WORLD_BUFFERS];
  ptrdiff_t floats[WORLD_BUFFERS];
} world;

float *world_zeros(world *w, ptrdiff_t floats);
float *world_noise(world *w, ptrdiff_t floats, int site); /* mean 0, variance 1, another sequence for each site */
/* Vectors of `channels` values padded to 16 with zeros. */
float *world_vectors(world *w, ptrdiff_t vectors, int channels, int site);
float *world_copy(world *w, const float *from, ptrdiff_t floats);
double *world_doubles(world *w, ptrdiff_t doubles); /* zeroed, guarded likewise */
void world_end(world *w);                           /* asserts that all guards are whole, frees everything */

/* Whether the padding lanes of all vectors are zero. */
bool world_padding_is_zero(const float *v, ptrdiff_t vectors, int channels);

double world_dot(const float *a, const float *b, ptrdiff_t n);
/* Asserts |a - b| <= 1e-5 scale: both are sums of products that are of the size `scale` together. */
void world_equal(double a, double b, double scale, const char *what);

/* Words about the case at hand, which the failures of the assertions below start with. */
void world_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_same(const float *a, const float *b, ptrdiff_t n, const char *what); /* asserts the same bits */
/* Asserts |a - b| <= tolerance |b| in the Euclidean norm, and that nothing differs by more than ten times that of the
 * largest |b|. */
void world_near(const float *a, const float *b, ptrdiff_t n, double tolerance, const char *what);

/* Whether rows go by FFT where the table can: when the environment says PNO_TEST_ROWS=fft, as meson does in a second
 * run of the tests that have rows. */
bool world_by_fft(const pno_kernels *t);

/* k modes of a row of n points: unit analysis, synthesis with the weights 1, 2, .., 2, 1 of a real row; packed. */
pno_row_modes world_row_modes(world *w, const pno_kernels *t, int n, int k);
/* k frequencies from `first` on of an axis of n points; packed for t. */
pno_axis world_axis(world *w, const pno_kernels *t, int n, int k, int first);

/* A map with random values; hidden = 0: one layer. */
pno_mlp world_mlp(world *w, int in, int hidden, int out, int site);

/* Grids of 1, 2 and 3 dimensions with padding on some sides; odd and even; some of several blocks a slab. */
enum { WORLD_GRIDS = 7 };
pno_grid world_grid(int i);

/* Scratch for any operation of t on this grid, not a float more than it asks for; full of not-a-numbers. */
float *world_scratch(world *w, const pno_kernels *t, const pno_grid *g, int widest);

#endif
