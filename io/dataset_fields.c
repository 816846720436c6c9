#include "io/dataset_fields.h"

#include <limits.h>

static bool is_channel(const pno_field *f, int axis) {
  return f->n_channel_axes > 0 && axis >= f->channel_axis && axis < f->channel_axis + f->n_channel_axes;
}

/* What the axes do not say of a scalar. */
static void lie_on(const pno_field *f, const pno_field_shape *on, pno_field_shape *s) {
  const pno_field_shape own = *s;
  *s = *on;
  s->channels = own.channels;
  s->times = own.times;
  if (!f->shared) s->count = own.count;
}

pno_status pno_field_shape_of(const pno_field *f, const char *name, const pno_field_shape *on, pno_field_shape *out) {
  pno_field_shape s = {.points = 1, .channels = 1, .times = 1};
  for (int i = 0; i < f->rank; i++) {
    const bool counts = i == 0 && !f->shared;
    if (!counts && (f->dims[i] == 0 || f->dims[i] > INT_MAX))
      return pno_fail(PNO_E_SHAPE, "%s: axis %d has %llu entries", name, i, (unsigned long long)f->dims[i]);
    const ptrdiff_t n = (ptrdiff_t)f->dims[i];
    if (counts) {
      s.count = n;
    } else if (i == f->time_axis) {
      s.times = n;
    } else if (is_channel(f, i) || f->everywhere) {
      s.channels *= n;
    } else {
      if (s.n_grid == 3) return pno_fail(PNO_E_SHAPE, "%s has more than 3 grid axes (%d axes in all)", name, f->rank);
      s.n[s.n_grid++] = (int)n;
      s.points *= n;
    }
    if (s.points > INT_MAX || s.channels > INT_MAX || s.count < 0)
      return pno_fail(PNO_E_SHAPE, "%s: more points or channels than this program counts", name);
  }
  if (f->everywhere) lie_on(f, on, &s);
  if (s.n_grid == 0) return pno_fail(PNO_E_SHAPE, "%s has no grid axis (%d axes in all)", name, f->rank);
  *out = s;
  return PNO_OK;
}

ptrdiff_t pno_field_values(const pno_field *f, const pno_field_shape *s) {
  return f->everywhere ? s->channels : s->points * s->channels;
}

pno_status pno_field_read(const pno_field *f, hsize_t trajectory, hsize_t first, hsize_t step, hsize_t frames,
                          float *raw) {
  hsize_t start[H5S_MAX_RANK] = {0}, count[H5S_MAX_RANK], stride[H5S_MAX_RANK], all = 1;
  for (int i = 0; i < f->rank; i++) {
    const bool time = i == f->time_axis, counts = i == 0 && !f->shared;
    count[i] = time ? frames : counts ? 1 : f->dims[i];
    stride[i] = time ? step : 1;
    start[i] = time ? first : counts ? trajectory : 0;
    all *= count[i];
  }
  hid_t from = H5Dget_space(f->dset), to = H5Screate_simple(1, &all, NULL);
  const bool ok = from >= 0 && to >= 0 && /* without axes there is nothing to select */
                  (f->rank == 0 || H5Sselect_hyperslab(from, H5S_SELECT_SET, start, stride, count, NULL) >= 0) &&
                  H5Dread(f->dset, H5T_NATIVE_FLOAT, to, from, H5P_DEFAULT, raw) >= 0;
  pno_h5_close(&from);
  pno_h5_close(&to);
  return ok ? PNO_OK : pno_h5_fail(PNO_E_INPUT, "cannot be read");
}

/* Distance in raw between neighbours along an axis that was read whole, or as frames if it is the time. */
static ptrdiff_t distance(const pno_field *f, int axis, ptrdiff_t frames) {
  ptrdiff_t d = 1;
  for (int i = axis + 1; i < f->rank; i++) d *= i == f->time_axis ? frames : (ptrdiff_t)f->dims[i];
  return d;
}

void pno_field_scatter(const pno_field *f, const pno_field_shape *shape, ptrdiff_t frames, ptrdiff_t repeat,
                       const float *raw, ptrdiff_t row, ptrdiff_t at, float *out) {
  int last_grid = 0;
  for (int i = 1; i < f->rank; i++)
    if (i != f->time_axis && !is_channel(f, i)) last_grid = i;
  const ptrdiff_t by_point = f->everywhere ? 0 : distance(f, last_grid, frames);
  const ptrdiff_t by_time = f->time_axis < 0 ? 0 : distance(f, f->time_axis, frames);
  const ptrdiff_t by_channel =
      f->n_channel_axes == 0 ? 0 : distance(f, f->channel_axis + f->n_channel_axes - 1, frames);
  const ptrdiff_t planes = repeat > 1 ? repeat : frames;
  for (ptrdiff_t t = 0; t < planes; t++) {
    const float *from = raw + (repeat > 1 ? 0 : t * by_time);
    for (ptrdiff_t p = 0; p < shape->points; p++)
      for (ptrdiff_t c = 0; c < shape->channels; c++)
        out[(t * shape->points + p) * row + at + c] = from[p * by_point + c * by_channel];
  }
}
