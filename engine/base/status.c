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
  char text[WORDS_CAP]; /* the arguments may point into hint */
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  memcpy(hint, text, sizeof hint);
  return code;
}

const char *pno_fail_words(void) { return words; }

const char *pno_fail_hint(void) { return hint; }

void pno_fail_set_words(const char *new_words, const char *new_hint) {
  char text[2][WORDS_CAP]; /* the arguments may be words and hint themselves */
  snprintf(text[0], sizeof text[0], "%s", new_words);
  snprintf(text[1], sizeof text[1], "%s", new_hint);
  memcpy(words, text[0], sizeof words);
  memcpy(hint, text[1], sizeof hint);
}

int pno_exit_code(pno_status st) { return st == PNO_E_SHAPE ? PNO_E_INPUT : (int)st; }
