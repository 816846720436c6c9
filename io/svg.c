#include "io/svg.h"

#include <stdbool.h>
#include <stdlib.h>

#include "io/fsutil.h"

pno_status svg_begin(int w, int h, const char *title, svg *s) {
  *s = (svg){.text = NULL};
  s->out = open_memstream(&s->text, &s->n);
  if (!s->out) return pno_fail(PNO_E_NOMEM, "no memory for a picture of %d x %d", w, h);
  fprintf(s->out,
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
          "font-family=\"sans-serif\" font-size=\"12\" fill=\"#303030\">\n<title>",
          w, h, w, h);
  svg_words(s, title);
  fprintf(s->out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", w, h);
  return PNO_OK;
}

pno_status svg_finish(svg *s, const char *path) {
  fprintf(s->out, "</svg>\n");
  const bool bad = ferror(s->out) != 0; /* a stream in memory fails only where memory does */
  pno_status st = fclose(s->out) != 0 || bad ? pno_fail(PNO_E_NOMEM, "%s: no memory for the picture", path) : PNO_OK;
  if (st == PNO_OK) st = pno_file_replace_path(path, s->text, s->n);
  free(s->text);
  *s = (svg){.text = NULL};
  return st;
}

/* Bytes of the well-formed UTF-8 character at c (RFC 3629), 0 if there is none or XML 1.0 has no such character. */
static int character(const unsigned char *c) {
  if (c[0] < 0x80) return c[0] >= 0x20 && c[0] != 0x7f;
  const int n = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned code = c[0] & (0x7fu >> n);
  if (c[0] < 0xc2 || c[0] > 0xf4) return 0;
  for (int i = 1; i < n; i++) {
    if ((c[i] & 0xc0) != 0x80) return 0; /* also at the end of the words */
    code = code << 6 | (c[i] & 0x3fu);
  }
  const bool ok = code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && code != 0xfffe &&
                  code != 0xffff && code >= 0xa0;
  return ok ? n : 0;
}

void svg_words(svg *s, const char *words) {
  for (const unsigned char *c = (const unsigned char *)words; *c;) {
    const int n = character(c);
    if (n == 0)
      fputc('?', s->out);
    else if (*c == '&')
      fputs("&amp;", s->out);
    else if (*c == '<')
      fputs("&lt;", s->out);
    else if (*c == '>')
      fputs("&gt;", s->out);
    else if (*c == '"')
      fputs("&quot;", s->out);
    else
      fprintf(s->out, "%.*s", n, (const char *)c);
    c += n ? n : 1;
  }
}

void svg_text(svg *s, double x, double y, const char *attributes, const char *words) {
  fprintf(s->out, "<text x=\"%.2f\" y=\"%.2f\" %s>", x, y, attributes);
  svg_words(s, words);
  fprintf(s->out, "</text>\n");
}

double svg_x(const svg_panel *p, double x) { return p->x + p->w * (x - p->x_lo) / (p->x_hi - p->x_lo); }

double svg_y(const svg_panel *p, double y) { return p->y + p->h * (p->y_hi - y) / (p->y_hi - p->y_lo); }

static void tick(svg *s, double x, double y, int dx, int dy) {
  fprintf(s->out, "<path d=\"M%.2f %.2fl%d %d\" stroke=\"#303030\"/>\n", x, y, dx, dy);
}

void svg_panel_draw(svg *s, const svg_panel *p, int ticks, int digits) {
  fprintf(s->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"none\" stroke=\"#303030\"/>\n", p->x,
          p->y, p->w, p->h);
  for (int i = 0; i <= ticks; i++) {
    char words[32];
    const double x = p->x_lo + (p->x_hi - p->x_lo) * i / ticks, y = p->y_lo + (p->y_hi - p->y_lo) * i / ticks;
    tick(s, svg_x(p, x), p->y + p->h, 0, 5);
    snprintf(words, sizeof words, "%.*f", digits, x);
    svg_text(s, svg_x(p, x), p->y + p->h + 18, "text-anchor=\"middle\"", words);
    tick(s, p->x, svg_y(p, y), -5, 0);
    snprintf(words, sizeof words, "%.*f", digits, y);
    svg_text(s, p->x - 8, svg_y(p, y) + 4, "text-anchor=\"end\"", words);
  }
  svg_text(s, p->x + p->w / 2, p->y - 10, "text-anchor=\"middle\" font-size=\"14\"", p->title);
  svg_text(s, p->x + p->w / 2, p->y + p->h + 36, "text-anchor=\"middle\"", p->x_name);
  fprintf(s->out, "<g transform=\"translate(%.2f %.2f) rotate(-90)\">\n", p->x - 38, p->y + p->h / 2);
  svg_text(s, 0, 0, "text-anchor=\"middle\"", p->y_name);
  fprintf(s->out, "</g>\n");
}
