/* Who computes what never shows: gradients and outputs are the same bits on any number of threads, and whether they are
 * written or added to zeros. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/model/fno.h"
#include "kernels/dispatch.h"

enum { MOST = 7, LARGEST = 33 * 40, DRAWS = 3 };

/* One gradient of `samples` samples with everything that it writes. */
typedef struct {
  ptrdiff_t floats, points; /* points: of all draws of a sample */
  float *grad, output[MOST * LARGEST * DRAWS];
  double loss[MOST];
} made;

static const float one = 1, zero = 0;
static const uint32_t numbers[MOST] = {12, 0, 4000000000u, 7, 8, 9, 100};

/* 1-D of one row, 2-D of two blocks, 3-D of five slabs. */
static pno_fno_use use_of(int dims, pno_loss_kind loss, int threads) {
  static const int n[3][3] = {{300}, {33, 40}, {5, 6, 7}};
  pno_fno_use use = {.samples = MOST, .micro = 2, .train = true, .threads = threads, .loss = loss,
                     .norm_in = {false, &one, &zero}, .norm_out = {false, &one, &zero}};
  memcpy(use.n, n[dims - 1], sizeof use.n);
  return use;
}

static pno_fno_spec spec_of(int dims, pno_flavour flavour, int modes) {
  const bool li = flavour == PNO_FLAVOUR_LI;
  return (pno_fno_spec){.flavour = flavour, .dims = dims, .in = 1, .out = 1, .width = 5,
                        .modes = {dims == 3 ? 2 : modes, modes, modes}, .layers = 2, .lift_hidden = li ? 0 : 8,
                        .head_hidden = 8, .mlp_hidden = flavour == PNO_FLAVOUR_NEURALOP ? 3 : 0, .embed = true};
}

static void noise(int site, ptrdiff_t n, float *out) {
  const pno_rng rng = {.seed = 5, .stream = PNO_STREAM_FIELD, .site = (uint16_t)site};
  for (ptrdiff_t i = 0; i < n; i++) out[i] = (float)pno_rng_normal(&rng, (uint64_t)i);
}

/* dirt: what the gradient holds before. */
static made *gradient(const pno_fno_spec *spec, const pno_fno_use *use, int samples, bool fresh, float dirt) {
  static float input[MOST * LARGEST], target[MOST * LARGEST];
  pno_fno *f;
  pno_fno_plan *p;
  made *m = calloc(1, sizeof *m);
  cr_assert_eq(pno_fno_create(spec, &f), PNO_OK, "%s", pno_fail_words());
  cr_assert_eq(pno_fno_plan_create(f, use, &p), PNO_OK, "%s", pno_fail_words());
  if (input[0] == 0.0f) {
    noise(1, MOST * LARGEST, input);
    noise(2, MOST * LARGEST, target);
  }
  m->floats = pno_fno_registry(f)->floats;
  m->points = pno_grid_data_points(pno_fno_plan_grid(p)) * (use->draws > 1 ? use->draws : 1);
  float *params = calloc((size_t)m->floats, sizeof *params);
  m->grad = malloc((size_t)m->floats * sizeof *m->grad);
  for (ptrdiff_t i = 0; i < m->floats; i++) m->grad[i] = dirt;
  pno_registry_init(pno_fno_registry(f), 1, params);
  pno_fno_plan_noise(p, &(pno_fno_noise){.seed = 3, .epoch = 2, .sample = numbers, .first_draw = 1});
  pno_fno_gradient(p, params, input, target, samples, fresh, m->output, m->grad, m->loss);
  free(params);
  pno_fno_plan_destroy(&p);
  pno_fno_destroy(&f);
  return m;
}

/* The elements of tensors; what lies between them belongs to nobody. */
static void same(const pno_fno_spec *spec, const made *a, const made *b, int samples, const char *words) {
  pno_fno *f;
  cr_assert_eq(pno_fno_create(spec, &f), PNO_OK);
  const pno_registry *r = pno_fno_registry(f);
  for (int i = 0; i < r->n; i++) {
    const pno_tensor *t = &r->tensor[i];
    cr_assert_eq(memcmp(a->grad + t->at, b->grad + t->at, sizeof(float) * (size_t)t->count), 0, "%s: gradient of %s",
                 words, t->name);
  }
  cr_assert_eq(memcmp(a->loss, b->loss, sizeof(double) * (size_t)samples), 0, "%s: losses", words);
  cr_assert_eq(memcmp(a->output, b->output, sizeof(float) * (size_t)(samples * a->points)), 0, "%s: output", words);
  pno_fno_destroy(&f);
}

static void unmake(made *m) {
  free(m->grad);
  free(m);
}

typedef void kind_check(const pno_kernels *t, int dims, pno_flavour flavour, pno_loss_kind loss);

/* Every table that runs here, dimension, flavour; the loss turns with them. */
static void each(kind_check *check) {
  int tables, turn = 0;
  const pno_kernels *const *t = pno_kernels_all(&tables);
  for (int i = 0; i < tables; i++)
    for (int dims = 1; pno_kernels_run(t[i]) && dims <= 3; dims++)
      for (int f = 0; f < 2; f++, turn++)
        check(t[i], dims, f ? PNO_FLAVOUR_LI : PNO_FLAVOUR_NEURALOP, turn % 2 ? PNO_LOSS_REL_L2 : PNO_LOSS_H1);
}

static void check_threads(const pno_kernels *t, int dims, pno_flavour flavour, pno_loss_kind loss) {
  static const int threads[] = {2, 3, 5};
  const pno_fno_spec spec = spec_of(dims, flavour, 3);
  for (int samples = 1; samples <= MOST; samples++) {
    pno_fno_use use = use_of(dims, loss, 1);
    use.kernels = t;
    made *alone = gradient(&spec, &use, samples, true, 0.0f);
    for (int i = 0; i < 3; i++) {
      char words[96];
      snprintf(words, sizeof words, "%s, %d-D, %d samples on %d threads", t->name, dims, samples, threads[i]);
      use.threads = threads[i];
      made *shared = gradient(&spec, &use, samples, true, 0.0f);
      same(&spec, shared, alone, samples, words);
      unmake(shared);
    }
    unmake(alone);
  }
}

Test(fno_share, any_number_of_threads_gives_the_same_bits) { each(check_threads); }

/* What each thread draws for itself: masks in all places, and fields of two heads. */
Test(fno_share, any_number_of_threads_gives_the_same_bits_of_draws_and_of_two_heads) {
  static const struct {
    int heads, draws;
    double dropout;
    pno_loss_kind loss;
  } kinds[] = {{1, DRAWS, 0.2, PNO_LOSS_ENERGY}, {1, DRAWS, 0.2, PNO_LOSS_NLL}, {2, DRAWS, 0, PNO_LOSS_CRPS},
               {2, DRAWS, 0.1, PNO_LOSS_KERNEL}, {2, 1, 0.1, PNO_LOSS_NLL}, {1, 1, 0.3, PNO_LOSS_L2}};
  static const int threads[] = {2, 3, 5}, samples[] = {1, 2, 5};
  int tables;
  const pno_kernels *const *t = pno_kernels_all(&tables);
  for (int i = 0; i < tables * 3 * 6; i++) {
    const int dims = i / 6 % 3 + 1, kind = i % 6;
    if (!pno_kernels_run(t[i / 18])) continue;
    pno_fno_spec spec = spec_of(dims, PNO_FLAVOUR_PNO, 3);
    spec.heads = kinds[kind].heads;
    pno_fno_use use = use_of(dims, kinds[kind].loss, 1);
    use.kernels = t[i / 18];
    use.draws = kinds[kind].draws;
    use.dropout = use.fourier_dropout = kinds[kind].dropout;
    use.draw_loss = (pno_draw_loss){.fair = 1, .gamma = 1};
    for (int s = 0; s < 3; s++) {
      use.threads = 1;
      made *alone = gradient(&spec, &use, samples[s], true, 0.0f);
      for (int k = 0; k < 3; k++) {
        char words[128];
        snprintf(words, sizeof words, "%s, %d-D, kind %d, %d samples on %d threads", use.kernels->name, dims, kind,
                 samples[s], threads[k]);
        use.threads = threads[k];
        made *shared = gradient(&spec, &use, samples[s], true, 0.0f);
        same(&spec, shared, alone, samples[s], words);
        unmake(shared);
      }
      unmake(alone);
    }
  }
}

/* Three modes keep all that is stored; many are more than neuralop finds on the grid, so that some get no gradient. */
static void check_fresh(const pno_kernels *t, int dims, pno_flavour flavour, pno_loss_kind loss) {
  for (int many = 0; many < (flavour == PNO_FLAVOUR_LI ? 1 : 2); many++) {
    const pno_fno_spec spec = spec_of(dims, flavour, !many ? 3 : dims == 1 ? 400 : dims == 2 ? 90 : 20);
    pno_fno_use use = use_of(dims, loss, 1);
    char words[96];
    use.kernels = t;
    snprintf(words, sizeof words, "%s, %d-D, %s modes", t->name, dims, many ? "too many" : "few");
    made *zeroed = gradient(&spec, &use, 3, false, 0.0f), *fresh = gradient(&spec, &use, 3, true, 7.0f);
    same(&spec, fresh, zeroed, 3, words);
    unmake(zeroed);
    unmake(fresh);
  }
}

Test(fno_share, a_fresh_gradient_over_rubbish_has_the_bits_of_one_added_to_zeros) { each(check_fresh); }
