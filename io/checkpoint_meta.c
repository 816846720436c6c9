#include <stdio.h>
#include <string.h>

#include "io/checkpoint.h"
#include "io/fsutil.h"

static int find(const pno_checkpoint_meta *m, const char *key) {
  for (int i = 0; i < m->n_scalars; i++)
    if (strcmp(m->scalar[i].key, key) == 0) return i;
  return -1;
}

/* One slash between two safe names. */
static bool key_is_good(const char *key) {
  char part[PNO_CHECKPOINT_KEY];
  const char *slash = strchr(key, '/');
  if (!slash || strlen(key) >= sizeof part) return false;
  snprintf(part, sizeof part, "%.*s", (int)(slash - key), key);
  return pno_name_is_safe(part) && pno_name_is_safe(slash + 1);
}

static pno_status slot(pno_checkpoint_meta *m, const char *key, pno_scalar_kind kind, pno_scalar **out) {
  if (!key_is_good(key)) return pno_fail(PNO_E_INTERNAL, "checkpoint key %.80s is not group/name", key);
  int i = find(m, key);
  if (i < 0 && m->n_scalars == PNO_CHECKPOINT_SCALARS_MAX)
    return pno_fail(PNO_E_INTERNAL, "no room for checkpoint key %s: %d are there", key, m->n_scalars);
  if (i < 0) i = m->n_scalars++;
  pno_scalar *s = &m->scalar[i];
  memset(s, 0, sizeof *s); /* the bytes cross ranks and end up in files */
  snprintf(s->key, sizeof s->key, "%s", key);
  s->kind = kind;
  *out = s;
  return PNO_OK;
}

pno_status pno_checkpoint_put_i64(pno_checkpoint_meta *m, const char *key, int64_t value) {
  pno_scalar *s = NULL;
  PNO_TRY(slot(m, key, PNO_SCALAR_I64, &s));
  s->value.i64 = value;
  return PNO_OK;
}

pno_status pno_checkpoint_put_u64(pno_checkpoint_meta *m, const char *key, uint64_t value) {
  pno_scalar *s = NULL;
  PNO_TRY(slot(m, key, PNO_SCALAR_U64, &s));
  s->value.u64 = value;
  return PNO_OK;
}

pno_status pno_checkpoint_put_f64(pno_checkpoint_meta *m, const char *key, double value) {
  pno_scalar *s = NULL;
  PNO_TRY(slot(m, key, PNO_SCALAR_F64, &s));
  s->value.f64 = value;
  return PNO_OK;
}

pno_status pno_checkpoint_put_text(pno_checkpoint_meta *m, const char *key, const char *value) {
  if (strlen(value) >= PNO_CHECKPOINT_TEXT)
    return pno_fail(PNO_E_INTERNAL, "the text of checkpoint key %.80s is longer than %d bytes", key,
                    PNO_CHECKPOINT_TEXT - 1);
  pno_scalar *s = NULL;
  PNO_TRY(slot(m, key, PNO_SCALAR_TEXT, &s));
  memcpy(s->value.text, value, strlen(value));
  return PNO_OK;
}

static pno_status look_up(const pno_checkpoint_meta *m, const char *key, pno_scalar_kind kind, const pno_scalar **out) {
  const int i = find(m, key);
  if (i < 0) return pno_fail(PNO_E_INPUT, "the checkpoint has no %s", key);
  if (m->scalar[i].kind != kind) return pno_fail(PNO_E_INPUT, "%s in the checkpoint is of another kind", key);
  *out = &m->scalar[i];
  return PNO_OK;
}

pno_status pno_checkpoint_get_i64(const pno_checkpoint_meta *m, const char *key, int64_t *out) {
  const pno_scalar *s = NULL;
  PNO_TRY(look_up(m, key, PNO_SCALAR_I64, &s));
  *out = s->value.i64;
  return PNO_OK;
}

pno_status pno_checkpoint_get_u64(const pno_checkpoint_meta *m, const char *key, uint64_t *out) {
  const pno_scalar *s = NULL;
  PNO_TRY(look_up(m, key, PNO_SCALAR_U64, &s));
  *out = s->value.u64;
  return PNO_OK;
}

pno_status pno_checkpoint_get_f64(const pno_checkpoint_meta *m, const char *key, double *out) {
  const pno_scalar *s = NULL;
  PNO_TRY(look_up(m, key, PNO_SCALAR_F64, &s));
  *out = s->value.f64;
  return PNO_OK;
}

pno_status pno_checkpoint_get_text(const pno_checkpoint_meta *m, const char *key, char out[PNO_CHECKPOINT_TEXT]) {
  const pno_scalar *s = NULL;
  PNO_TRY(look_up(m, key, PNO_SCALAR_TEXT, &s));
  memcpy(out, s->value.text, PNO_CHECKPOINT_TEXT);
  return PNO_OK;
}
