/* What a plan says it costs, against the published counts of eight operators and against laws. */
#include "engine/model/fno_cost.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* fwd and train in GF and GELU values in millions of a whole batch, from the table of floors that the speed of the
 * benchmarks is judged by (flavour li, 4 layers, head of 128, one channel in and out). */
static const struct {
  const char *name;
  int dims, n[3], modes, width, batch;
  double forward, step, gelu;
} published[] = {
    {"a1", 2, {64, 64}, 12, 32, 20, 1.98, 5.51, 18.4},       {"a2", 2, {256, 256}, 12, 32, 20, 27.4, 76.8, 294},
    {"b1", 2, {128, 128}, 16, 64, 20, 21.5, 60.5, 105},      {"b2", 2, {128, 128}, 32, 64, 20, 30.3, 82.2, 105},
    {"c1", 1, {1024}, 16, 64, 20, 1.25, 3.55, 6.6},          {"c2", 1, {8192}, 16, 64, 20, 9.69, 27.5, 52},
    {"d1", 3, {64, 64, 40}, 8, 20, 10, 18.6, 51.6, 308},     {"d2", 3, {64, 64, 40}, 12, 32, 10, 41.0, 111.6, 367},
};
enum { PUBLISHED = sizeof published / sizeof published[0] };

typedef struct {
  pno_fno *f;
  pno_fno_plan *p;
} made;

static pno_fno_spec spec_of(int i) {
  pno_fno_spec s = {.flavour = PNO_FLAVOUR_LI, .dims = published[i].dims, .in = 1, .out = 1, .width = published[i].width,
                    .layers = 4, .head_hidden = 128, .embed = true};
  for (int j = 0; j < s.dims; j++) s.modes[j] = published[i].modes;
  return s;
}

static made measured(const pno_fno_spec *spec, const int *n, int samples, bool train) {
  pno_fno_use use = {.kernels = pno_kernels_scalar(), .samples = samples, .micro = 1, .train = train};
  made m = {0};
  for (int j = 0; j < spec->dims; j++) use.n[j] = n[j];
  cr_assert_eq(pno_fno_create(spec, &m.f), PNO_OK);
  cr_assert_eq(pno_fno_plan_measure(m.f, &use, &m.p), PNO_OK, "%s", pno_fail_words());
  return m;
}

static void unmake(made *m) {
  pno_fno_plan_destroy(&m->p);
  pno_fno_destroy(&m->f);
}

static void near(double is, double want, const char *name, const char *what) {
  cr_assert(fabs(is / want - 1.0) < 0.02, "%s: %s %g, published %g", name, what, is, want);
}

Test(fno_cost, the_published_counts_of_eight_operators_within_two_percent) {
  for (int i = 0; i < PUBLISHED; i++) {
    const pno_fno_spec spec = spec_of(i);
    made m = measured(&spec, published[i].n, published[i].batch, true);
    const pno_fno_cost c = pno_fno_cost_of(m.p, false);
    const double batch = published[i].batch;
    near(1e-9 * batch * c.forward, published[i].forward, published[i].name, "forward");
    near(1e-9 * batch * c.step, published[i].step, published[i].name, "step");
    near(1e-6 * batch * c.gelu_forward, published[i].gelu, published[i].name, "GELU");
    cr_assert_eq(c.gelu_slope, c.gelu_forward);
    cr_assert_float_eq(c.gelu_forward - c.gelu_step, 128.0 * (double)pno_grid_points(pno_fno_plan_grid(m.p)), 0.5,
                       "the head is evaluated once");
    double forward, step;
    pno_fno_flops(m.p, &forward, &step);
    cr_assert(forward == c.forward && step == c.step);
    unmake(&m);
  }
}

Test(fno_cost, padding_counts_the_channels_that_are_stored_and_nothing_else) {
  for (int i = 0; i < PUBLISHED; i++) {
    pno_fno_spec spec = spec_of(i);
    made plain = measured(&spec, published[i].n, 1, true);
    const pno_fno_cost padded = pno_fno_cost_of(plain.p, true);
    spec.width = pno_padded(spec.width);
    made wide = measured(&spec, published[i].n, 1, true);
    const pno_fno_cost want = pno_fno_cost_of(wide.p, false);
    cr_assert_eq(memcmp(&padded, &want, sizeof want), 0, "%s", published[i].name);
    unmake(&plain);
    unmake(&wide);
  }
}

Test(fno_cost, channel_maps_lifts_and_odd_grids_are_counted) {
  pno_fno_spec spec = {.flavour = PNO_FLAVOUR_NEURALOP, .dims = 2, .in = 2, .out = 3, .width = 16, .modes = {6, 6},
                       .layers = 2, .lift_hidden = 32, .head_hidden = 48, .mlp_hidden = 0, .embed = true};
  const int even[] = {20, 20}, odd[] = {21, 21};
  const double points = 400;
  made bare = measured(&spec, even, 1, true), uneven = measured(&spec, odd, 1, true);
  spec.mlp_hidden = 8;
  made mixed = measured(&spec, even, 1, true);
  const pno_fno_cost a = pno_fno_cost_of(bare.p, false), b = pno_fno_cost_of(mixed.p, false);
  const pno_fno_cost c = pno_fno_cost_of(uneven.p, false);
  cr_assert_float_eq(b.forward - a.forward, 2 * 4 * points * 16 * 8, 1e-3, "two channel maps");
  cr_assert_float_eq(b.step - a.step, 3 * (b.forward - a.forward), 1e-3);
  cr_assert_float_eq(a.gelu_forward, points * (32 + 16 + 48), 1e-3);
  cr_assert_float_eq(b.gelu_forward, points * (32 + 2 * 16 + 2 * 8 + 48), 1e-3);
  cr_assert_gt(c.forward, a.forward * 441.0 / 400.0, "an odd grid folds once only");
  unmake(&bare);
  unmake(&mixed);
  unmake(&uneven);
}

Test(fno_cost, a_plan_that_is_only_measured_has_the_bytes_and_purposes_of_a_real_one) {
  static const float one = 1, zero = 0;
  const pno_affine same = {.scale = &one, .shift = &zero};
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_NEURALOP, .dims = 3, .in = 1, .out = 1, .width = 5, .modes = {4, 4, 4},
                             .layers = 3, .lift_hidden = 10, .head_hidden = 10, .mlp_hidden = 3, .embed = true};
  const int n[] = {6, 7, 8};
  for (int train = 0; train < 2; train++) {
    pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {6, 7, 8}, .samples = 2, .micro = 1, .train = train,
                       .norm_in = same, .norm_out = same};
    made m = measured(&spec, n, 2, train);
    pno_fno_plan *real = NULL;
    cr_assert_eq(pno_fno_plan_create(m.f, &use, &real), PNO_OK, "%s", pno_fail_words());
    const pno_arena *a = pno_fno_plan_memory(m.p), *b = pno_fno_plan_memory(real);
    cr_assert_eq(pno_fno_plan_bytes(m.p), pno_fno_plan_bytes(real));
    cr_assert_eq(a->purposes, b->purposes);
    size_t sum = 0;
    for (int i = 0; i <= a->purposes; i++) {
      cr_assert_eq(a->purpose[i].bytes, b->purpose[i].bytes);
      sum += a->purpose[i].bytes;
    }
    cr_assert_eq(sum, pno_fno_plan_bytes(real), "every byte has a purpose");
    cr_assert_eq(a->purpose[0].bytes, 0, "and a name");
    pno_fno_plan_destroy(&real);
    unmake(&m);
  }
}

Test(fno_cost, traffic_grows_with_the_samples_but_for_the_weights) {
  const pno_fno_spec spec = spec_of(0);
  made train = measured(&spec, published[0].n, 20, true), infer = measured(&spec, published[0].n, 20, false);
  const pno_fno_traffic one = pno_fno_traffic_of(train.p, 1), ten = pno_fno_traffic_of(train.p, 10);
  const pno_fno_traffic forward = pno_fno_traffic_of(infer.p, 10);
  cr_assert(ten.activations == 10 * one.activations && ten.spectra == 10 * one.spectra && ten.fields == 10 * one.fields);
  cr_assert(ten.weights == one.weights && forward.weights < ten.weights);
  cr_assert(forward.activations < ten.activations && forward.spectra < ten.spectra);
  /* 5 passes a layer over 64 x 64 x 32 floats */
  cr_assert_float_eq(one.activations, 20.0 * 4 * 64 * 64 * 32, 1.0);
  unmake(&train);
  unmake(&infer);
}

/* Against the totals, and their bytes written down a second time by layers instead of phases. */
static void check_sums(const pno_fno_spec *spec, const int *n, bool train) {
  enum { SAMPLES = 3 };
  made m = measured(spec, n, SAMPLES, train);
  pno_fno_work w[PNO_PHASES], sum = {0};
  pno_fno_work_of(m.p, SAMPLES, false, w);
  for (int i = 0; i < PNO_PHASES; i++) {
    cr_assert(train || i < PNO_PHASE_MIX_BACK || (w[i].flops == 0 && w[i].bytes.weights == 0), "%s", pno_phase_names[i]);
    sum.flops += w[i].flops;
    sum.gelu += w[i].gelu;
    sum.gelu_slope += w[i].gelu_slope;
    sum.bytes.activations += w[i].bytes.activations;
    sum.bytes.spectra += w[i].bytes.spectra;
    sum.bytes.fields += w[i].bytes.fields;
    sum.bytes.weights += w[i].bytes.weights;
  }
  const pno_fno_cost c = pno_fno_cost_of(m.p, false);
  const pno_fno_traffic t = pno_fno_traffic_of(m.p, SAMPLES);
  cr_assert_eq(sum.flops, train ? c.step : c.forward);
  cr_assert_eq(sum.gelu, train ? c.gelu_step : c.gelu_forward);
  cr_assert_eq(sum.gelu_slope, train ? c.gelu_slope : 0);
  cr_assert_eq(memcmp(&sum.bytes, &t, sizeof t), 0);
  const double vector = 4.0 * SAMPLES * pno_padded(spec->width), kept = spec->mlp_hidden ? 2 : 1;
  const double points = (double)pno_grid_points(pno_fno_plan_grid(m.p)), floats = (double)pno_fno_registry(m.f)->floats;
  const double data = (double)pno_grid_data_points(pno_fno_plan_grid(m.p)), layers = spec->layers;
  cr_assert_eq(t.activations, vector * points * (train ? layers * (3 + 2 * kept) : 1 + layers * (1 + kept)));
  cr_assert_eq(t.fields, (train ? 2 : 1) * 4.0 * SAMPLES * data * (spec->in + spec->out));
  cr_assert_eq(t.weights, (train ? 4 : 1) * 4.0 * floats);
  unmake(&m);
}

Test(fno_cost, phases_add_up_to_the_totals) {
  const pno_fno_spec maps = {.flavour = PNO_FLAVOUR_NEURALOP, .dims = 2, .in = 2, .out = 3, .width = 20, .modes = {6, 6},
                             .layers = 3, .lift_hidden = 40, .head_hidden = 24, .mlp_hidden = 10, .embed = true,
                             .padding = {0.1, 0.1}};
  const int n[] = {20, 21};
  for (int train = 0; train < 2; train++) {
    check_sums(&maps, n, train);
    for (int i = 0; i < PUBLISHED; i++) {
      const pno_fno_spec spec = spec_of(i);
      check_sums(&spec, published[i].n, train);
    }
  }
}

Test(fno_cost, each_phase_has_the_work_that_is_done_in_it) {
  const pno_fno_spec spec = spec_of(0);
  const double points = 64 * 64, modes = 24 * 12, c = 32, hidden = 128;
  made m = measured(&spec, published[0].n, 1, true);
  pno_fno_work w[PNO_PHASES];
  pno_fno_work_of(m.p, 1, false, w);
  cr_assert_eq(w[PNO_PHASE_MIX].flops, 4 * 8 * modes * c * c);
  cr_assert_eq(w[PNO_PHASE_MIX_BACK].flops, 2 * w[PNO_PHASE_MIX].flops);
  /* Of the lift's phase all but the lift is one transform; of the other phases the transforms are 2, 6 and 7. */
  const double transform = w[PNO_PHASE_LIFT].flops - points * 2 * 3 * c, skip = points * 2 * c * c;
  const double head = points * 2 * (c * hidden + hidden);
  cr_assert_eq(w[PNO_PHASE_TURN].flops, 2 * transform + skip + 3 * head);
  cr_assert_eq(w[PNO_PHASE_LAYERS].flops, 6 * transform + 3 * skip);
  cr_assert_eq(w[PNO_PHASE_LAYERS_BACK].flops, 7 * transform + 8 * skip + points * 2 * 3 * c);
  cr_assert(w[PNO_PHASE_TURN].gelu == 0 && w[PNO_PHASE_TURN].gelu_slope == points * hidden);
  cr_assert(w[PNO_PHASE_LAYERS].gelu == 3 * points * c && w[PNO_PHASE_LAYERS_BACK].gelu_slope == 3 * points * c);
  unmake(&m);
}

Test(fno_cost, the_time_of_each_phase_is_booked_in_seconds_and_ticks) {
  static const float one = 1, zero = 0;
  const pno_affine same = {.scale = &one, .shift = &zero};
  const pno_fno_spec spec = {.flavour = PNO_FLAVOUR_LI, .dims = 1, .in = 1, .out = 1, .width = 4, .modes = {2}, .layers = 2,
                             .head_hidden = 4};
  const pno_fno_use use = {.kernels = pno_kernels_scalar(), .n = {8}, .samples = 1, .micro = 1, .train = true,
                           .norm_in = same, .norm_out = same, .loss = PNO_LOSS_L2};
  pno_fno *f = NULL;
  pno_fno_plan *p = NULL;
  cr_assert_eq(pno_fno_create(&spec, &f), PNO_OK);
  cr_assert_eq(pno_fno_plan_create(f, &use, &p), PNO_OK);
  float *params = calloc(2 * (size_t)pno_fno_registry(f)->floats, sizeof *params), x[8] = {1}, y[8] = {0}, out[8];
  double loss;
  pno_registry_init(pno_fno_registry(f), 1, params);
  pno_fno_gradient(p, params, x, y, 1, true, out, params + pno_fno_registry(f)->floats, &loss);
  for (int i = 0; i < PNO_PHASES; i++) {
    const pno_phase_time *t = &pno_fno_phase_times(p)[i];
    cr_assert(t->seconds > 0 && t->seconds < 10 && t->ticks > 0 && t->ticks < 1e12, "%s", pno_phase_names[i]);
  }
  free(params);
  pno_fno_plan_destroy(&p);
  pno_fno_destroy(&f);
}
