#include "io/guard.h"

#include "io/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pno_guard_file {
  hid_t id; /* owned */
  uint64_t bytes;
};

static const uint64_t gib = UINT64_C(1) << 30;

typedef struct {
  uint64_t declared, stored, max_bytes; /* bytes */
  int objects, depth;
  pno_status st;
} walk;

static pno_status walk_group(walk *w, hid_t group);

static pno_status check_layout(hid_t plist, const char *name) {
  static const H5Z_filter_t allowed[] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32};
  const H5D_layout_t layout = H5Pget_layout(plist);
  if (layout == H5D_VIRTUAL) return pno_fail(PNO_E_INPUT, "%s is a virtual data set, which is refused", name);
  if (layout < 0) return pno_h5_fail(PNO_E_INPUT, "%s has an unknown layout", name);
  if (H5Pget_external_count(plist) != 0)
    return pno_fail(PNO_E_INPUT, "%s keeps its data in another file (external storage), which is refused", name);
  const int n = H5Pget_nfilters(plist);
  for (int i = 0; i < n; i++) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
    bool known = false;
    for (size_t k = 0; k < sizeof allowed / sizeof allowed[0]; k++) known = known || filter == allowed[k];
    if (!known)
      return pno_fail(PNO_E_INPUT, "%s uses filter %d; only shuffle, deflate and fletcher32 are read", name,
                      (int)filter);
  }
  return n < 0 ? pno_h5_fail(PNO_E_INPUT, "%s has unreadable filters", name) : PNO_OK;
}

/* count * size, or all ones where that overflows. */
static uint64_t times(uint64_t count, uint64_t size) {
  return size && count > UINT64_MAX / size ? UINT64_MAX : count * size;
}

static pno_status check_size(walk *w, hid_t dset, hid_t plist, const char *name, uint64_t *declared) {
  hsize_t dims[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
  int rank = 0;
  PNO_TRY(pno_h5_extent(dset, &rank, dims));
  if (rank > PNO_GUARD_RANK)
    return pno_fail(PNO_E_INPUT, "%s has %d axes, at most %d are read", name, rank, PNO_GUARD_RANK);
  hid_t type = H5Dget_type(dset);
  const uint64_t item = type < 0 ? 0 : (uint64_t)H5Tget_size(type);
  pno_h5_close(&type);
  if (item == 0) return pno_h5_fail(PNO_E_INPUT, "%s has no readable type", name);
  uint64_t bytes = item, piece = item;
  for (int i = 0; i < rank; i++) bytes = times(bytes, dims[i]);
  if (H5Pget_layout(plist) == H5D_CHUNKED && H5Pget_chunk(plist, H5S_MAX_RANK, chunk) == rank)
    for (int i = 0; i < rank; i++) piece = times(piece, chunk[i]);
  *declared = bytes;
  if (piece > bytes) bytes = piece; /* a chunk is read whole, however little of it the extent shows */
  w->declared = bytes > UINT64_MAX - w->declared ? UINT64_MAX : w->declared + bytes;
  if (w->declared > w->max_bytes) {
    (void)pno_fail(PNO_E_INPUT, "%s declares %" PRIu64 " bytes, with the rest more than the limit of %" PRIu64, name,
                   bytes, w->max_bytes);
    return pno_hint(PNO_E_INPUT, "raise security.max_bytes if the file is trusted");
  }
  if (w->declared > 4 * gib && w->declared / 1000 > w->stored)
    return pno_fail(PNO_E_INPUT, "%s declares %" PRIu64 " bytes, more than 1000 times the %" PRIu64 " of the file",
                    name, bytes, w->stored);
  return PNO_OK;
}

/* HDF5 1.10.8 believes what a layout message says about its length: one that differs from the extents makes it read
 * beyond its own buffers (found by flipping bits), so they must agree, and lie within the file. */
static pno_status check_storage(const walk *w, hid_t dset, hid_t plist, const char *name, uint64_t bytes) {
  const H5D_layout_t layout = H5Pget_layout(plist);
  const uint64_t stored = H5Dget_storage_size(dset);
  if (layout == H5D_CHUNKED) return PNO_OK;
  if (stored == 0 && (bytes == 0 || layout == H5D_CONTIGUOUS)) return PNO_OK; /* nothing was written */
  if (stored != bytes)
    return pno_fail(PNO_E_INPUT, "%s stores %" PRIu64 " bytes for %" PRIu64 ", the file is damaged", name, stored,
                    bytes);
  if (layout != H5D_CONTIGUOUS) return PNO_OK;
  const haddr_t at = H5Dget_offset(dset);
  if (at == HADDR_UNDEF || at > w->stored || bytes > w->stored - at)
    return pno_fail(PNO_E_INPUT, "%s lies beyond the end of the file, which is damaged", name);
  return PNO_OK;
}

static pno_status check_dataset(walk *w, hid_t dset, const char *name) {
  hid_t plist = H5Dget_create_plist(dset);
  if (plist < 0) return pno_h5_fail(PNO_E_INPUT, "%s has no readable properties", name);
  uint64_t bytes = 0;
  pno_status st = check_layout(plist, name);
  if (st == PNO_OK) st = check_size(w, dset, plist, name, &bytes);
  if (st == PNO_OK) st = check_storage(w, dset, plist, name, bytes);
  pno_h5_close(&plist);
  return st;
}

static pno_status check_object(walk *w, hid_t group, const char *name) {
  hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return pno_h5_fail(PNO_E_INPUT, "%s cannot be opened", name);
  pno_status st = PNO_OK;
  switch (H5Iget_type(object)) {
    case H5I_GROUP:
      st = pno_fail_in(walk_group(w, object), "%s", name);
      break;
    case H5I_DATASET:
      st = check_dataset(w, object, name);
      break;
    case H5I_DATATYPE:
      break;
    default:
      st = pno_fail(PNO_E_INPUT, "%s is an object of unknown kind", name);
  }
  pno_h5_close(&object);
  return st;
}

static const char *link_name(H5L_type_t type) {
  if (type == H5L_TYPE_SOFT) return "soft";
  return type == H5L_TYPE_EXTERNAL ? "external" : "user-defined";
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *user) {
  walk *w = user;
  if (++w->objects > PNO_GUARD_OBJECTS)
    w->st = pno_fail(PNO_E_INPUT, "more than %d objects", PNO_GUARD_OBJECTS);
  else if (info->type != H5L_TYPE_HARD)
    w->st = pno_fail(PNO_E_INPUT, "%s is a link of kind %s, which is refused", name, link_name(info->type));
  else
    w->st = check_object(w, group, name);
  return w->st == PNO_OK ? 0 : 1;
}

static pno_status walk_group(walk *w, hid_t group) {
  if (w->depth >= PNO_GUARD_DEPTH)
    return pno_fail(PNO_E_INPUT, "groups lie deeper than %d", PNO_GUARD_DEPTH);
  w->depth++;
  const herr_t e = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, visit, w);
  w->depth--;
  if (w->st != PNO_OK) return w->st;
  return e < 0 ? pno_h5_fail(PNO_E_INPUT, "a group cannot be listed") : PNO_OK;
}

/* A regular file that we may read; its size. Without this a FIFO would block and a directory give HDF5's words. */
static pno_status check_plain_file(const char *path, uint64_t *bytes) {
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return pno_fail(PNO_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
  struct stat s;
  const bool regular = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
  close(fd);
  if (!regular) return pno_fail(PNO_E_INPUT, "%s: not a regular file", path);
  *bytes = (uint64_t)s.st_size;
  return PNO_OK;
}

pno_status pno_guard_open(const char *path, uint64_t max_bytes, pno_guard_file **out) {
  walk w = {.max_bytes = max_bytes ? max_bytes : 64 * gib};
  PNO_TRY(pno_h5_begin());
  PNO_TRY(check_plain_file(path, &w.stored));
  if (H5Fis_hdf5(path) <= 0)
    return pno_h5_fail(PNO_E_INPUT, "%s: not an HDF5 file (%" PRIu64 " bytes)", path, w.stored);
  pno_guard_file *f = malloc(sizeof *f);
  if (!f) return pno_fail(PNO_E_NOMEM, "%s: no memory to open it", path);
  f->bytes = w.stored;
  f->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  pno_status st = PNO_OK;
  if (f->id < 0) {
    st = pno_h5_fail(PNO_E_INPUT, "%s: damaged or incomplete HDF5 file", path);
  } else {
    st = pno_fail_in(walk_group(&w, f->id), "%s", path);
  }
  if (st == PNO_OK) {
    *out = f;
    f = NULL;
  }
  pno_guard_close(&f);
  return st;
}

int64_t pno_guard_id(const pno_guard_file *f) { return f->id; }

pno_status pno_guard_whole(const pno_guard_file *f) {
  struct stat s;
  void *fd = NULL;
  const herr_t e = H5Fget_vfd_handle(f->id, H5P_DEFAULT, &fd); /* of the default driver: a pointer to its descriptor */
  if (e < 0 || !fd || fstat(*(int *)fd, &s) != 0) return pno_h5_fail(PNO_E_INPUT, "the open file cannot be examined");
  if ((uint64_t)s.st_size >= f->bytes) return PNO_OK;
  return pno_fail(PNO_E_INPUT, "the file shrank from %" PRIu64 " to %lld bytes while it was open", f->bytes,
                  (long long)s.st_size);
}

void pno_guard_close(pno_guard_file **f) {
  if (!f || !*f) return;
  pno_h5_close(&(*f)->id);
  free(*f);
  *f = NULL;
}
