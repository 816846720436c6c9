#include "native_spec.h"

static const pno_field_spec steady_fields[] = {{"u", 0, true}, {"a", 0, false}};
static const pno_scalar_spec beta[] = {{"beta", 2.5, 0}};
static const pno_sample_view steady_view = {
    .mode = PNO_MODE_STEADY, .n_input = 1, .n_target = 1, .input = {"a"}, .target = {"u"}};

pno_dataset_spec native_steady(void) {
  return (pno_dataset_spec){.name = "darcy",
                            .generator = "pno test",
                            .solver = "none",
                            .config = "pde:\n  kind: darcy\n",
                            .license = "CC0",
                            .seed = 42,
                            .n_samples = 6,
                            .n_spatial = 2,
                            .n = {5, 7},
                            .lo = {0.0, -1.0},
                            .hi = {1.0, 1.0},
                            .boundary = {PNO_BOUNDARY_WALL, PNO_BOUNDARY_WALL},
                            .n_times = 1,
                            .n_fields = 2,
                            .fields = steady_fields,
                            .n_scalars = 1,
                            .scalars = beta,
                            .view = &steady_view};
}

static const pno_field_spec series_fields[] = {{"v", 1, true}, {"nu", 0, false}, {"u", 0, true}};
static const double ra[] = {1e3, 2e3, 3e3};
static const pno_scalar_spec scalars[] = {{"beta", 2.5, 0}, {"ra", 0.0, ra}};
static const double times[] = {0.0, 0.1, 0.2, 0.4};
static const uint64_t seeds[] = {100, 101, 102};
static const pno_sample_view series_view = {.mode = PNO_MODE_AUTOREGRESSIVE,
                                            .n_input = 2,
                                            .n_target = 2,
                                            .input = {"u", "nu"},
                                            .target = {"u", "v"},
                                            .frames_in = 2,
                                            .frames_out = 1,
                                            .stride = 1};

pno_dataset_spec native_series(void) {
  pno_dataset_spec s = native_steady();
  s.n_samples = 3;
  s.boundary[1] = PNO_BOUNDARY_PERIODIC;
  s.n_times = 4;
  s.time = times;
  s.n_fields = 3;
  s.fields = series_fields;
  s.n_scalars = 2;
  s.scalars = scalars;
  s.sample_seed = seeds;
  s.view = &series_view;
  return s;
}

static const pno_field_spec line_fields[] = {{"u", 0, true}};
static const double nu[] = {0.1, 0.2, 0.3};
static const pno_scalar_spec line_scalars[] = {{"nu", 0.0, nu}};
static const pno_sample_view line_view = {
    .mode = PNO_MODE_AUTOREGRESSIVE, .n_input = 2, .n_target = 1, .input = {"u", "nu"}, .target = {"u"}};

pno_dataset_spec native_line(void) {
  pno_dataset_spec s = native_series();
  s.name = "line";
  s.n_spatial = 1;
  s.n[0] = 9;
  s.boundary[0] = PNO_BOUNDARY_OPEN;
  s.n_fields = 1;
  s.fields = line_fields;
  s.n_scalars = 1;
  s.scalars = line_scalars;
  s.view = &line_view;
  return s;
}

pno_dataset_spec native_box(void) {
  pno_dataset_spec s = native_series();
  s.name = "box";
  s.n_spatial = 3;
  s.n[2] = 4;
  s.lo[2] = 2.0;
  s.hi[2] = 2.75;
  s.boundary[2] = PNO_BOUNDARY_PERIODIC;
  return s;
}

pno_status native_source(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  (void)user;
  for (ptrdiff_t k = 0; k < n; k++) values[k] = (float)sample + (float)k / 1024.0f;
  return PNO_OK;
}
