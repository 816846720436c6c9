#include "io/dataset_write.h"

#include "io/formats/native.h"
#include "io/formats/native_write.h"
#include "io/fsutil.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ptrdiff_t pno_dataset_spec_values(const pno_dataset_spec *spec) {
  ptrdiff_t n = 0;
  for (int i = 0; i < spec->n_fields; i++) n += pno_native_field_values(spec, i);
  return n;
}

/* A letter, then letters, digits and underscores: a name in Python, netCDF and our configuration alike. */
static bool is_name(const char *s) {
  if (!isalpha((unsigned char)s[0]) || strlen(s) >= PNO_FIELD_NAME) return false;
  for (const char *c = s; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return true;
}

static pno_status check_shape(const pno_dataset_spec *s) {
  if (s->n_spatial < 1 || s->n_spatial > 3 || s->n_times < 1 || s->n_samples < 1)
    return pno_fail(PNO_E_USAGE, "a data set of %td samples, %d times, %d spatial axes", s->n_samples, s->n_times,
                    s->n_spatial);
  ptrdiff_t values = s->n_spatial; /* of a vector field */
  for (int i = -1; i < s->n_spatial; i++) {
    const int n = i < 0 ? s->n_times : s->n[i];
    if (n < 1 || values > (PTRDIFF_MAX >> 8) / n) return pno_fail(PNO_E_USAGE, "axis %d of %d points", i, n);
    values *= n;
  }
  return PNO_OK;
}

static pno_status check_names(const pno_dataset_spec *s) {
  if (s->n_fields < 1 || s->n_fields > PNO_FIELDS_MAX || s->n_scalars < 0 || s->n_scalars > PNO_FIELDS_MAX)
    return pno_fail(PNO_E_USAGE, "%d fields and %d scalars, at most %d each", s->n_fields, s->n_scalars,
                    PNO_FIELDS_MAX);
  for (int i = 0; i < s->n_fields; i++) {
    if (!is_name(s->fields[i].name) || s->fields[i].order < 0 || s->fields[i].order >= PNO_NATIVE_ORDERS)
      return pno_fail(PNO_E_USAGE, "field %d (%s, order %d)", i, s->fields[i].name, s->fields[i].order);
    for (int k = 0; k < i; k++)
      if (strcmp(s->fields[i].name, s->fields[k].name) == 0)
        return pno_fail(PNO_E_USAGE, "two fields are called %s", s->fields[i].name);
  }
  for (int i = 0; i < s->n_scalars; i++)
    if (!is_name(s->scalars[i].name)) return pno_fail(PNO_E_USAGE, "scalar %d (%s)", i, s->scalars[i].name);
  return PNO_OK;
}

static bool has_field(const pno_dataset_spec *s, const char *name) {
  for (int i = 0; i < s->n_fields; i++)
    if (strcmp(s->fields[i].name, name) == 0) return true;
  return false;
}

static bool has_scalar(const pno_dataset_spec *s, const char *name) {
  for (int i = 0; i < s->n_scalars; i++)
    if (strcmp(s->scalars[i].name, name) == 0) return true;
  return false;
}

static pno_status check_view(const pno_dataset_spec *s) {
  const pno_sample_view *v = s->view;
  if (v->n_input < 1 || v->n_input > PNO_FIELDS_MAX || v->n_target < 1 || v->n_target > PNO_FIELDS_MAX)
    return pno_fail(PNO_E_USAGE, "a view of %d input and %d target fields", v->n_input, v->n_target);
  for (int i = 0; i < v->n_input; i++)
    if (!has_field(s, v->input[i]) && !has_scalar(s, v->input[i]))
      return pno_fail(PNO_E_USAGE, "the view's input %s is no field and no scalar", v->input[i]);
  for (int i = 0; i < v->n_target; i++)
    if (!has_field(s, v->target[i])) return pno_fail(PNO_E_USAGE, "the view's target %s is no field", v->target[i]);
  return PNO_OK;
}

static pno_status put_all(hid_t file, const pno_dataset_spec *spec, pno_dataset_source *source, void *user,
                          pno_digest *digest) {
  pno_native_scales scales = {-1, {-1, -1, -1}, -1, -1, -1};
  char text[PNO_NATIVE_DIGEST_TEXT] = PNO_NATIVE_DIGEST;
  pno_status st = PNO_OK;
  PNO_TRY(pno_native_put_root(file, spec));
  PNO_TRY(pno_native_put_scales(file, spec, &scales));
  PNO_TRY_GOTO(st, pno_native_put_content(file, spec, &scales, source, user), done);
  PNO_TRY_GOTO(st, pno_native_put_scalars(file, spec, &scales), done);
  PNO_TRY_GOTO(st, pno_native_put_boundaries(file, spec, &scales), done);
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) PNO_TRY_GOTO(st, pno_h5_fail(PNO_E_IO, "cannot be flushed"), done);
  /* From the file as it stands, by the code that will verify it. */
  PNO_TRY_GOTO(st, pno_native_digest(file, false, digest), done);
  pno_digest_text(*digest, text + sizeof PNO_NATIVE_DIGEST - 1);
  PNO_TRY_GOTO(st, pno_h5_put_text(file, "content_digest", text), done);
  PNO_TRY_GOTO(st, pno_h5_put_i64(file, "complete", 1), done);
done:
  pno_native_close_scales(&scales);
  return st;
}

static pno_status write_temporary(const char *path, const pno_dataset_spec *spec, pno_dataset_source *source,
                                  void *user, pno_digest *digest) {
  hid_t file = -1;
  PNO_TRY(pno_file_claim(path)); /* HDF5's own open would follow a link and give the permissions of the umask */
  PNO_TRY(pno_native_create(path, &file));
  pno_status st = pno_fail_in(put_all(file, spec, source, user, digest), "%s", path);
  if (H5Fclose(file) < 0 && st == PNO_OK) st = pno_h5_fail(PNO_E_IO, "%s: cannot be closed, is the disk full?", path);
  return st;
}

pno_status pno_dataset_write(const char *path, const pno_dataset_spec *spec, pno_dataset_source *source, void *user,
                             pno_digest *digest) {
  char temporary[PNO_PATH_MAX];
  pno_digest found = {0, 0};
  PNO_TRY(pno_h5_begin());
  PNO_TRY(check_shape(spec));
  PNO_TRY(check_names(spec));
  PNO_TRY(check_view(spec));
  const int n = snprintf(temporary, sizeof temporary, "%s.tmp", path);
  if (n < 0 || n >= (int)sizeof temporary) return pno_fail(PNO_E_USAGE, "%.64s...: too long a path", path);
  const pno_status st = write_temporary(temporary, spec, source, user, &found);
  if (st != PNO_OK) unlink(temporary);
  PNO_TRY(st);
  PNO_TRY(pno_file_settle(temporary, path));
  if (digest) *digest = found;
  return PNO_OK;
}
