/* The YAML subset: what it takes, and that everything else is refused at file:line:column with what to do. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config_files.h"
#include "launch/config_impl.h"

enum { MIB = 1 << 20, EVENTS = 4096 };

TestSuite(config_yaml, .timeout = 20);

Test(config_yaml, blocks_and_flows_quotes_and_comments_are_taken) {
  pno_config *c = config_new();
  const char *const text = "--- # a document\nmodel: {width: 24, modes: [8, 'x' ]}\n";
  cr_expect(config_load_text(c, "a.yaml", text) == PNO_E_USAGE); /* x is no number */
  cr_expect_eq(pno_config_int(c, PNO_KEY_MODEL_WIDTH), 32, "a file with a mistake changed something");
  const char *const good = "# first\nmodel: {width: 24, modes: [8, \"9\", '10' ]}\ntrain:\n  lr: 1.0e-2 # peak\n"
                           "  loss: 'h1'\ndata:\n  test:\n  - a.h5\n  - 'b c.h5'\nrun: {name: \"tab and \\u00e9\"}\n";
  cr_assert(config_load_text(c, "b.yaml", good) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(pno_config_int(c, PNO_KEY_MODEL_WIDTH), 24);
  cr_expect_eq(pno_config_count(c, PNO_KEY_MODEL_MODES), 3);
  cr_expect_eq(pno_config_float_at(c, PNO_KEY_MODEL_MODES, 2), 10.0);
  cr_expect_eq(pno_config_float(c, PNO_KEY_TRAIN_LR), 0.01);
  cr_expect_str_eq(pno_config_text_at(c, PNO_KEY_DATA_TEST, 1), "b c.h5");
  cr_expect_str_eq(pno_config_text(c, PNO_KEY_RUN_NAME), "tab and \u00e9");
  cr_expect_str_eq(pno_config_origin(c, PNO_KEY_TRAIN_LR), "b.yaml:4");
  cr_expect_str_eq(pno_config_origin(c, PNO_KEY_MODEL_LAYERS), "default");
  pno_config_destroy(&c);
}

Test(config_yaml, words_of_other_yaml_readers_have_no_meaning_of_their_own) {
  pno_config *c = config_new();
  cr_assert(config_load_text(c, "a.yaml", "run: {name: no}\ndata: {input: [on, null, 1e3, ~]}\n") == PNO_OK);
  cr_expect_str_eq(pno_config_text(c, PNO_KEY_RUN_NAME), "no");
  cr_expect_str_eq(pno_config_text_at(c, PNO_KEY_DATA_INPUT, 3), "~");
  cr_expect(config_load_text(c, "b.yaml", "data: {shuffle: yes}\n") == PNO_E_USAGE);
  cr_expect(config_load_text(c, "c.yaml", "model: {width: ~}\n") == PNO_E_USAGE);
  cr_expect(config_load_text(c, "d.yaml", "model: {width: }\n") == PNO_E_USAGE);
  pno_config_destroy(&c);
}

Test(config_yaml, a_single_value_may_stand_for_a_list_and_an_empty_list_is_one) {
  pno_config *c = config_new();
  cr_assert(config_load_text(c, "a.yaml", "model: {modes: 5, padding: []}\n") == PNO_OK);
  cr_expect_eq(pno_config_count(c, PNO_KEY_MODEL_MODES), 1);
  cr_expect_eq(pno_config_count(c, PNO_KEY_MODEL_PADDING), 0);
  cr_assert(pno_config_set(c, "model.modes=3,4,5", "cli") == PNO_OK);
  cr_expect_eq(pno_config_count(c, PNO_KEY_MODEL_MODES), 3);
  cr_expect(pno_config_set(c, "model.modes=3,,5", "cli") == PNO_E_USAGE);
  cr_expect(pno_config_set(c, "model.modes=3,4,", "cli") == PNO_E_USAGE);
  cr_expect(pno_config_set(c, "model.modes=[3,4]", "cli") == PNO_E_USAGE);
  cr_expect(pno_config_set(c, "model.modes=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "cli") == PNO_OK);
  cr_expect(pno_config_set(c, "model.modes=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "cli") == PNO_E_USAGE);
  pno_config_destroy(&c);
}

Test(config_yaml, what_is_not_in_the_subset_is_refused_with_its_place) {
  static const char *const bad[][2] = {
      {"model: &a {width: 3}\n", ":1:8: an anchor"},
      {"&a model: {width: 3}\n", ":1:1: an anchor"},
      {"model: {width: &a 3}\n", ":1:16: an anchor"},
      {"model: {modes: &a [3]}\n", ":1:16: an anchor"},
      {"model:\n  width: *a\n", ":2:10: an alias"},
      {"model:\n  <<: *a\n", "2:3: model.<<: unknown key"},
      {"<<: {width: 3}\n", ":1:1: <<: unknown section"},
      {"model: {width: !!int 3}\n", ":1:16: a tag"},
      {"model: !!map {width: 3}\n", ":1:8: a tag"},
      {"model: {modes: !!seq [3]}\n", ":1:16: a tag"},
      {"model: {modes: [! 3]}\n", ":1:17: a tag"},
      {"model: {width: {a: 3}}\n", ":1:16: model.width: not a plain value"},
      {"model: {width: [3]}\n", ":1:16: model.width: not a plain value"},
      {"model: {modes: {a: 3}}\n", ":1:16: model.modes: not a list"},
      {"model: {modes: [[3]]}\n", ":1:17: a list in a list"},
      {"model: {modes: [{a: 3}]}\n", ":1:17: "},
      {"model: {[a]: 3}\n", ":1:9: a name is expected"},
      {"? [a]\n: {width: 3}\n", ":1:3: a name is expected"},
      {"model: [width, 3]\n", ":1:8: a section is a map"},
      {"model: 3\n", ":1:8: a section is a map"},
      {"- model\n", ":1:1: a configuration is a map"},
      {"", "an empty file"},
      {"# nothing\n", "an empty file"},
      {"model: {width: 3}\n---\nmodel: {layers: 2}\n", ":2:1: one document only"},
      {"model: {width: 3\n", ": not YAML: "},
      {"model:\n\twidth: 3\n", ":2:1: not YAML: "},
      {"model: {width: \"\\xZZ\"}\n", ": not YAML: "},
      {"run: {name: \xff\xfe\xfd}\n", ": not YAML: "},
      {"run: {name: \"a\\nb\"}\n", "run.name: a control character"},
      {"run: {name: \"a\\0b\"}\n", "a zero byte"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) cr_expect(config_refuses(bad[i][0], bad[i][1]));
}

Test(config_yaml, a_name_that_no_key_has_gets_its_place_and_the_nearest_name) {
  cr_expect(config_refuses("run: {name: x}\nmodel:\n  widht: 64\n", ".yaml:3:3: model.widht: unknown key"));
  cr_expect(config_refuses("run: {name: x}\nmodel:\n  widht: 64\n", "did you mean model.width (integer 1..4096"));
  cr_expect(config_refuses("modell: {width: 64}\n", ".yaml:1:1: modell: unknown section"));
  cr_expect(config_refuses("modell: {width: 64}\n", "did you mean model?"));
  cr_expect(config_refuses("modell: {}\n", "modell: unknown section"));
  cr_expect(config_refuses("m: {}\n", ":1:1: m: unknown section"));
  cr_expect(config_refuses("model.width: 3\n", "model.width: unknown section"));
  cr_expect(config_refuses("model: {zzzzzzzzzzzzzzz: 1}\n", "see: pno config explain"));
}

Test(config_yaml, a_key_or_a_section_that_comes_twice_is_refused_at_the_second) {
  cr_expect(config_refuses("model: {width: 3, layers: 1, width: 3}\n", ":1:30: model.width: given twice"));
  cr_expect(config_refuses("model: {width: 3}\nmodel: {layers: 1}\n", ":2:1: model: given twice"));
}

Test(config_yaml, a_value_out_of_its_range_gets_its_place) {
  cr_expect(config_refuses("model:\n  width: 0\n", ".yaml:2:10: model.width: '0' is not allowed"));
  cr_expect(config_refuses("model:\n  width: 0\n", "integer 1..4096 channels, default 32"));
  cr_expect(config_refuses("train: {lr: 1e400}\n", ":1:13: train.lr: '1e400'"));
  cr_expect(config_refuses("train: {lr: .nan}\n", ":1:13: train.lr: '.nan'"));
}

Test(config_yaml, a_file_of_one_mebibyte_is_read_and_one_more_byte_is_not) {
  static char text[MIB + 1];
  pno_config *c = config_new();
  memset(text, '\n', sizeof text);
  memcpy(text, "model: {width: 7}", 17);
  cr_expect(pno_config_load(c, config_file("a.yaml", text, MIB)) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(pno_config_int(c, PNO_KEY_MODEL_WIDTH), 7);
  cr_expect(pno_config_load(c, config_file("b.yaml", text, MIB + 1)) == PNO_E_USAGE);
  cr_expect(strstr(pno_fail_words(), "more than 1 MiB"), "%s", pno_fail_words());
  pno_config_destroy(&c);
}

/* Lists end at 16 elements and keys at their number, so that only a depth or a row of documents could be longer: the
 * first thing too many ends the reading, long before libyaml has walked the file. */
Test(config_yaml, deep_nesting_is_refused_at_its_first_level_too_many) {
  static char text[200001];
  memset(text, '[', 200000);
  memcpy(text, "model: {modes: ", 15);
  cr_expect(config_refuses(text, ":1:17: a list in a list"));
  memset(text, '{', 200000);
  cr_expect(config_refuses(text, ":1:2: a name is expected"));
}

Test(config_yaml, long_names_values_and_lists_are_refused) {
  char text[CONFIG_TEXT + 200], name[CONFIG_TEXT + 1];
  memset(name, 'a', CONFIG_TEXT);
  name[CONFIG_TEXT] = '\0';
  snprintf(text, sizeof text, "run: {name: %s}\n", name);
  cr_expect(config_refuses(text, ":1:13: 1024 bytes"));
  name[CONFIG_TEXT - 1] = '\0';
  snprintf(text, sizeof text, "run: {name: %s}\n", name);
  pno_config *c = config_new();
  cr_expect(config_load_text(c, "longest.yaml", text) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(strlen(pno_config_text(c, PNO_KEY_RUN_NAME)), CONFIG_TEXT - 1);
  pno_config_destroy(&c);
  snprintf(text, sizeof text, "data: {test: [%s, b]}\n", name);
  cr_expect(config_refuses(text, "0 fit here"));
  snprintf(text, sizeof text, "run: {%.200s: 1}\n", name);
  cr_expect(config_refuses(text, ":1:7: 200 bytes"));
  cr_expect(config_refuses("model: {modes: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}\n", "more than 16 elements"));
}

Test(config_yaml, a_file_that_is_not_there_or_is_a_folder_is_an_error_of_the_disk) {
  pno_config *c = config_new();
  cr_expect(pno_config_load(c, "/nonexistent/a.yaml") == PNO_E_IO);
  cr_expect(strstr(pno_fail_words(), "/nonexistent/a.yaml") && strstr(pno_fail_words(), "No such file"));
  cr_expect(pno_config_load(c, "/tmp") == PNO_E_IO, "%s", pno_fail_words());
  pno_config_destroy(&c);
}

/* Cuts a good file after each byte, and flips each of its bytes: taken or refused, never a crash. */
Test(config_yaml, no_cut_and_no_flip_of_a_file_breaks_the_reader) {
  static const char good[] =
      "model: {width: 24, modes: [8, 'a']}\ntrain:\n  lr: \"1e-2\" # x\n  loss: h1\n- &b *b !t\n";
  pno_config *c = config_new();
  const char *path = config_file("a.yaml", good, sizeof good - 1);
  for (size_t i = 0; i < 2 * (sizeof good - 1); i++) {
    char text[sizeof good];
    const size_t at = i / 2;
    memcpy(text, good, sizeof good);
    if (i % 2) text[at] = (char)(text[at] ^ (1 << (at % 8)));
    const size_t n = i % 2 ? sizeof good - 1 : at;
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(text, 1, n, f) == n && fclose(f) == 0);
    const pno_status st = pno_config_load(c, path);
    cr_expect(st == PNO_OK || st == PNO_E_USAGE, "%d at %zu", st, i);
  }
  pno_config_destroy(&c);
}
