#include "engine/model/params.h"

#include <math.h>
#include <string.h>

#include "engine/base/rng.h"
#include "kernels/kernels.h"

/* Values a kept mode, or 1: how many [in][out] maps the tensor holds. */
static ptrdiff_t maps_of(const pno_tensor *t) {
  ptrdiff_t maps = 1;
  for (int j = 0; j < t->mode_axes; j++) maps *= t->modes[j];
  return maps;
}

static ptrdiff_t whole_blocks(ptrdiff_t n) { return (n + PNO_BLOCK - 1) / PNO_BLOCK * PNO_BLOCK; }

pno_status pno_registry_add(pno_registry *r, const pno_tensor *t, int *index) {
  if (r->n == PNO_TENSORS_MAX)
    return pno_fail(PNO_E_USAGE, "more than %d tensors: use fewer layers", PNO_TENSORS_MAX);
  const double want = (double)maps_of(t) * t->in * pno_padded(t->out) * 2.0;
  if (want > 1e12) return pno_fail(PNO_E_USAGE, "tensor %s would have %.3g elements", t->name, want);
  pno_tensor *own = &r->tensor[r->n];
  *own = *t;
  own->v_count = maps_of(t) * t->in * pno_padded(t->out);
  own->count = t->kind == PNO_TENSOR_SPECTRAL ? 2 * own->v_count : own->v_count;
  own->at = r->floats;
  own->v_at = r->v_floats;
  r->floats += whole_blocks(own->count);
  r->v_floats += whole_blocks(own->v_count);
  *index = r->n++;
  return PNO_OK;
}

static ptrdiff_t logical(const pno_tensor *t) { return maps_of(t) * t->in * t->out; }

ptrdiff_t pno_registry_reals(const pno_registry *r) {
  ptrdiff_t n = 0;
  for (int i = 0; i < r->n; i++) n += logical(&r->tensor[i]) * (r->tensor[i].kind == PNO_TENSOR_SPECTRAL ? 2 : 1);
  return n;
}

ptrdiff_t pno_registry_elements(const pno_registry *r) {
  ptrdiff_t n = 0;
  for (int i = 0; i < r->n; i++) n += logical(&r->tensor[i]);
  return n;
}

static double draw(const pno_tensor *t, const pno_rng *rng, uint64_t element) {
  switch (t->init) {
    case PNO_INIT_UNIFORM: return t->init_scale * (2.0 * pno_rng_uniform(rng, element) - 1.0);
    case PNO_INIT_NORMAL: return t->init_scale * pno_rng_normal(rng, element);
    case PNO_INIT_UNIT_INTERVAL: return t->init_scale * pno_rng_uniform(rng, element);
    case PNO_INIT_ONES: break;
  }
  return 1.0;
}

static void init_tensor(const pno_tensor *t, const pno_rng *rng, float *p) {
  const ptrdiff_t rows = maps_of(t) * t->in;
  const int parts = t->kind == PNO_TENSOR_SPECTRAL ? 2 : 1, op = pno_padded(t->out);
  for (ptrdiff_t row = 0; row < rows; row++)
    for (int part = 0; part < parts; part++)
      for (int o = 0; o < t->out; o++)
        p[(row * parts + part) * op + o] = (float)draw(t, rng, (uint64_t)((row * t->out + o) * parts + part));
}

void pno_registry_init(const pno_registry *r, uint64_t seed, float *params) {
  memset(params, 0, sizeof *params * (size_t)r->floats);
  for (int i = 0; i < r->n; i++) {
    const pno_rng rng = {.seed = seed, .stream = PNO_STREAM_INIT, .site = (uint16_t)i};
    init_tensor(&r->tensor[i], &rng, params + r->tensor[i].at);
  }
}
