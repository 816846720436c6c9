#include "engine/pde/parameter.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

static const struct {
  const char *name;
  pno_distribution_kind kind;
  int least, most; /* numbers */
} kinds[] = {{"uniform", PNO_DIST_UNIFORM, 2, 2},
             {"loguniform", PNO_DIST_LOGUNIFORM, 2, 2},
             {"normal", PNO_DIST_NORMAL, 2, 2},
             {"choice", PNO_DIST_CHOICE, 2, PNO_CHOICES_MAX}};

static pno_status wrong(const pno_parameter *p, const char *text) {
  return pno_hint(pno_fail(PNO_E_USAGE, "%s=%s is no distribution", p->name, text),
                  "give a number, uniform:LO:HI, loguniform:LO:HI, normal:MEAN:SD or choice:A:B:..");
}

/* Numbers separated by colons, up to the end of the text. */
static pno_status parse_numbers(const char *from, const char *text, const pno_parameter *p, pno_distribution *d) {
  for (;;) {
    char *end = NULL;
    if (d->n == PNO_CHOICES_MAX) return wrong(p, text);
    d->v[d->n] = strtod(from, &end);
    if (end == from || !isfinite(d->v[d->n])) return wrong(p, text);
    d->n++;
    if (*end == '\0') return PNO_OK;
    if (*end != ':') return wrong(p, text);
    from = end + 1;
  }
}

static pno_status check(const pno_distribution *d, const pno_parameter *p) {
  const bool ordered = d->kind == PNO_DIST_UNIFORM || d->kind == PNO_DIST_LOGUNIFORM;
  if (ordered && !(d->v[0] < d->v[1]))
    return pno_fail(PNO_E_USAGE, "%s: %g is not below %g", p->name, d->v[0], d->v[1]);
  if (d->kind == PNO_DIST_LOGUNIFORM && !(d->v[0] > 0))
    return pno_fail(PNO_E_USAGE, "%s: loguniform from %g, which must be > 0", p->name, d->v[0]);
  if (d->kind == PNO_DIST_NORMAL && !(d->v[1] > 0))
    return pno_fail(PNO_E_USAGE, "%s: normal with a deviation of %g", p->name, d->v[1]);
  const int values = d->kind == PNO_DIST_NORMAL ? 1 : d->n; /* a mean inside leaves half of the draws or more */
  for (int i = 0; i < values; i++)
    if (!(d->v[i] >= p->lo && d->v[i] <= p->hi))
      return pno_fail(PNO_E_USAGE, "%s is %g and must lie in [%g, %g] (%s)", p->name, d->v[i], p->lo, p->hi, p->help);
  return PNO_OK;
}

pno_status pno_distribution_parse(const char *text, const pno_parameter *p, pno_distribution *out) {
  pno_distribution d = {.kind = PNO_DIST_CONSTANT};
  int least = 1, most = 1;
  const char *numbers = text;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    const size_t n = strlen(kinds[k].name);
    if (strncmp(text, kinds[k].name, n) != 0 || text[n] != ':') continue;
    d.kind = kinds[k].kind;
    least = kinds[k].least;
    most = kinds[k].most;
    numbers = text + n + 1;
  }
  PNO_TRY(parse_numbers(numbers, text, p, &d));
  if (d.n < least || d.n > most) return wrong(p, text);
  PNO_TRY(check(&d, p));
  *out = d;
  return PNO_OK;
}

/* The first of the sequence of normal numbers that the parameter may be; the mean may always. */
static double draw_normal(const pno_distribution *d, const pno_parameter *p, const pno_rng *rng) {
  enum { TRIES = 64 };
  for (uint64_t i = 0; i < TRIES; i++) {
    const double v = d->v[0] + d->v[1] * pno_rng_normal(rng, i);
    if (v >= p->lo && v <= p->hi) return v;
  }
  return d->v[0];
}

double pno_distribution_draw(const pno_distribution *d, const pno_parameter *p, uint64_t seed, uint32_t sample,
                             int index) {
  const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_PARAMETER, .sample = sample, .site = (uint16_t)index};
  if (d->kind == PNO_DIST_CONSTANT) return d->v[0];
  if (d->kind == PNO_DIST_NORMAL) return draw_normal(d, p, &rng);
  const double u = pno_rng_uniform(&rng, 0);
  if (d->kind == PNO_DIST_UNIFORM) return d->v[0] + (d->v[1] - d->v[0]) * u;
  if (d->kind == PNO_DIST_LOGUNIFORM) return d->v[0] * pow(d->v[1] / d->v[0], u);
  const int i = (int)(u * d->n);
  return d->v[i < d->n ? i : d->n - 1];
}
