#include "launch/cli/scores.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/plot_reliability.h"
#include "io/scores_file.h"
#include "launch/version.h"

/* ---- table ---- */

/* Columns that make sense for one draw come first. style: as in %f, %e, %g. */
typedef struct {
  const char *title;
  char style;
  int digits;
  size_t offset;
} column;
#define AT(field) offsetof(pno_scores_all, field)
static const column columns[] = {{"rel_l2", 'f', 5, AT(rel_l2)}, {"l2", 'e', 4, AT(l2)},          {"h1", 'f', 5, AT(h1)},
                                 {"energy", 'e', 4, AT(energy)}, {"crps", 'e', 4, AT(crps)},      {"nll", 'g', 4, AT(nll)},
                                 {"sprd/skill", 'f', 3, AT(ssr)}, {"ece", 'f', 4, AT(ece)}};
#undef AT
enum { COLUMNS = sizeof columns / sizeof columns[0], COLUMNS_OF_ONE = 3, CELL = 32 };

static void cell(const column *c, const pno_scores_all *s, char out[CELL]) {
  double v;
  memcpy(&v, (const char *)s + c->offset, sizeof v);
  if (!isfinite(v))
    snprintf(out, CELL, " %10s", "-");
  else if (c->style == 'f')
    snprintf(out, CELL, " %10.*f", c->digits, v);
  else if (c->style == 'e')
    snprintf(out, CELL, " %10.*e", c->digits, v);
  else
    snprintf(out, CELL, " %10.*g", c->digits, v);
}

static void say_levels(const pno_cli *cli, const pno_scores_all *s) {
  const bool bands = s->levels > 0 && isfinite(s->band_coverage[0]);
  pno_cli_say(cli, " level    coverage    +-se       width   interval%s\n",
              bands ? "   | bands: points    +-se      width  whole field    +-se      width" : "");
  for (int l = 0; l < s->levels; l++) {
    char right[128] = "";
    if (bands)
      snprintf(right, sizeof right, "   | %13.4f %7.4f %10.4g %12.4f %7.4f %10.4g", s->band_coverage[l],
               s->band_coverage_se[l], s->band_width[l], s->field_coverage[l], s->field_coverage_se[l], s->field_width[l]);
    pno_cli_say(cli, " %5.3g  %10.4f %7.4f  %10.4g %10.4g%s\n", s->level[l], s->coverage[l], s->coverage_se[l], s->width[l],
                s->interval_score[l], right);
  }
}

void pno_scores_say(const pno_cli *cli, const pno_run_model *m, const pno_set_scores *sets, int n) {
  char line[512];
  const int shown = sets[0].scores.draws > 1 ? COLUMNS : COLUMNS_OF_ONE;
  size_t used = (size_t)snprintf(line, sizeof line, " method     grid           samples");
  for (int c = 0; c < shown; c++) used += (size_t)snprintf(line + used, sizeof line - used, " %10s", columns[c].title);
  pno_cli_say(cli, "%s  data\n", line);
  for (int i = 0; i < n; i++) {
    const pno_scores_all *s = &sets[i].scores;
    used = (size_t)snprintf(line, sizeof line, " %-10s %-14s %7td", pno_uq_names[m->uq.method], sets[i].grid, s->samples);
    for (int c = 0; c < shown; c++) {
      char text[CELL];
      cell(&columns[c], s, text);
      used += (size_t)snprintf(line + used, sizeof line - used, "%s", text);
    }
    pno_cli_say(cli, "%s  %s\n", line, sets[i].path);
    if (s->draws > 1 || (s->levels > 0 && isfinite(s->band_coverage[0]))) say_levels(cli, s);
    if (sets[i].fitted_to) pno_cli_say(cli, " note: the bands were fitted to these samples, so their coverage is no test of them\n");
    if (sets[i].other_grid) pno_cli_say(cli, " note: the bands were fitted on another grid and promise nothing here\n");
  }
}

/* ---- JSON ---- */

/* A score that overflows or does not exist is null: JSON has no word for it. */
static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *by_level(const pno_scores_all *s, const double *values, int count) {
  json_t *o = json_object();
  for (int l = 0; o && l < count; l++) {
    char level[32];
    snprintf(level, sizeof level, "%g", s->level[l]);
    if (json_object_set_new(o, level, number(values[l])) != 0) {
      json_decref(o);
      return NULL;
    }
  }
  return o;
}

static json_t *list(const double *values, int count) {
  json_t *a = json_array();
  for (int i = 0; a && i < count; i++) {
    if (json_array_append_new(a, number(values[i])) != 0) {
      json_decref(a);
      return NULL;
    }
  }
  return a;
}

json_t *pno_scores_json(const pno_set_scores *set) {
  const pno_scores_all *s = &set->scores;
  json_t *o = json_pack("{s:s, s:s, s:I, s:i, s:f}", "data", set->path, "grid", set->grid, "samples",
                        (json_int_t)s->samples, "draws", s->draws, "seconds", set->seconds);
  for (const pno_score_name *n = pno_score_names; o && n->name; n++) {
    int count;
    const double *v = pno_score_at(s, n, &count);
    json_t *value = n->shape == PNO_SCORE_ONE ? number(*v) : n->shape == PNO_SCORE_LEVELS ? by_level(s, v, count) : list(v, count);
    if (json_object_set_new(o, n->name, value) != 0) {
      json_decref(o);
      return NULL;
    }
  }
  return o;
}

/* ---- HDF5 ---- */

static const char *const axis_of[] = {[PNO_SCORE_ONE] = NULL, [PNO_SCORE_LEVELS] = "level", [PNO_SCORE_BINS] = "bin",
                                      [PNO_SCORE_QUANTILES] = "quantile", [PNO_SCORE_SHELLS] = "shell"};

enum { ARRAYS_MAX = 64 };

/* Values of all sets one behind the other; sets of fewer shells end in NaN. */
typedef struct {
  pno_scores_array array[ARRAYS_MAX];
  double *values[ARRAYS_MAX]; /* owned */
  int n;
} arrays;

static pno_status collect(const pno_set_scores *sets, int n, arrays *out) {
  for (const pno_score_name *name = pno_score_names; name->name && out->n < ARRAYS_MAX; name++) {
    int width = 0, count;
    for (int i = 0; i < n; i++) {
      pno_score_at(&sets[i].scores, name, &count);
      width = count > width ? count : width;
    }
    if (width == 0) continue;
    double *values = calloc((size_t)(n * width), sizeof *values);
    if (!values) return pno_fail(PNO_E_NOMEM, "no memory for the scores of %d sets", n);
    out->values[out->n] = values;
    for (int i = 0; i < n; i++) {
      const double *v = pno_score_at(&sets[i].scores, name, &count);
      for (int k = 0; k < width; k++) values[i * width + k] = k < count ? v[k] : NAN;
    }
    pno_scores_array *a = &out->array[out->n++];
    *a = (pno_scores_array){.name = name->name, .long_name = name->help, .rank = axis_of[name->shape] ? 2 : 1, .values = values,
                            .dim = {{"set", n}, {axis_of[name->shape], width}}};
  }
  return PNO_OK;
}

pno_status pno_scores_hdf5(const char *path, const pno_run_model *m, const pno_set_scores *sets, int n) {
  char step[32], config[PNO_DIGEST_TEXT], now[PNO_DIGEST_TEXT], draws[32], data[1024] = "";
  double quantile[PNO_QUANTILES], bin[PNO_PIT_BINS];
  arrays a = {.n = 0};
  for (int i = 0; i < PNO_QUANTILES; i++) quantile[i] = (i + 1) / (PNO_QUANTILES + 1.0);
  for (int i = 0; i < PNO_PIT_BINS; i++) bin[i] = (i + 0.5) / PNO_PIT_BINS;
  snprintf(step, sizeof step, "%" PRId64, m->meta.step);
  snprintf(draws, sizeof draws, "%d", sets[0].scores.draws);
  pno_digest_text(m->meta.config_digest, config);
  pno_digest_text(m->config, now);
  for (int i = 0; i < n; i++)
    snprintf(data + strlen(data), sizeof data - strlen(data), "%s%s", i ? "\n" : "", sets[i].path);
  const pno_scores_axis axes[] = {
      {"level", sets[0].scores.levels, sets[0].scores.level, "nominal probability of the central interval", NULL},
      {"quantile", PNO_QUANTILES, quantile, "nominal probability below the quantile", NULL},
      {"bin", PNO_PIT_BINS, bin, "middle of the bin of ranks", NULL}};
  const bool levels = sets[0].scores.levels > 0;
  pno_scores_spec spec = {.n_axes = levels ? 3 : 2, .axis = levels ? axes : axes + 1, .n_notes = 8,
                          .note = {{"generator", "pno " PNO_VERSION}, {"run_id", m->meta.run_id}, {"config_digest", config},
                                   {"checkpoint_step", step}, {"method", pno_uq_names[m->uq.method]}, {"draws", draws},
                                   {"data", data}, {"eval_config_digest", now}}};
  pno_status st = collect(sets, n, &a);
  spec.array = a.array;
  spec.n_arrays = a.n;
  if (st == PNO_OK) st = pno_scores_write(path, &spec);
  for (int i = 0; i < a.n; i++) free(a.values[i]);
  return st;
}

/* ---- picture ---- */

pno_status pno_scores_picture(const char *path, const pno_set_scores *set) {
  const pno_scores_all *s = &set->scores;
  double nominal[PNO_QUANTILES];
  char title[256];
  if (s->draws < 2) return PNO_OK;
  for (int i = 0; i < PNO_QUANTILES; i++) nominal[i] = (i + 1) / (PNO_QUANTILES + 1.0);
  for (int i = 0; i < PNO_QUANTILES; i++)
    if (!isfinite(s->reliability[i])) return PNO_OK;
  pno_reliability_curve curves[PNO_RELIABILITY_CURVES_MAX] = {
      {.name = "quantiles of the draws", .n = PNO_QUANTILES, .nominal = nominal, .observed = s->reliability,
       .bins = PNO_PIT_BINS, .pit = s->rank},
      {.name = "conformal bands", .n = s->levels, .nominal = s->level, .observed = s->band_coverage}};
  const bool bands = s->levels > 0 && isfinite(s->band_coverage[0]);
  snprintf(title, sizeof title, "Reliability, %s, %td samples, ECE %.4f", set->grid, s->samples, s->ece);
  return pno_plot_reliability(path, title, curves, bands ? 2 : 1);
}
