/* Pictures of fields: heat maps side by side, viridis, with frame, title and colour bar. PNG, the same bytes for the
 * same input. Local. */
#ifndef PNO_IO_PLOT_H
#define PNO_IO_PLOT_H

#include <stddef.h>

#include "engine/base/status.h"

/* One panel: values[row * row_stride + col * col_stride]. Row 0 is drawn at the bottom, as axis y of a plot runs. */
typedef struct {
  const char *title; /* printable ASCII, cut to the panel */
  const float *values;
  int rows, cols;
  ptrdiff_t row_stride, col_stride; /* in floats */
  const float *minus; /* NULL, or what to take away from values, in the same order: the panel of an error */
  double lo, hi; /* colour range; lo >= hi: from the finite values. Values that are not finite are grey */
} pno_plot_panel;

/* Errors: PNO_E_USAGE no panel or an extent outside 1..8192; PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_plot_panels(const char *path, const pno_plot_panel *panels, int n);

/* Range of the finite values, for panels that shall share one. No finite value: 0..1. */
void pno_plot_range(const pno_plot_panel *panel, double *lo, double *hi);

#endif
