/* What an operator and its optimiser look like to a checkpoint: named arrays over the flat buffers. All Local. */
#ifndef PNO_ENGINE_TRAIN_ARRAYS_H
#define PNO_ENGINE_TRAIN_ARRAYS_H

#include "engine/model/params.h"
#include "engine/optim/optimizer.h"
#include "engine/train/operator.h"
#include "io/array.h"

enum { PNO_ARRAYS_MAX = 3 * 4 * PNO_TENSORS_MAX + 8 }; /* value and moments, four corners each at the most */

/* Which buffer the arrays lie in: model/NAME, optim/NAME.m, optim/NAME.v. */
typedef enum { PNO_ROLE_PARAM, PNO_ROLE_M, PNO_ROLE_V } pno_role;

/* Appends one array a tensor to list at *n; corner weights of Li et al. become weights1 .. weights4.
 * buffer: [registry floats], for PNO_ROLE_V [registry v_floats]. */
void pno_arrays_of_registry(const pno_registry *r, pno_role role, float *buffer, pno_array *list, int *n);

/* The tensors as the optimiser sees them: list [registry n]. */
void pno_optim_tensors_of_registry(const pno_registry *r, pno_optim_tensor *list);

/* norm/{x,y}_{mean,std} over mean and std [rows][channels]; nothing for fields that are not normalised. */
void pno_arrays_of_normaliser(const pno_normaliser *z, char field, float *mean, float *std, pno_array *list, int *n);

#endif
