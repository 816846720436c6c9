#include "engine/train/arrays.h"

#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"

static const char *const groups[] = {"model", "optim", "optim"};
static const char *const endings[] = {"", ".m", ".v"};

static pno_array whole(const pno_tensor *t, pno_role role, float *buffer) {
  static const pno_layout layouts[] = {PNO_LAYOUT_DENSE, PNO_LAYOUT_VECTOR, PNO_LAYOUT_SPECTRAL};
  pno_array a = {.dtype = PNO_DTYPE_F32, .rank = t->rank, .layout = layouts[t->kind], .in = t->in, .out = t->out,
                 .out_padded = pno_padded(t->out), .mode_axes = t->mode_axes,
                 .data = buffer + (role == PNO_ROLE_V ? t->v_at : t->at)};
  if (t->kind == PNO_TENSOR_SPECTRAL) {
    a.dtype = role == PNO_ROLE_V ? PNO_DTYPE_F32 : PNO_DTYPE_C64;
    a.layout = role == PNO_ROLE_V ? PNO_LAYOUT_SPECTRAL_REAL : PNO_LAYOUT_SPECTRAL;
  }
  for (int j = 0; j < t->rank; j++) a.shape[j] = t->shape[j];
  for (int j = 0; j < t->mode_axes; j++) a.modes[j] = t->modes[j];
  snprintf(a.name, sizeof a.name, "%s/%s%s", groups[role], t->name, endings[role]);
  return a;
}

/* Corner c of Li et al.: bit j set takes the negative frequencies of axis j, which are stored first. */
static pno_array corner(const pno_tensor *t, pno_role role, float *buffer, int c) {
  pno_array a = whole(t, role, buffer);
  for (int j = 0; j < t->mode_axes - 1; j++) {
    const int half = t->modes[j] / 2;
    a.shape[2 + j] = half;
    a.first[j] = (c >> j) & 1 ? 0 : half;
  }
  snprintf(a.name, sizeof a.name, "%s/%s%d%s", groups[role], t->name, c + 1, endings[role]);
  return a;
}

void pno_arrays_of_registry(const pno_registry *r, pno_role role, float *buffer, pno_array *list, int *n) {
  for (int i = 0; i < r->n; i++) {
    const pno_tensor *t = &r->tensor[i];
    if (!t->corners) {
      list[(*n)++] = whole(t, role, buffer);
      continue;
    }
    for (int c = 0; c < 1 << (t->mode_axes - 1); c++) list[(*n)++] = corner(t, role, buffer, c);
  }
}

void pno_optim_tensors_of_registry(const pno_registry *r, pno_optim_tensor *list) {
  for (int i = 0; i < r->n; i++) {
    const pno_tensor *t = &r->tensor[i];
    list[i] = (pno_optim_tensor){.is_complex = t->kind == PNO_TENSOR_SPECTRAL, .half = pno_padded(t->out), .at = t->at,
                                 .count = t->count, .v_at = t->v_at, .v_count = t->v_count};
  }
}

void pno_arrays_of_normaliser(const pno_normaliser *z, char field, float *mean, float *std, pno_array *list, int *n) {
  if (pno_normaliser_kind(z) == PNO_NORMALISE_NONE) return;
  pno_array a = {.dtype = PNO_DTYPE_F32, .rank = 2, .layout = PNO_LAYOUT_PLAIN,
                 .shape = {pno_normaliser_rows(z), pno_normaliser_channels(z)}, .data = mean};
  snprintf(a.name, sizeof a.name, "norm/%c_mean", field);
  list[(*n)++] = a;
  a.data = std;
  snprintf(a.name, sizeof a.name, "norm/%c_std", field);
  list[(*n)++] = a;
}
