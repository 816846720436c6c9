#include "tests/engine/model/oracle_case.h"

#include <stdlib.h>
#include <string.h>

static int one_of(const char *value, const char *const *names, int n) {
  for (int i = 0; i < n; i++)
    if (strcmp(value, names[i]) == 0) return i;
  return -1;
}

/* Numbers divided by commas, as in 16,12; returns how many. */
static int numbers(const char *value, double *out) {
  int n = 0;
  while (n < PNO_DIMS_MAX) {
    char *end;
    out[n++] = strtod(value, &end);
    if (end == value) return 0;
    if (*end == '\0') return n;
    if (*end != ',') return 0;
    value = end + 1;
  }
  return 0;
}

/* One whole number into the field of that name. */
static bool set_number(oracle_case *c, const char *key, const char *value) {
  pno_fno_spec *s = &c->spec;
  const struct {
    const char *name;
    int *at;
  } fields[] = {{"in", &s->in},           {"out", &s->out},         {"width", &s->width},
                {"layers", &s->layers},   {"lift", &s->lift_hidden}, {"head", &s->head_hidden},
                {"mlp", &s->mlp_hidden},  {"samples", &c->samples},  {"micro", &c->micro},
                {"heads", &s->heads},     {"draws", &c->draws}};
  double number[PNO_DIMS_MAX];
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (strcmp(key, fields[i].name) != 0) continue;
    if (numbers(value, number) != 1) return false;
    *fields[i].at = (int)number[0];
    return true;
  }
  return false;
}

static bool set_share(oracle_case *c, const char *key, const char *value) {
  const struct {
    const char *name;
    double *at;
  } fields[] = {{"drop", &c->drop}, {"fdrop", &c->fdrop}, {"fair", &c->draw_loss.fair}, {"gamma", &c->draw_loss.gamma}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (strcmp(key, fields[i].name) == 0) return numbers(value, fields[i].at) == 1;
  return false;
}

static bool set_axes(oracle_case *c, const char *key, const char *value) {
  double number[PNO_DIMS_MAX] = {0};
  const int n = numbers(value, number);
  if (n == 0) return false;
  for (int j = 0; j < n; j++) {
    if (strcmp(key, "n") == 0) c->n[j] = (int)number[j];
    if (strcmp(key, "modes") == 0) c->spec.modes[j] = (int)number[j];
    if (strcmp(key, "pad") == 0) c->spec.padding[j] = number[j];
  }
  if (strcmp(key, "n") == 0) c->spec.dims = n;
  return n == c->spec.dims; /* n comes first */
}

static bool set(oracle_case *c, const char *key, const char *value) {
  static const char *const flavours[] = {"neuralop", "li", "pno"}, *const losses[] = {"l2", "rel", "h1", "energy", "rel_energy", "crps", "kernel", "nll"};
  static const char *const norms[] = {"none", "channel", "point"}, *const truths[] = {"no", "yes"};
  int i;
  if (strcmp(key, "flavour") == 0) {
    i = one_of(value, flavours, 3);
    c->spec.flavour = (pno_flavour)i;
  } else if (strcmp(key, "loss") == 0) {
    i = one_of(value, losses, 8);
    c->loss = (pno_loss_kind)i;
  } else if (strcmp(key, "norm") == 0) {
    i = one_of(value, norms, 3);
    c->norm = (case_norm)i;
  } else if (strcmp(key, "embed") == 0) {
    i = one_of(value, truths, 2);
    c->spec.embed = i == 1;
  } else if (strcmp(key, "n") == 0 || strcmp(key, "modes") == 0 || strcmp(key, "pad") == 0) {
    return set_axes(c, key, value);
  } else if (strcmp(key, "laplace") == 0) {
    i = one_of(value, truths, 2);
    c->draw_loss.laplace = i == 1;
  } else {
    return set_number(c, key, value) || set_share(c, key, value);
  }
  return i >= 0;
}

pno_status oracle_case_parse(int words, char *const *word, oracle_case *out) {
  oracle_case c = {.draws = 1, .draw_loss = {.fair = 1.0, .gamma = 1.0}};
  for (int i = 0; i < words; i++) {
    char key[16] = {0};
    const char *sign = strchr(word[i], '=');
    if (!sign || sign - word[i] >= (ptrdiff_t)sizeof key) return pno_fail(PNO_E_USAGE, "'%s' is no key=value", word[i]);
    memcpy(key, word[i], (size_t)(sign - word[i]));
    if (!set(&c, key, sign + 1)) return pno_fail(PNO_E_USAGE, "'%s' is not understood", word[i]);
  }
  *out = c;
  return PNO_OK;
}
