#include "engine/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static pno_log_sink *current_sink;
static void *current_user;

void pno_log_to(pno_log_sink *sink, void *user) {
  current_sink = sink;
  current_user = user;
}

void pno_log(pno_log_level level, const char *module, const char *fmt, ...) {
  if (!current_sink) return;
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  current_sink(current_user, level, module, text);
}
