#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/fsutil.h"
#include "io/h5_image.h"
#include "io/metrics.h"

/* Lines of one kind as columns. A column appears with its key; where a line lacks it the value is NaN. */
enum { COLUMNS_MAX = 32, KEY_BYTES = 64, SECTION_BYTES = 32 };

typedef struct {
  char key[KEY_BYTES];
  bool whole; /* every value so far was an integer and present */
  double *values; /* [cap] owned */
} column;

typedef struct {
  const char *kind;
  int n_columns;
  column columns[COLUMNS_MAX];
  char (*sections)[SECTION_BYTES]; /* [cap] owned; of perf only */
  int rows, cap;
} table;

enum { TRAIN, VALID, PERF, TABLES };

static const char *const train_columns[] = {"step", "epoch", "wall_s", "loss", "grad_norm", "lr", "step_ms",
                                            "samples_per_s", "skipped"};
static const char *const perf_columns[] = {"seconds", "calls"};

static void table_free(table *t) {
  for (int i = 0; i < t->n_columns; i++) free(t->columns[i].values);
  free(t->sections);
}

static pno_status table_grow(table *t) {
  if (t->rows < t->cap) return PNO_OK;
  const int cap = t->cap ? 2 * t->cap : 256;
  bool ok = true;
  for (int i = 0; i < t->n_columns && ok; i++) {
    double *v = realloc(t->columns[i].values, (size_t)cap * sizeof *v);
    ok = v != NULL;
    if (ok) t->columns[i].values = v;
  }
  char(*s)[SECTION_BYTES] = ok ? realloc(t->sections, (size_t)cap * sizeof *s) : NULL;
  if (s) t->sections = s;
  if (!s) return pno_fail(PNO_E_NOMEM, "no memory for %d lines of metrics", cap);
  t->cap = cap;
  return PNO_OK;
}

static pno_status column_add(table *t, const char *key, column **out) {
  if (t->n_columns == COLUMNS_MAX || strlen(key) >= KEY_BYTES)
    return pno_fail(PNO_E_INPUT, "%s lines have more than %d columns, or a long key %.64s", t->kind, COLUMNS_MAX, key);
  column *c = &t->columns[t->n_columns];
  c->values = malloc((size_t)(t->cap ? t->cap : 1) * sizeof *c->values);
  if (!c->values) return pno_fail(PNO_E_NOMEM, "no memory for column %s", key);
  for (int i = 0; i < t->rows; i++) c->values[i] = NAN;
  snprintf(c->key, sizeof c->key, "%s", key);
  c->whole = t->rows == 0;
  t->n_columns++;
  *out = c;
  return PNO_OK;
}

static column *column_find(table *t, const char *key) {
  for (int i = 0; i < t->n_columns; i++)
    if (strcmp(t->columns[i].key, key) == 0) return &t->columns[i];
  return NULL;
}

/* Only valid lines may bring new columns: the metrics are whatever was asked for. */
static pno_status add_line(table *t, json_t *object, bool open_ended) {
  PNO_TRY(table_grow(t));
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    column *c = column_find(t, key);
    if (!c && open_ended && (json_is_number(value) || json_is_null(value))) PNO_TRY(column_add(t, key, &c));
  }
  for (int i = 0; i < t->n_columns; i++) {
    column *c = &t->columns[i];
    value = json_object_get(object, c->key);
    c->values[t->rows] = json_is_number(value) ? json_number_value(value) : NAN;
    c->whole = c->whole && json_is_integer(value);
  }
  const char *section = json_string_value(json_object_get(object, "section"));
  snprintf(t->sections[t->rows], SECTION_BYTES, "%s", section ? section : "");
  t->rows++;
  return PNO_OK;
}

/* A line that does not parse can only be a torn last one; the record stays as it is. */
static pno_status read_lines(const char *text, size_t n, table *tables) {
  for (size_t at = 0; at < n;) {
    const char *end = memchr(text + at, '\n', n - at);
    if (!end) break;
    const size_t length = (size_t)(end - (text + at));
    json_t *object = json_loadb(text + at, length, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(object, "t"));
    pno_status st = PNO_OK;
    for (int k = 0; kind && k < TABLES && st == PNO_OK; k++)
      if (strcmp(kind, tables[k].kind) == 0) st = add_line(&tables[k], object, k == VALID);
    json_decref(object);
    PNO_TRY(st);
    at += length + 1;
  }
  return PNO_OK;
}

static pno_status put_column(hid_t group, const table *t, const column *c, hid_t scale, hid_t *out) {
  const hsize_t rows = (hsize_t)t->rows;
  hid_t dset = -1;
  PNO_TRY(pno_h5_put_data(group, c->key, c->whole ? H5T_STD_I64LE : H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, &rows,
                          c->values, &dset));
  const pno_status st = scale >= 0 ? pno_h5_attach(dset, scale, 0) : PNO_OK;
  if (out && st == PNO_OK)
    *out = dset;
  else
    pno_h5_close(&dset);
  return st;
}

static pno_status put_sections(hid_t group, const table *t, hid_t *out) {
  const hsize_t rows = (hsize_t)t->rows;
  hid_t type = H5Tcopy(H5T_C_S1);
  pno_status st = type >= 0 && H5Tset_size(type, SECTION_BYTES) >= 0 ? PNO_OK : pno_h5_fail(PNO_E_IO, "no string type");
  if (st == PNO_OK) st = pno_h5_put_data(group, "section", type, type, 1, &rows, t->sections, out);
  pno_h5_close(&type);
  return st == PNO_OK ? pno_h5_scale(*out, "section") : st;
}

/* The first column, or the section of perf, is the dimension scale of the others. */
static pno_status put_table(hid_t file, table *t, bool perf) {
  hid_t group = -1, scale = -1;
  if (t->rows == 0) return PNO_OK;
  PNO_TRY(pno_h5_group(file, t->kind, &group));
  pno_status st = PNO_OK;
  const column *step = perf ? NULL : column_find(t, "step");
  if (perf) st = put_sections(group, t, &scale);
  if (step) {
    st = put_column(group, t, step, -1, &scale);
    if (st == PNO_OK) st = pno_h5_scale(scale, "step");
  }
  for (int i = 0; i < t->n_columns && st == PNO_OK; i++)
    if (&t->columns[i] != step) st = put_column(group, t, &t->columns[i], scale, NULL);
  pno_h5_close(&scale);
  pno_h5_close(&group);
  return st;
}

static pno_status build(hid_t file, table *tables, const char *run_id, pno_digest config) {
  char text[PNO_DIGEST_TEXT + 16] = "xxh3-128:";
  pno_digest_text(config, text + strlen(text));
  PNO_TRY(pno_h5_put_text(file, "format", "pno-metrics"));
  PNO_TRY(pno_h5_put_text(file, "format_version", "1.0"));
  PNO_TRY(pno_h5_put_text(file, "run_id", run_id));
  PNO_TRY(pno_h5_put_text(file, "config_digest", text));
  for (int k = 0; k < TABLES; k++) PNO_TRY(put_table(file, &tables[k], k == PERF));
  return PNO_OK;
}

static pno_status start(table *tables) {
  column *c;
  for (size_t i = 0; i < sizeof train_columns / sizeof *train_columns; i++)
    PNO_TRY(column_add(&tables[TRAIN], train_columns[i], &c));
  PNO_TRY(column_add(&tables[VALID], "step", &c));
  for (size_t i = 0; i < sizeof perf_columns / sizeof *perf_columns; i++)
    PNO_TRY(column_add(&tables[PERF], perf_columns[i], &c));
  return PNO_OK;
}

static pno_status write_view(int dirfd, const char *dir, table *tables, const char *run_id, pno_digest config) {
  hid_t file = -1;
  void *image = NULL;
  size_t n = 0;
  PNO_TRY(pno_h5_image_create(&file));
  pno_status st = build(file, tables, run_id, config);
  if (st == PNO_OK) st = pno_h5_image_take(file, &image, &n);
  pno_h5_close(&file);
  if (st == PNO_OK) st = pno_file_replace(dirfd, dir, PNO_METRICS_VIEW_NAME, image, n);
  free(image);
  return st;
}

pno_status pno_metrics_view(const char *dir, const char *run_id, pno_digest config) {
  table *tables = calloc(TABLES, sizeof *tables);
  if (!tables) return pno_fail(PNO_E_NOMEM, "no memory for the metrics of %s", dir);
  tables[TRAIN].kind = "train";
  tables[VALID].kind = "valid";
  tables[PERF].kind = "perf";
  void *text = NULL;
  size_t n = 0;
  int dirfd = -1;
  pno_status st = start(tables);
  if (st == PNO_OK) st = pno_dir_open(dir, &dirfd);
  if (st == PNO_OK) st = pno_file_read(dirfd, dir, PNO_METRICS_NAME, (size_t)PTRDIFF_MAX - 1, &text, &n);
  if (st == PNO_OK) st = read_lines(text, n, tables);
  if (st == PNO_OK) st = write_view(dirfd, dir, tables, run_id, config);
  if (dirfd >= 0) close(dirfd);
  free(text);
  for (int k = 0; k < TABLES; k++) table_free(&tables[k]);
  free(tables);
  return st;
}
