/* The deviation that a scale head stands for. Local. */
#ifndef PNO_KERNELS_NORMAL_H
#define PNO_KERNELS_NORMAL_H

#include <math.h>

/* scale (softplus(s) + 1e-6), in the units of the field, and its slope by s.    (PNO paper; 1e-6 as in its code) */
static inline double pno_normal_deviation(double s, double scale, double *slope) {
  const double least = 1e-6, e = exp(-fabs(s));
  *slope = scale * (s > 0 ? 1.0 : e) / (1.0 + e);
  return scale * ((s > 0 ? s : 0.0) + log1p(e) + least);
}

#endif
