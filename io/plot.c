#include "io/plot.h"

#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"
#include "io/plot_tables.h"

/* Pixels. A field is drawn with whole pixels a value, at least PANEL of them along its longer side. */
enum { PANEL = 256, GAP = 12, TITLE = 16, BAR = 12, BAR_GAP = 8, LABEL = 66, EXTENT_MAX = 8192, PIXELS_MAX = 1 << 28 };
enum { INK = 0x303030, GREY = 0xb0b0b0 };

typedef struct {
  int w, h;
  unsigned char *rgb; /* [h][w][3] owned */
} picture;

static void dot(picture *p, int x, int y, unsigned color) {
  if (x < 0 || y < 0 || x >= p->w || y >= p->h) return;
  unsigned char *at = p->rgb + ((ptrdiff_t)y * p->w + x) * 3;
  at[0] = (unsigned char)(color >> 16);
  at[1] = (unsigned char)(color >> 8);
  at[2] = (unsigned char)color;
}

static void box(picture *p, int x, int y, int w, int h, unsigned color) {
  for (int j = y; j < y + h; j++)
    for (int i = x; i < x + w; i++) dot(p, i, j, color);
}

static void frame(picture *p, int x, int y, int w, int h) {
  box(p, x - 1, y - 1, w + 2, 1, INK);
  box(p, x - 1, y + h, w + 2, 1, INK);
  box(p, x - 1, y - 1, 1, h + 2, INK);
  box(p, x + w, y - 1, 1, h + 2, INK);
}

static void text(picture *p, int x, int y, int room, const char *words) {
  enum { ADVANCE = PLOT_FONT_W + 1 };
  for (const char *c = words; *c && room >= ADVANCE; c++, x += ADVANCE, room -= ADVANCE)
    for (int j = 0; j < PLOT_FONT_H; j++)
      for (int i = 0; i < PLOT_FONT_W; i++)
        if (plot_font_dot(*c, i, j)) dot(p, x + i, y + j, INK);
}

static float value_at(const pno_plot_panel *p, int row, int col) {
  const ptrdiff_t at = row * p->row_stride + col * p->col_stride;
  return p->minus ? p->values[at] - p->minus[at] : p->values[at];
}

void pno_plot_range(const pno_plot_panel *panel, double *lo, double *hi) {
  double least = INFINITY, most = -INFINITY;
  for (int r = 0; r < panel->rows; r++) {
    for (int c = 0; c < panel->cols; c++) {
      const double v = (double)value_at(panel, r, c);
      if (!isfinite(v)) continue;
      least = v < least ? v : least;
      most = v > most ? v : most;
    }
  }
  *lo = least <= most ? least : 0;
  *hi = least <= most ? most : 1;
}

static unsigned color_of(double v, double lo, double hi) {
  if (!isfinite(v)) return GREY;
  const double t = hi > lo ? (v - lo) / (hi - lo) : 0.5; /* a constant field is the middle of the scale */
  return plot_viridis((int)floor(t < 0 ? 0 : t > 1 ? 255 : t * 255 + 0.5));
}

/* Pixels a value, so that small fields become visible and large ones stay as they are. */
static int zoom_of(const pno_plot_panel *p) {
  const int longer = p->rows > p->cols ? p->rows : p->cols;
  return longer >= PANEL ? 1 : (PANEL + longer - 1) / longer;
}

static int panel_width(const pno_plot_panel *p) { return p->cols * zoom_of(p) + BAR_GAP + BAR + LABEL; }

static void draw_bar(picture *out, int x, int y, int h, double lo, double hi) {
  char words[2][24];
  snprintf(words[0], sizeof words[0], "%.4g", hi);
  snprintf(words[1], sizeof words[1], "%.4g", lo);
  for (int j = 0; j < h; j++) box(out, x, y + j, BAR, 1, plot_viridis(h > 1 ? 255 * (h - 1 - j) / (h - 1) : 128));
  frame(out, x, y, BAR, h);
  text(out, x + BAR + 4, y, LABEL - 4, words[0]);
  text(out, x + BAR + 4, y + h - PLOT_FONT_H, LABEL - 4, words[1]);
}

static void draw_panel(picture *out, int x, int y, const pno_plot_panel *p) {
  const int zoom = zoom_of(p), w = p->cols * zoom, h = p->rows * zoom;
  double lo = p->lo, hi = p->hi;
  if (!(lo < hi)) pno_plot_range(p, &lo, &hi);
  text(out, x, y, w, p->title);
  y += TITLE;
  for (int r = 0; r < p->rows; r++) /* row 0 at the bottom */
    for (int c = 0; c < p->cols; c++)
      box(out, x + c * zoom, y + (p->rows - 1 - r) * zoom, zoom, zoom, color_of((double)value_at(p, r, c), lo, hi));
  frame(out, x, y, w, h);
  draw_bar(out, x + w + BAR_GAP, y, h, lo, hi);
}

static pno_status write_png(const char *path, const picture *p) {
  png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_RGB};
  image.width = (png_uint_32)p->w;
  image.height = (png_uint_32)p->h;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  void *file = malloc(bytes);
  if (!file) return pno_fail(PNO_E_NOMEM, "no memory for a picture of %zu bytes", (size_t)bytes);
  pno_status st = PNO_OK;
  if (png_image_write_to_memory(&image, file, &bytes, 0, p->rgb, 0, NULL) == 0)
    st = pno_fail(PNO_E_NOMEM, "%s: libpng: %s", path, image.message);
  if (st == PNO_OK) st = pno_file_replace_path(path, file, bytes);
  free(file);
  return st;
}

static pno_status measure(const pno_plot_panel *panels, int n, picture *out) {
  long long w = GAP, h = 0;
  if (n < 1) return pno_fail(PNO_E_USAGE, "a picture without panels");
  for (int i = 0; i < n; i++) {
    const pno_plot_panel *p = &panels[i];
    if (p->rows < 1 || p->cols < 1 || p->rows > EXTENT_MAX || p->cols > EXTENT_MAX)
      return pno_fail(PNO_E_USAGE, "panel %d has %d x %d values, 1..%d are possible", i, p->rows, p->cols, EXTENT_MAX);
    const long long rows = (long long)p->rows * zoom_of(p);
    w += panel_width(p) + GAP;
    h = rows > h ? rows : h;
  }
  h += TITLE + 2 * GAP;
  if (w * h > PIXELS_MAX) return pno_fail(PNO_E_USAGE, "a picture of %lld x %lld pixels is too large", w, h);
  out->w = (int)w;
  out->h = (int)h;
  return PNO_OK;
}

pno_status pno_plot_panels(const char *path, const pno_plot_panel *panels, int n) {
  picture out = {.w = 0};
  PNO_TRY(measure(panels, n, &out));
  const size_t bytes = (size_t)out.w * (size_t)out.h * 3;
  out.rgb = malloc(bytes);
  if (!out.rgb) return pno_fail(PNO_E_NOMEM, "no memory for a picture of %d x %d pixels", out.w, out.h);
  memset(out.rgb, 0xff, bytes);
  int x = GAP;
  for (int i = 0; i < n; i++) {
    draw_panel(&out, x, GAP, &panels[i]);
    x += panel_width(&panels[i]) + GAP;
  }
  const pno_status st = write_png(path, &out);
  free(out.rgb);
  return st;
}
