/* Names and corners of Li et al. against the definition in their code (fourier_1d, _2d, _3d of the paper's repository):
 *   out_ft[:, :,  :m1,  :m2, :m3] = x_ft[...] * weights1      out_ft[:, :, -m1:,  :m2, :m3] = x_ft[...] * weights2
 *   out_ft[:, :,  :m1, -m2:, :m3] = x_ft[...] * weights3      out_ft[:, :, -m1:, -m2:, :m3] = x_ft[...] * weights4 */
#include "engine/train/arrays.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/layout.h"

static const int m[3] = {3, 2, 4};

static pno_fno *make(pno_flavour flavour, int dims) {
  pno_fno_spec s = {.flavour = flavour, .dims = dims, .in = 2, .out = 1, .width = 3, .layers = 2, .head_hidden = 6,
                    .embed = true};
  for (int j = 0; j < dims; j++) s.modes[j] = m[j];
  if (flavour == PNO_FLAVOUR_NEURALOP) s.lift_hidden = s.mlp_hidden = 4;
  pno_fno *f = NULL;
  cr_assert(pno_fno_create(&s, &f) == PNO_OK, "%s", pno_fail_words());
  return f;
}

static const pno_array *find(const pno_array *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return &list[i];
  cr_assert_fail("no array %s", name);
  return NULL;
}

/* negative[j]: whether weights c has the negative frequencies of axis j. */
static const bool negative[4][2] = {{false, false}, {true, false}, {false, true}, {true, true}};

/* Stored value of the mode with these frequencies: [k0]..[in][re|im][16], ascending signed frequency on leading axes,
 * stored are -m .. m - 1 there and 0 .. m - 1 on the last axis. */
static float stored(const float *tensor, int dims, const int *frequency, int i, int o, int part) {
  ptrdiff_t at = 0;
  for (int j = 0; j < dims; j++) {
    const bool last = j == dims - 1;
    at = at * (last ? m[j] : 2 * m[j]) + frequency[j] + (last ? 0 : m[j]);
  }
  return tensor[((at * 3 + i) * 2 + part) * 16 + o];
}

static void expect_corner(const pno_array *a, int dims, int c, const float *tensor) {
  float *outside = malloc(pno_array_bytes(a));
  cr_assert(outside && pno_layout_export(a, outside) == PNO_OK, "%s", pno_fail_words());
  cr_assert(a->rank == 2 + dims && a->shape[0] == 3 && a->shape[1] == 3 && a->dtype == PNO_DTYPE_C64);
  const int n1 = dims > 1 ? m[1] : 1, n2 = dims > 2 ? m[2] : 1;
  for (int j = 0; j < dims; j++) cr_assert_eq(a->shape[2 + j], m[j]);
  for (int e = 0; e < 9 * m[0] * n1 * n2; e++) { /* (in, out, k0, k1, k2) */
    const int k[3] = {e / (n1 * n2) % m[0], e / n2 % n1, e % n2}, o = e / (m[0] * n1 * n2) % 3, i = e / (m[0] * n1 * n2) / 3;
    int frequency[3];
    for (int j = 0; j < dims; j++) frequency[j] = j < dims - 1 && negative[c][j] ? k[j] - m[j] : k[j];
    for (int part = 0; part < 2; part++)
      cr_assert(outside[2 * e + part] == stored(tensor, dims, frequency, i, o, part), "%s element %d", a->name, e);
  }
  free(outside);
}

Test(arrays, li_corners_hold_the_frequencies_that_their_code_gives_them) {
  for (int dims = 1; dims <= 3; dims++) {
    pno_fno *f = make(PNO_FLAVOUR_LI, dims);
    const pno_registry *r = pno_fno_registry(f);
    float *params = calloc((size_t)r->floats, sizeof *params);
    pno_array *list = calloc(PNO_ARRAYS_MAX, sizeof *list);
    int n = 0;
    pno_registry_init(r, 7, params);
    pno_arrays_of_registry(r, PNO_ROLE_PARAM, params, list, &n);
    for (int l = 0; l < 2; l++) {
      const pno_tensor *t = NULL;
      char name[64];
      snprintf(name, sizeof name, "conv%d.weights", l);
      for (int i = 0; i < r->n; i++)
        if (strcmp(r->tensor[i].name, name) == 0) t = &r->tensor[i];
      cr_assert_not_null(t);
      for (int c = 0; c < 1 << (dims - 1); c++) {
        snprintf(name, sizeof name, "model/conv%d.weights%d", l, c + 1);
        expect_corner(find(list, n, name), dims, c, params + t->at);
      }
    }
    cr_expect_eq(n, 4 + 2 * (2 + (1 << (dims - 1))) + 2, "%d arrays in %d-D", n, dims);
    free(list);
    free(params);
    pno_fno_destroy(&f);
  }
}

/* Outside and back into zeros: every bit of a drawn buffer, whose padding is zero, is there again. */
static void expect_round_trip(const pno_registry *r, pno_role role) {
  const size_t floats = (size_t)(role == PNO_ROLE_V ? r->v_floats : r->floats);
  float *from = calloc(floats, sizeof *from), *to = calloc(floats, sizeof *to);
  pno_array *list = calloc(PNO_ARRAYS_MAX, sizeof *list), *back = calloc(PNO_ARRAYS_MAX, sizeof *back);
  int n = 0, n_back = 0;
  ptrdiff_t values = 0, there = 0;
  pno_arrays_of_registry(r, role, from, list, &n);
  pno_arrays_of_registry(r, role, to, back, &n_back);
  cr_assert(n == n_back && n <= PNO_ARRAYS_MAX);
  for (int i = 0; i < n; i++) { /* all values different */
    float *outside = malloc(pno_array_bytes(&list[i]));
    const ptrdiff_t count = (ptrdiff_t)(pno_array_bytes(&list[i]) / sizeof *outside);
    for (ptrdiff_t e = 0; e < count; e++) outside[e] = (float)++values;
    cr_assert(pno_layout_import(&list[i], outside) == PNO_OK, "%s", pno_fail_words());
    free(outside);
  }
  for (size_t k = 0; k < floats; k++) there += from[k] != 0.0f;
  cr_expect_eq(there, values, "arrays overlap or leave their buffer: %td values, %td places", values, there);
  for (int i = 0; i < n; i++) {
    void *outside = malloc(pno_array_bytes(&list[i]));
    cr_assert(pno_layout_export(&list[i], outside) == PNO_OK && pno_layout_import(&back[i], outside) == PNO_OK);
    free(outside);
  }
  cr_expect_arr_eq(from, to, floats * sizeof *from);
  free(back);
  free(list);
  free(from);
  free(to);
}

Test(arrays, parameters_and_moments_go_out_and_come_back_bit_by_bit) {
  for (int flavour = 0; flavour < 2; flavour++) {
    for (int dims = 1; dims <= 3; dims++) {
      pno_fno *f = make((pno_flavour)flavour, dims);
      for (int role = 0; role < 3; role++) expect_round_trip(pno_fno_registry(f), (pno_role)role);
      pno_fno_destroy(&f);
    }
  }
}

static void expect_names(pno_flavour flavour, const char *const *names, int expected) {
  static const char *const ends[] = {"", ".m", ".v"};
  pno_fno *f = make(flavour, 2);
  float one;
  pno_array *list = calloc(PNO_ARRAYS_MAX, sizeof *list);
  for (int role = 0; role < 3; role++) {
    int n = 0;
    pno_arrays_of_registry(pno_fno_registry(f), (pno_role)role, &one, list, &n);
    cr_expect_eq(n, expected, "%d arrays", n);
    for (int i = 0; i < expected; i++) {
      char name[128];
      snprintf(name, sizeof name, "%s/%s%s", role ? "optim" : "model", names[i], ends[role]);
      find(list, n, name);
    }
  }
  free(list);
  pno_fno_destroy(&f);
}

Test(arrays, names_are_those_of_the_python_models) {
  static const char *const li[] = {"fc0.weight", "fc0.bias", "conv0.weights1", "conv0.weights2", "w0.weight", "w0.bias",
                                   "conv1.weights1", "conv1.weights2", "w1.weight", "w1.bias", "fc1.weight", "fc1.bias",
                                   "fc2.weight", "fc2.bias"};
  static const char *const neuralop[] = {
      "lifting.fcs.0.weight", "lifting.fcs.0.bias", "lifting.fcs.1.weight", "lifting.fcs.1.bias",
      "fno_blocks.convs.0.weight.tensor", "fno_blocks.convs.0.bias", "fno_blocks.fno_skips.0.conv.weight",
      "fno_blocks.channel_mlp.0.fcs.0.weight", "fno_blocks.channel_mlp.0.fcs.0.bias",
      "fno_blocks.channel_mlp.0.fcs.1.weight", "fno_blocks.channel_mlp.0.fcs.1.bias",
      "fno_blocks.channel_mlp_skips.0.weight", "fno_blocks.convs.1.weight.tensor", "fno_blocks.convs.1.bias",
      "fno_blocks.fno_skips.1.conv.weight", "fno_blocks.channel_mlp.1.fcs.0.weight",
      "fno_blocks.channel_mlp.1.fcs.0.bias", "fno_blocks.channel_mlp.1.fcs.1.weight",
      "fno_blocks.channel_mlp.1.fcs.1.bias", "fno_blocks.channel_mlp_skips.1.weight", "projection.fcs.0.weight",
      "projection.fcs.0.bias", "projection.fcs.1.weight", "projection.fcs.1.bias"};
  expect_names(PNO_FLAVOUR_LI, li, sizeof li / sizeof li[0]);
  expect_names(PNO_FLAVOUR_NEURALOP, neuralop, sizeof neuralop / sizeof neuralop[0]);
}
