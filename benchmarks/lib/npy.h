/* One array of doubles as a file of NumPy's format 1.0: what Python reads without asking anything. Local. */
#ifndef PNO_BENCHMARKS_LIB_NPY_H
#define PNO_BENCHMARKS_LIB_NPY_H

#include "engine/base/status.h"

/* values: [n[0]]..[n[dims - 1]], dims 1 to 3. Writes a whole file or none. Errors: PNO_E_IO with the path. */
pno_status pno_npy_write(const char *path, int dims, const int *n, const double *values);

#endif
