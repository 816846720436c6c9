#include "benchmarks/lib/result.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/pno-result-XXXXXX", path[64];

static void enter(void) {
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/b.json", folder);
}

static void leave(void) {
  unlink(path);
  rmdir(folder);
}

TestSuite(result, .init = enter, .fini = leave, .timeout = 60);

/* Every number its own, every text with something that has to be escaped. */
static pno_bench_result *example(int rows) {
  pno_bench_result *r = calloc(1, sizeof *r);
  cr_assert_not_null(r);
  snprintf(r->program, sizeof r->program, "1.0 (abc, \"release\")");
  snprintf(r->date, sizeof r->date, "2026-11-26T00:00:00Z");
  snprintf(r->cpu, sizeof r->cpu, "a \\ processor, \"fast\"");
  snprintf(r->isa, sizeof r->isa, "avx512");
  snprintf(r->device, sizeof r->device, "cpu/scalar");
  snprintf(r->validity, sizeof r->validity, "VALID");
  double *const head[] = {&r->cores, &r->ranks, &r->threads, &r->fma_gflops, &r->gelu_g, &r->gelu_slope_g, &r->copy_gbytes};
  for (int i = 0; i < 7; i++) *head[i] = i + 0.1;
  r->n = rows;
  for (int k = 0; k < rows; k++) {
    pno_bench_row *w = &r->row[k];
    snprintf(w->config, sizeof w->config, "c%d", k);
    snprintf(w->mode, sizeof w->mode, "train");
    snprintf(w->device, sizeof w->device, "cpu/scalar");
    double *first = &w->ranks, *last = &w->loss; /* numbers only between them */
    for (double *at = first; at <= last; at++) *at = (double)(at - first) + 1.0 / (k + 3);
    w->n_phases = k % (PNO_BENCH_PHASES + 1);
    for (int i = 0; i < w->n_phases; i++) {
      pno_bench_phase *p = &w->phase[i];
      snprintf(p->phase, sizeof p->phase, "p%d", i);
      for (double *at = &p->ms; at <= &p->fraction; at++) *at = (double)(at - &p->ms) + 1.0 / (k + i + 3);
    }
  }
  return r;
}

Test(result, what_is_written_comes_back_bit_by_bit) {
  const int rows[] = {0, 1, 3, PNO_BENCH_ROWS};
  for (int i = 0; i < 4; i++) {
    pno_bench_result *r = example(rows[i]), *back = calloc(1, sizeof *back);
    cr_assert_eq(pno_bench_write_json(r, path), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(pno_bench_read(path, back), PNO_OK, "%s", pno_fail_words());
    cr_assert_eq(memcmp(r, back, sizeof *r), 0);
    free(r);
    free(back);
  }
}

/* Writes text, which must be refused with all the words, the outcome untouched. */
static void refused(const char *text, const char *words) {
  static pno_bench_result out = {.n = -1};
  FILE *f = fopen(path, "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  cr_assert_eq(pno_bench_read(path, &out), PNO_E_INPUT, "%.200s", text);
  cr_assert_not_null(strstr(pno_fail_words(), words), "expected '%s' in '%s'", words, pno_fail_words());
  cr_assert_not_null(strstr(pno_fail_words(), "b.json"));
  cr_assert_eq(out.n, -1);
}

static json_t *written(void) {
  pno_bench_result *r = example(2);
  cr_assert_eq(pno_bench_write_json(r, path), PNO_OK);
  free(r);
  json_t *root = json_load_file(path, 0, NULL);
  cr_assert_not_null(root);
  return root;
}

static void refuse_json(json_t *root, const char *words) {
  char *text = json_dumps(root, 0);
  refused(text, words);
  free(text);
}

/* Each key of the file in turn is absent, of another type, out of range. */
static void spoil(json_t *root, json_t *object) {
  json_t *copy = json_copy(object), *value;
  const char *key;
  json_object_foreach(copy, key, value) {
    if (json_is_array(value)) continue;
    json_incref(value);
    json_object_del(object, key);
    refuse_json(root, "");
    json_object_set_new(object, key, json_is_string(value) ? json_integer(1) : json_string("1"));
    refuse_json(root, "");
    if (json_is_number(value)) {
      json_object_set_new(object, key, json_integer(-1));
      refuse_json(root, key);
    } else {
      char text[PNO_BENCH_TEXT + 2];
      memset(text, 'x', sizeof text - 1);
      text[sizeof text - 1] = '\0';
      json_object_set_new(object, key, json_string(text));
      refuse_json(root, "");
      json_object_set_new(object, key, json_string("\x1b[2J"));
      refuse_json(root, "");
    }
    json_object_set_new(object, key, value);
  }
  json_decref(copy);
}

Test(result, every_key_is_needed_and_checked) {
  json_t *root = written();
  spoil(root, root);
  json_t *row = json_array_get(json_object_get(root, "rows"), 1);
  spoil(root, row);
  spoil(root, json_array_get(json_object_get(row, "phases"), 0));
  pno_bench_result *back = calloc(1, sizeof *back);
  char *text = json_dumps(root, 0);
  FILE *f = fopen(path, "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  cr_assert_eq(pno_bench_read(path, back), PNO_OK, "whole again: %s", pno_fail_words());
  free(text);
  free(back);
  json_decref(root);
}

Test(result, rows_are_a_short_list_without_doubles) {
  json_t *root = written(), *rows = json_object_get(root, "rows");
  json_array_append(rows, json_array_get(rows, 0));
  refuse_json(root, "row 2: it is row 0 again");
  json_array_remove(rows, 2);
  json_array_append_new(rows, json_integer(1));
  refuse_json(root, "row 2");
  json_array_remove(rows, 2);
  json_object_set_new(json_array_get(rows, 1), "median_ms", json_real(0));
  refuse_json(root, "row 1: median_ms");
  json_t *phases = json_object_get(json_array_get(rows, 1), "phases");
  while (json_array_size(phases) <= PNO_BENCH_PHASES) json_array_append(phases, json_array_get(phases, 0));
  refuse_json(root, "row 1: phases");
  json_object_set_new(json_array_get(rows, 1), "phases", json_object());
  refuse_json(root, "row 1: phases");
  json_object_del(json_array_get(rows, 1), "phases");
  while (json_array_size(rows) <= PNO_BENCH_ROWS) json_array_append(rows, json_array_get(rows, 0));
  refuse_json(root, "at most 256");
  json_object_set_new(root, "rows", json_object());
  refuse_json(root, "rows");
  json_decref(root);
}

Test(result, files_that_are_something_else_are_refused) {
  refused("", "no JSON");
  refused("{", "no JSON");
  refused("[]", "no result of pno bench");
  refused("{\"format\": \"pno-bench\", \"format\": \"pno-bench\"}", "no JSON");
  refused("{\"format\": \"pno-scores\"}", "no result of pno bench");
  refused("{\"format\": \"pno-bench\", \"version\": \"1.0\"}", "version 1.0");
  char *deep = malloc(20001);
  memset(deep, '[', 20000);
  deep[20000] = '\0';
  refused(deep, "no JSON");
  free(deep);
}

Test(result, links_and_files_that_are_too_large_are_not_read) {
  pno_bench_result *out = calloc(1, sizeof *out);
  cr_assert_eq(symlink("/etc/hostname", path), 0);
  cr_assert_eq(pno_bench_read(path, out), PNO_E_INPUT);
  unlink(path);
  FILE *f = fopen(path, "w");
  cr_assert(f && ftruncate(fileno(f), (4 << 20) + 1) == 0 && fclose(f) == 0);
  cr_assert_eq(pno_bench_read(path, out), PNO_E_INPUT);
  unlink(path);
  cr_assert_eq(pno_bench_read(path, out), PNO_E_IO);
  free(out);
}

Test(result, a_table_has_a_head_and_a_line_a_row_with_as_many_values) {
  pno_bench_result *r = example(3);
  char line[4096];
  int lines = 0, fields = 0;
  cr_assert_eq(pno_bench_write_csv(r, path), PNO_OK);
  FILE *f = fopen(path, "r");
  for (; fgets(line, sizeof line, f); lines++) {
    int n = 1;
    bool quoted = false;
    for (const char *at = line; *at; at++) {
      quoted = quoted != (*at == '"');
      n += *at == ',' && !quoted;
    }
    cr_assert(lines == 0 || n == fields, "line %d: %d values, %d names", lines, n, fields);
    fields = n;
  }
  fclose(f);
  cr_assert_eq(lines, 4);
  free(r);
}

Test(result, a_folder_that_is_not_there_is_an_error) {
  pno_bench_result *r = example(1);
  cr_assert_eq(pno_bench_write_json(r, "/nonexistent/b.json"), PNO_E_IO);
  cr_assert_eq(pno_bench_write_csv(r, "/nonexistent/b.csv"), PNO_E_IO);
  free(r);
}
