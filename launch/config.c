#include "launch/config.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "launch/config_impl.h"

const key_row key_rows[PNO_KEYS] = {
#define PNO_KEY(id, name, type, least, most, preset, unit, resumable, choices, help) \
  {name, KEY_##type, least, most, preset, unit, resumable, choices, help},
#include "launch/keys.def"
#undef PNO_KEY
};

const char *pno_key_name(pno_key k) { return key_rows[k].name; }

bool pno_key_resumable(pno_key k) { return key_rows[k].resumable; }

bool config_is_list(pno_key k) { return key_rows[k].type >= KEY_INTS; }

/* Numbers are read in the C locale, whole, finite and not overflowing. */
static bool parse_number(const char *text, bool bytes, double *out) {
  static const struct {
    const char *suffix;
    double factor;
  } units[] = {{"", 1.0}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0}};
  static locale_t c_locale;
  if (!c_locale) c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c_locale || !strchr("+-.0123456789", text[0]) || text[0] == '\0') return false;
  if (strpbrk(text, "xXnN")) return false; /* no hexadecimal, no nan, no inf */
  char *end;
  errno = 0;
  const double v = strtod_l(text, &end, c_locale);
  if (end == text || !isfinite(v) || (errno == ERANGE && fabs(v) > 1.0)) return false;
  for (size_t i = 0; i < (bytes ? sizeof units / sizeof units[0] : 1); i++) {
    if (strcmp(end, units[i].suffix) != 0) continue;
    *out = v * units[i].factor;
    return true;
  }
  return false;
}

/* Position of text among the choices a|b|c, or -1. */
static int find_choice(const char *choices, const char *text) {
  const size_t n = strlen(text);
  for (int i = 0;; i++) {
    const size_t length = strcspn(choices, "|");
    if (length == n && memcmp(choices, text, n) == 0) return i;
    if (choices[length] == '\0') return -1;
    choices += length + 1;
  }
}

/* The number behind an item; false: it does not fit the row. */
static bool parse_item(const key_row *row, const char *text, double *number) {
  switch (row->type) {
    case KEY_TEXT:
    case KEY_TEXTS: return true;
    case KEY_BOOL: *number = strcmp(text, "true") == 0; return *number > 0 || strcmp(text, "false") == 0;
    case KEY_ENUM: *number = find_choice(row->choices, text); return *number >= 0;
    case KEY_INT:
    case KEY_INTS:
      if (!parse_number(text, false, number) || *number != floor(*number)) return false;
      break;
    case KEY_FLOAT:
    case KEY_FLOATS:
      if (!parse_number(text, false, number)) return false;
      break;
    case KEY_BYTES:
      if (!parse_number(text, true, number)) return false;
      break;
  }
  return *number >= row->least && *number <= row->most;
}

/* Bytes of the UTF-8 character at t that YAML keeps as it is inside quotes on one line; 0: there is none. Line breaks
 * (U+0085, U+2028 and U+2029 are such too), control characters and broken UTF-8 would not come back from a file. */
static int plain_character(const unsigned char *t) {
  if (t[0] < 0x80) return t[0] >= 0x20 && t[0] != 0x7f;
  const int n = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
  static const unsigned long least[] = {0, 0, 0xa0, 0x800, 0x10000};
  unsigned long code = t[0] & (0xffu >> (n + 1));
  if (t[0] < 0xc2 || t[0] > 0xf4) return 0;
  for (int i = 1; i < n; i++) {
    if ((t[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (t[i] & 0x3fu);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000, not_a_character = code == 0xfffe || code == 0xffff;
  if (code < least[n] || code > 0x10ffff || surrogate || not_a_character || code == 0x2028 || code == 0x2029) return 0;
  return n;
}

static bool plain_text(const char *text) {
  const unsigned char *t = (const unsigned char *)text;
  int n = 1;
  while (*t && (n = plain_character(t)) > 0) t += n;
  return *t == '\0';
}

/* The origin stands in a comment of the written configuration, which a strange file name must not end. */
static void take_origin(const char *origin, char out[CONFIG_ORIGIN]) {
  snprintf(out, CONFIG_ORIGIN, "%s", origin);
  if (plain_text(out)) return;
  for (char *at = out; *at; at++)
    if (*at < 0x20 || *at > 0x7e) *at = '?';
}

pno_status config_take(pno_config *c, pno_key k, const char *const *items, int n, const char *origin) {
  const key_row *row = &key_rows[k];
  const bool words = row->type == KEY_TEXT || row->type == KEY_TEXTS;
  char allowed[256];
  config_describe(k, allowed, sizeof allowed);
  key_value v = {.n = n};
  size_t used = 0;
  if (n > CONFIG_ITEMS) return pno_fail(PNO_E_USAGE, "%s: %d values, at most %d", row->name, n, CONFIG_ITEMS);
  for (int i = 0; i < n; i++) {
    const size_t length = strlen(items[i]) + 1;
    if (!parse_item(row, items[i], &v.number[i]))
      return pno_hint(pno_fail(PNO_E_USAGE, "%s: '%.100s' is not allowed", row->name, items[i]), "%s", allowed);
    if (words && !plain_text(items[i]))
      return pno_fail(PNO_E_USAGE, "%s: a control character, line break or byte that is not UTF-8", row->name);
    if (used + length > sizeof v.text)
      return pno_fail(PNO_E_USAGE, "%s: longer than %d bytes", row->name, CONFIG_TEXT - 1);
    v.at[i] = (short)used;
    memcpy(v.text + used, items[i], length);
    used += length;
  }
  take_origin(origin, v.origin);
  c->value[k] = v;
  return PNO_OK;
}

/* Cuts value at commas in place. */
static int cut_list(char *value, const char **items) {
  int n = 0;
  if (value[0] == '\0') return 0;
  for (char *at = value; at; n++) {
    char *comma = strchr(at, ',');
    if (comma) *comma++ = '\0';
    if (n < CONFIG_ITEMS) items[n] = at;
    at = comma;
  }
  return n;
}

static pno_status take_text(pno_config *c, pno_key k, const char *value, const char *origin) {
  char copy[CONFIG_TEXT];
  const char *items[CONFIG_ITEMS] = {copy};
  const size_t n = strlen(value);
  if (n >= sizeof copy) return pno_fail(PNO_E_USAGE, "%s: longer than %d bytes", key_rows[k].name, CONFIG_TEXT - 1);
  memcpy(copy, value, n + 1);
  return config_take(c, k, items, config_is_list(k) ? cut_list(copy, items) : 1, origin);
}

pno_status pno_config_create(pno_config **out) {
  pno_config *c = calloc(1, sizeof *c);
  if (!c) return pno_fail(PNO_E_NOMEM, "no memory for the configuration");
  for (int k = 0; k < PNO_KEYS; k++) {
    if (take_text(c, (pno_key)k, key_rows[k].preset, "default") == PNO_OK) continue;
    free(c);
    return pno_fail_in(PNO_E_INTERNAL, "a default does not fit its own row");
  }
  *out = c;
  return PNO_OK;
}

void pno_config_destroy(pno_config **c) {
  if (!c) return;
  free(*c);
  *c = NULL;
}

pno_status pno_config_set(pno_config *c, const char *assignment, const char *origin) {
  char name[128];
  const char *equals = strchr(assignment, '=');
  const size_t n = equals ? (size_t)(equals - assignment) : 0;
  if (!equals || n >= sizeof name)
    return pno_fail(PNO_E_USAGE, "%.100s: not of the form section.key=value", assignment);
  memcpy(name, assignment, n);
  name[n] = '\0';
  const pno_key k = config_find(name);
  return k == PNO_KEYS ? PNO_E_USAGE : take_text(c, k, equals + 1, origin);
}

double pno_config_float(const pno_config *c, pno_key k) { return c->value[k].number[0]; }

long pno_config_int(const pno_config *c, pno_key k) { return (long)c->value[k].number[0]; }

bool pno_config_bool(const pno_config *c, pno_key k) { return c->value[k].number[0] > 0; }

const char *pno_config_text(const pno_config *c, pno_key k) { return c->value[k].text; }

int pno_config_choice(const pno_config *c, pno_key k) { return (int)c->value[k].number[0]; }

int pno_config_count(const pno_config *c, pno_key k) { return c->value[k].n; }

double pno_config_float_at(const pno_config *c, pno_key k, int i) { return c->value[k].number[i]; }

const char *pno_config_text_at(const pno_config *c, pno_key k, int i) {
  return c->value[k].text + c->value[k].at[i];
}

const char *pno_config_origin(const pno_config *c, pno_key k) { return c->value[k].origin; }

bool pno_config_is_default(const pno_config *c, pno_key k) {
  return !config_is_list(k) && strcmp(c->value[k].text, key_rows[k].preset) == 0;
}

static bool same(pno_key k, const key_value *a, const key_value *b) {
  const bool words = key_rows[k].type == KEY_TEXT || key_rows[k].type == KEY_TEXTS;
  if (a->n != b->n) return false;
  for (int i = 0; i < a->n; i++) {
    if (words ? strcmp(a->text + a->at[i], b->text + b->at[i]) != 0 : a->number[i] != b->number[i]) return false;
  }
  return true;
}

pno_key pno_config_differs(const pno_config *a, const pno_config *b) {
  int k = 0;
  while (k < PNO_KEYS && (key_rows[k].resumable || same((pno_key)k, &a->value[k], &b->value[k]))) k++;
  return (pno_key)k;
}
