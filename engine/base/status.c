#include "engine/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_CAP = 1024 };

static _Thread_local char words[WORDS_CAP];
static _Thread_local char hint[WORDS_CAP];

pno_status pno_fail(pno_status code, const char *fmt, ...) {
  char text[WORDS_CAP]; /* the arguments may point into words */
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  memcpy(words, text, sizeof words);
  hint[0] = '\0';
  return code;
}

pno_status pno_fail_in(pno_status code, const char *fmt, ...) {
  if (code == PNO_OK) return code;
  char text[WORDS_CAP];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  const char *const parts[] = {": ", words};
  size_t used = strlen(text);
  for (int i = 0; i < 2; i++) {
    const size_t room = sizeof text - 1 - used, want = strlen(parts[i]), take = want < room ? want : room;
    memcpy(text + used, parts[i], take);
    used += take;
  }
  text[used] = '\0';
  memcpy(words, text, used + 1);
  return code;
}

pno_status pno_hint(pno_status code, const char *fmt, ...) {
  if (code == PNO_OK) return code;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(hint, sizeof hint, fmt, ap);
  va_end(ap);
  return code;
}

const char *pno_fail_words(void) { return words; }

const char *pno_fail_hint(void) { return hint; }

void pno_fail_set_words(const char *new_words, const char *new_hint) {
  snprintf(words, sizeof words, "%s", new_words);
  snprintf(hint, sizeof hint, "%s", new_hint);
}

int pno_exit_code(pno_status st) { return st == PNO_E_SHAPE ? PNO_E_INPUT : (int)st; }
