#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/checkpoint_impl.h"
#include "io/fsutil.h"
#include "io/json_text.h"
#include "io/layout.h"

/* The manifest ends with its own digest, over every byte before this tail: no flipped bit in it goes unseen, not even
 * one that leaves valid JSON. */
#define TAIL_START ",\n \"manifest_digest\": \"xxh3-128:"
#define TAIL_END "\"\n}\n"
enum { TAIL = sizeof TAIL_START - 1 + PNO_DIGEST_TEXT - 1 + sizeof TAIL_END - 1 };

static json_t *digest_json(pno_digest d, const char *prefix) {
  char hex[PNO_DIGEST_TEXT], text[PNO_DIGEST_TEXT + 16];
  pno_digest_text(d, hex);
  snprintf(text, sizeof text, "%s%s", prefix, hex);
  return json_string(text);
}

static json_t *files_json(const checkpoint_manifest *m) {
  json_t *list = json_array();
  for (int i = 0; list && i < m->n_files; i++) {
    const checkpoint_file *f = &m->files[i];
    json_t *one = json_pack("{s:s, s:I, s:o, s:n}", "name", f->name, "bytes", (json_int_t)f->bytes, "xxh3_128",
                            digest_json(f->digest, ""), "sha256");
    if (json_array_append_new(list, one) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static json_t *journal_json(const pno_checkpoint_meta *m) {
  if (!m->journal[0]) return json_null();
  return json_pack("{s:s, s:I, s:o}", "name", m->journal, "bytes", (json_int_t)m->journal_bytes, "xxh3_128",
                   digest_json(m->journal_digest, ""));
}

pno_status manifest_write(const checkpoint_manifest *m, char **text, size_t *n) {
  const pno_checkpoint_meta *meta = &m->meta;
  json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:s, s:{s:i, s:i, s:i}, s:o, s:o, s:o, s:o, s:n}", "format",
                           "pno-checkpoint", "version", "1.0", "step", (json_int_t)meta->step, "epoch",
                           (json_int_t)meta->epoch, "run_id", meta->run_id, "world", "ranks", m->ranks, "dp", m->ranks,
                           "sp", 1, "files", files_json(m), "tensors_digest", digest_json(m->tensors, "xxh3-128:"),
                           "config_digest", digest_json(meta->config_digest, "xxh3-128:"), "journal",
                           journal_json(meta), "hmac");
  char *out = NULL, hex[PNO_DIGEST_TEXT];
  size_t length = 0;
  const pno_status st = pno_json_text(root, TAIL, &out, &length);
  json_decref(root);
  if (st != PNO_OK) return pno_fail_in(st, "a manifest of %d files", m->n_files);
  const size_t cut = length - 2; /* without the last "\n}" */
  pno_digest_text(pno_digest_of(out, cut), hex);
  snprintf(out + cut, TAIL + 1, "%s%s%s", TAIL_START, hex, TAIL_END);
  *text = out;
  *n = cut + TAIL;
  return PNO_OK;
}

static pno_status check_tail(const char *text, size_t n) {
  if (n <= TAIL) return pno_fail(PNO_E_INPUT, "cut off: %zu bytes", n);
  const char *tail = text + n - TAIL;
  char hex[PNO_DIGEST_TEXT] = "", expect[TAIL + 1];
  pno_digest_text(pno_digest_of(text, n - TAIL), hex);
  snprintf(expect, sizeof expect, "%s%s%s", TAIL_START, hex, TAIL_END);
  if (memcmp(tail, expect, TAIL) != 0)
    return pno_fail(PNO_E_INPUT, "its own digest does not match (%zu bytes read): cut off or changed", n);
  return PNO_OK;
}

static bool get_i64(const json_t *o, const char *key, int64_t least, int64_t most, int64_t *out) {
  const json_t *v = json_object_get(o, key);
  if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most) return false;
  *out = json_integer_value(v);
  return true;
}

static bool get_digest(const json_t *o, const char *key, const char *prefix, pno_digest *out) {
  const char *text = json_string_value(json_object_get(o, key));
  const size_t skip = strlen(prefix);
  return text && strncmp(text, prefix, skip) == 0 && pno_digest_parse(text + skip, out);
}

/* A name that is safe to open below a directory and fits. */
static bool get_name(const json_t *o, const char *key, char *out, size_t cap) {
  const json_t *v = json_object_get(o, key);
  const char *text = json_string_value(v);
  if (!text || json_string_length(v) >= cap || strlen(text) != json_string_length(v) || !pno_name_is_safe(text))
    return false;
  memcpy(out, text, strlen(text) + 1);
  return true;
}

static pno_status parse_files(const json_t *list, checkpoint_manifest *m) {
  const size_t n = json_array_size(list); /* 0 unless an array */
  if (n < 1 || n > SHARDS_MAX) return pno_fail(PNO_E_INPUT, "it lists %zu files, 1..%d are possible", n, SHARDS_MAX);
  m->files = calloc(n, sizeof *m->files);
  if (!m->files) return pno_fail(PNO_E_NOMEM, "no memory for a manifest of %zu files", n);
  m->n_files = (int)n;
  for (size_t i = 0; i < n; i++) {
    const json_t *one = json_array_get(list, i);
    checkpoint_file *f = &m->files[i];
    int64_t bytes = 0;
    if (!get_name(one, "name", f->name, sizeof f->name) || !get_i64(one, "bytes", 1, INT64_MAX, &bytes) ||
        !get_digest(one, "xxh3_128", "", &f->digest))
      return pno_fail(PNO_E_INPUT, "file %zu of the list has no good name, bytes or xxh3_128", i);
    f->bytes = (uint64_t)bytes;
  }
  return PNO_OK;
}

static pno_status parse_journal(const json_t *journal, pno_checkpoint_meta *m) {
  if (json_is_null(journal)) return PNO_OK;
  if (get_name(journal, "name", m->journal, sizeof m->journal) &&
      get_i64(journal, "bytes", 0, INT64_MAX, &m->journal_bytes) &&
      get_digest(journal, "xxh3_128", "", &m->journal_digest))
    return PNO_OK;
  return pno_fail(PNO_E_INPUT, "its journal has no good name, bytes or xxh3_128");
}

static pno_status parse_root(const json_t *root, checkpoint_manifest *m) {
  const char *format = json_string_value(json_object_get(root, "format"));
  const char *version = json_string_value(json_object_get(root, "version"));
  if (!format || strcmp(format, "pno-checkpoint") != 0) return pno_fail(PNO_E_INPUT, "it is no pno-checkpoint");
  if (!version || strncmp(version, "1.", 2) != 0)
    return pno_fail(PNO_E_INPUT, "version %.16s; this program reads 1.x", version ? version : "absent");
  pno_checkpoint_meta *meta = &m->meta;
  int64_t ranks = 0;
  if (!get_i64(root, "step", 0, INT64_MAX, &meta->step) || !get_i64(root, "epoch", 0, INT64_MAX, &meta->epoch) ||
      !get_i64(json_object_get(root, "world"), "ranks", 1, INT32_MAX, &ranks) ||
      !get_digest(root, "tensors_digest", "xxh3-128:", &m->tensors) ||
      !get_digest(root, "config_digest", "xxh3-128:", &meta->config_digest))
    return pno_fail(PNO_E_INPUT, "step, epoch, world, tensors_digest or config_digest is absent or wrong");
  m->ranks = (int)ranks;
  const json_t *id = json_object_get(root, "run_id");
  if (json_string_length(id) > 0 && !get_name(root, "run_id", meta->run_id, sizeof meta->run_id))
    return pno_fail(PNO_E_INPUT, "its run_id is not a name");
  PNO_TRY(parse_journal(json_object_get(root, "journal"), meta));
  return parse_files(json_object_get(root, "files"), m);
}

pno_status manifest_parse(const char *text, size_t n, checkpoint_manifest *out) {
  PNO_TRY(check_tail(text, n));
  json_error_t e;
  json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
  if (!root) return pno_fail(PNO_E_INPUT, "line %d column %d: %s", e.line, e.column, e.text);
  checkpoint_manifest m = {.n_files = 0};
  const pno_status st = parse_root(root, &m);
  json_decref(root);
  if (st == PNO_OK)
    *out = m;
  else
    manifest_free(&m);
  return st;
}

void manifest_free(checkpoint_manifest *m) {
  free(m->files);
  m->files = NULL;
  m->n_files = 0;
}

uint64_t manifest_bytes(const checkpoint_manifest *m) {
  uint64_t sum = 0;
  for (int i = 0; i < m->n_files; i++) sum += m->files[i].bytes;
  return sum;
}

static void add_u64(pno_digester *d, uint64_t v) {
  unsigned char le[8];
  for (int i = 0; i < 8; i++) le[i] = (unsigned char)(v >> (8 * i));
  pno_digester_add(d, le, sizeof le);
}

pno_status manifest_tensors_digest(const pno_array *arrays, const pno_digest *values, int n, pno_digest *out) {
  pno_digester *d = NULL;
  PNO_TRY(pno_digester_create(&d));
  const char *last = "";
  for (int k = 0; k < n; k++) {
    int next = -1; /* names are unique: the smallest above the last one */
    for (int i = 0; i < n; i++)
      if (strcmp(arrays[i].name, last) > 0 && (next < 0 || strcmp(arrays[i].name, arrays[next].name) < 0)) next = i;
    if (next < 0) break;
    const pno_array *a = &arrays[next];
    last = a->name;
    pno_digester_add(d, a->name, strlen(a->name) + 1);
    pno_digester_add(d, pno_dtype_name(a->dtype), 4);
    add_u64(d, (uint64_t)a->rank);
    for (int j = 0; j < a->rank; j++) add_u64(d, (uint64_t)a->shape[j]);
    add_u64(d, values[next].high);
    add_u64(d, values[next].low);
  }
  *out = pno_digester_value(d);
  pno_digester_destroy(&d);
  return PNO_OK;
}
