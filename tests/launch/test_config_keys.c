/* The key table against itself: whatever launch/keys.def promises of a key holds for every key. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config_files.h"
#include "launch/config_impl.h"

static pno_config *c;

static void create(void) { c = config_new(); }

static void destroy(void) { pno_config_destroy(&c); }

TestSuite(config_keys, .init = create, .fini = destroy, .timeout = 20);

static pno_status set(int k, const char *value) {
  char word[CONFIG_TEXT + 200];
  snprintf(word, sizeof word, "%s=%s", key_rows[k].name, value);
  return pno_config_set(c, word, "cli");
}

static bool is_number(int k) {
  const key_type t = key_rows[k].type;
  return t == KEY_INT || t == KEY_FLOAT || t == KEY_BYTES || t == KEY_INTS || t == KEY_FLOATS;
}

static pno_status set_number(int k, double v) {
  char text[64];
  snprintf(text, sizeof text, "%.17g", v);
  return set(k, text);
}

/* The nearest value below or above that the type can tell from v. */
static double beyond(int k, double v, double side) {
  const bool whole = key_rows[k].type == KEY_INT || key_rows[k].type == KEY_INTS;
  return whole ? v + side : nextafter(v, side * INFINITY);
}

Test(config_keys, every_key_has_a_section_a_name_and_help) {
  for (int k = 0; k < PNO_KEYS; k++) {
    const char *name = key_rows[k].name, *dot = strchr(name, '.');
    cr_expect(dot && dot > name && dot[1] && !strchr(dot + 1, '.'), "%s", name);
    cr_expect(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(name), "%s", name);
    cr_expect(strlen(key_rows[k].help) > 4 && !strchr(key_rows[k].help, '\n'), "%s", name);
    cr_expect(pno_key_name((pno_key)k) == name);
  }
}

Test(config_keys, names_are_unique_and_the_keys_of_a_section_stand_together) {
  for (int k = 1; k < PNO_KEYS; k++) {
    const size_t section = strcspn(key_rows[k].name, ".") + 1;
    const bool follows = strncmp(key_rows[k - 1].name, key_rows[k].name, section) == 0;
    for (int j = 0; j < k; j++) {
      cr_expect(strcmp(key_rows[j].name, key_rows[k].name) != 0, "%s", key_rows[k].name);
      cr_expect(follows || strncmp(key_rows[j].name, key_rows[k].name, section) != 0, "%s: section opened twice",
                key_rows[k].name);
    }
  }
}

Test(config_keys, every_default_fits_its_own_row_and_says_so) {
  for (int k = 0; k < PNO_KEYS; k++) {
    cr_expect(strcmp(pno_config_origin(c, (pno_key)k), "default") == 0);
    cr_expect(set(k, key_rows[k].preset) == PNO_OK, "%s", pno_fail_words());
    if (is_number(k)) cr_expect(key_rows[k].least < key_rows[k].most, "%s has no range", key_rows[k].name);
    if (key_rows[k].type == KEY_ENUM) cr_expect(strlen(key_rows[k].choices) > 0, "%s", key_rows[k].name);
  }
}

Test(config_keys, both_ends_of_a_range_are_allowed_and_nothing_beyond_them) {
  for (int k = 0; k < PNO_KEYS; k++) {
    if (!is_number(k)) continue;
    const key_row *row = &key_rows[k];
    cr_expect(set_number(k, row->least) == PNO_OK && pno_config_float(c, (pno_key)k) == row->least, "%s", row->name);
    cr_expect(set_number(k, row->most) == PNO_OK && pno_config_float(c, (pno_key)k) == row->most, "%s", row->name);
    cr_expect(set_number(k, beyond(k, row->least, -1)) == PNO_E_USAGE, "%s below", row->name);
    cr_expect(set_number(k, beyond(k, row->most, 1)) == PNO_E_USAGE, "%s above", row->name);
    cr_expect(pno_config_float(c, (pno_key)k) == row->most, "%s: a refused value was taken", row->name);
  }
}

Test(config_keys, a_refusal_names_the_key_and_the_value_and_hints_what_is_allowed) {
  for (int k = 0; k < PNO_KEYS; k++) {
    char allowed[256];
    const key_type t = key_rows[k].type;
    if (t == KEY_TEXT || t == KEY_TEXTS) continue;
    config_describe((pno_key)k, allowed, sizeof allowed);
    cr_expect(set(k, "!nonsense") == PNO_E_USAGE);
    cr_expect(strstr(pno_fail_words(), key_rows[k].name) && strstr(pno_fail_words(), "'!nonsense'"), "%s",
              pno_fail_words());
    cr_expect(strcmp(pno_fail_hint(), allowed) == 0, "%s", pno_fail_hint());
  }
}

Test(config_keys, every_choice_is_taken_at_its_place_and_nothing_like_it) {
  for (int k = 0; k < PNO_KEYS; k++) {
    if (key_rows[k].type != KEY_ENUM) continue;
    char choices[256], longer[260];
    int place = 0;
    snprintf(choices, sizeof choices, "%s", key_rows[k].choices);
    for (char *at = choices, *end = choices; end; at = end + 1, place++) {
      if ((end = strchr(at, '|'))) *end = '\0';
      cr_expect(set(k, at) == PNO_OK && pno_config_choice(c, (pno_key)k) == place, "%s=%s", key_rows[k].name, at);
      snprintf(longer, sizeof longer, "%s_", at);
      cr_expect(set(k, longer) == PNO_E_USAGE, "%s=%s", key_rows[k].name, longer);
      if (!end) break;
    }
    cr_expect(set(k, "") == PNO_E_USAGE);
    cr_expect(set(k, key_rows[k].choices) == (strchr(key_rows[k].choices, '|') ? PNO_E_USAGE : PNO_OK));
  }
}

Test(config_keys, what_only_starts_as_a_number_or_is_none_is_refused) {
  static const char *const bad[] = {"12abc", "1e400", "-1e400", "nan",   "NaN", "inf", "-inf", "infinity",
                                    "0x10",  "0X1p3", " 12",    "12 ",   "1,5", "--1", "+-1",  "e5",
                                    ".",     "-",     "",       "1_000", "1\t", "#1",  "1..2"};
  for (int k = 0; k < PNO_KEYS; k++) {
    if (!is_number(k)) continue;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
      const char *const items[] = {bad[i]};
      cr_expect(config_take(c, (pno_key)k, items, 1, "test") == PNO_E_USAGE, "%s=%s", key_rows[k].name, bad[i]);
    }
  }
}

Test(config_keys, an_integer_takes_no_fraction_and_only_bytes_take_units) {
  for (int k = 0; k < PNO_KEYS; k++) {
    if (!is_number(k)) continue;
    const bool bytes = key_rows[k].type == KEY_BYTES;
    char text[64];
    snprintf(text, sizeof text, "%.0f.5", key_rows[k].least);
    const bool whole = key_rows[k].type == KEY_INT || key_rows[k].type == KEY_INTS;
    if (whole) cr_expect(set(k, text) == PNO_E_USAGE, "%s=%s", key_rows[k].name, text);
    cr_expect(set(k, "4KiB") == (bytes ? PNO_OK : PNO_E_USAGE), "%s", key_rows[k].name);
    cr_expect(set(k, "4kib") == PNO_E_USAGE && set(k, "4 KiB") == PNO_E_USAGE, "%s", key_rows[k].name);
  }
  cr_expect(set(PNO_KEY_SECURITY_MAX_BYTES, "1.5KiB") == PNO_OK);
  cr_expect_eq(pno_config_float(c, PNO_KEY_SECURITY_MAX_BYTES), 1536.0);
}

Test(config_keys, a_switch_is_true_or_false_and_nothing_else) {
  static const char *const bad[] = {"True", "yes", "no", "on", "off", "1", "0", "", "maybe", "truefalse"};
  for (int k = 0; k < PNO_KEYS; k++) {
    if (key_rows[k].type != KEY_BOOL) continue;
    cr_expect(set(k, "true") == PNO_OK && pno_config_bool(c, (pno_key)k));
    cr_expect(set(k, "false") == PNO_OK && !pno_config_bool(c, (pno_key)k));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) cr_expect(set(k, bad[i]) == PNO_E_USAGE, "%s", bad[i]);
  }
}

Test(config_keys, every_key_and_section_explains_itself) {
  FILE *nowhere = fopen("/dev/null", "w");
  for (int k = 0; k < PNO_KEYS; k++) {
    char *text = NULL, section[64];
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    cr_assert(to && pno_config_explain(key_rows[k].name, to) && fclose(to) == 0);
    cr_expect(strstr(text, key_rows[k].name) && strstr(text, key_rows[k].help), "%s", text);
    cr_expect((strstr(text, "fixed when a run is resumed") == NULL) == pno_key_resumable((pno_key)k), "%s", text);
    free(text);
    snprintf(section, sizeof section, "%.*s", (int)strcspn(key_rows[k].name, "."), key_rows[k].name);
    cr_expect(pno_config_explain(section, nowhere));
    section[strlen(section) - 1] = '\0';
    cr_expect(!pno_config_explain(section, nowhere), "%s", section);
  }
  fclose(nowhere);
}
