/* Configuration files made from text, in a folder of this process that is deleted at its exit. */
#ifndef PNO_TESTS_LAUNCH_CONFIG_FILES_H
#define PNO_TESTS_LAUNCH_CONFIG_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "launch/config.h"

/* The path of a new file with these bytes; valid until exit. At most 16 files a process. */
const char *config_file(const char *name, const void *bytes, size_t n);

/* A configuration of defaults; ends the test if there is none. */
pno_config *config_new(void);

/* Loads text as a file of that name. */
pno_status config_load_text(pno_config *c, const char *name, const char *text);

/* Whether text is refused as PNO_E_USAGE and words or hint hold the part; prints what was said instead if not. */
bool config_refuses(const char *text, const char *part);

#endif
