/* The registry of parameters: one flat float buffer, every tensor with its outside name and shape.
 *
 * Storage is what the kernels want (kernels/kernels.h): outputs last, padded with zeros to 16, spectral weights
 * [k0]..[in][re|im][out]. Tensors start on blocks of PNO_BLOCK floats and lie in backward order: head, layers from last
 * to first, lift. The outside sees PyTorch's order through the layout of the tensor (io/layout). Adam's second moment
 * has a buffer of its own with one value a complex number. All functions are Local. */
#ifndef PNO_ENGINE_MODEL_PARAMS_H
#define PNO_ENGINE_MODEL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "kernels/grid.h"

typedef enum {
  PNO_TENSOR_DENSE,   /* stored [in][out padded], outside (out, in, 1...) */
  PNO_TENSOR_VECTOR,  /* stored [out padded], outside any shape of out elements */
  PNO_TENSOR_SPECTRAL /* stored [k0]..[in][re|im][out padded], outside complex (in, out, k0, ..) */
} pno_tensor_kind;

/* How the initial values are drawn, and with which bound or deviation. */
typedef enum { PNO_INIT_UNIFORM, PNO_INIT_NORMAL, PNO_INIT_ONES, PNO_INIT_UNIT_INTERVAL } pno_init_kind;

enum { PNO_TENSOR_RANK_MAX = 6, PNO_TENSOR_NAME_MAX = 64 };

typedef struct {
  char name[PNO_TENSOR_NAME_MAX];
  pno_tensor_kind kind;
  int rank;                        /* of the outside shape */
  int shape[PNO_TENSOR_RANK_MAX];  /* outside shape */
  int in, out;                     /* logical channels; in = 1 for vectors */
  int mode_axes;                   /* spectral only */
  int modes[PNO_DIMS_MAX];         /* stored modes of each axis, ascending signed frequency on all but the last */
  bool corners;                    /* outside as the corner weights weights1, weights2, .. of Li et al. */
  pno_init_kind init;
  double init_scale;
  ptrdiff_t at, count;     /* floats in the flat buffer, padding of the last block not counted */
  ptrdiff_t v_at, v_count; /* the same in the buffer of second moments */
} pno_tensor;

enum { PNO_TENSORS_MAX = 256 };

typedef struct {
  int n;
  pno_tensor tensor[PNO_TENSORS_MAX];
  ptrdiff_t floats;   /* whole flat buffer, a multiple of PNO_BLOCK */
  ptrdiff_t v_floats; /* whole buffer of second moments, likewise */
} pno_registry;

/* Appends t; name, kind, in, out, modes and init are set by the caller, places by this. index: its number.
 * Errors: PNO_E_USAGE when the table is full or the sizes overflow. */
pno_status pno_registry_add(pno_registry *r, const pno_tensor *t, int *index);

/* Number of parameters in real numbers (a complex counts twice) and as neuraloperator counts (a complex counts once). */
ptrdiff_t pno_registry_reals(const pno_registry *r);
ptrdiff_t pno_registry_elements(const pno_registry *r);

/* Draws all initial values from (seed, tensor number, logical element): independent of padding, ranks and threads.
 * params: [floats], zeroed here first. */
void pno_registry_init(const pno_registry *r, uint64_t seed, float *params);

#endif
