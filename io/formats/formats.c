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

pno_status pno_field_open(hid_t group, const char *name, pno_field *f) {
  if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 || !pno_h5_has_link(group, name)) {
    char names[256];
    pno_format_names(group, names, sizeof names);
    return pno_fail(PNO_E_INPUT, "no data set %s; there are: %s", name[0] ? name : "without a name", names);
  }
  hid_t dset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dset < 0) return pno_h5_fail(PNO_E_INPUT, "%s is not a data set", name);
  pno_field found = {.dset = dset, .time_axis = -1, .channel_axis = -1};
  pno_status st = pno_h5_extent(dset, &found.rank, found.dims);
  if (st == PNO_OK && !is_number(dset)) st = pno_fail(PNO_E_INPUT, "%s does not hold numbers", name);
  if (st == PNO_OK && (found.rank < 2 || found.rank > PNO_GUARD_RANK))
    st = pno_fail(PNO_E_SHAPE, "%s has %d axes, expected samples and then 1 to 3 grid axes", name, found.rank);
  if (st == PNO_OK)
    *f = found;
  else
    pno_h5_close(&dset);
  return st;
}
