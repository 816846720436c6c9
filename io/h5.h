/* HDF5 calls turned into pno_status: the error stack is silent, its words end up in ours, nothing is done at exit.
 *
 * Serial HDF5 only. The only header of the project that shows HDF5's types; included only inside io/. Ids are owned by
 * whoever opened them and closed with pno_h5_close. All functions are Local and may be called from several threads
 * (Debian's serial HDF5 is thread-safe), except those that say otherwise. */
#ifndef PNO_IO_H5_H
#define PNO_IO_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"

/* Prepares this thread: no error printing, and once for the process no work at exit and no plugin loading. Cheap when
 * repeated; every public function of io that calls HDF5 starts with it. */
pno_status pno_h5_begin(void);

/* As pno_fail, with the innermost words of HDF5's error stack in brackets behind ours; clears the stack. */
pno_status pno_h5_fail(pno_status code, const char *fmt, ...) PNO_PRINTF(2, 3);

/* Closes an id of any kind and sets it to -1; takes ids below 0. */
void pno_h5_close(hid_t *id);

/* Extents of a data set. dims: [H5S_MAX_RANK] or more. Errors: PNO_E_INPUT. */
pno_status pno_h5_extent(hid_t dset, int *rank, hsize_t *dims);

bool pno_h5_has_attr(hid_t object, const char *name);
bool pno_h5_has_link(hid_t group, const char *name); /* one name, not a path */

/* Attributes in. Strings of fixed length only: variable-length bytes of a foreign file are never parsed.
 * Errors: PNO_E_INPUT when absent, of another kind, or longer than cap - 1. */
pno_status pno_h5_get_text(hid_t object, const char *name, char *out, size_t cap);
pno_status pno_h5_get_i64(hid_t object, const char *name, int64_t *out);
pno_status pno_h5_get_bool(hid_t object, const char *name, bool *out); /* of one byte, as h5py writes them */
pno_status pno_h5_get_u64(hid_t object, const char *name, uint64_t *out);
/* A list of n numbers, or one where n is 1: out [n]. */
pno_status pno_h5_get_f64s(hid_t object, const char *name, int n, double *out);
/* A list of at most max strings: out [max][cap]. */
pno_status pno_h5_get_names(hid_t object, const char *name, char *out, size_t cap, int max, int *n);

/* Attributes out. Errors: PNO_E_IO. */
pno_status pno_h5_put_text(hid_t object, const char *name, const char *text);       /* fixed length, UTF-8 */
pno_status pno_h5_put_words(hid_t object, const char *name, const char *text);      /* variable length, UTF-8 */
pno_status pno_h5_put_names(hid_t object, const char *name, int n, const char *const *names); /* fixed length */
pno_status pno_h5_put_wordlist(hid_t object, const char *name, int n, const char *const *names); /* variable length */
pno_status pno_h5_put_i64(hid_t object, const char *name, int64_t value);
pno_status pno_h5_put_u64(hid_t object, const char *name, uint64_t value);
pno_status pno_h5_put_f64(hid_t object, const char *name, double value);
pno_status pno_h5_put_f64s(hid_t object, const char *name, int n, const double *values);
/* The Boolean of h5py: an enumeration {FALSE, TRUE} of one byte. n < 0 writes one scalar, else a list [n]. */
pno_status pno_h5_put_bools(hid_t object, const char *name, int n, const bool *values);
pno_status pno_h5_bool_type(hid_t *out); /* owned by the caller */

/* A group whose links keep their order of creation and that holds no time stamp: equal content gives equal bytes. */
pno_status pno_h5_group(hid_t parent, const char *name, hid_t *out);

/* Creates and fills a contiguous data set without time stamp. rank 0 writes one value. Errors: PNO_E_IO. */
pno_status pno_h5_put_data(hid_t parent, const char *name, hid_t file_type, hid_t mem_type, int rank,
                           const hsize_t *dims, const void *values, hid_t *out);

#endif
