/* The configuration: every key of launch/keys.def with its value and where that came from.
 *
 * Built-in < site file < CONFIG < $PNO_OPTS < command line; later calls win. Values are checked when they are set, so
 * getters cannot fail. Text is borrowed until the key is set again or the configuration destroyed. All Local. */
#ifndef PNO_LAUNCH_CONFIG_H
#define PNO_LAUNCH_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"

typedef enum {
#define PNO_KEY(id, ...) PNO_KEY_##id,
#include "launch/keys.def"
#undef PNO_KEY
  PNO_KEYS
} pno_key;

typedef struct pno_config pno_config;

/* All defaults. Errors: PNO_E_NOMEM; PNO_E_INTERNAL if a default does not fit its own row. */
pno_status pno_config_create(pno_config **out);
void pno_config_destroy(pno_config **c);

/* A file in the YAML subset: two levels of maps, scalars and flat lists; no aliases, anchors, tags or merges; at most
 * 1 MiB and 4,096 events. A failure changes nothing. Errors: PNO_E_USAGE as file:line:column with what and a hint;
 * PNO_E_IO; PNO_E_NOMEM. */
pno_status pno_config_load(pno_config *c, const char *path);

/* "section.key=value"; lists as a,b. Texts hold no control characters and are UTF-8, so that they come back from the
 * written configuration. Errors: PNO_E_USAGE. */
pno_status pno_config_set(pno_config *c, const char *assignment, const char *origin);

double pno_config_float(const pno_config *c, pno_key k);
long pno_config_int(const pno_config *c, pno_key k);
bool pno_config_bool(const pno_config *c, pno_key k);
const char *pno_config_text(const pno_config *c, pno_key k);
int pno_config_choice(const pno_config *c, pno_key k); /* position among the choices of an ENUM */
int pno_config_count(const pno_config *c, pno_key k);  /* elements of a list */
double pno_config_float_at(const pno_config *c, pno_key k, int i);
const char *pno_config_text_at(const pno_config *c, pno_key k, int i);
const char *pno_config_origin(const pno_config *c, pno_key k); /* "default", "cli", "burgers.yaml:12" */

/* Whether the value, not a list, is spelled as the default is; wherever it comes from. */
bool pno_config_is_default(const pno_config *c, pno_key k);

/* The resolved configuration as a file that loads again, each line with its origin. False: the stream failed. */
bool pno_config_write(const pno_config *c, FILE *to);

/* Keys whose values decide results, as text: name=value lines of those that are not resumable (all = false), or of
 * every key. Writes at most cap bytes with the end and returns what it needed without the end. */
size_t pno_config_values(const pno_config *c, bool all, char *out, size_t cap);
pno_digest pno_config_digest(const pno_config *c);

/* What decides the content of a generated data set, as YAML: run.seed and the section pde. */
size_t pno_config_content(const pno_config *c, char *out, size_t cap);

/* The first key that may not differ between a run and its resumption but does; PNO_KEYS if none. */
pno_key pno_config_differs(const pno_config *a, const pno_config *b);

/* Type, range, default, unit, help of one key, of a section, or of all ("" or NULL). False: no such key or section. */
bool pno_config_explain(const char *name, FILE *to);
const char *pno_key_name(pno_key k);
bool pno_key_resumable(pno_key k);

/* The closest of n names to a word, for hints; NULL if none is near. */
const char *pno_nearest(const char *word, const char *const *names, int n);

#endif
