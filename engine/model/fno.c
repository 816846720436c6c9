#include "engine/model/fno.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/fno_impl.h"

static pno_status check_spec(const pno_fno_spec *s) {
  if (s->dims < 1 || s->dims > PNO_DIMS_MAX) return pno_fail(PNO_E_USAGE, "model: %d dimensions, 1 to 3 work", s->dims);
  if (s->layers < 1 || s->layers > PNO_LAYERS_MAX)
    return pno_fail(PNO_E_USAGE, "model.layers: %d, 1 to %d work", s->layers, PNO_LAYERS_MAX);
  if (s->in < 1 || s->out < 1 || s->width < 1 || s->head_hidden < 1 || s->lift_hidden < 0 || s->mlp_hidden < 0)
    return pno_fail(PNO_E_USAGE, "model: channels %d to %d, width %d, hidden %d, %d and %d: they must be positive",
                    s->in, s->out, s->width, s->lift_hidden, s->head_hidden, s->mlp_hidden);
  if (s->heads < 0 || s->heads > 2) return pno_fail(PNO_E_USAGE, "model: %d heads, 1 or 2 work", s->heads);
  for (int j = 0; j < s->dims; j++) {
    if (s->modes[j] < 1) return pno_fail(PNO_E_USAGE, "model.modes: %d on axis %d, at least 1", s->modes[j], j);
    if (!(s->padding[j] >= 0)) return pno_fail(PNO_E_USAGE, "model.padding: %g on axis %d", s->padding[j], j);
  }
  return PNO_OK;
}

/* Adds a dense weight (out, in, 1...) with `ones` trailing ones, or a bias, by PyTorch's default: uniform within
 * 1 / sqrt(in), which is kaiming_uniform(a = sqrt 5). */
static pno_status add_dense(pno_fno *f, const char *name, int in, int out, int ones, int *index) {
  pno_tensor t = {.kind = PNO_TENSOR_DENSE, .in = in, .out = out, .rank = 2 + ones, .shape = {out, in, 1, 1, 1, 1},
                  .init = PNO_INIT_UNIFORM, .init_scale = 1.0 / sqrt((double)in)};
  snprintf(t.name, sizeof t.name, "%s", name);
  return pno_registry_add(&f->registry, &t, index);
}

/* A vector of out elements with the outside shape (1,)*before + (out,) + (1,)*after. */
static pno_status add_vector(pno_fno *f, const char *name, int out, int before, int after, pno_init_kind init,
                             double scale, int *index) {
  pno_tensor t = {.kind = PNO_TENSOR_VECTOR, .in = 1, .out = out, .rank = before + 1 + after,
                  .shape = {1, 1, 1, 1, 1, 1}, .init = init, .init_scale = scale};
  t.shape[before] = out;
  snprintf(t.name, sizeof t.name, "%s", name);
  return pno_registry_add(&f->registry, &t, index);
}

static pno_status add_spectral(pno_fno *f, const char *name, pno_init_kind init, double scale, int *index) {
  const pno_fno_spec *s = &f->spec;
  pno_tensor t = {.kind = PNO_TENSOR_SPECTRAL, .in = s->width, .out = s->width, .rank = 2 + s->dims,
                  .shape = {s->width, s->width, 1, 1, 1, 1}, .mode_axes = s->dims, .init = init, .init_scale = scale,
                  .corners = s->flavour == PNO_FLAVOUR_LI};
  for (int j = 0; j < s->dims; j++) t.shape[2 + j] = t.modes[j] = f->stored[j];
  snprintf(t.name, sizeof t.name, "%s", name);
  return pno_registry_add(&f->registry, &t, index);
}

/* names: weight and bias of the first map, then of the second. */
static pno_status add_map(pno_fno *f, const char *const names[4], int in, int hidden, int out, int ones, fno_map *map) {
  *map = (fno_map){.in = in, .hidden = hidden, .out = out, .w1 = -1, .b1 = -1, .w2 = -1, .b2 = -1};
  const int middle = hidden ? hidden : out;
  PNO_TRY(add_dense(f, names[0], in, middle, ones, &map->w1));
  PNO_TRY(add_vector(f, names[1], middle, 0, 0, PNO_INIT_UNIFORM, 1.0 / sqrt((double)in), &map->b1));
  if (!hidden) return PNO_OK;
  PNO_TRY(add_dense(f, names[2], hidden, out, ones, &map->w2));
  return add_vector(f, names[3], out, 0, 0, PNO_INIT_UNIFORM, 1.0 / sqrt((double)hidden), &map->b2);
}

/* Names with the layer's number: format holds one %d. */
typedef char tensor_name[PNO_TENSOR_NAME_MAX];

/* Names of the state dict: neuralop 0.3, which the PNO code uses, keeps the biases of all layers in one tensor; here they are
 * one a layer. */
static pno_status add_neuralop_layer(pno_fno *f, int l) {
  const pno_fno_spec *s = &f->spec;
  const bool old = s->flavour == PNO_FLAVOUR_PNO;
  const double deviation = sqrt(2.0 / (2.0 * s->width)); /* sqrt(2 / (in + out)), over both parts of the complex */
  tensor_name n[8];
  snprintf(n[0], sizeof n[0], old ? "fno_blocks.convs.weight.%d.tensor" : "fno_blocks.convs.%d.weight.tensor", l);
  snprintf(n[1], sizeof n[1], old ? "fno_blocks.convs.bias.%d" : "fno_blocks.convs.%d.bias", l);
  snprintf(n[2], sizeof n[2], old ? "fno_blocks.fno_skips.%d.weight" : "fno_blocks.fno_skips.%d.conv.weight", l);
  snprintf(n[3], sizeof n[3], "fno_blocks.channel_mlp.%d.fcs.0.weight", l);
  snprintf(n[4], sizeof n[4], "fno_blocks.channel_mlp.%d.fcs.0.bias", l);
  snprintf(n[5], sizeof n[5], "fno_blocks.channel_mlp.%d.fcs.1.weight", l);
  snprintf(n[6], sizeof n[6], "fno_blocks.channel_mlp.%d.fcs.1.bias", l);
  snprintf(n[7], sizeof n[7], "fno_blocks.channel_mlp_skips.%d.weight", l);
  if (s->mlp_hidden) {
    const char *const names[4] = {n[3], n[4], n[5], n[6]};
    PNO_TRY(add_vector(f, n[7], s->width, 1, s->dims, PNO_INIT_ONES, 1.0, &f->gate[l]));
    PNO_TRY(add_map(f, names, s->width, s->mlp_hidden, s->width, 1, &f->mlp[l]));
  }
  PNO_TRY(add_spectral(f, n[0], PNO_INIT_NORMAL, deviation / sqrt(2.0), &f->spectral[l]));
  PNO_TRY(add_vector(f, n[1], s->width, 0, s->dims, PNO_INIT_NORMAL, deviation, &f->bias[l]));
  return add_dense(f, n[2], s->width, s->width, old ? s->dims : 1, &f->skip[l]);
}

static pno_status add_li_layer(pno_fno *f, int l) {
  const pno_fno_spec *s = &f->spec;
  tensor_name n[3];
  snprintf(n[0], sizeof n[0], "conv%d.weights", l);
  snprintf(n[1], sizeof n[1], "w%d.weight", l);
  snprintf(n[2], sizeof n[2], "w%d.bias", l);
  PNO_TRY(add_spectral(f, n[0], PNO_INIT_UNIT_INTERVAL, 1.0 / ((double)s->width * s->width), &f->spectral[l]));
  PNO_TRY(add_dense(f, n[1], s->width, s->width, s->dims, &f->skip[l]));
  return add_vector(f, n[2], s->width, 0, 0, PNO_INIT_UNIFORM, 1.0 / sqrt((double)s->width), &f->bias[l]);
}

static pno_status build(pno_fno *f) {
  static const char *const lift_names[2][4] = {
      {"lifting.fcs.0.weight", "lifting.fcs.0.bias", "lifting.fcs.1.weight", "lifting.fcs.1.bias"},
      {"fc0.weight", "fc0.bias", "", ""}};
  static const char *const head_names[2][4] = {
      {"projection.fcs.0.weight", "projection.fcs.0.bias", "projection.fcs.1.weight", "projection.fcs.1.bias"},
      {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}};
  static const char *const two_names[2][4] = { /* mean and scale, as the PNO code calls them */
      {"mu.fcs.0.weight", "mu.fcs.0.bias", "mu.fcs.1.weight", "mu.fcs.1.bias"},
      {"sigma.fcs.0.weight", "sigma.fcs.0.bias", "sigma.fcs.1.weight", "sigma.fcs.1.bias"}};
  const pno_fno_spec *s = &f->spec;
  const int li = s->flavour == PNO_FLAVOUR_LI, ones = s->flavour == PNO_FLAVOUR_NEURALOP; /* Conv1d, or Linear */
  for (int j = 0; j < s->dims; j++) {
    const int last = j == s->dims - 1;
    f->stored[j] = li ? (last ? s->modes[j] : 2 * s->modes[j]) : (last ? s->modes[j] / 2 + 1 : s->modes[j]);
  }
  for (int i = 0; i < (s->heads == 2 ? 2 : 1); i++)
    PNO_TRY(add_map(f, s->heads == 2 ? two_names[i] : head_names[li], s->width, s->head_hidden, s->out, ones, &f->head[i]));
  for (int l = s->layers - 1; l >= 0; l--) PNO_TRY(li ? add_li_layer(f, l) : add_neuralop_layer(f, l));
  return add_map(f, lift_names[li], s->in + (s->embed ? s->dims : 0), s->lift_hidden, s->width, ones, &f->lift);
}

pno_status pno_fno_create(const pno_fno_spec *spec, pno_fno **out) {
  PNO_TRY(check_spec(spec));
  pno_fno *f = calloc(1, sizeof *f);
  if (!f) return pno_fail(PNO_E_NOMEM, "no memory for a model description");
  f->spec = *spec;
  const pno_status st = build(f);
  if (st != PNO_OK) {
    free(f);
    return st;
  }
  *out = f;
  return PNO_OK;
}

void pno_fno_destroy(pno_fno **f) {
  if (!f) return;
  free(*f);
  *f = NULL;
}

const pno_fno_spec *pno_fno_spec_of(const pno_fno *f) { return &f->spec; }

const pno_registry *pno_fno_registry(const pno_fno *f) { return &f->registry; }
