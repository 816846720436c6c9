/* What happened, for whoever listens. Below launch/ nothing prints: launch/ installs the sink. Local, thread-safe once
 * the sink is set. */
#ifndef PNO_ENGINE_BASE_LOG_H
#define PNO_ENGINE_BASE_LOG_H

#include "engine/base/status.h"

typedef enum { PNO_LOG_DEBUG, PNO_LOG_INFO, PNO_LOG_WARN } pno_log_level;

/* text: one line without its end, borrowed for the call. */
typedef void pno_log_sink(void *user, pno_log_level level, const char *module, const char *text);

void pno_log_to(pno_log_sink *sink, void *user); /* NULL: discard, as at the start */
void pno_log(pno_log_level level, const char *module, const char *fmt, ...) PNO_PRINTF(3, 4);

#endif
