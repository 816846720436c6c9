#include "launch/cli/require.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 32 };

typedef struct {
  char name[NAME];
  double lo, hi; /* infinite where that side is open */
} requirement;

/* One "name=lo..hi" of n characters. */
static pno_status parse(const char *text, size_t n, requirement *out) {
  char word[128], *end;
  const pno_status bad = PNO_E_USAGE;
  if (n >= sizeof word) return pno_fail(bad, "--require: '%.40s...' is too long", text);
  memcpy(word, text, n);
  word[n] = '\0';
  char *equals = strchr(word, '='), *dots = equals ? strstr(equals, "..") : NULL;
  const bool named = equals && equals - word > 0 && equals - word < NAME;
  if (!named || !dots || (dots == equals + 1 && dots[2] == '\0'))
    return pno_hint(pno_fail(bad, "--require: '%s' is no name=lo..hi", word), "as cov90=0.88..0.92 or energy=..0.05");
  *equals = *dots = '\0';
  *out = (requirement){.lo = -INFINITY, .hi = INFINITY};
  memcpy(out->name, word, strlen(word) + 1);
  if (equals[1]) {
    out->lo = strtod(equals + 1, &end);
    if (*end || isnan(out->lo)) return pno_fail(bad, "--require: '%s' is no number", equals + 1);
  }
  if (dots[2]) {
    out->hi = strtod(dots + 2, &end);
    if (*end || isnan(out->hi)) return pno_fail(bad, "--require: '%s' is no number", dots + 2);
  }
  return PNO_OK;
}

/* Coverage of the level in per cent that stands behind `prefix`; false: another kind of name. */
static bool of_level(const char *name, const char *prefix, const double *values, const pno_scores_all *s, double *out) {
  const size_t n = strlen(prefix);
  char *end;
  if (strncmp(name, prefix, n) != 0 || !name[n]) return false;
  const double level = strtod(name + n, &end) / 100.0;
  if (*end) return false;
  for (int l = 0; l < s->levels; l++) {
    if (fabs(s->level[l] - level) > 1e-9) continue;
    *out = values[l];
    return true;
  }
  return false;
}

static bool find(const char *name, const pno_scores_all *s, double *out) {
  if (of_level(name, "cov", s->coverage, s, out) || of_level(name, "band", s->band_coverage, s, out) ||
      of_level(name, "field", s->field_coverage, s, out))
    return true;
  for (const pno_score_name *n = pno_score_names; n->name; n++) {
    int count;
    if (n->shape != PNO_SCORE_ONE || strcmp(n->name, name) != 0) continue;
    *out = *pno_score_at(s, n, &count);
    return true;
  }
  return false;
}

static pno_status no_score(const requirement *r) {
  return pno_hint(pno_fail(PNO_E_USAGE, "--require: no score is called %s here", r->name),
                  "energy, crps, nll, ssr, ece, rel_l2, .., or cov, band, field with a level of uq.levels, as cov90");
}

static pno_status judge(const requirement *r, const pno_scores_all *s) {
  double value = NAN;
  if (!find(r->name, s, &value)) return no_score(r);
  if (value >= r->lo && value <= r->hi) return PNO_OK;
  if (isnan(value)) return pno_fail(PNO_E_THRESHOLD, "%s is required, but there is none for this run and data", r->name);
  return pno_fail(PNO_E_THRESHOLD, "%s is %.6g, required %g..%g", r->name, value, r->lo, r->hi);
}

static pno_status name_it(const requirement *r, const pno_scores_all *s) {
  double value;
  return find(r->name, s, &value) ? PNO_OK : no_score(r);
}

typedef pno_status check(const requirement *r, const pno_scores_all *s);

static pno_status each(const char *text, const pno_scores_all *scores, check *one) {
  for (const char *at = text; at && *at;) {
    const size_t n = strcspn(at, ",");
    requirement r;
    PNO_TRY(parse(at, n, &r));
    PNO_TRY(one(&r, scores));
    at += n + (at[n] == ',');
  }
  return PNO_OK;
}

pno_status pno_require(const char *text, const pno_scores_all *scores) { return each(text, scores, judge); }

pno_status pno_require_names(const char *text, int levels, const double *level) {
  pno_scores_all none = {.levels = levels};
  memcpy(none.level, level, sizeof *level * (size_t)levels);
  return each(text, &none, name_it);
}
