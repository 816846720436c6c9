#include "io/plot.h"

#include "io/plot_tables.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 12, TITLE = 16, ZOOM = 64 }; /* of a panel of 4 values a side */

typedef struct {
  int w, h;
  unsigned char *rgb;
} picture;

/* The picture by libpng, which fails the test when it is not a PNG. */
static picture decode(const char *path) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  cr_assert(png_image_begin_read_from_file(&image, path), "%s", image.message);
  image.format = PNG_FORMAT_RGB;
  picture p = {(int)image.width, (int)image.height, malloc(PNG_IMAGE_SIZE(image))};
  cr_assert(p.rgb && png_image_finish_read(&image, NULL, p.rgb, 0, NULL), "%s", image.message);
  return p;
}

static unsigned at(const picture *p, int x, int y) {
  cr_assert(x >= 0 && y >= 0 && x < p->w && y < p->h);
  const unsigned char *v = p->rgb + ((ptrdiff_t)y * p->w + x) * 3;
  return (unsigned)v[0] << 16 | (unsigned)v[1] << 8 | v[2];
}

/* The middle of the square of a value. */
static unsigned square(const picture *p, int row, int col) {
  return at(p, GAP + col * ZOOM + ZOOM / 2, GAP + TITLE + (3 - row) * ZOOM + ZOOM / 2);
}

static pno_plot_panel panel_of(const float *values) {
  return (pno_plot_panel){.title = "u", .values = values, .rows = 4, .cols = 4, .row_stride = 4, .col_stride = 1};
}

static picture draw(const pno_plot_panel *panels, int n) {
  const char *path = io_temp("plot.png");
  cr_assert(pno_plot_panels(path, panels, n) == PNO_OK, "%s", pno_fail_words());
  return decode(path);
}

/* The published table: dark violet, green-blue, yellow. */
Test(plot, viridis_has_its_published_ends_and_middle_and_grows_lighter) {
  cr_expect_eq(plot_viridis(0), 0x440154u, "%06x", plot_viridis(0));
  cr_expect_eq(plot_viridis(255), 0xfde725u, "%06x", plot_viridis(255));
  double before = -1;
  for (int i = 0; i < 256; i++) {
    const unsigned c = plot_viridis(i);
    const double light = 0.2126 * (c >> 16) + 0.7152 * (c >> 8 & 255) + 0.0722 * (c & 255);
    cr_expect(light > before - 0.5, "colour %d is darker than the one before", i);
    before = light;
  }
}

Test(plot, the_least_value_is_violet_the_largest_yellow_and_row_0_is_at_the_bottom) {
  float v[16];
  for (int i = 0; i < 16; i++) v[i] = (float)i;
  const pno_plot_panel panel = panel_of(v);
  picture p = draw(&panel, 1);
  cr_expect_eq(square(&p, 0, 0), plot_viridis(0));
  cr_expect_eq(square(&p, 3, 3), plot_viridis(255));
  cr_expect_eq(square(&p, 0, 3), plot_viridis(3 * 17));
  cr_expect_eq(square(&p, 2, 1), plot_viridis(9 * 17));
  cr_expect_eq(at(&p, 0, 0), 0xffffffu);
  free(p.rgb);
}

Test(plot, strides_choose_a_channel_and_transpose) {
  float v[32];
  for (int i = 0; i < 32; i++) v[i] = i % 2 ? (float)(i / 2) : -1e9f; /* channel 1 of 2, rows and columns exchanged */
  const pno_plot_panel panel = {.title = "", .values = v + 1, .rows = 4, .cols = 4, .row_stride = 2, .col_stride = 8};
  picture p = draw(&panel, 1);
  cr_expect_eq(square(&p, 0, 3), plot_viridis(12 * 17));
  cr_expect_eq(square(&p, 3, 0), plot_viridis(3 * 17));
  free(p.rgb);
}

Test(plot, what_is_no_number_is_grey_and_does_not_count) {
  float v[16];
  for (int i = 0; i < 16; i++) v[i] = (float)i;
  v[0] = NAN;
  v[1] = INFINITY;
  v[15] = -INFINITY;
  const pno_plot_panel panel = panel_of(v);
  double lo = 0, hi = 0;
  pno_plot_range(&panel, &lo, &hi);
  cr_expect(lo == 2 && hi == 14, "%g..%g", lo, hi);
  picture p = draw(&panel, 1);
  const unsigned grey = square(&p, 0, 0);
  cr_expect((grey >> 16) == (grey & 255) && (grey >> 8 & 255) == (grey & 255), "%06x", grey);
  cr_expect(square(&p, 0, 1) == grey && square(&p, 3, 3) == grey);
  cr_expect_eq(square(&p, 0, 2), plot_viridis(0));
  free(p.rgb);
}

Test(plot, a_given_range_is_kept_and_values_outside_take_the_colours_of_its_ends) {
  float v[16];
  for (int i = 0; i < 16; i++) v[i] = (float)i;
  pno_plot_panel panel = panel_of(v);
  panel.lo = 4;
  panel.hi = 8;
  picture p = draw(&panel, 1);
  cr_expect_eq(square(&p, 0, 0), plot_viridis(0));
  cr_expect_eq(square(&p, 3, 3), plot_viridis(255));
  cr_expect_eq(square(&p, 1, 2), plot_viridis(128));
  free(p.rgb);
}

Test(plot, a_constant_or_empty_field_has_one_colour_and_no_division_by_zero) {
  float v[16];
  double lo = -1, hi = -1;
  for (int nothing = 0; nothing < 2; nothing++) {
    for (int i = 0; i < 16; i++) v[i] = nothing ? NAN : 3.0f;
    const pno_plot_panel panel = panel_of(v);
    picture p = draw(&panel, 1);
    for (int i = 0; i < 16; i++) cr_expect_eq(square(&p, i / 4, i % 4), square(&p, 0, 0));
    free(p.rgb);
    if (!nothing) continue;
    pno_plot_range(&panel, &lo, &hi);
    cr_expect(lo == 0 && hi == 1);
  }
}

Test(plot, panels_lie_side_by_side_and_equal_input_gives_equal_bytes) {
  float v[16];
  size_t n[2];
  unsigned char *bytes[2];
  for (int i = 0; i < 16; i++) v[i] = (float)(i * i);
  const pno_plot_panel panels[3] = {panel_of(v), panel_of(v), panel_of(v)};
  picture one = draw(panels, 1), three = draw(panels, 3);
  cr_expect_eq(three.h, one.h);
  cr_expect_eq(three.w - GAP, 3 * (one.w - GAP));
  for (int y = 0; y < one.h; y++)
    cr_assert(memcmp(one.rgb + (ptrdiff_t)y * one.w * 3 + GAP * 3,
                     three.rgb + (ptrdiff_t)y * three.w * 3 + (one.w - GAP + GAP) * 3,
                     (size_t)(one.w - 2 * GAP) * 3) == 0, "row %d of the second panel is another one", y);
  for (int i = 0; i < 2; i++) {
    const char *path = io_temp("same.png");
    cr_assert(pno_plot_panels(path, panels, 3) == PNO_OK);
    bytes[i] = io_slurp(path, &n[i]);
  }
  cr_expect(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0);
  free(bytes[0]);
  free(bytes[1]);
  free(one.rgb);
  free(three.rgb);
}

Test(plot, titles_are_drawn_and_cut_to_their_panel) {
  static const float v[16];
  pno_plot_panel panels[2] = {panel_of(v), panel_of(v)};
  panels[0].title = "a title that is very much longer than the panel is wide, so that it would run into the next one";
  panels[1].title = "\x01\xff\n";
  picture p = draw(panels, 2);
  int ink = 0, beyond = 0;
  for (int y = GAP; y < GAP + 7; y++)
    for (int x = 0; x < p.w; x++) *(x < GAP + 4 * ZOOM ? &ink : &beyond) += at(&p, x, y) != 0xffffffu;
  cr_expect(ink > 100, "%d dots of a title", ink);
  cr_expect_eq(beyond, 0);
  free(p.rgb);
}

Test(plot, extents_that_cannot_be_drawn_are_refused) {
  static const float v[16];
  pno_plot_panel panel = panel_of(v);
  const char *path = io_temp("bad.png");
  cr_expect_eq(pno_plot_panels(path, &panel, 0), PNO_E_USAGE);
  panel.rows = 0;
  cr_expect_eq(pno_plot_panels(path, &panel, 1), PNO_E_USAGE);
  panel.rows = 4;
  panel.cols = 8193;
  cr_expect_eq(pno_plot_panels(path, &panel, 1), PNO_E_USAGE);
}

Test(plot, a_missing_directory_is_an_io_error) {
  static const float v[16];
  const pno_plot_panel panel = panel_of(v);
  cr_expect_eq(pno_plot_panels(io_temp("absent/p.png"), &panel, 1), PNO_E_IO);
}

Test(plot, a_panel_with_minus_is_the_panel_of_the_difference) {
  float v[16], w[16], d[16];
  for (int i = 0; i < 16; i++) {
    v[i] = (float)(i * i % 7);
    w[i] = (float)(i % 5);
    d[i] = v[i] - w[i];
  }
  pno_plot_panel of_difference = panel_of(d), difference = panel_of(v);
  difference.minus = w;
  picture expected = draw(&of_difference, 1), p = draw(&difference, 1), without = {0};
  cr_expect_arr_eq(p.rgb, expected.rgb, (size_t)p.w * (size_t)p.h * 3);
  difference.minus = NULL;
  without = draw(&difference, 1);
  cr_expect_arr_neq(without.rgb, expected.rgb, (size_t)p.w * (size_t)p.h * 3);
  free(p.rgb);
  free(expected.rgb);
  free(without.rgb);
}
