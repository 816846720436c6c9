#include "engine/base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  int calls;
  pno_log_level level;
  char module[16], text[2048];
} heard;

static void listen(void *user, pno_log_level level, const char *module, const char *text) {
  heard *h = user;
  h->calls++;
  h->level = level;
  snprintf(h->module, sizeof h->module, "%s", module);
  snprintf(h->text, sizeof h->text, "%s", text);
}

Test(log, the_sink_hears_level_module_and_text) {
  heard h = {0};
  pno_log_to(listen, &h);
  pno_log(PNO_LOG_WARN, "io", "%d of %s", 3, "many");
  cr_assert_eq(h.calls, 1);
  cr_assert_eq(h.level, PNO_LOG_WARN);
  cr_assert_str_eq(h.module, "io");
  cr_assert_str_eq(h.text, "3 of many");
}

Test(log, without_a_sink_nothing_is_heard) {
  heard h = {0};
  pno_log_to(listen, &h);
  pno_log_to(NULL, NULL);
  pno_log(PNO_LOG_WARN, "io", "lost");
  cr_assert_eq(h.calls, 0);
}

Test(log, a_long_line_is_cut_and_ended) {
  static char text[4000];
  heard h = {0};
  memset(text, 'l', sizeof text - 1);
  pno_log_to(listen, &h);
  pno_log(PNO_LOG_INFO, "io", "%s", text);
  cr_assert_eq(strlen(h.text), 1023);
}
