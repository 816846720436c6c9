#include "engine/model/fno.h"

#include <criterion/criterion.h>
#include <string.h>

/* Published counts (a complex number counts twice) and, where known, those of neuraloperator (once). unused: parameters
 * of batch norms that the classic code constructs and never uses; we have none. */
typedef struct {
  const char *name;
  pno_fno_spec spec;
  int unused;
  ptrdiff_t reals, elements;
} published;

#define NEURALOP(d, i, h, l, p, m, ...) \
  {.flavour = PNO_FLAVOUR_NEURALOP, .dims = d, .in = i, .out = 1, .width = h, .layers = 4, .lift_hidden = l, \
   .head_hidden = p, .mlp_hidden = m, .embed = true, .modes = __VA_ARGS__}
#define PNO(d, h, l, two, ...) \
  {.flavour = PNO_FLAVOUR_PNO, .dims = d, .in = 1, .out = 1, .width = h, .layers = 4, .lift_hidden = l, \
   .head_hidden = l, .heads = two, .embed = true, .modes = __VA_ARGS__}
#define LI(d, i, w, ...) \
  {.flavour = PNO_FLAVOUR_LI, .dims = d, .in = i, .out = 1, .width = w, .layers = 4, .head_hidden = 128, \
   .embed = true, .modes = __VA_ARGS__}

static const published counts[] = {
    {"PNO Darcy", PNO(2, 32, 256, 1, {12, 12}), 0, 710305, 0},
    {"PNO_R Darcy", PNO(2, 32, 256, 2, {12, 12}), 0, 719010, 0},
    {"PNO KS", PNO(2, 20, 128, 1, {10, 12}), 0, 231589, 0},
    {"PNO_R KS", PNO(2, 20, 128, 2, {10, 12}), 0, 234406, 0},
    {"PNO ERA5", PNO(3, 20, 128, 1, {10, 12, 12}), 0, 2695717, 0},
    {"PNO_R ERA5", PNO(3, 20, 128, 2, {10, 12, 12}), 0, 2698534, 0},
    {"Li NS 2-D", LI(2, 10, 20, {8, 8}), 4 * 2 * 20, 414517, 0},
    {"Li NS 3-D", LI(3, 10, 20, {8, 8, 8}), 4 * 2 * 20, 6558537, 0},
    {"Li Burgers", LI(1, 1, 64, {16}), 0, 549569, 287425},
    {"Li Darcy", LI(2, 1, 32, {12, 12}), 0, 2368001, 1188353},
    {"neuralop 16", NEURALOP(2, 3, 64, 128, 128, 32, {16, 16}), 0, 4769729, 0},
    {"neuralop 64", NEURALOP(2, 1, 64, 128, 256, 32, {64, 64}), 0, 69265345, 0},
    {"neuralop 8", NEURALOP(2, 1, 24, 48, 48, 12, {8, 8}), 0, 191881, 99721},
    {"neuralop 16, width 24", NEURALOP(2, 1, 24, 48, 48, 12, {16, 16}), 0, 671113, 0},
};

Test(fno, parameter_counts_are_the_published_ones) {
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    pno_fno *f;
    pno_fno_spec spec = counts[i].spec;
    cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK, "%s: %s", counts[i].name, pno_fail_words());
    const ptrdiff_t reals = pno_registry_reals(pno_fno_registry(f)) + counts[i].unused;
    cr_expect_eq(reals, counts[i].reals, "%s: %td, published %td", counts[i].name, reals, counts[i].reals);
    const ptrdiff_t elements = pno_registry_elements(pno_fno_registry(f));
    if (counts[i].elements) cr_expect_eq(elements, counts[i].elements, "%s: %td", counts[i].name, elements);
    pno_fno_destroy(&f);
    cr_assert_null(f);
  }
}

static const pno_fno_spec small = NEURALOP(2, 1, 5, 8, 8, 2, {4, 4});

Test(fno, tensors_lie_in_backward_order) {
  pno_fno *f;
  cr_assert_eq(pno_fno_create(&small, &f), PNO_OK);
  const pno_registry *r = pno_fno_registry(f);
  cr_assert_eq(strncmp(r->tensor[0].name, "projection.", 11), 0);
  cr_assert_eq(strncmp(r->tensor[r->n - 1].name, "lifting.", 8), 0);
  int layer = 3;
  for (int i = 0; i < r->n; i++) {
    const char *number = strpbrk(r->tensor[i].name, "0123456789");
    if (strncmp(r->tensor[i].name, "fno_blocks.", 11) != 0) continue;
    cr_assert(*number - '0' == layer || *number - '0' == layer - 1, "%s", r->tensor[i].name);
    layer = *number - '0';
  }
  cr_assert_eq(layer, 0);
  pno_fno_destroy(&f);
}

Test(fno, no_two_tensors_have_one_name) {
  pno_fno *f;
  cr_assert_eq(pno_fno_create(&small, &f), PNO_OK);
  const pno_registry *r = pno_fno_registry(f);
  for (int i = 0; i < r->n; i++)
    for (int k = 0; k < i; k++) cr_assert_str_neq(r->tensor[i].name, r->tensor[k].name);
  pno_fno_destroy(&f);
}

Test(fno, a_description_that_does_not_fit_is_refused_with_the_value) {
  pno_fno_spec bad[11];
  for (int i = 0; i < 11; i++) bad[i] = small;
  bad[0].dims = 0;
  bad[1].dims = 4;
  bad[2].layers = 0;
  bad[3].layers = PNO_LAYERS_MAX + 1;
  bad[4].width = 0;
  bad[5].modes[1] = 0;
  bad[6].padding[0] = -0.5;
  bad[7].mlp_hidden = -1;
  bad[8].padding[1] = 0.0 / 0.0;
  bad[9].heads = 3;
  bad[10].heads = -1;
  for (int i = 0; i < 11; i++) {
    pno_fno *f = NULL;
    cr_expect_eq(pno_fno_create(&bad[i], &f), PNO_E_USAGE, "description %d", i);
    cr_expect_null(f);
  }
}

/* A plan over n points an axis with one sample. */
static pno_status plan_on(const pno_fno_spec *spec, const int *n, int samples) {
  static const float one[] = {1, 1, 1, 1}, zero[] = {0, 0, 0, 0};
  pno_fno *f;
  pno_fno_plan *p = NULL;
  cr_assert_eq(pno_fno_create(spec, &f), PNO_OK);
  pno_fno_use use = {.kernels = pno_kernels_scalar(), .samples = samples, .micro = 1, .train = true,
                     .norm_in = {false, one, zero}, .norm_out = {false, one, zero}};
  memcpy(use.n, n, sizeof(int) * (size_t)spec->dims);
  const pno_status st = pno_fno_plan_create(f, &use, &p);
  cr_assert_eq(p != NULL, st == PNO_OK);
  pno_fno_plan_destroy(&p);
  pno_fno_destroy(&f);
  return st;
}

Test(fno, li_takes_modes_up_to_half_the_points_of_every_axis) {
  const pno_fno_spec li = LI(2, 1, 5, {4, 5});
  cr_assert_eq(plan_on(&li, (int[]){8, 10}, 1), PNO_OK);
  cr_assert_eq(plan_on(&li, (int[]){9, 11}, 1), PNO_OK);
  cr_assert_eq(plan_on(&li, (int[]){7, 10}, 1), PNO_E_SHAPE);
  cr_assert_eq(plan_on(&li, (int[]){8, 9}, 1), PNO_E_SHAPE);
  cr_assert(strstr(pno_fail_words(), "n/2 = 4"), "%s", pno_fail_words());
}

Test(fno, padding_counts_for_the_modes_that_fit) {
  pno_fno_spec li = LI(1, 1, 5, {5});
  cr_assert_eq(plan_on(&li, (int[]){8}, 1), PNO_E_SHAPE);
  li.padding[0] = 2;
  cr_assert_eq(plan_on(&li, (int[]){8}, 1), PNO_OK);
}

Test(fno, neuralop_takes_any_number_of_modes) {
  const pno_fno_spec many = NEURALOP(2, 1, 5, 8, 8, 2, {40, 40});
  cr_assert_eq(plan_on(&many, (int[]){3, 2}, 1), PNO_OK);
  cr_assert_eq(plan_on(&many, (int[]){1, 1}, 1), PNO_OK);
}

Test(fno, a_plan_without_points_or_samples_is_refused) {
  cr_assert_eq(plan_on(&small, (int[]){0, 8}, 1), PNO_E_SHAPE);
  cr_assert_eq(plan_on(&small, (int[]){8, -1}, 1), PNO_E_SHAPE);
  cr_assert_eq(plan_on(&small, (int[]){8, 8}, 0), PNO_E_USAGE);
}

/* One way each of asking for what cannot be; `words`: what the message must hold. */
Test(fno, draws_that_do_not_fit_are_refused_with_the_value) {
  static const float one[] = {1, 1}, zero[] = {0, 0};
  static const struct {
    int heads, draws;
    double dropout, fourier;
    pno_loss_kind loss;
    bool train;
    const char *words; /* NULL: it is taken */
  } cases[] = {
      {1, -1, 0, 0, PNO_LOSS_L2, false, "-1 draws"},
      {1, 65536, 0, 0, PNO_LOSS_L2, false, "65536 draws"},
      {1, 3, -0.1, 0, PNO_LOSS_ENERGY, true, "-0.1"},
      {1, 3, 1, 0, PNO_LOSS_ENERGY, true, "dropout of 1 "},
      {1, 3, 0, 0.995, PNO_LOSS_ENERGY, true, "0.995"},
      {1, 3, 0, 0.0 / 0.0, PNO_LOSS_ENERGY, true, "nan"},
      {1, 2, 0.1, 0, PNO_LOSS_REL_L2, true, "several draws"},
      {1, 2, 0.1, 0, PNO_LOSS_H1, true, "several draws"},
      {2, 1, 0, 0, PNO_LOSS_L2, true, "a scale head"},
      {1, 1, 0.1, 0, PNO_LOSS_NLL, true, "two of them"},
      {1, 2, 0.1, 0, PNO_LOSS_REL_L2, false, NULL},
      {1, 3, 0.99, 0.99, PNO_LOSS_ENERGY, true, NULL},
      {1, 0, 0.1, 0, PNO_LOSS_H1, true, NULL},
      {1, 2, 0.1, 0, PNO_LOSS_NLL, true, NULL},
      {2, 1, 0, 0, PNO_LOSS_NLL, true, NULL},
      {2, 1, 0, 0, PNO_LOSS_L2, false, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pno_fno_spec spec = PNO(1, 5, 8, 1, {4});
    spec.heads = cases[i].heads;
    const pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {8}, .samples = 1, .micro = 1, .draws = cases[i].draws,
                             .dropout = cases[i].dropout, .fourier_dropout = cases[i].fourier, .train = cases[i].train,
                             .loss = cases[i].loss, .draw_loss = {.fair = 1, .gamma = 1},
                             .norm_in = {false, one, zero}, .norm_out = {false, one, zero}};
    pno_fno *f;
    pno_fno_plan *p = NULL;
    cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK);
    const pno_status st = pno_fno_plan_create(f, &use, &p);
    cr_assert_eq(st, cases[i].words ? PNO_E_USAGE : PNO_OK, "case %zu", i);
    cr_assert_eq(p == NULL, st != PNO_OK);
    if (cases[i].words) cr_assert(strstr(pno_fail_words(), cases[i].words), "case %zu: %s", i, pno_fail_words());
    pno_fno_plan_destroy(&p);
    pno_fno_destroy(&f);
  }
}

Test(fno, destroying_nothing_is_allowed) {
  pno_fno *f = NULL;
  pno_fno_plan *p = NULL;
  pno_fno_destroy(&f);
  pno_fno_destroy(NULL);
  pno_fno_plan_destroy(&p);
  pno_fno_plan_destroy(NULL);
  cr_assert_null(f);
  cr_assert_null(p);
}
