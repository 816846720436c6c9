/* One named array of the outside world: what a file shows (name, type, shape) and where its values lie in memory.
 *
 * The layout tag says how the stored floats map to the outside order; only io/layout follows it. Plain data, borrowed
 * storage, no functions. */
#ifndef PNO_IO_ARRAY_H
#define PNO_IO_ARRAY_H

#include <stddef.h>

typedef enum { PNO_DTYPE_F32, PNO_DTYPE_F64, PNO_DTYPE_C64, PNO_DTYPE_I64, PNO_DTYPE_U64 } pno_dtype;

typedef enum {
  PNO_LAYOUT_PLAIN,        /* stored contiguous as outside; any type */
  PNO_LAYOUT_VECTOR,       /* f32: stored [out_padded], outside any shape whose product is out */
  PNO_LAYOUT_DENSE,        /* f32: stored [in][out_padded], outside (out, in) or (out, in, 1...) */
  PNO_LAYOUT_SPECTRAL,     /* c64: stored float [k0]..[in][re|im][out_padded], outside (in, out, k0, ..) */
  PNO_LAYOUT_SPECTRAL_REAL /* f32: stored [k0]..[in][out_padded], outside (in, out, k0, ..): one value a complex */
} pno_layout;

enum { PNO_ARRAY_RANK_MAX = 6, PNO_ARRAY_NAME_MAX = 128, PNO_ARRAY_MODES_MAX = 3 };

/* A spectral array may be a slab of the stored one: outside index c on mode axis j is stored index first[j] + c, and
 * shape[2 + j] values are taken. So the corner weights of Li et al. share one stored array. */
typedef struct {
  char name[PNO_ARRAY_NAME_MAX]; /* group/name, as "model/lifting.fcs.0.weight"; letters, digits, . _ - between slashes */
  pno_dtype dtype;               /* of the outside */
  int rank;                      /* of the outside, 0: one value */
  ptrdiff_t shape[PNO_ARRAY_RANK_MAX]; /* of the outside */
  pno_layout layout;
  void *data;                 /* stored values, borrowed */
  int in, out, out_padded;    /* channels; unused by PLAIN, in unused by VECTOR */
  int mode_axes;              /* SPECTRAL and SPECTRAL_REAL only */
  int modes[PNO_ARRAY_MODES_MAX]; /* stored extents of the mode axes */
  int first[PNO_ARRAY_MODES_MAX]; /* first stored index of the slab on each mode axis, else 0 */
} pno_array;

#endif
