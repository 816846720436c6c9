#include "io/plot_reliability.h"

#include <math.h>
#include <stdbool.h>

#include "io/svg.h"

/* Pixels. */
enum { PANEL = 320, LEFT = 60, TOP = 64, BOTTOM = 52, GAP = 76, RIGHT = 20, TICKS = 5 };

/* Blue and orange of Okabe and Ito: told apart with any colour vision; the second line is dashed for print. */
static const char *const color[PNO_RELIABILITY_CURVES_MAX] = {"#0072b2", "#d55e00"};
static const char *const dash[PNO_RELIABILITY_CURVES_MAX] = {"none", "6 3"};

static pno_status check_curve(const pno_reliability_curve *c, int i) {
  if (c->n < 1 || c->n > PNO_RELIABILITY_POINTS_MAX || c->bins < 0 || c->bins > PNO_RELIABILITY_POINTS_MAX)
    return pno_fail(PNO_E_USAGE, "curve %d of a reliability diagram has %d points and %d bins, %d are possible", i, c->n,
                    c->bins, PNO_RELIABILITY_POINTS_MAX);
  for (int k = 0; k < c->n; k++) {
    const double x = c->nominal[k], y = c->observed[k];
    if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1) || (k > 0 && x <= c->nominal[k - 1]))
      return pno_fail(PNO_E_USAGE, "point %d of curve %d of a reliability diagram is %g, %g", k, i, x, y);
  }
  double sum = 0;
  for (int b = 0; b < c->bins; b++) {
    if (!(c->pit[b] >= 0) || isinf(c->pit[b]))
      return pno_fail(PNO_E_USAGE, "bin %d of histogram %d is %g", b, i, c->pit[b]);
    sum += c->pit[b];
  }
  if (c->bins > 0 && (!(sum > 0) || isinf(sum))) return pno_fail(PNO_E_USAGE, "histogram %d holds %g in all", i, sum);
  return PNO_OK;
}

static void draw_curve(svg *s, const svg_panel *p, const pno_reliability_curve *c, int i) {
  fprintf(s->out, "<g class=\"curve\" stroke=\"%s\" fill=\"%s\">\n<polyline fill=\"none\" stroke-width=\"2\" "
          "stroke-dasharray=\"%s\" points=\"", color[i], color[i], dash[i]);
  for (int k = 0; k < c->n; k++)
    fprintf(s->out, "%s%.2f,%.2f", k ? " " : "", svg_x(p, c->nominal[k]), svg_y(p, c->observed[k]));
  fprintf(s->out, "\"/>\n");
  for (int k = 0; k < c->n; k++)
    fprintf(s->out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"3\"/>\n", svg_x(p, c->nominal[k]), svg_y(p, c->observed[k]));
  fprintf(s->out, "</g>\n");
}

static void draw_legend(svg *s, const svg_panel *p, const pno_reliability_curve *curves, int n) {
  for (int i = 0; i < n; i++) {
    const double y = p->y + 18 + 18 * i;
    fprintf(s->out, "<path class=\"legend\" d=\"M%.2f %.2fh28\" stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"%s\"/>\n",
            p->x + 10, y, color[i], dash[i]);
    svg_text(s, p->x + 44, y + 4, "class=\"legend\"", curves[i].name);
  }
}

static void draw_coverage(svg *s, const pno_reliability_curve *curves, int n) {
  const svg_panel p = {.x = LEFT, .y = TOP, .w = PANEL, .h = PANEL, .x_hi = 1, .y_hi = 1, .title = "coverage",
                       .x_name = "nominal", .y_name = "observed"};
  svg_panel_draw(s, &p, TICKS, 1);
  fprintf(s->out, "<path class=\"ideal\" d=\"M%.2f %.2fL%.2f %.2f\" stroke=\"#909090\" stroke-dasharray=\"2 3\"/>\n",
          svg_x(&p, 0), svg_y(&p, 0), svg_x(&p, 1), svg_y(&p, 1));
  for (int i = 0; i < n; i++) draw_curve(s, &p, &curves[i], i);
  draw_legend(s, &p, curves, n);
}

static double density(const pno_reliability_curve *c, int bin) {
  double sum = 0;
  for (int b = 0; b < c->bins; b++) sum += c->pit[b];
  return c->pit[bin] / sum * c->bins;
}

static void draw_histogram(svg *s, const svg_panel *p, const pno_reliability_curve *c, int i) {
  fprintf(s->out, "<g class=\"histogram\" stroke=\"%s\" fill=\"%s\" fill-opacity=\"0.25\">\n", color[i], color[i]);
  for (int b = 0; b < c->bins; b++) {
    const double left = svg_x(p, (double)b / c->bins), right = svg_x(p, (b + 1.0) / c->bins), top = svg_y(p, density(c, b));
    fprintf(s->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", left, top, right - left,
            p->y + p->h - top);
  }
  fprintf(s->out, "</g>\n");
}

static void draw_pit(svg *s, const pno_reliability_curve *curves, int n) {
  double most = 1.5;
  for (int i = 0; i < n; i++)
    for (int b = 0; b < curves[i].bins; b++) most = fmax(most, density(&curves[i], b));
  const svg_panel p = {.x = LEFT + PANEL + GAP, .y = TOP, .w = PANEL, .h = PANEL, .x_hi = 1,
                       .y_hi = ceil(most * 2) / 2, .title = "probability integral transform", .x_name = "PIT",
                       .y_name = "density"};
  svg_panel_draw(s, &p, TICKS, 1);
  for (int i = 0; i < n; i++) draw_histogram(s, &p, &curves[i], i);
  fprintf(s->out, "<path class=\"ideal\" d=\"M%.2f %.2fh%d\" stroke=\"#909090\" stroke-dasharray=\"2 3\"/>\n", p.x,
          svg_y(&p, 1), PANEL);
}

pno_status pno_plot_reliability(const char *path, const char *title, const pno_reliability_curve *curves, int n) {
  if (n < 1 || n > PNO_RELIABILITY_CURVES_MAX)
    return pno_fail(PNO_E_USAGE, "a reliability diagram of %d curves, 1..%d are possible", n, PNO_RELIABILITY_CURVES_MAX);
  bool two = false;
  for (int i = 0; i < n; i++) {
    PNO_TRY(check_curve(&curves[i], i));
    two = two || curves[i].bins > 0;
  }
  svg s;
  const int w = LEFT + PANEL + (two ? GAP + PANEL : 0) + RIGHT;
  PNO_TRY(svg_begin(w, TOP + PANEL + BOTTOM, title, &s));
  svg_text(&s, w / 2, 24, "text-anchor=\"middle\" font-size=\"16\"", title);
  draw_coverage(&s, curves, n);
  if (two) draw_pit(&s, curves, n);
  return svg_finish(&s, path);
}
