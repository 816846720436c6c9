/* Pieces of SVG pictures: text that cannot break the file, panels with axes and ticks. For the plots of io only. All
 * functions are Local. Coordinates in pixels; numbers are printed with two decimals, so equal input gives equal bytes. */
#ifndef PNO_IO_SVG_H
#define PNO_IO_SVG_H

#include <stdio.h>

#include "engine/base/status.h"

typedef struct {
  FILE *out; /* where pieces of one's own are printed */
  char *text;
  size_t n;
} svg;

/* A panel: its left upper corner, size, and the ranges of its axes (y upwards). */
typedef struct {
  double x, y, w, h;
  double x_lo, x_hi, y_lo, y_hi;
  const char *title, *x_name, *y_name;
} svg_panel;

/* Errors: PNO_E_NOMEM. */
pno_status svg_begin(int w, int h, const char *title, svg *s);
/* Writes the file whole or not at all; s is closed in any case. Errors: PNO_E_NOMEM, PNO_E_IO. */
pno_status svg_finish(svg *s, const char *path);

/* The words of an element: markup escaped; bytes that are no UTF-8 or no character of XML become '?'. */
void svg_words(svg *s, const char *words);
void svg_text(svg *s, double x, double y, const char *attributes, const char *words);

/* Frame, title, names of the axes and `ticks` + 1 ticks along each, `digits` decimals. */
void svg_panel_draw(svg *s, const svg_panel *p, int ticks, int digits);
double svg_x(const svg_panel *p, double x);
double svg_y(const svg_panel *p, double y);

#endif
