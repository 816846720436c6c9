#include <stdarg.h>
#include <string.h>

#include "launch/config_impl.h"

/* Levenshtein distance of two short words, one row at a time; of long ones more than it can be. */
static int distance(const char *a, const char *b) {
  enum { LONGEST = 64 };
  int row[LONGEST + 1];
  const int na = (int)strlen(a), nb = (int)strlen(b);
  if (na > LONGEST || nb > LONGEST) return na + nb;
  for (int j = 0; j <= nb; j++) row[j] = j;
  for (int i = 1; i <= na; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= nb; j++) {
      const int change = diagonal + (a[i - 1] != b[j - 1]);
      const int add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = change < add ? change : add;
    }
  }
  return row[nb];
}

const char *pno_nearest(const char *word, const char *const *names, int n) {
  const int limit = (int)strlen(word) / 3 + 2;
  const char *best = NULL;
  int least = limit + 1;
  for (int i = 0; i < n; i++) {
    const int d = distance(word, names[i]);
    if (d < least) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

pno_key config_find(const char *name) {
  const char *names[PNO_KEYS];
  for (int k = 0; k < PNO_KEYS; k++) {
    names[k] = key_rows[k].name;
    if (strcmp(name, names[k]) == 0) return (pno_key)k;
  }
  const char *near = pno_nearest(name, names, PNO_KEYS);
  pno_fail(PNO_E_USAGE, "%.100s: unknown key", name);
  if (!near) {
    pno_hint(PNO_E_USAGE, "see: pno config explain");
    return PNO_KEYS;
  }
  for (int k = 0; k < PNO_KEYS; k++) {
    if (names[k] != near) continue;
    char what[256];
    config_describe((pno_key)k, what, sizeof what);
    pno_hint(PNO_E_USAGE, "did you mean %s (%s)?   see: pno config explain %s", near, what, near);
  }
  return PNO_KEYS;
}

bool config_is_section(const char *name) {
  const size_t n = strlen(name);
  for (int k = 0; k < PNO_KEYS; k++)
    if (strncmp(key_rows[k].name, name, n) == 0 && key_rows[k].name[n] == '.') return true;
  return false;
}

pno_status config_no_section(const char *name) {
  static char text[PNO_KEYS][32];
  const char *names[PNO_KEYS];
  for (int k = 0; k < PNO_KEYS; k++) {
    snprintf(text[k], sizeof text[k], "%.*s", (int)strcspn(key_rows[k].name, "."), key_rows[k].name);
    names[k] = text[k];
  }
  const char *near = pno_nearest(name, names, PNO_KEYS);
  pno_fail(PNO_E_USAGE, "%.100s: unknown section", name);
  return near ? pno_hint(PNO_E_USAGE, "did you mean %s?   see: pno config explain %s", near, near)
              : pno_hint(PNO_E_USAGE, "see: pno config explain");
}

void config_describe(pno_key k, char *out, size_t cap) {
  static const char *const types[] = {"integer", "number", "true or false", "text", "one of",
                                      "bytes (KiB, MiB, GiB, TiB)", "list of integers", "list of numbers",
                                      "list of texts"};
  const key_row *row = &key_rows[k];
  const char *preset = row->preset[0] ? row->preset : "empty";
  if (row->type == KEY_ENUM)
    snprintf(out, cap, "%s %s, default %s", types[row->type], row->choices, preset);
  else if (row->least < row->most)
    snprintf(out, cap, "%s %.10g..%.10g%s%s, default %s", types[row->type], row->least, row->most,
             row->unit[0] ? " " : "", row->unit, preset);
  else
    snprintf(out, cap, "%s, default %s", types[row->type], preset);
}

bool pno_config_explain(const char *name, FILE *to) {
  const size_t n = name ? strlen(name) : 0;
  bool found = false;
  for (int k = 0; k < PNO_KEYS; k++) {
    const key_row *row = &key_rows[k];
    if (n && (strncmp(row->name, name, n) != 0 || (row->name[n] != '\0' && row->name[n] != '.'))) continue;
    char what[256];
    config_describe((pno_key)k, what, sizeof what);
    fprintf(to, "%-24s %s\n%-24s %s%s\n", row->name, row->help, "", what,
            row->resumable ? "" : "; fixed when a run is resumed");
    found = true;
  }
  return found;
}

/* A growing text that counts what it would need. */
typedef struct {
  char *out;
  size_t cap, need;
} sink;

static void put(sink *s, const char *fmt, ...) PNO_PRINTF(2, 3);

static void put(sink *s, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  const size_t room = s->need < s->cap ? s->cap - s->need : 0;
  const int n = vsnprintf(room ? s->out + s->need : NULL, room, fmt, ap);
  va_end(ap);
  if (n > 0) s->need += (size_t)n;
}

/* YAML single quotes, unless the text is plain enough to stand alone. */
static void put_item(sink *s, const char *text, bool quote) {
  if (!quote) {
    put(s, "%s", text);
    return;
  }
  put(s, "'");
  for (; *text; text++) put(s, *text == '\'' ? "''" : "%c", *text);
  put(s, "'");
}

static void put_value(sink *s, const pno_config *c, pno_key k) {
  const key_value *v = &c->value[k];
  const bool quote = key_rows[k].type == KEY_TEXT || key_rows[k].type == KEY_TEXTS;
  if (config_is_list(k)) put(s, "[");
  for (int i = 0; i < v->n; i++) {
    if (i) put(s, ", ");
    put_item(s, v->text + v->at[i], quote);
  }
  if (config_is_list(k)) put(s, "]");
}

bool pno_config_write(const pno_config *c, FILE *to) {
  const char *section = "";
  size_t length = 0;
  for (int k = 0; k < PNO_KEYS; k++) {
    const char *name = key_rows[k].name;
    const size_t dot = strcspn(name, ".");
    char value[4 * CONFIG_TEXT];
    sink s = {.out = value, .cap = sizeof value};
    put_value(&s, c, (pno_key)k);
    if (dot != length || strncmp(name, section, dot) != 0) fprintf(to, "%.*s:\n", (int)dot, name);
    section = name;
    length = dot;
    fprintf(to, "  %s: %s  # %s\n", name + dot + 1, value, c->value[k].origin);
  }
  return !ferror(to);
}

size_t pno_config_content(const pno_config *c, char *out, size_t cap) {
  static const char *const sections[] = {"run.seed", "pde."};
  sink s = {.out = out, .cap = cap};
  for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
    for (int k = 0; k < PNO_KEYS; k++) {
      const char *name = key_rows[k].name;
      const size_t dot = strcspn(name, ".");
      if (strncmp(name, sections[i], strlen(sections[i])) != 0) continue;
      if (i == 0 || strncmp(key_rows[k - 1].name, "pde.", 4) != 0) put(&s, "%.*s:\n", (int)dot, name);
      put(&s, "  %s: ", name + dot + 1);
      put_value(&s, c, (pno_key)k);
      put(&s, "\n");
    }
  }
  return s.need;
}

size_t pno_config_values(const pno_config *c, bool all, char *out, size_t cap) {
  sink s = {.out = out, .cap = cap};
  for (int k = 0; k < PNO_KEYS; k++) {
    if (!all && key_rows[k].resumable) continue;
    put(&s, "%s=", key_rows[k].name);
    put_value(&s, c, (pno_key)k);
    put(&s, "\n");
  }
  return s.need;
}

pno_digest pno_config_digest(const pno_config *c) {
  static char text[4 * CONFIG_TEXT * 16];
  const size_t n = pno_config_values(c, false, text, sizeof text);
  return pno_digest_of(text, n < sizeof text ? n : sizeof text - 1);
}
