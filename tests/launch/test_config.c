/* Values and their origins: later calls win, what is written loads again, what a resumption may not change. */
#include "launch/config.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config_files.h"
#include "launch/config_impl.h"

static pno_config *c, *d;

static void create(void) {
  c = config_new();
  d = config_new();
}

static void destroy(void) {
  pno_config_destroy(&c);
  pno_config_destroy(&d);
}

TestSuite(config, .init = create, .fini = destroy, .timeout = 30);

static char *written(const pno_config *from) {
  char *text = NULL;
  size_t n = 0;
  FILE *to = open_memstream(&text, &n);
  cr_assert(to && pno_config_write(from, to) && fclose(to) == 0);
  return text;
}

static void expect_same(const pno_config *a, const pno_config *b) {
  for (int k = 0; k < PNO_KEYS; k++) {
    const key_value *v = &a->value[k], *w = &b->value[k];
    cr_expect_eq(v->n, w->n, "%s", key_rows[k].name);
    for (int i = 0; i < v->n; i++) {
      cr_expect_str_eq(v->text + v->at[i], w->text + w->at[i], "%s", key_rows[k].name);
      cr_expect(v->number[i] == w->number[i], "%s", key_rows[k].name);
    }
  }
}

static const char *with_everything[] = {
    "run.name=it's 'quoted', # no comment: {a} [b] & * ! | > % @ ` \"x\" \\ \xc3\xa9 \xf0\x9f\x98\x80",
    "run.seed=9007199254740991",
    "data.path=  blanks at both ends  ",
    "data.test=a.h5,,'b',~,- c, d",
    "data.input=true,1e3",
    "model.modes=1,22,333",
    "model.padding=0.1,1e-3",
    "train.lr=1.25e-3",
    "train.loss=h1",
    "data.shuffle=false",
    "security.max_bytes=1.5GiB",
    "security.umask=027"};

Test(config, what_is_written_loads_again_to_the_same_values) {
  char *text = written(c);
  cr_assert(config_load_text(d, "defaults.yaml", text) == PNO_OK, "%s", pno_fail_words());
  expect_same(c, d);
  free(text);
  for (size_t i = 0; i < sizeof with_everything / sizeof with_everything[0]; i++)
    cr_assert(pno_config_set(c, with_everything[i], "cli") == PNO_OK, "%s", pno_fail_words());
  text = written(c);
  cr_assert(config_load_text(d, "all.yaml", text) == PNO_OK, "%s\n%s", pno_fail_words(), text);
  expect_same(c, d);
  cr_expect(pno_digest_equal(pno_config_digest(c), pno_config_digest(d)));
  free(text);
}

Test(config, every_line_that_is_written_ends_with_the_origin_of_its_value) {
  cr_assert(pno_config_set(c, "model.width=8", "cli") == PNO_OK);
  cr_assert(config_load_text(c, "a.yaml", "train:\n\n  lr: 0.5\n") == PNO_OK);
  char *text = written(c);
  cr_expect(strstr(text, "\n  width: 8  # cli\n"));
  cr_expect(strstr(text, "\n  lr: 0.5  # a.yaml:3\n"));
  cr_expect(strstr(text, "\n  layers: 4  # default\n"));
  free(text);
}

Test(config, a_strange_file_name_cannot_break_the_written_configuration) {
  cr_assert(config_load_text(c, "a\nmodel: {layers: 9} #\xc3", "model: {width: 8}\n") == PNO_OK);
  char *text = written(c);
  cr_assert(config_load_text(d, "written.yaml", text) == PNO_OK, "%s", pno_fail_words());
  expect_same(c, d);
  free(text);
}

Test(config, text_that_yaml_cannot_give_back_is_refused) {
  static const char *const bad[] = {"a\nb",
                                    "a\rb",
                                    "a\tb",
                                    "\x1b[0m",
                                    "\x7f",
                                    "\xff",
                                    "\xc3",
                                    "\xc3(",
                                    "\xc0\xaf",
                                    "\xe0\x80\xaf",
                                    "\xed\xa0\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xc2\x85",
                                    "\xe2\x80\xa8",
                                    "\xe2\x80\xa9",
                                    "\xef\xbf\xbf",
                                    "\xf0\x80\x80\x80"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const char *const items[] = {bad[i]};
    cr_expect(config_take(c, PNO_KEY_RUN_NAME, items, 1, "test") == PNO_E_USAGE, "number %zu", i);
    cr_expect(config_take(c, PNO_KEY_DATA_TEST, items, 1, "test") == PNO_E_USAGE, "number %zu", i);
  }
}

/* One file for all of them: reading each back alone would need 255 files. */
Test(config, every_byte_is_refused_or_comes_back) {
  for (int first = 1; first < 256;) {
    char words[CONFIG_ITEMS][4];
    const char *items[CONFIG_ITEMS];
    int n = 0;
    for (; first < 256 && n < CONFIG_ITEMS; first++) {
      snprintf(words[n], sizeof words[n], "%cx'", first);
      items[n] = words[n];
      if (config_take(c, PNO_KEY_DATA_TEST, &items[n], 1, "test") == PNO_OK)
        n++;
      else
        cr_expect(first < 0x20 || first > 0x7e, "%d", first);
    }
    cr_assert(config_take(c, PNO_KEY_DATA_TEST, items, n, "test") == PNO_OK, "%s", pno_fail_words());
    char *text = written(c);
    cr_assert(config_load_text(d, "a.yaml", text) == PNO_OK, "%s", pno_fail_words());
    expect_same(c, d);
    free(text);
  }
}

Test(config, the_last_word_wins_and_says_where_it_comes_from) {
  cr_assert(config_load_text(c, "site.yaml", "model: {width: 2, layers: 2, lift: 2}\n") == PNO_OK);
  cr_assert(config_load_text(c, "own.yaml", "model: {width: 3, layers: 3}\n") == PNO_OK);
  cr_assert(pno_config_set(c, "model.width=4", "cli") == PNO_OK);
  cr_expect_eq(pno_config_int(c, PNO_KEY_MODEL_WIDTH), 4);
  cr_expect_str_eq(pno_config_origin(c, PNO_KEY_MODEL_WIDTH), "cli");
  cr_expect_str_eq(pno_config_origin(c, PNO_KEY_MODEL_LAYERS), "own.yaml:1");
  cr_expect_str_eq(pno_config_origin(c, PNO_KEY_MODEL_LIFT), "site.yaml:1");
}

Test(config, words_that_are_no_assignment_of_a_key_are_refused) {
  static const char *const bad[] = {"model.width",   "=3", "model=3", "width=3", "model.=3",
                                    "model.widht=3", "",   "a.b.c=3"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect(pno_config_set(c, bad[i], "cli") == PNO_E_USAGE, "%s", bad[i]);
  cr_expect(pno_config_set(c, "model.widht=3", "cli") == PNO_E_USAGE);
  cr_expect(strstr(pno_fail_hint(), "did you mean model.width"), "%s", pno_fail_hint());
  expect_same(c, d);
}

/* Another value for key k that its row allows. */
static void change(pno_config *to, int k) {
  const key_row *row = &key_rows[k];
  char value[64] = "other";
  const char *const items[] = {value};
  if (row->type == KEY_BOOL)
    snprintf(value, sizeof value, "%s", pno_config_bool(to, (pno_key)k) ? "false" : "true");
  else if (row->type == KEY_ENUM)
    snprintf(value, sizeof value, "%.*s", (int)strcspn(row->choices, "|"), row->choices);
  else if (row->type != KEY_TEXT && row->type != KEY_TEXTS)
    snprintf(value, sizeof value, "%.17g", to->value[k].number[0] < row->most ? row->most : row->least);
  if (row->type == KEY_ENUM && pno_config_choice(to, (pno_key)k) == 0)
    snprintf(value, sizeof value, "%s", strrchr(row->choices, '|') + 1);
  cr_assert(config_take(to, (pno_key)k, items, 1, "test") == PNO_OK, "%s", pno_fail_words());
}

Test(config, only_keys_that_decide_results_may_not_differ_at_a_resumption) {
  cr_expect_eq(pno_config_differs(c, d), PNO_KEYS);
  for (int k = 0; k < PNO_KEYS; k++) {
    if (key_rows[k].type == KEY_ENUM && !strchr(key_rows[k].choices, '|')) continue; /* one choice only */
    const key_value before = d->value[k];
    change(d, k);
    cr_expect_eq((int)pno_config_differs(c, d), pno_key_resumable((pno_key)k) ? PNO_KEYS : k, "%s", key_rows[k].name);
    cr_expect_eq((int)pno_config_differs(d, c), pno_key_resumable((pno_key)k) ? PNO_KEYS : k, "%s", key_rows[k].name);
    cr_expect(pno_digest_equal(pno_config_digest(c), pno_config_digest(d)) == pno_key_resumable((pno_key)k), "%s",
              key_rows[k].name);
    d->value[k] = before;
  }
}

Test(config, two_spellings_of_one_number_do_not_differ) {
  cr_assert(pno_config_set(c, "pde.tol=1e-9", "cli") == PNO_OK &&
            pno_config_set(d, "pde.tol=0.000000001", "cli") == PNO_OK);
  cr_assert(pno_config_set(c, "data.batch=2e1", "cli") == PNO_OK &&
            pno_config_set(d, "data.batch=+20", "cli") == PNO_OK);
  cr_expect_eq(pno_config_differs(c, d), PNO_KEYS);
}

/* A German locale made for this test, so that it does not matter which ones are installed. */
static bool german(void) {
  char folder[] = "/tmp/pno-locale-XXXXXX", path[64];
  int status = 1;
  cr_assert(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/de_DE.UTF-8", folder);
  const pid_t child = fork();
  if (child == 0) {
    execlp("localedef", "localedef", "-c", "--no-archive", "-i", "de_DE", "-f", "UTF-8", path, (char *)NULL);
    _exit(127);
  }
  cr_assert(child > 0 && waitpid(child, &status, 0) == child);
  setenv("LOCPATH", folder, 1);
  const bool good = status == 0 && setlocale(LC_ALL, "de_DE.UTF-8") && strcmp(localeconv()->decimal_point, ",") == 0;
  const pid_t cleaner = fork();
  if (cleaner == 0) {
    execlp("rm", "rm", "-r", folder, (char *)NULL);
    _exit(127);
  }
  waitpid(cleaner, &status, 0);
  return good;
}

Test(config, a_locale_with_a_decimal_comma_changes_nothing) {
  if (!german()) cr_skip_test("no localedef or no sources of de_DE on this machine");
  cr_expect(pno_config_set(c, "train.lr=0.25", "cli") == PNO_OK);
  cr_expect_eq(pno_config_float(c, PNO_KEY_TRAIN_LR), 0.25);
  cr_expect(config_load_text(c, "a.yaml", "train: {lr: 0.125}\n") == PNO_OK);
  cr_expect_eq(pno_config_float(c, PNO_KEY_TRAIN_LR), 0.125);
  cr_expect(config_load_text(c, "b.yaml", "train: {lr: '0,5'}\n") == PNO_E_USAGE);
  char *text = written(c);
  cr_expect(config_load_text(d, "c.yaml", text) == PNO_OK, "%s", pno_fail_words());
  expect_same(c, d);
  free(text);
}

Test(config, the_nearest_name_is_near_or_none) {
  static const char *const names[] = {"train", "eval", "predict"};
  static char endless[1000];
  memset(endless, 't', sizeof endless - 1);
  cr_expect_str_eq(pno_nearest("train", names, 3), "train");
  cr_expect_str_eq(pno_nearest("tarin", names, 3), "train");
  cr_expect_str_eq(pno_nearest("predictt", names, 3), "predict");
  cr_expect_str_eq(pno_nearest("evl", names, 3), "eval");
  cr_expect_null(pno_nearest("zzzzzz", names, 3));
  cr_expect_null(pno_nearest("", names, 3));
  cr_expect_null(pno_nearest(endless, names, 3));
  cr_expect_null(pno_nearest("train", names, 0));
}

Test(config, values_are_cut_at_the_capacity_and_the_need_is_told) {
  char text[32];
  const size_t need = pno_config_values(c, false, NULL, 0), all = pno_config_values(c, true, NULL, 0);
  cr_expect(all > need && need > sizeof text);
  cr_expect_eq(pno_config_values(c, false, text, sizeof text), need);
  cr_expect_eq(strlen(text), sizeof text - 1);
}

Test(config, the_content_of_a_data_set_is_a_configuration_of_its_own) {
  char text[8192];
  cr_assert(pno_config_set(c, "pde.grid=9,11", "cli") == PNO_OK && pno_config_set(c, "run.seed=5", "cli") == PNO_OK);
  cr_assert(pno_config_content(c, text, sizeof text) < sizeof text);
  cr_assert(config_load_text(d, "content.yaml", text) == PNO_OK, "%s", pno_fail_words());
  for (int k = 0; k < PNO_KEYS; k++) {
    const bool inside = k == PNO_KEY_RUN_SEED || strncmp(key_rows[k].name, "pde.", 4) == 0;
    cr_expect((strcmp(pno_config_origin(d, (pno_key)k), "default") != 0) == inside, "%s", key_rows[k].name);
  }
  expect_same(c, d);
}
