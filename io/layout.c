#include "io/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const struct {
  const char *name;
  size_t bytes;
} dtypes[] = {[PNO_DTYPE_F32] = {"f32", 4},
              [PNO_DTYPE_F64] = {"f64", 8},
              [PNO_DTYPE_C64] = {"c64", 8},
              [PNO_DTYPE_I64] = {"i64", 8},
              [PNO_DTYPE_U64] = {"u64", 8}};

size_t pno_dtype_bytes(pno_dtype t) { return dtypes[t].bytes; }
const char *pno_dtype_name(pno_dtype t) { return dtypes[t].name; }

ptrdiff_t pno_array_elements(const pno_array *a) {
  ptrdiff_t n = 1;
  for (int i = 0; i < a->rank; i++) n *= a->shape[i];
  return n;
}

size_t pno_array_bytes(const pno_array *a) { return (size_t)pno_array_elements(a) * pno_dtype_bytes(a->dtype); }

static bool is_spectral(const pno_array *a) {
  return a->layout == PNO_LAYOUT_SPECTRAL || a->layout == PNO_LAYOUT_SPECTRAL_REAL;
}

static pno_status unfit(const pno_array *a, const char *why) {
  return pno_fail(PNO_E_SHAPE, "array %.*s: %s", PNO_ARRAY_NAME_MAX, a->name, why);
}

static bool product_fits(const ptrdiff_t *n, int count, ptrdiff_t limit) {
  ptrdiff_t p = 1;
  for (int i = 0; i < count; i++) {
    if (n[i] < 1 || p > limit / n[i]) return false;
    p *= n[i];
  }
  return true;
}

static pno_status check_spectral(const pno_array *a) {
  if (a->mode_axes < 1 || a->mode_axes > PNO_ARRAY_MODES_MAX || a->rank != 2 + a->mode_axes)
    return unfit(a, "a spectral array has shape (in, out, modes of 1 to 3 axes)");
  if (a->dtype != (a->layout == PNO_LAYOUT_SPECTRAL ? PNO_DTYPE_C64 : PNO_DTYPE_F32))
    return unfit(a, "spectral values are c64, one real a complex is f32");
  if (a->in < 1 || a->shape[0] != a->in || a->shape[1] != a->out) return unfit(a, "shape does not begin with (in, out)");
  ptrdiff_t stored[PNO_ARRAY_MODES_MAX + 2] = {a->in, 2 * (ptrdiff_t)a->out_padded};
  for (int j = 0; j < a->mode_axes; j++) {
    stored[2 + j] = a->modes[j];
    if (a->first[j] < 0 || a->shape[2 + j] > (ptrdiff_t)a->modes[j] - a->first[j])
      return unfit(a, "the slab leaves the stored modes");
  }
  if (!product_fits(stored, a->mode_axes + 2, PTRDIFF_MAX / 8)) return unfit(a, "stored extents overflow");
  return PNO_OK;
}

pno_status pno_array_check(const pno_array *a) {
  if (!memchr(a->name, '\0', sizeof a->name)) return unfit(a, "name without end");
  if ((unsigned)a->dtype > PNO_DTYPE_U64 || (unsigned)a->layout > PNO_LAYOUT_SPECTRAL_REAL || !a->data)
    return unfit(a, "unknown type or layout, or no values");
  if (a->rank < 0 || a->rank > PNO_ARRAY_RANK_MAX) return unfit(a, "rank outside 0..6");
  if (!product_fits(a->shape, a->rank, PTRDIFF_MAX / 8)) return unfit(a, "an extent is below 1 or the product overflows");
  if (a->layout == PNO_LAYOUT_PLAIN) return PNO_OK;
  if (a->out < 1 || a->out_padded < a->out) return unfit(a, "padded channels are fewer than channels");
  if (is_spectral(a)) return check_spectral(a);
  if (a->dtype != PNO_DTYPE_F32) return unfit(a, "dense and vector layouts hold f32");
  const ptrdiff_t elements = pno_array_elements(a);
  if (a->layout == PNO_LAYOUT_VECTOR) return elements == a->out ? PNO_OK : unfit(a, "shape does not hold out values");
  if (a->rank < 2 || a->in < 1 || a->shape[0] != a->out || a->shape[1] != a->in || elements != (ptrdiff_t)a->in * a->out)
    return unfit(a, "a dense array has shape (out, in, 1...)");
  return PNO_OK;
}

/* Values cross as 32-bit words: a float copied as float may lose the payload of a NaN. */

static void dense(const pno_array *a, uint32_t *outside, bool out) {
  uint32_t *stored = a->data;
  for (ptrdiff_t i = 0; i < a->in; i++) {
    uint32_t *row = stored + i * a->out_padded;
    for (ptrdiff_t o = 0; o < a->out; o++) {
      if (out)
        outside[o * a->in + i] = row[o];
      else
        row[o] = outside[o * a->in + i];
    }
    if (!out) memset(row + a->out, 0, (size_t)(a->out_padded - a->out) * sizeof *row);
  }
}

/* One stored mode, [in][parts][out_padded], against the outside elements at + (i * out + o) * modes of the outside. */
static void one_mode(const pno_array *a, uint32_t *mode, uint32_t *outside, ptrdiff_t modes, bool out) {
  const int parts = a->layout == PNO_LAYOUT_SPECTRAL ? 2 : 1;
  for (ptrdiff_t i = 0; i < a->in; i++) {
    for (int p = 0; p < parts; p++) {
      uint32_t *row = mode + (i * parts + p) * a->out_padded;
      for (ptrdiff_t o = 0; o < a->out; o++) {
        uint32_t *value = outside + (i * a->out + o) * modes * parts + p;
        if (out)
          *value = row[o];
        else
          row[o] = *value;
      }
      if (!out) memset(row + a->out, 0, (size_t)(a->out_padded - a->out) * sizeof *row);
    }
  }
}

static void spectral(const pno_array *a, uint32_t *outside, bool out) {
  const int parts = a->layout == PNO_LAYOUT_SPECTRAL ? 2 : 1;
  const ptrdiff_t stride = (ptrdiff_t)a->in * parts * a->out_padded;
  ptrdiff_t modes = 1;
  for (int j = 0; j < a->mode_axes; j++) modes *= a->shape[2 + j];
  for (ptrdiff_t m = 0; m < modes; m++) {
    ptrdiff_t index[PNO_ARRAY_MODES_MAX], rest = m, at = 0;
    for (int j = a->mode_axes - 1; j >= 0; j--) {
      index[j] = rest % a->shape[2 + j];
      rest /= a->shape[2 + j];
    }
    for (int j = 0; j < a->mode_axes; j++) at = at * a->modes[j] + a->first[j] + index[j];
    one_mode(a, (uint32_t *)a->data + at * stride, outside + m * parts, modes, out);
  }
}

pno_status pno_layout_export(const pno_array *a, void *outside) {
  PNO_TRY(pno_array_check(a));
  switch (a->layout) {
    case PNO_LAYOUT_PLAIN:
    case PNO_LAYOUT_VECTOR: memcpy(outside, a->data, pno_array_bytes(a)); break;
    case PNO_LAYOUT_DENSE: dense(a, outside, true); break;
    case PNO_LAYOUT_SPECTRAL:
    case PNO_LAYOUT_SPECTRAL_REAL: spectral(a, outside, true); break;
  }
  return PNO_OK;
}

pno_status pno_layout_import(const pno_array *a, const void *outside) {
  PNO_TRY(pno_array_check(a));
  /* The shared loops write their second argument only on export. */
  uint32_t *values = (uint32_t *)(uintptr_t)outside;
  switch (a->layout) {
    case PNO_LAYOUT_PLAIN: memcpy(a->data, outside, pno_array_bytes(a)); break;
    case PNO_LAYOUT_VECTOR:
      memcpy(a->data, outside, pno_array_bytes(a));
      memset((uint32_t *)a->data + a->out, 0, (size_t)(a->out_padded - a->out) * sizeof(uint32_t));
      break;
    case PNO_LAYOUT_DENSE: dense(a, values, false); break;
    case PNO_LAYOUT_SPECTRAL:
    case PNO_LAYOUT_SPECTRAL_REAL: spectral(a, values, false); break;
  }
  return PNO_OK;
}
