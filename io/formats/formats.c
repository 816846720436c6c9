#include "io/formats/format.h"

#include <stdio.h>
#include <string.h>

/* Order matters: the first that recognises a file has it; plain takes what is left and explains what it misses. */
static const pno_format *const rows[] = {&pno_format_native, &pno_format_plain};

const pno_format *pno_format_of(hid_t file) {
  const size_t n = sizeof rows / sizeof rows[0];
  for (size_t i = 0; i + 1 < n; i++)
    if (rows[i]->recognise(file)) return rows[i];
  return rows[n - 1];
}

typedef struct {
  char *text;
  size_t cap, used;
} list;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  list *l = user;
  (void)group;
  (void)info;
  const int k = snprintf(l->text + l->used, l->cap - l->used, "%s%s", l->used ? ", " : "", name);
  if (k < 0 || (size_t)k >= l->cap - l->used) return 1;
  l->used += (size_t)k;
  return 0;
}

void pno_format_names(hid_t group, char *text, size_t cap) {
  list l = {.text = text, .cap = cap};
  text[0] = '\0';
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &l);
  if (!text[0]) snprintf(text, cap, "nothing");
}

static bool is_number(hid_t dset) {
  hid_t type = H5Dget_type(dset);
  const H5T_class_t class = H5Tget_class(type);
  pno_h5_close(&type);
  return class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_ENUM; /* h5py's Boolean is an enumeration */
}

bool pno_format_has(hid_t group, const char *name) {
  return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && pno_h5_has_link(group, name);
}

static pno_status open_numbers(hid_t group, const char *name, pno_field *f) {
  if (!pno_format_has(group, name)) {
    char names[256];
    pno_format_names(group, names, sizeof names);
    return pno_fail(PNO_E_INPUT, "no data set %s; there are: %s", name[0] ? name : "without a name", names);
  }
  hid_t dset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is not a data set", name);
  pno_field found = {.dset = dset, .time_axis = -1, .channel_axis = -1};
  pno_status st = pno_h5_extent(dset, &found.rank, found.dims);
  if (st == PNO_OK && !is_number(dset)) st = pno_fail(PNO_E_INPUT, "%s does not hold numbers", name);
  if (st == PNO_OK)
    *f = found;
  else
    pno_h5_close(&dset);
  return st;
}

static pno_status open_of_rank(hid_t group, const char *name, int least, int most, const char *expected, pno_field *f) {
  pno_field found;
  PNO_TRY(open_numbers(group, name, &found));
  if (found.rank < least || found.rank > most) {
    pno_h5_close(&found.dset);
    return pno_fail(PNO_E_SHAPE, "%s has %d axes, expected %s", name, found.rank, expected);
  }
  *f = found;
  return PNO_OK;
}

pno_status pno_field_open(hid_t group, const char *name, pno_field *f) {
  return open_of_rank(group, name, 2, PNO_GUARD_RANK, "samples and then 1 to 3 grid axes", f);
}

pno_status pno_scalar_open(hid_t group, const char *name, pno_field *f) {
  return open_of_rank(group, name, 0, 2, "a number, or one for each sample and time", f);
}
