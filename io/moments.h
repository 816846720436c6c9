/* Statistics of many values in one pass, in double: the same bits for the same values in the same order, however they
 * were computed. All functions are Local. */
#ifndef PNO_IO_MOMENTS_H
#define PNO_IO_MOMENTS_H

#include <stddef.h>

/* Zeroed: of no values. */
typedef struct {
  double count, mean, m2; /* m2: sum of squared differences from the mean */
  double least, most;
} pno_moments;

/* Adds values[0], values[stride], .., n of them, all finite. The squares are taken about the mean of these n and joined
 * to the others by Chan, Golub and LeVeque's update (1983), so that a large mean costs no digits. */
void pno_moments_add(pno_moments *m, const float *values, ptrdiff_t n, ptrdiff_t stride);

/* The same of the differences values[apart + k stride] - values[k stride], taken in double. */
void pno_moments_add_delta(pno_moments *m, const float *values, ptrdiff_t apart, ptrdiff_t n, ptrdiff_t stride);

/* Standard deviation of the values as they are (divided by their number, as The Well's), and root of the mean square. 0
 * of no values. */
double pno_moments_std(const pno_moments *m);
double pno_moments_rms(const pno_moments *m);

#endif
