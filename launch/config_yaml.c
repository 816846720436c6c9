#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "launch/config_impl.h"

enum { FILE_MOST = 1 << 20, EVENTS_MOST = 4096, NAME_MOST = 64 };

/* Where the parser stands: the file, what was seen, and the key under way. */
typedef struct {
  pno_config *config;
  const char *path;
  yaml_parser_t parser;
  int events;
  bool seen[PNO_KEYS];
  int sections;
  char section[PNO_KEYS][NAME_MOST]; /* those that were read */
} reader;

/* A failure at a place of the file, with the hint kept. */
static pno_status fail_at(const reader *r, const yaml_mark_t *at, pno_status st) {
  char hint[1024];
  snprintf(hint, sizeof hint, "%s", pno_fail_hint());
  pno_fail_in(st, "%s:%zu:%zu", r->path, at->line + 1, at->column + 1);
  return hint[0] ? pno_hint(st, "%s", hint) : st;
}

static pno_status next_event(reader *r, yaml_event_t *e) {
  if (!yaml_parser_parse(&r->parser, e)) {
    pno_fail(PNO_E_USAGE, "not YAML: %s", r->parser.problem ? r->parser.problem : "out of memory");
    return fail_at(r, &r->parser.problem_mark, r->parser.error == YAML_MEMORY_ERROR ? PNO_E_NOMEM : PNO_E_USAGE);
  }
  const char *refused = NULL;
  if (++r->events > EVENTS_MOST) refused = "more than 4,096 events";
  if (e->type == YAML_ALIAS_EVENT) refused = "an alias";
  if (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor) refused = "an anchor";
  if (e->type == YAML_SCALAR_EVENT && e->data.scalar.tag) refused = "a tag";
  if (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor) refused = "an anchor";
  if (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.tag) refused = "a tag";
  if (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.anchor) refused = "an anchor";
  if (e->type == YAML_SEQUENCE_START_EVENT && e->data.sequence_start.tag) refused = "a tag";
  if (!refused) return PNO_OK;
  const yaml_mark_t at = e->start_mark;
  yaml_event_delete(e);
  return fail_at(r, &at, pno_hint(pno_fail(PNO_E_USAGE, "%s is not allowed", refused),
                                  "a configuration holds sections of keys with plain values or lists"));
}

/* The bytes of a scalar; a NUL inside would hide what follows. */
static pno_status scalar_text(const reader *r, const yaml_event_t *e, char *out, size_t cap) {
  const size_t n = e->data.scalar.length;
  const char *text = (const char *)e->data.scalar.value;
  if (n >= cap) return fail_at(r, &e->start_mark, pno_fail(PNO_E_USAGE, "%zu bytes, at most %zu fit here", n, cap ? cap - 1 : 0));
  if (memchr(text, '\0', n)) return fail_at(r, &e->start_mark, pno_fail(PNO_E_USAGE, "a zero byte in a value"));
  memcpy(out, text, n + 1);
  return PNO_OK;
}

/* The elements of a list whose start is read; text holds them. */
static pno_status read_list(reader *r, char *text, size_t cap, const char **items, int *n) {
  size_t used = 0;
  *n = 0;
  for (;;) {
    yaml_event_t e;
    PNO_TRY(next_event(r, &e));
    const yaml_event_type_t type = e.type;
    pno_status st = PNO_OK;
    if (type == YAML_SCALAR_EVENT && *n < CONFIG_ITEMS) {
      st = scalar_text(r, &e, text + used, cap - used);
      items[(*n)++] = text + used;
      used += e.data.scalar.length + 1;
    } else if (type == YAML_SCALAR_EVENT) {
      st = fail_at(r, &e.start_mark, pno_fail(PNO_E_USAGE, "more than %d elements", CONFIG_ITEMS));
    } else if (type != YAML_SEQUENCE_END_EVENT) {
      st = fail_at(r, &e.start_mark, pno_fail(PNO_E_USAGE, "a list in a list or a map in a list is not allowed"));
    }
    yaml_event_delete(&e);
    if (st != PNO_OK || type == YAML_SEQUENCE_END_EVENT) return st;
  }
}

/* The value of key k, named at `at`. */
static pno_status read_value(reader *r, pno_key k, const yaml_mark_t *at) {
  char text[CONFIG_TEXT], origin[CONFIG_ORIGIN];
  const char *items[CONFIG_ITEMS] = {text};
  int n = 1;
  yaml_event_t e;
  PNO_TRY(next_event(r, &e));
  const yaml_event_type_t type = e.type;
  const yaml_mark_t mark = e.start_mark;
  pno_status st = type == YAML_SCALAR_EVENT ? scalar_text(r, &e, text, sizeof text) : PNO_OK;
  yaml_event_delete(&e);
  PNO_TRY(st);
  if (type == YAML_SEQUENCE_START_EVENT && config_is_list(k))
    PNO_TRY(read_list(r, text, sizeof text, items, &n));
  else if (type != YAML_SCALAR_EVENT)
    return fail_at(r, &mark, pno_fail(PNO_E_USAGE, "%s: not a %s", pno_key_name(k), config_is_list(k) ? "list" : "plain value"));
  const char *base = strrchr(r->path, '/');
  snprintf(origin, sizeof origin, "%.100s:%zu", base ? base + 1 : r->path, at->line + 1);
  st = config_take(r->config, k, items, n, origin);
  return st == PNO_OK ? st : fail_at(r, &mark, st);
}

/* A name; *done at the end of the map. */
static pno_status read_name(reader *r, char *name, yaml_mark_t *at, bool *done) {
  yaml_event_t e;
  PNO_TRY(next_event(r, &e));
  *at = e.start_mark;
  *done = e.type == YAML_MAPPING_END_EVENT;
  pno_status st = PNO_OK;
  if (e.type == YAML_SCALAR_EVENT)
    st = scalar_text(r, &e, name, NAME_MOST);
  else if (!*done)
    st = fail_at(r, at, pno_fail(PNO_E_USAGE, "a name is expected here"));
  yaml_event_delete(&e);
  return st;
}

static pno_status read_section(reader *r, const char *section) {
  for (;;) {
    char name[NAME_MOST], full[2 * NAME_MOST + 1];
    yaml_mark_t at;
    bool done;
    PNO_TRY(read_name(r, name, &at, &done));
    if (done) return PNO_OK;
    snprintf(full, sizeof full, "%s.%s", section, name);
    const pno_key k = config_find(full);
    if (k == PNO_KEYS) return fail_at(r, &at, PNO_E_USAGE);
    if (r->seen[k]) return fail_at(r, &at, pno_fail(PNO_E_USAGE, "%s: given twice", full));
    r->seen[k] = true;
    PNO_TRY(read_value(r, k, &at));
  }
}

/* Expects an event of one type and drops it. */
static pno_status expect(reader *r, yaml_event_type_t type, const char *what) {
  yaml_event_t e;
  PNO_TRY(next_event(r, &e));
  const bool ok = e.type == type;
  const yaml_mark_t at = e.start_mark;
  yaml_event_delete(&e);
  return ok ? PNO_OK : fail_at(r, &at, pno_fail(PNO_E_USAGE, "%s", what));
}

/* Known, and not read before. */
static pno_status take_section(reader *r, const char *section, const yaml_mark_t *at) {
  if (!config_is_section(section)) return fail_at(r, at, config_no_section(section));
  for (int i = 0; i < r->sections; i++)
    if (strcmp(section, r->section[i]) == 0) return fail_at(r, at, pno_fail(PNO_E_USAGE, "%s: given twice", section));
  memcpy(r->section[r->sections++], section, strlen(section) + 1);
  return PNO_OK;
}

static pno_status read_root(reader *r) {
  PNO_TRY(expect(r, YAML_STREAM_START_EVENT, "not a YAML stream"));
  PNO_TRY(expect(r, YAML_DOCUMENT_START_EVENT, "an empty file; a configuration starts with a section"));
  PNO_TRY(expect(r, YAML_MAPPING_START_EVENT, "a configuration is a map of sections"));
  for (;;) {
    char section[NAME_MOST];
    yaml_mark_t at;
    bool done;
    PNO_TRY(read_name(r, section, &at, &done));
    if (done) break;
    PNO_TRY(take_section(r, section, &at));
    PNO_TRY(expect(r, YAML_MAPPING_START_EVENT, "a section is a map of keys, as in  model: {width: 32}"));
    PNO_TRY(read_section(r, section));
  }
  PNO_TRY(expect(r, YAML_DOCUMENT_END_EVENT, "one document only"));
  return expect(r, YAML_STREAM_END_EVENT, "one document only");
}

static pno_status read_file(const char *path, unsigned char **out, size_t *n) {
  FILE *f = fopen(path, "rb");
  if (!f) return pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
  unsigned char *text = malloc(FILE_MOST + 1);
  pno_status st = text ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to read %s", path);
  if (text) *n = fread(text, 1, FILE_MOST + 1, f);
  if (st == PNO_OK && ferror(f)) st = pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
  if (st == PNO_OK && *n > FILE_MOST) st = pno_fail(PNO_E_USAGE, "%s: more than 1 MiB", path);
  fclose(f);
  if (st == PNO_OK)
    *out = text;
  else
    free(text);
  return st;
}

static pno_status parse(reader *r, const unsigned char *text, size_t n) {
  if (!yaml_parser_initialize(&r->parser)) return pno_fail(PNO_E_NOMEM, "no memory to read %s", r->path);
  yaml_parser_set_input_string(&r->parser, text, n);
  const pno_status st = read_root(r);
  yaml_parser_delete(&r->parser);
  return st;
}

pno_status pno_config_load(pno_config *c, const char *path) {
  unsigned char *text = NULL;
  size_t n = 0;
  PNO_TRY(read_file(path, &text, &n));
  reader *r = calloc(1, sizeof *r);
  pno_config *copy = malloc(sizeof *copy); /* a file with a mistake changes nothing */
  pno_status st = r && copy ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to read %s", path);
  if (st == PNO_OK) {
    *copy = *c;
    r->config = copy;
    r->path = path;
    st = parse(r, text, n);
  }
  if (st == PNO_OK) *c = *copy;
  free(copy);
  free(r);
  free(text);
  return st;
}
