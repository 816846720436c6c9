/* Scores the fields that oracle.py left in a folder and leaves all scores there:
 *   oracle_driver FOLDER n channels draws samples chunk needs_draws spectra scaled|unscaled */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/score/scores.h"

typedef struct {
  const char *folder;
  pno_score_spec spec;
  int samples, chunk;
  ptrdiff_t values;
  float *truth, *draws;
  double *rows;
  FILE *mean, *sd, *interval;
} run;

static FILE *at(const run *r, const char *name, const char *mode) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", r->folder, name);
  FILE *f = fopen(path, mode);
  if (!f) {
    fprintf(stderr, "%s does not open\n", path);
    exit(1);
  }
  return f;
}

static float *read_all(const run *r, const char *name, ptrdiff_t n) {
  float *out = malloc(sizeof *out * (size_t)n);
  FILE *f = at(r, name, "rb");
  if (!out || fread(out, sizeof *out, (size_t)n, f) != (size_t)n) {
    fprintf(stderr, "%s is too short\n", name);
    exit(1);
  }
  fclose(f);
  return out;
}

static void parse(run *r, char **word) {
  static const double levels[] = {0.5, 0.9, 0.95}, point[] = {0.7, 1.5, INFINITY}, field[] = {1.1, 2.5, INFINITY};
  pno_score_spec *p = &r->spec;
  r->values = 1;
  for (char *n = word[2]; *n; p->dims++) {
    p->n[p->dims] = (int)strtol(n, &n, 10);
    r->values *= p->n[p->dims];
    if (*n == ',') n++;
  }
  p->channels = (int)strtol(word[3], NULL, 10);
  p->draws = (int)strtol(word[4], NULL, 10);
  r->samples = (int)strtol(word[5], NULL, 10);
  r->chunk = (int)strtol(word[6], NULL, 10);
  p->needs_draws = strcmp(word[7], "yes") == 0;
  p->spectra = strcmp(word[8], "yes") == 0;
  p->unscaled = strcmp(word[9], "unscaled") == 0;
  p->calibrated = true;
  p->levels = 3;
  memcpy(p->level, levels, sizeof levels);
  memcpy(p->point_factor, point, sizeof point);
  memcpy(p->field_factor, field, sizeof field);
  r->values *= p->channels;
}

static void score(run *r, pno_scorer *s, int sample) {
  const int draws = r->spec.draws;
  const size_t n = (size_t)r->values;
  const float *draw = r->draws + (ptrdiff_t)sample * draws * r->values;
  float *lo = calloc(2 * n, sizeof *lo);
  pno_scorer_begin(s, r->truth + sample * r->values);
  for (int m = 0; m < draws; m += r->chunk)
    pno_scorer_add(s, draw + m * r->values, m + r->chunk < draws ? r->chunk : draws - m);
  pno_scorer_parts(s, 0.25 + sample, 0.5);
  pno_scorer_end(s, r->rows + sample * pno_score_values(&r->spec));
  fwrite(pno_scorer_mean(s), sizeof *lo, n, r->mean);
  fwrite(pno_scorer_sd(s), sizeof *lo, n, r->sd);
  for (int l = 0; lo && l < r->spec.levels; l++) {
    pno_scorer_interval(s, l, lo, lo + n);
    fwrite(lo, sizeof *lo, 2 * n, r->interval);
  }
  free(lo);
}

static void put_scores(const run *r, const pno_scores_all *all) {
  FILE *f = at(r, "scores", "w");
  for (const pno_score_name *name = pno_score_names; name->name; name++) {
    int n;
    const double *v = pno_score_at(all, name, &n);
    fprintf(f, "%s", name->name);
    for (int i = 0; i < n; i++) fprintf(f, " %.17g", v[i]);
    fprintf(f, "\n");
  }
  fclose(f);
}

int main(int argc, char **argv) {
  if (argc != 10) return fprintf(stderr, "usage: oracle_driver FOLDER and eight words\n"), 2;
  run r = {.folder = argv[1]};
  parse(&r, argv);
  r.truth = read_all(&r, "truth", r.samples * r.values);
  r.draws = read_all(&r, "draws", r.samples * r.values * r.spec.draws);
  r.rows = calloc((size_t)(r.samples * pno_score_values(&r.spec)), sizeof *r.rows);
  r.mean = at(&r, "mean", "wb");
  r.sd = at(&r, "sd", "wb");
  r.interval = at(&r, "interval", "wb");
  pno_scorer *s = NULL;
  pno_scores_all all;
  pno_status st = pno_scorer_create(&r.spec, &s);
  for (int i = 0; st == PNO_OK && i < r.samples; i++) score(&r, s, i);
  if (st == PNO_OK) st = pno_score_finish(&r.spec, r.rows, r.samples, &all);
  if (st == PNO_OK) put_scores(&r, &all);
  if (st != PNO_OK) fprintf(stderr, "%s\n", pno_fail_words());
  fclose(r.mean);
  fclose(r.sd);
  fclose(r.interval);
  pno_scorer_destroy(&s);
  free(r.truth);
  free(r.draws);
  free(r.rows);
  return pno_exit_code(st);
}
