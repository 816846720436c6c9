/* Whether stated uncertainty is true, as a picture: observed against nominal coverage, and beside it the histogram of the
 * probability integral transform (flat if the forecasts are calibrated). SVG, the same bytes for the same input. Local. */
#ifndef PNO_IO_PLOT_RELIABILITY_H
#define PNO_IO_PLOT_RELIABILITY_H

#include "engine/base/status.h"

enum { PNO_RELIABILITY_CURVES_MAX = 2, PNO_RELIABILITY_POINTS_MAX = 1000 };

/* All borrowed. */
typedef struct {
  const char *name; /* "raw", "recalibrated" */
  int n;
  const double *nominal, *observed; /* [n] within 0..1; nominal rises */
  int bins;                         /* 0: no histogram of this curve */
  const double *pit;                /* [bins] counts or weights of equal bins over 0..1 */
} pno_reliability_curve;

/* The second panel is there if a curve has bins. Errors: PNO_E_USAGE no curve, or values that cannot be drawn; PNO_E_IO;
 * PNO_E_NOMEM. */
pno_status pno_plot_reliability(const char *path, const char *title, const pno_reliability_curve *curves, int n);

#endif
