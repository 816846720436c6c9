#include "benchmarks/lib/result.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/fsutil.h"
#include "io/json_text.h"

static const char format[] = "pno-bench", version[] = "2.1";

/* One field of a struct under its name in the files: a number, or a text of `cap` bytes with its end. */
typedef struct {
  const char *name;
  size_t at, cap; /* cap 0: a number */
} field;

#define NUMBER(type, name) {#name, offsetof(type, name), 0}
#define TEXT(type, name) {#name, offsetof(type, name), sizeof(((type *)0)->name)}
static const field head_fields[] = {
    TEXT(pno_bench_result, program),      TEXT(pno_bench_result, date),         TEXT(pno_bench_result, cpu),
    TEXT(pno_bench_result, isa),          TEXT(pno_bench_result, device),       TEXT(pno_bench_result, validity),
    NUMBER(pno_bench_result, cores),      NUMBER(pno_bench_result, ranks),      NUMBER(pno_bench_result, threads),
    NUMBER(pno_bench_result, fma_gflops), NUMBER(pno_bench_result, gelu_g),     NUMBER(pno_bench_result, gelu_slope_g),
    NUMBER(pno_bench_result, copy_gbytes)};
static const field row_fields[] = {
    TEXT(pno_bench_row, config),            TEXT(pno_bench_row, mode),            TEXT(pno_bench_row, device),
    NUMBER(pno_bench_row, ranks),           NUMBER(pno_bench_row, threads),       NUMBER(pno_bench_row, batch),
    NUMBER(pno_bench_row, repeats),         NUMBER(pno_bench_row, parameters),    NUMBER(pno_bench_row, median_ms),
    NUMBER(pno_bench_row, best_ms),         NUMBER(pno_bench_row, lower_ms),      NUMBER(pno_bench_row, upper_ms),
    NUMBER(pno_bench_row, samples_per_s),   NUMBER(pno_bench_row, points_per_s),  NUMBER(pno_bench_row, gflop),
    NUMBER(pno_bench_row, gflops),          NUMBER(pno_bench_row, fma_gflops),    NUMBER(pno_bench_row, gelu_g),
    NUMBER(pno_bench_row, gelu_slope_g),    NUMBER(pno_bench_row, floor_ms),      NUMBER(pno_bench_row, fraction),
    NUMBER(pno_bench_row, padded_floor_ms), NUMBER(pno_bench_row, padded_fraction), NUMBER(pno_bench_row, memory_bytes),
    NUMBER(pno_bench_row, traffic_bytes),   NUMBER(pno_bench_row, loss)};
static const field phase_fields[] = {
    TEXT(pno_bench_phase, phase),      NUMBER(pno_bench_phase, ms),       NUMBER(pno_bench_phase, share),
    NUMBER(pno_bench_phase, mcycles),  NUMBER(pno_bench_phase, mticks),   NUMBER(pno_bench_phase, gflop),
    NUMBER(pno_bench_phase, flop_a_cycle), NUMBER(pno_bench_phase, fma_part), NUMBER(pno_bench_phase, gelu_m),
    NUMBER(pno_bench_phase, mbytes),   NUMBER(pno_bench_phase, gbytes),   NUMBER(pno_bench_phase, copy_part),
    NUMBER(pno_bench_phase, floor_ms), NUMBER(pno_bench_phase, fraction)};
#undef NUMBER
#undef TEXT
enum {
  HEAD_FIELDS = sizeof head_fields / sizeof head_fields[0],
  ROW_FIELDS = sizeof row_fields / sizeof row_fields[0],
  PHASE_FIELDS = sizeof phase_fields / sizeof phase_fields[0]
};

static const char *text_of(const void *base, const field *f) { return (const char *)base + f->at; }

static double number_of(const void *base, const field *f) {
  double v;
  memcpy(&v, (const char *)base + f->at, sizeof v);
  return v;
}

/* ---- out ---- */

static json_t *object_of(const void *base, const field *fields, int n) {
  json_t *o = json_object();
  int bad = o ? 0 : -1;
  for (int i = 0; i < n && !bad; i++)
    bad = json_object_set_new(o, fields[i].name, fields[i].cap ? json_string(text_of(base, &fields[i]))
                                                               : json_real(number_of(base, &fields[i])));
  if (!bad) return o;
  json_decref(o);
  return NULL;
}

static json_t *row_object(const pno_bench_row *row) {
  json_t *o = object_of(row, row_fields, ROW_FIELDS), *phases = row->n_phases ? json_array() : NULL;
  int bad = o && (phases || !row->n_phases) ? 0 : -1;
  for (int i = 0; i < row->n_phases && !bad; i++)
    bad = json_array_append_new(phases, object_of(&row->phase[i], phase_fields, PHASE_FIELDS));
  if (!bad && phases) bad = json_object_set(o, "phases", phases);
  json_decref(phases);
  if (!bad) return o;
  json_decref(o);
  return NULL;
}

pno_status pno_bench_write_json(const pno_bench_result *r, const char *path) {
  json_t *root = object_of(r, head_fields, HEAD_FIELDS), *rows = json_array();
  int bad = root && rows ? 0 : -1;
  for (int i = 0; i < r->n && !bad; i++)
    bad = json_array_append_new(rows, row_object(&r->row[i]));
  if (!bad) bad = json_object_set_new(root, "format", json_string(format));
  if (!bad) bad = json_object_set_new(root, "version", json_string(version));
  if (!bad) bad = json_object_set(root, "rows", rows);
  char *text = NULL;
  size_t n = 0;
  pno_status st = pno_fail_in(pno_json_text(bad ? NULL : root, 0, &text, &n), "%s", path);
  if (st == PNO_OK) st = pno_file_replace_path(path, text, n);
  free(text);
  json_decref(rows);
  json_decref(root);
  return st;
}

/* Texts between quotes, quotes doubled (RFC 4180). */
static void put_text(FILE *to, const char *text) {
  fputc('"', to);
  for (; *text; text++) {
    if (*text == '"') fputc('"', to);
    fputc(*text, to);
  }
  fputc('"', to);
}

static void put_fields(FILE *to, const void *base, const field *fields, int n) {
  for (int i = 0; i < n; i++) {
    if (i) fputc(',', to);
    if (!base)
      fputs(fields[i].name, to);
    else if (fields[i].cap)
      put_text(to, text_of(base, &fields[i]));
    else
      fprintf(to, "%.9g", number_of(base, &fields[i]));
  }
}

pno_status pno_bench_write_csv(const pno_bench_result *r, const char *path) {
  char *text = NULL;
  size_t n = 0;
  FILE *to = open_memstream(&text, &n);
  if (!to) return pno_fail(PNO_E_NOMEM, "no memory to write %s", path);
  put_fields(to, NULL, row_fields, ROW_FIELDS);
  fputs(",validity,cpu,program,date\n", to);
  for (int i = 0; i < r->n; i++) {
    const char *const rest[] = {r->validity, r->cpu, r->program, r->date};
    put_fields(to, &r->row[i], row_fields, ROW_FIELDS);
    for (int k = 0; k < 4; k++) {
      fputc(',', to);
      put_text(to, rest[k]);
    }
    fputc('\n', to);
  }
  const bool good = ferror(to) == 0;
  const pno_status st = fclose(to) == 0 && good ? pno_file_replace_path(path, text, n)
                                                : pno_fail(PNO_E_NOMEM, "no memory to write %s", path);
  free(text);
  return st;
}

/* ---- in ---- */

/* Ends up on terminals and in messages. */
static bool printable(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) return false;
  return true;
}

static pno_status read_field(const json_t *object, const field *f, void *base) {
  const json_t *v = json_object_get(object, f->name);
  char *to = (char *)base + f->at;
  if (f->cap) {
    const char *text = json_string_value(v);
    if (!text || json_string_length(v) >= f->cap || strlen(text) != json_string_length(v) || !printable(text))
      return pno_fail(PNO_E_INPUT, "%s is no text, too long or not printable", f->name);
    memcpy(to, text, json_string_length(v) + 1);
    return PNO_OK;
  }
  const double number = json_number_value(v);
  if (!json_is_number(v) || !isfinite(number) || number < 0)
    return pno_fail(PNO_E_INPUT, "%s is no number of zero or more", f->name);
  memcpy(to, &number, sizeof number);
  return PNO_OK;
}

static bool same_row(const pno_bench_row *a, const pno_bench_row *b) {
  return strcmp(a->config, b->config) == 0 && strcmp(a->mode, b->mode) == 0 && strcmp(a->device, b->device) == 0 &&
         a->ranks == b->ranks && a->threads == b->threads;
}

static pno_status read_phases(const json_t *list, pno_bench_row *row) {
  if (!list) return PNO_OK;
  if (!json_is_array(list) || json_array_size(list) > PNO_BENCH_PHASES)
    return pno_fail(PNO_E_INPUT, "phases are no list of at most %d", PNO_BENCH_PHASES);
  for (; row->n_phases < (int)json_array_size(list); row->n_phases++)
    for (int i = 0; i < PHASE_FIELDS; i++)
      PNO_TRY(pno_fail_in(read_field(json_array_get(list, (size_t)row->n_phases), &phase_fields[i],
                                     &row->phase[row->n_phases]), "phase %d", row->n_phases));
  return PNO_OK;
}

static pno_status read_row(const json_t *object, pno_bench_result *r) {
  pno_bench_row *row = &r->row[r->n];
  for (int i = 0; i < ROW_FIELDS; i++) PNO_TRY(read_field(object, &row_fields[i], row));
  PNO_TRY(read_phases(json_object_get(object, "phases"), row));
  if (!(row->median_ms > 0)) return pno_fail(PNO_E_INPUT, "median_ms is zero");
  for (int i = 0; i < r->n; i++)
    if (same_row(&r->row[i], row)) return pno_fail(PNO_E_INPUT, "it is row %d again", i);
  r->n++;
  return PNO_OK;
}

static pno_status read_root(const json_t *root, pno_bench_result *r) {
  const char *is = json_string_value(json_object_get(root, "format"));
  const char *made = json_string_value(json_object_get(root, "version"));
  const json_t *rows = json_object_get(root, "rows");
  if (!is || strcmp(is, format) != 0) return pno_fail(PNO_E_INPUT, "no result of pno bench");
  if (!made || strncmp(made, version, 2) != 0)
    return pno_fail(PNO_E_INPUT, "of version %.20s, this program reads %s", made && printable(made) ? made : "?", version);
  for (int i = 0; i < HEAD_FIELDS; i++) PNO_TRY(read_field(root, &head_fields[i], r));
  if (!json_is_array(rows) || json_array_size(rows) > PNO_BENCH_ROWS)
    return pno_fail(PNO_E_INPUT, "its rows are no list of at most %d", PNO_BENCH_ROWS);
  for (size_t i = 0; i < json_array_size(rows); i++)
    PNO_TRY(pno_fail_in(read_row(json_array_get(rows, i), r), "row %zu", i));
  return PNO_OK;
}

/* The words of a failure name folder and file apart. */
static pno_status read_text(const char *path, void **text, size_t *n) {
  enum { MOST = 4 << 20 };
  char folder[PNO_PATH_MAX];
  const char *slash = strrchr(path, '/');
  int dir = AT_FDCWD;
  if (!slash) return pno_file_read(AT_FDCWD, ".", path, MOST, text, n);
  const int length = slash == path ? 1 : (int)(slash - path);
  if (length >= PNO_PATH_MAX) return pno_fail(PNO_E_USAGE, "a path of %zu bytes", strlen(path));
  snprintf(folder, sizeof folder, "%.*s", length, path);
  PNO_TRY(pno_dir_open(folder, &dir));
  const pno_status st = pno_file_read(dir, folder, slash + 1, MOST, text, n);
  close(dir);
  return st;
}

pno_status pno_bench_read(const char *path, pno_bench_result *out) {
  void *text = NULL;
  size_t n = 0;
  json_error_t e;
  PNO_TRY(read_text(path, &text, &n));
  json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
  free(text);
  if (!root) return pno_fail(PNO_E_INPUT, "%s:%d:%d: no JSON", path, e.line, e.column);
  pno_bench_result *r = calloc(1, sizeof *r);
  pno_status st = r ? read_root(root, r) : pno_fail(PNO_E_NOMEM, "no memory for a result");
  json_decref(root);
  if (st == PNO_OK) *out = *r;
  free(r);
  return pno_fail_in(st, "%s", path);
}
