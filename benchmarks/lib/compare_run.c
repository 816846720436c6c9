#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "benchmarks/lib/compare.h"
#include "benchmarks/lib/order.h"
#include "io/fsutil.h"
#include "io/metrics.h"

/* What the lines of a journal told so far. */
typedef struct {
  double *steps; /* owned: milliseconds */
  size_t n;
  double best; /* relative L2 on the first validation set, infinite before the first */
} journal;

/* Lines of other kinds, and values that are null because they were not finite, tell nothing. */
static void take_line(const json_t *line, journal *j) {
  const char *kind = json_string_value(json_object_get(line, "t"));
  const double ms = json_number_value(json_object_get(line, "step_ms"));
  const double error = json_number_value(json_object_get(line, "rel_l2"));
  if (kind && strcmp(kind, "train") == 0 && isfinite(ms) && ms > 0) j->steps[j->n++] = ms;
  const bool first = json_is_integer(json_object_get(line, "set")) && json_integer_value(json_object_get(line, "set")) == 0;
  if (kind && strcmp(kind, "valid") == 0 && first && isfinite(error) && error > 0 && error < j->best) j->best = error;
}

/* A last line without an end is torn and left out. */
static pno_status take_lines(const char *text, size_t bytes, journal *j) {
  size_t lines = 1, number = 0;
  for (size_t i = 0; i < bytes; i++) lines += text[i] == '\n';
  j->steps = malloc(lines * sizeof *j->steps);
  if (!j->steps) return pno_fail(PNO_E_NOMEM, "no memory for %zu lines", lines);
  for (size_t at = 0; at < bytes;) {
    const char *end = memchr(text + at, '\n', bytes - at);
    if (!end) break;
    const size_t length = (size_t)(end - text) - at;
    json_t *line = json_loadb(text + at, length, JSON_REJECT_DUPLICATES, NULL);
    number++;
    if (!json_is_object(line)) {
      json_decref(line);
      return pno_fail(PNO_E_INPUT, "line %zu is no JSON object", number);
    }
    take_line(line, j);
    json_decref(line);
    at += length + 1;
  }
  return j->n > 0 ? PNO_OK : pno_fail(PNO_E_INPUT, "no step was written");
}

pno_status pno_compare_run(const char *run, pno_quantity *out, int *n) {
  enum { MOST = 256 << 20 };
  journal j = {.best = INFINITY};
  void *text = NULL;
  size_t bytes = 0;
  int dir = -1;
  pno_status st = pno_dir_open(run, &dir);
  if (st == PNO_OK) st = pno_file_read(dir, run, PNO_METRICS_NAME, MOST, &text, &bytes);
  if (st == PNO_OK) st = pno_fail_in(take_lines(text, bytes, &j), "%s/%s", run, PNO_METRICS_NAME);
  if (st == PNO_OK) {
    pno_sort(j.steps, j.n);
    *n = 1;
    snprintf(out[0].name, sizeof out[0].name, "step, ms");
    out[0].value = pno_median(j.steps, j.n);
    if (isfinite(j.best)) {
      snprintf(out[1].name, sizeof out[1].name, "best valid rel_l2");
      out[(*n)++].value = j.best;
    }
  }
  if (dir >= 0) close(dir);
  free(j.steps);
  free(text);
  return st;
}
