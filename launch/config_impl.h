/* What the files of the configuration share; not for others. */
#ifndef PNO_LAUNCH_CONFIG_IMPL_H
#define PNO_LAUNCH_CONFIG_IMPL_H

#include "launch/config.h"

typedef enum { KEY_INT, KEY_FLOAT, KEY_BOOL, KEY_TEXT, KEY_ENUM, KEY_BYTES, KEY_INTS, KEY_FLOATS, KEY_TEXTS } key_type;

typedef struct {
  const char *name;
  key_type type;
  double least, most;
  const char *preset, *unit;
  bool resumable;
  const char *choices, *help;
} key_row;

extern const key_row key_rows[PNO_KEYS];

enum { CONFIG_ITEMS = 16, CONFIG_TEXT = 1024, CONFIG_ORIGIN = 128 };

typedef struct {
  char text[CONFIG_TEXT]; /* the items, each with its end */
  int n;                  /* items */
  short at[CONFIG_ITEMS]; /* where item i starts in text */
  double number[CONFIG_ITEMS];
  char origin[CONFIG_ORIGIN];
} key_value;

struct pno_config {
  key_value value[PNO_KEYS];
};

/* The key of that name, or PNO_KEYS after a failure with the nearest name as the hint. */
pno_key config_find(const char *name);

/* Checks n items against the row and takes them. Errors: PNO_E_USAGE "name: what is wrong", hint: what is allowed. */
pno_status config_take(pno_config *c, pno_key k, const char *const *items, int n, const char *origin);

bool config_is_list(pno_key k);

/* Whether some key starts with name and a dot; and the failure when none does, with the nearest section as the hint. */
bool config_is_section(const char *name);
pno_status config_no_section(const char *name);

/* "integer 1..4096, default 32" */
void config_describe(pno_key k, char *out, size_t cap);

#endif
