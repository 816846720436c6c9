/* Colours and letters of pictures. All functions are Local and pure. Not for others than plot. */
#ifndef PNO_IO_PLOT_TABLES_H
#define PNO_IO_PLOT_TABLES_H

#include <stdbool.h>

/* Viridis (van der Walt and Smith, CC0) at i in 0..255, as 0xrrggbb. */
unsigned plot_viridis(int i);

/* A font of 5 x 7 dots for printable ASCII; whether dot (x, y), y down, of a letter is set. Others are blank. */
enum { PLOT_FONT_W = 5, PLOT_FONT_H = 7 };
bool plot_font_dot(char letter, int x, int y);

#endif
