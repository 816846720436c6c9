/* Files for the tests of io: a folder of this process, and small HDF5 files made on the fly. */
#ifndef PNO_TESTS_IO_IO_FILES_H
#define PNO_TESTS_IO_IO_FILES_H

#include <hdf5.h>
#include <stddef.h>

/* A path in a folder that is deleted at exit. Four results stay valid. */
const char *io_temp(const char *name);

/* Adds a data set (file_type) of doubles to a file, which is created if it does not exist. NULL values: element i is
 * i. */
void io_put(const char *path, const char *name, hid_t file_type, int rank, const hsize_t *dims, const double *values);

/* x and y of float32 with rank axes each; element i of x is i, of y is -i. */
void io_put_xy(const char *path, int rank_x, const hsize_t *x, int rank_y, const hsize_t *y);

/* The whole file in memory (caller frees), or bytes into a file. */
unsigned char *io_slurp(const char *path, size_t *bytes);
void io_spit(const char *path, const void *bytes, size_t n);

#endif
