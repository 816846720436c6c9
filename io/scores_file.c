#include "io/scores_file.h"

#include <string.h>

#include "io/axes_file.h"

static pno_status check_array(const pno_scores_array *a) {
  bool ok = pno_name_is_safe(a->name) && a->rank >= 0 && a->rank <= PNO_SCORES_RANK_MAX && a->values;
  for (int j = 0; ok && j < a->rank; j++) ok = pno_name_is_safe(a->dim[j].axis) && a->dim[j].n > 0;
  return ok ? PNO_OK : pno_fail(PNO_E_USAGE, "array %.64s of scores: no such name, rank %d or extent", a->name, a->rank);
}

static pno_status check_spec(const pno_scores_spec *s) {
  if (s->n_axes < 0 || s->n_arrays < 0 || s->n_notes < 0 || s->n_notes > PNO_SCORES_NOTES_MAX)
    return pno_fail(PNO_E_USAGE, "a file of scores with %d axes, %d arrays and %d notes", s->n_axes, s->n_arrays,
                    s->n_notes);
  for (int i = 0; i < s->n_axes; i++)
    if (!pno_name_is_safe(s->axis[i].name) || s->axis[i].n < 1 || !s->axis[i].values)
      return pno_fail(PNO_E_USAGE, "axis %.64s of scores with %td values", s->axis[i].name, s->axis[i].n);
  for (int i = 0; i < s->n_arrays; i++) PNO_TRY(check_array(&s->array[i]));
  return PNO_OK;
}

static uint64_t file_bytes(const pno_scores_spec *s) {
  uint64_t sum = 65536;
  for (int i = 0; i < s->n_arrays; i++) {
    uint64_t n = sizeof(double);
    for (int j = 0; j < s->array[i].rank; j++) n *= (uint64_t)s->array[i].dim[j].n;
    sum += n;
  }
  return sum;
}

static pno_status add_axis(pno_axes_file *f, const pno_scores_axis *a) {
  hid_t id = -1;
  PNO_TRY(pno_axes_file_axis(f, a->name, a->n, H5T_NATIVE_DOUBLE, a->values, &id));
  if (a->long_name) PNO_TRY(pno_h5_put_text(id, "long_name", a->long_name));
  return a->units ? pno_h5_put_text(id, "units", a->units) : PNO_OK;
}

static pno_status add_array(pno_axes_file *f, const pno_scores_array *a) {
  hid_t axis[PNO_SCORES_RANK_MAX] = {-1, -1}, id = -1;
  for (int j = 0; j < a->rank; j++) PNO_TRY(pno_axes_file_axis(f, a->dim[j].axis, a->dim[j].n, -1, NULL, &axis[j]));
  PNO_TRY(pno_axes_file_var(f, a->name, H5T_IEEE_F64LE, a->rank, axis, a->long_name, a->units, &id));
  const bool ok = H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->values) >= 0;
  const pno_status st = ok ? PNO_OK : pno_h5_fail(PNO_E_IO, "%s: %s cannot be written", f->temp, a->name);
  pno_h5_close(&id);
  return st;
}

/* Two axes of one name and length are one: the second's values would be lost. */
static pno_status check_axes(const pno_scores_spec *s) {
  for (int i = 0; i < s->n_axes; i++)
    for (int j = 0; j < i; j++)
      if (strcmp(s->axis[i].name, s->axis[j].name) == 0)
        return pno_fail(PNO_E_USAGE, "two axes of scores are called %s", s->axis[i].name);
  return PNO_OK;
}

pno_status pno_scores_write(const char *path, const pno_scores_spec *spec) {
  pno_axes_file f;
  PNO_TRY(check_spec(spec));
  PNO_TRY(check_axes(spec));
  PNO_TRY(pno_h5_begin());
  PNO_TRY(pno_axes_file_create(path, "pno-scores", file_bytes(spec), spec->n_notes, spec->note, &f));
  pno_status st = PNO_OK;
  for (int i = 0; i < spec->n_axes && st == PNO_OK; i++) st = add_axis(&f, &spec->axis[i]);
  for (int i = 0; i < spec->n_arrays && st == PNO_OK; i++) st = add_array(&f, &spec->array[i]);
  if (st == PNO_OK) return pno_axes_file_commit(&f);
  pno_axes_file_abandon(&f);
  return st;
}
